//! Consistency: writing a history down while threads make it, against a list behind a lock with the time.
// A bench of threads reads the clock; that is what it is for.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_consistency::{Operation, Outcome, RegisterInput, RegisterOutput, SharedRecorder};

type Written = Operation<RegisterInput<u64>, RegisterOutput<u64>>;

/// The time that so many threads take to do something so many times each.
fn together(threads: u64, each: impl Fn(u64) + Sync) -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let each = &each;
            scope.spawn(move || each(thread));
        }
    });
    begun.elapsed()
}

fn ours(threads: u64, operations: u64) -> Duration {
    let recorder: SharedRecorder<_, RegisterOutput<u64>> =
        SharedRecorder::new(threads * operations + threads * 64);
    let elapsed = together(threads, |_| {
        let mut lane = recorder.lane();
        for value in 0..operations {
            let operation = lane.call(RegisterInput::Write(black_box(value)));
            operation.ok(RegisterOutput::Written);
        }
    });
    assert_eq!(recorder.history().missed, 0);
    elapsed
}

fn list_behind_a_lock(threads: u64, operations: u64) -> Duration {
    let origin = Instant::now();
    let now = || u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let list: Mutex<Vec<Written>> = Mutex::default();
    together(threads, |thread| {
        for value in 0..operations {
            let operation = Operation::unknown(thread, RegisterInput::Write(value), now());
            let place = {
                let mut list = list.lock().expect("nobody panics");
                list.push(operation);
                list.len() - 1
            };
            let mut list = list.lock().expect("nobody panics");
            list[place].output = Outcome::Ok(RegisterOutput::Written);
            list[place].ret = now();
        }
    })
}

fn recorder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("consistency/record an operation");
    for threads in [1, 2] {
        group.throughput(Throughput::Elements(threads));
        group.bench_function(BenchmarkId::new("shared recorder", threads), |bencher| {
            bencher.iter_custom(|operations| ours(threads, operations));
        });
        group.bench_function(BenchmarkId::new("list behind a lock", threads), |bencher| {
            bencher.iter_custom(|operations| list_behind_a_lock(threads, operations));
        });
    }
    group.finish();
}

criterion_group!(benches, recorder);
criterion_main!(benches);
