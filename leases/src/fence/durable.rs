//! A fence whose mark is stored before it counts.

use core::fmt;

use super::weakness::{Weakness, weak};
use super::{Fence, Raised, ResourceId, Stale};
use crate::{FencingToken, Mode};

/// A [`Fence`] over storage of the caller's, for data that cannot be saved in one transaction with it.
///
/// # The problem
///
/// The fence lets token 34 in, 34 reads and writes, and the resource crashes before the mark was stored.
/// It comes back with the mark of 33, and lets 33 in again, over the work of 34. So the mark has to be
/// durable *before* anybody relies on it: before the receipt of a raise is handed out, and before the
/// first effect. It is easily got the other way round, and no test without a crash at that moment shows
/// it.
///
/// # The loop
///
/// The fence writes nothing itself, and lets nothing pass that a restart would forget:
///
/// 1. [`check_and_raise`](Self::check_and_raise), or [`raise_at`](Self::raise_at). For a token that is
///    new it is refused, with [`DurableFenceError::PersistFirst`].
/// 2. [`poll_write`](Self::poll_write) gives the mark. Make it durable, [`Fence::to_bytes`] in place of
///    the one before.
/// 3. [`handle_written`](Self::handle_written), or [`handle_write_failed`](Self::handle_write_failed).
/// 4. Present the token again.
/// 5. After a restart, before anything is let in, pass what was stored to [`restart`](Self::restart).
///
/// That is one small write for each *holder*. What it does after that costs a comparison.
///
/// # Before it is stored
///
/// An older holder is not let in any more as soon as a newer token was presented; but it is not refused
/// for good either, for a crash may forget the newer one and let the older go on. It is told to wait,
/// [`DurableFenceError::Superseding`], and [`Stale`] means what it means everywhere: for ever.
///
/// ```
/// use quorate_leases::{DurableFence, DurableFenceError, Fence, FencingToken};
///
/// let (old, new) = (FencingToken(33), FencingToken(34));
/// let mut disk = Fence::restore(old).to_bytes();
/// let mut fence = DurableFence::restart(&disk)?;
/// fence.check_and_raise(old)?;
///
/// let wait = fence.check_and_raise(new).unwrap_err();
/// assert!(matches!(wait, DurableFenceError::PersistFirst { .. }));
/// if let Some(mark) = fence.poll_write() {
///     disk = mark.to_bytes(); // and sync
///     fence.handle_written(&mark);
/// }
/// fence.check_and_raise(new)?;
///
/// // A crash at any moment makes no difference.
/// let mut fence = DurableFence::restart(&disk)?;
/// assert!(matches!(fence.check_and_raise(old), Err(DurableFenceError::Stale(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct DurableFence {
    /// Whoever has passed is in it.
    durable: Fence,
    /// With those that were presented and are not stored yet.
    seen: Fence,
    /// The mark that is being stored.
    writing: Option<Fence>,
}

impl DurableFence {
    /// The fence of a resource that is new itself: nothing was ever stored.
    pub const fn new() -> Self {
        Self::of(Fence::new())
    }

    /// The next life of the fence that stored these bytes.
    ///
    /// # Errors
    ///
    /// As [`Fence::from_bytes`]. There is no fence then, so nobody is let in.
    pub fn restart(stored: &[u8]) -> Result<Self, super::FenceBytesError> {
        let stored = Fence::from_bytes(stored)?;
        if weak(Weakness::NotStored) {
            return Ok(Self::new());
        }
        Ok(Self::of(stored))
    }

    const fn of(durable: Fence) -> Self {
        Self {
            seen: Fence {
                exclusive: durable.exclusive,
                shared: durable.shared,
            },
            durable,
            writing: None,
        }
    }

    /// As [`Fence::check_and_raise`], once the mark is durable.
    ///
    /// # Errors
    ///
    /// [`DurableFenceError`]. Of its variants only [`Stale`](DurableFenceError::Stale) is final.
    #[inline]
    pub fn check_and_raise(&mut self, token: FencingToken) -> Result<(), DurableFenceError> {
        self.check_and_raise_as(token, Mode::Exclusive)
    }

