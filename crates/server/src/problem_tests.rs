//! Problems: stable names, the right statuses, and nothing of the machine in them.

use std::collections::HashSet;

use axum::body::to_bytes;
use serde_json::{Value, json};

use super::*;

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn names_slugs_and_serde_agree_and_are_unique() {
    let mut names = HashSet::new();
    for &code in Code::ALL {
        assert!(names.insert(code.name()), "{code:?} twice");
        assert_eq!(json!(code), json!(code.name()), "{code:?}");
        assert_eq!(Code::from_slug(&code.slug()), Some(code));
        assert!(code.status().is_client_error() || code.status().is_server_error());
        assert!(
            !code.title().is_empty() && code.advice().ends_with('.'),
            "{code:?}"
        );
    }
    assert_eq!(Code::from_slug("no-such-problem"), None);
}

#[test]
fn bare_statuses_become_problems() {
    let cases = [
        (404, Some(Code::NotFound)),
        (405, Some(Code::MethodNotAllowed)),
        (400, Some(Code::InvalidJson)),
        (418, Some(Code::BadRequest)),
        (507, Some(Code::Internal)),
        (200, None),
        (304, None),
    ];
    for (status, expected) in cases {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Code::from_status(status), expected, "{status}");
    }
}

#[tokio::test]
async fn the_answer_has_the_form_of_rfc_9457() {
    let fault = Fault {
        pointer: "/duration_s".into(),
        detail: "must be at most 60".into(),
    };
    let error = Error::Invalid {
        faults: vec![fault],
    };
    let response = error.into_response();
    assert_eq!(response.status(), 422);
    assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let expected = json!({
        "type": "/problems/invalid-request",
        "title": "Fields of the request are wrong",
        "status": 422,
        "detail": "/duration_s: must be at most 60",
        "code": "invalid_request",
        "errors": [{"pointer": "/duration_s", "detail": "must be at most 60"}],
    });
    assert_eq!(body(response).await, expected);
}

#[test]
fn waiting_times_and_challenges_are_headers() {
    let full = Error::QueueFull {
        queued: 100,
        limit: 100,
        retry_after_s: 0,
    };
    let response = full.into_response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let response = Problem::new(Code::Unauthorized, "no key").into_response();
    assert!(
        response.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
}

#[tokio::test]
async fn the_machine_stays_unseen() {
    let errors = [
        Error::Store {
            reason: "SELECT secret FROM keys".into(),
        },
        Error::File {
            path: "/home/secret/x.wav".into(),
            source: std::io::Error::other("secret"),
        },
        Error::Audio(mustool_audio::Error::Open {
            path: "/home/secret/x.wav".into(),
            source: std::io::Error::other("secret"),
        }),
    ];
    for error in errors {
        let response = error.into_response();
        assert!(response.status().is_server_error());
        assert!(!body(response).await.to_string().contains("secret"));
    }
}
