//! Who asks: API keys, what each of them allows, and the header that carries them.
//!
//! A key is `mk_live_` and 256 random bits; only its SHA-256 is kept. Keys are compared in
//! constant time, every one of them, so that an answer's delay says nothing. Where keys are stored
//! and how they are listed is in `store` and `routes`.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use utoipa::ToSchema;

use crate::problem::{Code, Problem};
use crate::wire::now_ms;

/// What every key begins with.
pub const KEY_PREFIX: &str = "mk_live_";
/// Longest key that is looked at, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Make, cancel and delete things of one's own.
    Generate,
    /// See things of one's own.
    Read,
    /// Everything, for everybody: keys, models, other keys' things.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Generate, Self::Read, Self::Admin];

    /// As in JSON and in key files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// SHA-256 of a key: what is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The hash of a key as its owner has it.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let digits: Vec<u32> = text.bytes().map(digit).collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[high, low]| (high << 4 | low) as u8)
            .collect();
        (digits.len() == 64).then(|| Self(bytes.try_into().expect("64 digits are 32 bytes")))
    }
}

/// A new key, to be shown to its owner once.
///
/// Fails if the operating system has no random numbers.
pub fn new_secret() -> crate::Result<String> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| crate::Error::Unavailable {
        reason: format!("the system gave no random numbers: {error}"),
    })?;
    Ok(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}

/// A key as the service knows it.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// `key_…`; what jobs and files of the key are marked with.
    pub id: String,
    /// Hash of the key.
    pub hash: KeyHash,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// Milliseconds since 1970 after which it is refused.
    pub expires_at_ms: Option<i64>,
}

/// Who asks; handlers take it as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Id of the key; `local` where no keys are needed.
    pub key_id: Arc<str>,
    scopes: BTreeSet<Scope>,
}

impl Caller {
    /// Whoever asks a service without keys: it listens on this machine only, all is allowed.
    pub fn local() -> Self {
        Self {
            key_id: "local".into(),
            scopes: Scope::ALL.into(),
        }
    }

    /// Whether the caller may do what needs `scope`. An administrator may do all, and who may make
    /// things may see them.
    pub fn has(&self, scope: Scope) -> bool {
        let implied = scope == Scope::Read && self.scopes.contains(&Scope::Generate);
        implied || self.scopes.contains(&scope) || self.is_admin()
    }

    /// Whether the caller sees the things of every key.
    pub fn is_admin(&self) -> bool {
        self.scopes.contains(&Scope::Admin)
    }

    /// 403 unless the caller [`has`](Self::has) the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) {
            return Ok(());
        }
        let detail = format!("the key lacks the scope {}", scope.name());
        Err(Problem::new(Code::Forbidden, detail))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// The caller that [`super::guard`] has found out.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(Code::Unauthorized, "this address needs a key"))
    }
}

/// All keys of the service, in memory; empty means that none is needed.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: RwLock<Vec<KeyRecord>>,
    required: bool,
}

impl KeyRing {
    /// A ring for a service on this machine alone: whoever asks may do all.
    pub fn open() -> Self {
        Self::default()
    }

    /// A ring that refuses whoever has none of `keys`.
    pub fn closed(keys: Vec<KeyRecord>) -> Self {
        Self {
            keys: RwLock::new(keys),
            required: true,
        }
    }

    /// Whether a key is needed at all.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Replaces all keys, after one was made or revoked.
    pub fn replace(&self, keys: Vec<KeyRecord>) {
        *self
            .keys
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = keys;
    }

    /// Who sent these headers: `Authorization: Bearer …` or `X-Api-Key`.
    ///
    /// 401 without a key, with an unknown, expired or malformed one, and with two different ones.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        if !self.required {
            return Ok(Caller::local());
        }
        let refuse = |detail: &str| Err(Problem::new(Code::Unauthorized, detail));
        let secret = match presented(headers) {
            Ok(Some(secret)) => secret,
            Ok(None) => return refuse("the request has no API key"),
            Err(detail) => return refuse(detail),
        };
        let hash = KeyHash::of(secret);
        let keys = self
            .keys
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match find(&keys, &hash) {
            Some(key) if key.expires_at_ms.is_none_or(|end| now_ms() < end) => Ok(Caller {
                key_id: key.id.as_str().into(),
                scopes: key.scopes.clone(),
            }),
            Some(_) => refuse("the API key has expired"),
            None => refuse("the API key is not known"),
        }
    }
}

/// The key with this hash; the time it takes depends on the number of keys alone.
fn find<'a>(keys: &'a [KeyRecord], hash: &KeyHash) -> Option<&'a KeyRecord> {
    let mut found = u64::MAX;
    for (index, key) in (0_u64..).zip(keys) {
        let same: Choice = key.hash.0.ct_eq(&hash.0);
        found.conditional_assign(&index, same);
    }
    keys.get(usize::try_from(found).ok()?)
}

/// The key in the headers, if there is one.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let bearer = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|_| "the API key is not ASCII")?;
            let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
            if !scheme.eq_ignore_ascii_case("bearer") || key.trim().is_empty() {
                return Err("Authorization must be \"Bearer\" and a key");
            }
            Some(key.trim())
        }
    };
    let own = match headers.get("x-api-key") {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| "the API key is not ASCII")?
                .trim(),
        ),
    };
    match (bearer, own) {
        (Some(bearer), Some(own)) if bearer != own => Err("the request has two different API keys"),
        (Some(key), _) | (None, Some(key)) if key.len() <= MAX_KEY_BYTES => Ok(Some(key)),
        (None, None) => Ok(None),
        _ => Err("the API key is too long"),
    }
}

