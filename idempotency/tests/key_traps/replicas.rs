//! Replicas: the same commands, the same store.

use std::time::Duration;
use std::vec::Vec;
use std::{format, vec};

use quorate_clocks::SplitMix64;
use quorate_idempotency::*;

use super::*;

/// nats-server #6415, reverted by #6486: a replica that was down longer than the window expired by its own
/// clock and then disagreed with the others.
pub(crate) fn trap_22_lagging_replica(stores: &dyn Stores) {
    let mut up = stores.start(0, Limits::default(), policy());
    let mut down = stores.start(1, Limits::default(), policy());
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
    assert_eq!(up.digest(), down.digest());
}

/// A duplicate that a new leader gets is decided by its place in the log, and one that never came into the log
/// blocks nothing.
pub(crate) fn trap_21_failover(stores: &dyn Stores) {
    let k = key("k");
    // The old leader had proposed the request twice; the second copy was lost with it, or it was not.
    for copies in 1..=3 {
        let mut replicas =
            [0, 1, 2].map(|number| stores.start(number, Limits::default(), policy()));
        for store in &mut replicas {
            let mut runs = 0;
            for copy in 0..copies {
                if let Claim::Run(attempt) = begin(store, copy, &k) {
                    runs += 1;
                    complete(store, copy, &k, attempt.token, body("x")).unwrap();
                }
            }
            assert_eq!(runs, 1);
        }
        let [one, other, third] = replicas;
        assert_eq!(one.snapshot(), other.snapshot());
        assert_eq!(one.snapshot(), third.snapshot());
    }
}

/// A token that was given before a restart is not given again after it, also when its key is free.
pub(crate) fn trap_20_tokens_go_on_after_a_restart(stores: &dyn Stores) {
    let mut store = store(stores);
    let first = run(&mut store, 0, &key("a"));
    let second = run(&mut store, 0, &key("b"));
    store.fail(at(1), &key("b"), second.token).unwrap();
    let mut store = stores.restore(0, &store.snapshot());
    let third = run(&mut store, 2, &key("b"));
    assert!(first.token < second.token && second.token < third.token);
}

/// With whatever secret keys are hashed, and in whatever order they came, the bytes are the same.
pub(crate) fn trap_20_order_does_not_show(stores: &dyn Stores) {
    let names: Vec<_> = (0..100).map(|number| format!("key-{number}")).collect();
    let fill = |number, names: &mut dyn Iterator<Item = &std::string::String>| {
        let mut store = stores.start(number, Limits::default(), policy());
        for name in names {
            let request = key(name);
            let request = Request::new(&request, PRINT);
            // Every attempt fails but the last one, so that places are taken in other orders too.
            if let Ok(Claim::Run(attempt)) = store.claim(at(0), request) {
                store
                    .fail(at(0), request_key(&request), attempt.token)
                    .unwrap();
            }
        }
        store
    };
    let mut one = fill(0, &mut names.iter());
    let mut other = fill(1, &mut names.iter().rev());
    for store in [&mut one, &mut other] {
        for name in &names {
            run(store, 1, &key(name));
        }
    }
    assert_eq!(one.snapshot(), other.snapshot());
    assert_eq!(one.digest(), other.digest());
}

fn request_key<'a>(request: &'a Request<'a>) -> &'a Key {
    request.key()
}

