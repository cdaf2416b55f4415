//! What strangers and disks hand in: snapshots and headers.

use std::time::Duration;

use bytes::Bytes;
use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_clocks::Instant;
use quorate_idempotency::{
    Attempt, Claim, Class, Fingerprint, Key, KeyStore, Limits, Policy, Remember, Request,
    RestoreError,
};

const PRINT: Fingerprint = Fingerprint(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);

fn run(store: &mut KeyStore, now: u64, key: &Key, born_at: Option<u64>) -> Attempt {
    let mut request = Request::new(key, PRINT).lease(Duration::from_nanos(100));
    if let Some(born_at) = born_at {
        request = request.born_at(Instant::from_nanos(born_at));
    }
    match store.claim(Instant::from_nanos(now), request) {
        Ok(Claim::Run(attempt)) => attempt,
        Ok(Claim::TakeOver(in_doubt)) => in_doubt.accept(),
        other => panic!("{other:?}"),
    }
}

/// A store with a key in every state, tombstones of both kinds and a horizon.
fn sample() -> KeyStore {
    let mut store = KeyStore::new(Limits {
        keys_per_scope: 1,
        tombstones_per_scope: 1,
        ..Limits::default()
    });
    let policy = Policy {
        rejection: Remember::Applied {
            retain: Duration::from_secs(60),
        },
        ..Policy::default()
    };
    store.set_policy(policy).unwrap();
    let complete = |store: &mut KeyStore, now, key: &Key, attempt: Attempt, class| {
        let response = Bytes::from_static(b"yes");
        store
            .complete(
                Instant::from_nanos(now),
                key,
                attempt.token,
                class,
                response,
            )
            .unwrap();
    };
    let key = |scope: &str, name: &str| Key::new(scope, name).unwrap();

    run(&mut store, 1, &key("1", "taken-over"), None);
    let doubtful = key("2", "doubtful");
    run(&mut store, 1, &doubtful, None);
    let (replayable, applied) = (key("", "replayable"), key("4", "applied"));
    let attempt = run(&mut store, 2, &replayable, None);
    complete(&mut store, 3, &replayable, attempt, Class::Success);
    let attempt = run(&mut store, 2, &applied, Some(2));
    complete(&mut store, 3, &applied, attempt, Class::Rejection);
    for number in 0..2 {
        let opaque = key("5", &format!("opaque-{number}"));
        let attempt = run(&mut store, 4, &opaque, None);
        complete(&mut store, 4, &opaque, attempt, Class::Success);
    }
    for number in 0..3 {
        let aged = key("6", &format!("aged-{number}"));
        let attempt = run(&mut store, 5 + number, &aged, Some(5 + number));
        complete(&mut store, 5 + number, &aged, attempt, Class::Success);
    }
    assert_eq!(store.tombstones(), 2);
    assert_eq!(store.horizon("6"), Instant::from_nanos(6));

    run(&mut store, 200, &key("1", "taken-over"), None);
    let attempt = run(&mut store, 200, &doubtful, None);
    let now = Instant::from_nanos(260);
    store.fail(now, &doubtful, attempt.token).unwrap();
    let stopped = key("7", "stopped");
    let attempt = run(&mut store, 250, &stopped, None);
    store.step(now, &stopped, attempt.token, 3).unwrap();
    store.fail(now, &stopped, attempt.token).unwrap();
    run(&mut store, 250, &key("8", "running"), None);
    store
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .map(|line| {
            line.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                + "\n"
        })
        .collect()
}

