//! What the queue promises: durable, in turn, fenced, once.

use super::*;
use crate::wire::job::{JobError, Usage};
use crate::wire::{GenerationRequest, JobStatus};

fn open(folder: &std::path::Path) -> Store {
    Store::open(folder).unwrap()
}

fn job(number: u32, owner: &str) -> Enqueue {
    Enqueue {
        id: format!("gen_{number:032}"),
        owner: owner.to_owned(),
        client_id: None,
        input: GenerationRequest {
            prompt: format!("piano {number}"),
            n: 1,
            seed: Some(u64::from(number)),
            ..GenerationRequest::default()
        },
        priority: 0,
        created_at: i64::from(number),
        deadline_at: None,
        cost: 10.0,
        compatible: "a".to_owned(),
        idempotency: None,
        fingerprint: format!("body {number}"),
        batch: None,
        limits: QueueLimits {
            total: 5,
            per_owner: 4,
        },
    }
}

fn claims(now: i64, max_outputs: u32) -> Claims {
    Claims {
        worker: "w".to_owned(),
        lease_ms: 10,
        max_outputs,
        now,
    }
}

fn ending(status: JobStatus) -> Ending {
    Ending {
        status,
        resolved: None,
        error: (status == JobStatus::Failed).then(|| JobError {
            code: "internal".to_owned(),
            detail: "x".to_owned(),
        }),
        usage: Some(Usage {
            queue_s: 0.5,
            compute_s: 2.0,
            audio_s: 10.0,
        }),
        model: None,
        outputs: Vec::new(),
        at: 1_795_438_020_250,
    }
}

async fn claim_one(store: &Store, now: i64) -> Option<Claim> {
    store.claim(claims(now, 1)).await.unwrap().pop()
}

#[tokio::test]
async fn jobs_survive_the_process_and_come_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for (number, owner) in [(1, "a"), (2, "a"), (3, "b")] {
        let accepted = store.enqueue(job(number, owner)).await.unwrap();
        assert!(matches!(accepted, Enqueued::New(_)));
    }
    drop(store);
    // The writer's thread gives the lock back when it ends.
    let store = loop {
        match Store::open(folder.path()) {
            Ok(store) => break store,
            Err(_) => std::thread::yield_now(),
        }
    };
    let mut order = Vec::new();
    for now in 1..=3 {
        order.push(
            claim_one(&store, now)
                .await
                .unwrap()
                .row
                .input
                .seed
                .unwrap(),
        );
    }
    assert_eq!(order, [1, 3, 2], "b had its turn before a had a second");
    assert!(claim_one(&store, 4).await.is_none());
}

#[tokio::test]
async fn a_lost_lease_is_run_again_and_the_late_worker_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.enqueue(job(1, "a")).await.unwrap();
    let first = claim_one(&store, 100).await.unwrap();
    assert!(
        store.recover(109, 109).await.unwrap().is_empty(),
        "the lease holds"
    );
    assert_eq!(
        store.recover(110, 110).await.unwrap()[0].status,
        JobStatus::Queued
    );
    let second = claim_one(&store, 120).await.unwrap();
    assert!(second.fence > first.fence);
    assert_eq!(second.row.attempt, 2);
    let id = first.row.id.clone();
    let late = store
        .finish(id.clone(), first.fence, ending(JobStatus::Failed))
        .await;
    assert!(!late.unwrap());
    let beats = store
        .beat(vec![(id.clone(), first.fence, None)], 999)
        .await
        .unwrap();
    assert_eq!(beats, [Beat::Lost]);
    let done = store
        .finish(id.clone(), second.fence, ending(JobStatus::Succeeded))
        .await;
    assert!(done.unwrap());
    let twice = store
        .finish(id.clone(), second.fence, ending(JobStatus::Failed))
        .await;
    assert!(!twice.unwrap());
    let row = store.job(id, None).await.unwrap().unwrap();
    assert_eq!((row.status, row.error), (JobStatus::Succeeded, None));
    let usage = store.usage(Some("a".to_owned())).await.unwrap();
    assert_eq!(
        (usage[0].jobs, usage[0].audio_s, usage[0].day.as_str()),
        (1, 10.0, "2026-11-23")
    );
}

#[tokio::test]
async fn too_many_lost_workers_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.enqueue(job(1, "a")).await.unwrap();
    for attempt in 1..=sqlite::MAX_ATTEMPTS {
        assert_eq!(claim_one(&store, 0).await.unwrap().row.attempt, attempt);
        let changed = store.recover(i64::MAX, 1).await.unwrap();
        let expected = if attempt == sqlite::MAX_ATTEMPTS {
            JobStatus::Failed
        } else {
            JobStatus::Queued
        };
        assert_eq!(changed[0].status, expected);
    }
    let row = store.job(job(1, "a").id, None).await.unwrap().unwrap();
    assert_eq!(row.error.unwrap().code, "worker_lost");
}

