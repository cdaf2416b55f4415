//! Version vectors: comparing, merging and counting, for a few and for many actors.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use quorate_clocks::{Actor, CausalContext, Dot, DottedSet, Incarnation, NodeId, VersionVector};

fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn full(actors: u64) -> VersionVector {
    (0..actors)
        .map(|node| Dot::new(actor(node), 10 + node))
        .collect()
}

fn vector(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/vector");
    for actors in [3, 8, 16, 128] {
        let vector = full(actors);
        let mut older = vector.clone();
        // The difference is last, so that all is looked at.
        let mut newer = vector.clone();
        newer.increment(actor(actors - 1)).expect("few events");
        // Each has more of one half, and the conflict shows in the middle.
        let mut other: VersionVector = (0..actors)
            .map(|node| {
                Dot::new(
                    actor(node),
                    if node < actors / 2 {
                        10 + node
                    } else {
                        9 + node
                    },
                )
            })
            .collect();
        other.increment(actor(0)).expect("few events");
        // Has half of the actors, every other one.
        let half: VersionVector = (0..actors)
            .step_by(2)
            .map(|node| Dot::new(actor(node), 1_000))
            .collect();

        let mut case = |name: &str, a: &VersionVector, b: &VersionVector| {
            group.bench_function(BenchmarkId::new(name, actors), |bencher| {
                bencher.iter(|| black_box(a).relation(black_box(b)));
            });
        };
        case("relation/equal", &vector, &vector.clone());
        case("relation/before", &vector, &newer);
        case("relation/concurrent", &vector, &other);
        case("relation/half", &vector, &half);
        group.bench_function(BenchmarkId::new("equal", actors), |bencher| {
            let same = vector.clone();
            bencher.iter(|| black_box(&vector) == black_box(&same));
        });
        group.bench_function(BenchmarkId::new("merge", actors), |bencher| {
            bencher.iter(|| black_box(&mut older).merge(black_box(&newer)));
        });
        group.bench_function(BenchmarkId::new("merge/half", actors), |bencher| {
            let mut merged = vector.clone();
            bencher.iter(|| black_box(&mut merged).merge(black_box(&half)));
        });
        group.bench_function(BenchmarkId::new("merge/new", actors), |bencher| {
            bencher.iter_batched_ref(
                || half.clone(),
                |half| half.merge(black_box(&vector)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("increment", actors), |bencher| {
            let mut counting = vector.clone();
            bencher.iter(|| black_box(&mut counting).increment(black_box(actor(1))));
        });
        group.bench_function(BenchmarkId::new("clone", actors), |bencher| {
            bencher.iter(|| black_box(&vector).clone());
        });
        let bytes = vector.to_bytes();
        group.bench_function(BenchmarkId::new("decode", actors), |bencher| {
            bencher.iter(|| VersionVector::from_bytes(black_box(&bytes)));
        });
    }
    group.finish();
}

fn dotted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/dotted");
    group.bench_function("read and put", |bencher| {
        let mut set = DottedSet::new();
        bencher.iter(|| {
            let seen = set.context();
            set.put(&seen, actor(1), black_box(7_u64))
        });
    });
    group.bench_function("observe in order", |bencher| {
        let mut context = CausalContext::new();
        let mut counter = 0;
        bencher.iter(|| {
            counter += 1;
            context.observe(Dot::new(actor(1), counter))
        });
    });
    group.finish();
}

criterion_group!(benches, vector, dotted);
criterion_main!(benches);
