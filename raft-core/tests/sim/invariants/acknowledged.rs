//! A command of which a client was told that it is committed is durable on a majority, under that
//! very position (Raft §5.3; §5.5 for what a crash may take away).

use bytes::Bytes;
use quorate_raft_core::{Payload, Position};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Acknowledged {
    cursor: usize,
    /// The last ones, to be looked at again after a crash.
    recent: Vec<(Position, Bytes)>,
    restarts: u64,
}

impl Acknowledged {
    fn is_durable(
        world: &World<Cluster>,
        position: Position,
        command: &Bytes,
    ) -> Result<(), String> {
        let mut holders = 0;
        for id in world.ids() {
            let Some(disk) = world.disk(id).filter(|disk| disk.holds(position)) else {
                continue;
            };
            holders += 1;
            let payload = disk.entry(position.index).map(|entry| &entry.payload);
            if payload.is_some_and(|payload| *payload != Payload::Command(command.clone())) {
                return Err(format!(
                    "{position} was acknowledged as {command:?}, and {id} has {payload:?}"
                ));
            }
        }
        let nodes = world.ids().count();
        if holders * 2 <= nodes {
            return Err(format!(
                "{position} was acknowledged, and {holders} of {nodes} hold it"
            ));
        }
        Ok(())
    }
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            if let Seen::Acknowledged { position, command } = seen {
                Self::is_durable(world, *position, command)?;
                if self.recent.len() == 20 {
                    self.recent.remove(0);
                }
                self.recent.push((*position, command.clone()));
            }
        }
        if self.restarts < world.stats().restarts {
            self.restarts = world.stats().restarts;
            for (position, command) in &self.recent {
                Self::is_durable(world, *position, command)?;
            }
        }
        Ok(())
    }
}
