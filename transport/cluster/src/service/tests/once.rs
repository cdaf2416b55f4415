//! Idempotency keys.

use std::time::Duration;

use quorate_idempotency::Limits;

use super::super::{Answer, Command, Condition, Operation, Outcome, RETENTION, Service};
use super::{Harness, put, put_if};
use crate::service::state::MAX_HELD_BYTES;

fn add(amount: i64) -> Operation {
    Operation::Add {
        name: "hits".into(),
        amount,
        guard: None,
    }
}

#[test]
fn a_retry_gets_the_first_answer_and_has_no_effect() {
    let mut log = Harness::new();
    let added = Outcome::Added {
        value: 2,
        revision: 1,
    };
    assert_eq!(log.apply(Some("k"), add(2)), Answer::Ran(added.clone()));
    log.apply(Some("l"), add(5));
    assert_eq!(log.apply(Some("k"), add(2)), Answer::Replayed(added));
    assert_eq!(log.service.counter("hits"), Some((2, 7)));
    assert_eq!(log.service.sizes().idempotency_keys, 2);
}

#[test]
fn a_refusal_is_an_answer_too() {
    let mut log = Harness::new();
    let absent = put_if("a", "1", Condition::Absent);
    log.put("a", "0");
    let mismatch = Outcome::RevisionMismatch { revision: 1 };
    assert_eq!(
        log.apply(Some("k"), absent.clone()),
        Answer::Ran(mismatch.clone())
    );
    log.run(Operation::Delete {
        key: "a".into(),
        condition: Condition::Always,
        guard: None,
    });
    // It would succeed by now, but the client may have acted on the refusal.
    assert_eq!(log.apply(Some("k"), absent), Answer::Replayed(mismatch));
    assert_eq!(log.value("a"), None);
}

#[test]
fn a_key_belongs_to_one_request() {
    let mut log = Harness::new();
    log.apply(Some("k"), put("a", "1"));
    for other in [
        put("a", "2"),
        put("b", "1"),
        put_if("a", "1", Condition::Exists),
        add(1),
    ] {
        assert_eq!(log.apply(Some("k"), other), Answer::KeyReused);
    }
    assert_eq!(log.value("a").as_deref(), Some("1"));
    assert_eq!(log.service.counter("hits"), None);
}

#[test]
fn a_lost_grant_is_found_again_by_its_retry() {
    let mut log = Harness::new();
    let acquire = Operation::Acquire {
        name: "disk".into(),
        owner: "ann".into(),
        ttl_ms: 1_000,
    };
    let Answer::Ran(granted) = log.apply(Some("k"), acquire.clone()) else {
        panic!("not granted");
    };
    assert_eq!(log.apply(Some("k"), acquire), Answer::Replayed(granted));
}

#[test]
fn an_answer_is_forgotten_after_its_time_and_not_before() {
    let mut log = Harness::new();
    let retention_ms = u64::try_from(RETENTION.as_millis()).unwrap();
    log.apply(Some("k"), add(1));
    log.now_ms = retention_ms - 1;
    assert!(matches!(log.apply(Some("k"), add(1)), Answer::Replayed(_)));
    log.now_ms = retention_ms;
    assert!(matches!(log.apply(Some("k"), add(1)), Answer::Ran(_)));
    assert_eq!(log.service.counter("hits").unwrap().1, 2);
}

#[test]
fn a_refusal_for_want_of_room_is_not_remembered() {
    let mut log = Harness::new();
    log.service.held_bytes = MAX_HELD_BYTES;
    assert_eq!(
        log.apply(Some("k"), put("a", "1")),
        Answer::Ran(Outcome::Full)
    );
    log.service.held_bytes = 0;
    assert_eq!(
        log.apply(Some("k"), put("a", "1")),
        Answer::Ran(Outcome::Written { revision: 2 })
    );
}

#[test]
fn a_key_that_is_not_visible_ascii_is_no_command() {
    let mut log = Harness::new();
    assert!(matches!(
        log.apply(Some("a b"), put("a", "1")),
        Answer::Malformed(_)
    ));
    assert_eq!(log.value("a"), None);
}

#[test]
fn a_full_store_of_keys_refuses_new_ones_and_says_for_how_long() {
    let mut log = Harness::new();
    let limits = *log.service.keys.limits();
    log.service.keys.set_limits(Limits { keys: 2, ..limits });
    log.apply(Some("a"), add(1));
    log.now_ms = 1_500;
    log.apply(Some("b"), add(1));
    log.now_ms = 2_000;
    // Not later than it is so.
    let room = RETENTION - Duration::from_secs(2);
    let full = log.apply(Some("c"), add(1));
    assert!(
        matches!(full, Answer::KeysFull { retry_after: Some(wait) } if wait <= room),
        "{full:?}"
    );
    assert!(matches!(log.apply(Some("a"), add(1)), Answer::Replayed(_)));
    assert!(matches!(log.apply(None, add(1)), Answer::Ran(_)));
    log.now_ms = u64::try_from(RETENTION.as_millis()).unwrap();
    assert!(matches!(log.apply(Some("c"), add(1)), Answer::Ran(_)));
}

#[test]
fn keys_whose_time_is_over_together_are_forgotten_little_by_little() {
    let mut log = Harness::new();
    for key in 0..1_000 {
        log.apply(Some(&format!("k{key}")), add(1));
    }
    log.now_ms = u64::try_from(RETENTION.as_millis()).unwrap();
    let mut left = log.service.sizes().idempotency_keys;
    let mut commands = 0;
    while left > 0 {
        log.put("a", "1");
        commands += 1;
        let now = log.service.sizes().idempotency_keys;
        assert!(now <= left && left - now <= 64, "{left} to {now}");
        // A key costs a dozen steps at most, and 64 are done at a time.
        assert!(commands < 1_000 * 12 / 64, "{left} are left");
        left = now;
        // None of them answers any more, whether it is still there or not.
        let mut copy = log.service.clone();
        assert_eq!(
            copy.snapshot(),
            Service::restore(&copy.snapshot()).unwrap().snapshot()
        );
        let command = Command {
            stamp: copy.now(),
            idempotency_key: Some("k999".into()),
            operation: add(1),
        };
        assert!(matches!(
            copy.apply(5_000, &command.encode()),
            Answer::Ran(_)
        ));
    }
}
