//! `mustool serve`: opens the store, starts the worker, answers connections, and stops so that
//! nothing is lost.
//!
//! At SIGTERM or Ctrl-C no job is begun any more, event streams end, and the job at work is
//! finished or, when the time is over, goes back into the queue. A second signal ends at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::{App, Running, Speed, Stop};
use crate::edge::Edge;
use crate::edge::auth::{KeyRecord, KeyRing};
use crate::edge::origin::Origins;
use crate::edge::rate::{Policy, RateLimiter};
use crate::engine::Engines;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::routes::{Service, Streams, probes, router};
use crate::sse::Hub;
use crate::store::Store;
use crate::webhooks::{Sender, outbox};
use crate::wire::{Limits, now_ms};
use crate::{Error, Result, cluster, routes, worker};

/// Longest time for the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often leases and deadlines are looked at.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
/// How often what is over is deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long open connections may take to end after the jobs have.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
const DAY_MS: i64 = 86_400_000;

/// How the service runs.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of the store, if that is no server, and of the audio.
    pub folder: PathBuf,
    /// Address of a PostgreSQL server that many processes share.
    pub database: Option<String>,
    /// Bucket of the audio, as `s3://bucket/prefix`; the folder, if none.
    pub bucket: Option<String>,
    /// What this process does.
    pub role: Role,
    /// Who tells others that jobs have ended; nobody, if none.
    pub webhooks: Option<Sender>,
    /// How much may be asked.
    pub limits: Limits,
    /// How often each key may ask.
    pub rate: Policy,
    /// Names that the server goes by.
    pub hosts: Vec<String>,
    /// Other sites whose pages may use the service.
    pub cors: Vec<String>,
    /// Keys of the operator's file.
    pub keys: Vec<KeyRecord>,
    /// Listen beyond this machine without keys.
    pub insecure: bool,
    /// How long a job may go on after the service was told to stop.
    pub drain_timeout: Duration,
}

/// What a process does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Answers requests and makes music.
    #[default]
    All,
    /// Answers requests; others make the music.
    Api,
    /// Makes music; answers only whether it is well.
    Worker,
}

/// Runs the service until it is told to stop. `ready` is called with the address when requests
/// are answered.
pub fn run(settings: Settings, engines: Engines, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Error::File {
        path: "runtime".into(),
        source,
    })?;
    runtime.block_on(serve(settings, engines, ready, told_to_stop()))
}

/// Ends at the first SIGTERM or Ctrl-C; the second ends the process.
async fn told_to_stop() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        std::process::exit(1); // The operator does not want to wait; the store is safe as it is.
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Runs the service until `stop` ends, then drains it.
pub async fn serve(
    settings: Settings,
    engines: Engines,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let failed = |source| Error::Listen {
        address: settings.listen.to_string(),
        source,
    };
    let service = open(&settings, engines).await?;
    let app = Arc::clone(&service.app);
    let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let worker = match settings.role {
        Role::Api => None,
        Role::All | Role::Worker => Some(worker::start(Arc::clone(&app))?),
    };
    let routes = match settings.role {
        Role::Worker => probes(Arc::clone(&service)),
        Role::All | Role::Api => router(Arc::clone(&service)),
    };
    let upkeep = tokio::spawn(upkeep(Arc::clone(&app)));
    let (close, closing) = watch::channel(false);
    let accepting = tokio::spawn(accept(
        listener,
        routes,
        app.limits.max_connections,
        closing,
    ));
    let (tell, told) = (Arc::clone(&app), app.draining.subscribe());
    let outbox = settings.webhooks.map(|sender| {
        let (store, metrics) = (tell.store.clone(), Arc::clone(&tell.metrics));
        tokio::spawn(outbox::run(store, Arc::new(sender), metrics, told))
    });
    let listening = app
        .store
        .notices()
        .map(|notices| tokio::spawn(cluster::listen(service, notices)));
    ready(address);
    stop.await;

    app.draining.send_replace(true);
    let mut worker = tokio::task::spawn_blocking(move || worker.map(|worker| worker.join()));
    if tokio::time::timeout(settings.drain_timeout, &mut worker)
        .await
        .is_err()
    {
        app.running.stop_all(Stop::Drain);
        let _ = tokio::time::timeout(worker::LEASE, &mut worker).await;
    }
    upkeep.abort();
    for task in [outbox, listening].into_iter().flatten() {
        task.abort(); // What it had not noted is due again for whoever comes next.
    }
    close.send_replace(true);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, accepting).await;
    Ok(())
}

