//! Proposals whose fate is open.

use alloc::collections::VecDeque;

use crate::entries::Batch;
use crate::log::Log;
use crate::{Fate, Index, Position, Term};

/// What this node proposed, in this leadership or an earlier one, until it is known what became of it.
///
/// Only what is committed proves that a proposal is lost: a later leader may still hold one that was
/// truncated here.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Proposals {
    open: VecDeque<Open>,
    cost: usize,
}

/// Proposals that follow each other in the log.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Open {
    first: Position,
    last: Index,
    /// What they cost together. It is held until the last of them is settled.
    cost: usize,
}

impl Open {
    /// The positions up to `last`.
    fn positions(self, last: Index) -> impl Iterator<Item = Position> {
        let Position { term, index } = self.first;
        (index.0..=last.0).map(move |index| Position {
            term,
            index: Index(index),
        })
    }
}

impl Proposals {
    /// Follows these until they are settled.
    pub(crate) fn push(&mut self, batch: &Batch) {
        let cost = batch.cost();
        self.cost += cost;
        self.open.push_back(Open {
            first: batch.first(),
            last: batch.last().index,
            cost,
        });
    }

    /// Whether the fate of all is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What those that are open cost.
    pub(crate) const fn cost(&self) -> usize {
        self.cost
    }

    /// Everything up to `commit` is committed. Tells of those that are lost; the others are in the log.
    pub(crate) fn settle(
        &mut self,
        commit: Index,
        log: &Log,
        mut lost: impl FnMut(Position, Fate),
    ) {
        let cost = &mut self.cost;
        self.open.retain_mut(|open| {
            let Position { term, index } = open.first;
            if index > commit {
                return true;
            }
            let last = open.last.min(commit);
            // A term is one run in the log: both ends are in it, or it is cut.
            let end = Position { term, index: last };
            let is_held = index > log.start().index && log.holds(open.first) && log.holds(end);
            if !is_held {
                for position in open.positions(last) {
                    if position.index <= log.start().index {
                        lost(position, Fate::Unknown);
                    } else if !log.holds(position) {
                        lost(position, Fate::Replaced);
                    }
                }
            }
            if open.last > commit {
                open.first.index = commit.next();
                return true;
            }
            *cost -= open.cost;
            false
        });
    }

    /// An entry of `term` is committed: terms never fall along a log, so nothing older follows it in any
    /// log that will ever be.
    pub(crate) fn settle_outdated(&mut self, term: Term, mut lost: impl FnMut(Position, Fate)) {
        let cost = &mut self.cost;
        self.open.retain(|open| {
            let is_open = open.first.term >= term;
            if !is_open {
                *cost -= open.cost;
                for position in open.positions(open.last) {
                    lost(position, Fate::Replaced);
                }
            }
            is_open
        });
    }
}
