//! Hybrid clocks. The wall clock is called pt below, as in the paper.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use quorate_clocks::{
    AtomicDurableHybridClock, AtomicHybridClock, ClockEvent, ClockWatch, DurableHybridClock,
    HybridClock, HybridHandle, HybridNowError, HybridReceiveError, HybridStamp, Instant, NodeId,
    NodeStamp, Overflow, PackedStamp, ShardedHybridClock, WallTime,
};

const PEER: NodeId = NodeId(9);
const FULL: u32 = HybridStamp::MAX_COUNTER;
const BOUND: Duration = Duration::from_millis(100);
const DAY: u64 = 24 * 3_600_000;
const HOUR: u64 = 3_600_000;

fn stamp(millis: u64, counter: u32) -> HybridStamp {
    HybridStamp::new(millis, counter).expect("it fits")
}

fn pt(millis: u64) -> WallTime {
    WallTime::from_millis(millis)
}

/// A clock whose latest stamp is this one.
fn at(millis: u64, counter: u32) -> HybridClock {
    HybridClock::resume(stamp(millis, counter), BOUND)
}

#[test]
fn trap_01_a_stamp_is_above_all_before_it_and_takes_the_wall_time_where_that_is() {
    assert_eq!(at(10, 3).now(pt(11)), Ok(stamp(11, 0)));
    assert_eq!(at(10, 3).now(pt(10)), Ok(stamp(10, 4)));
    assert_eq!(at(10, 3).now(pt(9)), Ok(stamp(10, 4)));
    assert_eq!(at(10, 3).now(pt(0)), Ok(stamp(10, 4)));
}

proptest! {
    #[test]
    fn trap_01_stamps_grow_whatever_the_wall_clock_shows(
        walls in prop::collection::vec(
            prop_oneof![any::<u64>(), 0..3_000_000_u64, Just(0), Just(u64::MAX)], 1..60
        ),
    ) {
        let mut clock = HybridClock::new(BOUND);
        let mut last = HybridStamp::ZERO;
        for nanos in walls {
            let wall = WallTime::from_nanos(nanos);
            let next = clock.now(wall).unwrap();
            prop_assert!(next > last);
            prop_assert!(next.wall().as_millis() >= wall.as_millis());
            last = next;
        }
    }
}

/// calimero-network/core #2662: an update that ignored the counter of the message, so that the next
/// stamp could tie with what was received, or precede it.
#[test]
fn trap_02_a_receipt_is_above_the_message_and_the_clock_in_all_four_cases() {
    let cases = [
        // clock, message, pt, result
        ((10, 3), (10, 7), 10, (10, 8)),
        ((10, 7), (10, 3), 10, (10, 8)),
        ((8, 3), (10, 7), 9, (10, 8)),
        ((10, 3), (8, 7), 9, (10, 4)),
        ((8, 3), (9, 7), 10, (10, 0)),
    ];
    for (clock, message, wall, expected) in cases {
        let clock = stamp(clock.0, clock.1);
        let message = stamp(message.0, message.1);
        let received = HybridClock::resume(clock, BOUND).receive(PEER, message, pt(wall));
        assert_eq!(received, Ok(stamp(expected.0, expected.1)));
        assert!(received.unwrap() > clock.max(message));
    }
}

#[test]
fn trap_04_a_rejection_changes_nothing_and_the_bound_is_exact() {
    let mut clock = at(1_000, 5);
    let mut untouched = clock.clone();
    for (millis, counter) in [(1_101, 0), (1_101, FULL), (5_000, 0)] {
        let refused = clock.receive(PEER, stamp(millis, counter), pt(1_000));
        assert!(matches!(refused, Err(HybridReceiveError::Drift { .. })));
        assert_eq!(clock, untouched);
    }
    assert_eq!(clock.now(pt(1_000)), untouched.now(pt(1_000)));
    assert_eq!(
        clock.receive(PEER, stamp(1_100, 0), pt(1_000)),
        Ok(stamp(1_100, 1))
    );
    // Part of a millisecond of wall time does not stretch the bound.
    let late = WallTime::from_nanos(1_000_999_999);
    assert!(at(1_000, 5).receive(PEER, stamp(1_101, 0), late).is_err());
}

