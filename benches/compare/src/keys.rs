//! Workload W8: what it costs to know a retry, among a million keys.
//!
//! A unit of "run a new key" is: claim a key that is new, complete it with an answer, and forget the oldest,
//! so that there are always as many. The caches have no claim: for them it is to put in that the key runs
//! unless it is there, and then to put the answer in its place. That is what people build idempotency from;
//! nothing in it fences a slow attempt, and what a cache evicts runs again.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use idempotent::entry::FencingToken;
use idempotent::fingerprint::{DefaultFingerprintStrategy, FingerprintStrategy};
use idempotent::store::memory::MemoryStore;
use idempotent::store::{IdempotencyStore, InsertResult};
use idempotent::{CachedResponse, IdempotencyEntry, IdempotencyKey, Metadata};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use quorate_clocks::Instant;
use quorate_idempotency::{
    AttemptToken, Claim, Class, Fingerprint, Key, KeyStore, Limits, Policy, Remember, Request,
};
use tokio::runtime::Runtime;

use crate::table::{self, Arguments, Table, peer};

const KEYS: u64 = 1_000_000;
const PRINT: Fingerprint = Fingerprint(7);
const DAY: Duration = Duration::from_secs(86_400);

/// Prints a table for each operation.
pub(crate) fn report(arguments: &Arguments) {
    table::report(
        "W8: ns for each operation, with 1,000,000 keys.",
        tables(),
        arguments,
    );
}

fn tables() -> Vec<Table> {
    let names: Names = Rc::new((0..2 * KEYS).map(name).collect());
    let (a, b, c, d) = (names.clone(), names.clone(), names.clone(), names.clone());
    let run = Table {
        title: "run a new key and forget the oldest".to_owned(),
        peers: vec![
            peer("quorate KeyStore", move || Ours::full(&a), Ours::run),
            peer("a dashmap", move || Dash::full(&b), Dash::run),
            peer("a moka cache", move || Moka::full(&c), Moka::run),
            peer(
                "idempotent 0.3, in memory",
                move || Actor::full(&d),
                Actor::run,
            ),
        ],
    };
    let (a, b, c, d) = (names.clone(), names.clone(), names.clone(), names);
    let replay = Table {
        title: "replay a key that has run".to_owned(),
        peers: vec![
            peer("quorate KeyStore", move || Ours::full(&a), Ours::replay),
            peer("a dashmap", move || Dash::full(&b), Dash::replay),
            peer("a moka cache", move || Moka::full(&c), Moka::replay),
            peer(
                "idempotent 0.3, in memory",
                move || Actor::full(&d),
                Actor::replay,
            ),
        ],
    };
    vec![run, replay]
}

type Names = Rc<Vec<Key>>;

fn name(number: u64) -> Key {
    Key::new("tenant", &format!("key-{number:016x}")).expect("a sound key")
}

fn at(names: &[Key], number: u64) -> &Key {
    &names[number as usize % names.len()]
}

/// One of the keys that a full store knows, another one each time.
fn known(next: u64) -> u64 {
    KEYS / 2 + next.wrapping_mul(30_907) % (KEYS / 2)
}

fn done() -> Bytes {
    Bytes::from_static(b"done")
}

struct Ours {
    names: Names,
    store: KeyStore,
    next: u64,
}

impl Ours {
    fn full(names: &Names) -> Self {
        let mut store = KeyStore::new(Limits {
            keys: 2 * KEYS,
            keys_per_scope: 2 * KEYS,
            key_bytes: u64::MAX,
            ..Limits::default()
        });
        let retain = Duration::from_millis(KEYS);
        let success = Remember::Replay { retain };
        let policy = Policy {
            success,
            ..Policy::default()
        };
        store.set_policy(policy).expect("it makes sense");
        let mut full = Self {
            names: names.clone(),
            store,
            next: 0,
        };
        (0..KEYS).for_each(|_| full.run());
        full
    }

    fn run(&mut self) {
        let key = at(&self.names, self.next);
        let now = Instant::from_millis(self.next);
        self.next += 1;
        let Ok(Claim::Run(attempt)) = self.store.claim(now, Request::new(key, PRINT)) else {
            panic!("the key is new")
        };
        let token: AttemptToken = attempt.token;
        self.store
            .complete(now, key, token, Class::Success, done())
            .expect("nobody took over");
        self.store.expire(now);
    }

