//! Idempotency: claim and complete a new key among many, and replay a known one.
// It times batches itself, so that what prepares them is not measured.
#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use quorate_clocks::Instant;
use quorate_idempotency::{
    Attempt, Claim, Class, Fingerprint, Key, KeyStore, Limits, Policy, Remember, Request,
};

const KEYS: u64 = 1_000_000;
/// How many keys are claimed between two sweeps, which are not measured with them.
const BATCH: u64 = 10_000;

fn key(number: u64) -> Key {
    Key::new("tenant", &format!("key-{number:016x}")).expect("a sound key")
}

fn claim(store: &mut KeyStore, now: Instant, key: &Key) -> Attempt {
    match store.claim(now, Request::new(key, Fingerprint(7))) {
        Ok(Claim::Run(attempt)) => attempt,
        other => panic!("the key is new: {other:?}"),
    }
}

fn run(store: &mut KeyStore, now: Instant, key: &Key) {
    let token = claim(store, now, key).token;
    store
        .complete(now, key, token, Class::Success, Bytes::from_static(b"done"))
        .expect("nobody took over");
}

fn limits() -> Limits {
    Limits {
        keys: 2 * KEYS,
        keys_per_scope: 2 * KEYS,
        key_bytes: u64::MAX,
        tombstones: 2 * KEYS,
        tombstones_per_scope: 2 * KEYS,
        ..Limits::default()
    }
}

/// A store with a million keys, claimed a millisecond after each other, whose answers are kept for as
/// long as it takes to claim a million.
fn full() -> KeyStore {
    let mut store = KeyStore::new(limits());
    let retain = Duration::from_millis(KEYS);
    let policy = Policy {
        success: Remember::Replay { retain },
        ..Policy::default()
    };
    store.set_policy(policy).expect("it makes sense");
    for number in 0..KEYS {
        run(&mut store, Instant::from_millis(number), &key(number));
    }
    store
}

fn store(criterion: &mut Criterion) {
    let store = full();
    let mut group = criterion.benchmark_group("idempotency/1,000,000 keys");
    group.bench_function("claim and complete a new key", |bencher| {
        let mut store = store.clone();
        let mut next = KEYS;
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let batch = left.min(BATCH);
                let keys: Vec<Key> = (next..next + batch).map(key).collect();
                // The oldest make room for as many.
                let now = Instant::from_millis(next + batch);
                store.expire(now);
                assert!(store.len() as u64 + 2 * BATCH >= KEYS);
                let start = std::time::Instant::now();
                for key in &keys {
                    run(&mut store, now, key);
                }
                spent += start.elapsed();
                next += batch;
                left -= batch;
            }
            spent
        });
    });
    group.bench_function("claim, complete and forget", |bencher| {
        let mut store = store.clone();
        let mut numbers = KEYS..;
        bencher.iter_batched(
            || {
                let number = numbers.next().unwrap_or_default();
                (Instant::from_millis(number), key(number))
            },
            |(now, key)| {
                run(&mut store, now, &key);
                store.expire(now)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("replay", |bencher| {
        let mut store = store.clone();
        // Another key every time: a retry comes long after its request left the caches.
        let keys: Vec<Key> = (0..KEYS).step_by(997).map(key).collect();
        let mut next = 0;
        let now = store.now();
        bencher.iter(|| {
            next = (next + 1) % keys.len();
            store.claim(now, Request::new(&keys[next], Fingerprint(7)))
        });
    });
    group.bench_function("forget all that is over", |bencher| {
        bencher.iter_batched_ref(
            || store.clone(),
            |store| store.expire(Instant::MAX),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("a slice of 1,000 steps of that", |bencher| {
        let mut left = store.clone();
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for _ in 0..iterations {
                if left.is_empty() {
                    left = store.clone();
                }
                let start = std::time::Instant::now();
                left.expire_some(Instant::MAX, 1_000);
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
