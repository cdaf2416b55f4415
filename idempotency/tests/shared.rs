//! The store that threads share: guards that are lost, and duplicates that wait.
#![cfg(feature = "shared")]
// It has threads.
#![allow(clippy::disallowed_methods)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    AttemptToken, ClaimError, Class, CompleteError, Completion, Fingerprint, Joined, Key, Limits,
    OnDrop, Policy, Remember, Request, Resource, Running, SharedClaim, SharedCompleteError,
    SharedOptions, SharedStore, SharedStoreError, StepError, Waiting,
};

const LEASE: Duration = Duration::from_secs(10);

fn store() -> SharedStore {
    SharedStore::new(Limits::default(), Policy::default(), 8).unwrap()
}

fn key(name: &str) -> Key {
    Key::new("tenant", name).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(1_000 * seconds)
}

fn claim(store: &SharedStore, seconds: u64, key: &Key) -> SharedClaim {
    let request = Request::new(key, Fingerprint(7)).lease(LEASE);
    store.claim(at(seconds), request).unwrap()
}

fn run(store: &SharedStore, seconds: u64, key: &Key) -> Running {
    match claim(store, seconds, key) {
        SharedClaim::Run(running) => running,
        other => panic!("{other:?}"),
    }
}

fn take_over(store: &SharedStore, seconds: u64, key: &Key) -> Running {
    match claim(store, seconds, key) {
        SharedClaim::TakeOver(in_doubt) => in_doubt.accept(),
        other => panic!("{other:?}"),
    }
}

