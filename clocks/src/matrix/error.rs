//! Why a matrix clock refuses something.

use core::fmt;

use crate::Actor;

/// Why [`MatrixClock::record`](crate::MatrixClock::record) and
/// [`merge`](crate::MatrixClock::merge) refuse news. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MatrixRecordError {
    /// The news is of nobody that is or was a member.
    Unknown {
        /// Whose news it is.
        member: Actor,
    },
    /// The news is of a member that was removed.
    Removed {
        /// Whose news it is.
        member: Actor,
        /// How many of its events count.
        last: u64,
    },
    /// A member has seen an event of a removed one that does not count: it was counted without it.
    BeyondLast {
        /// Whose news it is.
        member: Actor,
        /// Whose event it has seen.
        removed: Actor,
        /// Which.
        seen: u64,
        /// How many count.
        last: u64,
    },
}

impl fmt::Display for MatrixRecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { member } => write!(
                f,
                "{member} is not a member: let it join first, or drop its news"
            ),
            Self::Removed { member, last } => write!(
                f,
                "{member} was removed after {last} events: it may join again as its next life"
            ),
            Self::BeyondLast {
                member,
                removed,
                seen,
                last,
            } => write!(
                f,
                "{member} has seen event {seen} of {removed}, which was removed after {last}: \
                 {member} has something that the group has not, and must start over"
            ),
        }
    }
}

impl core::error::Error for MatrixRecordError {}

/// Why [`MatrixClock::join`](crate::MatrixClock::join) refuses a member. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MatrixJoinError {
    /// It is a member already.
    AlreadyMember {
        /// Who.
        member: Actor,
    },
    /// It was one, and does not come back: its next life may.
    Removed {
        /// Who.
        member: Actor,
        /// How many of its events count.
        last: u64,
    },
    /// It starts with less than what all have seen, and may have been forgotten since.
    BehindStable {
        /// Who.
        member: Actor,
        /// Of whose events it lacks some.
        of: Actor,
        /// How many of them it starts with.
        start: u64,
        /// How many all members have seen.
        stable: u64,
    },
    /// It starts with an event of a removed member that does not count.
    BeyondLast {
        /// Who.
        member: Actor,
        /// Whose event it starts with.
        removed: Actor,
        /// Which.
        seen: u64,
        /// How many count.
        last: u64,
    },
    /// There are as many members as there may be.
    TooMany {
        /// Who.
        member: Actor,
        /// How many there may be.
        limit: usize,
    },
}

impl fmt::Display for MatrixJoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyMember { member } => write!(f, "{member} is a member already"),
            Self::Removed { member, last } => write!(
                f,
                "{member} was removed after {last} events and does not come back: its next life may"
            ),
            Self::BehindStable {
                member,
                of,
                start,
                stable,
            } => write!(
                f,
                "{member} starts with {start} events of {of}, of which all have seen {stable} and \
                 may have forgotten them: start it from a newer snapshot"
            ),
            Self::BeyondLast {
                member,
                removed,
                seen,
                last,
            } => write!(
                f,
                "{member} starts with event {seen} of {removed}, which was removed after {last}: \
                 start it from a snapshot of a member"
            ),
            Self::TooMany { member, limit } => {
                write!(f, "{member} cannot join: there are {limit} members already")
            }
        }
    }
}

impl core::error::Error for MatrixJoinError {}

/// Why [`MatrixClock::remove`](crate::MatrixClock::remove) refuses. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MatrixRemoveError {
    /// It is not a member.
    Unknown {
        /// Who.
        member: Actor,
    },
    /// It was removed before.
    Removed {
        /// Who.
        member: Actor,
        /// How many of its events count.
        last: u64,
    },
    /// Another member has seen an event of it that would not count.
    Behind {
        /// Who.
        member: Actor,
        /// Who has seen more.
        seen_by: Actor,
        /// How many events that one has seen.
        seen: u64,
        /// How many would count.
        last: u64,
    },
    /// It is the only member, and the group would have seen nothing and everything.
    OnlyMember {
        /// Who.
        member: Actor,
    },
    /// As many removed members are remembered as can be.
    TooMany {
        /// Who.
        member: Actor,
        /// How many can be.
        limit: usize,
    },
}

impl fmt::Display for MatrixRemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { member } => write!(f, "{member} is not a member"),
            Self::Removed { member, last } => {
                write!(f, "{member} was removed before, after {last} events")
            }
            Self::Behind {
                member,
                seen_by,
                seen,
                last,
            } => write!(
                f,
                "{member} cannot end after {last} events, because {seen_by} has seen {seen}: end \
                 it with the largest row that any member has"
            ),
            Self::OnlyMember { member } => write!(f, "{member} is the only member"),
            Self::TooMany { member, limit } => write!(
                f,
                "{member} cannot be removed: {limit} removed members are remembered, forget those \
                 whose events are all stable"
            ),
        }
    }
}

impl core::error::Error for MatrixRemoveError {}