    /// As [`Fence::check_and_raise_as`], once the mark is durable.
    ///
    /// # Errors
    ///
    /// As [`check_and_raise`](Self::check_and_raise).
    #[inline]
    pub fn check_and_raise_as(
        &mut self,
        token: FencingToken,
        mode: Mode,
    ) -> Result<(), DurableFenceError> {
        if let Err(stale) = self.durable.check(token, mode) {
            return Err(DurableFenceError::Stale(stale));
        }
        if let Err(stale) = self.seen.check_and_raise_as(token, mode) {
            return Err(match weak(Weakness::FinalBeforeStored) {
                true => DurableFenceError::Stale(stale),
                false => DurableFenceError::Superseding {
                    token,
                    newer: stale.newest,
                },
            });
        }
        let stored = match mode {
            Mode::Exclusive => self.durable.exclusive == token,
            Mode::Shared => self.durable.shared >= token || weak(Weakness::ReadersNotStored),
        };
        if stored || weak(Weakness::StoredAfterTheEffect) {
            return Ok(());
        }
        Err(DurableFenceError::PersistFirst { token })
    }

    /// As [`Fence::raise_at`], once the mark is durable. The mark [before](Raised::newest_before) is then
    /// the token itself.
    ///
    /// # Errors
    ///
    /// As [`check_and_raise`](Self::check_and_raise).
    pub fn raise_at(
        &mut self,
        resource: ResourceId,
        token: FencingToken,
        mode: Mode,
    ) -> Result<Raised, DurableFenceError> {
        self.check_and_raise_as(token, mode)?;
        let before = self.durable.newest();
        Ok(Raised::by_a_fence(resource, token, mode, before))
    }

    /// A mark to make durable now, in the place of the one before. One at a time: the next is handed out
    /// when this one is [reported](Self::handle_written), so that they cannot overtake each other.
    ///
    /// Changed by a token that is new, and by a report.
    #[must_use = "nobody new is let in until it is stored"]
    pub fn poll_write(&mut self) -> Option<Fence> {
        if self.writing.is_some() && !weak(Weakness::TwoWritesAtOnce) {
            return None;
        }
        let due = (self.seen != self.durable).then(|| self.seen.clone());
        if due.is_some() {
            self.writing.clone_from(&due);
        }
        due
    }

    /// `mark` is durable. Harmless when it is repeated, or of a write that is not on its way.
    pub fn handle_written(&mut self, mark: &Fence) {
        let expected = self.writing.as_ref() == Some(mark) || weak(Weakness::AnyReportCounts);
        if expected && let Some(written) = self.writing.take() {
            self.durable = written;
        }
    }

    /// `mark` could not be stored, or nobody knows: [`poll_write`](Self::poll_write) hands it out again. It must
    /// not reach the storage after the next one.
    pub fn handle_write_failed(&mut self, mark: &Fence) {
        if weak(Weakness::FailureIsIgnored) {
            return self.handle_written(mark);
        }
        if self.writing.as_ref() == Some(mark) {
            self.writing = None;
        }
    }

    /// The durable mark. Whoever has passed is in it.
    pub const fn durable(&self) -> &Fence {
        &self.durable
    }
}

impl Default for DurableFence {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a [`DurableFence`] does not let an effect pass.
///
/// ```
/// use quorate_leases::{DurableFence, FencingToken};
///
/// let mut fence = DurableFence::new();
/// assert_eq!(
///     fence.check_and_raise(FencingToken(34)).unwrap_err().to_string(),
///     "token #34 is new, and the mark with it is not durable: store what `poll_write` gives, then present \
///      it again",
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DurableFenceError {
    /// A newer holder has been here. Stop; do not retry.
    Stale(Stale),
    /// It will pass when the mark is durable.
    PersistFirst {
        /// The token.
        token: FencingToken,
    },
    /// A newer holder has come, and will have been here when its mark is durable. Not before that is this
    /// one refused, but it is not let in either.
    Superseding {
        /// The token.
        token: FencingToken,
        /// The one that is being stored.
        newer: FencingToken,
    },
}

impl fmt::Display for DurableFenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(stale) => stale.fmt(f),
            Self::PersistFirst { token } => write!(
                f,
                "token {token} is new, and the mark with it is not durable: store what `poll_write` gives, \
                 then present it again"
            ),
            Self::Superseding { token, newer } => write!(
                f,
                "token {token} waits for the mark of {newer} to be stored: expect to be refused, and ask again"
            ),
        }
    }
}

impl core::error::Error for DurableFenceError {}
