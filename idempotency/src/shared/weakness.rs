//! The rules of the shared store that can be broken in unit tests.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// An attempt whose guard is dropped fails.
    FreedOnDrop,
    /// What is in doubt when its guard is dropped counts as failed.
    DoubtForgottenOnDrop,
    /// What was said about a drop is ignored.
    DropsAreIgnored,
    /// A doubt that nobody accepted is left to its lease.
    DeclinedStays,
    /// Nobody is told what came of an attempt.
    EndsWithoutTelling,
    /// Nobody is told of a takeover.
    TakesOverWithoutTelling,
    /// A response that is too large is told as the end.
    TooLargeIsTheEnd,
    /// Who begins to wait does not look whether the attempt has ended.
    WaitsUnchecked,
    /// Who begins to wait looks first, and waits then, and releases the lock in between. Only loom notices.
    WaitsInTwoSteps,
    /// A waker is not replaced by a later one.
    WakesTheEarlier,
    /// Who waits no more is counted still.
    GoneIsCounted,
    /// Who waits no more leaves its waker.
    GoneLeavesWaker,
    /// Any number may wait.
    AnyNumberWaits,
    /// Each shard has tokens of its own.
    TokensOfShards,
    /// Each shard may remember as much as the whole.
    LimitsOfEach,
    /// A sweep looks at one shard.
    SweepsOne,
}

#[cfg(all(test, not(loom)))]
impl Weakness {
    pub(super) const ALL: [Self; 16] = [
        Self::FreedOnDrop,
        Self::DoubtForgottenOnDrop,
        Self::DropsAreIgnored,
        Self::DeclinedStays,
        Self::EndsWithoutTelling,
        Self::TakesOverWithoutTelling,
        Self::TooLargeIsTheEnd,
        Self::WaitsUnchecked,
        Self::WaitsInTwoSteps,
        Self::WakesTheEarlier,
        Self::GoneIsCounted,
        Self::GoneLeavesWaker,
        Self::AnyNumberWaits,
        Self::TokensOfShards,
        Self::LimitsOfEach,
        Self::SweepsOne,
    ];
}

pub(super) type Weaknesses = crate::weakness::Weaknesses<Weakness>;
