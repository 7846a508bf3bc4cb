//! Files to a client: the whole, a part, or nothing if it has it already.
//!
//! Ranges, entity tags and their preconditions as in RFC 9110, sections 8.8.3, 13.1 and 14; digests
//! as in RFC 9530. One range at a time: several in one request get the whole file, as the RFC
//! allows. Dates are not compared, since a file never changes under its name.

use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::disposition::Disposition;
use crate::problem::{Code, Problem};

/// Which part of a file a client is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    Whole,
    /// These bytes of it.
    Part(Range<u64>),
    /// Nothing: it has this version.
    NotModified,
    /// Nothing: it wanted another version.
    PreconditionFailed,
    /// Nothing: the part lies outside.
    OutOfRange,
}

/// Decides what the headers of a GET or HEAD ask of a file of `len` bytes.
///
/// `etag` is the strong tag without quotation marks.
pub fn select(headers: &HeaderMap, etag: &str, len: u64) -> Selection {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if text(header::IF_MATCH).is_some_and(|tags| !lists(tags, etag, false)) {
        return Selection::PreconditionFailed;
    }
    if text(header::IF_NONE_MATCH).is_some_and(|tags| lists(tags, etag, true)) {
        return Selection::NotModified;
    }
    let current = text(header::IF_RANGE).is_none_or(|tag| tag.trim() == format!("\"{etag}\""));
    match text(header::RANGE)
        .filter(|_| current)
        .map(|range| parse(range, len))
    {
        None | Some(None) => Selection::Whole,
        Some(Some(range)) if range.is_empty() => Selection::OutOfRange,
        Some(Some(range)) => Selection::Part(range),
    }
}

/// Whether a list of entity tags, or `*`, has this one. Weak tags count only if `weak`.
fn lists(tags: &str, etag: &str, weak: bool) -> bool {
    let same = |tag: &str| {
        let strong = tag.strip_prefix("W/").filter(|_| weak).unwrap_or(tag);
        strong
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            == Some(etag)
    };
    tags.trim() == "*" || tags.split(',').map(str::trim).any(same)
}

/// The bytes of `bytes=0-99`, `bytes=100-` or `bytes=-100` in a file of `len` bytes.
///
/// Nothing where the header is malformed, of another unit, or asks for several ranges: it then
/// counts as absent. An empty range is one that lies outside the file.
pub fn parse(range: &str, len: u64) -> Option<Range<u64>> {
    let (unit, spec) = range.split_once('=')?;
    let (first, last) = spec.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        // More digits than 64 bits hold lie beyond the end of any file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", suffix) => {
            let suffix = number(suffix)?;
            Some(len.saturating_sub(suffix)..len)
        }
        (first, "") => {
            let first = number(first)?;
            Some(first.min(len)..len)
        }
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first.min(len)..last.saturating_add(1).min(len))
        }
    }
}

/// A file in memory on its way to a client.
#[derive(Debug)]
pub struct FileResponse {
    /// Its bytes.
    pub bytes: Bytes,
    /// Strong entity tag without quotation marks, of visible ASCII: the checksum of the content.
    pub etag: String,
    /// Media type.
    pub media_type: &'static str,
    /// Name under which it is saved, if it has one.
    pub disposition: Option<Disposition>,
    /// How long the client may keep it without asking, in seconds.
    pub max_age_s: u32,
}

impl FileResponse {
    /// The answer to a GET; axum makes that to a HEAD of it.
    pub fn answer(self, request: &HeaderMap) -> Response {
        let len = self.bytes.len() as u64;
        let selection = select(request, &self.etag, len);
        let (status, bytes) = match &selection {
            Selection::Whole => (StatusCode::OK, self.bytes.clone()),
            Selection::Part(range) => {
                let range = range.start as usize..range.end as usize;
                (StatusCode::PARTIAL_CONTENT, self.bytes.slice(range))
            }
            Selection::NotModified => (StatusCode::NOT_MODIFIED, Bytes::new()),
            Selection::PreconditionFailed => {
                return (StatusCode::PRECONDITION_FAILED, Body::empty()).into_response();
            }
            Selection::OutOfRange => return out_of_range(len),
        };
        let digest = content_digest(&bytes);
        let mut response = (status, Body::from(bytes)).into_response();
        let headers = response.headers_mut();
        let mut set = |name, text: String| {
            let value = HeaderValue::try_from(text).expect("tags and names are visible ASCII");
            headers.insert(name, value);
        };
        set(header::ETAG, format!("\"{}\"", self.etag));
        let caching = match self.max_age_s {
            0 => "no-cache".to_owned(),
            seconds => format!("private, max-age={seconds}, immutable"),
        };
        set(header::CACHE_CONTROL, caching);
        if selection == Selection::NotModified {
            headers.remove(header::CONTENT_TYPE);
            return response;
        }
        set(header::CONTENT_TYPE, self.media_type.to_owned());
        set(header::ACCEPT_RANGES, "bytes".to_owned());
        set(header::HeaderName::from_static("content-digest"), digest);
        if let Some(disposition) = &self.disposition {
            set(header::CONTENT_DISPOSITION, disposition.to_string());
        }
        if let Selection::Part(range) = selection {
            let value = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            set(header::CONTENT_RANGE, value);
        }
        response
    }
}

