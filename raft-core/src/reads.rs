//! Linearizable reads: by a round of heartbeats (thesis §6.4), or on a lease (thesis §6.4.1).

use alloc::collections::VecDeque;
use core::time::Duration;

use quorate_clocks::{Instant, NodeId};
use quorate_transport::{Lane, Transmit};

use crate::{
    Config, Event, Heartbeat, Index, LeasePermit, Message, Raft, ReadError, ReadTicket, Role,
};

/// Rounds that are remembered until a majority has answered them. The others only confirm reads.
const MAX_ROUNDS: usize = 1024;

/// Reads that wait, and the rounds of heartbeats that confirm them.
///
/// A read is confirmed by answers to a round that was sent after the read came: answers to earlier
/// rounds prove nothing about now (etcd #20418).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Reads {
    next_ticket: u64,
    max_waiting: usize,
    /// The newest round. Never starts again, so an answer to an old one is never taken for a new.
    round: u64,
    /// A round is to be sent.
    wanted: bool,
    /// Rounds that no majority has answered, and when they were sent.
    sent: VecDeque<(u64, Instant)>,
    /// When the newest round that a majority of this term has answered was sent.
    confirmed_sent_at: Option<Instant>,
    /// How long a lease lasts from when its round was sent.
    lease_span: Duration,
    /// No more leases in this term.
    leases_ended: bool,
    /// Reads, and the round that confirms each.
    waiting: VecDeque<(Reader, u64)>,
    /// Reads of this node that are confirmed and have not been polled, and up to where each must have applied.
    confirmed: VecDeque<(Tickets, Index)>,
    /// How many reads there are of both kinds.
    count: usize,
}

/// Who reads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Reader {
    /// The application of this node.
    Here(Tickets),
    /// Another member, with a request of this number.
    Member(NodeId, u64),
}

/// Reads that came one after the other, so that many cost no more than one. Never none.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Tickets {
    first: u64,
    last: u64,
}

impl Reads {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            next_ticket: 0,
            max_waiting: config.max_reads,
            lease_span: lease_span(config),
            round: 0,
            wanted: false,
            sent: VecDeque::new(),
            confirmed_sent_at: None,
            leases_ended: false,
            waiting: VecDeque::new(),
            confirmed: VecDeque::new(),
            count: 0,
        }
    }

    /// A read that comes now waits for the next round.
    fn wait(&mut self, reader: Reader) {
        let round = self.round + 1;
        self.count += 1;
        self.wanted = true;
        if let Reader::Here(Tickets { last, .. }) = reader
            && let Some((Reader::Here(before), its)) = self.waiting.back_mut()
            && (*its, before.last + 1) == (round, last)
        {
            before.last = last;
            return;
        }
        self.waiting.push_back((reader, round));
    }

    pub(crate) fn has_confirmed(&self) -> bool {
        !self.confirmed.is_empty()
    }

    /// The next read of this node that is confirmed.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        let (tickets, index) = self.confirmed.front_mut()?;
        let (ticket, index) = (ReadTicket(tickets.first), *index);
        self.count -= 1;
        if tickets.first == tickets.last {
            self.confirmed.pop_front();
        } else {
            tickets.first += 1;
        }
        Some(Event::ReadReady { ticket, index })
    }

    /// Forgets what was proved in an earlier term.
    pub(crate) fn start_term(&mut self) {
        self.sent.clear();
        self.confirmed_sent_at = None;
        self.wanted = false;
        self.leases_ended = false;
    }

    /// Gives no more leases in this term.
    pub(crate) const fn end_leases(&mut self) {
        self.leases_ended = true;
    }

    pub(crate) const fn want_round(&mut self) {
        self.wanted = true;
    }

    pub(crate) const fn round(&self) -> u64 {
        self.round
    }
}

impl Raft {
    /// Asks when the application's state may be read so that the read is linearizable.
    ///
    /// The answer is [`Event::ReadReady`] or [`Event::ReadLost`], exactly once. All reads that come
    /// before the next [`poll_transmit`](Self::poll_transmit) share one round of heartbeats.
    pub fn read(&mut self, now: Instant) -> Result<ReadTicket, ReadError> {
        self.advance(now);
        if self.role != Role::Leader {
            return Err(ReadError::NotLeader {
                leader: self.leader,
            });
        }
        let ticket = self.next_read_ticket()?;
        self.register_read(Reader::Here(Tickets {
            first: ticket.0,
            last: ticket.0,
        }));
        Ok(ticket)
    }

    /// A name for another read, if there is room for it.
    pub(crate) fn next_read_ticket(&mut self) -> Result<ReadTicket, ReadError> {
        if !self.has_room_to_read() {
            let limit = self.reads.max_waiting;
            return Err(ReadError::Full { limit });
        }
        let ticket = ReadTicket(self.reads.next_ticket);
        self.reads.next_ticket += 1;
        Ok(ticket)
    }

    fn has_room_to_read(&self) -> bool {
        let waiting = self.reads.count + self.forwarded.len();
        waiting.saturating_add(self.waiting_events()) < self.reads.max_waiting
    }

    /// Lets a read of another member wait. Gives whether there is room for it.
    pub(crate) fn register_forwarded(&mut self, from: NodeId, number: u64) -> bool {
        let has_room = self.has_room_to_read();
        if has_room {
            self.register_read(Reader::Member(from, number));
        }
        has_room
    }

