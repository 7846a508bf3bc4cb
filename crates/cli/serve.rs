//! `mustool serve`: the HTTP service and the page that plays, until it is told to stop.
//!
//! Here are the flags and what they mean; the service itself is `mustool-server`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mustool_diffusion::ModelInfo;
use mustool_server::edge::auth::{KeyRecord, parse_key_file};
use mustool_server::edge::rate::Policy;
use mustool_server::engine::{Engine, Engines, FakeEngine, Loader, ModelCard, PipelineEngine};
use mustool_server::webhooks::{Policy as WebhookPolicy, PortRule, Sender, Signer};
use mustool_server::wire::Limits;
use mustool_server::{Error as ServerError, Role, Settings};

use crate::args::{ModelArgs, limit_threads, usage};
use crate::source::read_limited;
use crate::terminal;

/// Largest file of keys.
const MAX_KEY_FILE_BYTES: u64 = 1 << 20;

/// Serve the HTTP interface and the page.
///
/// Only this machine can reach it unless --listen says otherwise; then keys are needed.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address and port; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8765",
        env = "MUSTOOL_LISTEN"
    )]
    listen: SocketAddr,
    /// Folder of jobs and audio, or the address of a PostgreSQL server that many processes share
    /// [default: mustool in the user's data folder].
    #[arg(
        long,
        value_name = "DIR|postgres://…",
        env = "MUSTOOL_STORE",
        hide_env_values = true
    )]
    store: Option<String>,
    /// Folder or bucket of audio, where --store is a server; all processes must see the same.
    /// Credentials of a bucket are in AWS_ACCESS_KEY_ID and the other usual variables.
    #[arg(long, value_name = "DIR|s3://…", env = "MUSTOOL_OBJECTS")]
    objects: Option<String>,
    /// What this process does, where others share the store.
    #[arg(long, value_enum, default_value_t = RoleName::All)]
    role: RoleName,
    /// Let requests name addresses that are told when a job has ended. Messages are signed with the
    /// secret in MUSTOOL_WEBHOOK_SECRET.
    #[arg(long)]
    webhooks: bool,
    /// Let webhooks go to this machine and to private networks, and to any port.
    #[arg(long, requires = "webhooks")]
    allow_private_webhooks: bool,
    /// File of API keys, one `NAME SCOPES KEY` a line; then every request needs one.
    #[arg(long, value_name = "FILE", env = "MUSTOOL_API_KEYS")]
    api_keys: Option<PathBuf>,
    /// Most jobs that wait.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    queue_max: u64,
    /// Most jobs of one key that wait or run [default: 8, or any number where no keys are needed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    queue_per_key: Option<u64>,
    /// Most requests of one key a minute [default: 600, or 60000 where no keys are needed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    requests_per_minute: Option<u32>,
    /// Most event streams of one key [default: 16, or 1000 where no keys are needed].
    #[arg(long, value_name = "N")]
    streams_per_key: Option<usize>,
    /// Seconds that a job may go on after the service was told to stop.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    drain_timeout: u64,
    /// Another name that this server goes by; may be repeated.
    #[arg(long = "allow-host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Another site whose pages may use this server; may be repeated.
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Listen beyond this machine without keys.
    #[arg(long)]
    insecure: bool,
    /// Make tones instead of music, with so many milliseconds a step; for tests.
    #[arg(long, value_name = "MS", hide = true)]
    fake_engine: Option<u64>,
    #[command(flatten)]
    model: ModelArgs,
}

/// [`Role`] as the flag has it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RoleName {
    /// Answer requests and make music.
    All,
    /// Answer requests; others make the music.
    Api,
    /// Make music; answer only whether it is well.
    Worker,
}

/// Runs the command.
pub(crate) fn run(args: Serve) -> anyhow::Result<()> {
    let keys = args
        .api_keys
        .as_deref()
        .map(read_keys)
        .transpose()?
        .unwrap_or_default();
    let alone = keys.is_empty() && args.listen.ip().is_loopback();
    let usual = Limits::default();
    let own = |asked: Option<u64>, shared: u64, alone_max: u64| {
        asked.unwrap_or(if alone { alone_max } else { shared })
    };
    let streams = own(None, usual.max_streams_per_key as u64, 1_000) as usize;
    let limits = Limits {
        max_queue: args.queue_max,
        max_queue_per_key: own(args.queue_per_key, usual.max_queue_per_key, 1_000_000),
        max_streams_per_key: args.streams_per_key.unwrap_or(streams),
        ..usual
    };
    let quota = own(args.requests_per_minute.map(u64::from), 600, 60_000);
    let Places {
        folder,
        database,
        bucket,
    } = places(&args)?;
    let webhooks = args
        .webhooks
        .then(|| webhooks(args.allow_private_webhooks))
        .transpose()?;
    let settings = Settings {
        listen: args.listen,
        folder,
        database,
        bucket,
        role: match args.role {
            RoleName::All => Role::All,
            RoleName::Api => Role::Api,
            RoleName::Worker => Role::Worker,
        },
        webhooks,
        limits,
        rate: Policy {
            quota: u32::try_from(quota).unwrap_or(u32::MAX),
            window_s: 60,
        },
        hosts: args.hosts,
        cors: args.cors,
        keys,
        insecure: args.insecure,
        drain_timeout: Duration::from_secs(args.drain_timeout),
    };
    let engines = match args.fake_engine {
        Some(step_ms) => fake(step_ms),
        None => engines(args.model)?,
    };
    let served = mustool_server::run(settings, engines, |address| {
        terminal::say(&format!("mustool is ready: http://{address}"));
    });
    served.map_err(|error| match error {
        ServerError::Config { reason } => usage(reason),
        error => anyhow::Error::new(error).context("the service ended"),
    })
}

