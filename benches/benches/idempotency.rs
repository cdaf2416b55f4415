//! Idempotency: begin and complete a new key among many, and replay a known one.

use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use quorate_clocks::Instant;
use quorate_idempotency::{Begin, Fingerprint, Key, KeyStore, Limits};

const KEYS: u64 = 1_000_000;
const LEASE: Duration = Duration::from_secs(30);
const RETENTION: Duration = Duration::from_secs(3_600);

fn key(number: u64) -> Key {
    Key::new("tenant", &format!("key-{number:016x}")).expect("a sound key")
}

fn run(store: &mut KeyStore, now: Instant, key: &Key) {
    let begun = store
        .begin(now, key, Fingerprint(7), LEASE)
        .expect("there is room");
    let Begin::Run(attempt) = begun else {
        panic!("the key is new")
    };
    store
        .complete(
            now,
            key,
            attempt.token,
            Bytes::from_static(b"done"),
            RETENTION,
        )
        .expect("nobody took over");
}

fn store(criterion: &mut Criterion) {
    let now = Instant::from_millis(1);
    let limits = Limits {
        keys: 2 * KEYS,
        keys_per_scope: 2 * KEYS,
        key_bytes: u64::MAX,
        ..Limits::default()
    };
    let mut store = KeyStore::new(limits);
    for number in 0..KEYS {
        run(&mut store, now, &key(number));
    }
    let mut group = criterion.benchmark_group("idempotency/1,000,000 keys");
    group.bench_function("begin and complete a new key", |bencher| {
        let mut numbers = KEYS..;
        let mut store = store.clone();
        bencher.iter_batched(
            || {
                let number = numbers.next().unwrap_or_default();
                (Instant::from_millis(number), key(number))
            },
            |(now, key)| {
                // What is completed is retained for a moment only, so that the store keeps its size.
                let begun = store
                    .begin(now, &key, Fingerprint(7), LEASE)
                    .expect("there is room");
                let Begin::Run(attempt) = begun else {
                    panic!("the key is new")
                };
                let response = Bytes::from_static(b"done");
                let retain = Duration::from_millis(1);
                store
                    .complete(now, &key, attempt.token, response, retain)
                    .expect("own attempt");
                store.expire_some(now, 2)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("replay", |bencher| {
        // Another key every time: a retry comes long after its request left the caches.
        let keys: Vec<Key> = (0..KEYS).step_by(997).map(key).collect();
        let mut next = 0;
        bencher.iter(|| {
            next = (next + 1) % keys.len();
            store.begin(now, &keys[next], Fingerprint(7), LEASE)
        });
    });
    group.bench_function("forget a key that is over", |bencher| {
        bencher.iter_batched_ref(
            || store.clone(),
            |store| store.expire_some(Instant::MAX, 1_000_000),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
