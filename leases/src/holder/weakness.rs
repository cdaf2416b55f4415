//! Rules that can be broken one at a time, in unit tests only, to see that the tests notice. Elsewhere
//! each is a constant `false`.

use quorate_clocks::Instant;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Weakness {
    /// The deadline counts from when the answer arrived.
    DeadlineFromReceipt,
    /// Clocks are taken to be right.
    DriftIgnored,
    /// Nothing is taken off for the time from a check to its effect.
    MarginIgnored,
    /// An answer is taken for that of the latest attempt.
    AnswerOfTheLatestAttempt,
    /// A grant that arrives too late is held.
    LateGrantIsHeld,
    /// Every attempt to acquire is a request of its own.
    RetryIsANewRequest,
    /// That the two clocks disagree is ignored.
    SuspensionIgnored,
    /// A suspension that is too short to end the lease, or a step back, is not counted.
    ToleratedIsNotCounted,
    /// A clock that went back is ignored.
    ClockBackIgnored,
    /// That the machine was disrupted is ignored.
    DisruptionIgnored,
    /// What was asked before a clock jumped may still be answered.
    OldAnswersAfterJump,
    /// What was held before a clock jumped is released.
    ReleasesAfterJump,
    /// A lease that comes back goes on where it was.
    ResumesInSilence,
    /// The grantor's word that the grant has ended is ignored.
    EndIgnored,
    /// A lease is kept without progress.
    RenewsWithoutProgress,
    /// A mark that repeats counts as progress.
    SameMarkIsProgress,
    /// The lease is given back while work still runs.
    ReleasesBeforeStopped,
    /// A grant that nobody waits for any more is kept until it ends.
    KeepsAbandoned,
    /// Requests follow each other as fast as they are answered.
    NoPause,
    /// The time between attempts grows past the end of the lease.
    BackOffPastTheEnd,
    /// All renew at the same part of the lease.
    NoJitter,
    /// An observer counts from the record's own time.
    ObserverCountsFromTheRecord,
    /// An observer takes clocks to be right.
    ObserverIgnoresDrift,
    /// An observer does not begin anew when the record changes.
    ObserverGoesOnAfterChange,
}

#[cfg(test)]
impl Weakness {
    #[cfg(not(loom))]
    pub(super) const ALL: [Self; 24] = [
        Self::DeadlineFromReceipt,
        Self::DriftIgnored,
        Self::MarginIgnored,
        Self::AnswerOfTheLatestAttempt,
        Self::LateGrantIsHeld,
        Self::RetryIsANewRequest,
        Self::SuspensionIgnored,
        Self::ToleratedIsNotCounted,
        Self::ClockBackIgnored,
        Self::DisruptionIgnored,
        Self::OldAnswersAfterJump,
        Self::ReleasesAfterJump,
        Self::ResumesInSilence,
        Self::EndIgnored,
        Self::RenewsWithoutProgress,
        Self::SameMarkIsProgress,
        Self::ReleasesBeforeStopped,
        Self::KeepsAbandoned,
        Self::NoPause,
        Self::BackOffPastTheEnd,
        Self::NoJitter,
        Self::ObserverCountsFromTheRecord,
        Self::ObserverIgnoresDrift,
        Self::ObserverGoesOnAfterChange,
    ];
}

/// Which rule is broken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Weaknesses {
    #[cfg(test)]
    pub(super) broken: Option<Weakness>,
    /// When the record that is observed was written, as it says itself.
    #[cfg(test)]
    pub(super) written_at: Instant,
}

#[cfg(not(test))]
impl Weaknesses {
    pub(super) const NONE: Self = Self {};

    pub(super) const fn has(self, _: Weakness) -> bool {
        false
    }

    pub(super) const fn written_at(self) -> Instant {
        Instant::ORIGIN
    }
}

#[cfg(test)]
impl Weaknesses {
    pub(super) const NONE: Self = Self {
        broken: None,
        written_at: Instant::ORIGIN,
    };

    pub(super) fn has(self, weakness: Weakness) -> bool {
        self.broken == Some(weakness)
    }

    pub(super) const fn written_at(self) -> Instant {
        self.written_at
    }
}
