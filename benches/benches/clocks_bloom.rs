//! Bloom clocks: stamping and comparing, in two sizes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use quorate_clocks::{Actor, BloomClock, BloomStamp, Incarnation, NodeId};

fn bloom<const ROWS: usize, const WIDTH: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clocks/bloom");
    let size = format!("{ROWS}x{WIDTH}");
    // A thousand writers who all heard of the others, and then wrote some more.
    let mut clocks: Vec<_> = (0..1_000)
        .map(|node| BloomClock::<ROWS, WIDTH>::new(Actor::new(NodeId(node), Incarnation(1))))
        .collect();
    for number in 0..3_000 {
        let stamp = clocks[number % 1_000].tick().expect("few events");
        clocks[number * 7 % 999 + 1]
            .receive(&stamp)
            .expect("few events");
    }
    let (mut ann, mut bob) = (clocks[500].clone(), clocks[501].clone());
    let early = ann.tick().expect("few events");
    let late = bob.receive(&early).expect("few events");
    let other = ann.tick().expect("few events");
    let mut case = |name: &str, run: &mut dyn FnMut()| {
        group.bench_function(BenchmarkId::new(name, &size), |bencher| {
            bencher.iter(&mut *run)
        });
    };

    case("tick", &mut || drop(black_box(ann.tick())));
    case("receive", &mut || {
        drop(black_box(bob.receive(black_box(&early))))
    });
    case("verdict/before", &mut || {
        black_box(black_box(&early).verdict(black_box(&late)));
    });
    case("verdict/concurrent", &mut || {
        black_box(black_box(&other).verdict(black_box(&late)));
    });
    let mut out = Vec::new();
    case("encode", &mut || {
        out.clear();
        black_box(&late).encode(&mut out);
    });
    let bytes = late.to_bytes();
    case("decode", &mut || {
        drop(black_box(BloomStamp::<ROWS, WIDTH>::from_bytes(black_box(
            &bytes,
        ))));
    });
    group.finish();
}

criterion_group!(benches, bloom::<4, 64>, bloom::<4, 256>);
criterion_main!(benches);
