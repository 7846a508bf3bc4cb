//! What one process tells the others through PostgreSQL: which rows are worth reading again.
//!
//! A connection of its own listens, and is made anew when it breaks. Notices that came in between
//! are lost; [`Notice::Everything`] then says that anything may have changed.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Config, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Result;

/// The channel in the database.
const CHANNEL: &str = "mustool";
/// Pause before a broken connection is made anew.
const PAUSE: Duration = Duration::from_millis(500);

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A job waits.
    Queued,
    /// Somebody wants this job to stop.
    Cancel(String),
    /// This job has new events.
    Events(String),
    /// How far this job is, as JSON.
    Progress(String, String),
    /// Keys were made or revoked.
    Keys,
    /// Notices may have been lost.
    Everything,
}

impl Notice {
    fn payload(&self) -> String {
        match self {
            Self::Queued => "queued".to_owned(),
            Self::Cancel(id) => format!("cancel {id}"),
            Self::Events(id) => format!("events {id}"),
            Self::Progress(id, progress) => format!("progress {id} {progress}"),
            Self::Keys => "keys".to_owned(),
            Self::Everything => "everything".to_owned(),
        }
    }

    fn from_payload(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("cancel", id)) => Self::Cancel(id.to_owned()),
            Some(("events", id)) => Self::Events(id.to_owned()),
            Some(("progress", rest)) => match rest.split_once(' ') {
                Some((id, progress)) => Self::Progress(id.to_owned(), progress.to_owned()),
                None => Self::Everything,
            },
            None if text == "queued" => Self::Queued,
            None if text == "keys" => Self::Keys,
            // Of a later version.
            _ => Self::Everything,
        }
    }

    /// Tells everybody once the transaction is committed.
    pub(super) async fn send(&self, tx: &Transaction<'_>) -> Result<()> {
        tx.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &self.payload()])
            .await?;
        Ok(())
    }
}

/// The task that listens; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listener {
    pub(super) fn spawn(
        config: Config,
        tls: MakeRustlsConnect,
        notices: broadcast::Sender<Notice>,
    ) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // Why it broke does not matter here: whoever needs the store will be told.
                let _ = listen(&config, tls.clone(), &notices).await;
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

async fn listen(
    config: &Config,
    tls: MakeRustlsConnect,
    notices: &broadcast::Sender<Notice>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(tls).await?;
    let mut messages = poll_fn(move |context| connection.poll_message(context));
    let subscribe = async {
        let subscribed = client.batch_execute(&format!("LISTEN {CHANNEL}")).await;
        if subscribed.is_ok() {
            // Nobody listening is no fault.
            let _ = notices.send(Notice::Everything);
        }
        // The connection lives as long as its client.
        subscribed.map(|()| std::future::pending::<()>())?.await;
        Ok(())
    };
    let receive = async {
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message? {
                let _ = notices.send(Notice::from_payload(notification.payload()));
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = subscribe => ended,
        ended = receive => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_back() {
        let id = "gen_019a".to_owned();
        for notice in [
            Notice::Queued,
            Notice::Cancel(id.clone()),
            Notice::Events(id.clone()),
            Notice::Progress(id, r#"{"step": 3, "stage": "denoise"}"#.to_owned()),
            Notice::Keys,
            Notice::Everything,
        ] {
            assert_eq!(Notice::from_payload(&notice.payload()), notice);
        }
        assert_eq!(Notice::from_payload("something new"), Notice::Everything);
    }
}
