//! The worker with engines that break: every job ends, and the worker goes on.

use std::sync::Arc;
use std::time::Duration;

use mustool_audio::Waveform;
use mustool_diffusion::{Output, Request};
use mustool_music::Plan;
use tokio::sync::{Notify, watch};

use crate::app::{App, Running, Speed};
use crate::engine::{Engine, Engines, FakeEngine, Loader, ModelCard, Monitor};
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::sse::Hub;
use crate::store::{Enqueue, JobRow, QueueLimits, Store};
use crate::wire::{GenerationRequest, JobStatus, Limits, now_ms};

/// Breaks as the prompt says.
struct Moody(FakeEngine);

impl Engine for Moody {
    fn card(&self) -> ModelCard {
        self.0.card()
    }

    fn max_batch(&self) -> u32 {
        4
    }

    fn plan(&self, request: &Request) -> mustool_diffusion::Result<Plan> {
        self.0.plan(request)
    }

    fn generate(
        &self,
        requests: &[Request],
        monitor: &mut dyn Monitor,
    ) -> Vec<mustool_diffusion::Result<Output>> {
        assert!(
            requests.iter().all(|request| request.prompt != "panic"),
            "as asked"
        );
        let mut results = self.0.generate(requests, monitor);
        for (request, result) in requests.iter().zip(&mut results) {
            let Ok(output) = result else {
                continue;
            };
            let sample = match request.prompt.as_str() {
                "silence" => 0.0,
                "infinity" => {
                    let stage = "vocoder";
                    *result = Err(mustool_diffusion::Error::NotFinite { stage });
                    continue;
                }
                _ => continue,
            };
            output.waveform = Waveform::mono(vec![sample; 16_000], 16_000).unwrap();
        }
        results
    }
}

fn app(folder: &std::path::Path) -> Arc<App> {
    let loader: Loader = Box::new(|| {
        Ok(Arc::new(Moody(FakeEngine {
            step: Duration::ZERO,
            max_batch: 4,
        })))
    });
    Arc::new(App {
        store: Store::open(folder).unwrap(),
        objects: Objects::open(&folder.join("objects")).unwrap(),
        hub: Arc::new(Hub::default()),
        engines: Engines::new(FakeEngine::card(), loader),
        metrics: Arc::new(Metrics::new()),
        limits: Limits::default(),
        running: Running::default(),
        wake: Notify::new(),
        draining: watch::Sender::new(false),
        speed: Speed::default(),
        webhooks: None,
    })
}

async fn submit(app: &App, number: u32, prompt: &str) {
    let job = Enqueue {
        id: format!("gen_{number:032}"),
        owner: "a".to_owned(),
        client_id: None,
        input: GenerationRequest {
            prompt: prompt.to_owned(),
            n: 1,
            seed: Some(7),
            duration_s: Some(1.0),
            ..GenerationRequest::default()
        },
        priority: 0,
        created_at: now_ms(),
        deadline_at: None,
        cost: 10.0,
        compatible: String::new(),
        idempotency: None,
        fingerprint: number.to_string(),
        batch: None,
        limits: QueueLimits {
            total: 100,
            per_owner: 100,
        },
    };
    app.store.enqueue(job).await.unwrap();
    app.wake.notify_one();
}

async fn end_of(app: &App, number: u32) -> JobRow {
    loop {
        let row = app.find(&format!("gen_{number:032}"), None).await.unwrap();
        if row.status.is_terminal() {
            return row;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_ends_its_job_and_not_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    for (number, prompt) in (0..).zip(["panic", "silence", "infinity", "piano"]) {
        submit(&app, number, prompt).await;
    }
    let worker = super::start(Arc::clone(&app)).unwrap();
    let codes = ["internal", "invalid_output", "invalid_output"];
    for (number, code) in (0..).zip(codes) {
        let row = end_of(&app, number).await;
        assert_eq!(row.status, JobStatus::Failed, "{number}");
        assert_eq!(row.error.unwrap().code, code, "{number}");
        assert!(row.outputs.is_empty());
    }
    let row = end_of(&app, 3).await;
    assert_eq!(row.status, JobStatus::Succeeded, "{:?}", row.error);
    assert_eq!(app.metrics.worker_restarts.get(&[]), 1);
    assert_eq!(app.metrics.jobs.get(&["failed"]), 3);
    let bytes = app.objects.get(&row.outputs[0].object).unwrap();
    assert_eq!(bytes.len() as u64, row.outputs[0].output.bytes);
    app.draining.send_replace(true);
    tokio::task::spawn_blocking(|| worker.join().unwrap())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_job_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    // A folder that is gone stands for a disk that takes nothing.
    std::fs::remove_dir_all(folder.path().join("objects")).unwrap();
    submit(&app, 1, "piano").await;
    let worker = super::start(Arc::clone(&app)).unwrap();
    let row = end_of(&app, 1).await;
    assert_eq!((row.status, row.outputs.len()), (JobStatus::Failed, 0));
    let detail = row.error.unwrap().detail;
    assert!(
        !detail.contains(folder.path().to_str().unwrap()),
        "{detail}"
    );
    app.draining.send_replace(true);
    tokio::task::spawn_blocking(|| worker.join().unwrap())
        .await
        .unwrap();
}
