//! The whole and its parts: limits, sweeps, tokens.

use std::format;
use std::vec::Vec;

use super::*;

pub(crate) fn a_small_store_has_exact_limits(stores: &dyn Stores) {
    let limits = Limits {
        keys_per_scope: 3,
        ..Limits::default()
    };
    let store = stores.start(limits, Policy::default(), shards(16));
    assert_eq!(store.shards(), 1);
    let running: Vec<_> = ["a", "b", "c"]
        .map(|name| run(&store, 0, &key(name)))
        .into();
    let full = store.claim(at(0), Request::new(&key("d"), Fingerprint(7)));
    assert!(matches!(
        full,
        Err(ClaimError::Full {
            resource: Resource::KeysOfScope,
            used: 3,
            limit: 3
        })
    ));
    assert_eq!((running.len(), store.running()), (3, 3));
}

/// As the docs say: how much of a limit is taken when the first shard is full.
pub(crate) fn a_large_store_is_full_a_little_early_and_never_late(stores: &dyn Stores) {
    for (keys, percent) in [(64, 75), (1_000, 88)] {
        let options = SharedOptions {
            shards: 16,
            hash_secret: Some([1, keys]),
            ..SharedOptions::default()
        };
        let limits = Limits {
            keys: 16 * keys,
            keys_per_scope: 16 * keys,
            key_bytes: u64::MAX,
            all_response_bytes: u64::MAX,
            ..Limits::default()
        };
        let store = stores.start(limits, Policy::default(), options);
        assert_eq!(store.shards(), 16);
        let mut taken = 0;
        let mut refused = false;
        for number in 0..20 * keys {
            let key = key(&format!("{number}"));
            match store.claim(at(0), Request::new(&key, Fingerprint(7))) {
                Ok(_) => taken += 1,
                Err(ClaimError::Full { limit, .. }) => {
                    assert_eq!(limit, keys);
                    if !refused {
                        refused = true;
                        assert!(
                            100 * taken >= percent * 16 * keys,
                            "{taken} of {}",
                            16 * keys
                        );
                    }
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused && taken <= 16 * keys);
        assert_eq!(store.len() as u64, taken);
    }
}

pub(crate) fn expiry_is_in_bounded_steps_over_all_shards(stores: &dyn Stores) {
    let store = store(stores);
    for number in 0..1_000 {
        let running = run(&store, 0, &key(&format!("{number}")));
        running.complete(at(0), Class::Success, done()).unwrap();
    }
    let two_days = at(2 * 24 * 60 * 60);
    assert!(store.next_expiry().is_some_and(|at| at <= two_days));
    assert_eq!(store.expire_some(at(1), 100).forgotten, 0);
    let mut forgotten = 0;
    for call in 0.. {
        let swept = store.expire_some(two_days, 100);
        assert!(swept.forgotten <= 100 && call < 100);
        forgotten += swept.forgotten;
        if swept.is_done {
            break;
        }
    }
    assert_eq!((forgotten, store.len(), store.is_empty()), (1_000, 0, true));
    assert!(!store.expire_some(two_days, 0).is_done);
    assert_eq!(store.expire(two_days), 0);
}

pub(crate) fn an_answer_that_is_acknowledged_is_dropped(stores: &dyn Stores) {
    let store = store(stores);
    let key = key("k");
    let running = run(&store, 0, &key);
    assert!(store.acknowledge(at(0), &key, Fingerprint(7)).is_err());
    running.complete(at(0), Class::Success, done()).unwrap();
    assert_eq!(store.response_bytes(), 4);
    store.acknowledge(at(0), &key, Fingerprint(7)).unwrap();
    assert_eq!(store.response_bytes(), 0);
    assert!(matches!(
        claim(&store, 1, &key),
        SharedClaim::AlreadyApplied
    ));
}

pub(crate) fn tokens_begin_where_they_are_told_to(stores: &dyn Stores) {
    let with = |first| {
        let options = SharedOptions {
            first_token: AttemptToken(first),
            ..SharedOptions::default()
        };
        stores.try_start(Limits::default(), Policy::default(), options)
    };
    let store = with(1_000).unwrap();
    assert_eq!(run(&store, 0, &key("a")).token(), AttemptToken(1_000));
    assert_eq!(run(&store, 0, &key("b")).token(), AttemptToken(1_001));
    assert!(with(u64::MAX / 2).is_ok());
    assert!(matches!(
        with(u64::MAX / 2 + 1),
        Err(SharedStoreError::FirstToken { .. })
    ));
    let senseless = Policy {
        lease: Duration::ZERO,
        ..Policy::default()
    };
    assert!(matches!(
        stores.try_start(Limits::default(), senseless, shards(8)),
        Err(SharedStoreError::Policy(_))
    ));
}
