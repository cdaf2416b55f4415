//! Snapshots from the leader to a follower that is behind the log's start (Raft §7, figure 13).

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId};
use quorate_transport::{Lane, Transmit};

use crate::progress::Mode;
use crate::{
    AppendOutcome, Index, Membership, Message, Position, Raft, Snapshot, SnapshotChunk,
    SnapshotReply,
};

/// A snapshot that is arriving.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Incoming {
    position: Position,
    membership: Membership,
    total: usize,
    /// What has arrived, from the first byte on. Grows as chunks come: a peer's word on the total
    /// reserves nothing.
    data: Vec<u8>,
}

impl Raft {
    /// Brings the newest durable snapshot for a follower, as asked for with
    /// [`Event::SnapshotWanted`](crate::Event::SnapshotWanted). None when there is none: the
    /// question comes again later.
    pub fn provide_snapshot(&mut self, to: NodeId, snapshot: Option<Snapshot>, now: Instant) {
        self.advance(now);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == to) else {
            return;
        };
        if !matches!(peer.mode, Mode::AwaitSnapshot { asked: true }) {
            return;
        }
        peer.mode = match snapshot {
            // One that the follower has already, or that the log does not go on from, is no help.
            Some(snapshot)
                if snapshot.position.index > peer.matched && self.log.holds(snapshot.position) =>
            {
                self.counters.0.snapshots_sent += 1;
                Mode::SendSnapshot {
                    snapshot,
                    offset: 0,
                    waiting: false,
                    resync: false,
                }
            }
            _ => Mode::Probe { waiting: true },
        };
    }

    /// A snapshot for a witness: of what the log no longer has, but without any state.
    pub(crate) fn snapshot_for_witness(&self) -> Option<Snapshot> {
        let position = self.log.start();
        Some(Snapshot {
            position,
            membership: self.membership_at(position.index)?.clone(),
            data: Bytes::new(),
        })
    }

    /// Sends the next chunk, unless one is on its way. Gives whether there is more to send now.
    pub(crate) fn send_chunk(&mut self, at: usize) -> bool {
        let term = self.hard_state.term;
        let Some(peer) = self.peers.get_mut(at) else {
            return false;
        };
        let Mode::SendSnapshot {
            snapshot,
            offset,
            waiting: waiting @ false,
            ..
        } = &mut peer.mode
        else {
            return false;
        };
        *waiting = true;
        let total = snapshot.data.len();
        let start = usize::try_from(*offset).unwrap_or(total).min(total);
        let end = start
            .saturating_add(self.config.snapshot_chunk_bytes)
            .min(total);
        let chunk = SnapshotChunk {
            term,
            position: snapshot.position,
            membership: snapshot.membership.clone(),
            total: total as u64,
            offset: start as u64,
            data: snapshot.data.slice(start..end),
        };
        let message = Message::SnapshotChunk(Box::new(chunk));
        self.gate.send(Transmit {
            to: peer.id,
            lane: Lane::Bulk,
            message,
        });
        false
    }

    pub(crate) fn handle_snapshot_reply(&mut self, from: NodeId, reply: SnapshotReply) {
        let Some(peer) = self
            .answering_peer(from, reply.term)
            .and_then(|at| self.peers.get_mut(at))
        else {
            return;
        };
        match &mut peer.mode {
            // An answer without news is to a copy of a chunk, and one that goes back is late, unless
            // the follower has just been asked again. A chunk for each of those would bring answers
            // of its own, and where messages come twice they would breed.
            Mode::SendSnapshot {
                snapshot,
                offset,
                waiting,
                resync,
            } if snapshot.position == reply.position
                && reply.next < snapshot.data.len() as u64
                && (reply.next > *offset || (*resync && reply.next < *offset)) =>
            {
                *offset = reply.next;
                *waiting = false;
                *resync = false;
            }
            _ => self.counters.0.dropped_messages += 1,
        }
    }

    pub(crate) fn handle_snapshot_chunk(&mut self, from: NodeId, chunk: SnapshotChunk) {
        if chunk.term < self.hard_state.term {
            self.reply_to_append(from, AppendOutcome::Matched { index: Index::ZERO });
            return;
        }
        let SnapshotChunk {
            term,
            position,
            membership,
            total,
            offset,
            data,
        } = chunk;
        let limit = self.config.max_snapshot_bytes;
        let total = usize::try_from(total).ok().filter(|&total| total <= limit);
        let end = usize::try_from(offset)
            .ok()
            .and_then(|at| at.checked_add(data.len()));
        let (Some(total), Some(end)) = (total, end) else {
            self.counters.0.dropped_messages += 1;
            return;
        };
        if end > total || position.term > term {
            self.counters.0.dropped_messages += 1;
            return;
        }
        if !self.follow(from, term) {
            return;
        }
        if self.restoring.is_some() {
            self.counters.0.dropped_messages += 1;
            return;
        }
        if position.index <= self.commit || self.log.holds(position) {
            // All that is in it is here: what follows it in the log stays (§7).
            self.incoming = None;
            self.commit_to(position.index);
            self.reply_to_append(from, AppendOutcome::Matched { index: self.commit });
            return;
        }
        let same = |incoming: &Incoming| {
            incoming.position == position
                && incoming.total == total
                && incoming.membership == membership
        };
        let mut incoming = match self.incoming.take() {
            Some(incoming) if same(&incoming) => incoming,
            Some(incoming) if incoming.position.index > position.index => {
                self.incoming = Some(incoming);
                self.counters.0.dropped_messages += 1;
                return;
            }
            _ => Incoming {
                position,
                membership,
                total,
                data: Vec::new(),
            },
        };
        if offset == incoming.data.len() as u64 {
            incoming.data.extend_from_slice(&data);
        }
        if incoming.data.len() == total {
            self.install(
                from,
                Snapshot {
                    position,
                    membership: incoming.membership,
                    data: Bytes::from(incoming.data),
                },
            );
            return;
        }
        let next = incoming.data.len() as u64;
        self.incoming = Some(incoming);
        let reply = SnapshotReply {
            term: self.hard_state.term,
            position,
            next,
        };
        self.reply_after_term(from, Message::SnapshotReply(reply));
    }

    /// Puts a snapshot in the place of the log. The application restores it once it is durable.
    fn install(&mut self, from: NodeId, snapshot: Snapshot) {
        let position = snapshot.position;
        self.counters.0.snapshots_installed += 1;
        self.log.reset(position, snapshot.membership.clone());
        let receipt = self.gate.write_snapshot(snapshot.clone());
        self.commit_to(position.index);
        self.notice_members();
        self.restoring = Some((receipt, snapshot));
        self.reply_to_append(
            from,
            AppendOutcome::Matched {
                index: position.index,
            },
        );
    }
}
