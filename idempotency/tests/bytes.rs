//! What strangers and disks hand in: snapshots and headers.

use std::time::Duration;

use bytes::Bytes;
use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_clocks::Instant;
use quorate_idempotency::{Begin, Fingerprint, Key, KeyStore, Limits, RestoreError};

/// A store with one key in every state.
fn sample() -> KeyStore {
    let mut store = KeyStore::new(Limits::default());
    let lease = Duration::from_nanos(100);
    let mut begin = |now: u64, scope: &str, name: &str| {
        let key = Key::new(scope, name).unwrap();
        let fingerprint = Fingerprint(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);
        match store.begin(Instant::from_nanos(now), &key, fingerprint, lease) {
            Ok(Begin::Run(attempt)) => (key, attempt.token),
            other => panic!("{other:?}"),
        }
    };
    begin(1, "tenant", "taken-over");
    begin(1, "tenant", "doubtful");
    let (completed, completed_by) = begin(2, "", "completed");
    begin(200, "tenant", "taken-over");
    let (doubtful, doubtful_by) = begin(200, "tenant", "doubtful");
    begin(250, "tenant", "running");
    let now = Instant::from_nanos(260);
    let day = Duration::from_secs(86_400);
    store
        .complete(
            now,
            &completed,
            completed_by,
            Bytes::from_static(b"yes"),
            day,
        )
        .unwrap();
    store.fail(now, &doubtful, doubtful_by).unwrap();
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
fn version_1_is_pinned() {
    let bytes = sample().snapshot();
    expect![[r#"
        0140420f0000000000a0860100000000
        00000000080000000000000100000000
        00000000100000000000a0b830460300
        00000042076935090000004f91944e00
        00040100000000000007000000000000
        0004000000000000000009636f6d706c
        6574656478695a4b3c2d1e0fefcdab89
        67452301030000000000000001000000
        000000000000000004014f91944e0000
        0203000000000000007965730674656e
        616e7408646f75627466756c78695a4b
        3c2d1e0fefcdab896745230105000000
        00000000020000000000000000000000
        04014f91944e000001010674656e616e
        740772756e6e696e6778695a4b3c2d1e
        0fefcdab896745230106000000000000
        000100000000000000000000005e014f
        91944e0000005e010000000000000006
        74656e616e740a74616b656e2d6f7665
        7278695a4b3c2d1e0fefcdab89674523
        01040000000000000002000000000000
        00000000002c014f91944e0000002c01
        00000000000001
    "#]]
    .assert_eq(&hex(&bytes));
    assert_eq!(KeyStore::restore(&bytes), Ok(sample()));
}

#[test]
fn an_unknown_version_is_named() {
    let mut bytes = sample().snapshot().to_vec();
    bytes[0] = 2;
    assert_eq!(
        KeyStore::restore(&bytes.into()),
        Err(RestoreError::UnknownVersion {
            version: 2,
            newest: 1
        })
    );
}

#[test]
fn every_prefix_is_truncated_and_every_suffix_trailing() {
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
fn a_huge_count_or_length_is_refused_at_once() {
    let bytes = sample().snapshot();
    let count_at = 1 + 10 * 8;
    for count in [7, 1 << 32, u64::MAX] {
        let mut bytes = bytes.to_vec();
        bytes[count_at..count_at + 8].copy_from_slice(&u64::to_le_bytes(count));
        assert!(matches!(
            KeyStore::restore(&bytes.into()),
            Err(RestoreError::Truncated { .. })
        ));
    }
}

#[test]
fn keys_out_of_order_twice_or_over_are_refused() {
    let record = |name: u8, token: u64, expires_at: u64| {
        let mut record = vec![0, 1, name];
        record.extend([0; 16]);
        record.extend(token.to_le_bytes());
        record.extend(1_u32.to_le_bytes());
        record.extend(0_u64.to_le_bytes());
        record.extend(expires_at.to_le_bytes());
        record.extend([1, 1]);
        record
    };
    let restore = |records: &[Vec<u8>]| {
        let mut bytes = vec![1];
        bytes.extend([0; 8 * 8]);
        for number in [10, 5, records.len() as u64] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(records.concat());
        KeyStore::restore(&bytes.into())
    };
    assert_eq!(
        restore(&[record(b'a', 1, 11), record(b'b', 4, 11)]).map(|store| store.len()),
        Ok(2)
    );
    for wrong in [
        [record(b'b', 1, 11), record(b'a', 2, 11)],
        [record(b'a', 1, 11), record(b'a', 2, 11)],
        [record(b'a', 1, 11), record(b'b', 1, 11)],
        [record(b'a', 1, 11), record(b'b', 5, 11)],
        [record(b'a', 0, 11), record(b'b', 1, 11)],
        [record(b'a', 1, 11), record(b'b', 2, 10)],
        [record(b'a', 1, 11), record(b' ', 2, 11)],
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
            let lease = Duration::from_secs(1);
            store
                .begin(Instant::from_nanos(5), &key, Fingerprint(1), lease)
                .unwrap();
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
    fn arbitrary_bytes_are_refused_or_written_back_the_same(bytes in vec(any::<u8>(), 0..400)) {
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
            let _ = store.begin(Instant::MAX, &key, Fingerprint(1), Duration::from_nanos(1));
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
