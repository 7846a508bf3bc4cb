//! The worker: takes jobs from the store, makes their music, and writes the results, one run of
//! the model at a time.
//!
//! One thread owns the runs; leases are renewed beside it. Whatever goes wrong with a job, a
//! panic too, ends that job or gives it back, never the worker.

mod finish;
mod prepare;
mod run;

pub(crate) use finish::{hex, pack};
pub(crate) use prepare::{decode_limited, plan_with_beats, stated, waveform};

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::app::App;
use crate::store::Claims;
use crate::wire::now_ms;
use crate::{Error, Result};

/// How long a job is held without a sign of life.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long to wait for a ring before looking into the store all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the worker's thread; it ends when the service drains and its last job is done.
pub(crate) fn start(app: Arc<App>) -> Result<std::thread::JoinHandle<()>> {
    let handle = Handle::current();
    let name = format!("worker-{}", std::process::id());
    let spawned = std::thread::Builder::new()
        .name("worker".to_owned())
        .spawn(move || serve(&app, &handle, &name));
    spawned.map_err(|source| Error::File {
        path: "worker thread".into(),
        source,
    })
}

fn serve(app: &Arc<App>, handle: &Handle, name: &str) {
    while !app.is_draining() {
        let max_outputs = app.engines.card().loaded.then(|| app.engines.get().ok());
        let max_outputs = max_outputs.flatten().map_or(1, |engine| engine.max_batch());
        let claimed = handle.block_on(app.store.claim(Claims {
            worker: name.to_owned(),
            lease_ms: LEASE.as_millis() as i64,
            max_outputs,
            now: now_ms(),
        }));
        match claimed {
            Ok(claims) if claims.is_empty() => handle.block_on(rest(app)),
            Ok(claims) => run::run(app, handle, claims),
            Err(_) => {
                app.metrics.store_errors.inc(&["claim"]);
                handle.block_on(rest(app));
            }
        }
    }
}

/// Waits until there may be something to do.
async fn rest(app: &App) {
    let mut draining = app.draining.subscribe();
    tokio::select! {
        () = app.wake.notified() => {}
        () = tokio::time::sleep(PATIENCE) => {}
        _ = draining.wait_for(|&draining| draining) => {}
    }
}

#[cfg(test)]
mod tests;
