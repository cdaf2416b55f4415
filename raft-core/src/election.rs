//! Elections: pre-votes, votes, and who may not give one (Raft §5.2, §5.4.1; thesis §9.6, §6.4.1).

use core::time::Duration;

use quorate_clocks::NodeId;
use quorate_transport::{Lane, Transmit};

use crate::progress::Progress;
use crate::{Cause, HardState, Message, Payload, Raft, Role, Term, VoteReply, VoteRequest};

impl Raft {
    /// Picks when to stand for election: one to two election timeouts from now, anew each time, so
    /// that two members do not keep splitting the vote (Raft §5.2).
    pub(crate) fn reset_election_timer(&mut self) {
        let timeout = self.config.election_timeout;
        let spread = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let extra = Duration::from_nanos(self.random.below(spread));
        self.election_at = self.now + timeout + extra + self.config.election_delay;
    }

    /// The election timeout ran out: asks first whether it could win (thesis §9.6).
    pub(crate) fn stand_for_election(&mut self, cause: Cause) {
        self.reset_election_timer();
        let term = self.hard_state.term.next();
        // There is no term after the last one. A snapshot under way is not a log to win with.
        if term == self.hard_state.term || self.restoring.is_some() {
            return;
        }
        // Who does not vote, or holds no commands, does not lead.
        if !self.membership().can_lead(self.config.id) {
            return;
        }
        self.leave_leadership();
        self.role = Role::PreCandidate;
        self.leader = None;
        self.cause = cause;
        self.counters.0.pre_votes += 1;
        self.votes.clear();
        self.votes.insert(self.config.id, true);
        let request = VoteRequest {
            term,
            last: self.log.last(),
            is_transfer: false,
        };
        self.broadcast_after_term(Message::PreVote(request));
        self.count_pre_votes();
    }

    /// A majority would vote for it: raises the term and stands.
    pub(crate) fn become_candidate(&mut self, cause: Cause) {
        let is_transfer = matches!(cause, Cause::HandedOver { .. });
        self.cause = cause;
        self.counters.0.candidacies += 1;
        let term = self.hard_state.term.next();
        self.role = Role::Candidate;
        self.leader = None;
        self.votes.clear();
        self.set_hard_state(HardState {
            term,
            vote: Some(self.config.id),
        });
        self.reset_election_timer();
        let request = VoteRequest {
            term,
            last: self.log.last(),
            is_transfer,
        };
        self.broadcast_after_term(Message::Vote(request));
    }

    /// Its own vote counts once it is durable, as any other's.
    pub(crate) fn count_own_vote(&mut self) {
        if self.gate.is_durable(self.hard_state_gate) {
            self.votes.insert(self.config.id, true);
            self.count_votes();
        }
    }

    fn become_leader(&mut self) {
        self.role = Role::Leader;
        self.leader = Some(self.config.id);
        self.cause = Cause::Elected;
        self.counters.0.elected += 1;
        self.votes.clear();
        self.peers.clear();
        self.follow_members();
        self.quorum_check_at = self.now + self.config.election_timeout;
        self.heartbeat_at = self.now + self.config.heartbeat_interval;
        self.reads.start_term();
        // Lets it commit what earlier leaders left (Raft §8).
        self.term_start = self.append_own(Payload::Empty).index;
    }

    /// Follows `leader`, or nobody yet, in `term`.
    pub(crate) fn become_follower(&mut self, term: Term, leader: Option<NodeId>, cause: Cause) {
        if self.role == Role::Follower && term == self.hard_state.term {
            if self.leader != leader {
                self.leader = leader;
                self.cause = cause;
            }
            return;
        }
        self.cause = cause;
        self.leave_leadership();
        if term > self.hard_state.term {
            self.set_hard_state(HardState { term, vote: None });
        }
        if self.role != Role::Follower {
            self.role = Role::Follower;
            self.reset_election_timer();
        }
        self.votes.clear();
        self.leader = leader;
    }

    fn leave_leadership(&mut self) {
        if self.role != Role::Leader {
            return;
        }
        // Its own part in its lease is over only when the lease is.
        self.no_vote_until = self.no_vote_until.max(self.lease_until());
        self.peers.clear();
        self.transfer = None;
        self.role = Role::Follower;
        self.fail_reads();
        self.reset_election_timer();
    }

    fn set_hard_state(&mut self, state: HardState) {
        self.hard_state = state;
        self.hard_state_gate = self.gate.write_hard_state(state);
        // What a leader of an earlier term was sending is not continued by another.
        self.incoming = None;
    }

    /// A leader that a majority has not answered for an election timeout steps down, so that its
    /// clients look for another (thesis §6.2).
    pub(crate) fn check_quorum(&mut self) {
        let timeout = self.config.election_timeout;
        let is_alive = |peer: &Progress| self.now.since(peer.answered) < timeout;
        if self.reached_by_quorum(true, is_alive) == Some(true) {
            self.quorum_check_at = self.now + timeout;
        } else {
            self.counters.0.quorums_lost += 1;
            self.become_follower(self.hard_state.term, None, Cause::QuorumLost);
        }
    }

