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
    open: VecDeque<Batch>,
    cost: usize,
}

impl Proposals {
    /// Follows these until they are settled.
    pub(crate) fn push(&mut self, batch: Batch) {
        self.cost += batch.cost();
        self.open.push_back(batch);
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
        self.open.retain_mut(|batch| {
            let count = batch.count_before(commit.next());
            let rest = batch.slice(count, usize::MAX);
            let Some(settled) = batch.slice(0, count) else {
                return true;
            };
            *cost -= settled.cost();
            // A term is one run in the log: both ends of the batch are in it, or it is cut.
            let is_held = settled.first().index > log.start().index
                && log.holds(settled.first())
                && log.holds(settled.last());
            if !is_held {
                for entry in settled.iter() {
                    if entry.position.index <= log.start().index {
                        lost(entry.position, Fate::Unknown);
                    } else if !log.holds(entry.position) {
                        lost(entry.position, Fate::Replaced);
                    }
                }
            }
            match rest {
                Some(rest) => {
                    *batch = rest;
                    true
                }
                None => false,
            }
        });
    }

    /// An entry of `term` is committed: terms never fall along a log, so nothing older follows it in any
    /// log that will ever be.
    pub(crate) fn settle_outdated(&mut self, term: Term, mut lost: impl FnMut(Position, Fate)) {
        let cost = &mut self.cost;
        self.open.retain(|batch| {
            let is_open = batch.first().term >= term;
            if !is_open {
                *cost -= batch.cost();
                for entry in batch.iter() {
                    lost(entry.position, Fate::Replaced);
                }
            }
            is_open
        });
    }
}
