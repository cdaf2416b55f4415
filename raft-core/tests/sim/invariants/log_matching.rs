//! If two logs hold an entry with the same index and term, they are the same up to it (Raft §5.3).
//!
//! It is enough that an entry of a position always has the same content and the same predecessor,
//! on whichever disk it was ever written: the rest follows by induction.

use std::collections::BTreeMap;

use quorate_raft_core::{Payload, Position};
use quorate_sim::World;

use super::Invariant;
use crate::sim::book::Seen;
use crate::sim::cluster::Cluster;

#[derive(Default)]
pub(crate) struct LogMatching {
    cursor: usize,
    entries: BTreeMap<Position, (Position, Payload)>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn check(&mut self, world: &World<Cluster>) -> Result<(), String> {
        for seen in world.process().book.since(&mut self.cursor) {
            let Seen::Wrote {
                node,
                previous,
                entry,
            } = seen
            else {
                continue;
            };
            let position = entry.position;
            if previous.index.next() != position.index || previous.term > position.term {
                return Err(format!("{node} wrote {position} after {previous}"));
            }
            let written = (*previous, entry.payload.clone());
            let first = self
                .entries
                .entry(position)
                .or_insert_with(|| written.clone());
            if *first != written {
                return Err(format!(
                    "{node} wrote {position} as {written:?}, which elsewhere is {first:?}"
                ));
            }
        }
        Ok(())
    }
}
