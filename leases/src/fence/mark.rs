//! A fence with one owner.

use core::fmt;

use super::weakness::{Weakness, weak};
use super::{Raised, ResourceId};
use crate::{FencingToken, Mode};

/// What a resource keeps for each lease name that guards it: the newest tokens it has seen.
///
/// It stands where the effect is: in the storage, not in the client. Whatever comes with an older
/// token is refused, so a holder that was paused past the end of its lease cannot undo the work of
/// its successor, however sure it is of itself. (M. Burrows, "The Chubby lock service", OSDI 2006,
/// Section 2.4, calls the token a sequencer.)
///
/// Two things are easily forgotten:
///
/// - **Raise before use.** A fence refuses the old holder only after it has seen the new token. From
///   the grant to the first write of the new holder a late write of the old one still lands, and may
///   change what the new holder has already read. So a new holder raises the fence first, and reads
///   after that. [`Armed`](crate::Armed) makes the compiler ask for it.
/// - **Save the mark with the data.** A resource that restarts with an empty fence lets everybody in
///   again. Store [`to_bytes`](Self::to_bytes) in the same transaction as the guarded data; where
///   there is no such transaction, use a [`DurableFence`](crate::DurableFence).
///
/// The check and the effect have to be one step: call [`check_and_raise`](Self::check_and_raise)
/// under the lock, or in the transaction, that the write itself runs in.
/// [`fencing`](crate::fencing) has recipes, for SQL, object stores and logs, and says what is assumed.
///
/// ```
/// use quorate_leases::{Fence, FencingToken};
///
/// let mut fence = Fence::new();
/// fence.check_and_raise(FencingToken(33))?;
/// fence.check_and_raise(FencingToken(33))?; // the same holder goes on
///
/// // The new holder raises the fence before it reads or writes anything.
/// assert_eq!(fence.raise(FencingToken(34))?, FencingToken(33));
/// let refused = fence.check_and_raise(FencingToken(33)).unwrap_err();
/// assert_eq!((refused.presented, refused.newest), (FencingToken(33), FencingToken(34)));
///
/// // After a restart of the resource.
/// let saved = fence.to_bytes();
/// assert!(Fence::from_bytes(&saved)?.check_and_raise(FencingToken(33)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Readers
///
/// A lease may be [shared](Mode::Shared), by readers who need that nobody writes meanwhile. Of a
/// grant that is newer the fence knows one thing: when it was made, every older one that does not go
/// together with it was over. So
///
/// - a **writer** shuts out all before it, readers and writers;
/// - a **reader** shuts out the writers before it, for it relies on what it has read. It leaves the
///   readers before it alone: they may hold the lease together with it;
/// - a reader is refused when a newer writer was seen, a writer when a newer writer or reader was.
///
/// Between a reader and the one before it there may have been a writer that never came. The older
/// reader is then let in although its lease is over; what it reads has not changed since it held it.
///
/// ```
/// use quorate_leases::{Fence, FencingToken, Mode};
///
/// let mut fence = Fence::new();
/// fence.raise_as(FencingToken(5), Mode::Exclusive)?;
/// fence.raise_as(FencingToken(7), Mode::Shared)?;
/// fence.raise_as(FencingToken(6), Mode::Shared)?; // readers come in any order
/// // The writer before them is late, and the next one shuts them out.
/// assert!(fence.raise_as(FencingToken(5), Mode::Exclusive).is_err());
/// fence.raise_as(FencingToken(8), Mode::Exclusive)?;
/// assert!(fence.raise_as(FencingToken(7), Mode::Shared).is_err());
/// # Ok::<(), quorate_leases::Stale>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fence {
    /// The newest writer.
    pub(super) exclusive: FencingToken,
    /// The newest reader, if it is newer than that; else none. So fences that decide the same are equal.
    pub(super) shared: FencingToken,
}

impl Fence {
    /// A fence that has seen no token. Only for a resource that is new itself.
    pub const fn new() -> Self {
        Self::restore(FencingToken::NONE)
    }

    /// The fence that has seen an exclusive holder with `newest`.
    ///
    /// For a resource without readers, of which [`newest`](Self::newest) was saved; and for one whose
    /// mark was lost, with the newest token that its grantor has ever given.
    pub const fn restore(newest: FencingToken) -> Self {
        Self {
            exclusive: newest,
            shared: FencingToken::NONE,
        }
    }

