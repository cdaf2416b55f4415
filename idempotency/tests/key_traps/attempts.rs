//! Attempts: who runs, who may still say something, and for how long.

use std::time::Duration;
use std::vec::Vec;
use std::{format, vec};

use quorate_idempotency::*;

use super::*;

pub(crate) fn trap_01_crash_of_the_owner(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    assert_eq!((first.number, first.takeover), (1, false));
    for now in [0, 1, 99] {
        in_progress(&mut store, now, &k, 100);
    }
    let second = run(&mut store, 100, &k);
    assert_eq!((second.number, second.takeover), (2, true));
    assert!(second.token > first.token);
}

pub(crate) fn trap_02_completion_after_takeover(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let slow = run(&mut store, 0, &k);
    let second = run(&mut store, 100, &k);
    for done in [false, true] {
        if done {
            complete(&mut store, 110, &k, second.token, body("second")).unwrap();
        }
        let before = store.snapshot();
        let by = second.token;
        assert_eq!(
            complete(&mut store, 110, &k, slow.token, body("slow")),
            Err(CompleteError::Superseded { by })
        );
        assert_eq!(
            store.fail(at(110), &k, slow.token),
            Err(FailError::Superseded { by })
        );
        assert_eq!(
            store.extend(at(110), &k, slow.token, LEASE),
            Err(ExtendError::Superseded { by })
        );
        if done {
            assert_eq!(store.snapshot(), before);
            assert_eq!(begin(&mut store, 111, &k), Claim::Replay(body("second")));
        } else {
            in_progress(&mut store, 110, &k, 200);
        }
    }
}

pub(crate) fn trap_03_late_completion(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let slow = run(&mut store, 0, &k);
    complete(&mut store, 5_000, &k, slow.token, body("late")).unwrap();
    assert_eq!(begin(&mut store, 5_001, &k), Claim::Replay(body("late")));
}

pub(crate) fn trap_04_same_key_other_request(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    let mismatch = |store: &mut KeyStore, now, completed| {
        let before = store.clone();
        assert_eq!(
            claim(store, now, &k, OTHER, LEASE),
            Ok(Claim::Mismatch {
                stored: PRINT,
                applied: completed
            })
        );
        // Only the time has gone on.
        let mut expected = before;
        expected.expire(at(now));
        assert_eq!(*store, expected);
    };
    mismatch(&mut store, 50, false);
    // The lease is over, but whether the request had its effect is not known.
    mismatch(&mut store, 150, false);
    let second = run(&mut store, 150, &k);
    store.fail(at(160), &k, second.token).unwrap();
    mismatch(&mut store, 170, false);
    let third = run(&mut store, 180, &k);
    complete(&mut store, 190, &k, third.token, body("x")).unwrap();
    mismatch(&mut store, 200, true);
    assert_eq!(
        complete(&mut store, 200, &k, first.token, body("y")),
        Err(CompleteError::Superseded { by: third.token })
    );
}

pub(crate) fn trap_05_no_lease_is_for_ever(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let limit = store.limits().lease;
    let lease = limit + Duration::from_nanos(1);
    assert_eq!(
        claim(&mut store, 0, &k, PRINT, lease),
        Err(ClaimError::LeaseTooLong { lease, limit })
    );
    assert!(matches!(
        claim(&mut store, 0, &k, PRINT, limit),
        Ok(Claim::Run(_))
    ));
}

pub(crate) fn trap_06_a_span_of_zero(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    assert_eq!(
        claim(&mut store, 0, &k, PRINT, Duration::ZERO),
        Err(ClaimError::ZeroLease)
    );
    assert!(store.is_empty());
    let attempt = run(&mut store, 0, &k);
    assert_eq!(
        store.extend(at(0), &k, attempt.token, Duration::ZERO),
        Err(ExtendError::ZeroLease)
    );
    for retain in [
        Remember::Replay {
            retain: Duration::ZERO,
        },
        Remember::Applied {
            retain: Duration::ZERO,
        },
    ] {
        let policy = Policy {
            success: retain,
            ..policy()
        };
        assert_eq!(
            store.set_policy(policy),
            Err(PolicyError::ZeroRetain {
                class: Class::Success
            })
        );
    }
    let no_lease = Policy {
        lease: Duration::ZERO,
        ..policy()
    };
    assert_eq!(store.set_policy(no_lease), Err(PolicyError::ZeroLease));
    in_progress(&mut store, 99, &k, 100);
}

