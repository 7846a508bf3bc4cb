//! Which names the server answers to, and which pages may talk to it.
//!
//! A page of a stranger can make a browser send requests to this machine, by a name of its own that
//! leads here (DNS rebinding) or by plain forms. So a server that needs no key answers only to
//! names of this machine, and changes nothing for a page of another origin unless the operator
//! allows it (CORS, as in the Fetch standard). Requests of programs carry no `Origin` and pass.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem};

/// Methods that a page of another origin may use once it is allowed.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");
/// Headers that it may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept, prefer, idempotency-key, cancel-after, last-event-id, \
     if-none-match, range, x-api-key, x-request-id, traceparent",
);
/// Headers that it may read.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-disposition, content-range, etag, idempotent-replayed, location, preference-applied, \
     ratelimit, ratelimit-policy, retry-after, server-timing, x-generation-id, x-request-id, x-seed",
);
const PREFLIGHT: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;

/// Names and origins that are trusted.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Names in `Host` that are answered, without port and in small letters; empty for any name.
    hosts: Vec<String>,
    /// Origins of other sites whose pages may use the service, such as `https://studio.example`.
    cors: Vec<String>,
}

impl Origins {
    /// A server on this machine alone answers to its own names and to `hosts`; one that needs keys
    /// answers to any name unless `hosts` names some.
    pub fn new(loopback: bool, hosts: &[String], cors: &[String]) -> Self {
        let own: &[&str] = match loopback {
            true => &["localhost", "127.0.0.1", "[::1]"],
            false => &[],
        };
        let own = own.iter().map(|&host| host.to_owned());
        let tidy = |text: &String| text.trim_end_matches('/').to_ascii_lowercase();
        Self {
            hosts: own.chain(hosts.iter().map(tidy)).collect(),
            cors: cors.iter().map(tidy).collect(),
        }
    }

    /// Refuses a request by another name, or one by which another site would change something.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        let host = self.check_host(headers)?;
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if safe || self.allowed_origin(headers).is_some() {
            return Ok(());
        }
        let refuse = |detail: String| Err(Problem::new(Code::ForeignOrigin, detail));
        match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            Some(Ok(origin)) if !is_of(origin, &host) => {
                refuse(format!("pages of {origin} may not change anything here"))
            }
            Some(Err(_)) => refuse("the header Origin is not ASCII".into()),
            Some(Ok(_)) => Ok(()),
            None => match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
                None | Some(b"same-origin" | b"none") => Ok(()),
                Some(_) => refuse("another site asked the browser to send this".into()),
            },
        }
    }

    /// The `Host` of the request, if it is one of ours.
    fn check_host(&self, headers: &HeaderMap) -> Result<Authority, Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        let authority = first
            .filter(|_| second.is_none())
            .and_then(|value| Authority::try_from(value.as_bytes()).ok())
            .filter(|authority| !authority.as_str().contains('@'));
        let Some(authority) = authority else {
            let detail = "the request must have one header Host with a name";
            return Err(Problem::new(Code::BadRequest, detail));
        };
        let name = authority.host().to_ascii_lowercase();
        if self.hosts.is_empty() || self.hosts.contains(&name) {
            return Ok(authority);
        }
        let detail = format!("the server does not go by the name {name:?}");
        Err(Problem::new(Code::Misdirected, detail))
    }

    /// The request's origin, if it is one of those that the operator allows.
    fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.cors.contains(&text).then_some(origin)
    }

    /// The answer to a browser that asks whether a page may send a request; nothing for requests
    /// that are no such question.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !headers.contains_key(PREFLIGHT) {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        self.allow(headers, answer);
        if answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            answer.insert(
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static("600"),
            );
        }
        Some(response)
    }

    /// Adds what lets a page of an allowed origin read the answer to `request`.
    pub fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.cors.is_empty() {
            return;
        }
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed_origin(request) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
            let name = HeaderName::from_static("cross-origin-resource-policy");
            answer.insert(name, HeaderValue::from_static("cross-origin"));
        }
    }
}

/// Whether an origin is that of the host; the scheme may differ, since a proxy may add TLS.
fn is_of(origin: &str, host: &Authority) -> bool {
    let address = origin.split_once("://").map(|(_, address)| address);
    address.is_some_and(|address| address.eq_ignore_ascii_case(host.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn code(origins: &Origins, method: Method, pairs: &[(&'static str, &str)]) -> Option<Code> {
        let checked = origins.check(&method, &headers(pairs));
        checked.err().map(|problem| problem.code)
    }

    #[test]
    fn a_local_server_answers_to_local_names_only() {
        let local = Origins::new(true, &["studio.lan".into()], &[]);
        for host in [
            "localhost:8765",
            "127.0.0.1:1",
            "[::1]:8765",
            "LOCALHOST",
            "studio.lan",
        ] {
            assert_eq!(code(&local, Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example:8765",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            let found = code(&local, Method::GET, &[("host", host)]);
            assert_eq!(found, Some(Code::Misdirected), "{host}");
        }
        for host in ["", "a b", "user@localhost", "localhost/x"] {
            let found = code(&local, Method::GET, &[("host", host)]);
            assert_eq!(found, Some(Code::BadRequest), "{host}");
        }
        assert_eq!(code(&local, Method::GET, &[]), Some(Code::BadRequest));
        let open = Origins::new(false, &[], &[]);
        assert_eq!(code(&open, Method::GET, &[("host", "music.example")]), None);
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let origins = Origins::new(true, &[], &["https://studio.example/".into()]);
        let ask = |method: Method, pairs: &[(&'static str, &str)]| {
            let host = [("host", "localhost:8765")];
            code(&origins, method, &[&host, pairs].concat())
        };
        assert_eq!(ask(Method::POST, &[]), None, "programs");
        assert_eq!(
            ask(Method::POST, &[("origin", "http://localhost:8765")]),
            None,
            "our page"
        );
        assert_eq!(
            ask(Method::POST, &[("origin", "https://studio.example")]),
            None
        );
        assert_eq!(
            ask(Method::POST, &[("sec-fetch-site", "same-origin")]),
            None
        );
        assert_eq!(
            ask(Method::GET, &[("origin", "https://evil.example")]),
            None
        );
        let foreign = [
            ("origin", "https://evil.example"),
            ("origin", "http://localhost:9999"),
            ("origin", "null"),
            ("origin", "localhost:8765"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ];
        for pair in foreign {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(ask(method, &[pair]), Some(Code::ForeignOrigin), "{pair:?}");
            }
        }
    }

    #[test]
    fn only_allowed_origins_may_read() {
        let origins = Origins::new(true, &[], &["https://studio.example".into()]);
        let asked = |origin: &str| {
            let asked = headers(&[
                ("origin", origin),
                ("access-control-request-method", "POST"),
            ]);
            origins.preflight(&Method::OPTIONS, &asked).unwrap()
        };
        let good = asked("https://studio.example");
        assert_eq!(good.status(), 204);
        assert_eq!(
            good.headers()["access-control-allow-origin"],
            "https://studio.example"
        );
        assert!(good.headers().contains_key("access-control-allow-headers"));
        let bad = asked("https://evil.example");
        assert!(!bad.headers().contains_key("access-control-allow-origin"));
        assert_eq!(bad.headers()["vary"], "Origin");
        assert!(
            origins
                .preflight(&Method::OPTIONS, &HeaderMap::new())
                .is_none()
        );
        assert!(
            origins
                .preflight(&Method::POST, &HeaderMap::new())
                .is_none()
        );
    }
}