    /// Whether a vote now could break the word that this node gave a living leader, or the lease
    /// that rests on it (thesis §6.4.1).
    fn is_bound_to_a_leader(&self) -> bool {
        let heard = self
            .leader_heard
            .is_some_and(|heard| self.now.since(heard) < self.config.election_timeout);
        self.role == Role::Leader || heard || self.now < self.no_vote_until
    }

    pub(crate) fn handle_pre_vote(&mut self, from: NodeId, request: VoteRequest) {
        let granted = request.term > self.hard_state.term
            && request.last >= self.log.last()
            && !self.is_bound_to_a_leader();
        let term = if granted {
            request.term
        } else {
            self.hard_state.term
        };
        let reply = VoteReply {
            term,
            asked: request.term,
            granted,
        };
        self.reply_after_term(from, Message::PreVoteReply(reply));
    }

    pub(crate) fn handle_pre_vote_reply(&mut self, from: NodeId, reply: VoteReply) {
        if !reply.granted && reply.term > self.hard_state.term {
            self.become_follower(reply.term, None, Cause::HigherTerm { from });
            return;
        }
        if self.role != Role::PreCandidate || reply.asked != self.hard_state.term.next() {
            self.counters.0.dropped_messages += 1;
            return;
        }
        self.take_vote(from, reply.granted);
        self.count_pre_votes();
    }

    pub(crate) fn handle_vote(&mut self, from: NodeId, request: VoteRequest) {
        // A candidate that could not hear the leader must not depose it. Its term is not adopted.
        // But one whom the leader itself has asked to stand: it has seen to its leases before.
        let hands_over = self.role != Role::Leader || self.transferring() == Some(from);
        let is_bound = self.is_bound_to_a_leader() && !(request.is_transfer && hands_over);
        if request.term > self.hard_state.term && !is_bound {
            self.become_follower(request.term, None, Cause::HigherTerm { from });
        }
        // §5.4.1: the candidate's log must be at least as up to date, by (term, index). A vote in
        // the same term was asked for while nobody led it, or the leader is heard again anyway.
        // Nobody stands for the term before the first.
        let granted = request.term == self.hard_state.term
            && request.term > Term::ZERO
            && matches!(self.role, Role::Follower | Role::PreCandidate)
            && self.leader.is_none()
            && self.hard_state.vote.is_none_or(|vote| vote == from)
            && request.last >= self.log.last()
            && !is_bound;
        if granted {
            if self.role != Role::Follower {
                self.role = Role::Follower;
                self.cause = Cause::Voted { whom: from };
            }
            if self.hard_state.vote.is_none() {
                self.set_hard_state(HardState {
                    vote: Some(from),
                    ..self.hard_state
                });
            }
            self.reset_election_timer();
        }
        let reply = VoteReply {
            term: self.hard_state.term,
            asked: request.term,
            granted,
        };
        self.reply_after_term(from, Message::VoteReply(reply));
    }

    pub(crate) fn handle_vote_reply(&mut self, from: NodeId, reply: VoteReply) {
        if reply.term > self.hard_state.term {
            self.become_follower(reply.term, None, Cause::HigherTerm { from });
            return;
        }
        if self.role != Role::Candidate || reply.asked != self.hard_state.term {
            self.counters.0.dropped_messages += 1;
            return;
        }
        self.take_vote(from, reply.granted);
        self.count_votes();
    }

    /// Only the votes of voters count, whoever else gives one.
    fn take_vote(&mut self, from: NodeId, granted: bool) {
        if self.membership().is_voter(from) {
            self.votes.insert(from, granted);
        } else {
            self.counters.0.dropped_messages += 1;
        }
    }

    fn has_won(&self) -> bool {
        let granted = |id| self.votes.get(&id) == Some(&true);
        self.membership().is_quorum(granted)
    }

    fn count_pre_votes(&mut self) {
        if self.role == Role::PreCandidate && self.has_won() {
            self.become_candidate(Cause::WouldWin);
        }
    }

    fn count_votes(&mut self) {
        if self.role == Role::Candidate && self.has_won() {
            self.become_leader();
        }
    }

    /// Tells everyone who votes, once this node's term and vote are durable.
    fn broadcast_after_term(&mut self, message: Message) {
        for to in self.other_voters() {
            self.reply_after_term(to, message.clone());
        }
    }

    /// Tells `to`, once this node's term and vote are durable.
    pub(crate) fn reply_after_term(&mut self, to: NodeId, message: Message) {
        let transmit = Transmit {
            to,
            lane: Lane::Urgent,
            message,
        };
        self.gate.send_after(self.hard_state_gate, transmit);
    }
}
