//! What is remembered of one session.

use bytes::Bytes;
use quorate_clocks::Instant;

use super::sorted::Sorted;
use super::weakness::{Weakness, Weaknesses};
use crate::{Fingerprint, SessionId, SessionLimits};

/// A session. Each sequence number is in one of the lists at most, and none is below
/// `first_unacknowledged`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// From this time on the session is over, unless a request runs.
    pub(super) deadline: Instant,
    /// When the queue looks at the session: at its deadline or before. Nothing while a request runs that
    /// was running when the queue looked.
    pub(super) queued: Option<Instant>,
    /// Which session it took the place of.
    pub(super) replaced: Option<SessionId>,
    pub(super) first_unacknowledged: u64,
    pub(super) running: Sorted<Option<Fingerprint>>,
    pub(super) replied: Sorted<Reply>,
    /// Requests that were applied and whose response is gone.
    pub(super) dropped: Sorted<()>,
    pub(super) response_bytes: u64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Reply {
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) response: Bytes,
}

/// Sums over all sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) running: u64,
    pub(super) response_bytes: u64,
}

impl Session {
    pub(super) const fn new(id: SessionId, deadline: Instant) -> Self {
        Self {
            id,
            deadline,
            queued: None,
            replaced: None,
            first_unacknowledged: 0,
            running: Sorted::new(),
            replied: Sorted::new(),
            dropped: Sorted::new(),
            response_bytes: 0,
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now && self.running.is_empty()
    }

    /// The client was heard.
    pub(super) fn renew(&mut self, now: Instant, limits: &SessionLimits) {
        self.deadline = self.deadline.max(now + limits.idle);
    }

    pub(super) fn requests(&self) -> u64 {
        self.running.len() + self.replied.len() + self.dropped.len()
    }

    /// Forgets what the client no longer asks about. Takes as long as there is something to forget,
    /// whatever the number.
    pub(super) fn acknowledge(&mut self, to: u64, totals: &mut Totals, weak: &Weaknesses) {
        if weak.has(Weakness::LateAcknowledgementRegresses) {
            self.first_unacknowledged = to;
        }
        self.first_unacknowledged = self.first_unacknowledged.max(to);
        while self.running.pop_below(to).is_some() {
            totals.requests -= 1;
            if !weak.has(Weakness::CancelledStaysCounted) {
                totals.running -= 1;
            }
        }
        while let Some(reply) = self.replied.pop_below(to) {
            totals.requests -= 1;
            self.lighten(&reply, totals);
        }
        while self.dropped.pop_below(to).is_some() {
            totals.requests -= 1;
        }
    }

    /// Keeps a response, for which it drops the session's oldest as needed. Says whether it is kept, and
    /// how many were dropped.
    pub(super) fn reply(
        &mut self,
        sequence: u64,
        reply: Reply,
        limits: &SessionLimits,
        totals: &mut Totals,
        weak: &Weaknesses,
    ) -> (bool, u64) {
        let len = reply.response.len() as u64;
        let others = totals.response_bytes - self.response_bytes;
        let own = limits.response_bytes.saturating_sub(others);
        let own = own.min(limits.response_bytes_per_session);
        let Some(left) = own.checked_sub(len) else {
            self.dropped.insert(sequence, ());
            return (false, 0);
        };
        if limits.responses_per_session == 0 {
            self.dropped.insert(sequence, ());
            return (false, 0);
        }
        let mut dropped = 0;
        while self.response_bytes > left || self.replied.len() >= limits.responses_per_session {
            let Some((number, oldest)) = self.replied.pop_first() else {
                break;
            };
            self.lighten(&oldest, totals);
            if weak.has(Weakness::DroppedIsForgotten) {
                totals.requests -= 1;
            } else {
                self.dropped.insert(number, ());
            }
            dropped += 1;
        }
        self.response_bytes += len;
        totals.response_bytes += len;
        self.replied.insert(sequence, reply);
        (true, dropped)
    }

    /// Takes the session out of the sums.
    pub(super) fn leave(&self, totals: &mut Totals) {
        totals.requests -= self.requests();
        totals.running -= self.running.len();
        totals.response_bytes -= self.response_bytes;
    }

    /// Puts the session into the sums.
    pub(super) fn join(&self, totals: &mut Totals) {
        totals.requests += self.requests();
        totals.running += self.running.len();
        totals.response_bytes += self.response_bytes;
    }

    fn lighten(&mut self, reply: &Reply, totals: &mut Totals) {
        let len = reply.response.len() as u64;
        self.response_bytes -= len;
        totals.response_bytes -= len;
    }
}
