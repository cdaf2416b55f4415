//! No two nodes ever apply different entries at an index, and each applies all of them in order
//! (Raft §5.4.3). What was once applied anywhere is therefore never lost or changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{Entry, Index, Payload};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct StateMachineSafety {
    cursor: usize,
    /// The one sequence of which all others are prefixes, from index 1 on.
    sequence: Vec<Entry>,
    applied: BTreeMap<NodeId, Index>,
}

impl Invariant for StateMachineSafety {
    fn name(&self) -> &'static str {
        "state machine safety"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            match seen {
                Seen::Started { node, applied } => {
                    self.applied.insert(*node, *applied);
                }
                Seen::Applied { node, entry, .. } => {
                    let position = entry.position;
                    let last = self
                        .applied
                        .insert(*node, position.index)
                        .unwrap_or_default();
                    if position.index != last.next() {
                        return Err(format!("{node} applied {position} after index {last}"));
                    }
                    match self.sequence.get(last.0 as usize) {
                        None => self.sequence.push(entry.clone()),
                        Some(first) if first == entry => {}
                        Some(first) => {
                            return Err(format!(
                                "{node} applied {entry:?}, where {first:?} was applied before"
                            ));
                        }
                    }
                }
                Seen::Restored {
                    node,
                    through,
                    commands,
                } => {
                    let last = self
                        .applied
                        .insert(*node, through.index)
                        .unwrap_or_default();
                    if through.index < last {
                        return Err(format!("{node} went back from {last} to {through}"));
                    }
                    let expected: Vec<&Bytes> = self
                        .sequence
                        .iter()
                        .take(through.index.0 as usize)
                        .filter_map(|entry| match &entry.payload {
                            Payload::Command(command) => Some(command),
                            _ => None,
                        })
                        .collect();
                    let same = commands.iter().eq(expected);
                    let at = (through.index.0 as usize).checked_sub(1);
                    let named = at.and_then(|at| self.sequence.get(at));
                    if !same || named.is_none_or(|entry| entry.position != *through) {
                        return Err(format!(
                            "{node} was given a state at {through} that is not of the sequence"
                        ));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
