//! A fence with one owner.

use core::fmt;

use crate::FencingToken;

/// What a resource keeps for each lease name that guards it: the newest token it has seen.
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
///   after that.
/// - **Save the mark with the data.** A resource that restarts with an empty fence lets everybody in
///   again. Store [`newest`](Self::newest) in the same transaction as the guarded data and hand it
///   to [`restore`](Self::restore).
///
/// The check and the effect have to be one step: call [`check_and_raise`](Self::check_and_raise)
/// under the lock, or in the transaction, that the write itself runs in.
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
/// let saved = fence.newest();
/// assert!(Fence::restore(saved).check_and_raise(FencingToken(33)).is_err());
/// # Ok::<(), quorate_leases::Stale>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fence {
    newest: FencingToken,
}

impl Fence {
    /// A fence that has seen no token. Only for a resource that is new itself.
    pub const fn new() -> Self {
        Self::restore(FencingToken::NONE)
    }

    /// The fence that had seen `newest` when it was saved.
    pub const fn restore(newest: FencingToken) -> Self {
        Self { newest }
    }

    /// The newest token seen, to be saved with the guarded data.
    pub const fn newest(&self) -> FencingToken {
        self.newest
    }

    /// Lets an effect under `token` pass, unless a newer token was seen, and remembers the token.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    pub fn check_and_raise(&mut self, token: FencingToken) -> Result<(), Stale> {
        self.raise(token).map(|_| ())
    }

    /// Shuts out every token before `token`, and returns the newest that was seen until now.
    ///
    /// # Errors
    ///
    /// [`Stale`] when a newer token was seen. The fence is then unchanged.
    pub fn raise(&mut self, token: FencingToken) -> Result<FencingToken, Stale> {
        verdict(self.newest, token)?;
        Ok(core::mem::replace(&mut self.newest, token))
    }
}

impl Default for Fence {
    fn default() -> Self {
        Self::new()
    }
}

/// May an effect under `presented` pass a fence that has seen `newest`?
pub(super) fn verdict(newest: FencingToken, presented: FencingToken) -> Result<(), Stale> {
    if presented < newest || presented == FencingToken::NONE {
        return Err(Stale { presented, newest });
    }
    Ok(())
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stale {
    /// The token that came with the effect.
    pub presented: FencingToken,
    /// The newest token that the fence has seen.
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

    #[test]
    fn a_token_that_is_never_granted_does_not_pass_even_an_empty_fence() {
        let mut fence = Fence::new();
        let refused = fence.check_and_raise(FencingToken::NONE).unwrap_err();
        assert!(refused.to_string().contains("never granted"));
        assert_eq!(fence, Fence::new());
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
    }
}
