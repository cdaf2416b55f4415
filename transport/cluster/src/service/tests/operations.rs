//! Keys, counters and leases.

use bytes::Bytes;

use quorate_clocks::Instant;

use super::super::{Answer, Command, Condition, Operation, Outcome};
use super::{Harness, put_if};
use crate::service::state::MAX_HELD_BYTES;

fn delete_if(key: &str, condition: Condition) -> Operation {
    Operation::Delete {
        key: key.into(),
        condition,
        guard: None,
    }
}

fn add(name: &str, amount: i64) -> Operation {
    Operation::Add {
        name: name.into(),
        amount,
        guard: None,
    }
}

#[test]
fn a_revision_is_the_index_of_the_last_write() {
    let mut log = Harness::new();
    assert_eq!(log.put("a", "1"), Outcome::Written { revision: 1 });
    assert_eq!(log.put("b", "1"), Outcome::Written { revision: 2 });
    assert_eq!(log.put("a", "2"), Outcome::Written { revision: 3 });
    assert_eq!(log.service.get("a"), Some((3, "2".into())));
    let gone = log.run(delete_if("a", Condition::Always));
    assert_eq!(
        gone,
        Outcome::Deleted {
            revision: 4,
            existed: true
        }
    );
    assert_eq!(log.service.get("a"), None);
    let again = log.run(delete_if("a", Condition::Always));
    assert_eq!(
        again,
        Outcome::Deleted {
            revision: 5,
            existed: false
        }
    );
}

#[test]
fn a_value_does_not_hold_the_memory_that_its_command_came_in() {
    let mut log = Harness::new();
    let command = Command {
        stamp: Instant::ORIGIN,
        idempotency_key: Some("k".into()),
        operation: put_if("a", &"x".repeat(100), Condition::Always),
    };
    let frame = [&[0; 1_000][..], &command.encode()[..], &[0; 1_000]].concat();
    let frame = Bytes::from(frame);
    log.service
        .apply(1, &frame.slice(1_000..frame.len() - 1_000));
    let (_, value) = log.service.get("a").unwrap();
    assert_eq!(value.len(), 100);
    assert!(!frame.as_ptr_range().contains(&value.as_ptr()));
    // Nobody else holds it either, the stored answer included.
    assert!(frame.try_into_mut().is_ok());
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let mut log = Harness::new();
    let mismatch = |revision| Outcome::RevisionMismatch { revision };
    let exists = Condition::Exists;
    assert_eq!(log.run(put_if("a", "x", exists)), mismatch(0));
    assert_eq!(
        log.run(put_if("a", "x", Condition::Revision(0))),
        mismatch(0)
    );
    log.run(put_if("a", "1", Condition::Absent));
    assert_eq!(log.run(put_if("a", "x", Condition::Absent)), mismatch(3));
    assert_eq!(
        log.run(put_if("a", "x", Condition::Revision(2))),
        mismatch(3)
    );
    assert_eq!(log.value("a").as_deref(), Some("1"));
    log.run(put_if("a", "2", Condition::Revision(3)));
    log.run(put_if("a", "3", exists));
    assert_eq!(log.value("a").as_deref(), Some("3"));
    assert_eq!(log.run(delete_if("a", Condition::Revision(3))), mismatch(7));
    log.run(delete_if("a", Condition::Revision(7)));
    assert_eq!(log.value("a"), None);
}

#[test]
fn a_write_may_name_several_revisions() {
    let mut log = Harness::new();
    log.put("a", "1");
    log.put("a", "2");
    let at_any = |revisions: &[u64], write| Operation::AtAny {
        revisions: revisions.to_vec(),
        write: Box::new(write),
    };
    let put = |value| put_if("a", value, Condition::Always);
    let mismatch = |revision| Outcome::RevisionMismatch { revision };
    assert_eq!(log.run(at_any(&[1, 3], put("x"))), mismatch(2));
    log.run(at_any(&[1, 2], put("3")));
    assert_eq!(log.value("a").as_deref(), Some("3"));
    let delete = || delete_if("a", Condition::Always);
    assert_eq!(log.run(at_any(&[1, 2], delete())), mismatch(4));
    log.run(at_any(&[2, 4], delete()));
    assert_eq!(log.value("a"), None);
    // A key that is not there is at no revision.
    assert_eq!(log.run(at_any(&[0, 6], put("x"))), mismatch(0));

    let refused = |operation| {
        let command = Command {
            stamp: Instant::ORIGIN,
            idempotency_key: None,
            operation,
        };
        assert!(Command::decode(&command.encode()).is_err(), "{command:?}");
    };
    refused(at_any(&[1], put("x")));
    refused(at_any(&[2, 1], put("x")));
    refused(at_any(&[1, 2], add("n", 1)));
    refused(at_any(&[1, 2], put_if("a", "x", Condition::Exists)));
    refused(at_any(&[1, 2], at_any(&[1, 2], put("x"))));
    let many: Vec<u64> = (0..65).collect();
    refused(at_any(&many, put("x")));
}

