//! The edge of the service: what happens to every request before and after its handler.
//!
//! In order: it gets an id, its names and origin are checked, its key, its rate; afterwards
//! the answer gets its headers, problems get id and path, and the request is counted. What one
//! kind of request needs (ranges, `Accept`, `Prefer`, idempotency keys) is called by handlers.

pub mod accept;
pub mod auth;
pub mod disposition;
pub mod headers;
pub mod idempotency;
pub mod origin;
pub mod prefer;
pub mod range;
pub mod rate;
pub mod trace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use auth::{Caller, KeyRing};
use origin::Origins;
use rate::RateLimiter;
use trace::{REQUEST_ID, Trace};

/// Everything that the edge knows.
#[derive(Debug)]
pub struct Edge {
    /// Keys.
    pub keys: KeyRing,
    /// Names and origins.
    pub origins: Origins,
    /// How often each key may ask.
    pub limiter: RateLimiter,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

/// Paths that need no key, so that probes, browsers and readers of documents get by: they show
/// nothing that belongs to a key. Shared pieces have their own token in the path.
fn is_public(path: &str) -> bool {
    const EXACT: [&str; 7] = [
        "/",
        "/health",
        "/version",
        "/openapi.json",
        "/docs",
        "/favicon.ico",
        "/favicon.svg",
    ];
    const BELOW: [&str; 5] = ["/health/", "/problems/", "/assets/", "/docs/", "/s/"];
    EXACT.contains(&path) || BELOW.iter().any(|folder| path.starts_with(folder))
}

/// The layer around all routes; see the head of this file.
pub async fn guard(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let trace = Trace::from_headers(request.headers());
    let path = request.uri().path().to_owned();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("unmatched", MatchedPath::as_str).to_owned();
    let asked = request.headers().clone();
    let mut response = match edge.admit(&mut request, &path) {
        Admission::Answered(response) => response,
        Admission::Passed(decision) => {
            request.extensions_mut().insert(trace.clone());
            let _inflight = edge.metrics.inflight.enter();
            let mut response = next.run(request).await;
            if let Some(decision) = decision {
                decision.write(response.headers_mut());
            }
            response
        }
    };
    response = complete_problem(response, &trace, &path);
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, trace.header());
    headers::harden(status, headers);
    edge.origins.allow(&asked, headers);
    let elapsed = start.elapsed();
    add_server_timing(headers, elapsed.as_secs_f64());
    edge.metrics
        .observe_request(&route, status.as_u16(), elapsed);
    response
}

/// Whether a request may go on to its handler.
enum Admission {
    /// It may, at this state of its bucket.
    Passed(Option<rate::Decision>),
    /// It may not, or needs no handler.
    Answered(Response),
}

impl Edge {
    fn admit(&self, request: &mut Request, path: &str) -> Admission {
        let (method, headers) = (request.method(), request.headers());
        if let Some(answer) = self.origins.preflight(method, headers) {
            return Admission::Answered(answer);
        }
        if let Err(problem) = self.origins.check(method, headers) {
            return Admission::Answered(problem.into_response());
        }
        let public = is_public(path);
        let caller = match self.keys.authenticate(headers) {
            Ok(caller) => Some(caller),
            Err(_) if public => None,
            Err(problem) => return Admission::Answered(problem.into_response()),
        };
        // Probes must get through whatever else happens.
        let counted = caller.as_ref().filter(|_| !public);
        let decision = counted.map(|caller| self.limiter.take(&caller.key_id, Instant::now()));
        if let Some(refused) = decision.filter(|decision| !decision.allowed) {
            self.metrics.shed.inc(&["rate"]);
            let detail = "the key has sent more requests than RateLimit-Policy allows";
            let problem = Problem::new(Code::RateLimited, detail).retry_after(refused.wait_s);
            let mut response = problem.into_response();
            refused.write(response.headers_mut());
            return Admission::Answered(response);
        }
        if let Some(caller) = caller {
            request.extensions_mut().insert::<Caller>(caller);
        }
        Admission::Passed(decision)
    }
}

/// Gives a problem its request's id and path, and makes a problem of a bare error status.
fn complete_problem(mut response: Response, trace: &Trace, path: &str) -> Response {
    let status = response.status();
    let known = response.extensions_mut().remove::<Problem>();
    let problem = match (known, Code::from_status(status)) {
        (Some(problem), _) => problem,
        // Handlers that send an error with a body of their own have their reasons.
        (None, Some(code))
            if is_bare(response.headers()) && status != StatusCode::PRECONDITION_FAILED =>
        {
            Problem {
                status: status.as_u16(),
                ..Problem::new(code, code.title())
            }
        }
        (None, _) => return response,
    };
    let problem = Problem {
        instance: Some(path.to_owned()),
        request_id: Some(trace.request_id.clone()),
        ..problem
    };
    let (parts, _) = response.into_parts();
    let mut complete = problem.into_response();
    *complete.status_mut() = status;
    // What the first answer said in headers (Allow, Content-Range, cookies) still holds.
    for (name, value) in &parts.headers {
        let about_body = [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::RETRY_AFTER,
        ];
        if !about_body.contains(name) {
            complete.headers_mut().insert(name, value.clone());
        }
    }
    complete
}

/// Whether an answer has no content of its own: empty, or the plain text of the framework.
fn is_bare(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_none_or(|kind| kind.starts_with(b"text/plain"))
}

/// Adds the time of the whole request to `Server-Timing`, after the stages that a handler named.
fn add_server_timing(headers: &mut HeaderMap, seconds: f64) {
    let name = header::HeaderName::from_static("server-timing");
    let value = HeaderValue::try_from(format!("total;dur={:.1}", seconds * 1000.0));
    headers.append(name, value.expect("ASCII digits and words"));
}
