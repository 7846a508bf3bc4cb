//! Telling others over HTTPS that a job has ended: signed, guarded, and repeated until it arrives.
//!
//! The form is that of <https://www.standardwebhooks.com>: three headers and a signature over them
//! and the body. What is to be delivered is a row in the store's outbox, written together with the
//! job's last state; sending it more than once is possible, so receivers look at `webhook-id`.

mod guard;
pub mod outbox;
mod sign;

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Error as HttpError};

use guard::Guarded;
pub use guard::{Policy, PortRule, Refusal};
pub use sign::Signer;

/// How often a delivery is tried.
pub const MAX_TRIES: u32 = 6;
/// Longest time of one try, from the name lookup to the end of the answer.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses before the second and each later try, in seconds, at their longest.
const PAUSES_S: [f64; MAX_TRIES as usize - 1] = [10.0, 60.0, 300.0, 1200.0, 3600.0];
/// Largest header of an answer; its body is not read.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// One message to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `msg_…`; stays the same over all tries.
    pub id: String,
    /// Where to.
    pub url: String,
    /// JSON.
    pub body: String,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It did not arrive; another try may help.
    Failed(String),
    /// No further try can help: the address is forbidden, or the receiver wants no more.
    Hopeless(String),
}

/// Sends messages.
#[derive(Debug, Clone)]
pub struct Sender {
    agent: Agent,
    signer: Signer,
    policy: Policy,
}

impl Sender {
    /// A sender that signs with `signer` and goes only where `policy` allows.
    pub fn new(signer: Signer, policy: Policy) -> Self {
        Self::with_roots(signer, policy, RootCerts::WebPki)
    }

    fn with_roots(signer: Signer, policy: Policy, roots: RootCerts) -> Self {
        let config = Agent::config_builder()
            .https_only(true)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .max_idle_connections(0)
            .timeout_global(Some(TRY_TIMEOUT))
            .user_agent(concat!("mustool/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let resolver = Guarded {
            policy: policy.clone(),
            inner: DefaultResolver::default(),
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            signer,
            policy,
        }
    }

    /// Where it goes.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Tries once, signed for the moment `now_s` (seconds since 1970). Blocks for at most 5 s.
    pub fn send(&self, delivery: &Delivery, now_s: i64) -> Outcome {
        if let Err(refusal) = self.policy.check_url(&delivery.url) {
            return Outcome::Hopeless(refusal.to_string());
        }
        let [id, timestamp, signature] = self.signer.headers(&delivery.id, now_s, &delivery.body);
        let answer = self
            .agent
            .post(&delivery.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .send(&delivery.body);
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(200..=299) => Outcome::Delivered,
            Ok(410) => Outcome::Hopeless("the receiver answered 410: it wants no more".into()),
            Ok(status) => Outcome::Failed(format!("the receiver answered {status}")),
            Err(HttpError::Other(error)) if error.is::<Refusal>() => {
                Outcome::Hopeless(error.to_string())
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// How long to wait after the try number `tries` (from 1); nothing after the last.
///
/// `random` (0 to 1) spreads receivers that failed together over the second half of the pause.
pub fn pause_after(tries: u32, random: f64) -> Option<Duration> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let longest = *PAUSES_S.get(index)?;
    Some(Duration::from_secs_f64(
        longest * (0.5 + 0.5 * random.clamp(0.0, 1.0)),
    ))
}

#[cfg(test)]
#[path = "webhooks/tests.rs"]
mod tests;
