//! Several processes with one store: what this one does when another has changed something.
//!
//! Only PostgreSQL tells; with SQLite there is but one process. A worker is woken by a new job and
//! stops one that is no longer wanted; event streams show what happens on other machines.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Result;
use crate::app::{App, Stop};
use crate::routes::{Service, records};
use crate::store::Notice;
use crate::wire::EventKind;

/// Hears notices until the store is closed.
pub(crate) async fn listen(service: Arc<Service>, mut notices: broadcast::Receiver<Notice>) {
    loop {
        let notice = match notices.recv().await {
            Ok(notice) => notice,
            Err(RecvError::Lagged(_)) => Notice::Everything,
            Err(RecvError::Closed) => return,
        };
        if hear(&service, notice).await.is_err() {
            service.app.metrics.store_errors.inc(&["listen"]);
        }
    }
}

async fn hear(service: &Service, notice: Notice) -> Result<()> {
    let app = &service.app;
    match notice {
        Notice::Queued => app.wake.notify_one(),
        Notice::Cancel(id) => app.running.stop(&id, Stop::Cancel),
        Notice::Events(id) => relay(app, &id).await?,
        Notice::Progress(id, progress) => show(app, &id, &progress),
        Notice::Keys => refresh_keys(service).await?,
        Notice::Everything => {
            app.wake.notify_one();
            refresh_keys(service).await?;
            // Cancelled jobs that run here hear it with their next heartbeat.
            for id in app.hub.followed() {
                relay(app, &id).await?;
            }
        }
    }
    Ok(())
}

/// Gives the events that others have written to those who follow the job here.
async fn relay(app: &App, id: &str) -> Result<()> {
    if app.hub.knows(id) {
        for event in app.store.events(id.to_owned()).await? {
            app.hub.relay(id, event);
        }
    }
    Ok(())
}

/// Shows how far a job on another machine is; one that runs here has told so itself.
fn show(app: &App, id: &str, progress: &str) {
    if app.hub.knows(id)
        && app.running.progress(id).is_none()
        && let Ok(data) = serde_json::from_str::<Value>(progress)
    {
        app.hub.publish(id, EventKind::Progress, data);
    }
}

async fn refresh_keys(service: &Service) -> Result<()> {
    let mut keys = service.file_keys.clone();
    keys.extend(records(&service.app.store).await?);
    service.edge.keys.replace(keys);
    Ok(())
}