/// hybrid-clocks #17: an unsigned difference made the past look far ahead.
#[test]
fn trap_05_an_old_message_is_no_drift() {
    let now = 1_700_000_000_000;
    for old in [0, 1, now - 10 * 365 * DAY, now - 101, now] {
        let received = at(now, 0).receive(PEER, stamp(old, 0), pt(now));
        assert_eq!(received, Ok(stamp(now, 1)), "sent at {old}");
    }
    // Nor is one that the clock has passed itself, before the wall clock was set back.
    assert!(
        at(now, 0)
            .receive(PEER, stamp(now, 0), pt(now - DAY))
            .is_ok()
    );
}

#[test]
fn trap_06_messages_at_the_bound_cannot_ratchet_the_clock_past_it() {
    let mut clock = HybridClock::new(BOUND);
    for _ in 0..1_000 {
        // As far ahead as is accepted, of the wall clock and of what the clock has come to.
        for millis in [1_100, clock.last().millis() + 100] {
            let _ = clock.receive(PEER, stamp(millis, FULL - 1), pt(1_000));
            let _ = clock.receive(PEER, stamp(millis, FULL), pt(1_000));
            assert!(clock.last().millis() <= 1_100, "{}", clock.last());
        }
    }
    assert_eq!(clock.last(), stamp(1_100, FULL));
    // It is not stuck: time heals it.
    assert_eq!(clock.now(pt(1_101)), Ok(stamp(1_101, 0)));
}

/// What one node accepts at its bound can be too far for the next, whose wall clock is behind. Each
/// node keeps its own bound; the refusal says both numbers, and holds only until time has passed.
#[test]
fn trap_07_poison_is_not_relayed_past_the_bound_of_the_next_node() {
    let (mut ann, mut bob) = (at(1_000, 0), at(900, 0));
    let relayed = ann.receive(PEER, stamp(1_100, 0), pt(1_000)).unwrap();
    let before = bob.clone();
    let refused = bob.receive(NodeId(1), relayed, pt(900)).unwrap_err();
    assert_eq!(
        refused,
        HybridReceiveError::Drift {
            from: NodeId(1),
            stamp: stamp(1_100, 1),
            ahead: Duration::from_millis(200),
            limit: BOUND,
        }
    );
    let said = refused.to_string();
    for what in ["n1", "1100+1", "200 ms", "100 ms"] {
        assert!(said.contains(what), "{said}");
    }
    assert_eq!(bob, before);
    assert!(bob.receive(NodeId(1), relayed, pt(999)).is_err());
    assert!(bob.receive(NodeId(1), relayed, pt(1_000)).is_ok());
}

#[test]
fn trap_08_a_full_counter_waits_or_carries_as_told_and_never_wraps() {
    let full = |millis, overflow| at(millis, FULL).with_overflow(overflow);
    let refused = |clock: &mut HybridClock, wall, lead, limit, ready| {
        let before = clock.clone();
        assert_eq!(
            clock.now(pt(wall)),
            Err(HybridNowError::Exhausted {
                last: before.last(),
                lead: Duration::from_millis(lead),
                limit,
                ready_at: pt(ready),
            })
        );
        assert_eq!(*clock, before);
        let next = clock.now(pt(ready)).unwrap();
        assert!(next > before.last());
    };
    refused(&mut full(10, Overflow::Wait), 10, 1, Duration::ZERO, 11);

    let mut carries = full(10, Overflow::CarryWithinDrift);
    assert_eq!(carries.now(pt(10)), Ok(stamp(11, 0)));
    let mut carries = full(1_099, Overflow::CarryWithinDrift);
    assert_eq!(carries.now(pt(1_000)), Ok(stamp(1_100, 0)));
    refused(
        &mut full(1_100, Overflow::CarryWithinDrift),
        1_000,
        101,
        BOUND,
        1_001,
    );

    let mut always = full(1_000 + DAY, Overflow::CarryAlways);
    assert_eq!(always.now(pt(1_000)), Ok(stamp(1_001 + DAY, 0)));
    let last = HybridStamp::MAX;
    let mut always = HybridClock::resume(last, BOUND).with_overflow(Overflow::CarryAlways);
    assert!(always.now(pt(1_000)).is_err());
    assert_eq!(always.last(), last);
}

