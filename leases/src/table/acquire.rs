//! Asking for a lease, and what is answered.

use core::time::Duration;

use quorate_clocks::Instant;

use super::{Grant, SessionId};
use crate::Mode;

/// A request for a lease, for [`LeaseTable::acquire_with`](crate::LeaseTable::acquire_with).
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{Acquire, Acquired, LeaseTable, Limits};
///
/// let mut table = LeaseTable::new(Limits::default());
/// let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
///
/// // Two may read at a time, and the one who wants to write waits for both.
/// let ann = table.acquire_with(at(0), &Acquire::new("disk", "ann", 1, ttl).shared())?;
/// let bob = table.acquire_with(at(0), &Acquire::new("disk", "bob", 1, ttl).shared())?;
/// let writer = Acquire::new("disk", "cid", 1, ttl).wait(Duration::from_secs(60));
/// let queued = table.acquire_with(at(1), &writer)?;
/// assert!(matches!(queued, Acquired::Queued(place) if place.ahead == 0));
///
/// table.expire(at(10_000));
/// // It asks again by the same request, and has it.
/// let granted = table.acquire_with(at(10_001), &writer)?.grant().expect("its turn");
/// assert!(granted.token > bob.grant().unwrap().token);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Acquire<'a> {
    /// The lease.
    pub name: &'a str,
    /// Who wants it.
    pub owner: &'a str,
    /// The number of the request, by which a retry is known. The owner never uses it for another.
    pub request: u128,
    /// Alone or with others. By default alone.
    pub mode: Mode,
    /// How long it is to last.
    pub term: Term,
    /// For how long to wait in the queue when it cannot be had at once. By default not at all. A retry
    /// puts that off, so who waits shows that it is alive by asking again.
    pub wait: Option<Duration>,
    /// For how long nobody is to get it after it ended without having been released. By default
    /// nothing. While others that shared it hold it still, more can share it with them.
    ///
    /// Chubby's lock-delay (Burrows, OSDI 2006, section 2.4): it keeps writes of the old holder that
    /// are still on their way apart from the new one, at resources that know of no fence.
    pub lock_delay: Duration,
}

/// How long a lease is to last.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Term {
    /// For this long, and longer when it is renewed.
    Ttl(Duration),
    /// For as long as this session is kept alive.
    Session(SessionId),
}

impl<'a> Acquire<'a> {
    /// Wants `name` alone and at once, for `ttl`.
    pub const fn new(name: &'a str, owner: &'a str, request: u128, ttl: Duration) -> Self {
        Self {
            name,
            owner,
            request,
            mode: Mode::Exclusive,
            term: Term::Ttl(ttl),
            wait: None,
            lock_delay: Duration::ZERO,
        }
    }

    /// Wants `name` alone and at once, for as long as `session` is kept alive.
    pub const fn in_session(
        name: &'a str,
        owner: &'a str,
        request: u128,
        session: SessionId,
    ) -> Self {
        Self {
            term: Term::Session(session),
            ..Self::new(name, owner, request, Duration::ZERO)
        }
    }

    /// The same with others.
    #[must_use]
    pub const fn shared(self) -> Self {
        Self {
            mode: Mode::Shared,
            ..self
        }
    }

    /// The same, and waiting for it for so long.
    #[must_use]
    pub const fn wait(self, wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..self
        }
    }

    /// The same, with a [`lock_delay`](Self::lock_delay).
    #[must_use]
    pub const fn lock_delay(self, lock_delay: Duration) -> Self {
        Self { lock_delay, ..self }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Acquired {
    /// It holds the lease.
    Granted(Grant),
    /// It waits.
    Queued(Place),
}

impl Acquired {
    /// The grant, if it does not wait.
    pub const fn grant(self) -> Option<Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Queued(_) => None,
        }
    }
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// How many wait before it.
    pub ahead: u32,
    /// When it is left, unless the request is made again, on the table's clock.
    pub until: Instant,
}
