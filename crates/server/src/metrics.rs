//! What the service counts, as Prometheus reads it at `/metrics`.
//!
//! The text format is version 0.0.4 of
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Labels come from the code alone
//! (route patterns, statuses), never from what users send, so their number is bounded.

mod family;

use std::time::{Duration, Instant};

use family::Family;
pub use family::{Counter, Gauge, Histogram};

/// Seconds of requests: accepting takes milliseconds, waiting for music up to a minute.
const REQUEST_S: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Seconds of a job in the queue.
const QUEUE_S: &[f64] = &[
    0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// Seconds of one denoising step.
const STEP_S: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];
/// Jobs in one run of the model.
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// Seconds of audio made in one second.
const REALTIME: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    /// Requests by route pattern and status.
    pub requests: Counter,
    /// Seconds until an answer began, by route pattern.
    pub request_duration_seconds: Histogram,
    /// Jobs that wait.
    pub queue_size: Gauge,
    /// Seconds that jobs waited.
    pub queue_wait_seconds: Histogram,
    /// Jobs that ended, by state.
    pub jobs: Counter,
    /// Jobs in one run of the model.
    pub batch_size: Histogram,
    /// Seconds of one denoising step.
    pub denoise_step_seconds: Histogram,
    /// Seconds of audio made in one second of computing.
    pub realtime_factor: Histogram,
    /// Requests that are being handled.
    pub inflight: Gauge,
    /// Event streams that are open.
    pub streams: Gauge,
    /// Requests that were turned away, by reason.
    pub shed: Counter,
    /// Times that the worker had to be built again.
    pub worker_restarts: Counter,
    /// Failures of the database, by operation.
    pub store_errors: Counter,
    /// Webhook deliveries, by result.
    pub webhooks: Counter,
    /// 1 while a model is in memory.
    pub model_loaded: Gauge,
    /// Bytes of GPU memory in use; 0 on the CPU.
    pub gpu_memory_bytes: Gauge,
    started: Instant,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        Self {
            requests: Counter::new("requests_total", "Requests answered.", &["route", "status"]),
            request_duration_seconds: Histogram::new(
                "request_duration_seconds",
                "Time until an answer began.",
                &["route"],
                REQUEST_S,
            ),
            queue_size: Gauge::new("queue_size", "Jobs that wait."),
            queue_wait_seconds: Histogram::new(
                "queue_wait_seconds",
                "Time that jobs waited.",
                &[],
                QUEUE_S,
            ),
            jobs: Counter::new("jobs_total", "Jobs that ended.", &["status"]),
            batch_size: Histogram::new("batch_size", "Jobs in one run of the model.", &[], BATCH),
            denoise_step_seconds: Histogram::new(
                "denoise_step_seconds",
                "Time of one denoising step.",
                &[],
                STEP_S,
            ),
            realtime_factor: Histogram::new(
                "realtime_factor",
                "Seconds of audio made in one second of computing.",
                &[],
                REALTIME,
            ),
            inflight: Gauge::new("inflight", "Requests that are being handled."),
            streams: Gauge::new("streams", "Event streams that are open."),
            shed: Counter::new("shed_total", "Requests that were turned away.", &["reason"]),
            worker_restarts: Counter::new(
                "worker_restarts_total",
                "Times that the worker was built again.",
                &[],
            ),
            store_errors: Counter::new(
                "store_errors_total",
                "Failures of the database.",
                &["operation"],
            ),
            webhooks: Counter::new("webhooks_total", "Webhook deliveries.", &["result"]),
            model_loaded: Gauge::new("model_loaded", "Whether a model is in memory."),
            gpu_memory_bytes: Gauge::new("gpu_memory_bytes", "GPU memory in use."),
            started: Instant::now(),
        }
    }

    /// Counts an answered request.
    pub fn observe_request(&self, route: &str, status: u16, elapsed: Duration) {
        self.requests.inc(&[route, &status.to_string()]);
        self.request_duration_seconds
            .observe(&[route], elapsed.as_secs_f64());
    }

    /// The whole text.
    pub fn render(&self) -> String {
        let families: [&dyn Family; 16] = [
            &self.requests,
            &self.request_duration_seconds,
            &self.queue_size,
            &self.queue_wait_seconds,
            &self.jobs,
            &self.batch_size,
            &self.denoise_step_seconds,
            &self.realtime_factor,
            &self.inflight,
            &self.streams,
            &self.shed,
            &self.worker_restarts,
            &self.store_errors,
            &self.webhooks,
            &self.model_loaded,
            &self.gpu_memory_bytes,
        ];
        let mut text = String::new();
        families.iter().for_each(|family| family.write(&mut text));
        let version = env!("CARGO_PKG_VERSION");
        let uptime_s = self.started.elapsed().as_secs_f64();
        text.push_str("# HELP mustool_info The program.\n# TYPE mustool_info gauge\n");
        text.push_str(&format!("mustool_info{{version=\"{version}\"}} 1\n"));
        text.push_str("# HELP mustool_uptime_seconds Time since the start.\n");
        text.push_str(&format!(
            "# TYPE mustool_uptime_seconds gauge\nmustool_uptime_seconds {uptime_s:.3}\n"
        ));
        text
    }
}

/// Media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
