//! What is refused, with which status, and where the client is pointed.

use serde_json::{Value, json};

use crate::client;
use crate::{Server, short};

#[test]
fn wrong_requests_get_their_status_and_pointer() {
    let (server, _folder) = Server::fake(1, &[]);
    let json_kind = [("content-type", "application/json")];
    let raw = |headers: &[(&str, &str)], body: &[u8]| {
        client::send(server.port, "POST", "/v1/generations", headers, body)
    };
    assert_eq!(raw(&json_kind, b"{").status, 400);
    assert_eq!(raw(&json_kind, &vec![b'['; 100_000]).status, 400);
    assert_eq!(raw(&[("content-type", "text/plain")], b"{}").status, 415);
    let gzip = [json_kind[0], ("content-encoding", "gzip")];
    assert_eq!(raw(&gzip, b"{}").status, 415);
    let long = json!({"prompt": "x".repeat(300_000)}).to_string();
    assert_eq!(raw(&json_kind, long.as_bytes()).status, 413);
    let cases = [
        (json!({}), ""),
        (json!({"prompt": " "}), "/prompt"),
        (json!({"prompt": "a", "duration_s": 61}), "/duration_s"),
        (json!({"prompt": "a", "colour": 1}), "/colour"),
        (json!({"prompt": "a", "model": "other"}), "/model"),
        (
            json!({"prompt": "a", "controls": {"chords": [{"t": 0, "symbol": "H7"}]}}),
            "/controls/chords/0/symbol",
        ),
        (
            json!({"prompt": "a", "webhook": {"url": "https://example.org/"}}),
            "/webhook",
        ),
    ];
    for (body, pointer) in cases {
        let answer = server.post("/v1/generations", &body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem = answer.json();
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{body}: {problem}"
        );
        assert_eq!(problem["type"], "/problems/invalid-request");
        assert_eq!(
            problem["request_id"].as_str(),
            answer.header("x-request-id")
        );
    }
    let missing = json!({"prompt": "a", "input_audio": {"file_id": "file_0"}});
    assert_eq!(server.post("/v1/generations", &missing).status, 404);
    let sound = server.post_with("/v1/generations", &[("accept", "image/png")], &short(1));
    assert_eq!(sound.status, 406);
    let put = client::send(server.port, "PATCH", "/v1/generations", &[], b"");
    assert_eq!(put.status, 405);
    assert!(
        put.header("allow")
            .is_some_and(|allow| allow.contains("POST"))
    );
    assert_eq!(server.get("/v1/generations?limit=0").status, 400);
    assert_eq!(server.get("/v1/nothing").status, 404);
    let page = server.get("/problems/queue-full").json();
    assert_eq!(
        (page["status"].clone(), page["code"].clone()),
        (json!(429), json!("queue_full"))
    );
}

#[test]
fn other_sites_and_other_names_are_refused() {
    let (server, _folder) = Server::fake(1, &[]);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(
        server
            .post_with("/v1/generations", &foreign, &short(1))
            .status,
        403
    );
    let rebound = client::send(
        server.port,
        "GET",
        "/health",
        &[("host", "evil.example")],
        b"",
    );
    assert_eq!(rebound.status, 421);
    let page = server.get("/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let (server, _folder) = Server::fake(60_000, &["--queue-max", "2"]);
    let running = server.submit(&short(1));
    server.wait_for(&running, |job| job["status"] == "running");
    let second = server.submit(&short(2));
    let third = server.submit(&short(3));
    let full = server.post("/v1/generations", &short(4));
    assert_eq!(
        (full.status, full.json()["code"].clone()),
        (429, json!("queue_full"))
    );
    let wait: u64 = full.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1);
    let waiting = server.get(&format!("/v1/generations/{third}")).json();
    assert_eq!(waiting["queue"]["position"], 2);
    let canceled = server.post(&format!("/v1/generations/{second}/cancel"), &Value::Null);
    assert_eq!(
        (canceled.status, canceled.json()["status"].clone()),
        (200, json!("canceled"))
    );
    server.submit(&short(5));
}

#[test]
fn keys_open_what_their_scopes_say() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let secret = |name: &str| format!("mk_live_{}", name.repeat(10));
    let lines = format!(
        "boss admin {}\nstudio generate {}\nviewer read {}\n",
        secret("boss"),
        secret("studio"),
        secret("viewer")
    );
    std::fs::write(&keys, lines).unwrap();
    let path = keys.to_str().unwrap();
    let server = Server::start(folder.path(), &["--fake-engine", "1", "--api-keys", path]);
    let ask = |key: &str, method: &str, path: &str, body: &Value| {
        let bearer = format!("Bearer {key}");
        server.send(method, path, &[("authorization", &bearer)], body)
    };
    assert_eq!(server.post("/v1/generations", &short(1)).status, 401);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(
        ask(
            "mk_live_wrong_and_long_enough",
            "GET",
            "/info",
            &Value::Null
        )
        .status,
        401
    );
    assert_eq!(
        ask(&secret("viewer"), "POST", "/v1/generations", &short(1)).status,
        403
    );
    let made = ask(&secret("studio"), "POST", "/v1/generations", &short(1));
    assert_eq!(made.status, 202);
    let this = made.json()["urls"]["self"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&secret("viewer"), "GET", &this, &Value::Null).status,
        404,
        "it is another's"
    );
    assert_eq!(ask(&secret("boss"), "GET", &this, &Value::Null).status, 200);
    assert_eq!(
        ask(&secret("studio"), "POST", "/v1/keys", &json!({"name": "x"})).status,
        403
    );
    let made = ask(&secret("boss"), "POST", "/v1/keys", &json!({"name": "new"}));
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(ask(&key, "POST", "/v1/generations", &short(2)).status, 202);
    let listed = ask(&secret("boss"), "GET", "/v1/keys", &Value::Null);
    assert!(!listed.text().contains(&key), "a key is shown once");
    let revoke = format!("/v1/keys/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        ask(&secret("boss"), "DELETE", &revoke, &Value::Null).status,
        204
    );
    assert_eq!(ask(&key, "GET", "/info", &Value::Null).status, 401);
}
