//! Reads of a member that does not lead: it asks the leader for the index (thesis §6.4).

use alloc::collections::VecDeque;

use quorate_clocks::{Instant, NodeId, SplitMix64};
use quorate_transport::{Lane, Transmit};

use crate::{
    Cause, Event, Index, Message, Raft, ReadError, ReadReply, ReadRequest, ReadTicket, Role,
};

/// Reads that wait for the leader's answer.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Forwarded {
    /// The number of the newest request. It starts somewhere else in each life: an answer to an earlier life
    /// may come late, in the same term and from the same leader, and says what was committed then.
    number: u64,
    /// A request is to be sent.
    wanted: bool,
    /// Reads, the request that asks for each, and when it is given up.
    waiting: VecDeque<(ReadTicket, u64, Instant)>,
}

impl Forwarded {
    /// Numbers requests from one on that the seed of this life names. Half of the numbers are left to count.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            number: SplitMix64::new(!seed).next_u64() >> 1,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the oldest read is given up.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|&(_, _, until)| until)
    }
}

impl Raft {
    /// Asks when the state of *this* member may be read so that the read is linearizable, whoever leads.
    ///
    /// The leader confirms with a round that it leads, and says how far the state must be. The answer is
    /// [`Event::ReadReady`] or [`Event::ReadLost`], exactly once: lost when there is no answer for an
    /// election timeout, or another leader. All reads that come before the next
    /// [`poll_transmit`](Self::poll_transmit) share one question. Any member may ask, also a learner.
    ///
    /// # Errors
    ///
    /// When no leader is known, or too many reads wait.
    pub fn read_anywhere(&mut self, now: Instant) -> Result<ReadTicket, ReadError> {
        self.advance(now);
        if self.role == Role::Leader {
            return self.read(now);
        }
        if self.leader.is_none() {
            return Err(ReadError::NotLeader { leader: None });
        }
        let ticket = self.next_read_ticket()?;
        let until = self.now + self.config.election_timeout;
        self.forwarded.wanted = true;
        let number = self.forwarded.number + 1;
        self.forwarded.waiting.push_back((ticket, number, until));
        Ok(ticket)
    }

    /// Asks the leader for the reads since, if there are any.
    pub(crate) fn send_read_request(&mut self) {
        if !self.forwarded.wanted {
            return;
        }
        self.forwarded.wanted = false;
        self.forwarded.number += 1;
        let Some(to) = self.leader else {
            return;
        };
        let request = ReadRequest {
            term: self.hard_state.term,
            number: self.forwarded.number,
        };
        self.gate.send(Transmit {
            to,
            lane: Lane::Urgent,
            message: Message::ReadRequest(request),
        });
    }

    pub(crate) fn handle_read_request(&mut self, from: NodeId, request: ReadRequest) {
        let is_asked = self.role == Role::Leader && request.term == self.hard_state.term;
        if !is_asked || !self.register_forwarded(from, request.number) {
            self.answer_read(from, request.number, None);
        }
    }

    /// Tells a member what its reads may show.
    pub(crate) fn answer_read(&mut self, to: NodeId, number: u64, index: Option<Index>) {
        let reply = ReadReply {
            term: self.hard_state.term,
            number,
            index,
        };
        self.reply_after_term(to, Message::ReadReply(reply));
    }

    pub(crate) fn handle_read_reply(&mut self, from: NodeId, reply: ReadReply) {
        if reply.term > self.hard_state.term {
            self.become_follower(reply.term, None, Cause::HigherTerm { from });
            return;
        }
        let is_asked = self.leader == Some(from) && reply.number <= self.forwarded.number;
        if reply.term < self.hard_state.term || !is_asked {
            self.counters.0.dropped_messages += 1;
            return;
        }
        // What was asked for earlier was asked for before this, too: its answer got lost.
        while let Some(&(ticket, number, _)) = self.forwarded.waiting.front()
            && number <= reply.number
        {
            self.forwarded.waiting.pop_front();
            self.push_event(match reply.index {
                Some(index) => Event::ReadReady { ticket, index },
                None => Event::ReadLost { ticket },
            });
        }
    }

    /// Gives up reads that have waited for too long.
    pub(crate) fn expire_forwarded(&mut self) {
        while let Some(&(ticket, _, until)) = self.forwarded.waiting.front()
            && until <= self.now
        {
            self.forwarded.waiting.pop_front();
            self.push_event(Event::ReadLost { ticket });
        }
    }

    /// The leader that was asked is none any more.
    pub(crate) fn lose_forwarded(&mut self) {
        self.forwarded.wanted = false;
        while let Some((ticket, ..)) = self.forwarded.waiting.pop_front() {
            self.push_event(Event::ReadLost { ticket });
        }
    }
}
