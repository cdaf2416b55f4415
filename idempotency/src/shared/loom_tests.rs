//! Two threads and every way in which they can meet.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::vec::Vec;

use bytes::Bytes;
use loom::thread::{self, Thread};
use quorate_clocks::Instant;

use super::weakness::{Weakness, Weaknesses};
use super::*;
use crate::{AttemptToken, Class, Fingerprint, Key, Limits, Policy, Request};

const LEASE: u64 = 10;

fn store() -> SharedStore {
    weak_store(None)
}

fn weak_store(broken: Option<Weakness>) -> SharedStore {
    let options = SharedOptions {
        shards: 2,
        // Every run of a model must be the same.
        hash_secret: Some([3, 4]),
        ..SharedOptions::default()
    };
    let weak = Weaknesses {
        broken,
        ahead: Duration::ZERO,
    };
    SharedStore::weakened(Limits::default(), Policy::default(), options, weak).unwrap()
}

fn key() -> Key {
    Key::new("tenant", "k").unwrap()
}

fn claim_of(store: &SharedStore, seconds: u64, key: &Key) -> SharedClaim {
    let request = Request::new(key, Fingerprint(7)).lease(Duration::from_secs(LEASE));
    store
        .claim(Instant::from_millis(1_000 * seconds), request)
        .unwrap()
}

fn claim(store: &SharedStore, seconds: u64) -> SharedClaim {
    claim_of(store, seconds, &key())
}

fn run(store: &SharedStore) -> Running {
    match claim(store, 0) {
        SharedClaim::Run(running) => running,
        other => panic!("{other:?}"),
    }
}

