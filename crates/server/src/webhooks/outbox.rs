//! From the end of a job to its receiver: what is told, and the loop that sends what is due.
//!
//! Messages wait in the store, so that none is lost when the process ends; one that was sent just
//! before the end is sent again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::watch;

use super::{Delivery, MAX_TRIES, Outcome, Sender, pause_after};
use crate::metrics::Metrics;
use crate::store::{JobRow, Message, Store};
use crate::wire::request::WebhookEvent;
use crate::wire::{EventKind, Timestamp, now_ms};

/// Pause between two looks into the outbox.
const PAUSE: Duration = Duration::from_secs(1);

/// What is told of a job that has ended at `at` (milliseconds since 1970); nothing if nobody wants
/// to hear it.
pub fn message(row: &JobRow, at: i64) -> Option<Message> {
    let webhook = row.input.webhook.as_ref()?;
    let event = row.last_event()?;
    let told = match event {
        EventKind::Completed => WebhookEvent::Completed,
        EventKind::Failed => WebhookEvent::Failed,
        _ => WebhookEvent::Canceled,
    };
    let wanted = webhook.events.is_empty() || webhook.events.contains(&told);
    let outputs: Vec<_> = row.outputs.iter().map(|row| &row.output).collect();
    let body = json!({
        "type": format!("generation.{}", event.name()),
        "timestamp": Timestamp(at),
        "data": {
            "id": row.id,
            "status": row.status,
            "metadata": row.input.metadata,
            "error": row.error,
            "outputs": outputs,
        },
    });
    wanted.then(|| Message {
        id: row.id.replacen("gen_", "msg_", 1),
        url: webhook.url.clone(),
        body: body.to_string(),
        tries: 0,
    })
}

/// Sends what is due until `stop` becomes true. Failures of the store are counted and waited out.
pub async fn run(
    store: Store,
    sender: Arc<Sender>,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        match store.due_messages(now_ms()).await {
            Ok(due) => {
                let sent = due
                    .into_iter()
                    .map(|message| deliver(&store, &sender, &metrics, message));
                join_all(sent).await;
            }
            Err(_) => metrics.store_errors.inc(&["outbox"]),
        }
        let stopped = tokio::time::timeout(PAUSE, stop.wait_for(|&stop| stop)).await;
        if stopped.is_ok() {
            return;
        }
    }
}

/// Tries to send one message, and notes what became of it.
async fn deliver(store: &Store, sender: &Arc<Sender>, metrics: &Metrics, message: Message) {
    let Message {
        id,
        url,
        body,
        tries,
    } = message;
    let delivery = Delivery {
        id: id.clone(),
        url,
        body,
    };
    let sender = sender.clone();
    let sent = tokio::task::spawn_blocking(move || sender.send(&delivery, now_ms() / 1000)).await;
    let outcome = sent.unwrap_or_else(|panic| Outcome::Failed(panic.to_string()));
    let (result, again_at) = settle(&outcome, tries + 1, random());
    metrics.webhooks.inc(&[result]);
    if store.settle_message(id, again_at).await.is_err() {
        metrics.store_errors.inc(&["outbox"]); // it will be sent again
    }
}

/// What to count, and when to try again after the try number `tries`, in milliseconds since 1970.
fn settle(outcome: &Outcome, tries: u32, random: f64) -> (&'static str, Option<i64>) {
    match outcome {
        Outcome::Delivered => ("delivered", None),
        Outcome::Hopeless(_) => ("refused", None),
        Outcome::Failed(_) => match pause_after(tries, random) {
            Some(pause) if tries < MAX_TRIES => (
                "failed",
                Some(now_ms().saturating_add(pause.as_millis() as i64)),
            ),
            _ => ("given_up", None),
        },
    }
}

/// A number from 0 to 1, for spreading tries; it need not be secret.
fn random() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_end() {
        let failed = Outcome::Failed("503".into());
        let now = now_ms();
        let (result, again) = settle(&failed, 1, 0.0);
        assert_eq!(result, "failed");
        assert!((5_000..6_000).contains(&(again.unwrap() - now)));
        assert!(settle(&failed, MAX_TRIES - 1, 0.5).1.is_some());
        assert_eq!(settle(&failed, MAX_TRIES, 0.5), ("given_up", None));
        assert_eq!(settle(&Outcome::Delivered, 1, 0.5), ("delivered", None));
        assert_eq!(
            settle(&Outcome::Hopeless("410".into()), 1, 0.5),
            ("refused", None)
        );
    }

    #[test]
    fn chance_is_a_share() {
        let numbers: Vec<f64> = (0..50).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        assert!(numbers.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
