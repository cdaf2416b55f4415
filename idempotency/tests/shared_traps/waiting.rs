//! Duplicates that wait for the first one.

use std::format;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

use super::*;

pub(crate) fn all_who_wait_get_the_same_bytes(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn who_waits_is_told_what_is_kept(stores: &dyn Stores) {
    let applied = Policy {
        success: Remember::Applied {
            retain: Duration::from_secs(60),
        },
        ..Policy::default()
    };
    let store = stores.start(Limits::default(), applied, shards(8));
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

pub(crate) fn who_waits_asks_again_when_the_attempt_is_lost(stores: &dyn Stores) {
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
        let store = store(stores);
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

pub(crate) fn a_guard_that_is_left_to_its_lease_lets_wait_until_then(stores: &dyn Stores) {
    let store = store(stores);
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
pub(crate) fn who_waits_is_never_told_the_answer_of_another_request(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn who_waits_no_more_leaves_nothing_behind(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn so_many_may_wait_and_no_more(stores: &dyn Stores) {
    let options = SharedOptions {
        waiting: 2,
        ..SharedOptions::default()
    };
    let store = stores.start(Limits::default(), Policy::default(), options);
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

pub(crate) fn a_waker_that_panics_takes_nobody_with_it(stores: &dyn Stores) {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker, as is planned");
        }
    }
    let store = store(stores);
    let key = key("k");
    let running = run(&store, 0, &key);
    let mut first = wait(&store, 0, &key);
    let waker = Waker::from(Arc::new(Panics));
    let polled = Pin::new(&mut first).poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    let mut second = Task::new(wait(&store, 0, &key));
    let completes = || running.complete(at(1), Class::Success, done());
    assert!(catch_unwind(AssertUnwindSafe(completes)).is_err());
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.poll(), Poll::Ready(Joined::Replay(done())));
    // The panic is the waker's affair: the attempt has completed.
    assert!(matches!(claim(&store, 1, &key), SharedClaim::Replay(_)));
}

/// What a waker does may be to ask the store: no lock is held when it is called.
pub(crate) fn a_waker_may_use_the_store(stores: &dyn Stores) {
    struct Asks(SharedStore, AtomicU64);
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            let claim = claim(&self.0, 1, &key("k"));
            assert!(matches!(claim, SharedClaim::Replay(_)), "{claim:?}");
            self.1.fetch_add(1, Ordering::AcqRel);
        }
    }
    let store = store(stores);
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