pub(crate) fn trap_07_every_deadline_to_the_nanosecond(stores: &dyn Stores) {
    for (now, holds) in [(99, true), (100, false), (101, false)] {
        let (mut store, k) = (store(stores), key("k"));
        run(&mut store, 0, &k);
        let answer = begin(&mut store, now, &k);
        assert_eq!(
            matches!(answer, Claim::InProgress { .. }),
            holds,
            "lease at {now}"
        );
    }
    for (now, holds) in [(1_009, true), (1_010, false), (1_011, false)] {
        let (mut store, k) = (store(stores), key("k"));
        let attempt = run(&mut store, 0, &k);
        complete(&mut store, 10, &k, attempt.token, body("x")).unwrap();
        let mut expired = store.clone();
        assert!(store.next_expiry().is_some_and(|end| end <= at(1_010)));
        assert_eq!(expired.expire(at(now)), u64::from(!holds));
        assert_eq!(
            complete(&mut store, now, &k, attempt.token, body("x")),
            if holds {
                Ok(Completion::Repeated)
            } else {
                Err(CompleteError::Unknown {
                    token: attempt.token,
                })
            }
        );
        let answer = begin(&mut store, now, &k);
        assert_eq!(
            answer == Claim::Replay(body("x")),
            holds,
            "retention at {now}"
        );
        assert_eq!(answer, begin(&mut expired, now, &k));
    }
}

pub(crate) fn trap_08_retention_starts_at_completion(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let slow = run(&mut store, 0, &k);
    // Longer than the retention, and still at it.
    for now in (50..5_000).step_by(50) {
        store.extend(at(now), &k, slow.token, LEASE).unwrap();
        assert_eq!(store.expire(at(now)), 0);
    }
    complete(&mut store, 5_000, &k, slow.token, body("x")).unwrap();
    assert_eq!(begin(&mut store, 5_999, &k), Claim::Replay(body("x")));
}

pub(crate) fn trap_11_clock_goes_backwards(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 1_000, &k);
    // Back to the past: the lease is neither over nor longer.
    in_progress(&mut store, 0, &k, 1_100);
    in_progress(&mut store, 1_099, &k, 1_100);
    let second = run(&mut store, 1_100, &k);
    assert_eq!(
        complete(&mut store, 5, &k, first.token, body("x")),
        Err(CompleteError::Superseded { by: second.token })
    );
    // What was over at a later time is over at an earlier one too, and all spans count from the later.
    assert_eq!(store.expire(at(1_200)), 0);
    assert!(run(&mut store.clone(), 0, &k).takeover);
    assert_eq!(
        complete(&mut store, 5, &k, second.token, body("y")),
        Ok(Completion::Kept { until: at(2_200) })
    );
    assert_eq!(store.expire(at(2_199)), 0);
    assert_eq!(store.expire(at(2_200)), 1);
    // What is forgotten stays so.
    assert!(!run(&mut store, 0, &k).takeover);
}

pub(crate) fn trap_12_clock_jumps_forward(stores: &dyn Stores) {
    let mut store = store(stores);
    let keys: Vec<Key> = (0..1_000).map(|n| key(&format!("k{n}"))).collect();
    for (n, k) in keys.iter().enumerate() {
        let attempt = run(&mut store, 0, k);
        let retain = Duration::from_nanos(2_000 - n as u64);
        let success = Remember::Replay { retain };
        store
            .set_policy(Policy {
                success,
                ..policy()
            })
            .unwrap();
        complete(&mut store, 0, k, attempt.token, body("x")).unwrap();
    }
    let month = 30 * 86_400 * 1_000_000_000;
    let mut slices = Vec::new();
    while store.next_expiry().is_some() {
        slices.push(store.expire_some(at(month), 300));
    }
    assert!(slices.iter().all(|slice| slice.forgotten <= 300));
    assert_eq!(
        slices.iter().map(|slice| slice.forgotten).sum::<u64>(),
        1_000
    );
    // A key that is over and not forgotten yet counts as absent all the same.
    let attempt = run(&mut store, month, &keys[0]);
    assert!(!attempt.takeover);
}

