//! Terms, indexes, entries and snapshots: the nouns of the log.

use core::fmt;

use bytes::Bytes;

use crate::Membership;

/// A term: the number of an election's reign (Raft §5.1). Zero is before the first election.
///
/// ```
/// use quorate_raft_core::Term;
///
/// assert_eq!(Term::ZERO.next(), Term(1));
/// assert_eq!(Term(3).to_string(), "t3");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Term(pub u64);

/// A place in the log. The first entry is at 1; zero is before it.
///
/// ```
/// use quorate_raft_core::Index;
///
/// assert_eq!(Index(1).prev(), Index::ZERO);
/// assert_eq!(Index::ZERO.prev(), Index::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Index(pub u64);

impl Term {
    /// Before the first election.
    pub const ZERO: Self = Self(0);

    /// The term after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Index {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The place after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place before this one; zero has none and stays.
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An index with the term of the entry there: names one entry of all logs that ever were, for a
/// leader writes an index of its term only once (Raft §5.3).
///
/// Ordered as §5.4.1 compares logs: by term, then by index.
///
/// ```
/// use quorate_raft_core::{Index, Position, Term};
///
/// let long = Position { term: Term(2), index: Index(100) };
/// let new = Position { term: Term(3), index: Index(5) };
/// assert!(long < new);
/// assert_eq!(new.to_string(), "5/t3");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The entry's term.
    pub term: Term,
    /// The entry's place.
    pub index: Index,
}

impl Position {
    /// Before the first entry.
    pub const ZERO: Self = Self {
        term: Term::ZERO,
        index: Index::ZERO,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.term)
    }
}

/// One entry of the log.
///
/// ```
/// use quorate_raft_core::{Entry, Index, Payload, Position, Term};
///
/// let position = Position { term: Term(1), index: Index(1) };
/// let entry = Entry { position, payload: Payload::Command("x = 1".into()) };
/// assert_eq!(entry.payload.len(), 5);
/// assert!(Payload::Empty.is_empty());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Entry {
    /// Where it is and whose it is.
    pub position: Position,
    /// What it says.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// Nothing: a new leader's first entry, which lets it commit what its predecessors left
    /// (Raft §8).
    Empty,
    /// The application's command.
    Command(Bytes),
    /// The members from this entry on, on each member that holds it, committed or not (thesis §4.1).
    Membership(Membership),
}

impl Payload {
    /// How many bytes it takes.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Command(command) => command.len(),
            Self::Membership(membership) => crate::wire::membership_len(membership),
        }
    }

    /// Whether it takes no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What must survive a crash besides the log (Raft figure 2, persistent state).
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::{HardState, Term};
///
/// let state = HardState { term: Term(4), vote: Some(NodeId(2)) };
/// assert_ne!(state, HardState::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct HardState {
    /// The newest term that this node knows.
    pub term: Term,
    /// Whom it voted for in that term.
    pub vote: Option<quorate_clocks::NodeId>,
}

/// A state of the application, the last entry that it holds, and the members at that entry.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::{Index, Membership, Position, Snapshot, Term};
///
/// let position = Position { term: Term(1), index: Index(7) };
/// let membership = Membership::of_voters([1, 2, 3].map(NodeId))?;
/// let snapshot = Snapshot { position, membership, data: "x = 1".into() };
/// assert_eq!(snapshot.position.index, Index(7));
/// # Ok::<(), quorate_raft_core::MembershipError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Snapshot {
    /// The last entry whose effect is in `data`.
    pub position: Position,
    /// The members at that entry: see [`Raft::membership_at`](crate::Raft::membership_at).
    pub membership: Membership,
    /// The application's state, in its own bytes.
    pub data: Bytes,
}
