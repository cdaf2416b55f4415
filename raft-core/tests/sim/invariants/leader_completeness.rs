//! An entry that was committed in a term is in the logs of the leaders of all later terms
//! (Raft §5.4).
//!
//! The term in which an entry was committed cannot be seen, but it is at most the term of whoever
//! applied it first.

use std::collections::BTreeMap;

use quorate_clocks::NodeId;
use quorate_raft_core::{Index, Position, Role, Term};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct LeaderCompleteness {
    cursor: usize,
    /// Committed entries from index 1 on, each with the term in which that was known first.
    committed: Vec<(Position, Term)>,
    /// How far the log of a leader of a term was compared.
    compared: BTreeMap<(Term, NodeId), usize>,
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader completeness"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            if let Seen::Applied { known, entry, .. } = seen
                && entry.position.index.0 == self.committed.len() as u64 + 1
            {
                self.committed.push((entry.position, *known));
            }
        }
        for (id, raft) in world.machines() {
            if raft.role() != Role::Leader {
                continue;
            }
            let term = raft.term();
            let from = self.compared.entry((term, id)).or_default();
            for (at, (position, known)) in self.committed.iter().enumerate().skip(*from) {
                let index = Index(at as u64 + 1);
                let held = raft.position_at(index);
                let compacted = held.is_none() && index <= raft.applied();
                if *known < term && held != Some(*position) && !compacted {
                    return Err(format!(
                        "{id} leads {term} without {position}, which {known} knew to be committed; it has {held:?}"
                    ));
                }
            }
            *from = self.committed.len();
        }
        Ok(())
    }
}
