//! Interval clocks, the synchroniser that keeps them right, and the clocks that lie.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_clocks::{
    Causality, ClockMischief, CommitWait, DriftRate, Hands, Instant, IntervalClock, LyingClocks,
    NodeId, TimeInterval, TimeMessage, TimeSyncConfig, TimeSynchroniser, WallTime,
};

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const MILLI: Duration = Duration::from_millis(1);

fn drift() -> DriftRate {
    DriftRate::from_ppm(200).expect("less than 100 %")
}

fn after(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn clocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/interval");
    let mut clock = IntervalClock::new(drift());
    clock.step(after(0), TimeInterval::around(NOON, MILLI));
    group.bench_function("read", |bencher| {
        let mut nanos = 0;
        bencher.iter(|| {
            nanos += 100;
            black_box(&clock).now(after(nanos))
        });
    });
    group.bench_function("synchronise", |bencher| {
        let (mut clock, mut nanos) = (clock.clone(), 0);
        bencher.iter(|| {
            nanos += 100;
            let date = NOON.saturating_add(Duration::from_nanos(nanos));
            clock.synchronise(after(nanos), TimeInterval::around(date, black_box(MILLI)))
        });
    });
    group.bench_function("compare", |bencher| {
        let [a, b] =
            [MILLI, MILLI * 4].map(|later| TimeInterval::around(NOON.saturating_add(later), MILLI));
        bencher.iter(|| black_box(a).relate(black_box(&b)));
    });
    group.bench_function("poll a commit wait", |bencher| {
        let wait = CommitWait::begin(&clock, after(0)).expect("synchronised");
        bencher.iter(|| black_box(wait.clone()).poll(black_box(&clock), after(1_000)));
    });
    group.finish();
}

fn agreement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/interval/agreement");
    for sources in [3, 7, 64] {
        let says: Vec<_> = (0..sources)
            .map(|late| {
                let date = NOON.saturating_add(Duration::from_micros(late * 7 % 64));
                TimeInterval::around(date, MILLI)
            })
            .collect();
        group.bench_function(BenchmarkId::from_parameter(sources), |bencher| {
            bencher.iter(|| TimeInterval::agreement(black_box(&says), says.len() / 2 - 1));
        });
    }
    group.finish();
}

/// All sources are asked, and answer.
fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/synchroniser/round");
    for sources in [3, 7] {
        let nodes = (1..=sources).map(NodeId);
        let config = TimeSyncConfig::new(nodes, drift(), 1).expect("few sources");
        let mut machine = TimeSynchroniser::new(config);
        let mut nanos = 0;
        group.bench_function(BenchmarkId::from_parameter(sources), |bencher| {
            bencher.iter(|| {
                nanos += 10_000_000_000;
                machine.handle_timeout(after(nanos));
                while let Some((to, TimeMessage::Request { nonce })) = machine.poll_transmit() {
                    let date = NOON.saturating_add(Duration::from_nanos(nanos));
                    let sent = TimeInterval::around(date, MILLI);
                    let held = Duration::ZERO;
                    let response = TimeMessage::Response { nonce, sent, held };
                    machine.handle_message(to, response, after(nanos));
                }
                machine.now(after(nanos))
            });
        });
    }
    group.finish();
}

/// What a simulation pays: a reading of a clock, and a second of five clocks to which something happens
/// ten times a second.
fn lies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/lying");
    let mischief = ClockMischief::new()
        .with_every(MILLI * 100)
        .with_drift(drift())
        .with_steps(MILLI)
        .with_freezes(Hands::Both, MILLI);
    let clocks = LyingClocks::seeded(NOON, (1..=5).map(NodeId), &mischief, 1);
    group.bench_function("read", |bencher| {
        bencher.iter(|| black_box(&clocks).read(black_box(NodeId(3))));
    });
    group.throughput(Throughput::Elements(5 * 10));
    group.bench_function("advance by a second", |bencher| {
        let mut clocks = clocks.clone();
        bencher.iter(|| clocks.advance(black_box(Duration::from_secs(1))));
    });
    group.finish();
}

criterion_group!(benches, clocks, agreement, rounds, lies);
criterion_main!(benches);
