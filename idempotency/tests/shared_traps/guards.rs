//! Guards that are dropped, superseded, late and given back.

use std::boxed::Box;

use super::*;

pub(crate) fn trap_19_a_dropped_guard_does_not_free_its_key(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn trap_19_a_panic_does_not_free_the_key(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn trap_19_a_future_that_is_cancelled_does_not_free_the_key(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn trap_19_a_guard_is_dropped_before_anything_has_happened(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn trap_19_a_guard_frees_nothing_that_is_not_its(stores: &dyn Stores) {
    for on_drop in [OnDrop::Free, OnDrop::InDoubt, OnDrop::Lease] {
        let store = store(stores);
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

pub(crate) fn trap_19_what_ends_with_its_guard_is_in_doubt_at_once(stores: &dyn Stores) {
    let store = store(stores);
    let key = key("k");
    let mut running = run(&store, 0, &key);
    running.step(at(1), 4).unwrap();
    running.on_drop(OnDrop::InDoubt);
    drop(running);
    let second = take_over(&store, 1, &key);
    assert_eq!(second.attempt().reached, 4);
}

pub(crate) fn a_doubt_that_is_not_accepted_is_the_next_ones(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn a_slow_original_is_told_that_it_is_superseded(stores: &dyn Stores) {
    let store = store(stores);
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

pub(crate) fn a_late_completion_is_taken_when_nobody_took_over(stores: &dyn Stores) {
    let store = store(stores);
    let key = key("k");
    let running = run(&store, 0, &key);
    assert!(matches!(
        running.complete(at(60), Class::Success, done()),
        Ok(Completion::Kept { .. })
    ));
}

pub(crate) fn an_attempt_is_given_back_when_its_response_is_too_large(stores: &dyn Stores) {
    let limits = Limits {
        response_bytes: 3,
        ..Limits::default()
    };
    let store = stores.start(limits, Policy::default(), shards(8));
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

/// The guard and the future need the store no more.
pub(crate) fn guards_and_futures_outlive_the_store(stores: &dyn Stores) {
    fn is_free<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    let store = is_free(store(stores));
    let key = key("k");
    let running = is_free(run(&store, 0, &key));
    let mut task = Task::new(is_free(wait(&store, 0, &key)));
    drop(store);
    running.complete(at(1), Class::Success, done()).unwrap();
    assert_eq!(task.poll(), Poll::Ready(Joined::Replay(done())));
}
