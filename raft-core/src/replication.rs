//! A leader's side of replication (Raft §5.3) and of commitment (§5.4.2).

use quorate_clocks::NodeId;
use quorate_transport::{Lane, Transmit};

use crate::progress::Mode;
use crate::{
    Append, AppendOutcome, AppendReply, Cause, Commit, Entries, Event, HeartbeatReply, Index,
    Message, Raft, Role, Term,
};

impl Raft {
    pub(crate) fn handle_append_reply(&mut self, from: NodeId, reply: AppendReply) {
        let last = self.log.last().index;
        let Some(at) = self.answering_peer(from, reply.term) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        match reply.outcome {
            AppendOutcome::Matched { index } if index <= last => {
                if peer.match_through(index) {
                    // What is committed already is not committed further by one more who holds it.
                    if index > self.commit {
                        self.advance_commit();
                    }
                    self.advance_transfer();
                }
            }
            AppendOutcome::Matched { .. } => self.counters.0.dropped_messages += 1,
            AppendOutcome::Rejected { previous, hint } => {
                let stale = match &peer.mode {
                    Mode::Probe { .. } => previous != peer.next.prev(),
                    // Late, or the word of one who has lost what it had: a probe tells which.
                    Mode::Replicate { in_flight }
                        if previous <= peer.matched && in_flight.is_empty() =>
                    {
                        peer.probe_from(peer.next);
                        return;
                    }
                    Mode::Replicate { .. } => previous <= peer.matched || previous >= peer.next,
                    Mode::AwaitSnapshot { .. } | Mode::SendSnapshot { .. } => true,
                };
                if stale || hint.index >= previous {
                    self.counters.0.dropped_messages += 1;
                    return;
                }
                // The last entry of this log that the hint does not rule out: at most one probe
                // for each term in which the logs differ. Before the log's start a snapshot helps.
                let guess = if hint.index < self.log.start().index {
                    hint.index
                } else {
                    self.log.last_at_most(hint.index, hint.term).index
                };
                // A probe at what was acknowledged is refused only by a log that has lost it.
                // Counting it no longer is safe: what is committed stays so.
                if previous <= peer.matched && guess < peer.matched {
                    peer.matched = guess;
                    self.counters.0.doubts += 1;
                }
                self.counters.0.rejections += 1;
                peer.probe_from(guess.next());
            }
        }
    }

    pub(crate) fn handle_heartbeat_reply(&mut self, from: NodeId, reply: HeartbeatReply) {
        let newest = self.reads.round();
        let Some(at) = self.answering_peer(from, reply.term) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        if reply.round > newest {
            self.counters.0.dropped_messages += 1;
            return;
        }
        peer.round = peer.round.max(reply.round);
        peer.marks.note(reply.mark);
        let lost = peer.has_lost(self.now, self.config.heartbeat_interval);
        self.counters.0.resends += u64::from(lost);
        match &mut peer.mode {
            Mode::Probe { waiting } if lost => *waiting = false,
            Mode::SendSnapshot {
                waiting, resync, ..
            } if lost => {
                *waiting = false;
                *resync = true;
            }
            Mode::Replicate { .. } if lost => {
                if self.log.term_at(peer.next.prev()).is_none() {
                    // All of it was lost, and the log no longer goes back that far (§7).
                    peer.mode = Mode::AwaitSnapshot { asked: false };
                } else {
                    // Nothing but the question: a slow disk has the entries and answers in time,
                    // and one that never got them refuses.
                    self.send_append(at, Entries::new());
                }
            }
            _ => {}
        }
        self.advance_reads();
        self.advance_transfer();
    }

    /// The peer that answers this leader in its term. A newer term ends the leadership.
    pub(crate) fn answering_peer(&mut self, from: NodeId, term: Term) -> Option<usize> {
        if term > self.hard_state.term {
            self.become_follower(term, None, Cause::HigherTerm { from });
            return None;
        }
        let at = self.peers.iter().position(|peer| peer.id == from);
        if self.role != Role::Leader || term < self.hard_state.term || at.is_none() {
            self.counters.0.dropped_messages += 1;
            return None;
        }
        if let Some(peer) = at.and_then(|at| self.peers.get_mut(at)) {
            peer.answered = self.now;
        }
        at
    }

    /// Commits what a majority holds durably, once an entry of this term is among it (§5.4.2).
    pub(crate) fn advance_commit(&mut self) {
        let own = self.gate.durable_index();
        let Some(index) = self.reached_by_quorum(own, |peer| peer.matched) else {
            return;
        };
        if index > self.commit && index >= self.term_start {
            let knew = self.commit >= self.term_start;
            self.commit_to(index);
            // Reads wait until it is known what is committed.
            if !knew && self.role == Role::Leader {
                self.advance_reads();
                // An earlier leader may have left a change half done.
                self.membership_committed();
            }
        }
    }

