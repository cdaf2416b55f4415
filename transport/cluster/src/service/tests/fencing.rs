//! Writes under a lease.

use super::super::{Condition, Guard, Operation, Outcome};
use super::{Harness, put_under};

#[test]
fn a_key_that_has_seen_a_newer_token_refuses_an_older_one() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.run(put_under("a", "ann", "disk", ann));
    log.run(put_under("a", "ann again", "disk", ann));
    log.now_ms = 100;
    let bob = log.token("disk", "bob", 100);
    log.run(put_under("a", "bob", "disk", bob));
    log.now_ms = 200;
    // Nobody holds the lease any more, and the key still remembers.
    let stale = Outcome::StaleToken { newest: bob };
    assert_eq!(log.run(put_under("a", "late", "disk", ann)), stale);
    assert_eq!(log.value("a").as_deref(), Some("bob"));
}

#[test]
fn a_new_grant_shuts_out_the_old_holder_before_the_new_one_writes() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.now_ms = 100;
    let bob = log.token("disk", "bob", 100);
    assert_eq!(
        log.run(put_under("a", "late", "disk", ann)),
        Outcome::StaleToken { newest: bob }
    );
    assert_eq!(log.value("a"), None);
}

#[test]
fn a_holder_whose_lease_nobody_took_may_still_write() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.now_ms = 5_000;
    log.run(put_under("a", "ann", "disk", ann));
    assert_eq!(log.value("a").as_deref(), Some("ann"));
}

#[test]
fn a_deleted_key_remembers_whom_it_shut_out() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.now_ms = 100;
    let bob = log.token("disk", "bob", 100);
    log.run(put_under("a", "bob", "disk", bob));
    log.run(Operation::Delete {
        key: "a".into(),
        condition: Condition::Always,
        guard: Some(Guard {
            lease: "disk".into(),
            token: bob,
        }),
    });
    log.now_ms = 200;
    assert_eq!(
        log.run(put_under("a", "late", "disk", ann)),
        Outcome::StaleToken { newest: bob }
    );
    assert_eq!(log.value("a"), None);
}

#[test]
fn a_refused_precondition_raises_the_fence_all_the_same() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.now_ms = 100;
    let bob = log.token("disk", "bob", 100);
    let guarded = |condition| Operation::Put {
        key: "a".into(),
        value: "bob".into(),
        condition,
        guard: Some(Guard {
            lease: "disk".into(),
            token: bob,
        }),
    };
    assert_eq!(
        log.run(guarded(Condition::Exists)),
        Outcome::RevisionMismatch { revision: 0 }
    );
    log.now_ms = 300;
    assert_eq!(
        log.run(put_under("a", "late", "disk", ann)),
        Outcome::StaleToken { newest: bob }
    );
}

#[test]
fn a_token_that_was_never_granted_cannot_shut_out_the_holder() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    for token in [0, ann + 1, u64::MAX] {
        assert_eq!(
            log.run(put_under("a", "x", "disk", token)),
            Outcome::UnknownToken { newest: ann }
        );
    }
    log.run(put_under("a", "ann", "disk", ann));
    assert_eq!(log.value("a").as_deref(), Some("ann"));
}

#[test]
fn counters_and_keys_of_one_name_have_fences_of_their_own() {
    let mut log = Harness::new();
    let add = |lease: &str, token| Operation::Add {
        name: "a".into(),
        amount: 1,
        guard: Some(Guard {
            lease: lease.into(),
            token,
        }),
    };
    let first = log.token("one", "ann", 100);
    let second = log.token("two", "ann", 100);
    log.run(add("two", second));
    assert_eq!(
        log.run(add("one", first)),
        Outcome::StaleToken { newest: second }
    );
    log.run(put_under("a", "1", "one", first));
    assert_eq!(log.value("a").as_deref(), Some("1"));
}