fn out_of_range(len: u64) -> Response {
    let problem = Problem::new(
        Code::RangeNotSatisfiable,
        format!("the file has {len} bytes"),
    );
    let mut response = problem.into_response();
    let value = HeaderValue::try_from(format!("bytes */{len}")).expect("ASCII digits and words");
    response.headers_mut().insert(header::CONTENT_RANGE, value);
    response
}

/// `Content-Digest` of the bytes that are sent.
pub fn content_digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pair = |(name, value): &(HeaderName, &str)| {
            (name.clone(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn file() -> FileResponse {
        FileResponse {
            bytes: Bytes::from_static(b"0123456789"),
            etag: "abc".into(),
            media_type: "audio/wav",
            disposition: None,
            max_age_s: 60,
        }
    }

    #[test]
    fn ranges_follow_the_rfc() {
        let cases = [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=8-100", Some(8..10)),
            ("Bytes= 0 - 0 ", Some(0..1)),
            ("bytes=10-", Some(10..10)),
            ("bytes=99999999999999999999999-", Some(10..10)),
            ("bytes=-0", Some(10..10)),
            ("bytes=5-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes 0-3", None),
            ("frames=0-3", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn preconditions_come_before_ranges() {
        use header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
        let cases: [(&[(HeaderName, &str)], Selection); 9] = [
            (&[], Selection::Whole),
            (
                &[(IF_NONE_MATCH, "\"x\", W/\"abc\"")],
                Selection::NotModified,
            ),
            (
                &[(IF_NONE_MATCH, "*"), (RANGE, "bytes=0-1")],
                Selection::NotModified,
            ),
            (&[(IF_NONE_MATCH, "abc")], Selection::Whole),
            (&[(IF_MATCH, "\"x\"")], Selection::PreconditionFailed),
            (&[(IF_MATCH, "W/\"abc\"")], Selection::PreconditionFailed),
            (
                &[(IF_RANGE, "\"abc\""), (RANGE, "bytes=0-1")],
                Selection::Part(0..2),
            ),
            (
                &[(IF_RANGE, "\"old\""), (RANGE, "bytes=0-1")],
                Selection::Whole,
            ),
            (&[(RANGE, "bytes=10-")], Selection::OutOfRange),
        ];
        for (pairs, expected) in cases {
            assert_eq!(select(&headers(pairs), "abc", 10), expected, "{pairs:?}");
        }
    }

    #[tokio::test]
    async fn answers_have_the_right_headers() {
        let part = file().answer(&headers(&[(header::RANGE, "bytes=2-4")]));
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
        assert_eq!(part.headers()["etag"], "\"abc\"");
        assert_eq!(part.headers()["content-digest"], content_digest(b"234"));
        assert_eq!(to_bytes(part.into_body(), 99).await.unwrap(), "234");
        let same = file().answer(&headers(&[(header::IF_NONE_MATCH, "\"abc\"")]));
        assert_eq!(same.status(), 304);
        assert!(to_bytes(same.into_body(), 99).await.unwrap().is_empty());
        let outside = file().answer(&headers(&[(header::RANGE, "bytes=10-")]));
        assert_eq!(outside.status(), 416);
        assert_eq!(outside.headers()["content-range"], "bytes */10");
        let whole = file().answer(&HeaderMap::new());
        assert_eq!(
            (whole.status().as_u16(), &whole.headers()["accept-ranges"]),
            (200, &"bytes".parse().unwrap())
        );
    }

    #[test]
    fn the_digest_is_that_of_the_rfc() {
        // RFC 9530, appendix D.
        let body = b"{\"hello\": \"world\"}\n";
        let expected = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(content_digest(body), expected);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_the_file(text in "bytes=[0-9]{0,4}-[0-9]{0,4}", len in 0_u64..5000) {
            if let Some(range) = parse(&text, len) {
                prop_assert!(range.start <= range.end && range.end <= len);
            }
        }

        #[test]
        fn no_headers_make_it_panic(range in "[ -~]{0,40}", tag in "[ -~]{0,40}", len in any::<u64>()) {
            for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE] {
                let _ = select(&headers(&[(header::RANGE, &range), (name, &tag)]), "abc", len);
            }
        }
    }
}
