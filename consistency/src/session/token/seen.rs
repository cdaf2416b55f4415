//! How far a session has read and written, and in which epochs.

use alloc::vec::Vec;

use crate::session::plant::{Plant, planted};
use crate::session::{Guarantees, Op, Position};

/// How far a session has read and written in one epoch of a shard.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Seen {
    pub(super) read: Option<u64>,
    pub(super) written: Option<u64>,
}

impl Seen {
    pub(super) const NOTHING: Self = Self {
        read: None,
        written: None,
    };

    pub(super) const fn read(index: u64) -> Self {
        Self {
            read: Some(index),
            written: None,
        }
    }

    pub(super) const fn written(index: u64) -> Self {
        Self {
            read: None,
            written: Some(index),
        }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            read: self.read.max(other.read),
            written: self.written.max(other.written),
        }
    }

    /// What is left of it above an index.
    fn above(self, index: u64) -> Self {
        Self {
            read: self.read.filter(|&read| read > index),
            written: self.written.filter(|&written| written > index),
        }
    }

    /// The index that a replica must have for an operation: Terry et al. 1994, table 2.
    fn wanted(self, op: Op, guarantees: Guarantees) -> Option<u64> {
        let (by_reads, by_writes) = op.guarantees();
        let (no_reads, no_writes) = match op {
            Op::Read => (Plant::ReadsNeedNoReads, Plant::ReadsNeedNoWrites),
            Op::Write => (Plant::WritesNeedNoReads, Plant::WritesNeedNoWrites),
        };
        let read = self.read.filter(|_| guarantees.contains(by_reads));
        let written = self.written.filter(|_| guarantees.contains(by_writes));
        let read = read.filter(|_| !planted(no_reads));
        read.max(written.filter(|_| !planted(no_writes)))
    }
}

/// What was seen of one shard: by epoch, as positions of two epochs do not compare.
///
/// Mostly that is one epoch, which is kept in place.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(in crate::session) struct Known {
    first: Option<(u64, Seen)>,
    /// Those above the first, ascending.
    more: Vec<(u64, Seen)>,
}

impl Known {
    pub(super) fn observe(&mut self, epoch: u64, seen: Seen) {
        match &mut self.first {
            None => self.first = Some((epoch, seen)),
            Some((first, of_first)) if *first == epoch => *of_first = of_first.join(seen),
            Some(first) if epoch < first.0 => {
                self.more.insert(0, *first);
                *first = (epoch, seen);
            }
            Some(_) => match self.more.binary_search_by_key(&epoch, |&(epoch, _)| epoch) {
                Ok(at) => {
                    if let Some((_, old)) = self.more.get_mut(at) {
                        *old = old.join(seen);
                    }
                }
                Err(at) => self.more.insert(at, (epoch, seen)),
            },
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (epoch, seen) in other.epochs() {
            self.observe(epoch, seen);
        }
    }

    /// Drops what is no more than a position that every replica has.
    pub(super) fn drop_stable(&mut self, stable: Position) {
        let more = u64::from(planted(Plant::StableAndOneMore));
        self.change(|epoch, seen| {
            if epoch == stable.epoch || planted(Plant::StableInAll) {
                seen.above(stable.index.saturating_add(more))
            } else {
                seen
            }
        });
    }

    /// Puts something in the place of what is known of each epoch.
    pub(super) fn change(&mut self, mut change: impl FnMut(u64, Seen) -> Seen) {
        let mut changed = Self::default();
        for (epoch, seen) in self.epochs() {
            let seen = change(epoch, seen);
            if seen != Seen::NOTHING {
                changed.observe(epoch, seen);
            }
        }
        *self = changed;
    }

    pub(super) fn wanted(
        &self,
        op: Op,
        guarantees: Guarantees,
    ) -> impl Iterator<Item = Position> + '_ {
        self.epochs().filter_map(move |(epoch, seen)| {
            let index = seen.wanted(op, guarantees)?;
            Some(Position { epoch, index })
        })
    }

    /// What has to come before a write, as something that was read.
    pub(super) fn prerequisites(&self, guarantees: Guarantees) -> Self {
        let mut prerequisites = Self::default();
        for position in self.wanted(Op::Write, guarantees) {
            prerequisites.observe(position.epoch, Seen::read(position.index));
        }
        prerequisites
    }

    /// By epoch, ascending.
    pub(super) fn epochs(&self) -> impl Iterator<Item = (u64, Seen)> + '_ {
        self.first.iter().chain(&self.more).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many epochs.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()).saturating_add(self.more.len())
    }

    /// Its last epoch alone.
    pub(super) fn last(&self) -> Self {
        Self {
            first: self.more.last().copied().or(self.first),
            more: Vec::new(),
        }
    }

    /// By which the oldest is found: the last epoch, and how far in it.
    pub(super) fn age(&self) -> (u64, Option<u64>) {
        let last = self.more.last().or(self.first.as_ref());
        last.map_or((0, None), |(epoch, seen)| {
            (*epoch, seen.read.max(seen.written))
        })
    }
}
