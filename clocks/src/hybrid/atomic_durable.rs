//! A hybrid clock of many threads whose stamps grow across restarts too.

use core::time::Duration;

use super::bound::Bound;
use super::share::Share;
use super::{AtomicHybridClock, HybridNowError, HybridReceiveError, Overflow, PackedStamp};
use crate::{NodeId, WallTime};

/// A [`DurableHybridClock`](crate::DurableHybridClock) that threads share without a lock.
///
/// Any thread may stamp while another stores the bound. Where several call
/// [`poll_write`](Self::poll_write), each bound is handed to one of them only; what they store must
/// then keep the largest.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{AtomicDurableHybridClock, WallTime};
///
/// let clock = AtomicDurableHybridClock::new(Duration::from_millis(500), Duration::from_millis(200));
/// let wall = WallTime::from_millis(60_000);
/// assert!(clock.now(wall).is_err());
/// if let Some(bound) = clock.poll_write(wall) {
///     // Store `bound.to_bytes()`, and then:
///     clock.handle_written(bound);
/// }
/// std::thread::scope(|scope| {
///     let threads = [scope.spawn(|| clock.now(wall)), scope.spawn(|| clock.now(wall))];
///     let stamps = threads.map(|thread| thread.join().unwrap().unwrap());
///     assert_ne!(stamps[0], stamps[1]);
/// });
/// ```
#[derive(Debug)]
pub struct AtomicDurableHybridClock<const COUNTER_BITS: u32 = 16> {
    clock: AtomicHybridClock<COUNTER_BITS>,
    bound: Bound<COUNTER_BITS>,
}

impl AtomicDurableHybridClock {
    /// As [`DurableHybridClock::new`](crate::DurableHybridClock::new).
    pub fn new(max_drift: Duration, look_ahead: Duration) -> Self {
        Self::restart(PackedStamp::ZERO, max_drift, look_ahead)
    }
}

impl<const COUNTER_BITS: u32> AtomicDurableHybridClock<COUNTER_BITS> {
    /// As [`DurableHybridClock::restart`](crate::DurableHybridClock::restart).
    pub fn restart(
        bound: PackedStamp<COUNTER_BITS>,
        max_drift: Duration,
        look_ahead: Duration,
    ) -> Self {
        Self {
            clock: AtomicHybridClock::resume(bound, max_drift),
            bound: Bound::new(bound, look_ahead),
        }
    }