    fn register_read(&mut self, reader: Reader) {
        self.reads.wait(reader);
        if self.others.is_empty() {
            self.send_round();
        }
    }

    /// Leave to read the application's state right now, on the word of a lease.
    ///
    /// The lease is dated from when a round was *sent* that a majority answered. Every member that
    /// answered gives no vote for an election timeout of its own clock, also after a restart. It is
    /// sound while clocks run at most [`Config::clock_drift_ppm`](crate::Config::clock_drift_ppm)
    /// apart from real time, while drivers read the `now` of a message after it has arrived, and
    /// only until [`LeasePermit::until`].
    pub fn lease_read(&mut self, now: Instant) -> Result<LeasePermit, ReadError> {
        if self.role != Role::Leader {
            return Err(ReadError::NotLeader {
                leader: self.leader,
            });
        }
        let until = self.lease_until();
        let may_be_given =
            self.config.leases && !self.reads.leases_ended && self.transfer.is_none();
        let holds = may_be_given && self.now.max(now) < until;
        // Before an entry of its own term is committed, the leader does not know what is (§8).
        if holds && self.commit >= self.term_start {
            self.permits_until = self.permits_until.max(until);
            Ok(LeasePermit {
                index: self.commit,
                until,
            })
        } else {
            Err(ReadError::NoLease)
        }
    }

    /// When the newest of the rounds was sent that a majority has answered.
    pub(crate) const fn round_confirmed_at(&self) -> Option<Instant> {
        self.reads.confirmed_sent_at
    }

    /// When this leader's lease ends on its own clock.
    pub(crate) fn lease_until(&self) -> Instant {
        match self.reads.confirmed_sent_at {
            Some(sent_at) => sent_at + self.reads.lease_span,
            None => Instant::ORIGIN,
        }
    }

    /// Sends a round of heartbeats, if one is wanted.
    pub(crate) fn send_round(&mut self) {
        if !self.reads.wanted {
            return;
        }
        self.reads.wanted = false;
        self.reads.round += 1;
        self.counters.0.rounds += 1;
        // The oldest are kept: they are answered first, and a lease is dated from what is answered.
        if self.reads.sent.len() < MAX_ROUNDS {
            self.reads.sent.push_back((self.reads.round, self.now));
        }
        self.heartbeat_at = self.now + self.config.heartbeat_interval;
        let (round, commit) = (self.reads.round, self.commit);
        // Before an entry of its own term is committed, the leader does not know what is (§8).
        let knows_commit = commit >= self.term_start;
        for peer in &mut self.peers {
            if knows_commit {
                peer.marks.hold(round, commit);
            }
            let (mark, mark_commit) = peer.marks.proved();
            let heartbeat = Heartbeat {
                term: self.hard_state.term,
                commit: commit.min(peer.matched),
                round,
                mark,
                mark_commit,
            };
            let message = Message::Heartbeat(heartbeat);
            self.gate.send(Transmit {
                to: peer.id,
                lane: Lane::Urgent,
                message,
            });
        }
        // Alone it may be a quorum.
        self.advance_reads();
    }

    /// Takes note of the rounds that a majority has answered, and lets the reads go that they
    /// confirm.
    pub(crate) fn advance_reads(&mut self) {
        let own = self.reads.round;
        let Some(confirmed) = self.reached_by_quorum(own, |peer| peer.round) else {
            return;
        };
        while let Some(&(_, at)) = self
            .reads
            .sent
            .front()
            .filter(|(round, _)| *round <= confirmed)
        {
            self.reads.confirmed_sent_at = Some(at);
            self.reads.sent.pop_front();
        }
        for peer in &mut self.peers {
            peer.marks.prove(confirmed);
        }
        if self.commit < self.term_start {
            return;
        }
        let index = self.commit;
        while let Some(&(reader, round)) = self.reads.waiting.front()
            && round <= confirmed
        {
            self.reads.waiting.pop_front();
            match reader {
                Reader::Here(tickets) => self.reads.confirmed.push_back((tickets, index)),
                Reader::Member(from, number) => {
                    self.reads.count -= 1;
                    self.answer_read(from, number, Some(index));
                }
            }
        }
    }

    /// Tells every waiting read that this node no longer leads.
    pub(crate) fn fail_reads(&mut self) {
        while let Some((reader, _)) = self.reads.waiting.pop_front() {
            match reader {
                Reader::Here(Tickets { first, last }) => {
                    for ticket in (first..=last).map(ReadTicket) {
                        self.reads.count -= 1;
                        self.push_event(Event::ReadLost { ticket });
                    }
                }
                Reader::Member(from, number) => {
                    self.reads.count -= 1;
                    self.answer_read(from, number, None);
                }
            }
        }
    }
}

/// How long a lease lasts on the leader's own clock, from when its round was sent.
///
/// A follower counts an election timeout T from when it heard, which is not before the round was sent. With
/// rates within 1 ± r, at least T / (1 + r) of real time pass; the leader's clock has then advanced by no less
/// than T (1 - r) / (1 + r).
fn lease_span(config: &Config) -> Duration {
    let drift = u128::from(config.clock_drift_ppm);
    let timeout = config.election_timeout.as_nanos();
    let nanos = timeout.saturating_mul(1_000_000 - drift) / (1_000_000 + drift);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
