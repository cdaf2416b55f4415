//! A place in a shard's log.

use core::cmp::Ordering;
use core::fmt;

use super::plant::{Plant, planted};

/// A place in a shard's log: the state that a replica is in once it has applied the log up to there.
///
/// A **shard** is whatever has one log with growing indexes: a Raft group, a partition, a primary with its
/// standbys. Stores with a single log use shard 0.
///
/// An **epoch** names a log of the shard. A store raises it whenever the log may have lost its end: when a
/// replica that lagged took over, when a backup was restored, when a shard was split or merged; and never
/// gives the same to two logs of one shard. What
/// PostgreSQL calls a timeline and Kafka a leader epoch are epochs. A Raft group never loses what it
/// acknowledged, so its terms are none: it stays in epoch 0, and a bare index means that.
///
/// Positions of two epochs do not compare: index 9 of one log says nothing of index 8 of another. How one
/// epoch passed into the next is what a [`Lineage`](super::Lineage) knows.
///
/// ```
/// use quorate_consistency::session::Position;
///
/// let (before, after) = (Position::new(0, 500), Position::new(0, 620));
/// assert!(before < after);
/// assert_eq!(before, 500.into());
/// let restored = Position::new(1, 10);
/// assert_eq!(restored.partial_cmp(&before), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Position {
    /// Which log.
    pub epoch: u64,
    /// How far: 0 is the state in which the epoch began.
    pub index: u64,
}

impl Position {
    /// This index of this epoch.
    pub const fn new(epoch: u64, index: u64) -> Self {
        Self { epoch, index }
    }

    /// Where every shard begins that is nobody's heir. Whoever has seen that has seen nothing.
    pub(super) fn is_beginning(self) -> bool {
        self.index == 0 && (self.epoch == 0 || planted(Plant::BeginningsAreNothing))
    }
}

/// In epoch 0, for stores where there is no other.
impl From<u64> for Position {
    fn from(index: u64) -> Self {
        Self { epoch: 0, index }
    }
}

/// Within an epoch. There is no order between two.
impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.epoch == other.epoch).then(|| self.index.cmp(&other.index))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index {} of epoch {}", self.index, self.epoch)
    }
}
