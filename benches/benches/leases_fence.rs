//! The resource's side of a lease: what each effect pays for the check, and each holder for its raise.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_clocks::Incarnation;
use quorate_leases::{
    AtomicFence, DurableFence, Fence, FenceSet, FenceSetLimits, Fenced, FencingToken, Mode,
    Operation, ResourceId, StrictFence,
};

const TOKEN: FencingToken = FencingToken(33);
const DISK: ResourceId = ResourceId(7);

/// What a holder that goes on pays for each effect.
#[expect(clippy::disallowed_methods, reason = "threads are what is measured")]
fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/fence check");
    let mut fence = Fence::restore(TOKEN);
    group.bench_function("Fence", |bencher| {
        bencher.iter(|| black_box(&mut fence).check_and_raise(black_box(TOKEN)));
    });
    let shared = AtomicFence::restore(TOKEN);
    group.bench_function("AtomicFence", |bencher| {
        bencher.iter(|| black_box(&shared).check_and_raise(black_box(TOKEN)));
    });
    let reader = FencingToken(34);
    let readers = AtomicFence::restore(TOKEN);
    readers.raise_as(reader, Mode::Shared).expect("it is newer");
    group.bench_function("AtomicFence, a reader", |bencher| {
        bencher.iter(|| black_box(&readers).check_and_raise_as(black_box(reader), Mode::Shared));
    });
    group.bench_function("AtomicFence, refused", |bencher| {
        let old = FencingToken(TOKEN.0 - 1);
        bencher.iter(|| black_box(&shared).check_and_raise(black_box(old)));
    });
    group.bench_function("AtomicFence, another thread checks too", |bencher| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let _ = black_box(&shared).check_and_raise(black_box(TOKEN));
                }
            });
            bencher.iter(|| black_box(&shared).check_and_raise(black_box(TOKEN)));
            done.store(true, Ordering::Release);
        });
    });
    group.bench_function("Fenced::write", |bencher| {
        let mut guarded = Fenced::new(DISK, 0_u64);
        let receipt = guarded.raise(TOKEN, Mode::Exclusive).expect("it is new");
        let armed = receipt.arm(TOKEN).expect("of this token");
        bencher.iter(|| {
            black_box(&mut guarded)
                .write(black_box(&armed))
                .map(|data| *data += 1)
                .is_ok()
        });
    });
    group.bench_function("StrictFence", |bencher| {
        let mut fence = StrictFence::new();
        let mut number = 0;
        bencher.iter(|| {
            number += 1;
            let incarnation = Incarnation(1);
            let operation = Operation {
                incarnation,
                number,
            };
            black_box(&mut fence).check_and_raise(black_box(TOKEN), black_box(operation))
        });
    });
    let mut durable = DurableFence::restart(&fence.to_bytes()).expect("a mark");
    group.bench_function("DurableFence", |bencher| {
        bencher.iter(|| black_box(&mut durable).check_and_raise(black_box(TOKEN)));
    });
    let limits = FenceSetLimits {
        max_fences: 1_000_000,
        ..FenceSetLimits::default()
    };
    let mut fences = FenceSet::new(limits);
    for number in 0..limits.max_fences {
        let token = FencingToken(u64::from(number) + 1);
        fences
            .check_and_raise(&format!("resource {number:07}"), token)
            .expect("there is room");
    }
    group.bench_function("FenceSet, one of a million names", |bencher| {
        let token = FencingToken(500_001);
        bencher
            .iter(|| black_box(&mut fences).check_and_raise(black_box("resource 0500000"), token));
    });
    group.finish();
}

/// What a new holder pays once.
fn raise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leases/fence raise");
    group.bench_function("Fence", |bencher| {
        let (mut fence, mut token) = (Fence::new(), TOKEN);
        bencher.iter(|| {
            token.0 += 1;
            black_box(&mut fence).raise(token)
        });
    });
    group.bench_function("AtomicFence", |bencher| {
        let (fence, mut token) = (AtomicFence::new(), TOKEN);
        bencher.iter(|| {
            token.0 += 1;
            black_box(&fence).raise(token)
        });
    });
    group.bench_function("Fence, with a receipt that arms", |bencher| {
        let (mut fence, mut token) = (Fence::new(), TOKEN);
        bencher.iter(|| {
            token.0 += 1;
            let receipt = black_box(&mut fence).raise_at(DISK, token, Mode::Exclusive);
            receipt.ok().and_then(|receipt| receipt.arm(token).ok())
        });
    });
    group.bench_function("DurableFence, but for the storage", |bencher| {
        let (mut fence, mut token) = (DurableFence::new(), TOKEN);
        bencher.iter(|| {
            token.0 += 1;
            let _ = black_box(&mut fence).check_and_raise(token);
            if let Some(mark) = fence.poll_write() {
                black_box(mark.to_bytes());
                fence.handle_written(&mark);
            }
            fence.check_and_raise(token)
        });
    });
    group.finish();
}

criterion_group!(benches, check, raise);
criterion_main!(benches);