/// The service with its store, as it was left by whoever ran it before.
async fn open(settings: &Settings, engines: Engines) -> Result<Arc<Service>> {
    let loopback = settings.listen.ip().is_loopback();
    let store = match &settings.database {
        Some(url) => Store::connect(url).await?,
        None => Store::open(&settings.folder)?,
    };
    let mut keys = settings.keys.clone();
    keys.extend(routes::records(&store).await?);
    if !loopback && keys.is_empty() && !settings.insecure {
        return Err(Error::Config {
            reason: format!(
                "{} can be reached from other machines; name a file of API keys, or listen on \
                 127.0.0.1",
                settings.listen
            ),
        });
    }
    let folder = settings.folder.join("objects");
    let objects = match &settings.bucket {
        Some(url) => Objects::connect(url, &folder)?,
        None => Objects::open(&folder)?,
    };
    if settings.database.is_none() {
        objects.sweep(&store.objects().await?)?;
        // The store is ours alone: whoever ran a job before is dead, whatever its lease says.
        store.recover(i64::MAX, now_ms()).await?;
    }
    let metrics = Arc::new(Metrics::new());
    let app = Arc::new(App {
        store,
        objects,
        hub: Arc::new(Hub::default()),
        engines,
        metrics: Arc::clone(&metrics),
        limits: settings.limits.clone(),
        running: Running::default(),
        wake: Notify::new(),
        draining: watch::Sender::new(false),
        speed: Speed::default(),
        webhooks: settings
            .webhooks
            .as_ref()
            .map(|sender| sender.policy().clone()),
    });
    let keys_needed = !settings.keys.is_empty() || (!loopback && !settings.insecure);
    let edge = Arc::new(Edge {
        keys: match keys_needed {
            true => KeyRing::closed(keys),
            false => KeyRing::open(),
        },
        origins: Origins::new(loopback, &settings.hosts, &settings.cors),
        limiter: RateLimiter::new(settings.rate),
        metrics,
    });
    Ok(Arc::new(Service {
        app,
        edge,
        file_keys: settings.keys.clone(),
        streams: Streams::default(),
    }))
}

/// Looks after leases, deadlines and what is over.
async fn upkeep(app: Arc<App>) {
    let mut recover = tokio::time::interval(RECOVER_EVERY);
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        let done = tokio::select! {
            _ = recover.tick() => {
                let now = now_ms();
                match app.store.recover(now, now).await {
                    Ok(changed) => {
                        if !changed.is_empty() {
                            app.wake.notify_one();
                        }
                        app.publish_changed(changed).await;
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            _ = sweep.tick() => sweep_once(&app).await,
        };
        if done.is_err() {
            app.metrics.store_errors.inc(&["upkeep"]);
        }
    }
}

async fn sweep_once(app: &Arc<App>) -> Result<()> {
    let now = now_ms();
    let days = |days: u32| now - i64::from(days) * DAY_MS;
    let limits = &app.limits;
    let audio_before = days(limits.audio_retention_days);
    let jobs_before = days(limits.job_retention_days);
    let gone = app
        .store
        .sweep(audio_before, jobs_before, limits.max_audio_bytes)
        .await?;
    let app = Arc::clone(app);
    let delete = move || gone.iter().try_for_each(|name| app.objects.delete(name));
    routes::blocking(delete).await
}

/// Answers connections until told to close, then lets open requests end.
async fn accept(
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    mut closing: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of file descriptors, most likely: those that end make room.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = told(&mut closing) => break,
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let (router, closing) = (router.clone(), closing.clone());
                connections.spawn(async move {
                    answer(stream, router, closing).await;
                    drop(place);
                });
            }
            Err(_) => {
                connections.spawn(turn_away(stream));
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(stream: TcpStream, router: Router, mut closing: watch::Receiver<bool>) {
    // Small answers and events must not wait for more.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // How a connection ended is the client's affair; its requests have been counted.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = told(&mut closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn told(closing: &mut watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = closing.wait_for(|&close| close).await;
}

async fn turn_away(mut stream: TcpStream) {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\
        connection: close\r\n\r\n";
    let _ = stream.write_all(answer).await;
}
