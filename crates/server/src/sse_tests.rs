//! Rings and streams: nothing is lost, nothing comes twice, everything ends.

use axum::body::to_bytes;
use futures_util::StreamExt;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn stream(hub: &Arc<Hub>, seen: u64) -> impl Stream<Item = Event> + use<> {
    let (running, draining) = watch::channel(false);
    drop(running); // a server that will never drain
    follow(
        hub.clone(),
        "gen_1".into(),
        seen,
        || json!({"job": "state"}),
        draining,
    )
    .boxed()
}

fn with_header(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_str(value).unwrap())])
}

#[test]
fn ids_of_clients_are_numbers() {
    assert_eq!(last_event_id(&HeaderMap::new()), Ok(0));
    for (text, id) in [
        ("0", 0),
        (" 17 ", 17),
        ("9223372036854775807", i64::MAX as u64),
    ] {
        assert_eq!(last_event_id(&with_header(text)), Ok(id));
    }
    for text in ["", "-1", "+1", "1.0", "x", "9223372036854775808", "1 2"] {
        assert_eq!(
            last_event_id(&with_header(text)).unwrap_err().status,
            400,
            "{text}"
        );
    }
}

#[test]
fn a_ring_keeps_the_newest() {
    let mut ring = Ring::default();
    for step in 1..=KEPT as u64 + 10 {
        assert_eq!(ring.push(EventKind::Progress, json!(step)).id, step);
    }
    assert_eq!(ring.after(5), Resume::Snapshot(1034));
    assert_eq!(ring.after(9999), Resume::Snapshot(1034));
    let Resume::Events(events) = ring.after(10) else {
        panic!("all are there")
    };
    assert_eq!((events.len(), events[0].id), (KEPT, 11));
    assert_eq!(ring.after(1034), Resume::Events(vec![]));
    assert_eq!(Ring::default().after(0), Resume::Events(vec![]));
    ring.insert(events[0].clone());
    assert_eq!(ring.last_id(), 1034, "old events change nothing");
}

#[tokio::test]
async fn a_stream_tells_what_was_what_comes_and_ends() {
    let hub = Arc::new(Hub::default());
    hub.publish("gen_1", EventKind::Queued, json!({}));
    let mut events = Box::pin(stream(&hub, 0));
    assert_eq!(events.next().await.unwrap().kind, EventKind::Queued);
    let publisher = hub.clone();
    let waiting =
        tokio::spawn(async move { events.map(|event| event.kind).collect::<Vec<_>>().await });
    tokio::task::yield_now().await;
    publisher.publish("gen_1", EventKind::Started, json!({}));
    publisher.publish("gen_1", EventKind::Completed, json!({}));
    assert_eq!(
        waiting.await.unwrap(),
        [EventKind::Started, EventKind::Completed]
    );
    let again: Vec<_> = stream(&hub, 1).map(|event| event.id).collect().await;
    assert_eq!(again, [2, 3], "a client that comes back");
    assert!(stream(&hub, 3).collect::<Vec<_>>().await.is_empty());
}

#[tokio::test]
async fn who_missed_too_much_gets_a_snapshot_and_then_the_rest() {
    let hub = Arc::new(Hub::default());
    let old = (5..=2000).map(|id| Event {
        id,
        kind: EventKind::Progress,
        data: json!({}),
    });
    hub.seed("gen_1", || old.collect());
    hub.seed("gen_1", || panic!("it is there already"));
    let mut events = Box::pin(stream(&hub, 3));
    let first = events.next().await.unwrap();
    assert_eq!(
        (first.id, first.kind, first.data),
        (2000, EventKind::Snapshot, json!({"job": "state"}))
    );
    let event = hub.publish("gen_1", EventKind::Failed, json!({})).unwrap();
    assert_eq!(event.id, 2001);
    let rest: Vec<_> = events.map(|event| event.id).collect().await;
    assert_eq!(rest, [2001]);
}

#[tokio::test]
async fn draining_and_deletion_end_streams() {
    let hub = Arc::new(Hub::default());
    hub.publish("gen_1", EventKind::Queued, json!({}));
    let (drain, draining) = watch::channel(false);
    let events = follow(hub.clone(), "gen_1".into(), 0, || json!({}), draining);
    let told = tokio::spawn(
        events
            .map(|event| (event.id, event.kind))
            .collect::<Vec<_>>(),
    );
    let deleted = tokio::spawn(stream(&hub, 1).collect::<Vec<_>>());
    tokio::task::yield_now().await;
    drain.send(true).unwrap();
    let expected = [(1, EventKind::Queued), (1, EventKind::ServerDraining)];
    assert_eq!(
        told.await.unwrap(),
        expected,
        "the client comes back with id 1"
    );
    hub.forget("gen_1");
    assert!(deleted.await.unwrap().is_empty());
    assert!(
        stream(&hub, 0).collect::<Vec<_>>().await.is_empty(),
        "unknown jobs"
    );
}

#[test]
fn progress_is_thinned_but_never_its_end() {
    let hub = Hub::default();
    let passed = (1..=1000)
        .filter_map(|step| {
            hub.publish(
                "gen_1",
                EventKind::Progress,
                json!({"step": step, "total": 1000}),
            )
        })
        .map(|event| event.data["step"].as_u64().unwrap())
        .collect::<Vec<_>>();
    assert_eq!((passed.first(), passed.last()), (Some(&1), Some(&1000)));
    assert!(passed.len() <= 12, "{} events in an instant", passed.len());
    assert!(
        hub.publish("gen_1", EventKind::Canceled, json!({}))
            .is_some()
    );
}

#[test]
fn rings_of_ended_jobs_do_not_pile_up() {
    let hub = Hub::default();
    for job in 0..2000 {
        hub.seed(&format!("gen_{job}"), Vec::new);
        hub.publish(&format!("gen_{job}"), EventKind::Completed, json!({}));
    }
    assert!(
        hub.lock().len() <= MAX_ENDED + 2,
        "{} rings",
        hub.lock().len()
    );
}

#[tokio::test]
async fn the_answer_is_an_event_stream() {
    let hub = Arc::new(Hub::default());
    hub.publish("gen_1", EventKind::Completed, json!({"text": "a\nb"}));
    let response = answer(stream(&hub, 0));
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = to_bytes(response.into_body(), 9999).await.unwrap();
    assert_eq!(
        body,
        "id: 1\nevent: completed\ndata: {\"text\":\"a\\nb\"}\n\n"
    );
}

proptest! {
    /// Wherever the connection breaks, the client sees every kept event once and in order.
    #[test]
    fn resuming_loses_and_repeats_nothing(total in 0_u64..1500, breaks in prop::collection::vec(0_u64..1500, 0..8)) {
        let mut ring = Ring::default();
        (0..total).for_each(|_| drop(ring.push(EventKind::Progress, json!({}))));
        for seen in breaks {
            match ring.after(seen) {
                Resume::Events(events) => {
                    let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
                    prop_assert_eq!(ids, (seen + 1..=total).collect::<Vec<_>>());
                }
                Resume::Snapshot(id) => {
                    prop_assert!(seen > total || seen + (KEPT as u64) < total);
                    prop_assert_eq!(id, total);
                }
            }
        }
    }
}
