//! Objects in a bucket of Amazon S3 or of anything that speaks its language.
//!
//! Requests are signed as in "Authenticating Requests (AWS Signature Version 4)" of the S3 API
//! reference. Only whole objects are put, read and deleted; whether a bucket exists, and for how
//! long it keeps what, is its owner's affair. Everything here blocks.

use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::wire::now_ms;
use crate::{Error, Result};

/// Longest time of one try.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a request is tried, and the pause after the first try; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);
/// Largest object that is read: an hour of stereo at 24 bits and 96 kHz.
const MAX_BYTES: u64 = 2 << 30;

type HmacSha256 = Hmac<Sha256>;

/// A bucket, or a part of it.
#[derive(Clone)]
pub(super) struct S3 {
    agent: Agent,
    /// `https://host`, without a path.
    origin: String,
    host: String,
    /// Path before the names, with a slash at both ends.
    path: String,
    region: String,
    credentials: Credentials,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3({}{})", self.origin, self.path) // the secret stays unseen
    }
}

/// Who asks.
#[derive(Clone)]
struct Credentials {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl S3 {
    /// The bucket of `s3://bucket/prefix`, with the usual variables of the environment:
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and
    /// `AWS_ENDPOINT_URL` for other services than Amazon's.
    pub(super) fn open(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let config = |reason: String| Error::Config { reason };
        let needed = |name: &str| {
            variable(name).ok_or_else(|| config(format!("{name} must be set for {url}")))
        };
        let place = url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
        if bucket.is_empty() || !place.chars().all(plain) {
            return Err(config(format!("{url:?} is not s3://bucket/prefix")));
        }
        let region = variable("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned());
        let (origin, folder) = match variable("AWS_ENDPOINT_URL") {
            Some(endpoint) => (
                endpoint.trim_end_matches('/').to_owned(),
                format!("/{bucket}/"),
            ),
            None => (
                format!("https://{bucket}.s3.{region}.amazonaws.com"),
                "/".to_owned(),
            ),
        };
        let host = origin.split_once("://").map(|(_, host)| host.to_owned());
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let host =
            host.ok_or_else(|| config(format!("{origin:?} is not the address of a service")))?;
        let prefix = prefix.trim_matches('/');
        let path = match prefix.is_empty() {
            true => folder,
            false => format!("{folder}{prefix}/"),
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .build()
            .into();
        Ok(Self {
            agent,
            origin,
            host,
            path,
            region,
            credentials: Credentials {
                access_key: needed("AWS_ACCESS_KEY_ID")?,
                secret_key: needed("AWS_SECRET_ACCESS_KEY")?,
                session_token: variable("AWS_SESSION_TOKEN"),
            },
        })
    }

    /// Keeps `bytes` under `name`.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let answer = self.ask("PUT", name, bytes)?;
        self.check(&answer, name)
    }

    /// The bytes of `name`; [`Error::Gone`] if there is no such object.
    pub(super) fn get(&self, name: &str) -> Result<Vec<u8>> {
        let mut answer = self.ask("GET", name, &[])?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(Error::Gone {
                what: "object",
                id: name.to_owned(),
            });
        }
        self.check(&answer, name)?;
        let read = answer
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec();
        read.map_err(|error| self.failed(name, &error.to_string()))
    }

    /// Deletes `name`, if it is there.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        let answer = self.ask("DELETE", name, &[])?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(()),
            _ => self.check(&answer, name),
        }
    }

    fn check(&self, answer: &Response<Body>, name: &str) -> Result<()> {
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(self.failed(name, &format!("it answered {status}"))),
        }
    }

    fn failed(&self, name: &str, why: &str) -> Error {
        Error::Unavailable {
            reason: format!(
                "the object store at {} failed over {name}: {why}",
                self.origin
            ),
        }
    }

    /// Asks until there is an answer that another try would not change.
    fn ask(&self, method: &str, name: &str, body: &[u8]) -> Result<Response<Body>> {
        let mut pause = PAUSE;
        for tried in 1.. {
            let answer = self.ask_once(method, name, body);
            let passing = match &answer {
                Ok(answer) => answer.status().is_server_error() || answer.status() == 429,
                Err(_) => true,
            };
            if !passing || tried == TRIES {
                return answer.map_err(|error| self.failed(name, &error.to_string()));
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    fn ask_once(
        &self,
        method: &str,
        name: &str,
        body: &[u8],
    ) -> Result<Response<Body>, ureq::Error> {
        let path = format!("{}{name}", self.path);
        let moment = crate::wire::Timestamp(now_ms()).to_string();
        let signed = Signed {
            method,
            path: &path,
            query: "",
            body,
            moment: &amazon_moment(&moment),
            more: &[],
        };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header("authorization", self.authorization(&signed));
        for (header, value) in self.headers(&signed) {
            if header != "host" {
                request = request.header(header, value);
            }
        }
        match method {
            "PUT" => self.agent.run(request.body(body)?),
            _ => self.agent.run(request.body(())?),
        }
    }

    /// The headers that are signed, in order of their names.
    fn headers(&self, request: &Signed<'_>) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("host", self.host.clone()),
            ("x-amz-content-sha256", hex(&Sha256::digest(request.body))),
            ("x-amz-date", request.moment.to_owned()),
        ];
        headers.extend(
            request
                .more
                .iter()
                .map(|&(name, value)| (name, value.to_owned())),
        );
        let token = self.credentials.session_token.clone();
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.sort();
        headers
    }

    fn authorization(&self, request: &Signed<'_>) -> String {
        let headers = self.headers(request);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let Signed {
            method,
            path,
            query,
            body,
            moment,
            ..
        } = request;
        let digest = hex(&Sha256::digest(body));
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}");
        let day = &moment[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let Credentials {
            access_key,
            secret_key,
            ..
        } = &self.credentials;
        let key = [day, &self.region, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret_key}").into_bytes(), |key, part| {
                hmac(&key, part)
            });
        let signature = hex(&hmac(&key, &to_sign));
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"
        )
    }
}

/// What a signature covers.
struct Signed<'a> {
    method: &'a str,
    path: &'a str,
    /// Parameters in order of their names, escaped.
    query: &'a str,
    body: &'a [u8],
    /// `20130524T000000Z`.
    moment: &'a str,
    /// Further headers, in small letters.
    more: &'a [(&'static str, &'a str)],
}

/// `2013-05-24T00:00:00.000Z` as `20130524T000000Z`.
fn amazon_moment(moment: &str) -> String {
    let seconds = moment.split('.').next().unwrap_or_default();
    let digits = seconds.chars().filter(|c| !matches!(c, '-' | ':'));
    digits.chain(['Z']).collect()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "s3_tests.rs"]
mod tests;
