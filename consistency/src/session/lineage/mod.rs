//! Where a shard's log comes from.

mod bytes;

pub use bytes::LineageBytesError;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::fmt;

use super::Position;
use super::plant::{Plant, planted};

/// Where the log of a shard comes from: how the epochs before this one ended, and what it took over from
/// shards that were split or merged.
///
/// A session has seen index 17 of epoch 0; then a replica that lagged took over, in epoch 1. Is what the
/// session saw still there? Nobody can tell from two numbers. It is if epoch 1 began after index 17, and it
/// is lost if epoch 1 began before. PostgreSQL keeps this in a timeline's history file, Kafka in a cache of
/// leader epochs. A replica keeps a lineage beside its log, [as bytes](Self::to_bytes), and sessions are
/// [admitted](super::Session::admit_by) by it. What the lineage does not know stays *unknown*, and is never
/// taken for a yes.
///
/// Four things can happen to a shard:
///
/// | Event | Call | |
/// |---|---|---|
/// | a replica took over, and its log goes on | [`failover`](Self::failover) | indexes [continue](Indexes::Continue) |
/// | the log was replaced, as from a backup | [`failover`](Self::failover) of the lineage that the backup came with | indexes [start over](Indexes::StartOver) |
/// | the shard was split | [`heir`](Self::heir) of one parent, for each child | the child starts over |
/// | shards were merged | [`heir`](Self::heir) of all of them | the heir starts over |
///
/// ```
/// use quorate_consistency::session::{Indexes, Lineage, Placed, Position};
///
/// // Shard 0 was led in epoch 0. A replica that had its log up to 15 took over.
/// let mut shard = Lineage::new(0, 0);
/// shard.failover(1, 15, Indexes::Continue)?;
/// assert_eq!(shard.place(0, Position::new(0, 12)), Placed::At { index: 12 });
/// assert_eq!(shard.place(0, Position::new(0, 17)), Placed::Lost { kept: 15 });
/// assert_eq!(shard.place(0, Position::new(7, 1)), Placed::Unknown);
///
/// // At index 40 of epoch 1 it was split. Both children begin with all that was there.
/// let child = Lineage::heir(1, 2, &[(&shard, 40)])?;
/// assert_eq!(child.place(0, Position::new(1, 33)), Placed::At { index: 0 });
/// assert_eq!(child.place(0, Position::new(0, 17)), Placed::Lost { kept: 15 });
/// // What the parent holds since, under its old number, is no part of this.
/// assert_eq!(child.place(0, Position::new(2, 8)), Placed::Apart);
/// # Ok::<(), quorate_consistency::session::LineageError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Lineage {
    shard: u64,
    epoch: u64,
    /// By shard and epoch, how much of that log is in this one.
    origins: BTreeMap<(u64, u64), Kept>,
    /// The other shards that it comes from, each with the first epoch that is no part of this any more.
    ancestors: BTreeMap<u64, u64>,
}

/// How the indexes of an epoch follow on those of the one before.
///
/// ```
/// use quorate_consistency::session::{Indexes, Lineage, Placed, Position};
///
/// let mut restored = Lineage::new(0, 0);
/// restored.failover(1, 500, Indexes::StartOver)?;
/// // All that was kept is there from the start.
/// assert_eq!(restored.place(0, Position::new(0, 499)), Placed::At { index: 0 });
/// # Ok::<(), quorate_consistency::session::LineageError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Indexes {
    /// Up to what was kept, both epochs have the same entries at the same indexes.
    Continue,
    /// The new epoch begins, at index 0, with all that was kept.
    StartOver,
}

/// Where in a log another position is, as [`Lineage::place`] says.
///
/// ```
/// use quorate_consistency::session::{Lineage, Placed, Position};
///
/// let shard = Lineage::new(3, 0);
/// assert_eq!(shard.place(3, Position::new(0, 9)), Placed::At { index: 9 });
/// assert_eq!(shard.place(3, Position::new(1, 2)), Placed::Unknown);
/// assert_eq!(shard.place(4, Position::new(0, 9)), Placed::Apart);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Placed {
    /// It is in what the log holds up to this index, in its present epoch.
    At {
        /// The lowest index at which all of it is there.
        index: u64,
    },
    /// It never will be: that log ended before.
    Lost {
        /// How much of that log was kept.
        kept: u64,
    },
    /// The log began when this one did, or later, or has nothing to do with it. Nothing of it is here, and
    /// nothing of it is missing.
    Apart,
    /// It should be known, and nobody has said.
    Unknown,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Kept {
    up_to: u64,
    indexes: Indexes,
}