pub(crate) fn trap_26_recovery_points(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    assert_eq!((first.reached, first.takeover), (0, false));
    store.step(at(1), &k, first.token, 1).unwrap();
    store.step(at(1), &k, first.token, 1).unwrap();

    let second = run(&mut store, 100, &k);
    assert_eq!((second.reached, second.takeover), (1, true));
    let before = store.clone();
    assert_eq!(
        store.step(at(101), &k, first.token, 2),
        Err(StepError::Superseded { by: second.token })
    );
    assert_eq!(store.snapshot(), {
        let mut before = before;
        before.expire_some(at(101), 0);
        before.snapshot()
    });
    store.step(at(101), &k, second.token, 3).unwrap();
    assert_eq!(
        store.step(at(102), &k, second.token, 2),
        Err(StepError::Back {
            step: 2,
            reached: 3
        })
    );

    // After its lease too, while nobody took over. And a restart forgets nothing of it.
    store.step(at(300), &k, second.token, 4).unwrap();
    let mut store = stores.restore(0, &store.snapshot());
    let third = run(&mut store, 300, &k);
    assert_eq!((third.reached, third.number), (4, 3));
    complete(&mut store, 301, &k, third.token, body("done")).unwrap();
    assert_eq!(
        store.step(at(302), &k, third.token, 5),
        Err(StepError::Completed)
    );
    assert_eq!(begin(&mut store, 303, &k), Claim::Replay(body("done")));
}

pub(crate) fn a_failure_without_effect_frees_the_key(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    store.fail(at(1), &k, first.token).unwrap();
    assert!(store.is_empty());
    let second = run(&mut store, 1, &k);
    assert!(!second.takeover);
    assert!(second.token > first.token);
    assert_eq!(
        store.fail(at(1), &k, first.token),
        Err(FailError::Superseded { by: second.token })
    );
}

pub(crate) fn a_failure_after_a_takeover_leaves_the_doubt(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let vanished = run(&mut store, 0, &k);
    let second = run(&mut store, 100, &k);
    store.fail(at(101), &k, second.token).unwrap();
    assert_eq!(
        complete(&mut store, 101, &k, vanished.token, body("x")),
        Err(CompleteError::Superseded { by: second.token })
    );
    // It said that it failed; it cannot have completed too.
    let unknown = second.token;
    assert_eq!(
        complete(&mut store, 101, &k, second.token, body("x")),
        Err(CompleteError::Unknown { token: unknown })
    );
    assert_eq!(
        store.fail(at(101), &k, second.token),
        Err(FailError::Unknown { token: unknown })
    );
    let third = run(&mut store, 101, &k);
    assert_eq!((third.number, third.takeover), (3, true));
}

pub(crate) fn a_failure_after_a_step_leaves_the_step(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    store.step(at(1), &k, first.token, 1).unwrap();
    store.fail(at(2), &k, first.token).unwrap();
    assert_eq!(
        store.step(at(2), &k, first.token, 2),
        Err(StepError::Unknown { token: first.token })
    );
    let mut restored = stores.restore(0, &store.snapshot());
    for store in [&mut store, &mut restored] {
        let second = run(store, 3, &k);
        assert_eq!((second.reached, second.number), (1, 2));
        assert!(!second.takeover, "the first one stopped by itself");
        assert!(second.token > first.token);
    }
}

pub(crate) fn completing_twice_changes_nothing(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let attempt = run(&mut store, 0, &k);
    complete(&mut store, 1, &k, attempt.token, body("first")).unwrap();
    let too_long = Bytes::from(vec![0; 1 << 20]);
    for response in [body("again"), too_long, body("first")] {
        assert_eq!(
            complete(&mut store, 2, &k, attempt.token, response),
            Ok(Completion::Repeated)
        );
    }
    assert_eq!(begin(&mut store, 1_000, &k), Claim::Replay(body("first")));
    assert!(store.next_expiry().is_some_and(|end| end <= at(1_001)));
    assert_eq!(
        store.fail(at(3), &k, attempt.token),
        Err(FailError::Completed)
    );
    assert_eq!(
        store.extend(at(3), &k, attempt.token, LEASE),
        Err(ExtendError::Completed)
    );
}

pub(crate) fn a_token_of_another_key_is_unknown(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let other = run(&mut store, 0, &key("other"));
    for token in [AttemptToken(0), other.token, AttemptToken(u64::MAX)] {
        assert_eq!(
            complete(&mut store, 1, &k, token, body("x")),
            Err(CompleteError::Unknown { token })
        );
    }
    let mine = run(&mut store, 1, &k);
    let later = run(&mut store, 1, &key("later"));
    assert!(mine.token < later.token);
    assert_eq!(
        complete(&mut store, 2, &k, later.token, body("x")),
        Err(CompleteError::Unknown { token: later.token })
    );
}

