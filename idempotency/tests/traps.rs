//! The ways in which idempotency stores have gone wrong, one test for each.

use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    Attempt, AttemptToken, Claim, ClaimError, Class, CompleteError, Completion, ExtendError,
    FailError, Fingerprint, Key, KeyStore, Limits, Policy, PolicyError, Pressure, Remember,
    Request, Resource, StepError,
};

const LEASE: Duration = Duration::from_nanos(100);
const RETAIN: Duration = Duration::from_nanos(1_000);
const PRINT: Fingerprint = Fingerprint(7);
const OTHER: Fingerprint = Fingerprint(8);

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn key(name: &str) -> Key {
    Key::new("tenant", name).unwrap()
}

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn policy() -> Policy {
    Policy {
        success: Remember::Replay { retain: RETAIN },
        abandoned: Duration::from_nanos(10_000),
        pressure: Pressure::Refuse,
        ..Policy::default()
    }
}

fn with_limits(limits: Limits) -> KeyStore {
    let mut store = KeyStore::new(limits);
    store.set_policy(policy()).unwrap();
    store
}

fn store() -> KeyStore {
    with_limits(Limits::default())
}

/// An attempt, and whether it is in doubt.
#[derive(Clone, Copy, Debug)]
struct Ran {
    token: AttemptToken,
    number: u32,
    takeover: bool,
    reached: u64,
}

fn run(store: &mut KeyStore, now: u64, key: &Key) -> Ran {
    let (attempt, takeover) = match begin(store, now, key) {
        Claim::Run(attempt) => (attempt, false),
        Claim::TakeOver(in_doubt) => (in_doubt.accept(), true),
        other => panic!("{other:?}"),
    };
    let Attempt {
        token,
        number,
        reached,
        ..
    } = attempt;
    Ran {
        token,
        number,
        takeover,
        reached,
    }
}

fn claim(
    store: &mut KeyStore,
    now: u64,
    key: &Key,
    fingerprint: Fingerprint,
    lease: Duration,
) -> Result<Claim, ClaimError> {
    store.claim(at(now), Request::new(key, fingerprint).lease(lease))
}

fn begin(store: &mut KeyStore, now: u64, key: &Key) -> Claim {
    claim(store, now, key, PRINT, LEASE).unwrap()
}

fn in_progress(store: &mut KeyStore, now: u64, key: &Key, expected: u64) {
    match begin(store, now, key) {
        Claim::InProgress { until, .. } => assert_eq!(until, at(expected)),
        other => panic!("{other:?}"),
    }
}

fn complete(
    store: &mut KeyStore,
    now: u64,
    key: &Key,
    token: AttemptToken,
    response: Bytes,
) -> Result<Completion, CompleteError> {
    store.complete(at(now), key, token, Class::Success, response)
}

#[test]
fn crash_of_the_owner_is_taken_over_at_the_end_of_its_lease_and_not_before() {
    let (mut store, k) = (store(), key("k"));
    let first = run(&mut store, 0, &k);
    assert_eq!((first.number, first.takeover), (1, false));
    for now in [0, 1, 99] {
        in_progress(&mut store, now, &k, 100);
    }
    let second = run(&mut store, 100, &k);
    assert_eq!((second.number, second.takeover), (2, true));
    assert!(second.token > first.token);
}