impl Kept {
    /// How much of the same log is left when this one has ended at `kept`.
    fn cut(self, kept: u64, indexes: Indexes) -> Self {
        match self.indexes {
            // It is in what this epoch began with.
            Indexes::StartOver => self,
            Indexes::Continue => Self {
                up_to: match planted(Plant::FailoverCutsNothing) {
                    true => self.up_to,
                    false => self.up_to.min(kept),
                },
                indexes,
            },
        }
    }
}

impl Lineage {
    /// How many logs it can come from, and how many other shards. One that fails over more often has to
    /// [`forget`](Self::forget) the oldest.
    pub const MAX_ORIGINS: usize = 256;

    /// A log of which nothing else is known.
    pub const fn new(shard: u64, epoch: u64) -> Self {
        Self {
            shard,
            epoch,
            origins: BTreeMap::new(),
            ancestors: BTreeMap::new(),
        }
    }

    /// The log ended at index `kept`: the next epoch has everything up to there, and nothing after it.
    ///
    /// The epoch must be one in which **nobody else** ever led the shard, also not for a moment: take it from
    /// whoever decides who leads, such as the term of an election or the fencing token of a lease.
    ///
    /// # Errors
    ///
    /// When the epoch is not above the present one, or this would be one origin too many. Nothing has
    /// changed then.
    pub fn failover(
        &mut self,
        epoch: u64,
        kept: u64,
        indexes: Indexes,
    ) -> Result<(), LineageError> {
        if epoch <= self.epoch {
            return Err(LineageError::EpochNotAbove {
                epoch,
                last: self.epoch,
            });
        }
        if self.origins.len() >= Self::MAX_ORIGINS {
            return Err(LineageError::TooManyOrigins);
        }
        for origin in self.origins.values_mut() {
            *origin = origin.cut(kept, indexes);
        }
        let last = (self.shard, self.epoch);
        self.origins.insert(
            last,
            Kept {
                up_to: kept,
                indexes,
            },
        );
        self.epoch = epoch;
        Ok(())
    }

    /// A shard that begins with what others held: each of them up to an index. One parent with several
    /// heirs was split, several parents with one heir were merged.
    ///
    /// Its shard number may be new, or that of a parent, which goes on as its own heir. Give all heirs of one
    /// split the same epoch, above all in which a parent was ever led.
    ///
    /// # Errors
    ///
    /// When the epoch is not above those of all parents, which keeps their positions apart; or the number is
    /// that of a shard that ended before them; or there are too many origins.
    pub fn heir(shard: u64, epoch: u64, parents: &[(&Self, u64)]) -> Result<Self, LineageError> {
        let mut heir = Self::new(shard, epoch);
        for &(parent, kept) in parents {
            if epoch <= parent.epoch {
                return Err(LineageError::EpochNotAbove {
                    epoch,
                    last: parent.epoch,
                });
            }
            for (origin, of_parent) in parent.up_to(kept) {
                match heir.origins.entry(origin) {
                    Entry::Vacant(place) => {
                        place.insert(of_parent);
                    }
                    // Two parents with a common ancestor: it is here as far as it is in both.
                    Entry::Occupied(mut place) => {
                        let both = match planted(Plant::HeirTakesTheMore) {
                            true => place.get().up_to.max(of_parent.up_to),
                            false => place.get().up_to.min(of_parent.up_to),
                        };
                        place.get_mut().up_to = both;
                    }
                }
            }
            let grandparents = parent.ancestors.iter().map(|(&shard, &end)| (shard, end));
            for (ancestor, end) in grandparents.chain([(parent.shard, epoch)]) {
                let last = heir.ancestors.entry(ancestor).or_default();
                *last = end.max(*last);
            }
        }
        let goes_on = parents.iter().any(|(parent, _)| parent.shard == shard);
        if heir.ancestors.remove(&shard).is_some() && !goes_on {
            return Err(LineageError::ShardEnded { shard });
        }
        // What one parent knows of an ancestor and another has forgotten is not known.
        heir.origins.retain(|&(shard, epoch), _| {
            let mut parents = parents.iter();
            parents.all(|(parent, _)| parent.knows(shard, epoch) || !parent.concerns(shard, epoch))
        });
        if heir.origins.len().max(heir.ancestors.len()) > Self::MAX_ORIGINS {
            return Err(LineageError::TooManyOrigins);
        }
        Ok(heir)
    }

