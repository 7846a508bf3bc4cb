//! The store against a real PostgreSQL: limits and claims hold across processes, and nobody without
//! the lease can write.
//!
//! Where PostgreSQL is not installed they end at once, unless `MUSTOOL_TEST_POSTGRES` is set.

mod server;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::store::types::{IdempotencyKey, QueueLimits};
use crate::wire::{EventKind, GenerationRequest, JobStatus, now_ms};

const LEASE_MS: i64 = 10_000;

/// A store in a new, empty database, and its address.
async fn store() -> Option<(Postgres, String)> {
    let url = server::database()?;
    Some((Postgres::open(&url).await.unwrap(), url))
}

fn request(prompt: &str) -> GenerationRequest {
    GenerationRequest {
        prompt: prompt.to_owned(),
        n: 1,
        ..GenerationRequest::default()
    }
}

fn job(owner: &str) -> Enqueue {
    Enqueue {
        id: format!("gen_{}", uuid::Uuid::now_v7().simple()),
        owner: owner.to_owned(),
        client_id: None,
        input: request("warm piano"),
        priority: 0,
        created_at: now_ms(),
        deadline_at: None,
        cost: 10.0,
        compatible: String::new(),
        idempotency: None,
        fingerprint: "body".to_owned(),
        batch: None,
        limits: QueueLimits {
            total: 100,
            per_owner: 100,
        },
    }
}

fn claims(worker: &str, max_outputs: u32) -> Claims {
    Claims {
        worker: worker.to_owned(),
        lease_ms: LEASE_MS,
        max_outputs,
        now: now_ms(),
    }
}

fn ending(status: JobStatus) -> Ending {
    Ending {
        status,
        resolved: None,
        error: None,
        usage: None,
        model: None,
        outputs: Vec::new(),
        at: now_ms(),
    }
}