/// Keys of a file that the operator wrote: one a line, `NAME SCOPES KEY`, for example
/// `studio generate,read mk_live_…` or `studio admin sha256:9f86d0…`. Empty lines and lines that
/// begin with `#` are skipped. The error names the line.
pub fn parse_key_file(text: &str) -> crate::Result<Vec<KeyRecord>> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            parse_key_line(line).map_err(|reason| crate::Error::Config {
                reason: format!("line {} of the key file: {reason}", index + 1),
            })
        })
        .collect()
}

fn parse_key_line(line: &str) -> Result<KeyRecord, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[name, scopes, key] = fields.as_slice() else {
        return Err("expected NAME SCOPES KEY".into());
    };
    let scope = |name| Scope::from_name(name).ok_or(format!("there is no scope {name:?}"));
    let hash = match key.strip_prefix("sha256:") {
        Some(hex) => KeyHash::from_hex(hex).ok_or("a SHA-256 has 64 hexadecimal digits")?,
        None if key.len() >= 20 => KeyHash::of(key),
        None => return Err("a key has at least 20 characters".into()),
    };
    Ok(KeyRecord {
        id: format!("file:{name}"),
        hash,
        scopes: scopes.split(',').map(scope).collect::<Result<_, _>>()?,
        expires_at_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn record(id: &str, secret: &str, scopes: &[Scope]) -> KeyRecord {
        KeyRecord {
            id: id.into(),
            hash: KeyHash::of(secret),
            scopes: scopes.iter().copied().collect(),
            expires_at_ms: None,
        }
    }

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        HeaderMap::from_iter([(name.parse().unwrap(), value)])
    }

    #[test]
    fn keys_are_long_random_and_found_among_others() {
        let secrets: Vec<String> = (0..20).map(|_| new_secret().unwrap()).collect();
        assert!(
            secrets
                .iter()
                .all(|key| key.starts_with(KEY_PREFIX) && key.len() == 51)
        );
        let records = (0..20).map(|i| record(&format!("key_{i}"), &secrets[i], &[Scope::Read]));
        let ring = KeyRing::closed(records.collect());
        for (index, secret) in secrets.iter().enumerate() {
            for headers in [
                with("authorization", &format!("Bearer {secret}")),
                with("authorization", &format!("bearer  {secret} ")),
                with("x-api-key", secret),
            ] {
                let caller = ring.authenticate(&headers).unwrap();
                assert_eq!(&*caller.key_id, format!("key_{index}"));
            }
        }
    }

    #[test]
    fn whatever_is_no_key_is_refused() {
        let secret = new_secret().unwrap();
        let ring = KeyRing::closed(vec![record("key_0", &secret, &[Scope::Read])]);
        let mut both = with("authorization", &format!("Bearer {secret}"));
        both.insert("x-api-key", HeaderValue::from_static("mk_live_other"));
        let wrong = [
            HeaderMap::new(),
            with("authorization", "Bearer"),
            with("authorization", "Bearer "),
            with("authorization", &format!("Basic {secret}")),
            with("authorization", &format!("Bearer {}x", secret)),
            with("authorization", &format!("Bearer {}", &secret[..50])),
            with("x-api-key", ""),
            with("x-api-key", "ä"),
            with("x-api-key", &"k".repeat(300)),
            both,
        ];
        for headers in wrong {
            let problem = ring.authenticate(&headers).unwrap_err();
            assert_eq!(problem.code, Code::Unauthorized, "{headers:?}");
        }
        assert!(
            KeyRing::closed(vec![])
                .authenticate(&HeaderMap::new())
                .is_err()
        );
        assert_eq!(
            KeyRing::open().authenticate(&HeaderMap::new()),
            Ok(Caller::local())
        );
    }

    #[test]
    fn expired_and_revoked_keys_are_refused() {
        let secret = new_secret().unwrap();
        let headers = with("x-api-key", &secret);
        let mut key = record("key_0", &secret, &[Scope::Read]);
        key.expires_at_ms = Some(now_ms() + 60_000);
        let ring = KeyRing::closed(vec![key.clone()]);
        assert!(ring.authenticate(&headers).is_ok());
        key.expires_at_ms = Some(now_ms() - 1);
        ring.replace(vec![key]);
        assert!(ring.authenticate(&headers).is_err());
        ring.replace(vec![]);
        assert!(ring.authenticate(&headers).is_err());
    }

    #[test]
    fn scopes_imply_what_they_must_and_no_more() {
        let caller = |scopes: &[Scope]| Caller {
            key_id: "key_0".into(),
            scopes: scopes.iter().copied().collect(),
        };
        let allowed = |scopes: &[Scope]| Scope::ALL.map(|scope| caller(scopes).has(scope));
        assert_eq!(allowed(&[Scope::Generate]), [true, true, false]);
        assert_eq!(allowed(&[Scope::Read]), [false, true, false]);
        assert_eq!(allowed(&[Scope::Admin]), [true, true, true]);
        assert_eq!(allowed(&[]), [false; 3]);
        let refused = caller(&[Scope::Read]).require(Scope::Generate).unwrap_err();
        assert_eq!(refused.status, 403);
    }

    #[test]
    fn key_files_are_read_line_by_line() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let text = format!(
            "# keys\n\nstudio generate,read mk_live_0123456789abcdef\nboss admin sha256:{hex}\n"
        );
        let keys = parse_key_file(&text).unwrap();
        assert_eq!(keys[0].hash, KeyHash::of("mk_live_0123456789abcdef"));
        assert_eq!(keys[1].hash, KeyHash::of("test"));
        assert_eq!(
            (keys[0].id.as_str(), keys[1].id.as_str()),
            ("file:studio", "file:boss")
        );
        for wrong in [
            "a b",
            "a read short",
            "a fly mk_live_0123456789abcdef",
            "a read sha256:12",
        ] {
            let error = parse_key_file(&format!("\n{wrong}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
