//! What sessions tell of themselves.

use core::hash::{Hash, Hasher};

use quorate_clocks::Instant;

use crate::{ClientSessions, SessionId, SessionLimits};

impl ClientSessions {
    /// Changes the limits. What is remembered stays, even when it is more than they allow.
    pub fn set_limits(&mut self, limits: SessionLimits) {
        self.limits = limits.cut();
    }

    /// The limits.
    pub fn limits(&self) -> &SessionLimits {
        &self.limits
    }

    /// The latest time that any call brought.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Until when the session lives if nothing is heard of it and no request of it runs. `None` if
    /// it is not there.
    pub fn deadline(&self, session: SessionId) -> Option<Instant> {
        self.live(session).map(|session| session.deadline)
    }

    /// The lowest number that the session's client waits for. `None` if the session is not there.
    pub fn first_unacknowledged(&self, session: SessionId) -> Option<u64> {
        self.live(session)
            .map(|session| session.first_unacknowledged)
    }

    /// How many sessions take up room, those included that are over and not yet freed.
    pub fn len(&self) -> u64 {
        self.table.len()
    }

    /// Whether no session takes up room.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// How many requests are remembered: running, with a response or without.
    pub fn requests(&self) -> u64 {
        self.totals.requests
    }

    /// How many requests run.
    pub fn running(&self) -> u64 {
        self.totals.running
    }

    /// Bytes of all responses that are kept.
    pub fn response_bytes(&self) -> u64 {
        self.totals.response_bytes
    }
}

/// Equal if they answer alike from now on.
impl PartialEq for ClientSessions {
    fn eq(&self, other: &Self) -> bool {
        (self.limits, self.now, self.next_id) == (other.limits, other.now, other.next_id)
            && self.table.len() == other.table.len()
            && self.table.sorted() == other.table.sorted()
    }
}

impl Eq for ClientSessions {}

impl Hash for ClientSessions {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.limits, self.now, self.next_id, self.table.sorted()).hash(state);
    }
}
