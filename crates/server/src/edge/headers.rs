//! Headers that every answer carries for the browser's sake: what a page may load, and who may
//! frame, read or guess it.
//!
//! The policy of the page is that of a page without foreign scripts, styles or requests. Values
//! that a handler has set itself are left alone.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// What the page may do: everything from this server, nothing from elsewhere, no inline scripts,
/// and no text that becomes markup.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; \
    worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'";
/// What anything that is no page may do, should a browser show it as one: nothing.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// Devices and interfaces that the page does not use.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), \
    gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

/// Adds the headers that are missing. Private JSON is not to be stored by caches.
///
/// 304 gets no policy: a browser would put it in the place of the one that it keeps with the
/// content, and a page that was loaded again could do nothing.
pub fn harden(status: StatusCode, headers: &mut HeaderMap) {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let policy = match kind.starts_with("text/html") {
        true => PAGE_POLICY,
        false => DATA_POLICY,
    };
    let private = kind.contains("json") || kind.starts_with("text/event-stream");
    let mut fill = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    ALWAYS
        .into_iter()
        .for_each(|(name, value)| fill(name, value));
    if status != StatusCode::NOT_MODIFIED {
        fill(header::CONTENT_SECURITY_POLICY, policy);
    }
    if private {
        fill(header::CACHE_CONTROL, "no-store");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hardened(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        let mut headers = HeaderMap::from_iter(
            pairs.map(|(name, value)| (name, HeaderValue::from_static(value))),
        );
        harden(StatusCode::OK, &mut headers);
        headers
    }

    #[test]
    fn pages_may_load_from_here_alone_and_data_nothing() {
        let page = hardened(&[(header::CONTENT_TYPE, "text/html; charset=utf-8")]);
        let policy = page["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("require-trusted-types-for 'script'") && policy.contains("'self'"));
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        assert!(!page.contains_key("cache-control"));
        let data = hardened(&[(header::CONTENT_TYPE, "application/json")]);
        assert!(
            data["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("sandbox")
        );
        assert_eq!(data["cache-control"], "no-store");
        for headers in [page, data] {
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["referrer-policy"], "no-referrer");
        }
    }

    #[test]
    fn a_page_that_has_not_changed_keeps_its_policy() {
        let mut headers = HeaderMap::new();
        harden(StatusCode::NOT_MODIFIED, &mut headers);
        assert!(!headers.contains_key("content-security-policy"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }

    #[test]
    fn what_a_handler_has_set_stays() {
        let headers = hardened(&[
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "public, max-age=60"),
        ]);
        assert_eq!(headers["cache-control"], "public, max-age=60");
        assert_eq!(headers.get_all("cache-control").iter().count(), 1);
    }
}
