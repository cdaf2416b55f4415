//! A node that counts itself current as of a moment names an index that covers all that anyone was
//! told is committed before that moment, whatever the network did to the messages and however its
//! clock runs.

use quorate_clocks::Instant;
use quorate_raft_core::Index;
use quorate_sim::World;

use super::Invariant;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct Currency {
    /// When more was acknowledged, in the world's time, and up to where.
    acknowledged: Vec<(Instant, Index)>,
}

impl Invariant for Currency {
    fn name(&self) -> &'static str {
        "currency"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        let acknowledged = world.process().book.acknowledged;
        if self
            .acknowledged
            .last()
            .is_none_or(|last| last.1 < acknowledged)
        {
            self.acknowledged.push((world.now(), acknowledged));
        }
        let claim = world.touched().and_then(|id| {
            let (at, index) = world.machine(id)?.current_as_of()?;
            Some((id, world.clock(id)?.when(at), index))
        });
        let Some((id, at, index)) = claim else {
            return Ok(());
        };
        let before = self.acknowledged.partition_point(|(when, _)| *when < at);
        let known = before.checked_sub(1).map(|last| self.acknowledged[last].1);
        match known {
            Some(known) if index < known => Err(format!(
                "{id} is current as of {at} up to {index}, and {known} was acknowledged before"
            )),
            _ => Ok(()),
        }
    }
}