/// Powertools' `_update_record` overwrites and `_delete_record` deletes without a condition, and the
/// error path of brandur's demo unlocks whoever holds the key.
#[test]
fn after_a_takeover_the_slow_one_can_neither_complete_nor_fail_nor_extend() {
    let (mut store, k) = (store(), key("k"));
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

/// To refuse it would force a second run that nobody needs.
#[test]
fn a_late_completion_is_taken_when_nobody_took_over() {
    let (mut store, k) = (store(), key("k"));
    let slow = run(&mut store, 0, &k);
    complete(&mut store, 5_000, &k, slow.token, body("late")).unwrap();
    assert_eq!(begin(&mut store, 5_001, &k), Claim::Replay(body("late")));
}

#[test]
fn another_request_with_the_key_is_a_mismatch_in_every_state_and_changes_nothing() {
    let (mut store, k) = (store(), key("k"));
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

/// Powertools TypeScript #4759 took a remaining time of zero for none given.
#[test]
fn a_span_of_zero_is_refused_and_not_taken_for_none() {
    let (mut store, k) = (store(), key("k"));
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

/// powertools-lambda #53: stuck in progress for ever.
#[test]
fn no_lease_lasts_longer_than_the_limit() {
    let (mut store, k) = (store(), key("k"));
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

#[test]
fn every_deadline_holds_before_it_and_is_over_at_it() {
    for (now, holds) in [(99, true), (100, false), (101, false)] {
        let (mut store, k) = (store(), key("k"));
        run(&mut store, 0, &k);
        let answer = begin(&mut store, now, &k);
        assert_eq!(
            matches!(answer, Claim::InProgress { .. }),
            holds,
            "lease at {now}"
        );
    }
    for (now, holds) in [(1_009, true), (1_010, false), (1_011, false)] {
        let (mut store, k) = (store(), key("k"));
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

/// Powertools TypeScript #1158: what if the record expires between the start and the success?
#[test]
fn retention_starts_at_completion() {
    let (mut store, k) = (store(), key("k"));
    let slow = run(&mut store, 0, &k);
    // Longer than the retention, and still at it.
    for now in (50..5_000).step_by(50) {
        store.extend(at(now), &k, slow.token, LEASE).unwrap();
        assert_eq!(store.expire(at(now)), 0);
    }
    complete(&mut store, 5_000, &k, slow.token, body("x")).unwrap();
    assert_eq!(begin(&mut store, 5_999, &k), Claim::Replay(body("x")));
}

#[test]
fn a_full_store_refuses_new_keys_and_forgets_none() {
    let mut store = with_limits(Limits {
        keys: 3,
        ..Limits::default()
    });
    let keys = [key("a"), key("b"), key("c")];
    let attempts = keys.each_ref().map(|k| run(&mut store, 0, k));
    let full = Err(ClaimError::Full {
        resource: Resource::Keys,
        used: 3,
        limit: 3,
    });
    assert_eq!(claim(&mut store, 1, &key("d"), PRINT, LEASE), full);
    for (k, attempt) in keys.iter().zip(attempts) {
        in_progress(&mut store, 1, k, 100);
        complete(&mut store, 1, k, attempt.token, body("x")).unwrap();
    }
    // What has completed is not pushed out either: its retry would run again.
    assert_eq!(claim(&mut store, 2, &key("d"), PRINT, LEASE), full);
    for k in &keys {
        assert_eq!(begin(&mut store, 2, k), Claim::Replay(body("x")));
    }
    // What is over makes room without anybody calling `expire`.
    run(&mut store, 1_001, &key("d"));
    assert!(store.len() <= 3);
}

/// An answer that finds no room after the work was done could not be replayed.
#[test]
fn the_room_for_a_response_is_set_aside_before_the_work_starts() {
    let mut store = with_limits(Limits {
        response_bytes: 4,
        all_response_bytes: 10,
        ..Limits::default()
    });
    let (a, b, c) = (key("a"), key("b"), key("c"));
    let first = run(&mut store, 0, &a);
    let second = run(&mut store, 0, &b);
    assert_eq!(
        claim(&mut store, 0, &c, PRINT, LEASE),
        Err(ClaimError::Full {
            resource: Resource::ResponseBytes,
            used: 8,
            limit: 10,
        })
    );
    let long = body("12345");
    assert_eq!(
        complete(&mut store, 1, &a, first.token, long.clone()),
        Err(CompleteError::ResponseTooLarge {
            limit: 4,
            response: long
        })
    );
    complete(&mut store, 1, &a, first.token, body("1234")).unwrap();
    complete(&mut store, 1, &b, second.token, body("12")).unwrap();
    assert_eq!(store.response_bytes(), 6);
    let third = run(&mut store, 2, &c);
    complete(&mut store, 3, &c, third.token, body("1234")).unwrap();
    assert_eq!(store.response_bytes(), 10);
    assert_eq!(begin(&mut store, 4, &b), Claim::Replay(body("12")));
}

#[test]
fn key_bytes_are_bounded() {
    let mut store = with_limits(Limits {
        key_bytes: 20,
        ..Limits::default()
    });
    run(&mut store, 0, &key("1234"));
    assert_eq!(store.key_bytes(), 10);
    assert!(matches!(
        claim(&mut store, 0, &key("12345"), PRINT, LEASE),
        Err(ClaimError::Full {
            resource: Resource::KeyBytes,
            used: 10,
            limit: 20,
            ..
        })
    ));
    run(&mut store, 0, &key("4321"));
}

#[test]
fn one_tenant_at_its_quota_takes_nothing_from_another() {
    let mut store = with_limits(Limits {
        keys_per_scope: 2,
        ..Limits::default()
    });
    let of = |scope: &str, name: &str| Key::new(scope, name).unwrap();
    run(&mut store, 0, &of("a", "1"));
    let second = run(&mut store, 0, &of("a", "2"));
    assert!(matches!(
        claim(&mut store, 0, &of("a", "3"), PRINT, LEASE),
        Err(ClaimError::Full {
            resource: Resource::KeysOfScope,
            used: 2,
            limit: 2,
            ..
        })
    ));
    // The same name elsewhere is another key, and "a" + "2x" is not "a2" + "x".
    run(&mut store, 0, &of("b", "1"));
    run(&mut store, 0, &of("a2", "x"));
    store.fail(at(1), &of("a", "2"), second.token).unwrap();
    run(&mut store, 1, &of("a", "2x"));
}

#[test]
fn a_clock_that_goes_back_revives_nothing_and_ends_nothing_early() {
    let (mut store, k) = (store(), key("k"));
    let first = run(&mut store, 1_000, &k);
    // Back to the past: the lease is neither over nor longer.
    in_progress(&mut store, 0, &k, 1_100);
    in_progress(&mut store, 1_099, &k, 1_100);
    let second = run(&mut store, 1_100, &k);
    assert_eq!(
        complete(&mut store, 5, &k, first.token, body("x")),
        Err(CompleteError::Superseded { by: second.token })
    );
    complete(&mut store, 5, &k, second.token, body("y")).unwrap();
    assert!(store.next_expiry().is_some_and(|end| end <= at(2_100)));
    assert_eq!(store.expire(at(2_100)), 1);
    // What is forgotten stays so.
    assert!(!run(&mut store, 0, &k).takeover);
}

#[test]
fn a_clock_that_jumps_a_month_ahead_is_caught_up_with_in_slices() {
    let mut store = store();
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

#[test]
fn a_failure_without_effect_lets_the_retry_run_at_once() {
    let (mut store, k) = (store(), key("k"));
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

/// The second attempt knows that it did nothing, but not what the first did.
#[test]
fn a_failure_after_a_takeover_leaves_the_doubt() {
    let (mut store, k) = (store(), key("k"));
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

/// KAFKA-19999: the retry of what has completed was fenced off before it was recognised.
#[test]
fn completing_twice_is_done_and_the_first_response_stays() {
    let (mut store, k) = (store(), key("k"));
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

#[test]
fn a_token_that_was_never_given_for_the_key_is_unknown() {
    let (mut store, k) = (store(), key("k"));
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

#[test]
fn an_abandoned_key_is_forgotten_in_the_end_and_its_attempt_with_it() {
    let (mut store, k) = (store(), key("k"));
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

/// nats-server #6415, reverted by #6486: a replica that was down longer than the window expired by
/// its own clock and then disagreed with the others.
#[test]
fn a_replica_that_was_down_longer_than_the_retention_catches_up_and_agrees() {
    let (mut up, mut down) = (store(), store());
    let log: &[(u64, &str)] = &[(0, "a"), (50, "b"), (100, "a"), (1_000, "b"), (1_150, "b")];
    for (now, name) in log {
        begin(&mut up, *now, &key(name));
        up.expire(at(*now));
    }
    // The other one reads the same log much later, and is never told its own time.
    for (now, name) in log {
        begin(&mut down, *now, &key(name));
    }
    assert_eq!(up.snapshot(), down.snapshot());
}

#[test]
fn tokens_end_in_a_refusal_and_are_never_used_again() {
    let mut bytes = store().snapshot().to_vec();
    let next_token = 1 + 9 * 8 + (9 + 9 + 1 + 1 + 4 * 8 + 1) + 2 * 8;
    bytes[next_token..next_token + 8].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    let mut store = KeyStore::restore(&bytes.into()).unwrap();
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

#[test]
fn time_at_its_end_neither_panics_nor_revives() {
    let (mut store, k) = (store(), key("k"));
    run(&mut store, u64::MAX, &k);
    // Nothing can be before the end of time there, so that nothing lasts.
    assert!(!run(&mut store, u64::MAX, &k).takeover);
    assert_eq!(store.expire(at(u64::MAX)), 1);
    let limits = Limits {
        lease: Duration::MAX,
        ..Limits::default()
    };
    let mut store = with_limits(limits);
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
    assert_eq!(KeyStore::restore(&store.snapshot()), Ok(store));
}

/// A slow attempt must not record that a step is done which its successor is about to do.
#[test]
fn trap_26_recovery_points_are_of_the_latest_attempt_and_go_forward() {
    let (mut store, k) = (store(), key("k"));
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
    let mut store = KeyStore::restore(&store.snapshot()).unwrap();
    let third = run(&mut store, 300, &k);
    assert_eq!((third.reached, third.number), (4, 3));
    complete(&mut store, 301, &k, third.token, body("done")).unwrap();
    assert_eq!(
        store.step(at(302), &k, third.token, 5),
        Err(StepError::Completed)
    );
    assert_eq!(begin(&mut store, 303, &k), Claim::Replay(body("done")));
}

/// A failure takes back nothing that was recorded: the retry goes on after it.
#[test]
fn a_failure_after_a_step_leaves_the_step_and_no_doubt() {
    let (mut store, k) = (store(), key("k"));
    let first = run(&mut store, 0, &k);
    store.step(at(1), &k, first.token, 1).unwrap();
    store.fail(at(2), &k, first.token).unwrap();
    assert_eq!(
        store.step(at(2), &k, first.token, 2),
        Err(StepError::Unknown { token: first.token })
    );
    let mut restored = KeyStore::restore(&store.snapshot()).unwrap();
    for store in [&mut store, &mut restored] {
        let second = run(store, 3, &k);
        assert_eq!((second.reached, second.number), (1, 2));
        assert!(!second.takeover, "the first one stopped by itself");
        assert!(second.token > first.token);
    }
}
