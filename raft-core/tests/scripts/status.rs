//! How a leader sees the others, as `status` prints it.

use std::fmt::Write as _;

use quorate_clocks::NodeId;
use quorate_raft_core::PeerState;

use crate::world::{Printed, World, or_ok};

impl World {
    pub(crate) fn status(&mut self, id: u64) -> Printed {
        let node = self.node(id)?;
        let status = node.raft.status();
        let explained = node.raft.explain(node.now);
        let own = (NodeId(id), status.durable, status.last.index.next(), None);
        let peers = status.peers.iter().map(|peer| {
            let state = explained.peers.iter().find(|(id, _)| *id == peer.id);
            (
                peer.id,
                peer.matched,
                peer.next,
                state.map(|(_, state)| *state),
            )
        });
        let mut rows: Vec<_> = peers.collect();
        if status.role == quorate_raft_core::Role::Leader {
            rows.push(own);
        }
        rows.sort_unstable_by_key(|row| row.0);
        let mut printed = String::new();
        for (peer, matched, next, state) in rows {
            let (name, more) = match state {
                None | Some(PeerState::UpToDate) => ("StateReplicate", String::new()),
                Some(PeerState::Streaming { in_flight: 0, .. }) => {
                    ("StateReplicate", String::new())
                }
                Some(PeerState::Streaming {
                    in_flight, is_full, ..
                }) => {
                    let full = if is_full { "[full]" } else { "" };
                    ("StateReplicate", format!(" inflight={in_flight}{full}"))
                }
                Some(PeerState::NeedsSnapshot | PeerState::TakesSnapshot { .. }) => {
                    ("StateSnapshot", " paused".to_owned())
                }
                Some(PeerState::Silent { .. }) => ("StateProbe", " inactive".to_owned()),
                Some(_) => ("StateProbe", String::new()),
            };
            let learner = if status.membership.is_learner(peer) {
                " learner"
            } else {
                ""
            };
            let (peer, matched, next) = (peer.0, matched.0, next.0);
            let _ = writeln!(
                printed,
                "{peer}: {name} match={matched} next={next}{learner}{more}"
            );
        }
        or_ok(printed)
    }
}
