//! A command of which a client was told that it will never be applied is never applied: the client
//! may propose it again without doing it twice (thesis §6.3).

use std::collections::BTreeSet;

use bytes::Bytes;
use quorate_raft_core::Payload;
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Refuted {
    cursor: usize,
    applied: BTreeSet<Bytes>,
    refuted: BTreeSet<Bytes>,
}

impl Invariant for Refuted {
    fn name(&self) -> &'static str {
        "refuted"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            let command = match seen {
                Seen::Applied { entry, .. } => match &entry.payload {
                    Payload::Command(command) => {
                        self.applied.insert(command.clone());
                        command
                    }
                    _ => continue,
                },
                Seen::Refuted { command } => {
                    self.refuted.insert(command.clone());
                    command
                }
                _ => continue,
            };
            if self.applied.contains(command) && self.refuted.contains(command) {
                return Err(format!("{command:?} was said to be lost, and is applied"));
            }
        }
        Ok(())
    }
}