fn read_keys(path: &Path) -> anyhow::Result<Vec<KeyRecord>> {
    let shown = path.display();
    let bytes = read_limited(path, MAX_KEY_FILE_BYTES, "--api-keys")?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| usage(format!("--api-keys: {shown} is not UTF-8 text: {error}")))?;
    let keys = parse_key_file(text).map_err(|error| usage(format!("--api-keys: {error}")))?;
    if keys.is_empty() {
        return Err(usage(format!("--api-keys: there is no key in {shown}")));
    }
    Ok(keys)
}

/// Where jobs and audio are kept.
struct Places {
    folder: PathBuf,
    database: Option<String>,
    bucket: Option<String>,
}

fn places(args: &Serve) -> anyhow::Result<Places> {
    let begins =
        |text: &&String, schemes: &[&str]| schemes.iter().any(|scheme| text.starts_with(scheme));
    let database = args
        .store
        .as_ref()
        .filter(|text| begins(text, &["postgres://", "postgresql://"]));
    let bucket = args
        .objects
        .as_ref()
        .filter(|text| begins(text, &["s3://"]));
    if database.is_none() && !matches!(args.role, RoleName::All) {
        return Err(usage(
            "--role: processes can share a store only if it is a PostgreSQL server",
        ));
    }
    if database.is_none() && args.objects.is_some() {
        return Err(usage("--objects: it goes with a server as --store only"));
    }
    let folder = match database {
        Some(_) => args.objects.as_ref().filter(|_| bucket.is_none()),
        None => args.store.as_ref(),
    };
    Ok(Places {
        folder: folder.map(PathBuf::from).map_or_else(default_folder, Ok)?,
        database: database.cloned(),
        bucket: bucket.cloned(),
    })
}

/// Who tells others, with the secret of the environment or a new one.
fn webhooks(allow_private: bool) -> anyhow::Result<Sender> {
    const VARIABLE: &str = "MUSTOOL_WEBHOOK_SECRET";
    let secret = match std::env::var(VARIABLE) {
        Ok(secret) => secret,
        Err(_) => {
            let secret = Signer::new_secret()?;
            terminal::say(&format!(
                "webhooks are signed with {secret}; set {VARIABLE} to keep it"
            ));
            secret
        }
    };
    let signer = Signer::from_secret(&secret).ok_or_else(|| {
        usage(format!(
            "{VARIABLE}: it must be whsec_ and 24 to 64 bytes in Base64"
        ))
    })?;
    let ports = match allow_private {
        true => PortRule::Any,
        false => PortRule::Https,
    };
    Ok(Sender::new(
        signer,
        WebhookPolicy {
            ports,
            allow_private,
        },
    ))
}

/// `mustool` in the folder where this user's programs keep their data.
fn default_folder() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || {
        set("HOME")
            .or_else(|| set("USERPROFILE"))
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| home().map(|home| home.join(".local/share")));
    let data = data.ok_or_else(|| usage("--store: name a folder; there is no home folder"))?;
    Ok(data.join("mustool"))
}

/// The model as the arguments name it, to be read when the first job comes.
fn engines(args: ModelArgs) -> anyhow::Result<Engines> {
    limit_threads(args.threads)?;
    let args = ModelArgs {
        threads: None, // set once for the process, just now
        ..args
    };
    let card = ModelCard::new(&describe(&args)?);
    let loader: Loader = Box::new(move || {
        let pipeline = args.load(args.dtype.resolve()).map_err(|error| {
            let reason = format!("{error:#}");
            ServerError::Unavailable { reason }
        })?;
        let engine: Arc<dyn Engine> = Arc::new(PipelineEngine::new(pipeline));
        Ok(engine)
    });
    Ok(Engines::new(card, loader))
}

/// What `model.json` says, without reading the weights.
fn describe(args: &ModelArgs) -> anyhow::Result<ModelInfo> {
    const NAME: &str = "model.json";
    let bytes = match &args.model {
        Some(folder) => read_limited(&folder.join(NAME), 1 << 20, "--model")?,
        None => {
            let mut files = mustool_default_model::FILES.iter();
            let file = files.find(|(name, _)| *name == NAME);
            file.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default()
        }
    };
    serde_json::from_slice(&bytes).context("the model's model.json cannot be read")
}

fn fake(step_ms: u64) -> Engines {
    let loader: Loader = Box::new(move || {
        Ok(Arc::new(FakeEngine {
            step: Duration::from_millis(step_ms),
            max_batch: 4,
        }))
    });
    Engines::new(FakeEngine::card(), loader)
}
