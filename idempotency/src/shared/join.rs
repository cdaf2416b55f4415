//! Where those meet who wait for one attempt.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::IntoValues;
use core::task::{Poll, Waker};

use super::Joined;
use crate::sync::Mutex;

/// Who waits for an attempt, and then what came of it. Its lock is held for a few instructions, and never
/// while a waker is called, cloned or dropped: those may do anything.
pub(super) struct Join {
    state: Mutex<State>,
}

struct State {
    outcome: Option<Joined>,
    /// In the order in which they came.
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

impl Join {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                outcome: None,
                wakers: BTreeMap::new(),
                next: 0,
            }),
        }
    }

    /// One more waits. It is known by the number from now on.
    pub(super) fn enter(&self, waker: Waker) -> u64 {
        let mut state = self.state.lock();
        let number = state.next;
        // It is less than the number of calls.
        state.next = number.saturating_add(1);
        state.wakers.insert(number, waker);
        number
    }

    /// What came of the attempt, or when it does: wakes this waker and not the earlier one.
    pub(super) fn poll(&self, number: u64, waker: Waker) -> Poll<Joined> {
        let earlier = {
            let mut state = self.state.lock();
            if let Some(outcome) = &state.outcome {
                return Poll::Ready(outcome.clone());
            }
            state.wakers.insert(number, waker)
        };
        drop(earlier);
        Poll::Pending
    }

    /// One less waits.
    pub(super) fn leave(&self, number: u64) {
        let waker = self.state.lock().wakers.remove(&number);
        drop(waker);
    }

    /// Tells everybody. Call it without holding a lock.
    pub(super) fn tell(&self, outcome: Joined) {
        let wakers = {
            let mut state = self.state.lock();
            state.outcome = Some(outcome);
            core::mem::take(&mut state.wakers)
        };
        let mut wakers = Wakers(wakers.into_values());
        for waker in wakers.0.by_ref() {
            waker.wake();
        }
    }
}

/// Those who are still to be woken, also when one of them panics.
struct Wakers(IntoValues<u64, Waker>);

impl Drop for Wakers {
    fn drop(&mut self) {
        for waker in self.0.by_ref() {
            waker.wake();
        }
    }
}