pub(crate) fn an_abandoned_key_is_forgotten_in_the_end(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let lost = run(&mut store, 0, &k);
    assert!(store.next_expiry().is_some_and(|end| end <= at(10_100)));
    let mut later = store.clone();
    assert!(run(&mut store, 10_099, &k).takeover);
    assert_eq!(
        complete(&mut later, 10_100, &k, lost.token, body("x")),
        Err(CompleteError::Unknown { token: lost.token })
    );
    let anew = run(&mut later, 10_100, &k);
    assert_eq!((anew.number, anew.takeover), (1, false));
    assert_eq!(
        complete(&mut later, 10_100, &k, lost.token, body("x")),
        Err(CompleteError::Superseded { by: anew.token })
    );
}

pub(crate) fn tokens_end_in_a_refusal(stores: &dyn Stores) {
    let mut bytes = store(stores).snapshot().to_vec();
    let next_token = 1 + 9 * 8 + (9 + 9 + 1 + 1 + 4 * 8 + 1) + 2 * 8;
    bytes[next_token..next_token + 8].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    let mut store = stores.restore(0, &bytes.into());
    let last = run(&mut store, 0, &key("last"));
    assert_eq!(last.token, AttemptToken(u64::MAX - 1));
    for _ in 0..2 {
        assert_eq!(
            claim(&mut store, 0, &key("more"), PRINT, LEASE),
            Err(ClaimError::TokensExhausted)
        );
    }
    complete(&mut store, 1, &key("last"), last.token, body("x")).unwrap();
}

pub(crate) fn time_at_its_end(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    run(&mut store, u64::MAX, &k);
    // Nothing can be before the end of time there, so that nothing lasts.
    assert!(!run(&mut store, u64::MAX, &k).takeover);
    assert_eq!(store.expire(at(u64::MAX)), 1);
    tombstones_at_the_end_of_time(stores);
    let limits = Limits {
        lease: Duration::MAX,
        ..Limits::default()
    };
    let mut store = with_limits(stores, limits);
    let policy = Policy {
        success: Remember::Replay {
            retain: Duration::MAX,
        },
        abandoned: Duration::MAX,
        key_age: Duration::MAX,
        ..policy()
    };
    store.set_policy(policy).unwrap();
    let Ok(Claim::Run(attempt)) = claim(&mut store, 1, &k, PRINT, Duration::from_nanos(u64::MAX))
    else {
        panic!()
    };
    assert_eq!(attempt.until, at(u64::MAX));
    assert_eq!(stores.restore(0, &store.snapshot()), store);
}

/// All of them are forgotten then, though there is no later time at which to look for the next one.
fn tombstones_at_the_end_of_time(stores: &dyn Stores) {
    let limits = Limits {
        keys: 1,
        ..Limits::default()
    };
    let for_ever = Policy {
        success: Remember::Replay {
            retain: Duration::MAX,
        },
        pressure: Pressure::DropResponses,
        ..policy()
    };
    let mut store = stores.start(0, limits, for_ever);
    for name in ["a", "b", "c"] {
        let token = run(&mut store, 1, &key(name)).token;
        complete(&mut store, 1, &key(name), token, body("x")).unwrap();
    }
    assert_eq!((store.len(), store.tombstones()), (1, 2));
    assert_eq!(store.expire(at(u64::MAX)), 3);
    assert!(store.is_empty());
}

/// Powertools TypeScript #5678 took an attempt without a deadline for an orphan, and #53 left it for ever.
pub(crate) fn trap_05_no_lease_given(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let request = Request::new(&k, PRINT);
    let lease = store.policy().lease;
    assert!(matches!(store.claim(at(0), request), Ok(Claim::Run(_))));
    let last = Instant::ORIGIN + (lease - Duration::from_nanos(1));
    assert!(matches!(
        store.claim(last, request),
        Ok(Claim::InProgress { .. })
    ));
    let end = Instant::ORIGIN + lease;
    assert!(matches!(store.claim(end, request), Ok(Claim::TakeOver(_))));
    // A store that allows less gives less.
    let limits = Limits {
        lease: Duration::from_nanos(10),
        ..Limits::default()
    };
    let mut store = with_limits(stores, limits);
    assert!(matches!(store.claim(at(0), request), Ok(Claim::Run(_))));
    assert!(matches!(
        store.claim(at(10), request),
        Ok(Claim::TakeOver(_))
    ));
}

/// A lease is only ever made longer by being extended: a shorter wish is no way to give it up.
pub(crate) fn extending_never_shortens(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let attempt = run(&mut store, 0, &k);
    let until = store.extend(at(50), &k, attempt.token, LEASE).unwrap();
    assert_eq!(until, at(150));
    let short = Duration::from_nanos(1);
    assert_eq!(store.extend(at(60), &k, attempt.token, short), Ok(at(150)));
    in_progress(&mut store, 149, &k, 150);
}
