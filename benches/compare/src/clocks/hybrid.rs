//! Hybrid clocks, all fed the same physical time, which stands still: what is left is the clock.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use hlc_gen::source::ManualClock;
use hlc_gen::{HlcGenerator, HlcTimestamp};
use quorate_clocks::{
    AtomicHybridClock, HybridClock, HybridHandle, HybridStamp, NodeId, ShardedHybridClock, WallTime,
};
use uhlc::{HLC, HLCBuilder, NTP64, Timestamp};

use crate::measure::Peer;
use crate::table::{STEP, Table, peer};

/// Half a year into 2027: what all of them take for now.
const MILLIS: u64 = 1_800_000_000_000;
const WALL: WallTime = WallTime::from_millis(MILLIS);
const PEER: NodeId = NodeId(2);

fn uhlc_now() -> NTP64 {
    NTP64::from(Duration::from_millis(MILLIS))
}

/// Time stands still, so every clock counts; none may run into its bound.
fn uhlc() -> HLC {
    HLCBuilder::new()
        .with_clock(uhlc_now)
        .with_max_delta(Duration::from_secs(1 << 20))
        .build()
}

fn hlc_gen() -> HlcGenerator<ManualClock> {
    let generator = HlcGenerator::manual(1 << 30);
    generator.set_current_timestamp(MILLIS.cast_signed());
    generator
}

fn quorate() -> HybridClock {
    HybridClock::new(Duration::MAX)
}

fn quorate_atomic() -> AtomicHybridClock {
    AtomicHybridClock::new(Duration::MAX)
}

pub(super) fn tables() -> Vec<Table> {
    vec![
        Table {
            title: "hybrid stamp, one thread".to_owned(),
            peers: vec![
                peer("quorate HybridClock", quorate, |clock| {
                    clock.now(black_box(WALL))
                }),
                peer("uhlc 0.9", uhlc, |clock| clock.new_timestamp()),
                hlc_gen_stamps(),
            ],
        },
        Table {
            title: "hybrid stamp, one thread, a clock that threads may share".to_owned(),
            peers: vec![
                peer("quorate AtomicHybridClock", quorate_atomic, |clock| {
                    clock.now(black_box(WALL))
                }),
                peer("uhlc 0.9", uhlc, |clock| clock.new_timestamp()),
                hlc_gen_stamps(),
            ],
        },
        Table {
            title: "hybrid receipt of a stamp of the past".to_owned(),
            peers: vec![
                peer("quorate HybridClock", quorate, |clock| {
                    clock.receive(PEER, black_box(HybridStamp::ZERO), black_box(WALL))
                }),
                peer(
                    "uhlc 0.9",
                    || (uhlc(), past()),
                    |(clock, past)| clock.update_with_timestamp(past).is_ok(),
                ),
                peer(
                    "hlc-gen 2.0",
                    || {
                        (
                            hlc_gen(),
                            HlcTimestamp::from_parts(MILLIS.cast_signed() - 1_000, 0),
                        )
                    },
                    |(clock, past)| match past {
                        Ok(past) => clock.update(past).is_ok(),
                        Err(_) => false,
                    },
                ),
            ],
        },
        Table {
            title: "hybrid stamp, two threads on one clock: time over the stamps of both"
                .to_owned(),
            peers: vec![
                contended("quorate AtomicHybridClock", quorate_atomic, |clock| {
                    black_box(clock.now(black_box(WALL)).is_ok());
                }),
                Peer {
                    name: "quorate HybridHandle, one each".to_owned(),
                    start: Box::new(handles),
                },
                contended("uhlc 0.9", uhlc, |clock| {
                    black_box(clock.new_timestamp());
                }),
            ],
        },
    ]
}

fn past() -> Timestamp {
    Timestamp::new(NTP64(0), *uhlc().get_id())
}

/// Its counter ends after four million stamps of one millisecond, so it gets a new one before.
fn hlc_gen_stamps() -> Peer<'static> {
    peer(
        "hlc-gen 2.0",
        || (hlc_gen(), MILLIS.cast_signed(), 0_u32),
        |(clock, millis, stamps)| {
            *stamps += 1;
            if *stamps == 4_000_000 {
                (*millis, *stamps) = (*millis + 1, 0);
                clock.set_current_timestamp(*millis);
            }
            clock.next_timestamp()
        },
    )
}

/// Two threads take stamps of one clock, each with a handle of its own.
fn handles() -> Box<dyn FnMut() -> u64> {
    let clock = ShardedHybridClock::new(Duration::MAX, 2);
    Box::new(move || {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut handle = HybridHandle::new(&clock).expect("one of two");
                scope.spawn(move || {
                    for _ in 0..EACH {
                        black_box(handle.now(black_box(WALL)).is_ok());
                    }
                });
            }
        });
        2 * EACH
    })
}

/// How many stamps a thread takes in a step: so many that starting two threads is nothing beside it.
const EACH: u64 = 1_000 * STEP;

/// Two threads take stamps of one clock; a step is what both have taken.
fn contended<C: Send + Sync + 'static>(
    name: &str,
    make: impl Fn() -> C + 'static,
    stamp: impl Fn(&C) + Copy + Send + Sync + 'static,
) -> Peer<'static> {
    Peer {
        name: name.to_owned(),
        start: Box::new(move || {
            let clock = Arc::new(make());
            Box::new(move || {
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        let clock = Arc::clone(&clock);
                        scope.spawn(move || {
                            for _ in 0..EACH {
                                stamp(&clock);
                            }
                        });
                    }
                });
                2 * EACH
            })
        }),
    }
}
