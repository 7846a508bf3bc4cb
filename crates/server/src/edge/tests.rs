//! The edge around small handlers: what clients see of it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde_json::Value;
use tower::ServiceExt;

use super::auth::{KeyHash, KeyRecord, Scope};
use super::rate::Policy;
use super::*;

fn app(keys: KeyRing, quota: u32) -> (Router, Arc<Edge>) {
    let edge = Arc::new(Edge {
        keys,
        origins: Origins::new(true, &[], &["https://studio.example".into()]),
        limiter: RateLimiter::new(Policy {
            quota,
            window_s: 60,
        }),
        metrics: Arc::new(Metrics::new()),
    });
    let routes = Router::new()
        .route(
            "/v1/things/{id}",
            get(|caller: Caller| async move { caller.key_id.to_string() }),
        )
        .route("/v1/things", post(|| async { StatusCode::CREATED }))
        .route(
            "/v1/fail",
            get(|| async { crate::Error::KeyReused.into_response() }),
        )
        .route("/health/live", get(|| async { "ok" }))
        .route("/", get(|| async { axum::response::Html("<p>hello") }));
    (routes.layer(from_fn_with_state(edge.clone(), guard)), edge)
}

async fn ask(app: &Router, method: &str, path: &str, pairs: &[(&'static str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in [("host", "localhost:8765")].iter().chain(pairs) {
        request = request.header(HeaderName::from_static(name), *value);
    }
    app.clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn json(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_answer_is_named_timed_and_hardened() {
    let (app, _) = app(KeyRing::open(), 100);
    for path in ["/", "/v1/things/7", "/v1/fail", "/nowhere", "/health/live"] {
        let response = ask(&app, "GET", path, &[("x-request-id", "abc-1")]).await;
        let headers = response.headers();
        assert_eq!(headers["x-request-id"], "abc-1", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(headers.contains_key("content-security-policy"), "{path}");
        assert!(
            headers["server-timing"]
                .to_str()
                .unwrap()
                .contains("total;dur="),
            "{path}"
        );
    }
}

#[tokio::test]
async fn problems_know_their_request_and_the_framework_speaks_the_same_language() {
    let (app, _) = app(KeyRing::open(), 100);
    let cases = [
        ("GET", "/v1/fail", 422, "idempotency_key_reused"),
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/v1/things", 405, "method_not_allowed"),
    ];
    for (method, path, status, code) in cases {
        let response = ask(&app, method, path, &[("x-request-id", "abc-1")]).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(response.headers().get("allow").is_some(), status == 405);
        let body = json(response).await;
        assert_eq!(
            (&body["code"], &body["status"]),
            (&code.into(), &status.into()),
            "{path}"
        );
        assert_eq!(
            (&body["instance"], &body["request_id"]),
            (&path.into(), &"abc-1".into())
        );
    }
}

#[tokio::test]
async fn keys_guard_all_but_public_paths() {
    let secret = auth::new_secret().unwrap();
    let key = KeyRecord {
        id: "key_1".into(),
        hash: KeyHash::of(&secret),
        scopes: [Scope::Read].into(),
        expires_at_ms: None,
    };
    let (app, _) = app(KeyRing::closed(vec![key]), 100);
    let bearer = format!("Bearer {secret}");
    let known = ask(&app, "GET", "/v1/things/7", &[("authorization", &bearer)]).await;
    assert_eq!(to_bytes(known.into_body(), 99).await.unwrap(), "key_1");
    for (path, status) in [
        ("/v1/things/7", 401),
        ("/nowhere", 401),
        ("/", 200),
        ("/health/live", 200),
    ] {
        let response = ask(&app, "GET", path, &[]).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    let refused = ask(
        &app,
        "GET",
        "/v1/things/7",
        &[("x-api-key", "mk_live_wrong")],
    )
    .await;
    assert!(refused.headers().contains_key("www-authenticate"));
    assert_eq!(json(refused).await["code"], "unauthorized");
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    let (app, edge) = app(KeyRing::open(), 2);
    for rest in ["1", "0"] {
        let response = ask(&app, "GET", "/v1/things/7", &[]).await;
        assert_eq!(response.status(), 200);
        assert!(
            response.headers()["ratelimit"]
                .to_str()
                .unwrap()
                .contains(&format!("r={rest};"))
        );
    }
    let refused = ask(&app, "GET", "/v1/things/7", &[]).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "30");
    assert!(refused.headers().contains_key("ratelimit-policy"));
    assert_eq!(json(refused).await["code"], "rate_limited");
    assert_eq!(
        ask(&app, "GET", "/health/live", &[]).await.status(),
        200,
        "probes pass"
    );
    let text = edge.metrics.render();
    assert!(
        text.contains("mustool_shed_total{reason=\"rate\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("mustool_requests_total{route=\"/v1/things/{id}\",status=\"429\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn strangers_pages_are_kept_out_and_friends_let_in() {
    let (app, _) = app(KeyRing::open(), 100);
    let evil = ask(
        &app,
        "POST",
        "/v1/things",
        &[("origin", "https://evil.example")],
    )
    .await;
    assert_eq!(evil.status(), 403);
    assert!(!evil.headers().contains_key("access-control-allow-origin"));
    let friend = ask(
        &app,
        "POST",
        "/v1/things",
        &[("origin", "https://studio.example")],
    )
    .await;
    assert_eq!(friend.status(), 201);
    assert_eq!(
        friend.headers()["access-control-allow-origin"],
        "https://studio.example"
    );
    assert_eq!(
        friend.headers()["cross-origin-resource-policy"],
        "cross-origin"
    );
    let asked = [
        ("origin", "https://studio.example"),
        ("access-control-request-method", "POST"),
    ];
    assert_eq!(
        ask(&app, "OPTIONS", "/v1/things", &asked).await.status(),
        204
    );
    let rebound = Request::get("/v1/things/7").header("host", "evil.example");
    let response = app
        .oneshot(rebound.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 421);
}
