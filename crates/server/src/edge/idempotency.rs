//! Keys by which a client may send a request twice and have it done once.
//!
//! The header is that of draft-ietf-httpapi-idempotency-key-header-07: a text in quotation marks;
//! the bare form that most services take is taken too. What was answered to which key is kept by
//! `store`.

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

/// The header with the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key, in characters.
const MAX_KEY_CHARS: usize = 255;

/// The key of a request, if it has one. 400 if it is empty, longer than 255 characters, sent twice
/// or holds anything but visible ASCII.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refuse = |detail| Err(Problem::new(Code::BadRequest, detail));
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return refuse("there is more than one Idempotency-Key");
    }
    let bytes = value.as_bytes();
    let key = match bytes {
        [b'"', inner @ .., b'"'] => unescape(inner),
        _ if bytes.contains(&b'"') => None,
        _ => Some(bytes.to_vec()),
    };
    match key {
        Some(key) if key.is_empty() => refuse("the Idempotency-Key is empty"),
        Some(key) if key.len() > MAX_KEY_CHARS => {
            refuse("the Idempotency-Key has more than 255 characters")
        }
        Some(key) if key.iter().all(u8::is_ascii_graphic) => Ok(Some(
            String::from_utf8(key).expect("visible ASCII is UTF-8"),
        )),
        _ => refuse("the Idempotency-Key must be visible ASCII"),
    }
}

/// The inside of a quoted text (RFC 9651, section 3.3.3): a backslash protects `"` and itself.
fn unescape(inner: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        text.push(match byte {
            b'\\' => *rest.next().filter(|&&next| matches!(next, b'"' | b'\\'))?,
            b'"' => return None,
            _ => byte,
        });
    }
    Some(text)
}

/// What makes two requests the same: SHA-256 of method, path and body, in hexadecimal.
pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &[u8]) -> Result<Option<String>, Problem> {
        let value = HeaderValue::from_bytes(value).unwrap();
        key(&HeaderMap::from_iter([(IDEMPOTENCY_KEY, value)]))
    }

    #[test]
    fn both_forms_are_one_key() {
        for form in ["8e03978e-40d5-43e8", "\"8e03978e-40d5-43e8\""] {
            assert_eq!(
                read(form.as_bytes()).unwrap().as_deref(),
                Some("8e03978e-40d5-43e8")
            );
        }
        assert_eq!(read(br#""a\"b\\c""#).unwrap().as_deref(), Some(r#"a"b\c"#));
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn malformed_keys_are_refused() {
        let long = "k".repeat(256);
        let wrong: [&[u8]; 9] = [
            b"",
            b"\"\"",
            b"a b",
            b"\"a",
            b"a\"b",
            b"\"a\"b\"",
            b"\"a\\b\"",
            "schlüssel".as_bytes(),
            long.as_bytes(),
        ];
        for value in wrong {
            assert_eq!(read(value).unwrap_err().status, 400, "{value:?}");
        }
        assert!(read("k".repeat(255).as_bytes()).is_ok());
        let mut twice = HeaderMap::new();
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("a"));
        twice.append(IDEMPOTENCY_KEY, HeaderValue::from_static("b"));
        assert!(key(&twice).is_err());
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        let a = fingerprint("POST", "/v1/generations", b"{}");
        assert_eq!(a.len(), 64);
        assert_eq!(a, fingerprint("POST", "/v1/generations", b"{}"));
        assert_ne!(a, fingerprint("PUT", "/v1/generations", b"{}"));
        assert_ne!(a, fingerprint("POST", "/v1/generations{", b"}"));
    }

    proptest! {
        #[test]
        fn any_visible_text_survives_quotation(text in "[!-~]{1,100}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(read(quoted.as_bytes()).unwrap(), Some(text));
        }

        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = key(&HeaderMap::from_iter([(IDEMPOTENCY_KEY, value)]));
            }
        }
    }
}
