//! Rules that can be broken one at a time, in unit tests only, to see that the tests notice. Elsewhere
//! each is a constant `false`.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// Who resigns releases first and stops then.
    ReleasesBeforeStopped,
    /// It is told that it has resigned before the lease is given back.
    ResignedBeforeReleased,
    /// A candidate asks for the next term while it still works in the last.
    CampaignsBeforeStopped,
    /// A term that was interrupted goes on when its lease comes back.
    TermGoesOn,
    /// A leader does not listen to news of a newer term.
    NewerTermIgnored,
    /// A candidate that knows of a newer term leads all the same.
    LeadsOlderTerm,
    /// Who is named leads.
    LeadsByName,
    /// Whoever is named last is the leader.
    OlderTermIsNews,
    /// A term that was over comes back.
    EndedTermComesBack,
    /// The same term is told again.
    ToldTwice,
    /// One that has shown no progress campaigns again by itself.
    StalledCampaigns,
    /// Nobody holds back for the preferred one.
    PreferenceIgnored,
    /// All hold back for the preferred one until it comes.
    HoldsBackForEver,
    /// A wish of a leader of long ago still counts.
    OldPreferenceCounts,
    /// Each copy of the message begins the wait anew.
    CopiesProlong,
    /// Who has handed over asks again at once.
    AsksAgainAtOnce,
    /// Who resigned asks again.
    ResignedCampaigns,
    /// It is told to be elected, although it has lost the term in the meantime.
    ToldTooLate,
}

#[cfg(all(test, not(loom)))]
impl Weakness {
    pub(super) const ALL: [Self; 18] = [
        Self::ReleasesBeforeStopped,
        Self::ResignedBeforeReleased,
        Self::CampaignsBeforeStopped,
        Self::TermGoesOn,
        Self::NewerTermIgnored,
        Self::LeadsOlderTerm,
        Self::LeadsByName,
        Self::OlderTermIsNews,
        Self::EndedTermComesBack,
        Self::ToldTwice,
        Self::StalledCampaigns,
        Self::PreferenceIgnored,
        Self::HoldsBackForEver,
        Self::OldPreferenceCounts,
        Self::CopiesProlong,
        Self::AsksAgainAtOnce,
        Self::ResignedCampaigns,
        Self::ToldTooLate,
    ];
}

/// Is this rule broken, in this thread?
#[cfg(not(all(test, not(loom))))]
pub(super) const fn weak(_: Weakness) -> bool {
    false
}

#[cfg(all(test, not(loom)))]
pub(super) fn weak(weakness: Weakness) -> bool {
    BROKEN.get() == Some(weakness)
}

#[cfg(all(test, not(loom)))]
std::thread_local! {
    pub(super) static BROKEN: core::cell::Cell<Option<Weakness>> = const { core::cell::Cell::new(None) };
}