/// Snapshots outlive the program that wrote them: these bytes may never change their meaning.
#[test]
fn version_2_is_pinned() {
    let bytes = sample().snapshot();
    expect![[r#"
        0240420f000000000001000000000000
        00000000080000000000000100000000
        00000000100000000040420f00000000
        0000093d000000000001000000000000
        0000a0b830460300000000004f91944e
        000001005847f80d000000020400ac23
        fc0600000000004f91944e000000004f
        91944e000000b864d945000000010401
        00000000000000000000000000000e00
        00000000000007000000000000000800
        000000000000000a7265706c61796162
        6c6578695a4b3c2d1e0fefcdab896745
        23010300000000000000010000000000
        0000000000000003004f91944e000002
        00000000000000000300000000000000
        79657301310a74616b656e2d6f766572
        78695a4b3c2d1e0fefcdab8967452301
        0a000000000000000200000000000000
        00000000002c014f91944e0000002c01
        00000000000001013208646f75627466
        756c78695a4b3c2d1e0fefcdab896745
        23010b00000000000000020000000000
        0000000000000004014f91944e000001
        010134076170706c69656478695a4b3c
        2d1e0fefcdab89674523010400000000
        00000001000000000000000000000001
        0200000000000000035847f80d000000
        0301000000000000000135086f706171
        75652d3178695a4b3c2d1e0fefcdab89
        67452301060000000000000001000000
        00000000000000000004004f91944e00
        00020300000000000000030000000000
        0000796573013606616765642d327869
        5a4b3c2d1e0fefcdab89674523010900
        00000000000001000000000000000000
        000001070000000000000007004f9194
        4e000002060000000000000003000000
        0000000079657301370773746f707065
        6478695a4b3c2d1e0fefcdab89674523
        010c0000000000000001000000030000
        00000000000004014f91944e00000100
        01380772756e6e696e6778695a4b3c2d
        1e0fefcdab89674523010d0000000000
        00000100000000000000000000000068
        014f91944e0000006801000000000000
        00020000000000000001350000000000
        0000000100000000000000f08d799a1b
        2d6dcd93654b0778695a4b3c2d1e0fef
        cdab896745230104004f91944e000000
        00000000000000013606000000000000
        00000000000000000001000000000000
        00305fc06d3ce8ae340b00311278695a
        4b3c2d1e0fefcdab8967452301060000
        0000000000
    "#]]
    .assert_eq(&hex(&bytes));
    assert_eq!(KeyStore::restore(&bytes), Ok(sample()));
}

#[test]
fn an_unknown_version_is_named() {
    let mut bytes = sample().snapshot().to_vec();
    bytes[0] = 3;
    assert_eq!(
        KeyStore::restore(&bytes.into()),
        Err(RestoreError::UnknownVersion {
            version: 3,
            newest: 2
        })
    );
}

#[test]
fn trap_23_every_prefix_is_truncated_and_every_suffix_trailing() {
    let bytes = sample().snapshot();
    for len in 0..bytes.len() {
        assert!(
            matches!(
                KeyStore::restore(&bytes.slice(..len)),
                Err(RestoreError::Truncated { .. })
            ),
            "{len}"
        );
    }
    let longer = Bytes::from([&bytes[..], &[0; 3]].concat());
    assert_eq!(
        KeyStore::restore(&longer),
        Err(RestoreError::Trailing { left: 3 })
    );
}

/// A length that a stranger wrote is checked against what is there before anything is allocated.
#[test]
fn trap_23_a_huge_count_or_length_is_refused_at_once() {
    let bytes = sample().snapshot();
    let count_at = 1 + 9 * 8 + (9 + 9 + 1 + 1 + 4 * 8 + 1) + 4 * 8;
    for count in [200, 1 << 32, u64::MAX] {
        let mut bytes = bytes.to_vec();
        bytes[count_at..count_at + 8].copy_from_slice(&u64::to_le_bytes(count));
        assert!(matches!(
            KeyStore::restore(&bytes.into()),
            Err(RestoreError::Truncated { .. })
        ));
    }
}

/// The bytes of a store with these records and these remains of scopes.
fn with_parts(records: &[Vec<u8>], remains: &[Vec<u8>]) -> Bytes {
    let mut store = KeyStore::new(Limits::default());
    let policy = Policy {
        key_age: Duration::from_nanos(6),
        ..Policy::default()
    };
    store.set_policy(policy).unwrap();
    store.expire(Instant::from_nanos(10));
    let mut bytes = store.snapshot().to_vec();
    bytes.truncate(bytes.len() - 4 * 8);
    for number in [5, 3, records.len() as u64] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(records.concat());
    bytes.extend((remains.len() as u64).to_le_bytes());
    bytes.extend(remains.concat());
    bytes.into()
}

fn record(name: u8, token: u64, expires_at: u64, state: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 1, name];
    record.extend([0; 16]);
    record.extend(token.to_le_bytes());
    record.extend(1_u32.to_le_bytes());
    record.extend(0_u64.to_le_bytes());
    record.push(0);
    record.extend(expires_at.to_le_bytes());
    record.extend(state);
    record
}

#[test]
fn trap_23_keys_out_of_order_twice_or_over_are_refused() {
    let stopped = |name, token, end| record(name, token, end, &[1, 1]);
    let applied = |name, token, order| record(name, token, 11, &[3, order, 0, 0, 0, 0, 0, 0, 0]);
    let restore = |records: &[Vec<u8>]| KeyStore::restore(&with_parts(records, &[]));
    for right in [
        [stopped(b'a', 1, 11), stopped(b'b', 4, 11)],
        [applied(b'a', 1, 2), applied(b'b', 4, 0)],
    ] {
        assert_eq!(restore(&right).map(|store| store.len()), Ok(2));
    }
    for wrong in [
        [stopped(b'b', 1, 11), stopped(b'a', 2, 11)],
        [stopped(b'a', 1, 11), stopped(b'a', 2, 11)],
        [stopped(b'a', 1, 11), stopped(b'b', 1, 11)],
        [stopped(b'a', 1, 11), stopped(b'b', 5, 11)],
        [stopped(b'a', 0, 11), stopped(b'b', 1, 11)],
        [stopped(b'a', 1, 11), stopped(b'b', 2, 10)],
        [stopped(b'a', 1, 11), stopped(b' ', 2, 11)],
        [applied(b'a', 1, 1), applied(b'b', 4, 1)],
        [applied(b'a', 1, 1), applied(b'b', 4, 3)],
    ] {
        assert!(
            matches!(restore(&wrong), Err(RestoreError::Invalid { .. })),
            "{wrong:?}"
        );
    }
}

#[test]
fn trap_23_remains_out_of_order_twice_or_over_are_refused() {
    let remains = |scope: u8, horizon: u64, opaque: &[(u8, u64)], aged: &[(u8, u64)]| {
        let mut bytes = vec![1, scope];
        bytes.extend(horizon.to_le_bytes());
        for stones in [opaque, aged] {
            bytes.extend((stones.len() as u64).to_le_bytes());
            for (digest, at) in stones {
                bytes.extend([*digest; 12]);
                bytes.extend([0; 16]);
                bytes.extend(at.to_le_bytes());
            }
        }
        bytes
    };
    let restore = |remains: &[Vec<u8>]| KeyStore::restore(&with_parts(&[], remains));
    // It is 10, and what was born before 4 is too old.
    let right = [
        remains(b'a', 5, &[], &[]),
        remains(b'b', 0, &[(1, 11), (2, 11)], &[(3, 4), (4, 5)]),
    ];
    let store = restore(&right).unwrap();
    assert_eq!(store.tombstones(), 4);
    assert_eq!(store.horizon("a"), Instant::from_nanos(5));
    for wrong in [
        vec![right[1].clone(), right[0].clone()],
        vec![right[0].clone(), right[0].clone()],
        vec![remains(b'a', 0, &[], &[])],
        vec![remains(b'a', 4, &[], &[])],
        vec![remains(b'\n', 5, &[], &[])],
        vec![remains(b'a', 0, &[(1, 10)], &[])],
        vec![remains(b'a', 0, &[(1, 12), (2, 11)], &[])],
        vec![remains(b'a', 0, &[], &[(3, 3)])],
        vec![remains(b'a', 0, &[], &[(3, 5), (4, 4)])],
        vec![remains(b'a', 0, &[(1, 11)], &[(1, 4)])],
    ] {
        assert!(
            matches!(restore(&wrong), Err(RestoreError::Invalid { .. })),
            "{wrong:?}"
        );
    }
}

/// With whatever secret keys are hashed, and in whatever order they came, the bytes are the same.
#[test]
fn trap_20_the_secret_and_the_order_do_not_show_in_the_bytes() {
    let names: Vec<String> = (0..500).map(|number| format!("key-{number}")).collect();
    let fill = |secret, names: &mut dyn Iterator<Item = &String>| {
        let mut store = KeyStore::with_hash_secret(Limits::default(), secret);
        for name in names {
            let key = Key::new("tenant", name).unwrap();
            let request = Request::new(&key, Fingerprint(1));
            store.claim(Instant::from_nanos(5), request).unwrap();
        }
        store
    };
    let (one, other) = (
        fill([1, 2], &mut names.iter()),
        fill([3, 4], &mut names.iter()),
    );
    assert_eq!(one.snapshot(), other.snapshot());
    assert_eq!(one, other);
    let restored = KeyStore::restore(&one.snapshot()).unwrap();
    assert_eq!(restored, one);
    assert_eq!(restored.snapshot(), one.snapshot());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_are_refused_or_written_back_the_same(mut bytes in vec(any::<u8>(), 0..400)) {
        bytes.insert(0, 2);
        let bytes = Bytes::from(bytes);
        if let Ok(store) = KeyStore::restore(&bytes) {
            prop_assert_eq!(store.snapshot(), bytes);
        }
    }

    #[test]
    fn damaged_snapshots_are_refused_or_written_back_the_same(
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = sample().snapshot().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bytes = Bytes::from(bytes);
        if let Ok(mut store) = KeyStore::restore(&bytes) {
            prop_assert_eq!(store.snapshot(), bytes);
            // And it can be used, whatever it holds.
            let key = Key::new("tenant", "running").unwrap();
            let _ = store.claim(Instant::MAX, Request::new(&key, Fingerprint(1)));
            store.expire(Instant::MAX);
        }
    }

    #[test]
    fn a_header_of_arbitrary_bytes_is_a_valid_key_or_refused(value in vec(any::<u8>(), 0..300)) {
        if let Ok(key) = Key::parse_header("tenant", &value) {
            prop_assert!((1..=255).contains(&key.name().len()));
            prop_assert!(key.name().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn what_is_quoted_comes_back(name in "[!-~]{1,255}") {
        let mut quoted = vec![b'"'];
        for byte in name.bytes() {
            if matches!(byte, b'"' | b'\\') {
                quoted.push(b'\\');
            }
            quoted.push(byte);
        }
        quoted.push(b'"');
        let key = Key::parse_header("tenant", &quoted).unwrap();
        prop_assert_eq!(key, Key::new("tenant", &name).unwrap());
    }
}
