//! The step from one stamp to the next, which all the hybrid clocks share.

use core::time::Duration;

use super::share::Share;
use super::{HybridNowError, HybridReceiveError, Overflow, PackedStamp};
use crate::{NodeId, WallTime};

/// What a clock allows: how far a stamp may lead the wall clock, in whole milliseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Rules {
    /// Of a stamp from another node.
    drift: u64,
    /// Of a stamp whose counter ran over.
    carry: u64,
}

impl Rules {
    pub(super) fn new(max_drift: Duration) -> Self {
        let drift = u64::try_from(max_drift.as_millis()).unwrap_or(u64::MAX);
        Self {
            drift,
            carry: drift,
        }
    }

    pub(super) const fn with_overflow(self, overflow: Overflow) -> Self {
        let carry = match overflow {
            Overflow::Wait => 0,
            Overflow::CarryWithinDrift => self.drift,
            Overflow::CarryAlways => u64::MAX,
        };
        Self { carry, ..self }
    }

    pub(super) const fn max_drift(self) -> Duration {
        Duration::from_millis(self.drift)
    }

    /// The stamp of an event of this node, when `last` was the one before. Figure 5, "Send or local
    /// event".
    #[inline]
    pub(super) fn now<const COUNTER_BITS: u32>(
        self,
        share: Share,
        last: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        match self.after(share, last, wall) {
            Some(next) => Ok(next),
            None => Err(self.no_stamp(last, wall)),
        }
    }

    /// The stamp of the arrival of a message that `from` stamped `stamp`. Figure 5, "Receive event
    /// of message m".
    #[inline]
    pub(super) fn receive<const COUNTER_BITS: u32>(
        self,
        share: Share,
        last: PackedStamp<COUNTER_BITS>,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        // A stamp that is not above this clock's own cannot move it, however wrong either wall clock
        // is. And the comparison comes before any sum: the stamp is whatever a peer sent.
        let ahead = stamp.millis().saturating_sub(wall.as_millis());
        if stamp > last && ahead > self.drift {
            return Err(HybridReceiveError::Drift {
                from,
                stamp,
                ahead: Duration::from_millis(ahead),
                limit: self.max_drift(),
            });
        }
        let latest = last.max(stamp);
        match self.after(share, latest, wall) {
            Some(next) => Ok(next),
            None => Err(self.no_stamp(latest, wall).on_receipt(from)),
        }
    }

    /// The smallest stamp of the share that is above `latest` and not below the wall clock.
    ///
    /// On the packed number the four cases of Figure 5 are one: where the wall clock is ahead, its
    /// millisecond with counter zero is the largest; where it is not, one more than the latest is,
    /// and that is the larger of the two counters and one when the milliseconds are equal. A counter
    /// that runs over carries into the millisecond, which the figure, with its unbounded counter,
    /// has no need of.
    #[inline]
    fn after<const COUNTER_BITS: u32>(
        self,
        share: Share,
        latest: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Option<PackedStamp<COUNTER_BITS>> {
        let millisecond = PackedStamp::<COUNTER_BITS>::new(wall.as_millis(), 0)?;
        let physical = PackedStamp::from_u64(share.at(millisecond.as_u64()));
        if physical > latest {
            return Some(physical);
        }
        let next = PackedStamp::from_u64(share.after(latest.as_u64())?);
        let carries = next.millis() != latest.millis();
        let lead = next.millis().saturating_sub(wall.as_millis());
        (!carries || lead <= self.carry).then_some(next)
    }

    /// Why there is no stamp after `latest`. Apart from the way to a stamp, which it would slow down.
    #[cold]
    fn no_stamp<const COUNTER_BITS: u32>(
        self,
        latest: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> HybridNowError<COUNTER_BITS> {
        let limit = PackedStamp::<COUNTER_BITS>::MAX.wall();
        if wall.as_millis() > limit.as_millis() {
            return HybridNowError::OutOfRange { wall, limit };
        }
        let next_millis = latest.millis().saturating_add(1);
        let ready_at = if latest.millis() == PackedStamp::<COUNTER_BITS>::MAX_MILLIS {
            // No stamp is above the last millisecond's, ever.
            WallTime::MAX
        } else {
            WallTime::from_millis(next_millis.saturating_sub(self.carry))
        };
        HybridNowError::Exhausted {
            last: latest,
            lead: Duration::from_millis(next_millis.saturating_sub(wall.as_millis())),
            limit: Duration::from_millis(self.carry),
            ready_at,
        }
    }
}
