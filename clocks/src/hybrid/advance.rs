//! The step from one stamp to the next, which both clocks share.

use core::time::Duration;

use super::{HybridNowError, HybridReceiveError, HybridStamp};
use crate::{NodeId, WallTime};

/// No stamp is left between `after` and the bound.
struct NoneLeft {
    lead: Duration,
    ready_at: WallTime,
}

/// The bound on how far a stamp may lead the wall clock, in whole milliseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct DriftBound {
    millis: u64,
}

impl DriftBound {
    pub(super) fn new(max_drift: Duration) -> Self {
        Self {
            millis: u64::try_from(max_drift.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) const fn as_duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// The stamp of an event of this node, when `last` was the one before. Figure 5, "Send or local
    /// event".
    pub(super) fn now(
        self,
        last: HybridStamp,
        wall: WallTime,
    ) -> Result<HybridStamp, HybridNowError> {
        self.after(last, wall)
            .map_err(|none_left| HybridNowError::Exhausted {
                last,
                lead: none_left.lead,
                limit: self.as_duration(),
                ready_at: none_left.ready_at,
            })
    }

    /// The stamp of the arrival of a message that `from` stamped `stamp`. Figure 5, "Receive event
    /// of message m".
    pub(super) fn receive(
        self,
        last: HybridStamp,
        from: NodeId,
        stamp: HybridStamp,
        wall: WallTime,
    ) -> Result<HybridStamp, HybridReceiveError> {
        // A stamp that is not above this clock's own cannot move it, however wrong either wall clock
        // is. And the comparison comes before any sum: the stamp is whatever a peer sent.
        let ahead = stamp.millis().saturating_sub(wall.as_millis());
        if stamp > last && ahead > self.millis {
            return Err(HybridReceiveError::Drift {
                from,
                stamp,
                ahead: Duration::from_millis(ahead),
                limit: self.as_duration(),
            });
        }
        let latest = last.max(stamp);
        self.after(latest, wall)
            .map_err(|none_left| HybridReceiveError::Exhausted {
                from,
                last: latest,
                lead: none_left.lead,
                limit: self.as_duration(),
                ready_at: none_left.ready_at,
            })
    }

    /// The smallest stamp that is above `latest` and not below the wall clock.
    ///
    /// On the packed number the four cases of Figure 5 are one: where the wall clock is ahead, its
    /// millisecond with counter zero is the largest; where it is not, one more than the latest is,
    /// and that is the larger of the two counters and one when the milliseconds are equal. A counter
    /// that runs over carries into the millisecond, which the figure, with its unbounded counter,
    /// has no need of.
    fn after(self, latest: HybridStamp, wall: WallTime) -> Result<HybridStamp, NoneLeft> {
        let physical = HybridStamp::new(wall.as_millis(), 0).unwrap_or(HybridStamp::MAX);
        if physical > latest {
            return Ok(physical);
        }
        let next_millis = latest.millis().saturating_add(1);
        let lead = next_millis.saturating_sub(wall.as_millis());
        let carries = latest.counter() == u16::MAX;
        match latest.as_u64().checked_add(1) {
            Some(next) if !carries || lead <= self.millis => Ok(HybridStamp::from_u64(next)),
            _ => Err(NoneLeft {
                lead: Duration::from_millis(lead),
                ready_at: WallTime::from_millis(next_millis.saturating_sub(self.millis)),
            }),
        }
    }
}
