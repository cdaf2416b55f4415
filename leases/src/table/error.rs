//! Why a lease table refuses.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use super::Holder;
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
        /// How many names the table keeps.
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
                "lease {name:?} finds no room: {max} leases are held, and that is the limit; \
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
