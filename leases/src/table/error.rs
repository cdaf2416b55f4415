//! Why a lease table refuses.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::{Holder, SessionId, StealPolicy};
use crate::FencingToken;

/// Why a lease was not granted. Nothing has changed.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{AcquireError, LeaseTable, Limits};
///
/// let mut table = LeaseTable::new(Limits::default());
/// let (now, ttl) = (Instant::from_millis(0), Duration::from_secs(10));
/// table.acquire(now, "disk", "ann", ttl, 1)?;
/// let refused = table.acquire(Instant::from_millis(4_000), "disk", "bob", ttl, 1).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "lease \"disk\" is held by \"ann\" with #1 for another 6s, until 10.000000s: ask again then",
/// );
/// let AcquireError::Held { holder, .. } = refused else { panic!("{refused}") };
/// assert_eq!(holder.remaining, Duration::from_secs(6));
/// # Ok::<(), AcquireError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AcquireError {
    /// Somebody holds it, maybe the same owner by another request.
    Held {
        /// The lease that was asked for.
        name: String,
        /// Who holds it.
        holder: Holder,
    },
    /// This very request was granted before, and that grant has ended. It was a late retry: do not
    /// go on, or ask by a new request.
    Ended {
        /// The lease that was asked for.
        name: String,
        /// The number of the grant that has ended.
        token: FencingToken,
    },
    /// It could be shared with those who hold it, but others wait for it.
    Waiting {
        /// The lease that was asked for.
        name: String,
        /// How many have their turn before.
        ahead: u32,
    },
    /// Its last holder did not release it, and had asked for a delay in that case.
    Delayed {
        /// The lease that was asked for.
        name: String,
        /// When the delay is over, on the table's clock.
        until: Instant,
        /// How long that is from the instant of the command: when to ask again.
        remaining: Duration,
    },
    /// As many wait as may, for the name or for all names together.
    QueueFull {
        /// The lease that was asked for.
        name: String,
        /// How many wait.
        waiting: usize,
        /// How many may.
        max: usize,
    },
    /// The session that the lease was to be bound to is over, or never was.
    NoSession {
        /// The lease that was asked for.
        name: String,
        /// The session.
        session: SessionId,
    },
    /// It was to wait for longer than anybody may.
    Wait {
        /// What was asked for.
        asked: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// The next holder was to be delayed for longer than anybody may be.
    LockDelay {
        /// What was asked for.
        asked: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// The time to live is out of bounds.
    Ttl {
        /// What was asked for.
        ttl: Duration,
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// The name is empty or too long.
    Name {
        /// How long it is, in bytes.
        bytes: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// The owner is empty or too long.
    Owner {
        /// How long it is, in bytes.
        bytes: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// As many leases as the table keeps have holders.
    Full {
        /// The lease that was asked for.
        name: String,
        /// How many grants the table keeps.
        max: usize,
    },
    /// The table has granted the last token there is, and grants nothing any more.
    TokensExhausted {
        /// The lease that was asked for.
        name: String,
    },
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { name, holder } => {
                write!(f, "lease {name:?} is held by {holder}: ask again then")
            }
            Self::Ended { name, token } => write!(
                f,
                "this request was granted lease {name:?} with {token} before and that grant has \
                 ended: ask by a new request"
            ),
            Self::Waiting { name, ahead } => write!(
                f,
                "{ahead} wait for lease {name:?} and have their turn before: wait behind them, or ask \
                 again later"
            ),
            Self::Delayed {
                name,
                until,
                remaining,
            } => write!(
                f,
                "lease {name:?} was not released by its last holder, and nobody gets it for another \
                 {remaining:?}, until {until}: ask again then"
            ),
            Self::QueueFull { name, waiting, max } => write!(
                f,
                "{waiting} wait before lease {name:?} could be waited for, and {max} may: ask again \
                 later, or raise `max_waiting` and `max_waiting_per_name`"
            ),
            Self::NoSession { name, session } => write!(
                f,
                "lease {name:?} cannot be bound to {session}, which is over or never was: open another"
            ),
            Self::Wait { asked, max } => write!(
                f,
                "waiting for {asked:?} is out of bounds: wait for up to {max:?}, and ask again"
            ),
            Self::LockDelay { asked, max } => write!(
                f,
                "a lock-delay of {asked:?} is out of bounds: ask for up to {max:?}"
            ),
            Self::Ttl { ttl, min, max } => write_ttl(f, *ttl, *min, *max),
            Self::Name { bytes, max } => write!(
                f,
                "the name of the lease has {bytes} bytes; it may have 1 to {max}"
            ),
            Self::Owner { bytes, max } => write!(
                f,
                "the owner of the lease has {bytes} bytes; it may have 1 to {max}"
            ),
            Self::Full { name, max } => write!(
                f,
                "lease {name:?} finds no room: {max} leases are held or waited for, and that is the limit; \
                 release one, or raise `max_leases`"
            ),
            Self::TokensExhausted { name } => write!(
                f,
                "lease {name:?} cannot be granted: the last fencing token, {}, is taken; start a \
                 new table with resources whose fences are new",
                FencingToken(u64::MAX)
            ),
        }
    }
}

impl core::error::Error for AcquireError {}

/// Why a lease was not renewed. Nothing has changed.
///
/// After [`Ended`](Self::Ended) and [`Superseded`](Self::Superseded) the caller holds nothing: it
/// stops what it does under the lease, and if it still wants it, acquires it by a new request and
/// gets a new token. A lease never comes back to life.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RenewError {
    /// No grant with that token holds the lease, and no other does: it expired, was released, or
    /// never was.
    Ended {
        /// The lease.
        name: String,
        /// The token that was presented.
        token: FencingToken,
    },
    /// Another grant holds the lease now.
    Superseded {
        /// The lease.
        name: String,
        /// The token that was presented.
        token: FencingToken,
        /// Who holds it.
        holder: Holder,
    },
    /// The lease lasts for as long as its session, which is what is to be kept alive.
    OfSession {
        /// The lease.
        name: String,
        /// The token that was presented.
        token: FencingToken,
        /// The session.
        session: SessionId,
    },
    /// The time to live is out of bounds. The lease is as it was.
    Ttl {
        /// What was asked for.
        ttl: Duration,
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
}

impl fmt::Display for RenewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { name, token } => write_ended(f, name, *token),
            Self::Superseded {
                name,
                token,
                holder,
            } => write_superseded(f, name, *token, holder),
            Self::OfSession {
                name,
                token,
                session,
            } => write!(
                f,
                "lease {name:?} with {token} lasts as long as {session}: keep that alive"
            ),
            Self::Ttl { ttl, min, max } => write_ttl(f, *ttl, *min, *max),
        }
    }
}

