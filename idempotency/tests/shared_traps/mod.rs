//! What goes wrong with a store that threads share, as scenarios: trap 19, guards that are dropped; duplicates
//! that wait; and a whole that is made of parts. Run against the store as it is, and against ones with a broken
//! rule, to see that it is noticed. Which threads can meet how is for the models of loom.

mod guards;
mod parts;
mod waiting;

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

pub(crate) use guards::*;
pub(crate) use parts::*;
pub(crate) use waiting::*;

const LEASE: Duration = Duration::from_secs(10);

/// Where stores come from.
pub(crate) trait Stores {
    fn try_start(
        &self,
        limits: Limits,
        policy: Policy,
        options: SharedOptions,
    ) -> Result<SharedStore, SharedStoreError>;

    fn start(&self, limits: Limits, policy: Policy, options: SharedOptions) -> SharedStore {
        let store = self.try_start(limits, policy, options);
        store.expect("it makes sense")
    }
}

macro_rules! traps {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        #[allow(dead_code)]
        pub(crate) const TRAPS: &[(&str, fn(&dyn Stores))] = &[$((stringify!($name), $name)),*];

        /// Makes a test of each.
        #[allow(unused_macros)]
        macro_rules! test_traps {
            ($stores:expr) => {
                $(#[test] fn $name() { shared_traps::$name(&$stores); })*
            };
        }
        #[allow(unused_imports)]
        pub(crate) use test_traps;
    };
}

traps![
    trap_19_a_dropped_guard_does_not_free_its_key,
    trap_19_a_panic_does_not_free_the_key,
    trap_19_a_future_that_is_cancelled_does_not_free_the_key,
    trap_19_a_guard_is_dropped_before_anything_has_happened,
    trap_19_a_guard_frees_nothing_that_is_not_its,
    trap_19_what_ends_with_its_guard_is_in_doubt_at_once,
    a_doubt_that_is_not_accepted_is_the_next_ones,
    a_slow_original_is_told_that_it_is_superseded,
    a_late_completion_is_taken_when_nobody_took_over,
    an_attempt_is_given_back_when_its_response_is_too_large,
    guards_and_futures_outlive_the_store,
    all_who_wait_get_the_same_bytes,
    who_waits_is_told_what_is_kept,
    who_waits_asks_again_when_the_attempt_is_lost,
    a_guard_that_is_left_to_its_lease_lets_wait_until_then,
    who_waits_is_never_told_the_answer_of_another_request,
    who_waits_no_more_leaves_nothing_behind,
    so_many_may_wait_and_no_more,
    a_waker_may_use_the_store,
    a_waker_that_panics_takes_nobody_with_it,
    a_small_store_has_exact_limits,
    a_large_store_is_full_a_little_early_and_never_late,
    expiry_is_in_bounded_steps_over_all_shards,
    an_answer_that_is_acknowledged_is_dropped,
    tokens_begin_where_they_are_told_to,
];

fn shards(shards: usize) -> SharedOptions {
    SharedOptions {
        shards,
        hash_secret: Some([1, 2]),
        ..SharedOptions::default()
    }
}

fn store(stores: &dyn Stores) -> SharedStore {
    stores.start(Limits::default(), Policy::default(), shards(8))
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
