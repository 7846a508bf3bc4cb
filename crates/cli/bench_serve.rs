//! `mustool bench serve`: how fast the service answers, measured from outside, on an engine whose
//! steps take 50 ms.
//!
//! Each figure is of a server of its own, in a process of its own. Latencies are counted from the
//! moment at which a request was due, so that a stalled server does not hide its stalls.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::http::Connection;
use crate::terminal;

/// Length of a step.
const STEP_MS: u64 = 50;

/// Time the service.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchServe {
    /// Seconds of the load of jobs.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Jobs a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Event streams that are open at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1000))]
    streams: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A server, killed when dropped.
struct Server {
    child: Child,
    port: u16,
    start_ms: f64,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(more: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(STEP_MS, more)
    }

    fn start_with(step_ms: u64, more: &[&str]) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let folder = tempfile::tempdir().context("no folder for a server")?;
        let program = std::env::current_exe().context("this program has no path")?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--fake-engine"])
            .arg(step_ms.to_string())
            .arg("--store")
            .arg(folder.path())
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let stderr = child.stderr.take().context("it has no stderr")?;
        let mut line = String::new();
        BufReader::new(stderr).read_line(&mut line)?;
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Ok(Self {
            child,
            port: port.with_context(|| format!("the server did not start: {line}"))?,
            start_ms: begun.elapsed().as_secs_f64() * 1e3,
            _folder: folder,
        })
    }

    fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.port).context("the server takes no connection")
    }

    /// Resident memory in MiB; none where the system does not tell.
    fn rss_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Latencies in milliseconds.
#[derive(Debug, Default)]
struct Latencies(Vec<f64>);

