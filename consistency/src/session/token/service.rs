//! What was seen of the shards of one service.

use alloc::collections::BTreeMap;

use super::seen::{Known, Seen};
use crate::session::Guarantees;
use crate::session::plant::{Plant, planted};

/// What is known of the shards that are not listed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Rest {
    /// At most this was seen of each of them; mostly nothing.
    AtMost(Known),
    /// Anything may have been seen.
    Anything,
}

impl Default for Rest {
    fn default() -> Self {
        Self::AtMost(Known::default())
    }
}

/// What was seen of one service: a value for each shard there can be, of which all but a few are the
/// same.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Service {
    pub(super) rest: Rest,
    /// Those that are not the same as the rest.
    pub(super) shards: BTreeMap<u64, Known>,
}

impl Service {
    pub(super) const ANYTHING: Self = Self {
        rest: Rest::Anything,
        shards: BTreeMap::new(),
    };

    /// What was seen of a shard, unless it may be anything.
    pub(super) fn known(&self, shard: u64) -> Option<&Known> {
        match (self.shards.get(&shard), &self.rest) {
            (Some(known), _) | (None, Rest::AtMost(known)) => Some(known),
            (None, Rest::Anything) => None,
        }
    }

    pub(super) fn set(&mut self, shard: u64, known: Known) {
        if matches!(&self.rest, Rest::AtMost(rest) if *rest == known) {
            self.shards.remove(&shard);
        } else {
            self.shards.insert(shard, known);
        }
    }

    /// Whether there is an entry more by it.
    pub(super) fn observe(&mut self, shard: u64, epoch: u64, seen: Seen) -> bool {
        let is_listed = self.shards.contains_key(&shard);
        let known = match (self.shards.get_mut(&shard), &self.rest) {
            (Some(known), _) => known,
            (None, Rest::AtMost(rest)) => self.shards.entry(shard).or_insert_with(|| rest.clone()),
            // Nothing can be added to anything.
            (None, Rest::Anything) => return false,
        };
        if planted(Plant::LastCounts) {
            known.change(|other, old| if other == epoch { Seen::NOTHING } else { old });
        }
        if planted(Plant::HigherEpochCounts) {
            known.change(|other, old| if other < epoch { Seen::NOTHING } else { old });
        }
        let before = known.len();
        known.observe(epoch, seen);
        let has_more = !is_listed || known.len() > before;
        if matches!(&self.rest, Rest::AtMost(rest) if rest == known) {
            self.shards.remove(&shard);
        }
        has_more
    }

    /// For each shard what was seen of it in either. So what both list, or one lists where the other knows
    /// an upper bound, stays listed.
    pub(super) fn join(&mut self, other: &Self) {
        match &other.rest {
            Rest::AtMost(rest) => {
                for (shard, ours) in &mut self.shards {
                    if !rest.is_empty() && !other.shards.contains_key(shard) {
                        ours.join(rest);
                    }
                }
            }
            Rest::Anything => self
                .shards
                .retain(|shard, _| other.shards.contains_key(shard)),
        }
        for (&shard, theirs) in &other.shards {
            let ours = match (self.shards.get_mut(&shard), &self.rest) {
                (Some(ours), _) => ours,
                (None, Rest::AtMost(rest)) => {
                    self.shards.entry(shard).or_insert_with(|| rest.clone())
                }
                (None, Rest::Anything) => continue,
            };
            if planted(Plant::MergeTakesTheLess) {
                *ours = Known::default();
            }
            ours.join(theirs);
        }
        match (&mut self.rest, &other.rest) {
            (Rest::AtMost(ours), Rest::AtMost(theirs)) => ours.join(theirs),
            (rest, _) => *rest = Rest::Anything,
        }
        self.drop_what_is_rest();
    }

    /// Counts a shard among the rest, of which so much more may have been seen then.
    pub(super) fn collapse(&mut self, shard: u64) {
        let Some(known) = self.shards.remove(&shard) else {
            return;
        };
        if let Rest::AtMost(rest) = &mut self.rest {
            if planted(Plant::CoarseTakesTheLast) {
                rest.join(&known.last());
            } else if !planted(Plant::CoarseForgets) {
                rest.join(&known);
            }
        }
    }

    pub(super) fn drop_what_is_rest(&mut self) {
        if let Rest::AtMost(rest) = &self.rest {
            self.shards.retain(|_, known| known != rest);
        }
    }

    pub(super) fn prerequisites(&self, guarantees: Guarantees) -> Self {
        let shards = self.shards.iter();
        let mut prerequisites = Self {
            rest: match &self.rest {
                Rest::AtMost(rest) => Rest::AtMost(rest.prerequisites(guarantees)),
                Rest::Anything => Rest::Anything,
            },
            shards: shards
                .map(|(&shard, known)| (shard, known.prerequisites(guarantees)))
                .collect(),
        };
        prerequisites.drop_what_is_rest();
        prerequisites
    }

    /// How many entries it has to keep.
    pub(super) fn entries(&self) -> usize {
        let rest = match &self.rest {
            Rest::AtMost(rest) => rest.len(),
            Rest::Anything => 0,
        };
        let shards = self.shards.values().map(|known| known.len().max(1));
        shards.fold(rest.saturating_add(1), usize::saturating_add)
    }
}
