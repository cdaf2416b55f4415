//! At most one leader is elected in a term (Raft §5.2).

use std::collections::BTreeMap;

use quorate_clocks::NodeId;
use quorate_raft_core::{Role, Term};
use quorate_sim::World;

use super::Invariant;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct ElectionSafety {
    leaders: BTreeMap<Term, NodeId>,
}

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election safety"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        let Some((id, raft)) = world
            .touched()
            .and_then(|id| Some((id, world.machine(id)?)))
        else {
            return Ok(());
        };
        if raft.role() != Role::Leader {
            return Ok(());
        }
        match *self.leaders.entry(raft.term()).or_insert(id) {
            leader if leader == id => Ok(()),
            leader => Err(format!("{leader} and {id} lead {}", raft.term())),
        }
    }
}
