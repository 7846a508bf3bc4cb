//! Which request is which: its id, and the trace of the caller that it belongs to.
//!
//! Ids come back in `X-Request-Id` and stand in every problem and log line. `traceparent` is that
//! of the W3C recommendation Trace Context, level 1.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Of the caller if it sent a usable one, or else new: 1 to 128 letters, digits, `.`, `_`, `-`.
    pub request_id: String,
    /// 32 hexadecimal digits of the caller's trace.
    pub trace_id: Option<String>,
}

impl Trace {
    /// Reads the headers of a request; what is malformed counts as absent.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let sent = text("x-request-id").filter(|id| is_request_id(id));
        let new = || format!("req_{}", uuid::Uuid::now_v7().simple());
        Self {
            request_id: sent.map_or_else(new, str::to_owned),
            trace_id: text("traceparent").and_then(trace_id).map(str::to_owned),
        }
    }

    /// The id as a header value.
    pub fn header(&self) -> HeaderValue {
        HeaderValue::try_from(&self.request_id).expect("ids are visible ASCII")
    }
}

fn is_request_id(id: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(allowed)
}

/// The trace id of a `traceparent`. Later versions may append fields; version `ff` is invalid.
fn trace_id(traceparent: &str) -> Option<&str> {
    let hex = |text: &str, length: usize| {
        let digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        text.len() == length && text.bytes().all(digit)
    };
    let zero = |text: &str| text.bytes().all(|c| c == b'0');
    let mut fields = traceparent.split('-');
    let [version, trace, parent, flags] = std::array::from_fn(|_| fields.next().unwrap_or(""));
    let more = fields.next().is_some();
    let valid = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && !zero(trace)
        && hex(parent, 16)
        && !zero(parent)
        && hex(flags, 2)
        && !(version == "00" && more);
    valid.then_some(trace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(name: &'static str, value: &str) -> Trace {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        Trace::from_headers(&HeaderMap::from_iter([(
            HeaderName::from_static(name),
            value,
        )]))
    }

    #[test]
    fn usable_ids_are_kept_and_others_replaced() {
        assert_eq!(with("x-request-id", "abc-1.2_3").request_id, "abc-1.2_3");
        for wrong in ["", "a b", "ä", "<script>", &"x".repeat(129)] {
            let id = with("x-request-id", wrong).request_id;
            assert!(
                id.starts_with("req_") && is_request_id(&id),
                "{wrong} gave {id}"
            );
        }
        let (a, b) = (
            Trace::from_headers(&HeaderMap::new()),
            Trace::from_headers(&HeaderMap::new()),
        );
        assert_ne!(a.request_id, b.request_id);
    }

    #[test]
    fn traces_follow_the_recommendation() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let valid = [
            format!("00-{id}-00f067aa0ba902b7-01"),
            format!("cc-{id}-00f067aa0ba902b7-01-later"),
        ];
        for header in valid {
            assert_eq!(
                with("traceparent", &header).trace_id.as_deref(),
                Some(id),
                "{header}"
            );
        }
        let wrong = [
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{id}-00f067aa0ba902b7"),
            String::new(),
        ];
        for header in wrong {
            assert_eq!(with("traceparent", &header).trace_id, None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_a_usable_id(bytes in prop::collection::vec(0x20_u8..0xFF, 0..200)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            for name in ["x-request-id", "traceparent"] {
                let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]);
                prop_assert!(is_request_id(&Trace::from_headers(&headers).request_id));
            }
        }
    }
}