impl Latencies {
    fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        sorted
            .get((share * last).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn report(&self) -> Value {
        json!({ "count": self.0.len(), "p50_ms": self.percentile(0.5), "p99_ms": self.percentile(0.99) })
    }
}

fn since_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn job(steps: u32, seed: u32) -> String {
    json!({ "prompt": "piano", "duration_s": 1, "steps": steps, "seed": seed }).to_string()
}

/// Runs the command.
pub(crate) fn run(args: &BenchServe) -> anyhow::Result<()> {
    let mut figures = serde_json::Map::new();
    figures.insert("step_ms".to_owned(), json!(STEP_MS));
    type Measure<'a> = &'a dyn Fn() -> anyhow::Result<Value>;
    let measures: [(&str, Measure<'_>); 5] = [
        ("idle", &idle),
        ("accept", &|| accept(args)),
        ("full", &full),
        ("cancel", &cancel),
        ("streams", &|| streams(args.streams)),
    ];
    for (name, measure) in measures {
        let figure = measure().with_context(|| format!("no figure for {name}"))?;
        if !args.json {
            terminal::print(&format!("{name:8} {figure}"))?;
        }
        figures.insert(name.to_owned(), figure);
    }
    if args.json {
        terminal::print(&Value::Object(figures).to_string())?;
    }
    Ok(())
}

fn idle() -> anyhow::Result<Value> {
    let server = Server::start(&[])?;
    let (status, _) = server.connect()?.ask("GET", "/health/ready", "")?;
    ensure!(status == 200, "the server is not ready: {status}");
    Ok(json!({ "start_ms": server.start_ms, "rss_mib": server.rss_mib() }))
}

/// Jobs at a steady rate over four connections.
fn accept(args: &BenchServe) -> anyhow::Result<Value> {
    const CONNECTIONS: u32 = 4;
    let server = Server::start(&["--queue-max", "100000"])?;
    let start = Instant::now();
    let total = args.rate * args.seconds;
    let lane = |first: u32| -> anyhow::Result<Latencies> {
        let mut connection = server.connect()?;
        let mut latencies = Latencies::default();
        for number in (first..total).step_by(CONNECTIONS as usize) {
            let due = start + Duration::from_secs_f64(f64::from(number) / f64::from(args.rate));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (status, body) = connection.ask("POST", "/v1/generations", &job(1, number))?;
            ensure!(status == 202, "a job was not accepted: {status} {body}");
            latencies.0.push(since_ms(due));
        }
        Ok(latencies)
    };
    let lanes = std::thread::scope(|scope| -> anyhow::Result<Vec<Latencies>> {
        let lanes: Vec<_> = (0..CONNECTIONS)
            .map(|first| scope.spawn(move || lane(first)))
            .collect();
        let joined = lanes
            .into_iter()
            .map(|lane| lane.join().expect("it does not panic"));
        joined.collect()
    })?;
    let all = Latencies(lanes.into_iter().flat_map(|lane| lane.0).collect());
    Ok(all.report())
}

/// Refusals, reads and probes while the queue is full.
fn full() -> anyhow::Result<Value> {
    let server = Server::start(&["--queue-max", "10"])?;
    let mut connection = server.connect()?;
    let mut id = String::new();
    loop {
        let (status, body) = connection.ask("POST", "/v1/generations", &job(200, 0))?;
        match status {
            202 => id = id_of(&body)?,
            429 => break,
            other => anyhow::bail!("unexpected answer: {other} {body}"),
        }
    }
    let mut time =
        |method: &str, path: &str, body: &str, expected: u16| -> anyhow::Result<Latencies> {
            let mut latencies = Latencies::default();
            for _ in 0..500 {
                let start = Instant::now();
                let (status, answer) = connection.ask(method, path, body)?;
                ensure!(status == expected, "unexpected answer: {status} {answer}");
                latencies.0.push(since_ms(start));
            }
            Ok(latencies)
        };
    let refused = time("POST", "/v1/generations", &job(200, 0), 429)?;
    let read = time("GET", &format!("/v1/generations/{id}"), "", 200)?;
    let health = time("GET", "/health/live", "", 200)?;
    Ok(json!({ "refused": refused.report(), "read": read.report(), "health": health.report() }))
}

fn id_of(body: &str) -> anyhow::Result<String> {
    let job: Value = serde_json::from_str(body).context("a job is not JSON")?;
    Ok(job["id"].as_str().context("a job has no id")?.to_owned())
}

/// From the wish to stop until the job has stopped.
fn cancel() -> anyhow::Result<Value> {
    let server = Server::start(&[])?;
    let mut connection = server.connect()?;
    let (mut running, mut queued) = (Latencies::default(), Latencies::default());
    for round in 0..20 {
        let (_, body) = connection.ask("POST", "/v1/generations", &job(200, round))?;
        let id = id_of(&body)?;
        let path = format!("/v1/generations/{id}");
        let (_, body) = connection.ask("POST", "/v1/generations", &job(200, round))?;
        let waiting = format!("/v1/generations/{}/cancel", id_of(&body)?);
        let mut status_is = |wanted: &str| -> anyhow::Result<()> {
            let wanted = format!("\"status\":\"{wanted}\"");
            while !connection.ask("GET", &path, "")?.1.contains(&wanted) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        status_is("running")?;
        let start = Instant::now();
        let mut other = server.connect()?;
        other.ask("POST", &format!("{path}/cancel"), "")?;
        status_is("canceled")?;
        running.0.push(since_ms(start));
        let start = Instant::now();
        let (status, body) = other.ask("POST", &waiting, "")?;
        // It may have begun by now; then it was accepted that it will stop.
        ensure!(status == 200 || status == 202, "{status} {body}");
        queued.0.push(since_ms(start));
    }
    Ok(json!({ "running": running.report(), "queued": queued.report() }))
}

/// Many who follow one job that waits behind another, until it is canceled.
fn streams(count: u32) -> anyhow::Result<Value> {
    let server = Server::start_with(1_000, &[])?; // so that the other ends after all of this
    let mut connection = server.connect()?;
    connection.ask("POST", "/v1/generations", &job(200, 0))?;
    let (_, body) = connection.ask("POST", "/v1/generations", &job(100, 0))?;
    let id = id_of(&body)?;
    let before = server.rss_mib();
    let mut first = Latencies::default();
    let mut open = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let mut stream = server.connect()?;
        stream.follow(&format!("/v1/generations/{id}/events"))?;
        first.0.push(since_ms(start));
        open.push(stream);
    }
    let after = server.rss_mib();
    let start = Instant::now();
    let mut other = server.connect()?; // the first has been silent for too long by now
    other.ask("POST", &format!("/v1/generations/{id}/cancel"), "")?;
    let mut last = Latencies::default();
    for stream in &mut open {
        stream.read_until("event: canceled")?;
        last.0.push(since_ms(start));
    }
    let extra = after.zip(before).map(|(after, before)| after - before);
    Ok(json!({
        "open": open.len(), "first_event": first.report(), "extra_rss_mib": extra,
        "last_event": last.report(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let latencies = Latencies((0..=100).rev().map(f64::from).collect());
        assert_eq!(latencies.percentile(0.5), 50.0);
        assert_eq!(latencies.percentile(0.99), 99.0);
        assert!(Latencies::default().percentile(0.5).is_nan());
    }
}
