//! Writes under a lease.

use super::super::{Condition, Guard, MAX_HELD_BYTES, Operation, Outcome, Service};
use super::{Harness, put_under};

fn guard(lease: &str, token: u64) -> Guard {
    Guard {
        lease: lease.into(),
        token,
    }
}

fn put_if_under(key: &str, condition: Condition, lease: &str, token: u64) -> Operation {
    Operation::Put {
        key: key.into(),
        value: "x".into(),
        condition,
        guard: Some(guard(lease, token)),
    }
}

fn delete_under(key: &str, lease: &str, token: u64) -> Operation {
    Operation::Delete {
        key: key.into(),
        condition: Condition::Always,
        guard: Some(guard(lease, token)),
    }
}

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
fn a_refused_precondition_raises_a_fence_that_is_there() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.run(put_under("a", "ann", "disk", ann));
    let other = log.token("other", "bob", 100);
    assert_eq!(
        log.run(put_if_under("a", Condition::Absent, "other", other)),
        Outcome::RevisionMismatch { revision: 2 }
    );
    assert_eq!(
        log.run(put_under("a", "late", "disk", ann)),
        Outcome::StaleToken { newest: other }
    );
}

#[test]
fn a_refused_write_leaves_nothing_behind() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    let before = (log.service.held_bytes, log.service.snapshot().len());
    for key in 0..100 {
        let refused = put_if_under(&key.to_string(), Condition::Exists, "disk", ann);
        assert_eq!(log.run(refused), Outcome::RevisionMismatch { revision: 0 });
    }
    log.service.held_bytes = MAX_HELD_BYTES;
    assert_eq!(log.run(put_under("a", "1", "disk", ann)), Outcome::Full);
    let add = Operation::Add {
        name: "n".into(),
        amount: 1,
        guard: Some(guard("disk", ann)),
    };
    assert_eq!(log.run(add), Outcome::Full);
    log.service.held_bytes = before.0;
    assert_eq!(log.service.snapshot().len(), before.1);
    // So nobody was shut out by it.
    let bob = log.token("other", "bob", 100);
    assert!(bob > ann);
    log.run(put_under("1", "ann", "disk", ann));
    assert_eq!(log.value("1").as_deref(), Some("ann"));
}

#[test]
fn fences_of_deleted_keys_are_bounded_and_what_is_forgotten_is_refused() {
    let mut log = Harness::new();
    let ann = log.token("ann's", "ann", 60_000);
    let bob = log.token("bob's", "bob", 60_000);
    let names = |log: &Harness| (log.service.held_bytes, log.service.snapshot().len());
    let mut most = (0, 0);
    for key in 0..1_000 {
        let key = format!("{key:05}");
        log.run(put_under(&key, "1", "bob's", bob));
        log.run(delete_under(&key, "bob's", bob));
        let now = names(&log);
        if key.as_str() < "00010" {
            most = now;
        }
        assert_eq!((now.0.min(most.0), now.1.min(most.1)), now);
    }
    // Remembered exactly, or not at all.
    let late = log.run(put_under("00999", "late", "ann's", ann));
    assert_eq!(late, Outcome::StaleToken { newest: bob });
    let forgotten = Outcome::ForgottenFence { floor: bob };
    let late = log.run(put_under("00000", "late", "ann's", ann));
    assert_eq!(late, forgotten);
    // It cannot be told from a name that was never used.
    let new = log.run(put_under("new", "ann", "ann's", ann));
    assert_eq!(new, forgotten);
    log.run(Operation::Release {
        name: "ann's".into(),
        token: ann,
    });
    let again = log.token("ann's", "ann", 60_000);
    log.run(put_under("new", "ann", "ann's", again));
    assert_eq!(log.value("new").as_deref(), Some("ann"));
    // And who is not below the floor never noticed.
    log.run(put_under("00000", "bob", "bob's", bob));
    assert_eq!(log.value("00000").as_deref(), Some("bob"));
}

#[test]
fn the_smallest_tokens_are_forgotten_first() {
    let mut log = Harness::new();
    let old = log.token("old", "ann", 60_000);
    let new = log.token("new", "bob", 60_000);
    for key in ["a", "b", "c"] {
        log.run(delete_under(key, "new", new));
    }
    for key in ["d", "e", "f", "g"] {
        log.run(delete_under(key, "old", old));
    }
    assert_eq!(log.service.fence_floor.0, old);
    for key in ["a", "b", "c"] {
        let late = log.run(put_under(key, "late", "old", old));
        assert_eq!(late, Outcome::StaleToken { newest: new });
    }
}

#[test]
fn a_key_that_comes_back_has_its_fence_back() {
    let mut log = Harness::new();
    let ann = log.token("ann's", "ann", 60_000);
    let bob = log.token("bob's", "bob", 60_000);
    log.run(delete_under("a", "bob's", bob));
    log.put("a", "anybody");
    for key in 0..20 {
        log.run(delete_under(&key.to_string(), "bob's", bob));
    }
    let late = log.run(put_under("a", "late", "ann's", ann));
    assert_eq!(late, Outcome::StaleToken { newest: bob });
    let copy = Service::restore(&log.service.snapshot()).unwrap();
    assert_eq!(copy, log.service);
}

#[test]
fn a_token_goes_with_the_name_of_its_lease() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    let other = log.token("other", "bob", 100);
    for (lease, token) in [("garbage", ann), ("dsk", other), ("disk", other)] {
        assert_eq!(
            log.run(put_under("a", "x", lease, token)),
            Outcome::UnknownGrant,
            "{lease}:{token}"
        );
    }
    assert_eq!(
        log.run(put_under("a", "x", "other", ann)),
        Outcome::StaleToken { newest: other }
    );
    log.run(put_under("a", "ann", "disk", ann));
    assert_eq!(log.value("a").as_deref(), Some("ann"));
}

#[test]
fn a_lease_that_passed_on_and_ended_again_shuts_its_first_holder_out() {
    let mut log = Harness::new();
    let ann = log.token("disk", "ann", 100);
    log.now_ms = 100;
    let bob = log.token("disk", "bob", 100);
    log.now_ms = 200;
    // Nobody holds it, and bob never wrote.
    let late = log.run(put_under("a", "late", "disk", ann));
    assert_eq!(late, Outcome::StaleToken { newest: bob });
    // The last one may.
    log.run(put_under("a", "bob", "disk", bob));
    assert_eq!(log.value("a").as_deref(), Some("bob"));
}

#[test]
fn of_leases_that_ended_long_ago_nothing_is_known_and_nobody_writes() {
    let mut log = Harness::new();
    let first = log.token("first", "ann", 100);
    let mut last = 0;
    for lease in 0..20 {
        last = log.token(&lease.to_string(), "ann", 100);
    }
    log.now_ms = 1_000;
    let late = log.run(put_under("a", "late", "first", first));
    assert_eq!(late, Outcome::UnknownGrant);
    log.run(put_under("a", "ann", "19", last));
    assert_eq!(log.value("a").as_deref(), Some("ann"));
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