    /// Sends every follower what it can take now. Gives whether there was room for all of it.
    pub(crate) fn feed_peers(&mut self) -> bool {
        for at in 0..self.peers.len() {
            // What does not fit waits in the log, and pushes nothing out that does.
            while self.gate.has_room() && self.feed_peer(at) {}
        }
        self.gate.has_room()
    }

    /// Sends one message to a follower. Gives whether there may be more to send.
    fn feed_peer(&mut self, at: usize) -> bool {
        let last = self.log.last().index;
        let commit = self.commit;
        let Some(peer) = self.peers.get_mut(at) else {
            return false;
        };
        match &mut peer.mode {
            Mode::Probe { waiting: true } | Mode::AwaitSnapshot { asked: true } => return false,
            Mode::Replicate { .. } if peer.next > last => {
                let known = commit.min(peer.matched);
                if known > peer.sent_commit {
                    self.send_commit(at, known);
                }
                return false;
            }
            Mode::Replicate { in_flight }
                if in_flight.len() >= self.config.max_appends_in_flight =>
            {
                return false;
            }
            Mode::AwaitSnapshot { .. } if peer.is_witness => {
                let Some(snapshot) = self.snapshot_for_witness() else {
                    return false;
                };
                self.counters.0.snapshots_sent += 1;
                if let Some(peer) = self.peers.get_mut(at) {
                    peer.mode = Mode::SendSnapshot {
                        snapshot,
                        offset: 0,
                        waiting: false,
                        resync: false,
                    };
                }
                return true;
            }
            Mode::AwaitSnapshot { asked } => {
                *asked = true;
                let wanted = Event::SnapshotWanted { to: peer.id };
                self.replace_event(|event| *event == wanted, wanted.clone());
                return false;
            }
            Mode::SendSnapshot { .. } => return self.send_chunk(at),
            Mode::Probe { .. } | Mode::Replicate { .. } => {}
        }
        let from = peer.next;
        if self.log.term_at(from.prev()).is_none() {
            // The log no longer goes back that far (§7).
            peer.mode = Mode::AwaitSnapshot { asked: false };
            return true;
        }
        let Some(entries) = self.log.entries(from, last, self.config.max_append_bytes) else {
            self.want_load(from, last);
            return false;
        };
        let entries = match peer.is_witness {
            true => entries.without_commands(),
            false => entries,
        };
        let more = !entries.is_empty();
        if let Mode::Probe { waiting } = &mut peer.mode {
            *waiting = true;
        }
        self.send_append(at, entries);
        more
    }

    /// Sends an append after everything that was sent before it.
    fn send_append(&mut self, at: usize, entries: Entries) {
        let (term, commit) = (self.hard_state.term, self.commit);
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        let Some(previous) = self.log.position_at(peer.next.prev()) else {
            return;
        };
        let end = entries.last_position();
        if let Some(end) = end {
            self.counters.0.appends += 1;
            self.counters.0.entries_sent += end.index.0.saturating_sub(previous.index.0);
        }
        // It commits no more of it than what it then knows to be the leader's.
        peer.sent_commit = commit.min(end.unwrap_or(previous).index);
        if let (Mode::Replicate { in_flight }, Some(end)) = (&mut peer.mode, end) {
            in_flight.push_back(end.index);
            peer.next = end.index.next();
        }
        let message = Message::Append(Append {
            term,
            previous,
            commit,
            entries,
        });
        self.gate.send(Transmit {
            to: peer.id,
            lane: Lane::Log,
            message,
        });
    }

    /// Tells a follower that has it all how much of it is committed.
    pub(crate) fn send_commit(&mut self, at: usize, commit: Index) {
        let term = self.hard_state.term;
        if let Some(peer) = self.peers.get_mut(at) {
            peer.sent_commit = commit;
            self.gate.send(Transmit {
                to: peer.id,
                lane: Lane::Log,
                message: Message::Commit(Commit { term, commit }),
            });
        }
    }

    /// The driver's log no longer has the entries from `from` on.
    pub(crate) fn entries_are_gone(&mut self, from: Index) {
        for peer in &mut self.peers {
            let feeding = matches!(peer.mode, Mode::Probe { .. } | Mode::Replicate { .. });
            if feeding && peer.next == from {
                peer.mode = Mode::AwaitSnapshot { asked: false };
            }
        }
    }
}
