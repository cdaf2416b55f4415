//! Interval tree clocks: what a member does with its stamp, in systems of several sizes.

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use quorate_clocks::{TreeEvent, TreeStamp};

/// The stamps of members that forked evenly and talked for a while.
fn members(count: usize) -> Vec<TreeStamp> {
    let mut members = VecDeque::from([TreeStamp::seed()]);
    while members.len() < count {
        let (left, right) = members
            .pop_front()
            .expect("never empty")
            .fork()
            .expect("not deep");
        members.extend([left, right]);
    }
    let mut members = Vec::from(members);
    for round in 0..30 * count {
        let message = members[round * 7 % count].send().expect("not exhausted");
        members[round * 5 % count]
            .receive(&message)
            .expect("not exhausted");
    }
    members
}

/// The same stamp for every run of a bench that consumes it.
fn again(bytes: &[u8]) -> TreeStamp {
    TreeStamp::from_bytes(bytes).expect("just encoded")
}

fn tree(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/tree");
    for count in [2, 8, 64] {
        let mut members = members(count);
        let last = members.pop().expect("two at least").to_bytes();
        let first = members[0].to_bytes();
        let messages: Vec<TreeEvent> = (0..64)
            .map(|_| members[count / 2 - 1].send().expect("not exhausted"))
            .collect();

        group.bench_function(BenchmarkId::new("event", count), |bencher| {
            let mut stamp = again(&last);
            bencher.iter(|| stamp.event());
        });
        group.bench_function(BenchmarkId::new("peek", count), |bencher| {
            let stamp = again(&last);
            bencher.iter(|| black_box(&stamp).peek());
        });
        group.bench_function(BenchmarkId::new("relation", count), |bencher| {
            let stamp = again(&last);
            bencher.iter(|| black_box(stamp.history()).relation(black_box(&messages[0])));
        });
        group.bench_function(BenchmarkId::new("send", count), |bencher| {
            let mut stamp = again(&last);
            bencher.iter(|| stamp.send());
        });
        group.bench_function(BenchmarkId::new("receive", count), |bencher| {
            let mut stamp = again(&last);
            let mut messages = messages.iter().cycle();
            bencher.iter(|| stamp.receive(messages.next().expect("endless")));
        });
        group.bench_function(BenchmarkId::new("fork", count), |bencher| {
            bencher.iter_batched(|| again(&last), TreeStamp::fork, BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("join", count), |bencher| {
            bencher.iter_batched(
                || (again(&first), again(&last)),
                |(first, last)| first.join(last),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("encode", count), |bencher| {
            let stamp = again(&last);
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                black_box(stamp.history()).encode(&mut out);
            });
        });
        group.bench_function(BenchmarkId::new("decode", count), |bencher| {
            let bytes = messages[0].to_bytes();
            bencher.iter(|| TreeEvent::from_bytes(black_box(&bytes)));
        });
    }
    group.finish();
}

criterion_group!(benches, tree);
criterion_main!(benches);
