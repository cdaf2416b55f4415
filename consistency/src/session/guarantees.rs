//! What a session is promised, and who has to keep it.

use core::fmt;
use core::ops::BitOr;

use crate::Guarantee;

/// What a session does next.
///
/// ```
/// use quorate_consistency::session::{Op, Session};
///
/// let mut session = Session::default();
/// session.observe_write(0, 17);
/// assert!(!session.requirement(Op::Read, 0).is_nothing());
/// // Nothing was promised about the order of its writes.
/// assert!(session.requirement(Op::Write, 0).is_nothing());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Op {
    /// It reads.
    Read,
    /// It writes. What reads and writes in one step has to meet the requirements of both.
    Write,
}

impl Op {
    /// By which guarantee it depends on what was read, and by which on what was written.
    pub(super) const fn guarantees(self) -> (Guarantees, Guarantees) {
        match self {
            Self::Read => (Guarantees::MONOTONIC_READS, Guarantees::READ_YOUR_WRITES),
            Self::Write => (
                Guarantees::WRITES_FOLLOW_READS,
                Guarantees::MONOTONIC_WRITES,
            ),
        }
    }
}

/// Some of the four session guarantees (Terry et al., "Session Guarantees for Weakly Consistent
/// Replicated Data", 1994, §3).
///
/// ```
/// use quorate_consistency::Guarantee;
/// use quorate_consistency::session::Guarantees;
///
/// let wanted = Guarantees::READ_YOUR_WRITES | Guarantees::MONOTONIC_WRITES;
/// assert!(Guarantees::PRAM.contains(wanted) && !Guarantees::READS.contains(wanted));
/// // A client that picks its replicas keeps the one. For the other the store has to help.
/// assert_eq!(wanted.by_client_alone(), Guarantee::ReadYourWrites.into());
/// assert_eq!(wanted.by_store(), Guarantee::MonotonicWrites.into());
/// assert_eq!(wanted.to_string(), "read your writes, monotonic writes");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Guarantees(u8);

const ALL: [Guarantee; 4] = [
    Guarantee::ReadYourWrites,
    Guarantee::MonotonicReads,
    Guarantee::MonotonicWrites,
    Guarantee::WritesFollowReads,
];

impl Guarantees {
    /// None.
    pub const NONE: Self = Self(0);
    /// A read shows what the session wrote before.
    pub const READ_YOUR_WRITES: Self = Self::of(&[Guarantee::ReadYourWrites]);
    /// A read shows what the session read before.
    pub const MONOTONIC_READS: Self = Self::of(&[Guarantee::MonotonicReads]);
    /// A write comes after what the session wrote before, everywhere.
    pub const MONOTONIC_WRITES: Self = Self::of(&[Guarantee::MonotonicWrites]);
    /// A write comes after what the session read before, everywhere.
    pub const WRITES_FOLLOW_READS: Self = Self::of(&[Guarantee::WritesFollowReads]);
    /// The two that are about what a read shows, which a client can keep alone: what most people mean by
    /// a session.
    pub const READS: Self = Self::of(&[Guarantee::ReadYourWrites, Guarantee::MonotonicReads]);
    /// All but writes follow reads: each session's operations are seen in its order. Pipelined RAM (Lipton
    /// and Sandberg, 1988), also called FIFO consistency.
    pub const PRAM: Self = Self::READS.with(Self::MONOTONIC_WRITES);
    /// All four, which together are causal consistency (Brzeziński, Sobaniec and Wawrzyniak, "From session
    /// causality to causal consistency", 2004).
    pub const CAUSAL: Self = Self::PRAM.with(Self::WRITES_FOLLOW_READS);

    /// These.
    pub const fn of(guarantees: &[Guarantee]) -> Self {
        let mut set = Self::NONE;
        let mut left = guarantees;
        while let [first, rest @ ..] = left {
            set.0 |= 1 << *first as u8;
            left = rest;
        }
        set
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of those are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of them that a client keeps alone, by refusing the answers of replicas that are behind.
    #[must_use]
    pub const fn by_client_alone(self) -> Self {
        Self(self.0 & Self::READS.0)
    }

    /// Those of them that need the store: they say in which order others see the session's writes, and no
    /// client can order what replicas do among themselves.
    #[must_use]
    pub const fn by_store(self) -> Self {
        self.without(Self::READS)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Guarantee> {
        let all = ALL.into_iter();
        all.filter(move |&guarantee| self.contains(guarantee.into()))
    }
}

impl From<Guarantee> for Guarantees {
    fn from(guarantee: Guarantee) -> Self {
        Self::of(&[guarantee])
    }
}

impl BitOr for Guarantees {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Display for Guarantees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (at, guarantee) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{guarantee}")?;
        }
        Ok(())
    }
}

/// What the store does about the order of writes: without its help nobody can promise
/// [monotonic writes](Guarantees::MONOTONIC_WRITES) and
/// [writes follow reads](Guarantees::WRITES_FOLLOW_READS).
///
/// ```
/// use quorate_consistency::session::{Guarantees, NeedsStore, Session, WriteOrder};
///
/// // Replicas exchange writes in any order: a session that wrote twice may be seen to do so backwards.
/// assert_eq!(
///     Session::new(Guarantees::CAUSAL, WriteOrder::Unordered),
///     Err(NeedsStore { guarantees: Guarantees::CAUSAL.by_store() })
/// );
/// assert!(Session::new(Guarantees::CAUSAL, WriteOrder::WithinShard).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum WriteOrder {
    /// Nothing that is known. A session may be promised [`Guarantees::READS`].
    #[default]
    Unordered,
    /// Each shard has one log, which all replicas apply in its order; and whoever appends a write to it
    /// checks what [`requirement`](super::Session::requirement) says, against the very log to which it is
    /// appended. Monotonic writes and writes follow reads then hold **within each shard**: two writes to
    /// different shards may become visible in any order.
    WithinShard,
    /// That, and across shards: with each write the store keeps its
    /// [prerequisites](super::Session::prerequisites), and either applies it nowhere before they are
    /// there, or gives them back to everyone who reads the write, to be
    /// [merged](super::Session::merge). A store with a single log has nothing else to do for it.
    Everywhere,
}

/// A guarantee was asked for that a client cannot keep alone, of a store of which nothing is known.
///
/// ```
/// use quorate_consistency::session::{Guarantees, Session, WriteOrder};
///
/// let error = Session::new(Guarantees::PRAM, WriteOrder::Unordered).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no client can keep monotonic writes alone: say by a WriteOrder in which order the store applies \
///      writes, or ask for Guarantees::READS"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NeedsStore {
    /// Those that need the store.
    pub guarantees: Guarantees,
}

impl fmt::Display for NeedsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no client can keep {} alone: say by a WriteOrder in which order the store applies writes, or \
             ask for Guarantees::READS",
            self.guarantees
        )
    }
}

impl core::error::Error for NeedsStore {}
