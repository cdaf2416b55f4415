//! What the world is told: the role with its cause, the status, and the evidence of being current.

use std::fmt;
use std::time::Duration;

use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{Index, LeasePermit, Message, Role, Term};
use quorate_transport::Transport;
use tokio::time::Instant as TokioInstant;

use super::Driver;
use crate::contact::Contact;
use crate::{NodeStatus, StateMachine};

/// How old a published status may be, but for the role.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);

/// What made the core change its role.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    Timeout,
    Written,
    Message { kind: &'static str, from: NodeId },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("a timeout"),
            Self::Written => f.write_str("a write became durable"),
            Self::Message { kind, from } => write!(f, "{kind} from {from}"),
        }
    }
}

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    /// Tells of a change of role, term or leader at once.
    pub(super) fn tell_role(&mut self, cause: Cause) {
        let state = (self.raft.role(), self.raft.term(), self.raft.leader());
        if state == self.told_role {
            return;
        }
        let (role, term, leader) = state;
        let (was, _, _) = std::mem::replace(&mut self.told_role, state);
        tracing::info!(
            id = self.raft.config().id.0,
            ?role,
            ?was,
            term = term.0,
            leader = leader.map(|leader| leader.0),
            %cause,
            "the role, the term or the leader changed"
        );
        self.publish();
    }

    pub(super) fn status_now(&self) -> NodeStatus {
        NodeStatus {
            raft: self.raft.status(),
            applied: self.apply.applied,
            snapshot: self.snapshots.durable,
            open_proposals: self.open.len(),
            open_reads: self.reads.len(),
            counters: self.counters,
            stopped: false,
        }
    }

    pub(super) fn publish_soon(&mut self) {
        let soon = self.published_at + PUBLISH_EVERY;
        self.publish_at.get_or_insert(soon);
    }

    pub(super) fn publish_when_due(&mut self) {
        if self.publish_at.is_some_and(|at| at <= self.now) {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.published_at = self.now;
        self.publish_at = None;
        let status = self.status_now();
        self.status.send_if_modified(|published| {
            let changed = *published != status;
            *published = status;
            changed
        });
    }

    pub(super) fn set_timer(&mut self) {
        let tick_at = self.stall.tick_at();
        let due = [self.raft.poll_timeout(), self.publish_at];
        let due = due.into_iter().flatten().fold(tick_at, Instant::min);
        if due != self.timer_at || self.timer.is_elapsed() {
            self.timer_at = due;
            let deadline = TokioInstant::now() + due.since(self.clock.now());
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Takes note of a message that only a leader sends, if the core took its sender for one.
    pub(super) fn note_word(&mut self, from: NodeId, word: Option<(Term, Index)>) {
        let Some((term, commit)) = word else {
            return;
        };
        let follows = self.raft.role() == Role::Follower && self.raft.leader() == Some(from);
        if !follows || term != self.raft.term() || !self.stall.trusts(self.now) {
            return;
        }
        self.note_contact(Contact {
            // It may have waited here since the transport was last seen empty.
            at: self.empty_at,
            commit: commit.max(self.raft.commit()),
        });
    }

    /// A leader's evidence is the heartbeats that a majority answered.
    pub(super) fn tell_contact(&mut self) {
        if self.raft.role() == Role::Leader
            && let Ok(permit) = self.raft.lease_read(self.now)
        {
            self.note_contact(self.contact_of_lease(permit));
        }
    }

    /// A lease is at most an election timeout long, so it began no later than that before its end.
    pub(super) fn contact_of_lease(&self, permit: LeasePermit) -> Contact {
        let timeout = self.options.raft.election_timeout;
        Contact {
            at: permit.until.saturating_sub(timeout),
            commit: permit.index,
        }
    }

    fn note_contact(&self, contact: Contact) {
        self.contact.send_if_modified(|known| {
            let newer = known.is_none_or(|known| contact.at > known.at);
            if newer {
                *known = Some(contact);
            }
            newer
        });
    }
}
