//! The key store that threads share: claim and complete new keys among a million, on one thread and on two,
//! beside one store behind one lock; and how fast a duplicate is answered that waits.
// It times batches itself, on threads of its own, so that what prepares them is not measured.
#![allow(clippy::disallowed_methods)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_clocks::Instant;
use quorate_idempotency::{
    Claim, Class, Fingerprint, Key, KeyStore, Limits, Policy, Remember, Request, SharedClaim,
    SharedStore,
};

const KEYS: u64 = 1_000_000;
/// How many keys a thread claims between two sweeps, which are not measured with them.
const BATCH: u64 = 2_000;
const SHARDS: usize = 16;

fn key(number: u64) -> Key {
    Key::new("tenant", &format!("key-{number:016x}")).expect("a sound key")
}

fn limits() -> Limits {
    Limits {
        keys: 3 * KEYS,
        keys_per_scope: 3 * KEYS,
        key_bytes: u64::MAX,
        all_response_bytes: u64::MAX,
        ..Limits::default()
    }
}

/// Answers are kept for as long as it takes to claim a million, a millisecond after each other.
fn policy() -> Policy {
    Policy {
        success: Remember::Replay {
            retain: Duration::from_millis(KEYS),
        },
        ..Policy::default()
    }
}

/// A store that is called from several threads.
trait Store: Sync {
    fn claim_and_complete(&self, now: Instant, key: &Key);
    fn expire(&self, now: Instant);
    fn len(&self) -> usize;
}

impl Store for SharedStore {
    fn claim_and_complete(&self, now: Instant, key: &Key) {
        let Ok(SharedClaim::Run(running)) = self.claim(now, Request::new(key, Fingerprint(7)))
        else {
            panic!("the key is new")
        };
        let completed = running.complete(now, Class::Success, Bytes::from_static(b"done"));
        completed.expect("nobody took over");
    }

    fn expire(&self, now: Instant) {
        Self::expire(self, now);
    }

    fn len(&self) -> usize {
        Self::len(self)
    }
}

impl Store for Mutex<KeyStore> {
    fn claim_and_complete(&self, now: Instant, key: &Key) {
        let claim = self
            .lock()
            .expect("no panic")
            .claim(now, Request::new(key, Fingerprint(7)));
        let Ok(Claim::Run(attempt)) = claim else {
            panic!("the key is new")
        };
        let response = Bytes::from_static(b"done");
        let mut store = self.lock().expect("no panic");
        let completed = store.complete(now, key, attempt.token, Class::Success, response);
        completed.expect("nobody took over");
    }

    fn expire(&self, now: Instant) {
        self.lock().expect("no panic").expire(now);
    }

    fn len(&self) -> usize {
        self.lock().expect("no panic").len()
    }
}

fn shared() -> SharedStore {
    SharedStore::new(limits(), policy(), SHARDS).expect("the policy makes sense")
}

fn one_lock() -> Mutex<KeyStore> {
    let mut store = KeyStore::new(limits());
    store.set_policy(policy()).expect("it makes sense");
    Mutex::new(store)
}

/// From the first start to the last end of `threads` threads that claim and complete so many keys each.
fn run(store: &impl Store, next: &mut u64, threads: u64, iterations: u64) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let batch = left.min(BATCH);
        let first = *next;
        *next += threads * batch;
        let now = Instant::from_millis(*next);
        // The oldest make room for as many.
        store.expire(now);
        assert!(store.len() as u64 + 4 * BATCH >= KEYS);
        let ready = AtomicU64::new(0);
        let work = |thread: u64| {
            let from = first + thread * batch;
            let keys: Vec<Key> = (from..from + batch).map(key).collect();
            // They start together: none is asleep.
            ready.fetch_add(1, Ordering::AcqRel);
            while ready.load(Ordering::Acquire) < threads {
                std::hint::spin_loop();
            }
            let start = std::time::Instant::now();
            for key in &keys {
                store.claim_and_complete(now, key);
            }
            (start, std::time::Instant::now())
        };
        let times: Vec<_> = std::thread::scope(|scope| {
            let work = &work;
            let spawned: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || work(thread)))
                .collect();
            let ended = spawned.into_iter().map(|thread| thread.join());
            ended.map(|times| times.expect("no panic")).collect()
        });
        let start = times.iter().map(|(start, _)| *start).min();
        let end = times.iter().map(|(_, end)| *end).max();
        spent += end.expect("a thread") - start.expect("a thread");
        left -= batch;
    }
    spent
}

fn throughput(criterion: &mut Criterion, name: &str, store: &impl Store) {
    let mut group = criterion.benchmark_group(format!("idempotency/shared/1,000,000 keys/{name}"));
    for number in 0..KEYS {
        store.claim_and_complete(Instant::from_millis(number), &key(number));
    }
    let mut next = KEYS;
    for threads in [1, 2] {
        // A claim and a completion by each.
        group.throughput(Throughput::Elements(2 * threads));
        group.bench_function(format!("claim and complete on {threads}"), |bencher| {
            bencher.iter_custom(|iterations| run(store, &mut next, threads, iterations));
        });
    }
    group.finish();
}

fn stores(criterion: &mut Criterion) {
    throughput(criterion, "16 shards", &shared());
    throughput(criterion, "one lock", &one_lock());
}

fn waiting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("idempotency/shared");
    let store = shared();
    let mut numbers = 1..;
    group.bench_function("claim, claim again, wait, complete, hear", |bencher| {
        bencher.iter(|| {
            let number = numbers.next().unwrap_or_default();
            let (now, key) = (Instant::from_millis(number), key(number));
            let claim = || store.claim(now, Request::new(&key, Fingerprint(7)));
            let (Ok(SharedClaim::Run(running)), Ok(SharedClaim::InProgress(mut waiting))) =
                (claim(), claim())
            else {
                panic!("the key is new")
            };
            let mut context = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
            let response = Bytes::from_static(b"done");
            let completed = running.complete(now, Class::Success, response);
            completed.expect("nobody took over");
            assert!(Pin::new(&mut waiting).poll(&mut context).is_ready());
            // Earlier ones make room.
            store.expire_some(now, 4)
        });
    });
    group.finish();
}

criterion_group!(benches, stores, waiting);
criterion_main!(benches);
