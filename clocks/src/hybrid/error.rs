//! Why a hybrid clock refuses.

use core::fmt;
use core::time::Duration;

use super::PackedStamp;
use crate::{NodeId, WallTime};

/// Why a hybrid clock issues no stamp now. The clock is unchanged.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridClock, HybridNowError, HybridStamp, WallTime};
///
/// // The counter of this millisecond is used up, and the bound leaves no millisecond to borrow.
/// let last = HybridStamp::new(1_000, HybridStamp::MAX_COUNTER).unwrap();
/// let mut clock = HybridClock::resume(last, Duration::ZERO);
/// let refused = clock.now(WallTime::from_millis(1_000)).unwrap_err();
/// let HybridNowError::Exhausted { ready_at, .. } = refused else { panic!("{refused}") };
/// assert_eq!(ready_at, WallTime::from_millis(1_001));
/// assert!(clock.now(ready_at).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HybridNowError<const COUNTER_BITS: u32 = 16> {
    /// The counter of the clock's millisecond is used up, and the next millisecond would lead the
    /// wall clock by more than [`Overflow`](crate::Overflow) allows: too many stamps at once, or the
    /// wall clock was set back.
    Exhausted {
        /// The latest stamp of the clock.
        last: PackedStamp<COUNTER_BITS>,
        /// How far the next millisecond leads the wall clock.
        lead: Duration,
        /// How far it may lead.
        limit: Duration,
        /// The wall time from which stamps are issued again; [`WallTime::MAX`] after the largest
        /// stamp of all.
        ready_at: WallTime,
    },
    /// The wall clock shows a date that has no stamp, because the milliseconds of this packing have
    /// too few bits. Never so with the default packing.
    OutOfRange {
        /// What the wall clock shows.
        wall: WallTime,
        /// The last date that has stamps.
        limit: WallTime,
    },
    /// The next stamp is not below the durable bound. Only clocks that have one, such as
    /// [`DurableHybridClock`](crate::DurableHybridClock), say so. Ask the clock's `poll_write` for the
    /// bound to store, store it, tell the clock, and ask again.
    PersistFirst {
        /// The stamp that would be next.
        needed: PackedStamp<COUNTER_BITS>,
        /// The durable bound, which every stamp must be below.
        bound: PackedStamp<COUNTER_BITS>,
    },
}

impl<const COUNTER_BITS: u32> fmt::Display for HybridNowError<COUNTER_BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted {
                last,
                lead,
                limit,
                ready_at,
            } => write!(
                f,
                "no stamp is left after {last}: the next would lead the wall clock by {} ms and \
                 the limit is {} ms; ask again when the wall clock shows {ready_at}",
                lead.as_millis(),
                limit.as_millis()
            ),
            Self::OutOfRange { wall, limit } => out_of_range(f, *wall, *limit, COUNTER_BITS),
            Self::PersistFirst { needed, bound } => persist_first(f, *needed, *bound),
        }
    }
}

impl<const COUNTER_BITS: u32> core::error::Error for HybridNowError<COUNTER_BITS> {}

