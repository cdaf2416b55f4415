//! What a holder sends, and what it is answered.

use core::fmt;
use core::time::Duration;

use quorate_clocks::Incarnation;

use crate::{AcquireError, FencingToken, RenewError};

/// One attempt to send something. The answer has to come back with it.
///
/// A retry is the same request with another ticket. What an answer is worth depends on when *its* attempt
/// was sent, and an answer that is taken for that of a later attempt makes a lease too long.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Incarnation, Instant};
/// use quorate_leases::{HolderConfig, LeaseHolder};
///
/// let config = HolderConfig::new(Duration::from_secs(10));
/// let mut holder = LeaseHolder::new(config, Incarnation(1), 7)?;
/// holder.acquire(Instant::from_millis(0));
/// let first = holder.poll_transmit(Instant::from_millis(0)).expect("it wants the lease");
/// let retry = holder.poll_transmit(Instant::from_millis(200)).expect("there was no answer");
/// assert_eq!(first.ask, retry.ask);
/// assert_ne!(first.ticket, retry.ticket);
/// # Ok::<(), quorate_leases::HolderConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// The identity of one wish for the lease, the same for all its attempts, and used for no other wish.
///
/// The grantor answers a request that it has granted with the same grant again, so that a lost answer
/// does not lock a holder out of its own lease; and it can tell that apart from a new wish by this alone.
///
/// ```
/// use quorate_clocks::Incarnation;
/// use quorate_leases::RequestId;
///
/// let request = RequestId { incarnation: Incarnation(3), number: 1 };
/// assert_eq!(request.as_u128(), (3 << 64) + 1); // for `LeaseTable::acquire`
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId {
    /// Which life of the holder.
    pub incarnation: Incarnation,
    /// Which wish in that life.
    pub number: u64,
}

impl RequestId {
    /// As one number.
    pub const fn as_u128(self) -> u128 {
        ((self.incarnation.0 as u128) << 64) | self.number as u128
    }
}

/// Something for the grantor, to be sent now.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct HolderRequest {
    /// To be handed back with the answer.
    pub ticket: Ticket,
    /// What to ask.
    pub ask: Ask,
}

/// What a holder asks a grantor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ask {
    /// Grant the lease.
    Acquire {
        /// The same for every attempt.
        request: RequestId,
        /// For how long.
        ttl: Duration,
    },
    /// Let this grant go on.
    Renew {
        /// The number of the grant.
        token: FencingToken,
        /// For how long, from when it arrives.
        ttl: Duration,
    },
    /// End this grant. Nothing is done under it any more.
    Release {
        /// The number of the grant.
        token: FencingToken,
    },
}

/// An answer that is not what was asked for.
///
/// It can be made from the errors of a [`LeaseTable`](crate::LeaseTable). What no retry will cure, such as a
/// name that is too long or a session that is over, becomes [`Unavailable`](Self::Unavailable) as well, and
/// the holder asks again: look at such errors before.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{LeaseTable, Limits, Refusal};
///
/// let mut table = LeaseTable::new(Limits::default());
/// let ttl = Duration::from_secs(10);
/// table.acquire(Instant::from_millis(0), "disk", "ann", ttl, 1)?;
/// let refused = table.acquire(Instant::from_millis(4_000), "disk", "bob", ttl, 1).unwrap_err();
/// let remaining = Duration::from_secs(6);
/// assert_eq!(Refusal::from(&refused), Refusal::Held { remaining });
/// # Ok::<(), quorate_leases::AcquireError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// Another grant holds the lease, or did and it is not free yet.
    Held {
        /// For how long, unless it is renewed; zero when that is not known.
        remaining: Duration,
    },
    /// The grant that was meant has ended: it expired, was released, or was taken over. For a request to
    /// acquire, the grant that it once got.
    Ended,
    /// It was not decided, or not for a reason that the lease is to blame for: no connection, no answer in
    /// time, no room. It may have been done all the same.
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { remaining } => {
                write!(
                    f,
                    "the lease is held by another grant for another {remaining:?}"
                )
            }
            Self::Ended => f.write_str("the grant has ended"),
            Self::Unavailable => f.write_str("the lease service did not decide"),
        }
    }
}

impl From<&AcquireError> for Refusal {
    fn from(error: &AcquireError) -> Self {
        match error {
            AcquireError::Held { holder, .. } => Self::Held {
                remaining: holder.remaining,
            },
            AcquireError::Delayed { remaining, .. } => Self::Held {
                remaining: *remaining,
            },
            AcquireError::Ended { .. } => Self::Ended,
            // Also while it waits in the queue: asked again, it is granted when it is its turn.
            _ => Self::Unavailable,
        }
    }
}

impl From<&RenewError> for Refusal {
    fn from(error: &RenewError) -> Self {
        match error {
            RenewError::Superseded { holder, .. } => Self::Held {
                remaining: holder.remaining,
            },
            RenewError::Ended { .. } => Self::Ended,
            _ => Self::Unavailable,
        }
    }
}