#[test]
fn a_counter_adds_up_and_does_not_wrap() {
    let mut log = Harness::new();
    log.run(add("hits", 5));
    assert_eq!(
        log.run(add("hits", -2)),
        Outcome::Added {
            value: 3,
            revision: 2
        }
    );
    assert_eq!(log.run(add("hits", i64::MAX)), Outcome::Overflow);
    assert_eq!(log.service.counter("hits"), Some((2, 3)));
    assert_eq!(log.service.get("hits"), None);
}

#[test]
fn a_lease_has_one_holder_until_the_log_says_that_its_time_is_over() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 1_000);
    log.now_ms = 400;
    let held = Outcome::Held {
        holder: "ann".into(),
        remaining_ms: 600,
    };
    assert_eq!(log.acquire("disk", "bob", 1_000), held);
    // The same owner asks as somebody else: another command is another request.
    assert_eq!(log.acquire("disk", "ann", 1_000), held);
    let renewed = log.run(Operation::Renew {
        name: "disk".into(),
        token: ann,
        ttl_ms: 1_000,
    });
    assert!(
        matches!(&renewed, Outcome::Granted { owner, token, ttl_ms: 1_000, .. }
            if owner == "ann" && *token == ann)
    );
    log.now_ms = 1_399;
    assert!(matches!(
        log.acquire("disk", "bob", 1_000),
        Outcome::Held {
            remaining_ms: 1,
            ..
        }
    ));
    log.now_ms = 1_400;
    let bob = log.token("disk", "bob", 1_000);
    assert!(bob > ann);
    let renew = Operation::Renew {
        name: "disk".into(),
        token: ann,
        ttl_ms: 1_000,
    };
    assert_eq!(log.run(renew), Outcome::Lost);
    let release = |token| Operation::Release {
        name: "disk".into(),
        token,
    };
    assert_eq!(log.run(release(ann)), Outcome::Lost);
    assert!(matches!(log.run(release(bob)), Outcome::Released { .. }));
    assert!(log.token("disk", "ann", 1_000) > bob);
}

#[test]
fn a_stamp_that_goes_back_does_not_take_time_back() {
    let mut log = Harness::new();
    log.token("disk", "ann", 1_000);
    log.now_ms = 999;
    log.put("a", "1");
    log.now_ms = 0;
    assert!(matches!(
        log.acquire("disk", "bob", 1_000),
        Outcome::Held {
            remaining_ms: 1,
            ..
        }
    ));
}

#[test]
fn a_full_state_refuses_what_makes_it_larger_and_takes_what_does_not() {
    let mut log = Harness::new();
    log.put("a", "1234");
    let before = log.service.held_bytes;
    log.service.held_bytes = MAX_HELD_BYTES;
    assert_eq!(log.put("a", "12345"), Outcome::Full);
    assert_eq!(log.put("b", ""), Outcome::Full);
    assert_eq!(log.run(add("hits", 1)), Outcome::Full);
    assert_eq!(log.value("a").as_deref(), Some("1234"));
    assert_eq!(log.put("a", "4321"), Outcome::Written { revision: 5 });
    log.run(delete_if("a", Condition::Always));
    assert_eq!(log.service.held_bytes, MAX_HELD_BYTES - before);
    assert_eq!(log.put("b", ""), Outcome::Written { revision: 7 });
}

#[test]
fn bytes_that_are_no_command_change_nothing() {
    let mut log = Harness::new();
    log.put("a", "1");
    let before = log.service.clone();
    for bytes in [&b""[..], b"\x01", b"\x02", &[1; 40]] {
        let answer = log.service.apply(9, &Bytes::copy_from_slice(bytes));
        assert!(matches!(answer, Answer::Malformed(_)), "{answer:?}");
    }
    assert_eq!(log.service, before);
}
