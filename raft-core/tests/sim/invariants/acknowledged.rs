//! A command of which a client was told that it is committed is durable on a quorum, under that very
//! position (Raft §5.3; §5.5 for what a crash may take away).
//!
//! Which membership decided cannot be seen. It is one that some node has had, and no older than the one that
//! holds at the command (thesis §4.1: a leader counts by the newest of its log).

use bytes::Bytes;
use quorate_raft_core::{Index, Membership, Payload, Position};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Acknowledged {
    cursor: usize,
    /// Every membership that a node has had, by the entry that names it.
    memberships: Vec<(Index, Membership)>,
    /// The last ones, to be looked at again after a crash.
    recent: Vec<(Position, Bytes, Vec<Membership>)>,
    restarts: u64,
}

impl Acknowledged {
    /// Notes whom each node counts as members: one that was called may have changed them since the last step, and
    /// have committed by that.
    fn learn(&mut self, world: &World<Cluster>) {
        for (_, raft) in world.machines() {
            let index = raft.membership_index();
            let is_known =
                |known: &(Index, Membership)| known.0 == index && known.1 == *raft.membership();
            if !self.memberships.iter().any(is_known) {
                self.memberships.push((index, raft.membership().clone()));
            }
        }
    }

    /// The memberships that may have decided about a command which was acknowledged just now.
    fn deciding(&self, world: &World<Cluster>, index: Index) -> Vec<Membership> {
        let of_command = world
            .machines()
            .filter(|(_, raft)| raft.commit() >= index)
            .filter_map(|(_, raft)| match raft.membership_index() <= index {
                true => Some(raft.membership()),
                false => raft.membership_at(index),
            });
        // A log that was compacted further no longer says who the members were there.
        let indices = self.memberships.iter().map(|(at, _)| *at);
        let newest = indices.filter(|at| *at <= index).max().unwrap_or_default();
        let since = self.memberships.iter().filter(|(at, _)| *at >= newest);
        let since = since.map(|(_, membership)| membership);
        of_command.chain(since).cloned().collect()
    }

    fn is_durable(
        world: &World<Cluster>,
        position: Position,
        command: &Bytes,
        deciding: &[Membership],
    ) -> Result<(), String> {
        let mut holders = Vec::new();
        for id in world.ids() {
            let Some(disk) = world.disk(id).filter(|disk| disk.holds(position)) else {
                continue;
            };
            holders.push(id);
            let payload = disk.entry(position.index).map(|entry| &entry.payload);
            if payload.is_some_and(|payload| *payload != Payload::Command(command.clone())) {
                return Err(format!(
                    "{position} was acknowledged as {command:?}, and {id} has {payload:?}"
                ));
            }
        }
        let is_quorum = |membership: &Membership| membership.is_quorum(|id| holders.contains(&id));
        if !deciding.iter().any(is_quorum) {
            return Err(format!(
                "{position} was acknowledged, and only {holders:?} hold it"
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
        self.learn(world);
        let mut cursor = self.cursor;
        for seen in world.process().book.since(&mut cursor) {
            if let Seen::Acknowledged { position, command } = seen {
                let deciding = self.deciding(world, position.index);
                Self::is_durable(world, *position, command, &deciding)?;
                if self.recent.len() == 20 {
                    self.recent.remove(0);
                }
                self.recent.push((*position, command.clone(), deciding));
            }
        }
        self.cursor = cursor;
        if self.restarts < world.stats().restarts {
            self.restarts = world.stats().restarts;
            for (position, command, deciding) in &self.recent {
                Self::is_durable(world, *position, command, deciding)?;
            }
        }
        Ok(())
    }
}