/// With limits below what is remembered, a key is refused whether a replica has forgotten an earlier attempt at
/// it, or its scope, or not yet.
pub(crate) fn trap_20_lowered_limits_do_not_see_what_is_over(stores: &dyn Stores) {
    let none = Limits {
        keys: 0,
        ..Limits::default()
    };
    let few_bytes = Limits {
        all_response_bytes: 0,
        ..Limits::default()
    };
    let one_scope = Limits {
        scopes: 1,
        ..Limits::default()
    };
    for (lowered, name) in [(none, "k"), (few_bytes, "k"), (one_scope, "new")] {
        let mut lazy = store(stores);
        let mut eager = stores.start(1, Limits::default(), policy());
        for store in [&mut lazy, &mut eager] {
            run(store, 0, &key("k"));
            // Its lease is longer, so that it is not over when the other one is.
            let other = Key::new("other", "k").unwrap();
            let lease = Duration::from_nanos(1_000);
            claim(store, 0, &other, PRINT, lease).unwrap();
            store.set_limits(lowered);
        }
        eager.expire(at(10_500));
        assert_eq!((lazy.len(), eager.len()), (2, 1));
        let [one, other] = [&mut lazy, &mut eager].map(|store| {
            let answer = claim(store, 10_500, &key(name), PRINT, LEASE);
            (answer, store.snapshot())
        });
        assert!(matches!(one.0, Err(ClaimError::Full { .. })), "{one:?}");
        assert_eq!(one, other);
    }
}

/// All calls, with all limits in use: a replica that restarts at every step, one that forgets at once and one
/// with other places answer alike, and have the same bytes.
pub(crate) fn trap_20_restore_at_every_prefix(stores: &dyn Stores) {
    let limits = Limits {
        keys: 5,
        keys_per_scope: 3,
        response_bytes: 4,
        all_response_bytes: 12,
        tombstones: 4,
        tombstones_per_scope: 3,
        ..Limits::default()
    };
    let small = Policy {
        abandoned: Duration::from_nanos(60),
        key_age: Duration::from_nanos(150),
        success: Remember::Replay {
            retain: Duration::from_nanos(120),
        },
        pressure: Pressure::DropResponses,
        ..policy()
    };
    for seed in 0..40 {
        let mut random = SplitMix64::new(seed);
        let start = |number| stores.start(number, limits, small);
        let mut replicas = [start(0), start(1), start(2)];
        let mut attempts = vec![(key("x"), AttemptToken(1))];
        let mut now = 1_000;
        for _ in 0..60 {
            now += random.below(12);
            let scope = ["a", "b"][random.below(2) as usize];
            let k = Key::new(scope, &format!("k{}", random.below(5))).unwrap();
            let kind = random.below(12);
            let age = random.below(20);
            let chosen = attempts[random.below(attempts.len() as u64) as usize].clone();
            let policy = Policy {
                key_age: Duration::from_nanos(100 + age * 10),
                ..small
            };
            let answers: Vec<_> = replicas
                .iter_mut()
                .map(|store| {
                    let (done, token) = (&chosen.0, chosen.1);
                    let request = Request::new(&k, PRINT).lease(Duration::from_nanos(30));
                    match kind {
                        0..3 => format!("{:?}", store.claim(at(now), request)),
                        3..6 => {
                            format!("{:?}", store.claim(at(now), request.born_at(at(now - age))))
                        }
                        6..9 => format!("{:?}", complete(store, now, done, token, body("1234"))),
                        9 => format!("{:?}", store.fail(at(now), done, token)),
                        10 => format!("{:?}", store.acknowledge(at(now), done, PRINT)),
                        _ => format!("{:?}", store.set_policy(policy)),
                    }
                })
                .collect();
            assert!(
                answers.iter().all(|answer| *answer == answers[0]),
                "{answers:?}"
            );
            let token = replicas[0].clone();
            if kind < 6 && answers[0].contains("Attempt {") {
                let newest = newest_token(token);
                attempts.push((k, newest));
            }
            replicas[1] = stores.restore(1, &replicas[1].snapshot());
            let eager = replicas[2].now();
            replicas[2].expire(eager);
            for store in &replicas[1..] {
                assert_eq!(store.snapshot(), replicas[0].snapshot());
            }
        }
    }
}

/// The token of the latest attempt of a store.
fn newest_token(mut store: KeyStore) -> AttemptToken {
    let probe = Key::new("probe", "probe").unwrap();
    let limits = Limits::default();
    store.set_limits(limits);
    let now = store.now();
    match store.claim(now, Request::new(&probe, PRINT)) {
        Ok(Claim::Run(attempt)) => AttemptToken(attempt.token.0 - 1),
        other => panic!("{other:?}"),
    }
}
