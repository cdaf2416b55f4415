//! Why a hybrid clock refuses.

use core::fmt;
use core::time::Duration;

use super::HybridStamp;
use crate::{NodeId, WallTime};

/// Why a hybrid clock issues no stamp now. The clock is unchanged.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridClock, HybridNowError, HybridStamp, WallTime};
///
/// // The counter of this millisecond is used up, and the bound leaves no millisecond to borrow.
/// let last = HybridStamp::new(1_000, u16::MAX).unwrap();
/// let mut clock = HybridClock::resume(last, Duration::ZERO);
/// let refused = clock.now(WallTime::from_millis(1_000)).unwrap_err();
/// let HybridNowError::Exhausted { ready_at, .. } = refused else { panic!("{refused}") };
/// assert_eq!(ready_at, WallTime::from_millis(1_001));
/// assert!(clock.now(ready_at).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HybridNowError {
    /// The counter of the clock's millisecond is used up, and the next millisecond would lead the
    /// wall clock by more than the bound: too many stamps at once, or the wall clock was set back.
    Exhausted {
        /// The latest stamp of the clock.
        last: HybridStamp,
        /// How far the next millisecond leads the wall clock.
        lead: Duration,
        /// How far it may lead.
        limit: Duration,
        /// The wall time from which stamps are issued again.
        ready_at: WallTime,
    },
}

impl fmt::Display for HybridNowError {
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
        }
    }
}

impl core::error::Error for HybridNowError {}

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
pub enum HybridReceiveError {
    /// The sender's stamp is too far ahead of this node's wall clock: one of the two clocks is
    /// wrong. Drop the message **before** anything of it is stored, for a stamp from the future that
    /// was stored is met again after every restart.
    Drift {
        /// Who sent the stamp.
        from: NodeId,
        /// The stamp.
        stamp: HybridStamp,
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
        last: HybridStamp,
        /// How far the next millisecond leads the wall clock.
        lead: Duration,
        /// How far it may lead.
        limit: Duration,
        /// The wall time from which the stamp can be taken in.
        ready_at: WallTime,
    },
}

impl fmt::Display for HybridReceiveError {
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
        }
    }
}

impl core::error::Error for HybridReceiveError {}
