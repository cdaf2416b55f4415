//! A node votes for at most one candidate in a term, through crashes too, and its term never goes
//! back (Raft §5.2, §5.4 and figure 2: the persistent state).

use std::collections::BTreeMap;

use quorate_clocks::NodeId;
use quorate_raft_core::HardState;
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct OneVote {
    cursor: usize,
    states: BTreeMap<NodeId, HardState>,
}

impl Invariant for OneVote {
    fn name(&self) -> &'static str {
        "one vote"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            let Seen::Voted { node, state } = seen else {
                continue;
            };
            let before = self.states.insert(*node, *state).unwrap_or_default();
            let changed =
                state.term == before.term && before.vote.is_some() && state.vote != before.vote;
            if state.term < before.term || changed {
                return Err(format!("{node} went from {before:?} to {state:?}"));
            }
        }
        Ok(())
    }
}