#[tokio::test]
async fn keys_and_names_make_one_job_of_many_requests() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let keyed = |number: u32, fingerprint: &str| Enqueue {
        idempotency: Some(IdempotencyKey("k".to_owned())),
        fingerprint: fingerprint.to_owned(),
        ..job(number, "a")
    };
    assert!(matches!(
        store.enqueue(keyed(1, "x")).await.unwrap(),
        Enqueued::New(_)
    ));
    let Enqueued::Known(known) = store.enqueue(keyed(2, "x")).await.unwrap() else {
        panic!("it is the same request");
    };
    assert_eq!(known.id, job(1, "a").id);
    assert!(matches!(
        store.enqueue(keyed(3, "y")).await.unwrap(),
        Enqueued::KeyReused
    ));
    let day = 24 * 3_600_000;
    let later = Enqueue {
        created_at: day + 10,
        ..keyed(4, "y")
    };
    assert!(
        matches!(store.enqueue(later).await.unwrap(), Enqueued::New(_)),
        "a day has passed"
    );
    let named = |number: u32, fingerprint: &str, owner: &str| Enqueue {
        client_id: Some("song".to_owned()),
        fingerprint: fingerprint.to_owned(),
        ..job(number, owner)
    };
    assert!(matches!(
        store.enqueue(named(5, "x", "a")).await.unwrap(),
        Enqueued::New(_)
    ));
    assert!(matches!(
        store.enqueue(named(6, "x", "a")).await.unwrap(),
        Enqueued::Known(_)
    ));
    assert!(matches!(
        store.enqueue(named(7, "y", "a")).await.unwrap(),
        Enqueued::NameTaken
    ));
    assert!(matches!(
        store.enqueue(named(8, "y", "b")).await.unwrap(),
        Enqueued::New(_)
    ));
}

#[tokio::test]
async fn the_queue_is_bounded_for_each_and_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 1..=4 {
        store.enqueue(job(number, "a")).await.unwrap();
    }
    let own = store.enqueue(job(5, "a")).await.unwrap();
    assert!(matches!(
        own,
        Enqueued::Full {
            queued: 4,
            limit: 4
        }
    ));
    store.enqueue(job(6, "b")).await.unwrap();
    let all = store.enqueue(job(7, "c")).await.unwrap();
    assert!(matches!(
        all,
        Enqueued::Full {
            queued: 5,
            limit: 5
        }
    ));
    let place = store
        .job(job(6, "b").id, None)
        .await
        .unwrap()
        .unwrap()
        .place
        .unwrap();
    assert_eq!((place.position, place.cost), (4, 50.0));
}

#[tokio::test]
async fn compatible_jobs_run_together_up_to_the_size_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for (number, owner, compatible) in [(1, "a", "x"), (2, "b", "y"), (3, "a", "x"), (4, "b", "x")]
    {
        let compatible = compatible.to_owned();
        let job = Enqueue {
            compatible,
            ..job(number, owner)
        };
        store.enqueue(job).await.unwrap();
    }
    let seeds = |claims: Vec<Claim>| -> Vec<u64> {
        claims
            .iter()
            .map(|claim| claim.row.input.seed.unwrap())
            .collect()
    };
    assert_eq!(seeds(store.claim(claims(1, 2)).await.unwrap()), [1, 3]);
    assert_eq!(seeds(store.claim(claims(2, 8)).await.unwrap()), [2]);
}

#[tokio::test]
async fn stopping_and_deadlines() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 1..=3 {
        let deadline_at = (number == 3).then_some(50);
        let job = Enqueue {
            deadline_at,
            ..job(number, "a")
        };
        store.enqueue(job).await.unwrap();
    }
    let running = claim_one(&store, 1).await.unwrap();
    let id = running.row.id.clone();
    assert_eq!(
        store.cancel(id.clone(), 2).await.unwrap().unwrap().status,
        JobStatus::Running
    );
    let beats = store
        .beat(vec![(id, running.fence, None)], 99)
        .await
        .unwrap();
    assert_eq!(beats, [Beat::Cancel]);
    let waiting = store.cancel(job(2, "a").id, 2).await.unwrap().unwrap();
    assert_eq!(waiting.status, JobStatus::Canceled);
    assert!(store.recover(0, 49).await.unwrap().is_empty());
    assert_eq!(
        store.recover(0, 50).await.unwrap()[0].status,
        JobStatus::Expired
    );
    assert!(store.delete(running.row.id).await.is_err(), "it still runs");
    assert!(store.delete(job(2, "a").id).await.unwrap().is_empty());
    assert!(
        store
            .cancel("gen_none".to_owned(), 1)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 1..=4 {
        store
            .enqueue(job(number, if number == 4 { "b" } else { "a" }))
            .await
            .unwrap();
    }
    let list = async |filter: Filter| -> Vec<u64> {
        let rows = store.list(filter).await.unwrap();
        rows.iter().map(|row| row.input.seed.unwrap()).collect()
    };
    let filter = || Filter {
        limit: 2,
        ..Filter::default()
    };
    assert_eq!(list(filter()).await, [4, 3]);
    let after = Filter {
        after: Some(job(3, "a").id),
        ..filter()
    };
    assert_eq!(list(after).await, [2, 1]);
    let owned = Filter {
        owner: Some("b".to_owned()),
        ..filter()
    };
    assert_eq!(list(owned).await, [4]);
    let text = |text: &str| Filter {
        text: Some(text.to_owned()),
        ..filter()
    };
    assert_eq!(list(text("o 2")).await, [2]);
    assert!(
        list(text("%")).await.is_empty(),
        "a percent sign is a percent sign"
    );
}
