//! Events as they happen, and jobs that are stopped while they run.

use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{self, Event};
use crate::{Server, short};

fn ended(event: &Event) -> bool {
    matches!(event.kind.as_str(), "completed" | "failed" | "canceled")
}

#[test]
fn events_tell_the_whole_story_and_go_on_where_one_left() {
    let (server, _folder) = Server::fake(120, &[]);
    let id = server.submit(&short(1));
    let path = format!("/v1/generations/{id}/events");
    let follow = |headers: &[(&str, &str)]| {
        let stream = client::open(server.port, "GET", &path, headers, b"").unwrap();
        assert_eq!(stream.status, 200);
        stream
    };
    let some = follow(&[]).events(|event| event.kind == "progress");
    let seen = some.last().unwrap().id.to_string();
    let rest = follow(&[("last-event-id", &seen)]).events(ended);
    let all: Vec<Event> = some.into_iter().chain(rest).collect();
    assert!(
        all.windows(2).all(|pair| pair[0].id < pair[1].id),
        "{all:?}"
    );
    assert_eq!(all.last().unwrap().kind, "completed");
    assert_eq!(all.last().unwrap().data["job"]["status"], "succeeded");
    let fractions: Vec<f64> = all
        .iter()
        .filter(|event| event.kind == "progress")
        .map(|event| event.data["fraction"].as_f64().unwrap())
        .collect();
    assert!(
        fractions.len() >= 2 && fractions.is_sorted(),
        "{fractions:?}"
    );
    let late = follow(&[]).events(ended);
    assert_eq!(late.last(), all.last(), "who comes late hears the end");
    let bad = client::send(server.port, "GET", &path, &[("last-event-id", "x")], b"");
    assert_eq!(bad.status, 400);
}

#[test]
fn a_post_can_be_answered_by_events() {
    let (server, _folder) = Server::fake(1, &[]);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let body = short(1).to_string();
    let stream = client::open(
        server.port,
        "POST",
        "/v1/generations",
        &headers,
        body.as_bytes(),
    );
    let events = stream.unwrap().events(ended);
    assert_eq!(events[0].kind, "queued");
    assert_eq!(events.last().unwrap().kind, "completed");
}

#[test]
fn cancel_acts_within_a_step() {
    let (server, _folder) = Server::fake(100, &[]);
    let mut long = short(1);
    long["steps"] = json!(200);
    let id = server.submit(&long);
    server.wait_for(&id, |job| job["progress"]["step"].as_u64() > Some(0));
    let start = Instant::now();
    let cancel = format!("/v1/generations/{id}/cancel");
    assert_eq!(server.post(&cancel, &Value::Null).status, 202);
    let job = server.end_of(&id);
    let took = start.elapsed();
    assert_eq!(job["status"], "canceled");
    // A step is 100 ms, and twenty seconds of them were left.
    assert!(took.as_secs() < 5, "{took:?}");
    let again = server.post(&cancel, &Value::Null);
    assert_eq!(
        (again.status, again.json()["status"].clone()),
        (200, json!("canceled"))
    );
}

#[test]
fn a_canceled_job_does_not_wait_for_those_it_runs_with() {
    let (server, _folder) = Server::fake(100, &[]);
    let first = server.submit(&short(1));
    server.end_of(&first); // now the model is loaded, and jobs run together
    let mut long = short(2);
    long["steps"] = json!(200);
    let mut hold = short(3);
    hold["steps"] = json!(10);
    let hold = server.submit(&hold); // the next two wait for it, and then begin as one
    let (stopped, neighbour) = (server.submit(&long), server.submit(&long));
    server.end_of(&hold);
    let begun = |job: &Value| job["progress"]["step"].as_u64() > Some(0);
    server.wait_for(&stopped, begun);
    server.wait_for(&neighbour, begun);
    let cancel = format!("/v1/generations/{stopped}/cancel");
    assert_eq!(server.post(&cancel, &Value::Null).status, 202);
    let job = server.end_of(&stopped);
    assert_eq!(job["status"], "canceled");
    let job = server.get(&format!("/v1/generations/{neighbour}")).json();
    let step = job["progress"]["step"].as_u64();
    assert!(
        step.is_some_and(|step| step < 100),
        "the other goes on: {job}"
    );
    let events = format!("/v1/generations/{stopped}/events");
    let stream = client::open(server.port, "GET", &events, &[], b"").unwrap();
    assert_eq!(stream.events(ended).last().unwrap().kind, "canceled");
}

#[test]
fn who_leaves_before_the_sound_comes_cancels() {
    let (server, _folder) = Server::fake(50, &[]);
    let mut long = short(1);
    long["steps"] = json!(200);
    let headers = format!(
        "POST /v1/generations HTTP/1.1\r\nhost: localhost\r\naccept: audio/wav\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{long}",
        long.to_string().len()
    );
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    std::io::Write::write_all(&mut stream, headers.as_bytes()).unwrap();
    let running = || server.get("/v1/generations?status=running").json()["data"][0]["id"].clone();
    let id = std::iter::repeat_with(running)
        .find(Value::is_string)
        .unwrap();
    drop(stream);
    let job = server.end_of(id.as_str().unwrap());
    assert_eq!(job["status"], "canceled");
}