fn id_of(enqueued: Enqueued) -> String {
    match enqueued {
        Enqueued::New(row) => row.id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_is_one_job_however_often_and_at_once_it_comes() {
    let Some((store, _)) = store().await else {
        return;
    };
    let with_key = |key: &str, body: &str| Enqueue {
        idempotency: Some(IdempotencyKey(key.to_owned())),
        fingerprint: body.to_owned(),
        ..job("ann")
    };
    let crowd = (0..20).map(|_| store.enqueue(with_key("k", "body")));
    let ids: HashSet<String> = join_all(crowd)
        .await
        .into_iter()
        .map(|enqueued| match enqueued.unwrap() {
            Enqueued::New(row) | Enqueued::Known(row) => row.id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(store.waiting().await.unwrap(), (1, 10.0));
    let other = store.enqueue(with_key("k", "another body")).await.unwrap();
    assert!(matches!(other, Enqueued::KeyReused), "{other:?}");
    let bob = Enqueue {
        owner: "bob".to_owned(),
        ..with_key("k", "another body")
    };
    assert!(
        matches!(store.enqueue(bob).await.unwrap(), Enqueued::New(_)),
        "keys are per owner"
    );
    let named = |body: &str| Enqueue {
        client_id: Some("my-piece".to_owned()),
        fingerprint: body.to_owned(),
        ..job("ann")
    };
    let id = id_of(store.enqueue(named("a")).await.unwrap());
    let again = store.enqueue(named("a")).await.unwrap();
    assert!(
        matches!(&again, Enqueued::Known(row) if row.id == id),
        "{again:?}"
    );
    assert!(matches!(
        store.enqueue(named("b")).await.unwrap(),
        Enqueued::NameTaken
    ));
    let found = store
        .job("my-piece".into(), Some("ann".into()))
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, id);
}

#[tokio::test]
async fn limits_hold_exactly_under_a_crowd() {
    let Some((store, _)) = store().await else {
        return;
    };
    let crowd = (0..40).map(|number| {
        store.enqueue(Enqueue {
            limits: QueueLimits {
                total: 15,
                per_owner: 10,
            },
            ..job(["ann", "bob"][number % 2])
        })
    });
    let accepted = join_all(crowd).await;
    let accepted = accepted
        .iter()
        .filter(|one| matches!(one, Ok(Enqueued::New(_))))
        .count();
    assert_eq!(accepted, 15);
}

#[tokio::test]
async fn no_two_workers_get_the_same_job_and_owners_take_turns() {
    let Some((store, _)) = store().await else {
        return;
    };
    for owner in ["ann", "ann", "ann", "bob"] {
        id_of(store.enqueue(job(owner)).await.unwrap());
    }
    let mut order = Vec::new();
    for now in 1..=4 {
        let claims = Claims {
            now,
            ..claims("w", 1)
        };
        order.push(store.claim(claims).await.unwrap().remove(0).row.owner);
    }
    assert_eq!(order, ["ann", "bob", "ann", "ann"]);
    for _ in 0..60 {
        id_of(store.enqueue(job("cat")).await.unwrap());
    }
    let workers = (0..8).map(|worker| {
        let store = store.clone();
        async move {
            let mut taken = Vec::new();
            loop {
                let claimed = store.claim(claims(&worker.to_string(), 1)).await.unwrap();
                match claimed.as_slice() {
                    [] => return taken,
                    [claim] => taken.push(claim.row.id.clone()),
                    more => panic!("{} jobs at once", more.len()),
                }
            }
        }
    });
    let taken: Vec<String> = join_all(workers).await.concat();
    let distinct: HashSet<&String> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (60, 60));
}

#[tokio::test]
async fn compatible_jobs_run_together_up_to_the_limit() {
    let Some((store, _)) = store().await else {
        return;
    };
    for (kind, n) in [("a", 2), ("a", 1), ("b", 1), ("a", 2)] {
        let input = GenerationRequest { n, ..request("x") };
        let compatible = kind.to_owned();
        id_of(
            store
                .enqueue(Enqueue {
                    input,
                    compatible,
                    ..job("ann")
                })
                .await
                .unwrap(),
        );
    }
    let sizes = |claimed: &[Claim]| {
        claimed
            .iter()
            .map(|claim| claim.row.input.n)
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(&store.claim(claims("w", 4)).await.unwrap()), [2, 1]);
    assert_eq!(sizes(&store.claim(claims("w", 4)).await.unwrap()), [1]);
    assert_eq!(
        sizes(&store.claim(claims("w", 1)).await.unwrap()),
        [2],
        "one in any case"
    );
}

#[tokio::test]
async fn a_worker_that_slept_beyond_its_lease_cannot_write() {
    let Some((store, url)) = store().await else {
        return;
    };
    let id = id_of(store.enqueue(job("ann")).await.unwrap());
    let sleeper = store.claim(claims("sleeper", 1)).await.unwrap().remove(0);
    let other = Postgres::open(&url).await.unwrap(); // as another process
    assert!(other.claim(claims("second", 1)).await.unwrap().is_empty());
    assert!(
        other.recover(now_ms(), now_ms()).await.unwrap().is_empty(),
        "the lease holds"
    );
    let back = other
        .recover(now_ms() + LEASE_MS + 1, now_ms())
        .await
        .unwrap();
    assert_eq!(
        (back.len(), back[0].status, back[0].attempt),
        (1, JobStatus::Queued, 1)
    );
    let second = other.claim(claims("second", 1)).await.unwrap().remove(0);
    assert!(second.fence > sleeper.fence);
    let held = |claim: &Claim| vec![(id.clone(), claim.fence, None)];
    assert_eq!(
        store
            .beat(held(&sleeper), now_ms() + LEASE_MS)
            .await
            .unwrap(),
        [Beat::Lost]
    );
    assert!(
        !store
            .finish(id.clone(), sleeper.fence, ending(JobStatus::Failed))
            .await
            .unwrap()
    );
    assert_eq!(
        other
            .beat(held(&second), now_ms() + LEASE_MS)
            .await
            .unwrap(),
        [Beat::Held]
    );
    assert!(
        other
            .finish(id.clone(), second.fence, ending(JobStatus::Succeeded))
            .await
            .unwrap()
    );
    let row = store.job(id, None).await.unwrap().unwrap();
    assert_eq!((row.status, row.attempt), (JobStatus::Succeeded, 2));
}

#[tokio::test]
async fn a_job_whose_workers_die_fails_at_last() {
    let Some((store, _)) = store().await else {
        return;
    };
    let id = id_of(store.enqueue(job("ann")).await.unwrap());
    for attempt in 1..=3 {
        assert_eq!(
            store.claim(claims("w", 1)).await.unwrap()[0].row.attempt,
            attempt
        );
        store
            .recover(now_ms() + LEASE_MS + 1, now_ms())
            .await
            .unwrap();
    }
    let row = store.job(id, None).await.unwrap().unwrap();
    assert_eq!(row.status, JobStatus::Failed);
    assert_eq!(row.error.unwrap().code, "worker_lost");
    assert!(store.claim(claims("w", 1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn other_processes_hear_of_jobs_and_cancels() {
    let Some((store, url)) = store().await else {
        return;
    };
    let worker = Postgres::open(&url).await.unwrap();
    let mut heard = worker.notices();
    let mut next = async || {
        let heard = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await;
        heard.expect("a notice in time").unwrap()
    };
    assert_eq!(next().await, Notice::Everything, "the listener has begun");
    let id = id_of(store.enqueue(job("ann")).await.unwrap());
    assert_eq!(next().await, Notice::Queued);
    let claim = worker.claim(claims("w", 1)).await.unwrap().remove(0);
    store.cancel(id.clone(), now_ms()).await.unwrap();
    assert_eq!(next().await, Notice::Cancel(id.clone()));
    let held = vec![(id.clone(), claim.fence, None)];
    assert_eq!(
        worker.beat(held, now_ms() + LEASE_MS).await.unwrap(),
        [Beat::Cancel]
    );
    let event = Event {
        id: 1,
        kind: EventKind::Started,
        data: json!({"a": 1}),
    };
    worker.add_event(id.clone(), event.clone()).await.unwrap();
    worker.add_event(id.clone(), event.clone()).await.unwrap();
    assert_eq!(next().await, Notice::Events(id.clone()));
    assert_eq!(store.events(id.clone()).await.unwrap(), [event]);
    worker
        .finish(id.clone(), claim.fence, ending(JobStatus::Canceled))
        .await
        .unwrap();
    let again = store.cancel(id, now_ms()).await.unwrap().unwrap();
    assert_eq!(
        again.status,
        JobStatus::Canceled,
        "a second cancel changes nothing"
    );
    assert!(
        store
            .cancel("gen_none".into(), now_ms())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn jobs_are_listed_found_deleted_and_swept() {
    let Some((store, _)) = store().await else {
        return;
    };
    let mut ids = Vec::new();
    for prompt in ["Warm Piano", "100% drums", "a_b"] {
        let input = request(prompt);
        ids.push(id_of(
            store
                .enqueue(Enqueue {
                    input,
                    ..job("ann")
                })
                .await
                .unwrap(),
        ));
    }
    let find = async |text: &str| {
        let filter = Filter {
            text: Some(text.to_owned()),
            limit: 10,
            ..Filter::default()
        };
        let found = store.list(filter).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(find("piano").await, [ids[0].clone()]);
    assert_eq!(find("0%").await, [ids[1].clone()]);
    assert_eq!(find("a_b").await, [ids[2].clone()]);
    assert!(find("%").await.len() == 1 && find("zither").await.is_empty());
    let page = Filter {
        owner: Some("ann".into()),
        after: Some(ids[2].clone()),
        limit: 1,
        ..Filter::default()
    };
    assert_eq!(store.list(page).await.unwrap()[0].id, ids[1]);
    assert!(matches!(
        store.delete(ids[0].clone()).await,
        Err(Error::Conflict { .. })
    ));
    store.cancel(ids[0].clone(), now_ms() - 1000).await.unwrap();
    store
        .cancel(ids[1].clone(), now_ms() + 60_000)
        .await
        .unwrap();
    store.sweep(0, now_ms(), u64::MAX).await.unwrap();
    assert!(
        store.job(ids[0].clone(), None).await.unwrap().is_none(),
        "its time is over"
    );
    assert!(store.job(ids[1].clone(), None).await.unwrap().is_some());
    store.delete(ids[1].clone()).await.unwrap();
    assert!(store.job(ids[1].clone(), None).await.unwrap().is_none());
    let place = store
        .job(ids[2].clone(), Some("ann".into()))
        .await
        .unwrap()
        .unwrap()
        .place;
    assert_eq!(place.unwrap().position, 0);
    assert!(
        store
            .job(ids[2].clone(), Some("bob".into()))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn messages_are_given_to_one_sender_at_a_time() {
    let Some((store, url)) = store().await else {
        return;
    };
    let mut input = request("x");
    input.webhook = serde_json::from_value(json!({"url": "https://hooks.example/"})).unwrap();
    let id = id_of(
        store
            .enqueue(Enqueue {
                input,
                ..job("ann")
            })
            .await
            .unwrap(),
    );
    store.cancel(id.clone(), now_ms()).await.unwrap();
    let other = Postgres::open(&url).await.unwrap();
    let now = now_ms() + 1;
    let due = store.due_messages(now).await.unwrap();
    assert_eq!((due.len(), due[0].tries), (1, 0));
    assert!(due[0].body.contains("generation.canceled") && due[0].body.contains(&id));
    assert!(other.due_messages(now).await.unwrap().is_empty());
    store
        .settle_message(due[0].id.clone(), Some(now + 5))
        .await
        .unwrap();
    assert_eq!(other.due_messages(now + 6).await.unwrap()[0].tries, 1);
    other.settle_message(due[0].id.clone(), None).await.unwrap();
    assert!(
        store
            .due_messages(now + 1_000_000)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.usage(Some("ann".into())).await.unwrap()[0].jobs, 1);
}

#[tokio::test]
async fn processes_that_start_together_make_the_tables_once() {
    let Some((_, url)) = store().await else {
        return;
    };
    let opened = join_all((0..6).map(|_| Postgres::open(&url))).await;
    assert!(opened.iter().all(Result::is_ok));
    opened[0].as_ref().unwrap().probe().await.unwrap();
    let wrong = Postgres::open("postgres://localhost:1/x?connect_timeout=1").await;
    assert!(matches!(wrong, Err(Error::Store { .. })), "{wrong:?}");
    assert!(matches!(
        Postgres::open("nonsense").await,
        Err(Error::Config { .. })
    ));
}
