//! What a client is told when something goes wrong: `application/problem+json`, RFC 9457.
//!
//! Every kind of problem has a [`Code`] that never changes, a status, and a page at
//! `/problems/{slug}` that says what to do. This is the only place where an [`Error`] becomes a
//! status. The request's id and path are filled in by [`crate::edge`].

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;
use crate::wire::Fault;

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:ident, $title:literal, $advice:literal;)+) => {
        /// Kinds of problems; their names are part of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[schema(as = ProblemCode)]
        pub enum Code { $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+ }

        impl Code {
            /// All of them, for the pages that explain them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The status that goes with it.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The same few words for every problem of this kind.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What a client can do about it.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)+ }
            }
        }
    };
}

codes! {
    /// The body is no JSON of the right form, or nested too deeply.
    InvalidJson = "invalid_json", BAD_REQUEST, "The body is not valid JSON",
        "Send one JSON object, nested at most 32 levels deep, in UTF-8.";
    /// A header, a parameter or the address itself is malformed.
    BadRequest = "bad_request", BAD_REQUEST, "The request is malformed",
        "Compare the request with /openapi.json.";
    /// No API key, or one that is not known.
    Unauthorized = "unauthorized", UNAUTHORIZED, "An API key is needed",
        "Send the header \"Authorization: Bearer mk_…\" with a key that has not been revoked.";
    /// The key does not allow this.
    Forbidden = "forbidden", FORBIDDEN, "The API key does not allow this",
        "Use a key with the scope that the detail names.";
    /// The page or program that asks lives elsewhere.
    ForeignOrigin = "foreign_origin", FORBIDDEN, "The request comes from another site",
        "Open the page from this server, or start the server with --cors and that origin.";
    /// There is no such thing.
    NotFound = "not_found", NOT_FOUND, "There is no such thing",
        "Check the id; things of other keys cannot be seen.";
    /// The address does not know this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "The header Allow lists the methods of this address.";
    /// Nothing that the client accepts can be sent.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "No acceptable format",
        "Ask for application/json, text/event-stream or one of the audio types of /info.";
    /// The client sent its request too slowly.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "Send the request again over a faster connection.";
    /// The state of the thing forbids it.
    Conflict = "conflict", CONFLICT, "The current state forbids this",
        "Bring the thing into the state that the detail asks for; a running job must be canceled first.";
    /// The same idempotency key is being worked on.
    InFlight = "idempotency_in_flight", CONFLICT, "The first request with this key is not finished",
        "Wait a moment and send the same request again.";
    /// It was there, and its time is over.
    Gone = "gone", GONE, "It is no longer kept",
        "Make it again: the same seed and settings give the same bytes.";
    /// The body is too large.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "The limits are listed at /info.";
    /// The body is of a kind that is not read here.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body has the wrong media type",
        "Send application/json, or multipart/form-data for uploads, without compression.";
    /// The part of the file that was asked for does not exist.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE,
        "The range lies outside the file", "The header Content-Range has the length of the file.";
    /// The server does not go by this name.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, "The server does not go by this name",
        "Use the address that the server printed when it started, or start it with --allow-host.";
    /// Fields of the request are wrong.
    Invalid = "invalid_request", UNPROCESSABLE_ENTITY, "Fields of the request are wrong",
        "Each entry of errors points at a field and says what is expected there.";
    /// An idempotency key came again with another body.
    KeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another request", "Use a new key for a new request.";
    /// The audio cannot be read.
    InvalidAudio = "invalid_audio", UNPROCESSABLE_ENTITY, "The audio cannot be used",
        "Send a complete WAV, FLAC, MP3, Ogg or M4A file within the limits of /info.";
    /// More requests than the key may send.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "Wait for the seconds of the header Retry-After.";
    /// No more jobs are taken for now.
    QueueFull = "queue_full", TOO_MANY_REQUESTS, "The queue is full",
        "Wait for the seconds of the header Retry-After; they follow from the speed of the jobs.";
    /// The key has used up what it may use.
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "The quota of the key is used up",
        "Wait for the seconds of the header Retry-After, or ask for a larger quota.";
    /// The headers are too large.
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The headers are too large", "Send fewer or shorter headers.";
    /// A fault of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server made a mistake",
        "Try again; if it stays, report it with the request_id.";
    /// The model gave silence or numbers that are no sound.
    InvalidOutput = "invalid_output", INTERNAL_SERVER_ERROR, "The model made no usable sound",
        "Try another seed or fewer demands; nothing was kept of the attempt.";
    /// The worker died too often over this job.
    WorkerLost = "worker_lost", INTERNAL_SERVER_ERROR, "The worker was lost",
        "Ask again, with a shorter duration or fewer pieces at once.";
    /// The service stops, starts or has lost something that it needs.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is not available",
        "Wait for the seconds of the header Retry-After and ask again.";
    /// The service is stopping.
    Draining = "draining", SERVICE_UNAVAILABLE, "The service is stopping",
        "Ask again in a moment: accepted jobs are kept.";
    /// There is no model.
    NoModel = "no_model", SERVICE_UNAVAILABLE, "No model is loaded",
        "Ask the operator to load a model.";
    /// The database cannot be used.
    StoreDown = "store_unavailable", SERVICE_UNAVAILABLE, "The store is not available",
        "Wait for the seconds of the header Retry-After and ask again.";
    /// A synchronous answer took too long.
    Timeout = "timeout", GATEWAY_TIMEOUT, "It took too long",
        "Ask without waiting: POST answers 202 at once, and the job goes on.";
}