    /// Where in this log a position of this shard, or of one that it comes from, is.
    pub fn place(&self, shard: u64, position: Position) -> Placed {
        if (shard, position.epoch) == (self.shard, self.epoch) {
            return Placed::At {
                index: position.index,
            };
        }
        if !self.concerns(shard, position.epoch) {
            return Placed::Apart;
        }
        match self.origins.get(&(shard, position.epoch)) {
            None if planted(Plant::UnknownIsThere) => Placed::At {
                index: position.index,
            },
            None => Placed::Unknown,
            Some(kept) if position.index > kept.up_to && !planted(Plant::LostIsThere) => {
                Placed::Lost { kept: kept.up_to }
            }
            Some(kept) => Placed::At {
                index: match kept.indexes {
                    Indexes::StartOver if !planted(Plant::IndexesAlwaysContinue) => 0,
                    _ => position.index,
                },
            },
        }
    }

    /// Forgets how an earlier epoch ended, to make room. Of a session that has seen it, it will be *unknown*
    /// whether that was kept.
    pub fn forget(&mut self, shard: u64, epoch: u64) {
        self.origins.remove(&(shard, epoch));
    }

    /// Forgets that it comes from another shard, to make room. Do so only when no session can come any more
    /// that saw that shard before this one was its heir, as all tokens of then are too old: what such a
    /// session saw is not asked for any more.
    pub fn disown(&mut self, shard: u64) {
        self.origins.retain(|&(other, _), _| other != shard);
        self.ancestors.remove(&shard);
    }

    /// The shard.
    pub const fn shard(&self) -> u64 {
        self.shard
    }

    /// The epoch in which the log is now.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The other shards that it comes from, each with the first epoch that is no part of this log any more:
    /// the one in which an heir of that shard began.
    pub fn ancestors(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ancestors.iter().map(|(&shard, &end)| (shard, end))
    }

    /// Whether what was seen of that log should be here.
    fn concerns(&self, shard: u64, epoch: u64) -> bool {
        let end = self.ancestors.get(&shard);
        shard == self.shard || end.is_some_and(|&end| epoch < end || planted(Plant::HeirHasItAll))
    }

    fn knows(&self, shard: u64, epoch: u64) -> bool {
        (shard, epoch) == (self.shard, self.epoch) || self.origins.contains_key(&(shard, epoch))
    }

    /// What an heir takes over when this log ends at `kept`.
    fn up_to(&self, kept: u64) -> impl Iterator<Item = ((u64, u64), Kept)> {
        let indexes = Indexes::StartOver;
        let own = Kept {
            up_to: kept,
            indexes,
        };
        let origins = self.origins.iter();
        let older = origins.filter(|_| !planted(Plant::HeirForgetsGrandparents));
        let older = older.map(move |(&origin, of)| (origin, of.cut(kept, indexes)));
        older.chain(core::iter::once(((self.shard, self.epoch), own)))
    }
}

/// Why a lineage could not be made or continued.
///
/// ```
/// use quorate_consistency::session::{Indexes, Lineage};
///
/// let error = Lineage::new(0, 3).failover(3, 10, Indexes::Continue).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "epoch 3 follows on epoch 3: give each log of a shard an epoch above those that it comes from"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LineageError {
    /// The epoch is not above one that it follows on.
    EpochNotAbove {
        /// The epoch.
        epoch: u64,
        /// The one that it was to follow on.
        last: u64,
    },
    /// The heir would have the number of a shard that its parents come from, and that has ended.
    ShardEnded {
        /// The number.
        shard: u64,
    },
    /// The log would come from too many others.
    TooManyOrigins,
}

impl fmt::Display for LineageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochNotAbove { epoch, last } => write!(
                f,
                "epoch {epoch} follows on epoch {last}: give each log of a shard an epoch above those \
                 that it comes from"
            ),
            Self::ShardEnded { shard } => write!(
                f,
                "shard {shard} has ended, and an heir of its heirs would have its number: take a new one"
            ),
            Self::TooManyOrigins => write!(
                f,
                "the log comes from more than {} others: forget those of which no session has a token \
                 any more",
                Lineage::MAX_ORIGINS
            ),
        }
    }
}

impl core::error::Error for LineageError {}
