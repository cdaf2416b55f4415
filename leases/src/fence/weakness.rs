//! Rules that can be broken one at a time, in unit tests only, to see that the tests notice. Elsewhere
//! each is a constant `false`.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// What is checked is compared, and the mark stays where it was.
    ComparesOnly,
    /// The mark moves at the first effect of a holder and not before.
    RaisesAtTheFirstEffect,
    /// The token that is never granted passes.
    NonePasses,
    /// A writer leaves the readers before it alone.
    WriterLeavesReaders,
    /// A reader shuts out what is older than itself, readers and all.
    ReaderRaisesOverReaders,
    /// A writer goes on after a newer reader.
    ReaderLeavesWriter,
    /// One grant is of both modes.
    BothModes,
    /// What is armed at one resource is good at another.
    ArmedAnywhere,
    /// A receipt arms whatever is handed to it.
    ArmsAnotherToken,
    /// A reader may write.
    ReaderWrites,
    /// What was armed is not checked again.
    ArmedForEver,
    /// The mark is not stored.
    NotStored,
    /// Only writers are stored.
    ReadersNotStored,
    /// The effect comes first, and the mark is stored after it.
    StoredAfterTheEffect,
    /// A holder is refused for good because of a mark that a crash may forget.
    FinalBeforeStored,
    /// A second mark is handed out while the first is on its way.
    TwoWritesAtOnce,
    /// A report of any write is one of the write that is on its way.
    AnyReportCounts,
    /// A write that failed is taken for done.
    FailureIsIgnored,
    /// Whoever has the token is its holder.
    EqualTokenOfAnother,
    /// An operation that comes again is done again.
    OperationsRepeat,
    /// What is forgotten is forgotten entirely.
    NoFloor,
    /// The floor is not in the snapshot.
    FloorNotSaved,
    /// The newest is forgotten first.
    ForgetsTheNewest,
}

#[cfg(all(test, not(loom)))]
impl Weakness {
    pub(super) const ALL: [Self; 23] = [
        Self::ComparesOnly,
        Self::RaisesAtTheFirstEffect,
        Self::NonePasses,
        Self::WriterLeavesReaders,
        Self::ReaderRaisesOverReaders,
        Self::ReaderLeavesWriter,
        Self::BothModes,
        Self::ArmedAnywhere,
        Self::ArmsAnotherToken,
        Self::ReaderWrites,
        Self::ArmedForEver,
        Self::NotStored,
        Self::ReadersNotStored,
        Self::StoredAfterTheEffect,
        Self::FinalBeforeStored,
        Self::TwoWritesAtOnce,
        Self::AnyReportCounts,
        Self::FailureIsIgnored,
        Self::EqualTokenOfAnother,
        Self::OperationsRepeat,
        Self::NoFloor,
        Self::FloorNotSaved,
        Self::ForgetsTheNewest,
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
