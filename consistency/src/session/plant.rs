//! What the tests find when one of the rules is broken. Outside tests there is nothing to break.

/// Mistakes that tests make the sessions commit, to see that they would be noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(super) enum Plant {
    /// A read is not asked to show what was written.
    ReadsNeedNoWrites,
    /// A read is not asked to show what was read.
    ReadsNeedNoReads,
    /// A write is not asked to follow what was written.
    WritesNeedNoWrites,
    /// A write is not asked to follow what was read.
    WritesNeedNoReads,
    /// The last observation counts, and not the highest.
    LastCounts,
    /// Of two epochs only the higher is remembered.
    HigherEpochCounts,
    /// What an epoch begins with is taken for nothing.
    BeginningsAreNothing,
    /// A replica may be one index behind.
    OneBehindWillDo,
    /// Epochs are not looked at.
    EpochsAreAlike,
    /// What a log lost is taken to be there.
    LostIsThere,
    /// What nobody knows of is taken to be there.
    UnknownIsThere,
    /// A second failover takes nothing from the epochs before.
    FailoverCutsNothing,
    /// Indexes are taken to go on where they start over.
    IndexesAlwaysContinue,
    /// An heir knows of its parents, and not of theirs.
    HeirForgetsGrandparents,
    /// An heir of two has what either of them kept of a common ancestor.
    HeirTakesTheMore,
    /// An heir is asked for what its parent went on to do.
    HeirHasItAll,
    /// An heir is asked for what was seen of itself only.
    AncestorsUnasked,
    /// Who has seen an heir may go back to its parents.
    ParentsUnmarked,
    /// What ended in an earlier epoch is dropped when the others are carried over.
    FollowDropsTheLost,
    /// What a shard that is not listed any more asked for is forgotten.
    CoarseForgets,
    /// Of a shard that is not listed any more only the last epoch counts.
    CoarseTakesTheLast,
    /// What a service that is not listed any more asked for is forgotten.
    UnlistedServiceIsNew,
    /// What is stable in one epoch is dropped from all.
    StableInAll,
    /// One more than what is stable is dropped.
    StableAndOneMore,
    /// Of two tokens the lower positions count.
    MergeTakesTheLess,
    /// Two services are taken for one.
    ServicesAreAlike,
    /// What others wrote before is not told with a write.
    NoPrerequisites,
    /// The bytes leave out what was written, where more was read.
    BytesWithoutWrites,
    /// The bytes leave out the shards of which nothing is known.
    BytesWithoutNothing,
    /// A tag is not looked at.
    TagsUnchecked,
    /// Versions of two epochs are counted as if they were of one.
    VersionsOfAllEpochs,
    /// The newest version that is known of is taken for the newest.
    NewestKnownIsNewest,
    /// A replica's clock is taken to have been late when it was complete.
    OldestAtBest,
    /// Our clock is taken to be late when something is missing.
    YoungestAtWorst,
}

#[cfg(test)]
impl Plant {
    pub(super) const ALL: [Self; 34] = [
        Self::ReadsNeedNoWrites,
        Self::ReadsNeedNoReads,
        Self::WritesNeedNoWrites,
        Self::WritesNeedNoReads,
        Self::LastCounts,
        Self::HigherEpochCounts,
        Self::BeginningsAreNothing,
        Self::OneBehindWillDo,
        Self::EpochsAreAlike,
        Self::LostIsThere,
        Self::UnknownIsThere,
        Self::FailoverCutsNothing,
        Self::IndexesAlwaysContinue,
        Self::HeirForgetsGrandparents,
        Self::HeirTakesTheMore,
        Self::HeirHasItAll,
        Self::AncestorsUnasked,
        Self::ParentsUnmarked,
        Self::FollowDropsTheLost,
        Self::CoarseForgets,
        Self::CoarseTakesTheLast,
        Self::UnlistedServiceIsNew,
        Self::StableInAll,
        Self::StableAndOneMore,
        Self::MergeTakesTheLess,
        Self::ServicesAreAlike,
        Self::NoPrerequisites,
        Self::BytesWithoutWrites,
        Self::BytesWithoutNothing,
        Self::TagsUnchecked,
        Self::VersionsOfAllEpochs,
        Self::NewestKnownIsNewest,
        Self::OldestAtBest,
        Self::YoungestAtWorst,
    ];
}

pub(super) use switch::*;

#[cfg(not(test))]
mod switch {
    use super::Plant;

    #[inline(always)]
    pub(in super::super) const fn planted(_: Plant) -> bool {
        false
    }
}

#[cfg(test)]
mod switch {
    use core::cell::Cell;

    use super::Plant;

    std::thread_local! {
        static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
    }

    pub(in super::super) fn planted(plant: Plant) -> bool {
        PLANTED.get() == Some(plant)
    }

    /// Runs `work` with a mistake planted in this thread.
    pub(in super::super) fn with<T>(plant: Plant, work: impl FnOnce() -> T) -> T {
        /// Takes it out again, also when the work panics.
        struct Planted;

        impl Drop for Planted {
            fn drop(&mut self) {
                PLANTED.set(None);
            }
        }

        let _planted = Planted;
        PLANTED.set(Some(plant));
        work()
    }
}