    fn replay(&mut self) -> Bytes {
        self.next += 1;
        let key = at(&self.names, known(self.next));
        match self.store.claim(self.store.now(), Request::new(key, PRINT)) {
            Ok(Claim::Replay(response)) => response,
            other => panic!("it has run: {other:?}"),
        }
    }
}

/// What a cache holds of a request.
#[derive(Clone)]
struct Held {
    print: Fingerprint,
    response: Option<Bytes>,
}

const RUNNING: Held = Held {
    print: PRINT,
    response: None,
};

fn held() -> Held {
    Held {
        print: PRINT,
        response: Some(done()),
    }
}

struct Dash {
    names: Names,
    map: DashMap<Key, Held>,
    next: u64,
}

impl Dash {
    fn full(names: &Names) -> Self {
        let mut full = Self {
            names: names.clone(),
            map: DashMap::new(),
            next: 0,
        };
        (0..KEYS).for_each(|_| full.run());
        full
    }

    fn run(&mut self) {
        let key = at(&self.names, self.next);
        let mut is_new = false;
        self.map.entry(key.clone()).or_insert_with(|| {
            is_new = true;
            RUNNING
        });
        assert!(is_new);
        self.map.insert(key.clone(), held());
        if let Some(oldest) = self.next.checked_sub(KEYS) {
            self.map.remove(at(&self.names, oldest));
        }
        self.next += 1;
    }

    fn replay(&mut self) -> Option<Bytes> {
        self.next += 1;
        let key = at(&self.names, known(self.next));
        let held = self.map.get(key).expect("it has run");
        assert_eq!(held.print, PRINT);
        held.response.clone()
    }
}

struct Moka {
    names: Names,
    cache: Cache<Key, Held>,
    next: u64,
}

impl Moka {
    fn full(names: &Names) -> Self {
        let cache = Cache::builder()
            .max_capacity(KEYS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(DAY)
            .build();
        let mut full = Self {
            names: names.clone(),
            cache,
            next: 0,
        };
        (0..KEYS).for_each(|_| full.run());
        full
    }

    fn run(&mut self) {
        let key = at(&self.names, self.next);
        self.next += 1;
        let entry = self.cache.entry_by_ref(key).or_insert_with(|| RUNNING);
        assert!(entry.is_fresh());
        self.cache.insert(key.clone(), held());
    }

    fn replay(&mut self) -> Option<Bytes> {
        self.next += 1;
        let key = at(&self.names, known(self.next));
        let held = self.cache.get(key).expect("it has run");
        assert_eq!(held.print, PRINT);
        held.response
    }
}

struct Actor {
    names: Names,
    runtime: Runtime,
    store: MemoryStore,
    next: u64,
}

impl Actor {
    fn full(names: &Names) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let store = runtime.block_on(async { MemoryStore::new(1_024, DAY) });
        let mut full = Self {
            names: names.clone(),
            runtime,
            store,
            next: 0,
        };
        (0..KEYS).for_each(|_| full.run());
        full
    }

    fn key(&self, number: u64) -> IdempotencyKey {
        IdempotencyKey::new(at(&self.names, number).name()).expect("a sound key")
    }

    fn run(&mut self) {
        let key = self.key(self.next);
        let oldest = self.next.checked_sub(KEYS).map(|oldest| self.key(oldest));
        self.next += 1;
        let entry = entry();
        let store = &self.store;
        self.runtime.block_on(async {
            let Ok(InsertResult::Claimed { fencing_token }) =
                store.try_insert(&key, entry.clone()).await
            else {
                panic!("the key is new")
            };
            let token: FencingToken = fencing_token;
            let _ = store
                .complete(&key, entry.complete(response()), token)
                .await;
            if let Some(oldest) = oldest {
                let _ = store.remove(&oldest).await;
            }
        });
    }

    fn replay(&mut self) -> InsertResult {
        self.next += 1;
        let key = self.key(known(self.next));
        let store = &self.store;
        let found = self
            .runtime
            .block_on(async { store.try_insert(&key, entry()).await });
        match found {
            Ok(found @ InsertResult::Exists(_)) => found,
            _ => panic!("it has run"),
        }
    }
}

fn entry() -> IdempotencyEntry<idempotent::entry::Processing> {
    let print = DefaultFingerprintStrategy.compute("", b"");
    IdempotencyEntry::new(print, DAY)
}

fn response() -> CachedResponse {
    CachedResponse {
        status_code: 200,
        metadata: Metadata::default(),
        body: done(),
    }
}
