//! Many leases that are kept by one message.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use quorate_clocks::{Instant, TimerId};

use super::entry::List;

/// A session of a [`LeaseTable`](crate::LeaseTable). No two have the same, also not after a restore.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// A session was opened, or kept alive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct SessionGrant {
    /// Which.
    pub session: SessionId,
    /// When it ends unless it is kept alive, on the table's clock.
    pub expires_at: Instant,
    /// How long that is from the instant of the command.
    pub remaining: Duration,
}

#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) ttl: Duration,
    /// It is over then, and with it all its leases, whether anybody noticed or not.
    pub(super) deadline: Instant,
    /// Whether its client ended it.
    pub(super) closed: bool,
    /// Whether its end was told.
    pub(super) told: bool,
    pub(super) timer: TimerId,
    /// Its leases, in the order of their tokens.
    pub(super) leases: List,
    /// Its places in queues: the number that it drew, and the entry.
    pub(super) waiting: BTreeSet<(u64, u32)>,
    /// The names that it watches.
    pub(super) watched: BTreeSet<Arc<str>>,
}

impl Session {
    pub(super) fn is_open(&self, now: Instant) -> bool {
        now < self.deadline
    }
}
