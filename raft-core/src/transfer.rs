//! A leader that hands over (thesis §3.10), and elections that somebody asks for.

use core::fmt;

use quorate_clocks::{Instant, NodeId};
use quorate_transport::{Lane, Transmit};

use crate::{Cause, Event, Message, Raft, Role, TimeoutNow};

/// A leadership that is being handed over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Transfer {
    to: NodeId,
    /// When this leader goes on itself.
    until: Instant,
    /// When the successor was told last.
    told: Option<Instant>,
}

/// Why the leadership is not handed over.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::TransferError;
///
/// let error = TransferError::CanNotLead { to: NodeId(4) };
/// assert_eq!(error.to_string(), "n4 can not lead: it is no voter that holds the entries");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransferError {
    /// This node does not lead.
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
    },
    /// This node leads already.
    LeadsAlready,
    /// It is being handed over to another.
    Transferring {
        /// To whom.
        to: NodeId,
    },
    /// That one is no voter, or a witness.
    CanNotLead {
        /// Who.
        to: NodeId,
    },
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader {
                leader: Some(leader),
            } => write!(f, "this node does not lead; ask {leader}"),
            Self::NotLeader { leader: None } => {
                write!(f, "this node does not lead, and knows of no leader")
            }
            Self::LeadsAlready => write!(f, "this node leads already"),
            Self::Transferring { to } => {
                write!(
                    f,
                    "the leadership is being handed over to {to}; wait for it"
                )
            }
            Self::CanNotLead { to } => {
                write!(
                    f,
                    "{to} can not lead: it is no voter that holds the entries"
                )
            }
        }
    }
}

impl core::error::Error for TransferError {}

impl Raft {
    /// Hands the leadership over to another voter.
    ///
    /// Until it is done, or given up after an election timeout, proposals and lease reads are refused;
    /// proposals only once no lease holds any more. It is done when [`Event::RoleChanged`] says that this
    /// node no longer leads; and given up, as when the other can not be reached or is removed, with
    /// [`Event::TransferFailed`].
    ///
    /// The other is told once it has the whole log, and once every
    /// [`LeasePermit`](crate::LeasePermit) that was given has run out: what is read on one is current. After
    /// it was told, this node gives no permits any more while it leads in this term.
    ///
    /// # Errors
    ///
    /// With what is in the way. Nothing has changed then.
    pub fn transfer_leadership(&mut self, to: NodeId, now: Instant) -> Result<(), TransferError> {
        self.advance(now);
        self.close_proposals();
        if self.role != Role::Leader {
            let leader = self.leader;
            return Err(TransferError::NotLeader { leader });
        }
        if to == self.config.id {
            return Err(TransferError::LeadsAlready);
        }
        if let Some(to) = self.transferring() {
            return Err(TransferError::Transferring { to });
        }
        if !self.membership().can_lead(to) {
            return Err(TransferError::CanNotLead { to });
        }
        self.transfer = Some(Transfer {
            to,
            until: self.now.max(self.permits_until) + self.config.election_timeout,
            told: None,
        });
        self.counters.0.transfers += 1;
        // A mark that is new.
        self.reads.want_round();
        self.advance_transfer();
        Ok(())
    }

    /// Stands for election now, instead of when the timeout runs out. Asks first whether it could win, and
    /// disturbs no leader that others hear.
    ///
    /// # Errors
    ///
    /// When this node leads already, or can not lead.
    pub fn campaign(&mut self, now: Instant) -> Result<(), TransferError> {
        self.advance(now);
        self.close_proposals();
        if self.role == Role::Leader {
            return Err(TransferError::LeadsAlready);
        }
        let to = self.config.id;
        if !self.membership().can_lead(to) {
            return Err(TransferError::CanNotLead { to });
        }
        self.stand_for_election(Cause::Asked);
        self.tell_role();
        Ok(())
    }

    /// Forgets the leader, of whom somebody knows that it is gone: this node gives its vote at once, and not
    /// only after an election timeout.
    ///
    /// Where [leases](crate::Config::leases) are on, it has given its word to the leader for that long, and
    /// the call does nothing. Gives whether the leader is forgotten.
    pub fn forget_leader(&mut self, now: Instant) -> bool {
        self.advance(now);
        if self.role == Role::Leader || self.config.leases {
            return false;
        }
        self.leader = None;
        self.leader_heard = None;
        self.cause = Cause::LeaderForgotten;
        self.tell_role();
        true
    }

    /// To whom the leadership is being handed over.
    pub fn transferring(&self) -> Option<NodeId> {
        self.transfer.map(|transfer| transfer.to)
    }

    /// To whom proposals should go, as they would move the goal of the one who is to catch up.
    pub(crate) fn has_handed_over(&self) -> Option<NodeId> {
        self.transferring()
            .filter(|_| self.now >= self.permits_until)
    }

    pub(crate) fn abort_transfer(&mut self) {
        if let Some(Transfer { to, .. }) = self.transfer.take() {
            self.push_event(Event::TransferFailed { to });
        }
    }

    /// Tells the successor once it can win, and gives up when it takes too long.
    pub(crate) fn advance_transfer(&mut self) {
        let Some(transfer) = self.transfer else {
            return;
        };
        if self.now >= transfer.until {
            self.abort_transfer();
            return;
        }
        let again = transfer
            .told
            .is_none_or(|told| self.now.since(told) >= self.config.heartbeat_interval);
        let last = self.log.last().index;
        let peer = self.peers.iter().find(|peer| peer.id == transfer.to);
        let is_ready = peer.is_some_and(|peer| peer.matched == last);
        if is_ready && again && self.now >= self.permits_until && self.send_timeout_now(transfer.to)
        {
            // It may come late, and those who vote for its sake keep no faith with this leader.
            self.reads.end_leases();
            self.transfer = Some(Transfer {
                told: Some(self.now),
                ..transfer
            });
        }
    }

    /// When there is something to do for a transfer.
    pub(crate) fn transfer_due(&self) -> Option<Instant> {
        let transfer = self.transfer?;
        let waits_for_permits = transfer.told.is_none() && self.now < self.permits_until;
        Some(match waits_for_permits {
            true => self.permits_until.min(transfer.until),
            false => transfer.until,
        })
    }

    /// Tells a member to stand for election. Gives whether it could be told.
    pub(crate) fn send_timeout_now(&mut self, to: NodeId) -> bool {
        let Some(mark) = self
            .peers
            .iter()
            .find(|peer| peer.id == to)
            .and_then(|peer| peer.marks.newest())
        else {
            return false;
        };
        let timeout = TimeoutNow {
            term: self.hard_state.term,
            last: self.log.last(),
            mark,
        };
        self.gate.send(Transmit {
            to,
            lane: Lane::Urgent,
            message: Message::TimeoutNow(timeout),
        });
        true
    }

    pub(crate) fn handle_timeout_now(&mut self, from: NodeId, timeout: TimeoutNow) {
        let age = self.marks.age(timeout.mark, self.now);
        let is_timely = age.is_some_and(|age| age < self.config.election_timeout);
        let is_from_leader = timeout.term == self.hard_state.term
            && self.role == Role::Follower
            && self.leader == Some(from);
        if !is_timely
            || !is_from_leader
            || timeout.last != self.log.last()
            || !self.membership().can_lead(self.config.id)
            || self.restoring.is_some()
            || self.hard_state.term.next() == self.hard_state.term
        {
            self.counters.0.dropped_messages += 1;
            return;
        }
        self.become_candidate(Cause::HandedOver { by: from });
    }
}