    /// The newest token seen.
    pub const fn newest(&self) -> FencingToken {
        // A reader is kept only if it is newer than the writer.
        match self.shared {
            FencingToken::NONE => self.exclusive,
            shared => shared,
        }
    }

    /// The newest token seen of a holder of this mode. No reader that is older than the newest writer
    /// is kept.
    pub const fn newest_as(&self, mode: Mode) -> FencingToken {
        match mode {
            Mode::Exclusive => self.exclusive,
            Mode::Shared => self.shared,
        }
    }

    /// Lets an effect under `token` pass, unless a newer token was seen, and remembers the token.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    #[inline]
    pub fn check_and_raise(&mut self, token: FencingToken) -> Result<(), Stale> {
        self.check_and_raise_as(token, Mode::Exclusive)
    }

    /// The same for a holder of this mode.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it. The fence is then
    /// unchanged.
    #[inline]
    pub fn check_and_raise_as(&mut self, token: FencingToken, mode: Mode) -> Result<(), Stale> {
        self.check(token, mode)?;
        if !weak(Weakness::ComparesOnly) {
            self.take(token, mode);
        }
        Ok(())
    }

    /// Shuts out every token before `token`, and returns the newest that was seen until now.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    #[inline]
    pub fn raise(&mut self, token: FencingToken) -> Result<FencingToken, Stale> {
        self.raise_as(token, Mode::Exclusive)
    }

    /// The same for a holder of this mode: a reader shuts out the writers before it.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it. The fence is then
    /// unchanged.
    #[inline]
    pub fn raise_as(&mut self, token: FencingToken, mode: Mode) -> Result<FencingToken, Stale> {
        let before = self.newest();
        self.check(token, mode)?;
        if !weak(Weakness::RaisesAtTheFirstEffect) {
            self.take(token, mode);
        }
        Ok(before)
    }

    /// The same, with a receipt for the holder: only with that it can [arm](Raised::arm) its token.
    /// `resource` is the name of what this fence guards.
    ///
    /// # Errors
    ///
    /// As [`raise_as`](Self::raise_as).
    pub fn raise_at(
        &mut self,
        resource: ResourceId,
        token: FencingToken,
        mode: Mode,
    ) -> Result<Raised, Stale> {
        let before = self.raise_as(token, mode)?;
        Ok(Raised::by_a_fence(resource, token, mode, before))
    }

    /// Whether an effect under `token` would pass. It is not remembered, so an older one may follow:
    /// for a look only, and never for a decision.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen that does not go together with it.
    #[inline]
    pub fn check(&self, token: FencingToken, mode: Mode) -> Result<(), Stale> {
        verdict(self.exclusive, self.shared, token, mode)
    }

    /// Remembers a token that passes.
    fn take(&mut self, token: FencingToken, mode: Mode) {
        match mode {
            Mode::Exclusive => {
                self.exclusive = token;
                self.shared = FencingToken::NONE;
            }
            Mode::Shared if weak(Weakness::ReaderRaisesOverReaders) => {
                self.exclusive = self.exclusive.max(FencingToken(token.0.saturating_sub(1)));
                self.shared = token;
            }
            Mode::Shared => self.shared = self.shared.max(token),
        }
    }

    /// The fence that has seen what either has.
    pub(super) fn join(&self, other: &Self) -> Self {
        let exclusive = self.exclusive.max(other.exclusive);
        let shared = self.shared.max(other.shared);
        Self::of(exclusive, shared)
    }

    /// The fence that has seen these, in whatever order.
    pub(super) fn of(exclusive: FencingToken, shared: FencingToken) -> Self {
        Self {
            exclusive,
            shared: match shared > exclusive {
                true => shared,
                false => FencingToken::NONE,
            },
        }
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::new()
    }
}

/// May an effect under `presented` pass where these are the newest writer and reader seen?
#[inline]
pub(super) fn verdict(
    exclusive: FencingToken,
    shared: FencingToken,
    presented: FencingToken,
    mode: Mode,
) -> Result<(), Stale> {
    // One grant is of one mode, so a reader's number is never that of a writer.
    let passes = match mode {
        Mode::Exclusive => {
            let after_readers = presented > shared || weak(Weakness::ReaderLeavesWriter);
            presented >= exclusive && after_readers
        }
        Mode::Shared if weak(Weakness::BothModes) => presented >= exclusive,
        Mode::Shared => presented > exclusive || weak(Weakness::WriterLeavesReaders),
    };
    if passes || (weak(Weakness::NonePasses) && presented == FencingToken::NONE) {
        return Ok(());
    }
    Err(Stale {
        presented,
        newest: match mode {
            Mode::Exclusive => exclusive.max(shared),
            Mode::Shared => exclusive,
        },
    })
}