/// hybrid-clocks 0.5.3 takes such a message in and then panics.
#[test]
fn trap_09_a_message_with_a_full_counter_is_passed_or_refused() {
    let mut clock = at(10, 0);
    assert_eq!(
        clock.receive(PEER, stamp(12, FULL), pt(10)),
        Ok(stamp(13, 0))
    );
    let before = clock.clone();
    let refused = clock.receive(PEER, stamp(110, FULL), pt(10));
    assert_eq!(
        refused,
        Err(HybridReceiveError::Exhausted {
            from: PEER,
            last: stamp(110, FULL),
            lead: Duration::from_millis(101),
            limit: BOUND,
            ready_at: pt(11),
        })
    );
    assert_eq!(clock, before);
    assert_eq!(
        clock.receive(PEER, stamp(110, FULL), pt(11)),
        Ok(stamp(111, 0))
    );
    // It is old: the wall clock is ahead, and its counter does not matter.
    assert_eq!(
        at(5, 0).receive(PEER, stamp(6, FULL), pt(7)),
        Ok(stamp(7, 0))
    );
    let mut waits = at(10, 0).with_overflow(Overflow::Wait);
    assert!(waits.receive(PEER, stamp(10, FULL), pt(10)).is_err());
    assert_eq!(waits.now(pt(10)), Ok(stamp(10, 1)));
}

#[test]
fn trap_10_the_largest_number_from_the_wire_is_refused_before_any_sum() {
    let wire = HybridStamp::from_bytes([0xFF; 8]);
    for overflow in [
        Overflow::Wait,
        Overflow::CarryWithinDrift,
        Overflow::CarryAlways,
    ] {
        for wall in [WallTime::UNIX_EPOCH, pt(1_000), WallTime::MAX] {
            let mut clock = at(10, 0).with_overflow(overflow);
            let before = clock.clone();
            let refused = clock.receive(PEER, wire, wall);
            assert!(matches!(refused, Err(HybridReceiveError::Drift { .. })));
            assert_eq!(clock, before);
            // And where no bound refuses it, nothing is above it.
            let mut open = HybridClock::new(Duration::MAX).with_overflow(overflow);
            let refused = open.receive(PEER, wire, wall);
            assert!(matches!(
                refused,
                Err(HybridReceiveError::Exhausted {
                    ready_at: WallTime::MAX,
                    ..
                })
            ));
            assert_eq!(open.last(), HybridStamp::ZERO);
        }
    }
}

/// At a million stamps a second a counter of 16 bits is full after 65 ms, and an hour is 55,000
/// counters. Scaled down here: a stamp each millisecond, and 64 of them to a counter.
#[test]
fn trap_11_an_hour_set_back_at_full_rate() {
    let start = PackedStamp::<6>::new(2 * HOUR, 0).expect("it fits");
    let clock = HybridClock::resume(start, BOUND);

    let mut always = clock.clone().with_overflow(Overflow::CarryAlways);
    let mut last = start;
    for wall in HOUR..2 * HOUR {
        let next = always.now(pt(wall)).unwrap();
        assert!(next > last);
        last = next;
    }
    let lead = always.lead(pt(2 * HOUR)).as_millis();
    assert_eq!(u64::try_from(lead).unwrap(), HOUR / 64);

    // With a bound on the carry there is what is left of one counter, and then a refusal that says
    // how far the clock is ahead, and when it will not be.
    let mut bounded = clock;
    for _ in 1..64 {
        bounded.now(pt(HOUR)).unwrap();
    }
    let refused = bounded.now(pt(HOUR)).unwrap_err();
    let HybridNowError::Exhausted { lead, ready_at, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(lead, Duration::from_millis(HOUR + 1));
    assert_eq!(ready_at, pt(2 * HOUR + 1 - 100));
    assert!(bounded.now(ready_at).is_ok());
}

#[test]
fn trap_11_a_lead_is_one_event_for_each_crossing() {
    let mut clock = HybridClock::new(BOUND).with_overflow(Overflow::CarryAlways);
    let mut watch = ClockWatch::new(NodeId(1), Duration::from_millis(50));
    let mut events = Vec::new();
    // Set back by an hour, caught up, and set back once more.
    let walls = (0..1_000)
        .chain(HOUR..HOUR + 1_000)
        .chain(0..5_000)
        .chain(HOUR + 900..HOUR + 2_000)
        .chain(HOUR..HOUR + 1_000);
    for wall in walls {
        let last = clock.now(pt(wall)).unwrap();
        events.extend(watch.handle_stamp(last, pt(wall)));
    }
    let [first, over, second] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        first,
        ClockEvent::LeadBegan {
            last: stamp(HOUR + 999, 1),
            lead: Duration::from_millis(HOUR + 999),
            limit: Duration::from_millis(50),
        }
    );
    assert!(matches!(over, ClockEvent::LeadEnded { .. }));
    assert!(
        matches!(second, ClockEvent::LeadBegan { lead, .. } if lead == Duration::from_millis(1_999))
    );
}