fn wait(store: &SharedStore, seconds: u64, key: &Key) -> Waiting {
    match claim(store, seconds, key) {
        SharedClaim::InProgress(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn done() -> Bytes {
    Bytes::from_static(b"done")
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A task that waits.
struct Task {
    waiting: Waiting,
    count: Arc<Count>,
}

impl Task {
    /// It is polled once.
    fn new(waiting: Waiting) -> Self {
        let mut task = Self {
            waiting,
            count: Arc::default(),
        };
        assert_eq!(task.poll(), Poll::Pending);
        task
    }

    fn poll(&mut self) -> Poll<Joined> {
        let waker = Waker::from(Arc::clone(&self.count));
        Pin::new(&mut self.waiting).poll(&mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> u64 {
        self.count.0.load(Ordering::Acquire)
    }
}

#[test]
fn trap_19_a_dropped_guard_does_not_free_its_key() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let token = running.token();
    running.step(at(0), 1).unwrap();
    drop(running);
    assert!(
        matches!(claim(&store, 9, &key), SharedClaim::InProgress(waiting) if waiting.token() == token)
    );
    // As if the process had crashed.
    let second = take_over(&store, 10, &key);
    assert_eq!((second.attempt().number, second.attempt().reached), (2, 1));
}

#[test]
fn trap_19_a_panic_does_not_free_the_key() {
    let store = store();
    let key = key("k");
    let handler = {
        let (store, key) = (store.clone(), key.clone());
        std::thread::spawn(move || {
            let _running = run(&store, 0, &key);
            panic!("in the handler, as is planned");
        })
    };
    assert!(handler.join().is_err());
    drop(wait(&store, 9, &key));
    let _ = take_over(&store, 10, &key);
}

#[test]
fn trap_19_a_future_that_is_cancelled_does_not_free_the_key() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let mut handler = Box::pin(async move {
        std::future::pending::<()>().await;
        running.complete(at(1), Class::Success, done())
    });
    let waker = Waker::noop();
    assert!(
        handler
            .as_mut()
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    drop(handler);
    drop(wait(&store, 9, &key));
    let _ = take_over(&store, 10, &key);
}

#[test]
fn trap_19_a_guard_is_dropped_before_anything_has_happened() {
    let store = store();
    let key = key("k");
    let mut running = run(&store, 0, &key);
    running.on_drop(OnDrop::Free);
    let first = running.token();
    drop(running);
    assert_eq!(store.running(), 0);
    // At once, and as if there had been none.
    let second = run(&store, 0, &key);
    assert_eq!(second.attempt().number, 1);
    assert!(second.token() > first);
}

#[test]
fn trap_19_a_guard_frees_nothing_that_is_not_its() {
    for on_drop in [OnDrop::Free, OnDrop::InDoubt, OnDrop::Lease] {
        let store = store();
        let key = key("k");
        let mut slow = run(&store, 0, &key);
        slow.on_drop(on_drop);
        let mut second = take_over(&store, 10, &key);
        drop(slow);
        drop(wait(&store, 10, &key));
        // Nor what it has ended itself.
        second.on_drop(on_drop);
        second.complete(at(10), Class::Success, done()).unwrap();
        assert!(matches!(claim(&store, 10, &key), SharedClaim::Replay(_)));
    }
}

#[test]
fn trap_19_what_ends_with_its_guard_is_in_doubt_at_once() {
    let store = store();
    let key = key("k");
    let mut running = run(&store, 0, &key);
    running.step(at(1), 4).unwrap();
    running.on_drop(OnDrop::InDoubt);
    drop(running);
    let second = take_over(&store, 1, &key);
    assert_eq!(second.attempt().reached, 4);
}

#[test]
fn a_doubt_that_is_not_accepted_is_the_next_ones() {
    let store = store();
    let key = key("k");
    let _lost = run(&store, 0, &key);
    let SharedClaim::TakeOver(in_doubt) = claim(&store, 10, &key) else {
        panic!()
    };
    let token = in_doubt.token();
    drop(in_doubt);
    let SharedClaim::TakeOver(in_doubt) = claim(&store, 10, &key) else {
        panic!()
    };
    assert!(in_doubt.token() > token);
    assert_eq!(in_doubt.key(), &key);
    // Accepted, it is like any other.
    drop(in_doubt.accept());
    drop(wait(&store, 19, &key));
    let _ = take_over(&store, 20, &key);
}

#[test]
fn a_slow_original_is_told_that_it_is_superseded() {
    let store = store();
    let key = key("k");
    let slow = run(&store, 0, &key);
    let second = take_over(&store, 10, &key);
    let by = second.token();
    assert_eq!(slow.step(at(10), 1), Err(StepError::Superseded { by }));
    assert!(slow.extend(at(10), LEASE).is_err());
    let completed = slow.complete(at(11), Class::Success, done());
    assert!(matches!(
        completed,
        Err(SharedCompleteError::Ended(CompleteError::Superseded { by: other })) if other == by
    ));
    second.complete(at(12), Class::Success, done()).unwrap();
}

#[test]
fn a_late_completion_is_taken_when_nobody_took_over() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    assert!(matches!(
        running.complete(at(60), Class::Success, done()),
        Ok(Completion::Kept { .. })
    ));
}

#[test]
fn an_attempt_is_given_back_when_its_response_is_too_large() {
    let limits = Limits {
        response_bytes: 3,
        ..Limits::default()
    };
    let store = SharedStore::new(limits, Policy::default(), 8).unwrap();
    let key = key("k");
    let running = run(&store, 0, &key);
    let token = running.token();
    let mut task = Task::new(wait(&store, 0, &key));
    let Err(SharedCompleteError::ResponseTooLarge {
        limit: 3,
        response,
        running,
    }) = running.complete(at(1), Class::Success, done())
    else {
        panic!()
    };
    assert_eq!((response, running.token()), (done(), token));
    assert_eq!((task.poll(), task.wakes()), (Poll::Pending, 0));
    let short = Bytes::from_static(b"ok");
    running
        .complete(at(1), Class::Success, short.clone())
        .unwrap();
    assert_eq!(task.poll(), Poll::Ready(Joined::Replay(short)));
}

#[test]
fn all_who_wait_get_the_same_bytes() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let mut tasks: Vec<_> = (0..10).map(|_| Task::new(wait(&store, 0, &key))).collect();
    let late = wait(&store, 0, &key);
    assert_eq!(store.waiting(), 10);
    running.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(store.waiting(), 0);
    for task in &mut tasks {
        assert_eq!(task.wakes(), 1);
        assert_eq!(task.poll(), Poll::Ready(Joined::Replay(done())));
        // It says again what it was told.
        assert_eq!(task.poll(), Poll::Ready(Joined::Replay(done())));
    }
    // One that had not begun to wait need not.
    let mut late = late;
    let told = Pin::new(&mut late).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(told, Poll::Ready(Joined::Replay(done())));
}

#[test]
fn who_waits_is_told_what_is_kept() {
    let applied = Policy {
        success: Remember::Applied {
            retain: Duration::from_secs(60),
        },
        ..Policy::default()
    };
    let store = SharedStore::new(Limits::default(), applied, 8).unwrap();
    for (class, told) in [
        (Class::Success, Joined::AlreadyApplied),
        (Class::Rejection, Joined::Replay(done())),
        (Class::Transient, Joined::AskAgain),
        (Class::Indeterminate, Joined::AskAgain),
    ] {
        let key = key(&format!("{class:?}"));
        let running = run(&store, 0, &key);
        let mut task = Task::new(wait(&store, 0, &key));
        let mut late = Task {
            waiting: wait(&store, 0, &key),
            count: Arc::default(),
        };
        running.complete(at(0), class, done()).unwrap();
        assert_eq!(task.wakes(), 1);
        assert_eq!(task.poll(), Poll::Ready(told.clone()), "{class:?}");
        assert_eq!(late.poll(), Poll::Ready(told), "{class:?}");
    }
    assert_eq!(store.waiting(), 0);
}

#[test]
fn who_waits_asks_again_when_the_attempt_is_lost() {
    type End = fn(&SharedStore, &Key, Running);
    let ends: [(&str, End); 5] = [
        ("failed", |_, _, running| running.fail(at(1)).unwrap()),
        ("freed", |_, _, mut running| {
            running.on_drop(OnDrop::Free);
        }),
        ("in doubt", |_, _, mut running| {
            running.on_drop(OnDrop::InDoubt);
        }),
        ("taken over", |store, key, _| {
            let _ = take_over(store, 10, key);
        }),
        ("taken over, and not accepted", |store, key, _| {
            drop(claim(store, 10, key));
        }),
    ];
    for (name, end) in ends {
        let store = store();
        let key = key("k");
        let running = run(&store, 0, &key);
        let mut task = Task::new(wait(&store, 0, &key));
        let mut late = Task {
            waiting: wait(&store, 0, &key),
            count: Arc::default(),
        };
        end(&store, &key, running);
        assert_eq!((task.wakes(), store.waiting()), (1, 0), "{name}");
        assert_eq!(task.poll(), Poll::Ready(Joined::AskAgain), "{name}");
        assert_eq!(late.poll(), Poll::Ready(Joined::AskAgain), "{name}");
    }
}

#[test]
fn a_guard_that_is_left_to_its_lease_lets_wait_until_then() {
    let store = store();
    let key = key("k");
    drop(run(&store, 0, &key));
    let waiting = wait(&store, 4, &key);
    assert_eq!(
        (waiting.until(), waiting.retry_after()),
        (at(10), Duration::from_secs(6))
    );
    assert_eq!(waiting.key(), &key);
    let mut task = Task::new(waiting);
    let mut late = wait(&store, 4, &key);
    // The first who asks after that takes over, and the others hear of it.
    let second = take_over(&store, 10, &key);
    assert_eq!(task.poll(), Poll::Ready(Joined::AskAgain));
    let told = Pin::new(&mut late).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(told, Poll::Ready(Joined::AskAgain));
    let mut task = Task::new(wait(&store, 10, &key));
    second.complete(at(11), Class::Success, done()).unwrap();
    assert_eq!(task.poll(), Poll::Ready(Joined::Replay(done())));
}

/// The key was freed, and is another request's now.
#[test]
fn who_waits_is_never_told_the_answer_of_another_request() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let mut late = Task {
        waiting: wait(&store, 0, &key),
        count: Arc::default(),
    };
    running.fail(at(1)).unwrap();
    let other = Request::new(&key, Fingerprint(8));
    let SharedClaim::Run(other) = store.claim(at(1), other).unwrap() else {
        panic!()
    };
    other.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(late.poll(), Poll::Ready(Joined::AskAgain));
}

#[test]
fn who_waits_no_more_leaves_nothing_behind() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let task = Task::new(wait(&store, 0, &key));
    let mut other = Task::new(wait(&store, 0, &key));
    let count = Arc::clone(&task.count);
    assert_eq!((Arc::strong_count(&count), store.waiting()), (3, 2));
    drop(task);
    assert_eq!((Arc::strong_count(&count), store.waiting()), (1, 1));
    // A waker that was replaced is not kept either.
    let first = Arc::clone(&other.count);
    other.count = Arc::default();
    assert_eq!(other.poll(), Poll::Pending);
    assert_eq!(Arc::strong_count(&first), 1);
    running.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(
        (
            count.0.load(Ordering::Acquire),
            first.0.load(Ordering::Acquire)
        ),
        (0, 0)
    );
    assert_eq!(other.wakes(), 1);
    assert_eq!(Arc::strong_count(&other.count), 1);
    drop(other);
    assert_eq!(store.waiting(), 0);
}

#[test]
fn so_many_may_wait_and_no_more() {
    let options = SharedOptions {
        waiting: 2,
        ..SharedOptions::default()
    };
    let store = SharedStore::with_options(Limits::default(), Policy::default(), options).unwrap();
    let (one, two) = (key("one"), key("two"));
    let running = (run(&store, 0, &one), run(&store, 0, &two));
    let first = Task::new(wait(&store, 0, &one));
    let mut second = Task::new(wait(&store, 0, &two));
    let mut third = Task {
        waiting: wait(&store, 0, &one),
        count: Arc::default(),
    };
    assert_eq!(third.poll(), Poll::Ready(Joined::Crowded { limit: 2 }));
    assert_eq!(store.waiting(), 2);
    drop(first);
    let mut fourth = Task::new(wait(&store, 0, &one));
    drop(running.0.complete(at(0), Class::Success, done()));
    drop(running.1.complete(at(0), Class::Success, done()));
    assert_eq!(second.poll(), Poll::Ready(Joined::Replay(done())));
    assert_eq!(fourth.poll(), Poll::Ready(Joined::Replay(done())));
    assert_eq!((third.wakes(), store.waiting()), (0, 0));
}

/// What a waker does may be to ask the store: no lock is held when it is called.
#[test]
fn a_waker_may_use_the_store() {
    struct Asks(SharedStore, AtomicU64);
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            let claim = claim(&self.0, 1, &key("k"));
            assert!(matches!(claim, SharedClaim::Replay(_)), "{claim:?}");
            self.1.fetch_add(1, Ordering::AcqRel);
        }
    }
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    let asks = Arc::new(Asks(store.clone(), AtomicU64::new(0)));
    let waker = Waker::from(Arc::clone(&asks));
    let mut waiting = wait(&store, 0, &key);
    let polled = Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    running.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(asks.1.load(Ordering::Acquire), 1);
}

