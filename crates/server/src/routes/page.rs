//! The page that plays: the files of `web/dist`, which are part of the program if they were built
//! before it.

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::edge::range::FileResponse;
use crate::problem::{Code, Problem};
use crate::worker::hex;

/// Path, media type and content of every file of the page; empty if it was not built.
static FILES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Seconds for which a browser may keep files whose names hold their checksum.
const YEAR_S: u32 = 31_536_000;

const ABSENT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>mustool</title></head><body><main><h1>mustool</h1>\
    <p>The service runs. Its page is not part of this program, because it was built without it: \
    run <code>npm ci &amp;&amp; npm run build</code> in the folder <code>web</code>, then build \
    mustool again.</p><p><a href=\"/docs\">The interface</a> · \
    <a href=\"/openapi.json\">OpenAPI</a></p></main></body></html>";

/// Everything that is no address of the interface: files of the page, or 404.
pub(super) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let file = FILES.iter().find(|(name, _, _)| match path {
        "/" => *name == "/index.html",
        path => *name == path,
    });
    match (file, path) {
        _ if !matches!(method, Method::GET | Method::HEAD) && (file.is_some() || path == "/") => {
            let mut response = Problem::new(Code::MethodNotAllowed, "read only").into_response();
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            response
        }
        (Some((name, media_type, bytes)), _) => {
            let hashed = name.starts_with("/assets/");
            let file = FileResponse {
                etag: hex(&Sha256::digest(bytes)),
                bytes: axum::body::Bytes::from_static(bytes),
                media_type,
                disposition: None,
                max_age_s: if hashed { YEAR_S } else { 0 },
            };
            file.answer(&headers)
        }
        (None, "/") => Html(ABSENT).into_response(),
        (None, "/favicon.ico") => axum::http::StatusCode::NO_CONTENT.into_response(),
        (None, _) => {
            Problem::new(Code::NotFound, "there is nothing at this address").into_response()
        }
    }
}
