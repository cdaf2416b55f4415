//! A timing wheel of a million deadlines, beside a sorted set of the standard library.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::{Instant, SplitMix64, TimerId, TimingWheel, WheelStep};

const DEADLINES: usize = 1_000_000;
/// Up to an hour away.
const HOUR: u64 = 3_600_000_000_000;

fn wheel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/1,000,000 deadlines");
    let mut random = SplitMix64::new(1);
    let mut wheel = TimingWheel::new();
    let mut timers: Vec<TimerId> = Vec::with_capacity(DEADLINES);
    for number in 0..DEADLINES {
        timers.push(wheel.insert(Instant::from_nanos(random.below(HOUR)), number as u32));
    }
    group.bench_function("wheel: move one", |bencher| {
        bencher.iter(|| {
            let timer = timers[random.index(DEADLINES)];
            wheel.reschedule(timer, Instant::from_nanos(random.below(HOUR)))
        });
    });
    group.bench_function("wheel: set one and cancel it", |bencher| {
        bencher.iter(|| {
            let timer = wheel.insert(Instant::from_nanos(random.below(HOUR)), 0);
            wheel.cancel(black_box(timer))
        });
    });
    group.bench_function("wheel: a step of running out", |bencher| {
        let mut left = wheel.clone();
        bencher.iter(|| {
            let step = left.step(Instant::from_nanos(HOUR));
            if step == WheelStep::Idle {
                left = wheel.clone();
            }
            step
        });
    });

    let mut ends = vec![0; DEADLINES];
    let mut set = BTreeSet::new();
    for (number, end) in ends.iter_mut().enumerate() {
        *end = random.below(HOUR);
        set.insert((*end, number as u32));
    }
    group.bench_function("BTreeSet: move one", |bencher| {
        bencher.iter(|| {
            let number = random.index(DEADLINES);
            set.remove(&(ends[number], number as u32));
            ends[number] = random.below(HOUR);
            set.insert((ends[number], number as u32))
        });
    });
    group.finish();
}

criterion_group!(benches, wheel);
criterion_main!(benches);