/// The guard and the future need the store no more.
#[test]
fn guards_and_futures_outlive_the_store() {
    fn is_free<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    let store = is_free(store());
    let key = key("k");
    let running = is_free(run(&store, 0, &key));
    let mut task = Task::new(is_free(wait(&store, 0, &key)));
    drop(store);
    running.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(task.poll(), Poll::Ready(Joined::Replay(done())));
}

#[test]
fn a_small_store_has_exact_limits() {
    let limits = Limits {
        keys_per_scope: 3,
        ..Limits::default()
    };
    let store = SharedStore::new(limits, Policy::default(), 16).unwrap();
    assert_eq!(store.shards(), 1);
    let running: Vec<_> = ["a", "b", "c"]
        .map(|name| run(&store, 0, &key(name)))
        .into();
    let full = store.claim(at(0), Request::new(&key("d"), Fingerprint(7)));
    assert!(matches!(
        full,
        Err(ClaimError::Full {
            resource: Resource::KeysOfScope,
            used: 3,
            limit: 3
        })
    ));
    assert_eq!((running.len(), store.running()), (3, 3));
}

/// As the docs say: how much of a limit is taken when the first shard is full.
#[test]
fn a_large_store_is_full_a_little_early_and_never_late() {
    for (keys, percent) in [(64, 75), (1_000, 88), (10_000, 95)] {
        let options = SharedOptions {
            shards: 16,
            hash_secret: Some([1, keys]),
            ..SharedOptions::default()
        };
        let limits = Limits {
            keys: 16 * keys,
            keys_per_scope: 16 * keys,
            key_bytes: u64::MAX,
            all_response_bytes: u64::MAX,
            ..Limits::default()
        };
        let store = SharedStore::with_options(limits, Policy::default(), options).unwrap();
        assert_eq!(store.shards(), 16);
        let mut taken = 0;
        let mut refused = false;
        for number in 0..20 * keys {
            let key = key(&format!("{number}"));
            match store.claim(at(0), Request::new(&key, Fingerprint(7))) {
                Ok(_) => taken += 1,
                Err(ClaimError::Full { limit, .. }) => {
                    assert_eq!(limit, keys);
                    if !refused {
                        refused = true;
                        assert!(
                            100 * taken >= percent * 16 * keys,
                            "{taken} of {}",
                            16 * keys
                        );
                    }
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused && taken <= 16 * keys);
        assert_eq!(store.len() as u64, taken);
    }
}

#[test]
fn expiry_is_in_bounded_steps_over_all_shards() {
    let store = store();
    for number in 0..1_000 {
        let running = run(&store, 0, &key(&format!("{number}")));
        running.complete(at(0), Class::Success, done()).unwrap();
    }
    let two_days = at(2 * 24 * 60 * 60);
    assert!(store.next_expiry().is_some_and(|at| at <= two_days));
    assert_eq!(store.expire_some(at(1), 100).forgotten, 0);
    let mut forgotten = 0;
    for call in 0.. {
        let swept = store.expire_some(two_days, 100);
        assert!(swept.forgotten <= 100 && call < 100);
        forgotten += swept.forgotten;
        if swept.is_done {
            break;
        }
    }
    assert_eq!((forgotten, store.len(), store.is_empty()), (1_000, 0, true));
    assert!(!store.expire_some(two_days, 0).is_done);
    assert_eq!(store.expire(two_days), 0);
}

#[test]
fn an_answer_that_is_acknowledged_is_dropped() {
    let store = store();
    let key = key("k");
    let running = run(&store, 0, &key);
    assert!(store.acknowledge(at(0), &key, Fingerprint(7)).is_err());
    running.complete(at(0), Class::Success, done()).unwrap();
    assert_eq!(store.response_bytes(), 4);
    store.acknowledge(at(0), &key, Fingerprint(7)).unwrap();
    assert_eq!(store.response_bytes(), 0);
    assert!(matches!(
        claim(&store, 1, &key),
        SharedClaim::AlreadyApplied
    ));
}

#[test]
fn tokens_begin_where_they_are_told_to() {
    let with = |first| {
        let options = SharedOptions {
            first_token: AttemptToken(first),
            ..SharedOptions::default()
        };
        SharedStore::with_options(Limits::default(), Policy::default(), options)
    };
    let store = with(1_000).unwrap();
    assert_eq!(run(&store, 0, &key("a")).token(), AttemptToken(1_000));
    assert_eq!(run(&store, 0, &key("b")).token(), AttemptToken(1_001));
    assert!(with(u64::MAX / 2).is_ok());
    assert!(matches!(
        with(u64::MAX / 2 + 1),
        Err(SharedStoreError::FirstToken { .. })
    ));
    let senseless = Policy {
        lease: Duration::ZERO,
        ..Policy::default()
    };
    assert!(matches!(
        SharedStore::new(Limits::default(), senseless, 8),
        Err(SharedStoreError::Policy(_))
    ));
}
