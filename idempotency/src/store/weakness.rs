//! The rules of the key store that can be broken in unit tests.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// An attempt that was superseded completes, fails, extends and steps.
    Unfenced,
    /// What runs is pushed out to make room.
    EvictsRunning,
    /// Of what makes room nothing is remembered.
    EvictsWithoutTombstone,
    /// What was asked is not compared with a tombstone.
    TombstoneWithoutFingerprint,
    /// Aged tombstones are forgotten, and what is as old runs.
    HorizonNotRaised,
    /// One scope's horizon holds for all.
    HorizonOfAllScopes,
    /// Other scopes make room too.
    EvictsAcrossScopes,
    /// Room is made before what is over is forgotten.
    EvictsBeforeForgetting,
    /// A replica goes by its own clock and not by the log's.
    LocalTime,
    /// Time goes back when a command says so.
    TimeGoesBack,
    /// The scope is no part of the key.
    NoScope,
    /// What was asked is not compared.
    NoFingerprint,
    /// Another request is told that its own is in progress.
    MismatchIsInProgress,
    /// A lease holds at its end too.
    LeaseHoldsAtItsEnd,
    /// There is no longest lease.
    NoLongestLease,
    /// A lease of zero is taken for none given.
    ZeroLeaseIsDefault,
    /// To extend a lease can shorten it.
    ExtendShortens,
    /// After its lease an attempt cannot complete, though nobody took over.
    LateCompletionRefused,
    /// Who takes over is not told.
    TakeoverWithoutDoubt,
    /// A failure forgets that an earlier attempt vanished.
    FailureForgetsDoubt,
    /// What is indeterminate is taken for a failure.
    IndeterminateIsFailure,
    /// Who takes over starts from the beginning.
    StepsForgotten,
    /// The retry of a completion is fenced off.
    RetryOfCompletionRefused,
    /// A response is kept as long after the claim, not after the completion.
    RetentionFromClaim,
    /// What a retry could change is replayed.
    TransientIsKept,
    /// A new policy holds for what is stored.
    PolicyRewritesStored,
    /// Room for the response is looked for when the work is done.
    RoomNotSetAside,
    /// The token of an attempt that failed is given again.
    TokenAgainAfterFailure,
    /// Tokens start anew after a restart.
    TokensAgainAfterRestart,
    /// The snapshot leaves tombstones out.
    SnapshotWithoutTombstones,
    /// The snapshot leaves horizons out.
    SnapshotWithoutHorizons,
    /// The floor is worked out anew after a restart.
    SnapshotWithoutFloor,
    /// The snapshot has the keys in the order of their places.
    SnapshotUnsorted,
    /// A longer age of keys takes the floor back.
    FloorGoesBack,
    /// A key that tells its age is forgotten at the end of its retention.
    AgedIsForgottenEarly,
    /// What is acknowledged is forgotten.
    AcknowledgedIsForgotten,
}

#[cfg(test)]
impl Weakness {
    pub(super) const ALL: [Self; 36] = [
        Self::Unfenced,
        Self::EvictsRunning,
        Self::EvictsWithoutTombstone,
        Self::TombstoneWithoutFingerprint,
        Self::HorizonNotRaised,
        Self::HorizonOfAllScopes,
        Self::EvictsAcrossScopes,
        Self::EvictsBeforeForgetting,
        Self::LocalTime,
        Self::TimeGoesBack,
        Self::NoScope,
        Self::NoFingerprint,
        Self::MismatchIsInProgress,
        Self::LeaseHoldsAtItsEnd,
        Self::NoLongestLease,
        Self::ZeroLeaseIsDefault,
        Self::ExtendShortens,
        Self::LateCompletionRefused,
        Self::TakeoverWithoutDoubt,
        Self::FailureForgetsDoubt,
        Self::IndeterminateIsFailure,
        Self::StepsForgotten,
        Self::RetryOfCompletionRefused,
        Self::RetentionFromClaim,
        Self::TransientIsKept,
        Self::PolicyRewritesStored,
        Self::RoomNotSetAside,
        Self::TokenAgainAfterFailure,
        Self::TokensAgainAfterRestart,
        Self::SnapshotWithoutTombstones,
        Self::SnapshotWithoutHorizons,
        Self::SnapshotWithoutFloor,
        Self::SnapshotUnsorted,
        Self::FloorGoesBack,
        Self::AgedIsForgottenEarly,
        Self::AcknowledgedIsForgotten,
    ];
}

pub(super) type Weaknesses = crate::weakness::Weaknesses<Weakness>;
