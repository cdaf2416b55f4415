//! Forgetting: what makes room, in which order, and what a retry is told that comes after it.

use std::time::Duration;

use quorate_idempotency::*;

use super::*;

fn dropping() -> Policy {
    Policy {
        pressure: Pressure::DropResponses,
        ..policy()
    }
}

fn claim_born(store: &mut KeyStore, now: u64, key: &Key, born: u64) -> Result<Claim, ClaimError> {
    let request = Request::new(key, PRINT).lease(LEASE);
    store.claim(at(now), request.born_at(at(born)))
}

fn run_born(store: &mut KeyStore, now: u64, key: &Key, born: u64) -> AttemptToken {
    match claim_born(store, now, key, born) {
        Ok(Claim::Run(attempt)) => attempt.token,
        other => panic!("{other:?}"),
    }
}

fn apply(store: &mut KeyStore, now: u64, key: &Key, text: &'static str) -> AttemptToken {
    let token = run(store, now, key).token;
    complete(store, now, key, token, body(text)).unwrap();
    token
}

fn apply_born(store: &mut KeyStore, now: u64, key: &Key, born: u64) -> AttemptToken {
    let token = run_born(store, now, key, born);
    complete(store, now, key, token, body("x")).unwrap();
    token
}

/// Dropping the whole record would run it again; dropping the response only is a worse answer.
pub(crate) fn trap_10_responses_are_dropped_first(stores: &dyn Stores) {
    let limits = Limits {
        response_bytes: 4,
        all_response_bytes: 12,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(key);
    for k in [&a, &b, &c] {
        apply(&mut store, 0, k, "1234");
    }
    // The client has the answer to `b`: that one costs nobody anything.
    store.acknowledge(at(1), &b, PRINT).unwrap();
    assert_eq!(begin(&mut store, 1, &b), Claim::AlreadyApplied);
    apply(&mut store, 1, &d, "1234");
    assert_eq!(begin(&mut store, 1, &a), Claim::Replay(body("1234")));
    // Then the oldest goes.
    run(&mut store, 2, &e);
    assert_eq!(begin(&mut store, 2, &a), Claim::AlreadyApplied);
    assert_eq!(begin(&mut store, 2, &c), Claim::Replay(body("1234")));
    assert_eq!(store.len(), 5);
    assert_eq!(
        claim(&mut store, 2, &a, OTHER, LEASE),
        Ok(Claim::Mismatch {
            stored: PRINT,
            applied: true
        })
    );
}

pub(crate) fn trap_10_tombstones_say_that_it_was_applied(stores: &dyn Stores) {
    let limits = Limits {
        keys: 1,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let (a, b) = (key("a"), key("b"));
    let token = apply(&mut store, 0, &a, "x");
    run(&mut store, 10, &b);
    assert_eq!((store.len(), store.tombstones()), (1, 1));
    for mut store in [store.clone(), stores.restore(0, &store.snapshot())] {
        assert_eq!(begin(&mut store, 11, &a), Claim::AlreadyApplied);
        // Trap 4, of a tombstone.
        assert_eq!(
            claim(&mut store, 11, &a, OTHER, LEASE),
            Ok(Claim::Mismatch {
                stored: PRINT,
                applied: true
            })
        );
        assert_eq!(
            complete(&mut store, 11, &a, token, body("x")),
            Err(CompleteError::Applied { token })
        );
        assert_eq!(store.acknowledge(at(11), &a, PRINT), Ok(()));
        let mismatch = Err(AcknowledgeError::Mismatch);
        assert_eq!(store.acknowledge(at(11), &a, OTHER), mismatch);
        // It is remembered as long as the response was promised to be, and not longer.
        assert_eq!(begin(&mut store, 999, &a), Claim::AlreadyApplied);
        assert!(store.expire(at(1_000)) > 0);
        assert_eq!(store.tombstones(), 0);
    }
}

pub(crate) fn trap_10_what_may_run_is_never_pushed_out(stores: &dyn Stores) {
    let limits = Limits {
        keys: 3,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let [running, doubtful, stepped, more] = ["running", "doubtful", "stepped", "more"].map(key);
    run(&mut store, 0, &doubtful);
    let attempt = run(&mut store, 0, &stepped);
    store.step(at(0), &stepped, attempt.token, 7).unwrap();
    store.fail(at(0), &stepped, attempt.token).unwrap();
    run(&mut store, 100, &running);
    assert_eq!(
        claim(&mut store, 100, &more, PRINT, LEASE),
        Err(ClaimError::Full {
            resource: Resource::Keys,
            used: 3,
            limit: 3
        })
    );
    in_progress(&mut store, 100, &running, 200);
    assert!(run(&mut store, 100, &doubtful).takeover);
    assert_eq!(run(&mut store, 100, &stepped).reached, 7);
}

/// A key that says nothing about its age cannot be forgotten safely, so that the store is full.
pub(crate) fn trap_10_full_of_tombstones(stores: &dyn Stores) {
    let limits = Limits {
        keys_per_scope: 1,
        tombstones_per_scope: 1,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let [a, b, c] = ["a", "b", "c"].map(key);
    apply(&mut store, 0, &a, "x");
    apply(&mut store, 1, &b, "y");
    assert_eq!(
        claim(&mut store, 2, &c, PRINT, LEASE),
        Err(ClaimError::Full {
            resource: Resource::TombstonesOfScope,
            used: 1,
            limit: 1
        })
    );
    assert_eq!(begin(&mut store, 2, &a), Claim::AlreadyApplied);
    assert_eq!(begin(&mut store, 2, &b), Claim::Replay(body("y")));
    run(&mut store, 1_000, &c);
}

/// With keys that tell their age, what is forgotten never runs again, and the store is not full.
pub(crate) fn trap_17_the_horizon_refuses_what_is_forgotten(stores: &dyn Stores) {
    let limits = Limits {
        keys_per_scope: 1,
        tombstones_per_scope: 1,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let [a, b, c, d] = ["a", "b", "c", "d"].map(key);
    apply_born(&mut store, 10, &a, 10);
    apply_born(&mut store, 11, &b, 11);
    assert_eq!(
        claim_born(&mut store, 11, &a, 10),
        Ok(Claim::AlreadyApplied)
    );
    apply_born(&mut store, 12, &c, 12);
    let horizon = at(11);
    for mut store in [store.clone(), stores.restore(0, &store.snapshot())] {
        assert_eq!(store.horizon("tenant"), horizon);
        // `a` is forgotten; `b` is a tombstone; `c` is whole.
        let too_old = Ok(Claim::TooOld { horizon });
        assert_eq!(claim_born(&mut store, 13, &a, 10), too_old);
        assert_eq!(
            claim_born(&mut store, 13, &b, 11),
            Ok(Claim::AlreadyApplied)
        );
        assert_eq!(
            claim_born(&mut store, 13, &c, 12),
            Ok(Claim::Replay(body("x")))
        );
        // Whoever is as old and unknown may be one that is forgotten.
        assert_eq!(claim_born(&mut store, 13, &d, 10), too_old);
        // In another scope nothing was forgotten.
        let elsewhere = Key::new("elsewhere", "d").unwrap();
        run_born(&mut store, 13, &elsewhere, 10);
        run_born(&mut store, 13, &d, 13);
    }
    // The horizon outlives all that the scope has.
    let age = store.policy().key_age.as_nanos() as u64;
    store.expire(at(age + 10));
    assert_eq!(store.horizon("tenant"), horizon);
    store.expire(at(age + 100));
    assert!(store.is_empty());
}

/// Retention is a guess; the age of a key is a promise.
pub(crate) fn trap_17_aged_keys_are_known_until_they_are_too_old(stores: &dyn Stores) {
    let policy = Policy {
        key_age: Duration::from_nanos(50_000),
        ..policy()
    };
    let mut store = stores.start(0, Limits::default(), policy);
    let [done, lost, never] = ["done", "lost", "never"].map(key);
    apply_born(&mut store, 10, &done, 10);
    run_born(&mut store, 10, &lost, 10);
    // Longer than anything is retained.
    for now in [20_000, 50_010] {
        store.expire(at(now));
        assert_eq!(
            claim_born(&mut store, now, &done, 10),
            Ok(Claim::Replay(body("x")))
        );
        assert!(matches!(
            claim_born(&mut store, now, &lost, 10),
            Ok(Claim::TakeOver(_))
        ));
    }
    let too_old = Ok(Claim::TooOld { horizon: at(11) });
    for k in [&done, &never] {
        assert_eq!(claim_born(&mut store, 50_011, k, 10), too_old);
    }
    run_born(&mut store, 50_011, &never, 11);
}

/// The floor never goes back: what may be forgotten already must not run when keys may be older again.
pub(crate) fn trap_17_a_longer_age_takes_nothing_back(stores: &dyn Stores) {
    let with_age = |nanos| Policy {
        key_age: Duration::from_nanos(nanos),
        ..policy()
    };
    let mut store = stores.start(0, Limits::default(), with_age(100));
    let a = key("a");
    apply_born(&mut store, 10, &a, 10);
    assert_eq!(store.expire(at(10_000)), 1);
    store.set_policy(with_age(1_000_000)).unwrap();
    for mut store in [store.clone(), stores.restore(0, &store.snapshot())] {
        let horizon = at(9_900);
        assert_eq!(
            claim_born(&mut store, 10_001, &a, 10),
            Ok(Claim::TooOld { horizon })
        );
    }
}

/// A clock that is far ahead would make keys that are never forgotten.
pub(crate) fn trap_15_a_key_of_the_future(stores: &dyn Stores) {
    let mut store = store(stores);
    let latest = Instant::ORIGIN + (store.policy().key_skew + Duration::from_nanos(5));
    let born_at = latest + Duration::from_nanos(1);
    let k = key("k");
    let request = Request::new(&k, PRINT);
    assert_eq!(
        store.claim(at(5), request.born_at(born_at)),
        Err(ClaimError::BornInTheFuture { born_at, latest })
    );
    assert!(store.is_empty());
    assert!(matches!(
        store.claim(at(5), request.born_at(latest)),
        Ok(Claim::Run(_))
    ));
}

pub(crate) fn trap_13_acknowledging_again(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    apply(&mut store, 0, &k, "x");
    let other = store.acknowledge(at(1), &k, OTHER);
    assert_eq!(other, Err(AcknowledgeError::Mismatch));
    assert_eq!(begin(&mut store, 1, &k), Claim::Replay(body("x")));
    for now in [2, 3] {
        assert_eq!(store.acknowledge(at(now), &k, PRINT), Ok(()));
        // A copy that was on its way all the time.
        assert_eq!(begin(&mut store, now, &k), Claim::AlreadyApplied);
    }
    assert_eq!(store.response_bytes(), 0);
}

pub(crate) fn trap_14_acknowledged_before_it_completed(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let unknown = Err(AcknowledgeError::Unknown);
    assert_eq!(store.acknowledge(at(0), &k, PRINT), unknown);
    let attempt = run(&mut store, 0, &k);
    let not_yet = Err(AcknowledgeError::NotCompleted);
    assert_eq!(store.acknowledge(at(1), &k, PRINT), not_yet);
    assert_eq!(store.running(), 1);
    complete(&mut store, 2, &k, attempt.token, body("x")).unwrap();
    assert_eq!(begin(&mut store, 3, &k), Claim::Replay(body("x")));
}

/// One scope's need is no reason to take from another.
pub(crate) fn trap_25_room_is_made_in_the_own_scope(stores: &dyn Stores) {
    let limits = Limits {
        keys: 2,
        ..Limits::default()
    };
    let mut store = stores.start(0, limits, dropping());
    let of = |scope: &str, name: &str| Key::new(scope, name).unwrap();
    let [a, b] = ["a", "b"].map(|scope| of(scope, "1"));
    apply(&mut store, 0, &a, "of a");
    apply(&mut store, 0, &b, "of b");
    assert!(matches!(
        claim(&mut store, 1, &of("c", "1"), PRINT, LEASE),
        Err(ClaimError::Full { .. })
    ));
    run(&mut store, 1, &of("b", "2"));
    assert_eq!(begin(&mut store, 1, &a), Claim::Replay(body("of a")));
    assert_eq!(begin(&mut store, 1, &b), Claim::AlreadyApplied);
}

/// Which of what is over is gone already must decide nothing, or replicas that sweep at other times disagree.
pub(crate) fn trap_20_sweeping_decides_nothing(stores: &dyn Stores) {
    let limits = Limits {
        keys: 2,
        ..Limits::default()
    };
    let mut lazy = stores.start(0, limits, dropping());
    let [a, b, c] = ["a", "b", "c"].map(key);
    apply(&mut lazy, 0, &a, "x");
    apply(&mut lazy, 500, &b, "y");
    let mut eager = lazy.clone();
    eager.expire(at(1_000));
    for store in [&mut lazy, &mut eager] {
        run(store, 1_000, &c);
        assert_eq!(begin(store, 1_000, &b), Claim::Replay(body("y")));
    }
    assert_eq!(lazy.snapshot(), eager.snapshot());
}
