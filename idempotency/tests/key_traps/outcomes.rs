//! What is remembered of an outcome.

use std::time::Duration;

use quorate_idempotency::*;

use super::*;

fn settle(
    store: &mut KeyStore,
    now: u64,
    k: &Key,
    token: AttemptToken,
    class: Class,
) -> Completion {
    store
        .complete(at(now), k, token, class, body("response"))
        .unwrap()
}

pub(crate) fn trap_18_what_a_retry_could_change_is_not_replayed(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    let resumes = settle(&mut store, 1, &k, first.token, Class::Transient);
    assert_eq!(resumes, Completion::Resumes);
    // The key is still that request's.
    let mismatch = claim(&mut store, 2, &k, OTHER, LEASE);
    assert!(matches!(
        mismatch,
        Ok(Claim::Mismatch { applied: false, .. })
    ));
    let second = run(&mut store, 2, &k);
    assert_eq!((second.number, second.takeover), (2, false));
    // A final error is replayed, byte for byte.
    let kept = settle(&mut store, 3, &k, second.token, Class::Rejection);
    assert!(matches!(kept, Completion::Kept { .. }));
    assert_eq!(begin(&mut store, 4, &k), Claim::Replay(body("response")));
}

/// Who does not know says so, and the next one is told at once, without the wait for the lease.
pub(crate) fn trap_18_what_is_indeterminate_is_in_doubt(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let first = run(&mut store, 0, &k);
    store.step(at(1), &k, first.token, 1).unwrap();
    let in_doubt = settle(&mut store, 2, &k, first.token, Class::Indeterminate);
    assert_eq!(in_doubt, Completion::InDoubt);
    let second = run(&mut store, 2, &k);
    assert_eq!((second.takeover, second.reached), (true, 1));
    // And its doubt outlives one who certainly did nothing.
    settle(&mut store, 3, &k, second.token, Class::Transient);
    assert!(run(&mut store, 4, &k).takeover);
}

pub(crate) fn trap_18_each_class_is_remembered_as_the_policy_says(stores: &dyn Stores) {
    let retain = Duration::from_nanos(500);
    let cases = [
        (
            Remember::Replay { retain },
            Some(Claim::Replay(body("response"))),
        ),
        (Remember::Applied { retain }, Some(Claim::AlreadyApplied)),
        (Remember::Resume, None),
        (Remember::Free, None),
        (Remember::InDoubt, None),
    ];
    for (remember, expected) in cases {
        for class in [Class::Rejection, Class::Transient, Class::Indeterminate] {
            let policy = Policy {
                rejection: remember,
                transient: remember,
                indeterminate: remember,
                ..policy()
            };
            let mut store = stores.start(0, Limits::default(), policy);
            let k = key("k");
            let token = run(&mut store, 0, &k).token;
            let completion = settle(&mut store, 100, &k, token, class);
            if let Some(expected) = &expected {
                assert_eq!(completion, Completion::Kept { until: at(600) });
                assert_eq!(begin(&mut store, 599, &k), *expected);
                assert_eq!(run(&mut store, 600, &k).number, 1);
                continue;
            }
            // Only what is forgotten wholly is free for another request.
            let other = claim(&mut store, 100, &k, OTHER, LEASE);
            match remember {
                Remember::Free => assert!(matches!(other, Ok(Claim::Run(_)))),
                Remember::InDoubt => {
                    assert!(matches!(other, Ok(Claim::Mismatch { .. })));
                    assert!(run(&mut store, 100, &k).takeover);
                }
                _ => {
                    assert!(matches!(other, Ok(Claim::Mismatch { .. })));
                    assert_eq!(run(&mut store, 100, &k).number, 2);
                }
            }
        }
    }
}

pub(crate) fn trap_18_a_new_policy_leaves_what_is_stored(stores: &dyn Stores) {
    let (mut store, k) = (store(stores), key("k"));
    let token = run(&mut store, 0, &k).token;
    settle(&mut store, 0, &k, token, Class::Success);
    let retain = Duration::from_nanos(10);
    let shorter = Policy {
        success: Remember::Applied { retain },
        ..policy()
    };
    store.set_policy(shorter).unwrap();
    assert_eq!(begin(&mut store, 999, &k), Claim::Replay(body("response")));
    let other = key("other");
    let token = run(&mut store, 999, &other).token;
    settle(&mut store, 999, &other, token, Class::Success);
    assert_eq!(begin(&mut store, 1_000, &other), Claim::AlreadyApplied);
}

pub(crate) fn trap_18_a_success_cannot_be_made_to_run_again(stores: &dyn Stores) {
    let mut store = store(stores);
    for success in [Remember::Resume, Remember::Free, Remember::InDoubt] {
        let refused = store.set_policy(Policy {
            success,
            ..policy()
        });
        assert_eq!(refused, Err(PolicyError::SuccessRunsAgain));
    }
    assert_eq!(*store.policy(), policy());
}
