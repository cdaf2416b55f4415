//! A fence that threads share.

use super::mark::{Stale, verdict};
use crate::FencingToken;
use crate::sync::{AtomicU64, Ordering};

/// A [`Fence`](crate::Fence) that threads share without a lock.
///
/// Raising is one atomic maximum, so once a thread has seen a newer token, no thread passes with an
/// older one. That is all an atomic can promise: a thread that passed may still be on its way to the
/// effect when a newer holder passes. Where the effect is not itself ordered by the token, check
/// under the lock of what is written.
///
/// ```
/// use quorate_leases::{AtomicFence, FencingToken};
///
/// let fence = AtomicFence::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| fence.raise(FencingToken(34)));
///     scope.spawn(|| fence.check_and_raise(FencingToken(33))); // before or after: both are right
/// });
/// assert_eq!(fence.newest(), FencingToken(34));
/// assert!(fence.check_and_raise(FencingToken(33)).is_err());
/// ```
#[derive(Debug)]
pub struct AtomicFence {
    newest: AtomicU64,
}

impl AtomicFence {
    /// A fence that has seen no token. Only for a resource that is new itself.
    pub fn new() -> Self {
        Self::restore(FencingToken::NONE)
    }

    /// The fence that had seen `newest` when it was saved.
    pub fn restore(newest: FencingToken) -> Self {
        Self {
            newest: AtomicU64::new(newest.0),
        }
    }

    /// The newest token seen so far.
    pub fn newest(&self) -> FencingToken {
        FencingToken(self.newest.load(Ordering::Acquire))
    }

    /// As [`Fence::check_and_raise`](crate::Fence::check_and_raise).
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    pub fn check_and_raise(&self, token: FencingToken) -> Result<(), Stale> {
        self.raise(token).map(|_| ())
    }

    /// As [`Fence::raise`](crate::Fence::raise).
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    pub fn raise(&self, token: FencingToken) -> Result<FencingToken, Stale> {
        // The maximum with an older token leaves the mark as it is, so that checking and raising
        // are one step that nothing can come between.
        let before = FencingToken(self.newest.fetch_max(token.0, Ordering::AcqRel));
        verdict(before, token).map(|()| before)
    }
}

impl Default for AtomicFence {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Fence;
    use proptest::prelude::*;

    proptest! {
        /// On one thread it is the plain fence.
        #[test]
        fn agrees_with_the_plain_fence(tokens in prop::collection::vec(0..6_u64, 0..40)) {
            let (mut plain, atomic) = (Fence::new(), AtomicFence::new());
            for token in tokens.into_iter().map(FencingToken) {
                prop_assert_eq!(plain.raise(token), atomic.raise(token));
                prop_assert_eq!(plain.newest(), atomic.newest());
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;

    const OLD: FencingToken = FencingToken(33);
    const NEW: FencingToken = FencingToken(34);

    /// Two holders race. Whoever learns that the new token was seen finds the old one refused.
    #[test]
    fn once_a_newer_token_was_seen_an_older_is_never_accepted() {
        loom::model(|| {
            let fence = Arc::new(AtomicFence::new());
            let raised = Arc::new(AtomicBool::new(false));
            let new_holder = {
                let (fence, raised) = (Arc::clone(&fence), Arc::clone(&raised));
                loom::thread::spawn(move || {
                    assert!(fence.raise(NEW).is_ok());
                    raised.store(true, Ordering::Release);
                })
            };
            let knew = raised.load(Ordering::Acquire);
            let first = fence.check_and_raise(OLD);
            let second = fence.check_and_raise(OLD);
            if knew || first.is_err() {
                assert!(second.is_err());
            }
            if knew {
                assert!(first.is_err());
            }
            new_holder.join().unwrap();
            assert_eq!(fence.newest(), NEW);
            assert_eq!(
                fence.check_and_raise(OLD),
                Err(Stale {
                    presented: OLD,
                    newest: NEW
                })
            );
        });
    }

    /// Three holders race: the newest always passes, and the mark ends at it.
    #[test]
    fn the_newest_of_three_always_passes() {
        loom::model(|| {
            let fence = Arc::new(AtomicFence::new());
            let older: [_; 2] = [OLD, NEW].map(|token| {
                let fence = Arc::clone(&fence);
                loom::thread::spawn(move || fence.raise(token))
            });
            let newest = FencingToken(35);
            let before = fence.raise(newest).unwrap();
            assert!(before < newest);
            for thread in older {
                if let Err(stale) = thread.join().unwrap() {
                    assert!(stale.presented < stale.newest);
                }
            }
            assert_eq!(fence.newest(), newest);
        });
    }
}