/// CockroachDB #23214. What was issued a day ahead cannot be taken back: the next life starts above
/// it, and at once.
#[test]
fn trap_12_a_restart_after_a_day_forward_and_back_does_not_hang() {
    let ahead = Duration::from_millis(200);
    for overflow in [
        Overflow::Wait,
        Overflow::CarryWithinDrift,
        Overflow::CarryAlways,
    ] {
        let mut clock = DurableHybridClock::new(BOUND, ahead).with_overflow(overflow);
        let disk = clock.poll_write(pt(1_000)).unwrap();
        clock.handle_written(disk);
        clock.now(pt(1_000)).unwrap();
        // Nothing of the jump gets out before a bound a day ahead is stored.
        let jumped = clock.now(pt(1_000 + DAY)).unwrap_err();
        assert!(matches!(jumped, HybridNowError::PersistFirst { bound, .. } if bound == disk));
        let disk = clock.poll_write(pt(1_000 + DAY)).unwrap();
        clock.handle_written(disk);
        let last = clock.now(pt(1_000 + DAY)).unwrap();

        // Set back, with and without a restart.
        let restarted = DurableHybridClock::restart(disk, BOUND, ahead).with_overflow(overflow);
        for mut clock in [clock, restarted] {
            if let Some(bound) = clock.poll_write(pt(2_000)) {
                clock.handle_written(bound);
            }
            let first = clock.now(pt(2_000)).unwrap();
            assert!(first > last);
            let lead = clock.lead(pt(2_000));
            assert!(lead >= Duration::from_millis(DAY - 1_000));
            assert!(lead <= Duration::from_millis(DAY) + ahead);
            assert!(clock.now(pt(2_001)).unwrap() > first);
            // A day later nothing is left of it.
            let wall = pt(3_000 + DAY);
            if let Some(bound) = clock.poll_write(wall) {
                clock.handle_written(bound);
            }
            assert_eq!(clock.now(wall), Ok(stamp(3_000 + DAY, 0)));
        }
    }
}

#[test]
fn trap_12_a_day_forward_and_back_is_two_events() {
    let mut watch = ClockWatch::new(NodeId(1), Duration::from_millis(50));
    let mut see = |monotonic, wall| watch.handle_time(Instant::from_millis(monotonic), pt(wall));
    assert_eq!(see(500, DAY), None);
    assert_eq!(see(1_500, DAY + 1_000), None);
    assert_eq!(
        see(2_500, 2 * DAY + 2_000),
        Some(ClockEvent::WallWentForward {
            by: Duration::from_millis(DAY),
            wall: pt(2 * DAY + 2_000),
            expected: pt(DAY + 2_000),
        })
    );
    assert_eq!(see(3_500, 2 * DAY + 3_000), None);
    assert_eq!(
        see(4_500, DAY + 4_000),
        Some(ClockEvent::WallWentBack {
            by: Duration::from_millis(DAY),
            wall: pt(DAY + 4_000),
            expected: pt(2 * DAY + 4_000),
        })
    );
    assert_eq!(see(5_500, DAY + 5_000), None);
}