impl Code {
    /// Its part of the address of its page.
    pub fn slug(self) -> String {
        self.name().replace('_', "-")
    }

    /// The kind with this slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied();
        known.into_iter().find(|code| code.slug() == slug)
    }

    /// The kind that a bare status stands for; nothing for statuses that are no problem.
    pub fn from_status(status: StatusCode) -> Option<Self> {
        let first = Self::ALL.iter().find(|code| code.status() == status);
        match (first, status.as_u16()) {
            (Some(code), _) => Some(*code),
            (None, 400..=499) => Some(Self::BadRequest),
            (None, 500..=599) => Some(Self::Internal),
            (None, _) => None,
        }
    }
}

/// A problem as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Address of the page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(examples("/problems/queue-full"))]
    pub kind: String,
    /// What kind of problem it is, in few words.
    pub title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What exactly is wrong.
    pub detail: String,
    /// Path that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The kind for programs.
    pub code: Code,
    /// Id of the request, as in the header `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Seconds after which asking again may help; also in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of a kind, with what exactly is wrong.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.slug()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            instance: None,
            code,
            request_id: None,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// With the seconds to wait, at least 1.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// With the fields that are wrong.
    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.errors = faults;
        self
    }
}

impl IntoResponse for Problem {
    /// The answer; the problem travels along in its extensions, so that the edge can add to it.
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer realm=\"mustool\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Seconds after which a lost database is worth another try.
const STORE_RETRY_S: u64 = 5;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid { faults } => {
                let count = faults.len();
                let detail = match faults.as_slice() {
                    [one] => format!("{}: {}", one.pointer, one.detail),
                    _ => format!("{count} fields are wrong; see errors"),
                };
                Self::new(Code::Invalid, detail).faults(faults)
            }
            Error::Json { .. } => Self::new(Code::InvalidJson, detail),
            Error::NotFound { .. } => Self::new(Code::NotFound, detail),
            Error::Gone { .. } => Self::new(Code::Gone, detail),
            Error::Conflict { .. } => Self::new(Code::Conflict, detail),
            Error::KeyReused => Self::new(Code::KeyReused, detail),
            Error::QueueFull { retry_after_s, .. } => {
                Self::new(Code::QueueFull, detail).retry_after(retry_after_s)
            }
            Error::Unavailable { .. } => {
                Self::new(Code::Unavailable, detail).retry_after(STORE_RETRY_S)
            }
            // What a database says may hold what users wrote; it belongs in the log alone.
            Error::Store { .. } => {
                Self::new(Code::StoreDown, "the database did not answer as it should")
                    .retry_after(STORE_RETRY_S)
            }
            Error::Audio(error) => audio_problem(&error),
            Error::Analysis(_) => Self::new(Code::InvalidAudio, detail),
            Error::Diffusion(mustool_diffusion::Error::InvalidRequest { field, reason }) => {
                let pointer = format!("/{field}");
                let detail = format!("{pointer}: {reason}");
                let fault = Fault {
                    pointer,
                    detail: reason,
                };
                Self::new(Code::Invalid, detail).faults(vec![fault])
            }
            // Paths and causes of the machine are nobody's business outside.
            Error::File { .. }
            | Error::Diffusion(_)
            | Error::Listen { .. }
            | Error::Config { .. } => Self::new(Code::Internal, "the server could not do its part"),
        }
    }
}

fn audio_problem(error: &mustool_audio::Error) -> Problem {
    use mustool_audio::Error as Audio;
    let code = match error {
        Audio::Open { .. } | Audio::Read { .. } | Audio::Write { .. } | Audio::Output(_) => {
            return Problem::new(Code::Internal, "the server could not read or write audio");
        }
        Audio::TooLarge { .. } => Code::PayloadTooLarge,
        Audio::Setting { .. } | Audio::Format { .. } => Code::Invalid,
        _ => Code::InvalidAudio,
    };
    Problem::new(code, error.to_string())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
