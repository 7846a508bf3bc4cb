//! Counters, gauges and histograms with labels, and their text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard};

/// Most label combinations of one family; more would be a fault, and are counted as `other`.
const MAX_SERIES: usize = 2_000;

/// A metric of one name with all its labels.
pub(super) trait Family {
    /// Appends its lines.
    fn write(&self, text: &mut String);
}

/// Values by the values of their labels.
#[derive(Debug)]
struct Series<T> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    values: Mutex<BTreeMap<Vec<String>, T>>,
}

impl<T: Default> Series<T> {
    fn new(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        let values = Mutex::default();
        Self {
            name,
            help,
            labels,
            values,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<String>, T>> {
        self.values
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn change(&self, labels: &[&str], change: impl FnOnce(&mut T)) {
        debug_assert_eq!(labels.len(), self.labels.len(), "{}", self.name);
        let mut values = self.lock();
        let mut key: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        if values.len() >= MAX_SERIES && !values.contains_key(&key) {
            key.fill("other".to_owned());
        }
        change(values.entry(key).or_default());
    }

    fn head(&self, kind: &str, text: &mut String) {
        let Self { name, help, .. } = self;
        let _ = write!(
            text,
            "# HELP mustool_{name} {help}\n# TYPE mustool_{name} {kind}\n"
        );
    }

    /// `{route="/v1/models",le="0.5"}`; nothing without labels.
    fn shown(&self, values: &[String], more: Option<(&str, &str)>) -> String {
        let own = self
            .labels
            .iter()
            .copied()
            .zip(values.iter().map(String::as_str));
        let pairs: Vec<String> = own
            .chain(more)
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", pairs.join(",")),
        }
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Something that only grows.
#[derive(Debug)]
pub struct Counter(Series<u64>);

impl Counter {
    pub(super) fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        let counter = Self(Series::new(name, help, labels));
        if labels.is_empty() {
            counter.0.change(&[], |_| ()); // shown as 0 from the start
        }
        counter
    }

    /// One more, with these values of its labels.
    pub fn inc(&self, labels: &[&str]) {
        self.0.change(labels, |value| *value += 1);
    }

    /// The count with these values of its labels.
    pub fn get(&self, labels: &[&str]) -> u64 {
        let key: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        self.0.lock().get(&key).copied().unwrap_or(0)
    }
}

impl Family for Counter {
    fn write(&self, text: &mut String) {
        self.0.head("counter", text);
        for (labels, value) in self.0.lock().iter() {
            let _ = writeln!(
                text,
                "mustool_{}{} {value}",
                self.0.name,
                self.0.shown(labels, None)
            );
        }
    }
}

/// A whole number that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    name: &'static str,
    help: &'static str,
    value: AtomicI64,
}

impl Gauge {
    pub(super) fn new(name: &'static str, help: &'static str) -> Self {
        let value = AtomicI64::new(0);
        Self { name, help, value }
    }

    /// Its value from now on.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// One more until the result is dropped.
    pub fn enter(&self) -> InFlight<'_> {
        self.value.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }
}

impl Family for Gauge {
    fn write(&self, text: &mut String) {
        let Self { name, help, .. } = self;
        let value = self.get();
        let _ = write!(
            text,
            "# HELP mustool_{name} {help}\n# TYPE mustool_{name} gauge\nmustool_{name} {value}\n"
        );
    }
}

/// One more in a gauge for as long as it lives.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.value.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many observations fell under each bound; their sum and number.
#[derive(Debug, Default)]
struct Buckets {
    /// Not yet cumulated; one per bound.
    counts: Vec<u64>,
    sum: f64,
    count: u64,
}

/// A distribution.
#[derive(Debug)]
pub struct Histogram {
    series: Series<Buckets>,
    bounds: &'static [f64],
}

impl Histogram {
    /// `bounds` grow.
    pub(super) fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Self {
        let series = Series::new(name, help, labels);
        Self { series, bounds }
    }