    /// As [`HybridClock::with_overflow`](crate::HybridClock::with_overflow).
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.clock = self.clock.with_overflow(overflow);
        self
    }

    /// As [`DurableHybridClock::now`](crate::DurableHybridClock::now).
    ///
    /// # Errors
    ///
    /// [`HybridNowError`], with which no stamp is used up.
    pub fn now(
        &self,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        let rules = self.clock.rules();
        self.clock.advance(|last| {
            let next = rules.now(Share::ALL, last, wall)?;
            self.bound.admit(next)
        })
    }

    /// As [`DurableHybridClock::receive`](crate::DurableHybridClock::receive).
    ///
    /// # Errors
    ///
    /// [`HybridReceiveError`], with which no stamp is used up.
    pub fn receive(
        &self,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        let rules = self.clock.rules();
        self.clock.advance(|last| {
            let next = rules.receive(Share::ALL, last, from, stamp, wall)?;
            self.bound
                .admit(next)
                .map_err(|refused| refused.on_receipt(from))
        })
    }

    /// As [`DurableHybridClock::poll_write`](crate::DurableHybridClock::poll_write).
    #[must_use = "the clock stops at its old bound when the new one is not stored"]
    pub fn poll_write(&self, wall: WallTime) -> Option<PackedStamp<COUNTER_BITS>> {
        self.bound.poll_write(self.clock.last(), wall)
    }

    /// As [`DurableHybridClock::handle_written`](crate::DurableHybridClock::handle_written).
    pub fn handle_written(&self, bound: PackedStamp<COUNTER_BITS>) {
        self.bound.handle_written(bound);
    }

    /// As [`DurableHybridClock::handle_write_failed`](crate::DurableHybridClock::handle_write_failed).
    pub fn handle_write_failed(&self, bound: PackedStamp<COUNTER_BITS>) {
        self.bound.handle_write_failed(bound);
    }

    /// The latest stamp, or the bound of the life before. Other threads may have issued larger ones
    /// by the time the caller looks at it.
    pub fn last(&self) -> PackedStamp<COUNTER_BITS> {
        self.clock.last()
    }

    /// The durable bound, which every stamp is below.
    pub fn bound(&self) -> PackedStamp<COUNTER_BITS> {
        self.bound.durable()
    }

    /// How far ahead of the wall clock a stamp may be.
    pub const fn max_drift(&self) -> Duration {
        self.clock.max_drift()
    }

    /// How far ahead of the stamps the bound is kept.
    pub const fn look_ahead(&self) -> Duration {
        self.bound.look_ahead()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{DurableHybridClock, HybridStamp};
    use proptest::prelude::*;

    proptest! {
        /// On one thread it is the plain clock.
        #[test]
        fn agrees_with_the_plain_clock(
            steps in prop::collection::vec((0..6_u8, 0..200_u64, 0..60_u64), 1..100),
        ) {
            let (drift, ahead) = (Duration::from_millis(50), Duration::from_millis(20));
            let mut plain = DurableHybridClock::new(drift, ahead);
            let atomic = AtomicDurableHybridClock::new(drift, ahead);
            let mut asked = HybridStamp::ZERO;
            for (kind, millis, more) in steps {
                let wall = WallTime::from_millis(millis);
                match kind {
                    0 => {
                        let due = plain.poll_write(wall);
                        prop_assert_eq!(due, atomic.poll_write(wall));
                        asked = due.unwrap_or(asked);
                    }
                    1 => {
                        plain.handle_written(asked);
                        atomic.handle_written(asked);
                    }
                    2 if more % 4 == 0 => {
                        plain.handle_write_failed(asked);
                        atomic.handle_write_failed(asked);
                    }
                    3 => {
                        let stamp = HybridStamp::new(millis + more, 7).unwrap();
                        prop_assert_eq!(
                            plain.receive(NodeId(2), stamp, wall),
                            atomic.receive(NodeId(2), stamp, wall)
                        );
                    }
                    _ => prop_assert_eq!(plain.now(wall), atomic.now(wall)),
                }
                prop_assert_eq!((plain.last(), plain.bound()), (atomic.last(), atomic.bound()));
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::{AtomicU64, Ordering};
    use loom::sync::Arc;

    /// Two threads tick while a third stores bounds: a stamp that is out is below what is on disk.
    #[test]
    fn no_stamp_passes_what_is_stored() {
        loom::model(|| {
            let wall = WallTime::from_millis(10);
            let millisecond = Duration::from_millis(1);
            let clock = Arc::new(AtomicDurableHybridClock::new(millisecond, millisecond));
            let disk = Arc::new(AtomicU64::new(0));
            let ticking = {
                let (clock, disk) = (Arc::clone(&clock), Arc::clone(&disk));
                loom::thread::spawn(move || {
                    let mut last = PackedStamp::ZERO;
                    for _ in 0..2 {
                        if let Ok(stamp) = clock.now(wall) {
                            assert!(stamp > last);
                            assert!(stamp.as_u64() < disk.load(Ordering::Relaxed));
                            last = stamp;
                        }
                    }
                    last
                })
            };
            let mut last = PackedStamp::ZERO;
            if let Some(bound) = clock.poll_write(wall) {
                disk.store(bound.as_u64(), Ordering::Relaxed);
                clock.handle_written(bound);
                last = clock.now(wall).expect("it was reserved");
            }
            let ticked = ticking.join().unwrap();
            assert_ne!(last, ticked);
            // Nothing is due: the bound is the next millisecond's, and that is not reached.
            assert!(clock.poll_write(wall).is_none());
        });
    }

    /// Two threads ask for a bound: one of them gets it.
    #[test]
    fn a_bound_is_handed_out_once() {
        loom::model(|| {
            let wall = WallTime::from_millis(10);
            let ahead = Duration::from_millis(4);
            let clock = Arc::new(AtomicDurableHybridClock::new(ahead, ahead));
            let other = {
                let clock = Arc::clone(&clock);
                loom::thread::spawn(move || clock.poll_write(wall))
            };
            let mine = clock.poll_write(wall);
            let theirs = other.join().unwrap();
            assert!(mine.is_some() != theirs.is_some());
        });
    }
}
