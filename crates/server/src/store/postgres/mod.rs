//! The store in PostgreSQL: any number of servers and workers share it.
//!
//! The same tables as in SQLite. Jobs are taken with `FOR UPDATE SKIP LOCKED`, so that workers
//! never wait for each other; limits and idempotency keys are checked under a lock of the queue.
//! `NOTIFY` carries ids only, after the commit; whoever listens reads the rows.

mod jobs;
mod notice;
mod queue;
mod rest;
mod schema;

use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::sync::broadcast;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::types::{
    BatchRow, Beat, Claim, Claims, Ending, Enqueue, Enqueued, FileRow, Filter, JobRow, KeyRow,
    Message, ShareRow, UsageRow,
};
use crate::wire::Event;
use crate::wire::job::Progress;
use crate::{Error, Result};

pub use notice::Notice;

/// Most connections of one process; one more listens.
const MAX_CONNECTIONS: usize = 8;
/// Longest wait for a connection: who waits longer is told that the store is down.
const WAIT: std::time::Duration = std::time::Duration::from_secs(5);
/// Longest pause within a transaction: the server then ends the session of a process that was stopped
/// there, because a lease runs out for everybody only when its row is not locked.
const MAX_PAUSE: std::time::Duration = std::time::Duration::from_secs(5);
/// Most notices that a slow listener may lag behind.
const MAX_LAG: usize = 1_024;

/// The store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: Pool,
    notices: broadcast::Sender<Notice>,
    /// Ends the listener with the last clone.
    _listener: Arc<notice::Listener>,
}

impl Postgres {
    /// Connects to `postgres://user:password@host/database?sslmode=…` and makes the tables if
    /// needed. Fails if the address is malformed, nobody answers, or the tables are of a later
    /// version.
    ///
    /// With `sslmode=require` or `prefer` the certificate must be of a public authority.
    pub async fn open(url: &str) -> Result<Self> {
        let mut config: Config = url.parse().map_err(|error| Error::Config {
            // The error does not show the address, which holds a password.
            reason: format!("the address of the store is malformed: {error}"),
        })?;
        config.application_name("mustool");
        config.connect_timeout(WAIT);
        let own = config.get_options().unwrap_or_default();
        let pause_ms = MAX_PAUSE.as_millis();
        // What the address says comes last, and so wins.
        config.options(format!(
            "-c idle_in_transaction_session_timeout={pause_ms} {own}"
        ));
        let tls = tls();
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(
            config.clone(),
            tls.clone(),
            ManagerConfig { recycling_method },
        );
        let timeouts = Timeouts::wait_millis(WAIT.as_millis() as u64);
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                create: Some(WAIT),
                ..timeouts
            })
            .build()
            .map_err(|error| Error::Config {
                reason: error.to_string(),
            })?;
        let (notices, _) = broadcast::channel(MAX_LAG);
        let mut client = pool.get().await.map_err(unreachable_store)?;
        schema::migrate(&mut client).await?;
        let listener = notice::Listener::spawn(config, tls, notices.clone());
        Ok(Self {
            pool,
            notices,
            _listener: Arc::new(listener),
        })
    }

    /// What other processes, and this one, have changed from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    async fn client(&self) -> Result<Object> {
        self.pool.get().await.map_err(unreachable_store)
    }
}

fn unreachable_store(error: deadpool_postgres::PoolError) -> Error {
    Error::Store {
        reason: error.to_string(),
    }
}

fn tls() -> MakeRustlsConnect {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

/// One method of the store per line, each in a transaction of its own.
macro_rules! forward {
    ($($(#[doc = $doc:literal])+ $how:ident $module:ident::$name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        impl Postgres {
            $($(#[doc = $doc])+
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out> {
                let mut client = self.client().await?;
                let tx = client.transaction().await?;
                let out = $module::$name(&tx, $(&$arg),*).await?;
                tx.commit().await?;
                Ok(out)
            })+
        }
    };
}

super::methods!(forward);

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // The plain text is only "db error"; the server's own words are its source.
        let source = std::error::Error::source(&error).map(ToString::to_string);
        Self::Store {
            reason: source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
        }
    }
}

#[cfg(test)]
mod tests;