/// Why a hybrid clock does not take a stamp in. The clock is unchanged.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridClock, HybridReceiveError, HybridStamp, NodeId, WallTime};
///
/// let mut clock = HybridClock::new(Duration::from_millis(500));
/// let from_the_future = HybridStamp::new(10_600, 0).unwrap();
/// let refused = clock.receive(NodeId(7), from_the_future, WallTime::from_millis(10_000));
/// assert_eq!(
///     refused,
///     Err(HybridReceiveError::Drift {
///         from: NodeId(7),
///         stamp: from_the_future,
///         ahead: Duration::from_millis(600),
///         limit: Duration::from_millis(500),
///     }),
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HybridReceiveError<const COUNTER_BITS: u32 = 16> {
    /// The sender's stamp is too far ahead of this node's wall clock: one of the two clocks is
    /// wrong. Drop the message **before** anything of it is stored, for a stamp from the future that
    /// was stored is met again after every restart.
    Drift {
        /// Who sent the stamp.
        from: NodeId,
        /// The stamp.
        stamp: PackedStamp<COUNTER_BITS>,
        /// How far it is ahead of the wall clock of this node.
        ahead: Duration,
        /// How far it may be ahead.
        limit: Duration,
    },
    /// The sender's stamp is within the bound, but there is none left between it and the bound.
    Exhausted {
        /// Who sent the stamp.
        from: NodeId,
        /// The larger of the stamp and this clock's latest.
        last: PackedStamp<COUNTER_BITS>,
        /// How far the next millisecond leads the wall clock.
        lead: Duration,
        /// How far it may lead.
        limit: Duration,
        /// The wall time from which the stamp can be taken in; [`WallTime::MAX`] after the largest
        /// stamp of all.
        ready_at: WallTime,
    },
    /// The wall clock shows a date that has no stamp, because the milliseconds of this packing have
    /// too few bits. Never so with the default packing.
    OutOfRange {
        /// Who sent the stamp.
        from: NodeId,
        /// What the wall clock shows.
        wall: WallTime,
        /// The last date that has stamps.
        limit: WallTime,
    },
    /// The stamp of the arrival would not be below the durable bound: as
    /// [`HybridNowError::PersistFirst`]. Take the message in once the bound is stored.
    PersistFirst {
        /// Who sent the stamp.
        from: NodeId,
        /// The stamp that the arrival would have.
        needed: PackedStamp<COUNTER_BITS>,
        /// The durable bound, which every stamp must be below.
        bound: PackedStamp<COUNTER_BITS>,
    },
}

impl<const COUNTER_BITS: u32> fmt::Display for HybridReceiveError<COUNTER_BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drift {
                from,
                stamp,
                ahead,
                limit,
            } => write!(
                f,
                "stamp {stamp} from {from} is {} ms ahead of the wall clock here and the limit is \
                 {} ms: drop the message, and check the clocks of both nodes",
                ahead.as_millis(),
                limit.as_millis()
            ),
            Self::Exhausted {
                from,
                last,
                lead,
                limit,
                ready_at,
            } => write!(
                f,
                "no stamp is left after {last} for a message from {from}: the next would lead the \
                 wall clock by {} ms and the limit is {} ms; take the message in when the wall \
                 clock shows {ready_at}",
                lead.as_millis(),
                limit.as_millis()
            ),
            Self::OutOfRange { from, wall, limit } => {
                write!(f, "a message from {from} cannot be stamped: ")?;
                out_of_range(f, *wall, *limit, COUNTER_BITS)
            }
            Self::PersistFirst {
                from,
                needed,
                bound,
            } => {
                write!(f, "a message from {from} must wait: ")?;
                persist_first(f, *needed, *bound)
            }
        }
    }
}

impl<const COUNTER_BITS: u32> core::error::Error for HybridReceiveError<COUNTER_BITS> {}

impl<const COUNTER_BITS: u32> HybridNowError<COUNTER_BITS> {
    /// The same, of a stamp for a message that `from` sent.
    pub(super) const fn on_receipt(self, from: NodeId) -> HybridReceiveError<COUNTER_BITS> {
        match self {
            Self::Exhausted {
                last,
                lead,
                limit,
                ready_at,
            } => HybridReceiveError::Exhausted {
                from,
                last,
                lead,
                limit,
                ready_at,
            },
            Self::OutOfRange { wall, limit } => {
                HybridReceiveError::OutOfRange { from, wall, limit }
            }
            Self::PersistFirst { needed, bound } => HybridReceiveError::PersistFirst {
                from,
                needed,
                bound,
            },
        }
    }
}

fn out_of_range(
    f: &mut fmt::Formatter<'_>,
    wall: WallTime,
    limit: WallTime,
    counter_bits: u32,
) -> fmt::Result {
    write!(
        f,
        "the wall clock shows {wall}, and stamps with {counter_bits} bits of counter end at \
         {limit}: check the wall clock, or use a packing with fewer bits of counter"
    )
}

fn persist_first<const COUNTER_BITS: u32>(
    f: &mut fmt::Formatter<'_>,
    needed: PackedStamp<COUNTER_BITS>,
    bound: PackedStamp<COUNTER_BITS>,
) -> fmt::Result {
    write!(
        f,
        "the next stamp is {needed} and the durable bound {bound}: store the bound that poll_write \
         hands out, report it with handle_written, and ask again"
    )
}