    /// Adds an observation. What is no finite number is left out.
    pub fn observe(&self, labels: &[&str], value: f64) {
        if !value.is_finite() {
            return;
        }
        let bucket = self.bounds.iter().position(|&bound| value <= bound);
        self.series.change(labels, |buckets| {
            buckets.counts.resize(self.bounds.len(), 0);
            if let Some(index) = bucket {
                buckets.counts[index] += 1;
            }
            buckets.sum += value;
            buckets.count += 1;
        });
    }
}

impl Family for Histogram {
    fn write(&self, text: &mut String) {
        let Self { series, bounds } = self;
        let name = series.name;
        series.head("histogram", text);
        for (labels, buckets) in series.lock().iter() {
            let mut below = 0;
            for (bound, count) in bounds.iter().zip(&buckets.counts) {
                below += count;
                let labels = series.shown(labels, Some(("le", &bound.to_string())));
                let _ = writeln!(text, "mustool_{name}_bucket{labels} {below}");
            }
            let Buckets { sum, count, .. } = buckets;
            let all = series.shown(labels, Some(("le", "+Inf")));
            let plain = series.shown(labels, None);
            let _ = writeln!(text, "mustool_{name}_bucket{all} {count}");
            let _ = writeln!(text, "mustool_{name}_sum{plain} {sum}");
            let _ = writeln!(text, "mustool_{name}_count{plain} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Metrics;
    use super::*;

    fn text(family: &dyn Family) -> String {
        let mut text = String::new();
        family.write(&mut text);
        text
    }

    #[test]
    fn counters_and_gauges_are_written_as_prometheus_reads_them() {
        let counter = Counter::new("jobs_total", "Jobs.", &["status"]);
        counter.inc(&["failed"]);
        counter.inc(&["a\"b\\c\nd"]);
        counter.inc(&["failed"]);
        let expected = "# HELP mustool_jobs_total Jobs.\n# TYPE mustool_jobs_total counter\n\
            mustool_jobs_total{status=\"a\\\"b\\\\c\\nd\"} 1\n\
            mustool_jobs_total{status=\"failed\"} 2\n";
        assert_eq!(text(&counter), expected);
        assert_eq!((counter.get(&["failed"]), counter.get(&["no"])), (2, 0));
        let gauge = Gauge::new("inflight", "Now.");
        let two = (gauge.enter(), gauge.enter());
        assert!(text(&gauge).ends_with("\nmustool_inflight 2\n"));
        drop(two);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn buckets_cumulate() {
        let histogram = Histogram::new("wait_seconds", "Wait.", &["route"], &[0.1, 1.0]);
        for value in [0.05, 0.1, 0.5, 3.0, f64::NAN, f64::INFINITY] {
            histogram.observe(&["/x"], value);
        }
        let text = text(&histogram);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        let expected = [
            "mustool_wait_seconds_bucket{route=\"/x\",le=\"0.1\"} 2",
            "mustool_wait_seconds_bucket{route=\"/x\",le=\"1\"} 3",
            "mustool_wait_seconds_bucket{route=\"/x\",le=\"+Inf\"} 4",
            "mustool_wait_seconds_sum{route=\"/x\"} 3.65",
            "mustool_wait_seconds_count{route=\"/x\"} 4",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let counter = Counter::new("x_total", "X.", &["y"]);
        (0..MAX_SERIES + 10).for_each(|n| counter.inc(&[&n.to_string()]));
        assert_eq!(text(&counter).lines().count(), 2 + MAX_SERIES + 1);
        assert_eq!(counter.get(&["other"]), 10);
    }

    #[test]
    fn every_line_of_the_service_is_well_formed_and_every_name_once() {
        let metrics = Metrics::new();
        metrics.observe_request("/v1/generations", 202, std::time::Duration::from_millis(3));
        metrics.batch_size.observe(&[], 2.0);
        let text = metrics.render();
        let mut names = std::collections::HashSet::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(kind) => assert!(names.insert(kind.to_owned()), "{line} twice"),
                None if line.starts_with('#') => {
                    assert!(line.starts_with("# HELP mustool_"), "{line}")
                }
                None => {
                    let (name, value) = line.rsplit_once(' ').unwrap();
                    assert!(
                        name.starts_with("mustool_") && value.parse::<f64>().is_ok(),
                        "{line}"
                    );
                }
            }
        }
        assert_eq!(names.len(), 18);
        assert!(text.contains("mustool_worker_restarts_total 0\n"));
    }

    proptest! {
        #[test]
        fn a_histogram_counts_what_it_saw(values in prop::collection::vec(-1.0_f64..5.0, 0..200)) {
            let histogram = Histogram::new("h", "H.", &[], &[0.0, 1.0, 2.0]);
            values.iter().for_each(|&value| histogram.observe(&[], value));
            let below_1 = values.iter().filter(|&&value| value <= 1.0).count();
            let text = text(&histogram);
            let has = |line: String| text.lines().any(|found| found == line);
            let bucket = has(format!("mustool_h_bucket{{le=\"1\"}} {below_1}"));
            let count = has(format!("mustool_h_count {}", values.len()));
            prop_assert_eq!((bucket, count), (!values.is_empty(), !values.is_empty()));
        }
    }
}
