//! The age of keys changes, and what is forgotten stays a matter of the calls alone.

use std::time::Duration;

use quorate_clocks::Instant;
use quorate_idempotency::{
    Claim, ClaimError, Fingerprint, Key, KeyStore, Limits, Policy, Request, Resource,
};

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn with_key_age(nanos: u64) -> Policy {
    Policy {
        key_age: Duration::from_nanos(nanos),
        abandoned: Duration::from_nanos(1),
        ..Policy::default()
    }
}

fn claim(store: &mut KeyStore, now: u64, name: &str, born_at: u64) -> Result<Claim, ClaimError> {
    let key = Key::new("tenant", name).unwrap();
    let request = Request::new(&key, Fingerprint(1)).lease(Duration::from_nanos(1));
    store.claim(at(now), request.born_at(at(born_at)))
}

/// Found by fuzzing: a replica that swept right after the change had another floor than one that did not.
#[test]
fn a_shorter_age_holds_at_once() {
    let mut store = KeyStore::new(Limits::default());
    store.expire(at(1_000));
    store.set_policy(with_key_age(10)).unwrap();
    assert_eq!(store.horizon("tenant"), at(990));
    let mut swept = store.clone();
    swept.expire(at(1_000));
    assert_eq!(store.snapshot(), swept.snapshot());
}

/// Found by fuzzing: a longer age put off the forgetting of what was over already, so that a replica that
/// had not swept before refused a key for which another had room.
#[test]
fn a_longer_age_does_not_keep_what_is_over() {
    let mut store = KeyStore::new(Limits {
        keys: 1,
        ..Limits::default()
    });
    store.set_policy(with_key_age(5)).unwrap();
    assert!(matches!(claim(&mut store, 1, "a", 1), Ok(Claim::Run(_))));
    store.expire_some(at(7), 0);
    let mut swept = store.clone();
    swept.expire(at(7));
    for store in [&mut store, &mut swept] {
        store.set_policy(with_key_age(1_000)).unwrap();
        // It is forgotten, and stays too old for ever.
        let horizon = at(2);
        assert_eq!(claim(store, 8, "a", 1), Ok(Claim::TooOld { horizon }));
        assert!(matches!(claim(store, 8, "b", 8), Ok(Claim::Run(_))));
        // This one is remembered by the longer age.
        let full = ClaimError::Full {
            resource: Resource::Keys,
            used: 1,
            limit: 1,
        };
        assert_eq!(claim(store, 1_008, "c", 1_008), Err(full));
        assert!(matches!(claim(store, 1_009, "c", 1_008), Ok(Claim::Run(_))));
    }
    assert_eq!(store.snapshot(), swept.snapshot());
}
