//! A follower's side of replication (Raft §5.3).

use quorate_clocks::NodeId;
use quorate_transport::{Lane, Transmit};

use crate::entries::Batch;
use crate::marks::NO_MARK;
use crate::{
    Append, AppendOutcome, AppendReply, Cause, Commit, Heartbeat, HeartbeatReply, Index, Message,
    Position, Raft, Role, Term,
};

impl Raft {
    /// Follows the sender of a leader's message of a term that is not old. Gives whether it can be
    /// the leader.
    pub(crate) fn follow(&mut self, from: NodeId, term: Term) -> bool {
        let is_followed = self.role == Role::Follower && self.leader == Some(from);
        if term == self.hard_state.term && !is_followed {
            // A term has one leader, and the term before the first has none (§5.2, figure 2): another one's
            // word is a lie.
            let other = self.leader.is_some_and(|leader| leader != from);
            if other || self.role == Role::Leader || term == Term::ZERO {
                self.counters.0.dropped_messages += 1;
                return false;
            }
        }
        if term != self.hard_state.term || !is_followed {
            self.become_follower(term, Some(from), Cause::LeaderHeard);
        }
        self.leader_heard = Some(self.now);
        self.reset_election_timer();
        true
    }

    pub(crate) fn handle_heartbeat(&mut self, from: NodeId, heartbeat: Heartbeat) {
        // An old leader learns of the newer term from the answer.
        let mut mark = NO_MARK;
        if heartbeat.term >= self.hard_state.term {
            if !self.follow(from, heartbeat.term) {
                return;
            }
            // The leader names no more than it knows this log to hold; a log that lost its tail
            // commits what is left of it, and says so.
            let last = self.log.last();
            self.commit_to(heartbeat.commit.min(last.index));
            if heartbeat.commit > last.index {
                let outcome = AppendOutcome::Rejected {
                    previous: heartbeat.commit,
                    hint: last,
                };
                self.reply_to_append(from, outcome);
            }
            self.marks.redeem(heartbeat.mark, heartbeat.mark_commit);
            mark = self.make_mark();
        }
        let reply = HeartbeatReply {
            term: self.hard_state.term,
            round: heartbeat.round,
            mark,
        };
        self.reply_after_term(from, Message::HeartbeatReply(reply));
    }

    pub(crate) fn handle_commit(&mut self, from: NodeId, commit: Commit) {
        if commit.term < self.hard_state.term {
            // The leader of an old term learns of the newer one from the answer.
            self.reply_to_append(from, AppendOutcome::Matched { index: Index::ZERO });
        } else if self.follow(from, commit.term) {
            // As with a heartbeat, a log that lost its tail commits what is left of it.
            self.commit_to(commit.commit.min(self.log.last().index));
        }
    }

    pub(crate) fn handle_append(&mut self, from: NodeId, append: Append) {
        if !is_well_formed(&append) {
            self.counters.0.dropped_messages += 1;
            return;
        }
        if append.term < self.hard_state.term {
            self.reply_to_append(from, AppendOutcome::Matched { index: Index::ZERO });
            return;
        }
        if !self.follow(from, append.term) {
            return;
        }
        if self.restoring.is_some() || self.is_overloaded() {
            // The leader sends it again.
            self.counters.0.dropped_messages += 1;
            return;
        }
        let outcome = self.take_entries(append);
        self.reply_to_append(from, outcome);
    }

    /// Appends what is new, and says what is known to match.
    fn take_entries(&mut self, append: Append) -> AppendOutcome {
        let Append {
            previous,
            commit,
            entries,
            ..
        } = append;
        let end = entries
            .last_position()
            .map_or(previous.index, |last| last.index);
        if end <= self.commit {
            // What is committed is the leader's log too (§5.4, leader completeness).
            return AppendOutcome::Matched { index: self.commit };
        }
        if previous.index > self.commit && !self.log.holds(previous) {
            let hint = self.log.last_at_most(previous.index.prev(), previous.term);
            return AppendOutcome::Rejected {
                previous: previous.index,
                hint,
            };
        }
        for batch in entries.into_batches() {
            // Most often all of it is new.
            let batch = match batch.first().index > self.log.last().index {
                true => Some(batch),
                false => self.make_place_for(batch),
            };
            let Some(batch) = batch else {
                continue;
            };
            if !self.log.append(batch.clone()) {
                self.counters.0.dropped_messages += 1;
                break;
            }
            self.gate.write_entries(batch);
        }
        self.notice_members();
        let matched = end.min(self.log.last().index);
        // Not beyond what this very append has verified (figure 2, AppendEntries, rule 5).
        self.commit_to(commit.min(matched));
        AppendOutcome::Matched { index: matched }
    }

    /// What of the batch is new. Removes what is in its place.
    fn make_place_for(&mut self, batch: Batch) -> Option<Batch> {
        // What is committed is not touched, and what is held already is not written again.
        let committed = batch.count_before(self.commit.next());
        let uncommitted = batch.skip(committed)?;
        let held = self.log.held(&uncommitted);
        let batch = uncommitted.skip(held)?;
        let index = batch.first().index;
        if index <= self.log.last().index {
            // Only a real conflict removes entries: an old, short append must not (§5.3).
            self.log.truncate(index);
            self.gate.replace_from(index);
        }
        Some(batch)
    }

    /// Whether more is waiting for the disk than may.
    fn is_overloaded(&self) -> bool {
        self.gate.waiting_bytes() > self.config.max_uncommitted_bytes
    }

    pub(crate) fn reply_to_append(&mut self, to: NodeId, outcome: AppendOutcome) {
        let reply = AppendReply {
            term: self.hard_state.term,
            outcome,
        };
        let transmit = Transmit {
            to,
            lane: Lane::Urgent,
            message: Message::AppendReply(reply),
        };
        // An acknowledgement stands on everything before it: the entries, and the term.
        let after = match outcome {
            AppendOutcome::Matched { index } if index > self.gate.durable_index() => {
                self.gate.everything()
            }
            _ => self.hard_state_gate,
        };
        self.gate.send_after(after, transmit);
    }
}

/// Consecutive entries after `previous`, of terms that rise and are not newer than the leader's.
fn is_well_formed(append: &Append) -> bool {
    let mut before = append.previous;
    let consecutive = append.entries.batches().all(|batch| {
        let Position { term, index } = batch.first();
        let follows = index > before.index && index == before.index.next() && term >= before.term;
        before = batch.last();
        // A batch that would go past the last index there is names it more than once.
        follows && before.index.0 - index.0 == batch.len() as u64 - 1
    });
    consecutive && before.term <= append.term
}
