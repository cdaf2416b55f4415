//! A fence that threads share.

use super::mark::{Stale, verdict};
use super::{Fence, Raised, ResourceId};
use crate::sync::{AtomicU64, Ordering};
use crate::{FencingToken, Mode};

/// A [`Fence`] that threads share without a lock.
///
/// Once a thread has seen a newer token, no thread passes with an older one. A holder that goes on costs
/// two loads and nothing else, so that threads of one holder do not wait for each other.
///
/// That is all an atomic can promise: a thread that passed may still be on its way to the
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
///
/// # Readers
///
/// It has the rules of [`Fence`], with one difference, for two marks cannot be moved at once: a writer that
/// is refused because a newer *reader* passes at the same moment may still shut out what is older than
/// itself. That is harmless, since when it was granted all of that was over.
// A writer moves its mark and then looks at the readers' mark. A reader moves its own and then looks at the
// writers'. With plain loads both could miss the other, and a writer that nobody noticed would be passed by
// an older one or by a reader that had been shut out. So each looks by a read-modify-write, which sees the
// latest value: of the two the one that comes second at either mark sees what the first one did. Whoever
// finds its own token in place has nothing to move, and what it loads is at least as new as whatever
// made that token pass.
#[derive(Debug)]
#[repr(align(64))]
pub struct AtomicFence {
    exclusive: AtomicU64,
    shared: AtomicU64,
}

impl AtomicFence {
    /// A fence that has seen no token. Only for a resource that is new itself.
    pub fn new() -> Self {
        Self::restore(FencingToken::NONE)
    }

    /// As [`Fence::restore`].
    pub fn restore(newest: FencingToken) -> Self {
        Self::from(&Fence::restore(newest))
    }

    /// What it has seen, to be saved: all that passed before this was called, and maybe more.
    pub fn mark(&self) -> Fence {
        let exclusive = FencingToken(self.exclusive.load(Ordering::Acquire));
        let shared = FencingToken(self.shared.load(Ordering::Acquire));
        Fence::of(exclusive, shared)
    }

    /// The newest token seen so far.
    pub fn newest(&self) -> FencingToken {
        self.mark().newest()
    }

    /// As [`Fence::check_and_raise`].
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen.
    #[inline]
    pub fn check_and_raise(&self, token: FencingToken) -> Result<(), Stale> {
        self.check_and_raise_as(token, Mode::Exclusive)
    }

    /// As [`Fence::check_and_raise_as`].
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it.
    #[inline]
    pub fn check_and_raise_as(&self, token: FencingToken, mode: Mode) -> Result<(), Stale> {
        self.raise_as(token, mode).map(|_| ())
    }

    /// As [`Fence::raise`].
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen.
    #[inline]
    pub fn raise(&self, token: FencingToken) -> Result<FencingToken, Stale> {
        self.raise_as(token, Mode::Exclusive)
    }

    /// As [`Fence::raise_as`].
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it.
    #[inline]
    pub fn raise_as(&self, token: FencingToken, mode: Mode) -> Result<FencingToken, Stale> {
        let exclusive = FencingToken(self.exclusive.load(Ordering::Acquire));
        let shared = FencingToken(self.shared.load(Ordering::Acquire));
        verdict(exclusive, shared, token, mode)?;
        let in_place = match mode {
            Mode::Exclusive => exclusive == token,
            Mode::Shared => shared >= token,
        };
        if in_place {
            return Ok(exclusive.max(shared));
        }
        self.take(token, mode)
    }

    /// As [`Fence::raise_at`].
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it.
    pub fn raise_at(
        &self,
        resource: ResourceId,
        token: FencingToken,
        mode: Mode,
    ) -> Result<Raised, Stale> {
        let before = self.raise_as(token, mode)?;
        Ok(Raised::by_a_fence(resource, token, mode, before))
    }

    /// Moves a mark, unless somebody was faster.
    #[cold]
    fn take(&self, token: FencingToken, mode: Mode) -> Result<FencingToken, Stale> {
        let (mine, other) = match mode {
            Mode::Exclusive => (&self.exclusive, &self.shared),
            Mode::Shared => (&self.shared, &self.exclusive),
        };
        // The maximum with an older token leaves the mark as it is.
        let mine = FencingToken(mine.fetch_max(token.0, Ordering::AcqRel));
        // Adds nothing, and reads what is there now.
        let other = FencingToken(other.fetch_add(0, Ordering::AcqRel));
        let (exclusive, shared) = match mode {
            Mode::Exclusive => (mine, other),
            Mode::Shared => (other, mine),
        };
        verdict(exclusive, shared, token, mode).map(|()| exclusive.max(shared))
    }
}

impl Default for AtomicFence {
    fn default() -> Self {
        Self::new()
    }
}

/// The fence whose mark was saved.
impl From<&Fence> for AtomicFence {
    fn from(mark: &Fence) -> Self {
        Self {
            exclusive: AtomicU64::new(mark.exclusive.0),
            shared: AtomicU64::new(mark.shared.0),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// On one thread it is the plain fence.
        #[test]
        fn agrees_with_the_plain_fence(
            presented in prop::collection::vec((0..8_u64, any::<bool>()), 0..40),
        ) {
            let (mut plain, atomic) = (Fence::new(), AtomicFence::new());
            for (token, shared) in presented {
                let mode = if shared { Mode::Shared } else { Mode::Exclusive };
                let token = FencingToken(token);
                prop_assert_eq!(plain.raise_as(token, mode), atomic.raise_as(token, mode));
                prop_assert_eq!(&plain, &atomic.mark());
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

    /// A writer that is newer than all, and a reader that is newer still. Either is first, and once the reader has
    /// passed before the writer, the writer is refused; nor does anybody pass whom the writer has shut out.
    #[test]
    fn readers_and_writers_agree_on_who_was_first() {
        loom::model(|| {
            let fence = Arc::new(AtomicFence::new());
            let writer = {
                let fence = Arc::clone(&fence);
                loom::thread::spawn(move || fence.raise(FencingToken(10)).is_ok())
            };
            // If the reader with 11 is first, the writer with 10 does not pass. If it is second, the reader with 5
            // does not.
            let newest = fence.check_and_raise_as(FencingToken(11), Mode::Shared);
            let oldest = fence.check_and_raise_as(FencingToken(5), Mode::Shared);
            assert!(newest.is_ok());
            let wrote = writer.join().unwrap();
            assert!(!(wrote && oldest.is_ok()));
            assert!(fence.check_and_raise(FencingToken(10)).is_err());
            assert_eq!(fence.newest(), FencingToken(11));
        });
    }

    /// Threads of one writer share its token: what one of them is refused, none does later.
    #[test]
    fn threads_of_one_writer_stop_together() {
        loom::model(|| {
            let fence = Arc::new(AtomicFence::restore(FencingToken(9)));
            let told = Arc::new(AtomicBool::new(false));
            let first = {
                let (fence, told) = (Arc::clone(&fence), Arc::clone(&told));
                loom::thread::spawn(move || {
                    if fence.check_and_raise(FencingToken(10)).is_err() {
                        told.store(true, Ordering::Release);
                    }
                })
            };
            let reader = {
                let fence = Arc::clone(&fence);
                loom::thread::spawn(move || {
                    fence
                        .check_and_raise_as(FencingToken(11), Mode::Shared)
                        .is_ok()
                })
            };
            let refused = told.load(Ordering::Acquire);
            let second = fence.check_and_raise(FencingToken(10));
            assert!(!refused || second.is_err());
            first.join().unwrap();
            assert!(reader.join().unwrap());
        });
    }
}