/// CockroachDB #23744.
#[test]
fn trap_13_no_stamp_passes_the_stored_bound_and_the_next_life_starts_at_it() {
    let ahead = Duration::from_millis(20);
    let mut clock = DurableHybridClock::new(BOUND, ahead);
    let mut disk = HybridStamp::ZERO;
    let mut last = HybridStamp::ZERO;
    let mut writes = 0;
    for millis in 1_000..2_000 {
        if let Some(bound) = clock.poll_write(pt(millis)) {
            disk = bound;
            writes += 1;
            clock.handle_written(bound);
        }
        last = clock.now(pt(millis)).unwrap();
        assert!(last < disk);
    }
    assert!((50..=100).contains(&writes), "{writes} writes in a second");

    // The disk stalls: what is left below the bound is issued, and then nothing.
    let mut refused = None;
    for millis in 2_000..3_000 {
        let _ = clock.poll_write(pt(millis));
        match clock.now(pt(millis)) {
            Ok(stamp) => last = stamp,
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    assert!(last < disk);
    assert_eq!(clock.last(), last);
    let Some(HybridNowError::PersistFirst { needed, bound }) = refused else {
        panic!("{refused:?}");
    };
    assert!(needed >= bound && bound == disk);

    // Crash. The wall clock is behind the bound, at it, or ahead of it.
    for millis in [0, 1_000, disk.millis(), disk.millis() + 1, 9_000] {
        let mut next = DurableHybridClock::restart(disk, BOUND, ahead);
        assert!(next.now(pt(millis)).is_err(), "nothing is reserved yet");
        let bound = next.poll_write(pt(millis)).unwrap();
        next.handle_written(bound);
        let first = next.now(pt(millis)).unwrap();
        assert!(last < first && disk < first && first < bound);
        assert!(millis <= disk.millis() || first == stamp(millis, 0));
    }
}

/// The same for the clocks that threads share: the bound is one for all.
#[test]
fn trap_13_no_stamp_of_any_thread_or_handle_passes_the_stored_bound() {
    let ahead = Duration::from_millis(20);
    let mut disk = HybridStamp::ZERO;
    let mut last = HybridStamp::ZERO;
    for life in 0..4 {
        // Each life begins half a second before the one before ended.
        let begin = 1_000 + 500 * life;
        let atomic = AtomicDurableHybridClock::restart(disk, BOUND, ahead);
        let sharded = ShardedHybridClock::restart(disk, BOUND, ahead, 2);
        let mut handles =
            [(); 2].map(|()| HybridHandle::new(&sharded).expect("one of two handles"));
        assert!(
            handles[1].now(pt(begin)).is_err(),
            "nothing is reserved yet"
        );
        assert!(atomic.now(pt(begin)).is_err());
        let mut largest = last;
        for millis in begin..begin + 1_000 {
            let bounds = [
                sharded.poll_write(pt(millis)),
                atomic.poll_write(pt(millis)),
            ];
            disk = bounds.into_iter().flatten().fold(disk, HybridStamp::max);
            // Now and then the disk takes its time.
            if millis % 100 > 30 {
                sharded.handle_written(disk);
                atomic.handle_written(disk);
            }
            for handle in &mut handles {
                if let Ok(issued) = handle.receive(PEER, stamp(millis + 7, 3), pt(millis)) {
                    assert!(last < issued && issued < sharded.bound());
                }
                let before = handle.last();
                match handle.now(pt(millis)) {
                    Ok(issued) => {
                        assert!(last < issued && issued < sharded.bound());
                        largest = largest.max(issued);
                    }
                    Err(refused) => {
                        assert!(matches!(refused, HybridNowError::PersistFirst { .. }));
                        assert_eq!(handle.last(), before);
                    }
                }
            }
            if let Ok(issued) = atomic.now(pt(millis)) {
                assert!(last < issued && issued < atomic.bound());
                largest = largest.max(issued);
            }
        }
        assert!(largest > last, "life {life}");
        last = largest;
    }
    // A clock without a bound asks for nothing.
    let free = ShardedHybridClock::new(BOUND, 2);
    assert_eq!(free.poll_write(pt(1_000)), None);
    assert_eq!(free.bound(), HybridStamp::MAX);
}

#[test]
fn trap_15_packed_order_is_the_order_of_the_parts_and_what_does_not_fit_is_refused() {
    assert_eq!(HybridStamp::new(1 << 48, 0), None);
    assert_eq!(HybridStamp::new(0, 1 << 16), None);
    assert_eq!(
        HybridStamp::new((1 << 48) - 1, FULL),
        Some(HybridStamp::MAX)
    );
    // hlc-gen ends in 2109 without saying so.
    let mut clock = HybridClock::<22>::resume(PackedStamp::ZERO, BOUND);
    let end = PackedStamp::<22>::MAX.wall();
    let after = end.saturating_add(Duration::from_millis(1));
    assert_eq!(
        clock.now(after),
        Err(HybridNowError::OutOfRange {
            wall: after,
            limit: end,
        })
    );
    assert!(clock.receive(PEER, PackedStamp::ZERO, after).is_err());
    assert_eq!(clock.last(), PackedStamp::ZERO);
    assert!(clock.now(end).is_ok());
}

proptest! {
    #[test]
    fn trap_15_packed_order_is_the_order_of_the_parts(
        a in (0..4_u64, 0..3_u32, 0..3_u64), b in (0..4_u64, 0..3_u32, 0..3_u64),
        corner_a in 0..8_u8, corner_b in 0..8_u8,
    ) {
        // Small numbers and the same from the ends of the fields.
        fn parts<const BITS: u32>((millis, counter, node): (u64, u32, u64), corner: u8) -> (u64, u32, u64) {
            let from = |end, value, bit: u8| if corner & bit == 0 { value } else { end - value };
            let millis = from(PackedStamp::<BITS>::MAX_MILLIS, millis, 1);
            let end = u64::from(PackedStamp::<BITS>::MAX_COUNTER);
            let counter = from(end, u64::from(counter).min(end), 2);
            (millis, u32::try_from(counter).unwrap(), from(u64::MAX, node, 4))
        }
        fn stamped<const BITS: u32>(parts: (u64, u32, u64)) -> NodeStamp<BITS> {
            let stamp = PackedStamp::new(parts.0, parts.1).expect("it fits");
            NodeStamp { stamp, node: NodeId(parts.2) }
        }
        macro_rules! check {
            ($($bits:literal)*) => {$({
                let (a, b) = (parts::<$bits>(a, corner_a), parts::<$bits>(b, corner_b));
                let (x, y) = (stamped::<$bits>(a), stamped::<$bits>(b));
                prop_assert_eq!(x.cmp(&y), a.cmp(&b));
                prop_assert_eq!(x.to_bytes().cmp(&y.to_bytes()), a.cmp(&b));
                prop_assert_eq!((x.stamp.millis(), x.stamp.counter(), x.node.0), a);
                prop_assert_eq!(NodeStamp::<$bits>::packed_from_bytes(x.to_bytes()), x);
            })*};
        }
        check!(1 12 16 20 22);
    }
}

/// All interleavings are explored by the models in `loom_tests` beside the clock; this is the same
/// on real threads.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the clock has no threads; those who share it do"
)]
fn trap_16_threads_on_one_clock_get_distinct_stamps_that_grow() {
    const EACH: usize = 100_000;
    let clock = AtomicHybridClock::new(Duration::MAX);
    let start = Barrier::new(3);
    let mut stamps: Vec<HybridStamp> = std::thread::scope(|scope| {
        let tick = |seed: u64| {
            let (clock, start) = (&clock, &start);
            move || {
                let mut issued = Vec::with_capacity(EACH);
                start.wait();
                for step in 0..EACH as u64 {
                    // A thread's wall time is old by the time it gets its turn, and goes back.
                    let wall = pt(1_000 + (step * 7 + seed) % 13);
                    let message = clock.last();
                    let next = if seed == 0 {
                        clock.receive(PEER, message, wall).unwrap()
                    } else {
                        clock.now(wall).unwrap()
                    };
                    assert!(next > message);
                    issued.push(next);
                }
                assert!(issued.is_sorted());
                issued
            }
        };
        let threads = [0, 1, 2].map(|seed| scope.spawn(tick(seed)));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    stamps.sort_unstable();
    assert_eq!(stamps.last(), Some(&clock.last()));
    stamps.dedup();
    assert_eq!(stamps.len(), 3 * EACH);
}

/// The same, with a handle each: what a handle receives, those of the others are above at once.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the clock has no threads; those who share it do"
)]
fn trap_16_threads_with_a_handle_each_get_distinct_stamps_that_grow() {
    const EACH: u64 = 20_000;
    let clock = ShardedHybridClock::new(Duration::MAX, 3);
    let received = AtomicU64::new(0);
    let start = Barrier::new(3);
    let mut stamps: Vec<HybridStamp> = std::thread::scope(|scope| {
        let tick = |seed: u64| {
            let (clock, received, start) = (&clock, &received, &start);
            move || {
                let mut handle = HybridHandle::new(clock).unwrap();
                let mut issued: Vec<HybridStamp> = Vec::new();
                start.wait();
                for step in 0..EACH {
                    let wall = pt(1_000 + (step * 7 + seed) % 13);
                    let floor = HybridStamp::from_u64(received.load(Ordering::Acquire));
                    let next = if seed == 0 && step % 16 == 0 {
                        let message = stamp(1_000 + step / 8, 5);
                        let next = handle.receive(PEER, message, wall).unwrap();
                        assert!(next > message);
                        received.fetch_max(message.as_u64(), Ordering::AcqRel);
                        next
                    } else {
                        handle.now(wall).unwrap()
                    };
                    assert!(next > floor);
                    assert!(issued.last().is_none_or(|&last| last < next));
                    issued.push(next);
                }
                issued
            }
        };
        let threads = [0, 1, 2].map(|seed| scope.spawn(tick(seed)));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let (mut ann, mut bob) = (
        HybridHandle::new(&clock).unwrap(),
        HybridHandle::new(&clock).unwrap(),
    );
    let message = stamp(9_000, 5);
    stamps.push(ann.receive(PEER, message, pt(1_000)).unwrap());
    stamps.push(bob.now(pt(1_000)).unwrap());
    assert!(stamps.ends_with(&[ann.last(), bob.last()]) && bob.last() > message);

    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len() as u64, 3 * EACH + 2);
}

#[test]
fn trap_17_equal_stamps_of_two_nodes_are_ordered_by_the_node() {
    let (mut ann, mut bob) = (at(10, 0), at(10, 0));
    let stamped = |stamp, node| NodeStamp {
        stamp,
        node: NodeId(node),
    };
    let first = stamped(ann.now(pt(11)).unwrap(), 1);
    let second = stamped(bob.now(pt(11)).unwrap(), 2);
    assert_eq!(first.stamp, second.stamp);
    assert!(first < second && first.to_bytes() < second.to_bytes());
}

/// Two machines were set up from one image, and both are node 1.
#[test]
fn trap_17_a_stamp_with_our_id_that_we_never_issued_is_told() {
    let watch = ClockWatch::new(NodeId(1), BOUND);
    let (mut clock, mut twin) = (at(10, 0), at(10, 0));
    let stamped = |stamp, node| NodeStamp {
        stamp,
        node: NodeId(node),
    };
    let ours = clock.now(pt(20)).unwrap();
    assert_eq!(watch.handle_remote(stamped(ours, 1), clock.last()), None);
    assert_eq!(watch.handle_remote(stamped(stamp(19, 7), 1), ours), None);
    assert_eq!(watch.handle_remote(stamped(stamp(21, 0), 2), ours), None);

    twin.now(pt(20)).unwrap();
    let foreign = stamped(twin.now(pt(20)).unwrap(), 1);
    assert_eq!(
        watch.handle_remote(foreign, clock.last()),
        Some(ClockEvent::DuplicateNode {
            stamped: foreign,
            last: ours,
        })
    );

    // What comes back from others after a crash is ours, and is not taken for another's.
    let mut before = DurableHybridClock::new(BOUND, BOUND);
    let disk = before.poll_write(pt(1_000)).unwrap();
    before.handle_written(disk);
    let ours = stamped(before.now(pt(1_000)).unwrap(), 1);
    let after = DurableHybridClock::restart(disk, BOUND, BOUND);
    assert_eq!(watch.handle_remote(ours, after.last()), None);
}

/// cpython #138862: after one overflow the stamps stayed ahead of the time for ever. gofrs/uuid
/// #253: the counter was never reset.
#[test]
fn trap_41_the_counter_starts_again_with_each_tick_and_a_carry_ends_when_time_catches_up() {
    let mut clock = at(10, 40_000);
    assert_eq!(clock.now(pt(11)), Ok(stamp(11, 0)));
    // All of the range is there in each millisecond.
    for counter in 1..=FULL {
        assert_eq!(clock.now(pt(11)), Ok(stamp(11, counter)));
    }
    for counter in 0..=FULL {
        assert_eq!(clock.now(pt(11)), Ok(stamp(12, counter)));
    }
    assert_eq!(clock.now(pt(11)), Ok(stamp(13, 0)));
    assert_eq!(clock.now(pt(12)), Ok(stamp(13, 1)));
    assert_eq!(clock.now(pt(13)), Ok(stamp(13, 2)));
    assert_eq!(clock.now(pt(14)), Ok(stamp(14, 0)));
    assert_eq!(clock.lead(pt(14)), Duration::ZERO);
}
