//! A read sees everything that was acknowledged before it was asked for (Raft §8, thesis §6.4 for
//! rounds and §6.4.1 for leases). As all applied sequences are prefixes of one, it is enough to
//! compare how long they are. This is linearizability for a history of appends and reads.

use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Reads {
    cursor: usize,
}

impl Invariant for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            if let Seen::Read {
                node,
                level,
                acknowledged,
                shown,
            } = seen
                && shown < acknowledged
            {
                return Err(format!(
                    "a {level} read of {node} showed the state at {shown}, and {acknowledged} was acknowledged before it was asked for"
                ));
            }
        }
        Ok(())
    }
}
