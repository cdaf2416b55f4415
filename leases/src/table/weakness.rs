//! Rules that can be broken one at a time, in unit tests only, to see that the tests notice. Elsewhere
//! each is a constant `false`.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// A renewal is of the name, whoever holds it.
    RenewByName,
    /// A release is of the name, whoever holds it.
    ReleaseByName,
    /// A renewal brings back what is over.
    ReviveOnRenew,
    /// A renewal may bring the end forward.
    ShortenOnRenew,
    /// An empty table counts tokens from the beginning.
    TokensRestart,
    /// A counter at its end starts again.
    TokensWrap,
    /// Time goes back when a command says so.
    TimeGoesBack,
    /// A lease is held until somebody notices that it is over.
    HeldUntilNoticed,
    /// The request of the holder is refused when it comes again.
    HolderIsStranger,
    /// The request of an ended grant is granted again.
    EndedIsGranted,
    /// A retry waits a second time.
    QueuedTwice,
    /// A retry goes to the end of the queue.
    RetryLosesPlace,
    /// Those who wait are told of each other's turns.
    Herd,
    /// Who has given up waiting is granted it all the same.
    GrantsToTheGone,
    /// A reader does not wait for the writers that do.
    ReadersPass,
    /// A release delays the next holder.
    DelayAfterRelease,
    /// An expiry does not delay the next holder.
    NoDelay,
    /// The owner that held it does not wait for the delay.
    NoDelayForTheSame,
    /// A snapshot has no delays.
    SnapshotWithoutDelay,
    /// The leases of a session that has ended are held until they are freed.
    SessionOutlives,
    /// A session that has ended can be kept alive.
    SessionRevives,
    /// The id of a session that is closed is given again.
    SessionIdAgain,
    /// A steal does not look at whom it takes it from.
    StealBlindly,
    /// Anybody may steal.
    AnybodySteals,
}

#[cfg(all(test, not(loom)))]
impl Weakness {
    pub(super) const ALL: [Self; 24] = [
        Self::RenewByName,
        Self::ReleaseByName,
        Self::ReviveOnRenew,
        Self::ShortenOnRenew,
        Self::TokensRestart,
        Self::TokensWrap,
        Self::TimeGoesBack,
        Self::HeldUntilNoticed,
        Self::HolderIsStranger,
        Self::EndedIsGranted,
        Self::QueuedTwice,
        Self::RetryLosesPlace,
        Self::Herd,
        Self::GrantsToTheGone,
        Self::ReadersPass,
        Self::DelayAfterRelease,
        Self::NoDelay,
        Self::NoDelayForTheSame,
        Self::SnapshotWithoutDelay,
        Self::SessionOutlives,
        Self::SessionRevives,
        Self::SessionIdAgain,
        Self::StealBlindly,
        Self::AnybodySteals,
    ];
}

/// Which rule is broken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weaknesses {
    #[cfg(test)]
    pub(super) broken: Option<Weakness>,
}

#[cfg(not(test))]
impl Weaknesses {
    pub(super) const NONE: Self = Self {};

    pub(super) const fn has(self, _: Weakness) -> bool {
        false
    }
}

#[cfg(test)]
impl Weaknesses {
    pub(super) const NONE: Self = Self { broken: None };

    pub(super) fn has(self, weakness: Weakness) -> bool {
        self.broken == Some(weakness)
    }
}
