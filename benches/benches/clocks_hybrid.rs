//! Hybrid clocks: a stamp of each kind of storage, on one thread and on two.
//!
//! The wall clock stands still and nothing bounds the carry, so that what is measured is the clock.
#![allow(
    clippy::disallowed_methods,
    reason = "threads that contend, and the time they take"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::{
    AtomicDurableHybridClock, AtomicHybridClock, DurableHybridClock, HybridClock, HybridHandle,
    HybridStamp, NodeId, ShardedHybridClock, WallTime,
};

const WALL: WallTime = WallTime::from_millis(1_800_000_000_000);
const UNBOUNDED: Duration = Duration::MAX;
/// So far ahead that no bench gets there.
const STORED: HybridStamp = HybridStamp::MAX;

fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/hybrid");
    group.bench_function("local", |bencher| {
        let mut clock = HybridClock::new(UNBOUNDED);
        bencher.iter(|| clock.now(black_box(WALL)));
    });
    group.bench_function("local, durable", |bencher| {
        let mut clock = DurableHybridClock::new(UNBOUNDED, Duration::from_millis(200));
        clock.handle_written(STORED);
        bencher.iter(|| clock.now(black_box(WALL)));
    });
    group.bench_function("local, receive", |bencher| {
        let mut clock = HybridClock::new(UNBOUNDED);
        bencher.iter(|| clock.receive(NodeId(2), black_box(HybridStamp::ZERO), black_box(WALL)));
    });
    group.bench_function("atomic", |bencher| {
        let clock = AtomicHybridClock::new(UNBOUNDED);
        bencher.iter(|| clock.now(black_box(WALL)));
    });
    group.bench_function("atomic, durable", |bencher| {
        let clock = AtomicDurableHybridClock::new(UNBOUNDED, Duration::from_millis(200));
        clock.handle_written(STORED);
        bencher.iter(|| clock.now(black_box(WALL)));
    });
    group.bench_function("atomic, receive", |bencher| {
        let clock = AtomicHybridClock::new(UNBOUNDED);
        bencher.iter(|| clock.receive(NodeId(2), black_box(HybridStamp::ZERO), black_box(WALL)));
    });
    group.bench_function("handle", |bencher| {
        let clock = ShardedHybridClock::new(UNBOUNDED, 2);
        let mut handle = HybridHandle::new(&clock).expect("the first");
        bencher.iter(|| handle.now(black_box(WALL)));
    });
    group.bench_function("handle, receive", |bencher| {
        let clock = ShardedHybridClock::new(UNBOUNDED, 2);
        let mut handle = HybridHandle::new(&clock).expect("the first");
        let mut peer = HybridClock::new(UNBOUNDED);
        bencher.iter(|| {
            let stamp = peer.now(WALL).expect("unbounded");
            handle.receive(NodeId(2), black_box(stamp), black_box(WALL))
        });
    });
    group.finish();
}

/// The time in which two threads take `stamps` together.
fn on_two_threads(stamps: u64, work: impl Fn(u64) + Sync) -> Duration {
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| work(stamps / 2));
        work(stamps - stamps / 2);
    });
    started.elapsed()
}

fn two_threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/hybrid on two threads");
    group.bench_function("atomic", |bencher| {
        let clock = AtomicHybridClock::new(UNBOUNDED);
        bencher.iter_custom(|stamps| {
            on_two_threads(stamps, |each| {
                for _ in 0..each {
                    black_box(clock.now(black_box(WALL)).is_ok());
                }
            })
        });
    });
    group.bench_function("a handle each", |bencher| {
        let clock = ShardedHybridClock::new(UNBOUNDED, 2);
        bencher.iter_custom(|stamps| {
            on_two_threads(stamps, |each| {
                let mut handle = HybridHandle::new(&clock).expect("one of two");
                for _ in 0..each {
                    black_box(handle.now(black_box(WALL)).is_ok());
                }
            })
        });
    });
    group.finish();
}

criterion_group!(benches, one_thread, two_threads);
criterion_main!(benches);
