//! In one life of a node its term, its commit index and its applied index only grow, and nothing is
//! applied that is not committed (Raft figure 2).

use std::collections::BTreeMap;

use quorate_clocks::NodeId;
use quorate_raft_core::{Index, Term};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Monotony {
    cursor: usize,
    before: BTreeMap<NodeId, (Term, Index, Index)>,
}

impl Invariant for Monotony {
    fn name(&self) -> &'static str {
        "monotony"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            if let Seen::Started { node, .. } = seen {
                self.before.remove(node);
            }
        }
        let Some((id, raft)) = world
            .touched()
            .and_then(|id| Some((id, world.machine(id)?)))
        else {
            return Ok(());
        };
        let now = (raft.term(), raft.commit(), raft.applied());
        let before = self.before.insert(id, now).unwrap_or_default();
        if now.0 < before.0 || now.1 < before.1 || now.2 < before.2 {
            return Err(format!(
                "{id} went from {before:?} to {now:?} (term, commit, applied)"
            ));
        }
        if now.2 > now.1 {
            return Err(format!("{id} applied {} and committed {}", now.2, now.1));
        }
        Ok(())
    }
}
