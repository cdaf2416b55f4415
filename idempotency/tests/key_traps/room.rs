//! Limits: what does not fit is refused, and nobody pays for another.

use quorate_idempotency::*;

use super::*;

pub(crate) fn trap_09_a_full_store_refuses_new_keys(stores: &dyn Stores) {
    let mut store = with_limits(
        stores,
        Limits {
            keys: 3,
            ..Limits::default()
        },
    );
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

pub(crate) fn trap_09_room_for_the_response_is_set_aside(stores: &dyn Stores) {
    let mut store = with_limits(
        stores,
        Limits {
            response_bytes: 4,
            all_response_bytes: 10,
            ..Limits::default()
        },
    );
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

pub(crate) fn trap_09_key_bytes_are_bounded(stores: &dyn Stores) {
    let mut store = with_limits(
        stores,
        Limits {
            key_bytes: 20,
            ..Limits::default()
        },
    );
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

pub(crate) fn trap_25_a_tenant_at_its_quota(stores: &dyn Stores) {
    let mut store = with_limits(
        stores,
        Limits {
            keys_per_scope: 2,
            ..Limits::default()
        },
    );
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