fn wait(store: &SharedStore) -> Waiting {
    match claim(store, 0) {
        SharedClaim::InProgress(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn complete(running: Running) {
    let completed = running.complete(Instant::ORIGIN, Class::Success, done());
    completed.unwrap();
}

fn done() -> Bytes {
    Bytes::from_static(b"done")
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Whether it was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

fn poll(waiting: &mut Waiting, waker: &Waker) -> Poll<Joined> {
    Pin::new(waiting).poll(&mut Context::from_waker(waker))
}

/// Loom notices when the thread is never woken.
fn block_on(mut waiting: Waiting) -> Joined {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match poll(&mut waiting, &waker) {
            Poll::Ready(joined) => return joined,
            Poll::Pending => thread::park(),
        }
    }
}

fn assert_nobody_is_left(store: &SharedStore) {
    assert_eq!((store.waiting(), store.waited_for()), (0, 0));
}

/// One runs, and the other hears its answer.
#[test]
fn of_two_claims_one_runs() {
    loom::model(|| {
        let store = store();
        let answer = |store: &SharedStore| match claim(store, 0) {
            SharedClaim::Run(running) => {
                complete(running);
                true
            }
            SharedClaim::InProgress(waiting) => {
                assert_eq!(block_on(waiting), Joined::Replay(done()));
                false
            }
            SharedClaim::Replay(response) => {
                assert_eq!(response, done());
                false
            }
            other => panic!("{other:?}"),
        };
        let other = {
            let store = store.clone();
            thread::spawn(move || answer(&store))
        };
        let ran = answer(&store);
        assert!(ran != other.join().unwrap());
        assert_nobody_is_left(&store);
    });
}

#[test]
fn who_begins_to_wait_while_the_attempt_completes_is_woken() {
    loom::model(|| {
        let store = store();
        let running = run(&store);
        let waiting = wait(&store);
        let other = thread::spawn(move || complete(running));
        assert_eq!(block_on(waiting), Joined::Replay(done()));
        other.join().unwrap();
        assert_nobody_is_left(&store);
    });
}

/// Told at once, or woken later. It does not sleep for it, as loom could not go on when it is not woken.
fn is_told_or_woken(broken: Option<Weakness>) {
    let store = weak_store(broken);
    let running = run(&store);
    let mut waiting = wait(&store);
    let other = thread::spawn(move || complete(running));
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let polled = poll(&mut waiting, &Waker::from(Arc::clone(&woken)));
    other.join().unwrap();
    assert!(polled.is_ready() || woken.0.load(Ordering::Acquire));
}

/// What can be seen when two threads meet, and not otherwise.
#[test]
fn a_waker_that_is_lost_is_noticed() {
    loom::model(|| is_told_or_woken(None));
    let broken = Some(Weakness::WaitsInTwoSteps);
    let explored = catch_unwind(|| loom::model(move || is_told_or_woken(broken)));
    assert!(explored.is_err());
}

#[test]
fn two_who_wait_are_both_woken() {
    loom::model(|| {
        let store = store();
        let running = run(&store);
        let (first, second) = (wait(&store), wait(&store));
        let other = thread::spawn(move || block_on(first));
        complete(running);
        assert_eq!(block_on(second), Joined::Replay(done()));
        assert_eq!(other.join().unwrap(), Joined::Replay(done()));
        assert_nobody_is_left(&store);
    });
}

/// Polled with one waker and then with another, only the latter is woken, and that is enough.
#[test]
fn a_waker_that_is_replaced_while_the_attempt_completes_is_woken() {
    loom::model(|| {
        let store = store();
        let running = run(&store);
        let mut waiting = wait(&store);
        assert!(poll(&mut waiting, Waker::noop()).is_pending());
        let other = thread::spawn(move || complete(running));
        assert_eq!(block_on(waiting), Joined::Replay(done()));
        other.join().unwrap();
        assert_nobody_is_left(&store);
    });
}

#[test]
fn who_stops_waiting_while_the_attempt_completes_leaves_nothing() {
    loom::model(|| {
        let store = store();
        let running = run(&store);
        let (mut first, second) = (wait(&store), wait(&store));
        let unpark = Arc::new(Unpark(thread::current()));
        let waker = Waker::from(Arc::clone(&unpark));
        assert!(poll(&mut first, &waker).is_pending());
        drop(waker);
        let other = thread::spawn(move || complete(running));
        drop(first);
        // It takes nobody else's waking with it.
        assert_eq!(block_on(second), Joined::Replay(done()));
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&unpark), 1);
        assert_nobody_is_left(&store);
    });
}

/// The lease has run out. Whichever comes first, the one that took over is not disturbed.
#[test]
fn a_guard_that_is_dropped_frees_nothing_of_who_takes_over() {
    for on_drop in [OnDrop::Lease, OnDrop::Free, OnDrop::InDoubt] {
        loom::model(move || {
            let store = store();
            let mut slow = run(&store);
            let first = slow.token();
            slow.on_drop(on_drop);
            let other = thread::spawn(move || drop(slow));
            let second = match claim(&store, LEASE) {
                SharedClaim::TakeOver(in_doubt) => in_doubt.accept(),
                // It was free before.
                SharedClaim::Run(running) if on_drop == OnDrop::Free => running,
                claimed => panic!("{claimed:?}"),
            };
            other.join().unwrap();
            assert!(second.token() > first);
            assert_eq!(store.running(), 1);
            assert!(matches!(
                claim(&store, LEASE),
                SharedClaim::InProgress(waiting) if waiting.token() == second.token()
            ));
            complete(second);
        });
    }
}

#[test]
fn who_waits_hears_of_a_takeover_while_the_slow_one_completes() {
    loom::model(|| {
        let store = store();
        let slow = run(&store);
        let waiting = wait(&store);
        let other = thread::spawn(move || {
            let completed = slow.complete(Instant::ORIGIN, Class::Success, done());
            completed.is_ok()
        });
        let took_over = match claim(&store, LEASE) {
            SharedClaim::TakeOver(in_doubt) => Some(in_doubt.accept()),
            SharedClaim::Replay(_) => None,
            claimed => panic!("{claimed:?}"),
        };
        let told = block_on(waiting);
        assert_eq!(other.join().unwrap(), took_over.is_none());
        match took_over {
            Some(_) => assert_eq!(told, Joined::AskAgain),
            None => assert_eq!(told, Joined::Replay(done())),
        }
        assert_nobody_is_left(&store);
    });
}

/// Each thread has a key of its own and one with the other: a token is given once, and later ones are
/// larger, at a key and in a thread.
#[test]
fn tokens_are_unique_and_ordered() {
    fn work(store: &SharedStore, own: &str) -> (AttemptToken, Option<AttemptToken>) {
        let own = Key::new("tenant", own).unwrap();
        let SharedClaim::Run(running) = claim_of(store, 0, &own) else {
            panic!("its own")
        };
        let shared = match claim(store, 0) {
            SharedClaim::Run(running) => {
                let token = running.token();
                running.fail(Instant::ORIGIN).unwrap();
                Some(token)
            }
            SharedClaim::InProgress(_) => None,
            other => panic!("{other:?}"),
        };
        assert!(shared.is_none_or(|shared| shared > running.token()));
        (running.token(), shared)
    }
    loom::model(|| {
        let store = store();
        let other = {
            let store = store.clone();
            thread::spawn(move || work(&store, "a"))
        };
        let (own, shared) = work(&store, "b");
        let (others, by_other) = other.join().unwrap();
        let last = run(&store).token();
        let mut tokens: Vec<_> = [Some(own), shared, Some(others), by_other]
            .into_iter()
            .flatten()
            .collect();
        tokens.sort_unstable();
        assert!(tokens.is_sorted_by(|one, next| one < next));
        assert!(tokens.iter().all(|token| *token < last));
    });
}
