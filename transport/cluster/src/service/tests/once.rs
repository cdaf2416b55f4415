//! Idempotency keys.

use super::super::{Answer, Condition, Operation, Outcome, RETENTION};
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
