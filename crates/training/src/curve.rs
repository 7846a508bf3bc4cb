//! The loss over the steps as a picture: an SVG that any browser shows.
//!
//! The loss is drawn on a logarithmic scale, training as a line and validations as lines with dots.

use crate::log::Entry;
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
/// Left, top, right, bottom.
const MARGINS: [f64; 4] = [70.0, 30.0, 150.0, 50.0];
const COLOURS: [&str; 6] = [
    "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf",
];

/// Draws the loss and the numbers of the validations; a note where nothing was logged yet.
pub fn draw(title: &str, entries: &[Entry]) -> String {
    let mut series: BTreeMap<(bool, &str), Vec<(f64, f64)>> = BTreeMap::new();
    for entry in entries {
        for (name, &value) in &entry.values {
            let drawn = entry.validation || name == "loss";
            if drawn && value.is_finite() && value > 0.0 {
                let key = (entry.validation, name.as_str());
                series
                    .entry(key)
                    .or_default()
                    .push((entry.step as f64, value));
            }
        }
    }
    let frame = Frame::around(series.values().flatten());
    let mut svg = String::new();
    let mut push = |text: String| svg.push_str(&text);
    push(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{}\" y=\"20\" font-size=\"14\">{}</text>\n",
        MARGINS[0],
        escaped(title)
    ));
    push(frame.axes());
    for (i, ((validation, name), points)) in series.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        push(frame.line(points, colour, *validation));
        let label = if *validation {
            format!("{name} (held out)")
        } else {
            (*name).to_owned()
        };
        let (x, y) = (
            WIDTH - MARGINS[2] + 8.0,
            MARGINS[1] + 14.0 + 16.0 * i as f64,
        );
        push(format!(
            "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}</text>\n",
            escaped(&label)
        ));
    }
    if series.is_empty() {
        push(format!(
            "<text x=\"{}\" y=\"{}\">nothing yet</text>\n",
            WIDTH / 2.0,
            HEIGHT / 2.0
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// What part of the plane is shown.
struct Frame {
    last_step: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn around<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Self {
        let (mut last_step, mut low, mut high) = (1.0f64, f64::INFINITY, 0.0f64);
        for &(step, value) in points {
            last_step = last_step.max(step);
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.1, 1.0);
        }
        // A little room, also around a single value.
        Self {
            last_step,
            low: low / 1.05,
            high: high * 1.05,
        }
    }

    fn place(&self, step: f64, value: f64) -> (f64, f64) {
        let [left, top, right, bottom] = MARGINS;
        let up = (value / self.low).ln() / (self.high / self.low).ln();
        let x = left + (WIDTH - left - right) * step / self.last_step;
        (x, HEIGHT - bottom - (HEIGHT - top - bottom) * up)
    }

    fn axes(&self) -> String {
        let [left, top, right, bottom] = MARGINS;
        let (floor, wall) = (HEIGHT - bottom, WIDTH - right);
        let mut out = format!(
            "<path d=\"M{left} {top}V{floor}H{wall}\" fill=\"none\" stroke=\"#444\"/>\n\
             <text x=\"{}\" y=\"{}\">steps</text>\n",
            (left + wall) / 2.0,
            HEIGHT - 12.0
        );
        for i in 0..=4 {
            let part = f64::from(i) / 4.0;
            let value = self.low * (self.high / self.low).powf(part);
            let step = self.last_step * part;
            let (x, y) = (self.place(step, self.low).0, self.place(0.0, value).1);
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "<path d=\"M{left} {y:.1}H{wall}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>\n\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{step:.0}</text>\n",
                left - 6.0,
                y + 4.0,
                floor + 18.0
            );
        }
        out
    }

    fn line(&self, points: &[(f64, f64)], colour: &str, dots: bool) -> String {
        let placed: Vec<(f64, f64)> = points.iter().map(|&(s, v)| self.place(s, v)).collect();
        let path: Vec<String> = placed
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let mut out = format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n",
            path.join(" ")
        );
        if dots {
            for (x, y) in placed {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
        }
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: u64, name: &str, value: f64, validation: bool) -> Entry {
        Entry {
            step,
            samples: step,
            progress: 0.0,
            spent_s: 0.0,
            cpu_s: None,
            learning_rate: 0.0,
            values: BTreeMap::from([(name.to_owned(), value)]),
            validation,
        }
    }

    #[test]
    fn a_falling_loss_goes_down_and_to_the_right() {
        let entries = [
            entry(10, "loss", 1.0, false),
            entry(20, "loss", 0.1, false),
            entry(20, "right", 0.3, true),
        ];
        let svg = draw("vae <1>", &entries);
        let points: Vec<(f64, f64)> = svg
            .split("points=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map(|list| list.split(' ').map(|p| p.split_once(',').unwrap()))
            .unwrap()
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert!(
            points[1].0 > points[0].0 && points[1].1 > points[0].1,
            "{points:?}"
        );
        assert!(svg.contains("right (held out)") && svg.contains("<circle"));
        assert!(svg.contains("vae &lt;1&gt;"));
    }

    #[test]
    fn nothing_single_values_and_nan_are_drawn_without_nan() {
        for entries in [
            vec![],
            vec![entry(0, "loss", 2.0, false)],
            vec![entry(5, "loss", f64::NAN, false)],
        ] {
            let svg = draw("x", &entries);
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}