impl core::error::Error for RenewError {}

/// Why there was nothing to release. Nothing has changed, and the caller holds nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReleaseError {
    /// No grant with that token holds the lease, and no other does: it expired, or never was.
    Ended {
        /// The lease.
        name: String,
        /// The token that was presented.
        token: FencingToken,
    },
    /// Another grant holds the lease now, and keeps it.
    Superseded {
        /// The lease.
        name: String,
        /// The token that was presented.
        token: FencingToken,
        /// Who holds it.
        holder: Holder,
    },
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { name, token } => write_ended(f, name, *token),
            Self::Superseded {
                name,
                token,
                holder,
            } => write_superseded(f, name, *token, holder),
        }
    }
}

impl core::error::Error for ReleaseError {}

/// Why a session was not opened, kept alive or closed. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// It is over, and with it all its leases, or it never was. Open another, and acquire anew.
    Ended {
        /// The session.
        session: SessionId,
    },
    /// There are as many as there may be.
    Full {
        /// How many there may be.
        max: usize,
    },
    /// The time to live is out of bounds.
    Ttl {
        /// What was asked for.
        ttl: Duration,
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { session } => write!(
                f,
                "{session} is over with all its leases, or never was: stop, open another, and acquire \
                 anew"
            ),
            Self::Full { max } => write!(
                f,
                "there are {max} sessions, and that is the limit: close one, or raise `max_sessions`"
            ),
            Self::Ttl { ttl, min, max } => write_ttl(f, *ttl, *min, *max),
        }
    }
}

impl core::error::Error for SessionError {}

/// Why nothing was stolen. Nothing has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StealError {
    /// The grant that was seen does not hold the lease (any more).
    NotHeldBy {
        /// The lease.
        name: String,
        /// The token that was presented.
        seen: FencingToken,
        /// Who holds it now, if anybody.
        holder: Option<Holder>,
    },
    /// The policy does not let that owner steal it.
    NotAllowed {
        /// The lease.
        name: String,
        /// Who wants it.
        owner: String,
        /// Who may.
        policy: StealPolicy,
    },
    /// It would not have been granted either if it had been free.
    Refused(AcquireError),
}

impl fmt::Display for StealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeldBy {
                name,
                seen,
                holder: Some(holder),
            } => write!(
                f,
                "lease {name:?} is not held with {seen} but by {holder}: look again before stealing it"
            ),
            Self::NotHeldBy { name, seen, .. } => write!(
                f,
                "lease {name:?} is not held with {seen}, nor by anybody: acquire it"
            ),
            Self::NotAllowed {
                name,
                owner,
                policy,
            } => write!(
                f,
                "{owner:?} may not steal lease {name:?}: {policy:?} may, by the limits of the table"
            ),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for StealError {}

/// The grant does not hold the lease (any more), so there was nothing to revoke.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RevokeError {
    /// The lease.
    pub name: String,
    /// The token that was presented.
    pub token: FencingToken,
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, token } = self;
        write!(
            f,
            "lease {name:?} is not held with {token}: nothing to revoke"
        )
    }
}

impl core::error::Error for RevokeError {}

/// Why a name is not watched. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WatchError {
    /// The session is over, or never was.
    NoSession {
        /// The session.
        session: SessionId,
    },
    /// The name is empty or too long.
    Name {
        /// How long it is, in bytes.
        bytes: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// There are as many watches as there may be.
    Full {
        /// How many there may be.
        max: usize,
    },
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession { session } => {
                write!(
                    f,
                    "{session}, which was to watch, is over or never was: open another"
                )
            }
            Self::Name { bytes, max } => write!(
                f,
                "the name of the lease has {bytes} bytes; it may have 1 to {max}"
            ),
            Self::Full { max } => write!(
                f,
                "there are {max} watches, and that is the limit: end one, or raise `max_watches`"
            ),
        }
    }
}

impl core::error::Error for WatchError {}

fn write_ttl(
    f: &mut fmt::Formatter<'_>,
    ttl: Duration,
    min: Duration,
    max: Duration,
) -> fmt::Result {
    write!(
        f,
        "a time to live of {ttl:?} is out of bounds: ask for {min:?} to {max:?}"
    )
}

fn write_ended(f: &mut fmt::Formatter<'_>, name: &str, token: FencingToken) -> fmt::Result {
    write!(
        f,
        "lease {name:?} with {token} has ended and nobody holds it: stop, and acquire it anew"
    )
}

fn write_superseded(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    token: FencingToken,
    holder: &Holder,
) -> fmt::Result {
    write!(
        f,
        "lease {name:?} with {token} is lost: it is held by {holder}; stop"
    )
}
