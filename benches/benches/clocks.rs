//! Clocks: a stamp of each kind, and the receipt of one.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::{AtomicHybridClock, HybridClock, LamportClock, NodeId, WallTime};

const DRIFT: Duration = Duration::from_millis(500);

fn stamps(criterion: &mut Criterion) {
    let wall = WallTime::from_nanos(1_700_000_000_000_000_000);
    let mut group = criterion.benchmark_group("clocks/stamp");
    group.bench_function("lamport", |bencher| {
        let mut clock = LamportClock::new(NodeId(1));
        bencher.iter(|| clock.tick());
    });
    // The counter of one millisecond is 16 bits: a real clock moves on before it runs out, and so
    // does this one, by a microsecond a stamp.
    group.bench_function("hybrid", |bencher| {
        let mut clock = HybridClock::new(DRIFT);
        let mut wall = wall;
        bencher.iter(|| {
            wall = wall.saturating_add(Duration::from_micros(1));
            clock.now(black_box(wall))
        });
    });
    group.bench_function("hybrid, atomic", |bencher| {
        let clock = AtomicHybridClock::new(DRIFT);
        let mut wall = wall;
        bencher.iter(|| {
            wall = wall.saturating_add(Duration::from_micros(1));
            clock.now(black_box(wall))
        });
    });
    group.bench_function("hybrid, receive", |bencher| {
        let mut clock = HybridClock::new(DRIFT);
        let mut peer = HybridClock::new(DRIFT);
        let mut wall = wall;
        bencher.iter(|| {
            wall = wall.saturating_add(Duration::from_micros(1));
            let stamp = peer.now(wall).expect("within the bound");
            clock.receive(NodeId(2), black_box(stamp), wall)
        });
    });
    group.finish();
}

criterion_group!(benches, stamps);
criterion_main!(benches);
