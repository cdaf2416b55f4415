//! What happened to leases, for those who did not ask.

use alloc::collections::VecDeque;
use alloc::string::String;

use quorate_clocks::Instant;

use super::SessionId;
use crate::{FencingToken, Mode};

/// Something happened to a lease: from [`LeaseTable::poll_event`](crate::LeaseTable::poll_event), in
/// the order in which it happened.
///
/// Each names the lease and the grant that it is about, for whom it concerns to know it from others
/// of the name.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{Acquire, LeaseEvent, LeaseTable, Limits};
///
/// let mut table = LeaseTable::new(Limits::default());
/// let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
/// let ann = table.acquire(at(0), "disk", "ann", ttl, 1)?;
/// table.acquire_with(at(1), &Acquire::new("disk", "bob", 1, ttl).wait(ttl))?;
/// table.release(at(2), "disk", ann.token)?;
///
/// let events: Vec<_> = core::iter::from_fn(|| table.poll_event()).collect();
/// let [LeaseEvent::Granted { .. }, LeaseEvent::QueueMoved { waiting: 1, .. },
///      LeaseEvent::Released { .. }, LeaseEvent::Granted { owner, waited: true, .. },
///      LeaseEvent::QueueMoved { waiting: 0, .. }] = &events[..] else { panic!("{events:?}") };
/// assert_eq!(owner, "bob");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LeaseEvent {
    /// Somebody holds it now.
    ///
    /// Who waited asks again, by the same request, before acting on it: how long this message was on
    /// its way is not known, and a deadline can be counted from the sending of a request only.
    Granted {
        /// The lease.
        name: String,
        /// Who holds it.
        owner: String,
        /// The request that was granted.
        request: u128,
        /// The number of the grant.
        token: FencingToken,
        /// Alone or with others.
        mode: Mode,
        /// When it ends unless it is renewed, on the table's clock.
        expires_at: Instant,
        /// Whether it was queued before, so that nobody was answered.
        waited: bool,
    },
    /// A lease ended because its time, or that of its session, had passed.
    Expired {
        /// The lease.
        name: String,
        /// Who held it.
        owner: String,
        /// The number of the grant that ended.
        token: FencingToken,
        /// When it ended, on the table's clock.
        expired_at: Instant,
    },
    /// A lease was given up by its holder.
    Released {
        /// The lease.
        name: String,
        /// Who held it.
        owner: String,
        /// The number of the grant that ended.
        token: FencingToken,
    },
    /// A lease was taken away from its holder.
    Revoked {
        /// The lease.
        name: String,
        /// Who held it.
        owner: String,
        /// The number of the grant that ended.
        token: FencingToken,
    },
    /// Somebody came to the queue or left it. One event for a change, however many wait.
    QueueMoved {
        /// The lease.
        name: String,
        /// The newest grant of the table at that time.
        token: FencingToken,
        /// How many wait now.
        waiting: u32,
    },
    /// A holder is asked to give the lease up when it can.
    YieldRequested {
        /// The lease.
        name: String,
        /// Who is asked.
        owner: String,
        /// The number of its grant.
        token: FencingToken,
    },
    /// A session ended, because its time had passed or because it was closed. Its leases end with it,
    /// each with an event of its own.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Whether it was closed.
        closed: bool,
    },
    /// Events were dropped here, for as many as the limits allow waited to be polled. Look at what
    /// you need to know.
    Missed {
        /// How many.
        count: u64,
    },
}

/// The events that wait to be polled, and how many did not fit.
#[derive(Clone, Default)]
pub(super) struct Events {
    queue: VecDeque<LeaseEvent>,
    missed: u64,
}

impl Events {
    /// Keeps an event, if there is room. What is never polled costs no more than its room.
    pub(super) fn push(&mut self, max: u32, event: impl FnOnce() -> LeaseEvent) {
        if max == 0 {
            return;
        }
        // Nothing comes after a gap before the gap is told of, so that the order is right.
        if self.missed > 0 || self.queue.len() >= max as usize {
            self.missed = self.missed.saturating_add(1);
            return;
        }
        self.queue.push_back(event());
    }

    pub(super) fn pop(&mut self) -> Option<LeaseEvent> {
        self.queue.pop_front().or_else(|| {
            let count = core::mem::take(&mut self.missed);
            (count > 0).then_some(LeaseEvent::Missed { count })
        })
    }
}
