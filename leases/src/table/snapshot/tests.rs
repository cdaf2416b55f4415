//! Snapshots: pinned bytes, and bytes that are none.

use core::time::Duration;

use proptest::prelude::*;
use quorate_clocks::Instant;

use super::*;
use crate::{Acquire, FencingToken, Limits};

/// A table with something of everything.
fn sample() -> LeaseTable {
    let mut table = LeaseTable::with_tokens_after(Limits::default(), FencingToken(32));
    let at = Instant::from_nanos;
    let ttl = Duration::from_secs(1);
    table.acquire(at(0), "b", "ann", ttl, 7).unwrap();
    table.acquire(at(1), "a", "bob", ttl, 1 << 64).unwrap();
    table.acquire(at(2), "c", "c", ttl, 0).unwrap();
    table.release(at(3), "b", FencingToken(33)).unwrap();
    table
        .renew(at(500_000_000), "c", FencingToken(35), ttl)
        .unwrap();
    assert_eq!(table.expire(at(1_000_000_001)).len(), 1);
    table
}

/// And one with sessions, readers, a queue, a delay, a watch and somebody who was asked to yield.
fn crowded() -> LeaseTable {
    let mut table = LeaseTable::new(Limits::default());
    let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
    let closed = table.open_session(at(0), ttl).unwrap().session;
    let session = table.open_session(at(0), ttl * 2).unwrap().session;
    table.watch(at(0), "d", session).unwrap();
    table.watch(at(0), "e", session).unwrap();
    let mut acquire = |millis, request: Acquire<'_>| {
        table.acquire_with(at(millis), &request).unwrap();
    };
    acquire(1, Acquire::in_session("a", "ann", 1, session));
    acquire(1, Acquire::new("b", "ann", 2, ttl).shared());
    acquire(2, Acquire::in_session("b", "bob", 3, session).shared());
    acquire(3, Acquire::in_session("b", "cid", 4, closed).shared());
    acquire(4, Acquire::new("b", "ann", 5, ttl).wait(ttl));
    acquire(
        5,
        Acquire::in_session("b", "cid", 6, session)
            .shared()
            .wait(ttl),
    );
    acquire(6, Acquire::new("c", "ann", 7, ttl).lock_delay(ttl));
    acquire(7, Acquire::new("d", "bob", 8, ttl).lock_delay(ttl));
    acquire(8, Acquire::in_session("e", "ann", 1, closed));
    acquire(8, Acquire::in_session("f", "ann", 1, closed));
    table.request_yield(at(9), "b").unwrap();
    table.revoke(at(10), "d", FencingToken(6)).unwrap();
    table.close_session(at(11), closed).unwrap();
    assert_eq!(table.expire_some(at(11), 2), []);
    table
}

#[test]
fn golden_bytes() {
    let mut expected = Vec::new();
    let number = |number: u64| number.to_le_bytes();
    expected.push(3); // version
    expected.extend(number(1_000_000_001)); // now
    expected.extend([35, 0, 0, 0, 0, 0, 0, 0]); // last token
    expected.extend([number(0), number(0)].concat()); // last session, last number drawn
    expected.extend([0, 0, 0, 0]); // sessions
    expected.extend([3, 0, 0, 0]); // names

    let alone = [number(0), number(0), number(0)].concat(); // asked, delay, its number
    expected.extend([1, 0, b'a']);
    expected.extend(&alone);
    expected.extend([1, 0, 0, 0]); // grants
    expected.extend([3, 0, b'b', b'o', b'b']);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]); // request
    expected.extend([34, 0, 0, 0, 0, 0, 0, 0]); // token
    expected.push(2); // expired
    expected.extend(number(61_000_000_001)); // forget at
    expected.extend(number(0)); // lock-delay
    expected.extend([0, 0, 0, 0]); // waiting

    expected.extend([1, 0, b'b']);
    expected.extend(&alone);
    expected.extend([1, 0, 0, 0]);
    expected.extend([3, 0, b'a', b'n', b'n']);
    expected.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
    expected.push(3); // released
    expected.extend(number(60_000_000_003));
    expected.extend(number(0));
    expected.extend([0, 0, 0, 0]);

    expected.extend([1, 0, b'c']);
    expected.extend(&alone);
    expected.extend([1, 0, 0, 0]);
    expected.extend([1, 0, b'c']);
    expected.extend([0; 16]);
    expected.extend([35, 0, 0, 0, 0, 0, 0, 0]);
    expected.push(0); // held
    expected.extend([0x00, 0x2F, 0x68, 0x59, 0, 0, 0, 0]); // 1.5 s: ends at
    expected.extend(number(0));
    expected.extend([0, 0, 0, 0]);

    // In the order in which they ended.
    expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([34, 0, 0, 0, 0, 0, 0, 0]);

    assert_eq!(sample().snapshot(), expected);
    assert_eq!(
        LeaseTable::restore(Limits::default(), &expected),
        Ok(sample())
    );
}

/// The part of everything else: its length and a sum, which no change of the layout leaves alone.
#[test]
fn golden_sum_of_a_crowded_table() {
    let bytes = crowded().snapshot();
    let sum = bytes.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte)
    });
    assert_eq!((bytes.len(), sum), (815, 2_881_856_943_224_178_106));
    let restored = LeaseTable::restore(Limits::default(), &bytes);
    assert_eq!(restored.unwrap().snapshot(), bytes);
}

#[test]
fn every_cut_and_every_extra_byte_is_refused() {
    for table in [sample(), crowded()] {
        let bytes = table.snapshot();
        for length in 0..bytes.len() {
            let cut = LeaseTable::restore(Limits::default(), &bytes[..length]);
            assert!(
                matches!(cut, Err(RestoreError::Truncated { .. })),
                "{length}"
            );
        }
        let mut longer = bytes;
        longer.push(0);
        let refused = LeaseTable::restore(Limits::default(), &longer);
        assert_eq!(refused, Err(RestoreError::Trailing { left: 1 }));
    }
}

#[test]
fn a_count_of_four_billion_is_refused_at_the_first_missing_record() {
    let bytes = LeaseTable::new(Limits::default()).snapshot();
    for (at, needed) in [(33, 4), (37, 2)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = LeaseTable::restore(Limits::default(), &bytes);
        assert!(
            matches!(refused, Err(RestoreError::Truncated { needed: found, .. }) if found >= needed),
            "{refused:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bytes are refused, or they are the canonical bytes of the table that they make, which works.
    #[test]
    fn damaged_snapshots_are_refused_or_canonical(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        is_crowded in any::<bool>(),
    ) {
        let mut bytes = if is_crowded { crowded() } else { sample() }.snapshot();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut table) = LeaseTable::restore(Limits::default(), &bytes) {
            prop_assert_eq!(table.snapshot(), bytes);
            let now = Instant::MAX;
            table.acquire_with(now, &Acquire::new("b", "z", 9, Duration::from_secs(1))).ok();
            table.expire_some(now, 100);
            prop_assert_eq!(table.leases(now).count(), 0);
            let bytes = table.snapshot();
            let again = LeaseTable::restore(Limits::default(), &bytes);
            prop_assert_eq!(again.map(|table| table.snapshot()), Ok(bytes));
        }
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = noise;
        if let Some(version) = bytes.first_mut() {
            *version = VERSION;
        }
        if let Ok(table) = LeaseTable::restore(Limits::default(), &bytes) {
            prop_assert_eq!(table.snapshot(), bytes);
        }
    }
}
