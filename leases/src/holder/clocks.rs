//! Two clocks of one machine, held against each other.

use core::time::Duration;

use quorate_clocks::Instant;

use crate::Drift;

/// What both showed at one moment.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct TwoClocks {
    pub(super) now: Instant,
    pub(super) other: Instant,
}

impl TwoClocks {
    /// Do the two disagree on how much time has passed since, by more than their drift and this much? Then
    /// the machine was suspended, or one of them was set.
    ///
    /// It is counted from the beginning of the lease and not from call to call, or many short suspensions
    /// would go unnoticed one by one.
    pub(super) fn disagree(self, since: Self, drift: Drift, tolerance: Duration) -> bool {
        let one = self.now.since(since.now);
        let two = self.other.since(since.other);
        let (shorter, longer) = (one.min(two), one.max(two));
        longer > drift.at_most(shorter).saturating_add(tolerance)
    }
    /// By how much the other clock has counted more since.
    ///
    /// What is tolerated is still time that has passed, and so is what hides in the drift of the two. By the
    /// clock that counted more, the lease ends so much sooner.
    pub(super) fn more(self, since: Self) -> Duration {
        let one = self.now.since(since.now);
        let two = self.other.since(since.other);
        two.saturating_sub(one)
    }
}
