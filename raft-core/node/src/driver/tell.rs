//! What the world is told: the role with its cause, the status, and the proof of being current.

use std::fmt;
use std::time::Duration;

use quorate_clocks::NodeId;
use quorate_raft_core::Message;
use quorate_transport::Transport;
use tokio::time::Instant as TokioInstant;

use super::Driver;
use crate::staleness::Proof;
use crate::{NodeStatus, StateMachine};

/// How old a published status may be, but for the role.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);

/// How long the timer sleeps when nothing is due.
const WAKE_EVERY: Duration = Duration::from_secs(1);

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
        let due = [self.raft.poll_timeout(), self.publish_at];
        let due = due.into_iter().flatten().min();
        let due = due.unwrap_or(self.now + WAKE_EVERY);
        if due != self.timer_at || self.timer.is_elapsed() {
            self.timer_at = due;
            let deadline = TokioInstant::now() + due.since(self.clock.now());
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Tells local reads what is proved of how current this node is.
    pub(super) fn tell_proof(&self) {
        let Some(proof) = self.proof_now() else {
            return;
        };
        self.proof.send_if_modified(|known| {
            let newer = known.is_none_or(|known| proof.at > known.at);
            if newer {
                *known = Some(proof);
            }
            newer
        });
    }

    pub(super) fn proof_now(&self) -> Option<Proof> {
        let (at, commit) = self.raft.current_as_of()?;
        Some(Proof { at, commit })
    }
}