/// The caller no longer holds the lease: a newer holder has been here. Stop; do not retry.
///
/// ```
/// use quorate_leases::{Fence, FencingToken};
///
/// let mut fence = Fence::restore(FencingToken(34));
/// let stale = fence.check_and_raise(FencingToken(33)).unwrap_err();
/// assert_eq!(
///     stale.to_string(),
///     "token #33 is stale, a holder with #34 has been here: stop, the lease is lost",
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Stale {
    /// The token that came with the effect.
    pub presented: FencingToken,
    /// The newest token that the fence has seen, of those that do not go together with it.
    pub newest: FencingToken,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.presented == FencingToken::NONE {
            return write!(
                f,
                "token {} is never granted: acquire the lease first",
                self.presented
            );
        }
        if self.presented == self.newest {
            return write!(
                f,
                "token {} has been here in the other mode, and a grant is either exclusive or shared: \
                 present it as it was granted",
                self.presented
            );
        }
        write!(
            f,
            "token {} is stale, a holder with {} has been here: stop, the lease is lost",
            self.presented, self.newest
        )
    }
}

impl core::error::Error for Stale {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn a_token_that_is_never_granted_does_not_pass_even_an_empty_fence() {
        let mut fence = Fence::new();
        for mode in [Mode::Exclusive, Mode::Shared] {
            let refused = fence
                .check_and_raise_as(FencingToken::NONE, mode)
                .unwrap_err();
            assert!(refused.to_string().contains("never granted"));
        }
        assert_eq!(fence, Fence::new());
    }

    #[test]
    fn a_grant_is_of_one_mode() {
        let mut fence = Fence::new();
        fence.raise_as(FencingToken(5), Mode::Exclusive).unwrap();
        let refused = fence.raise_as(FencingToken(5), Mode::Shared).unwrap_err();
        assert!(refused.to_string().contains("the other mode"));
        fence.raise_as(FencingToken(6), Mode::Shared).unwrap();
        assert!(fence.raise_as(FencingToken(6), Mode::Exclusive).is_err());
    }

    proptest! {
        /// What passes is never below what passed before, and what is refused changes nothing.
        #[test]
        fn accepted_tokens_never_decrease(tokens in prop::collection::vec(0..6_u64, 0..40)) {
            let mut fence = Fence::new();
            let mut largest = FencingToken::NONE;
            for token in tokens.into_iter().map(FencingToken) {
                let passes = fence.check_and_raise(token).is_ok();
                prop_assert_eq!(passes, token >= largest && token != FencingToken::NONE);
                largest = largest.max(token);
                prop_assert_eq!(fence.newest(), largest);
                // A restart between any two writes makes no difference.
                fence = Fence::restore(fence.newest());
            }
        }

        /// Against all that has passed, one by one: nothing passes after a newer one of which either is
        /// exclusive, and of what was refused nothing passes later.
        #[test]
        fn readers_and_writers_pass_in_the_order_of_their_grants(
            presented in prop::collection::vec((0..8_u64, any::<bool>()), 0..40),
        ) {
            let mut fence = Fence::new();
            let mut passed = Vec::new();
            let mut refused = Vec::new();
            for (token, shared) in presented {
                let token = FencingToken(token);
                let mode = if shared { Mode::Shared } else { Mode::Exclusive };
                let allowed = token != FencingToken::NONE
                    && passed.iter().all(|&(other, its): &(FencingToken, Mode)| {
                        mode.goes_with(its) || other < token || (other, its) == (token, mode)
                    });
                let before = fence.clone();
                prop_assert_eq!(fence.check(token, mode).is_ok(), allowed);
                prop_assert_eq!(fence.check_and_raise_as(token, mode).is_ok(), allowed);
                if allowed {
                    prop_assert!(!refused.contains(&(token, mode)));
                    passed.push((token, mode));
                } else {
                    prop_assert_eq!(&fence, &before);
                    refused.push((token, mode));
                }
                prop_assert_eq!(Fence::from_bytes(&fence.to_bytes()), Ok(fence.clone()));
            }
        }
    }
}
