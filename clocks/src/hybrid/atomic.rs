//! The hybrid clock of many threads.

use core::time::Duration;

use super::advance::Rules;
use super::share::Share;
use super::{HybridNowError, HybridReceiveError, Overflow, PackedStamp};
use crate::sync::{AtomicU64, Ordering};
use crate::{NodeId, WallTime};

/// A [`HybridClock`](crate::HybridClock) that threads share without a lock.
///
/// Its whole state is one `u64`, so a stamp is one compare-and-swap, repeated when another thread
/// was faster. All stamps of one clock are distinct, and a stamp that was issued before a call began
/// is smaller than the one the call returns, on whatever thread. The wall time is the caller's and
/// is read before the loop: a thread that was held up between reading and calling still gets a stamp
/// above all earlier ones.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{AtomicHybridClock, WallTime};
///
/// let clock = AtomicHybridClock::new(Duration::from_millis(500));
/// let wall = WallTime::from_millis(10_000);
/// std::thread::scope(|scope| {
///     let threads = [scope.spawn(|| clock.now(wall)), scope.spawn(|| clock.now(wall))];
///     let stamps = threads.map(|thread| thread.join().unwrap().unwrap());
///     assert_ne!(stamps[0], stamps[1]);
/// });
/// ```
#[derive(Debug)]
pub struct AtomicHybridClock<const COUNTER_BITS: u32 = 16> {
    last: AtomicU64,
    rules: Rules,
}

impl AtomicHybridClock {
    /// As [`HybridClock::new`](crate::HybridClock::new).
    pub fn new(max_drift: Duration) -> Self {
        Self::resume(PackedStamp::ZERO, max_drift)
    }
}

impl<const COUNTER_BITS: u32> AtomicHybridClock<COUNTER_BITS> {
    /// As [`HybridClock::resume`](crate::HybridClock::resume).
    pub fn resume(last: PackedStamp<COUNTER_BITS>, max_drift: Duration) -> Self {
        Self {
            last: AtomicU64::new(last.as_u64()),
            rules: Rules::new(max_drift),
        }
    }

    /// As [`HybridClock::with_overflow`](crate::HybridClock::with_overflow).
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.rules = self.rules.with_overflow(overflow);
        self
    }

    /// As [`HybridClock::now`](crate::HybridClock::now).
    ///
    /// # Errors
    ///
    /// [`HybridNowError`] when no stamp is left within the bound. The clock is then unchanged.
    pub fn now(
        &self,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        self.advance(|last| self.rules.now(Share::ALL, last, wall))
    }

    /// As [`HybridClock::receive`](crate::HybridClock::receive).
    ///
    /// # Errors
    ///
    /// [`HybridReceiveError`] when the stamp is from too far ahead, or none is left above it within
    /// the bound. The clock is then unchanged.
    pub fn receive(
        &self,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        self.advance(|last| self.rules.receive(Share::ALL, last, from, stamp, wall))
    }

    /// The latest stamp, or zero before the first. Other threads may have issued larger ones by the
    /// time the caller looks at it.
    pub fn last(&self) -> PackedStamp<COUNTER_BITS> {
        PackedStamp::from_u64(self.last.load(Ordering::Acquire))
    }

    /// How far ahead of the wall clock a stamp may be.
    pub const fn max_drift(&self) -> Duration {
        self.rules.max_drift()
    }

    pub(super) const fn rules(&self) -> Rules {
        self.rules
    }

    pub(super) fn advance<E>(
        &self,
        step: impl Fn(PackedStamp<COUNTER_BITS>) -> Result<PackedStamp<COUNTER_BITS>, E>,
    ) -> Result<PackedStamp<COUNTER_BITS>, E> {
        let mut last = self.last.load(Ordering::Acquire);
        loop {
            let next = step(PackedStamp::from_u64(last))?;
            // A failed exchange hands over what another thread put there, and the step is taken
            // again from that: its stamp was computed from a state that is gone.
            match self.last.compare_exchange_weak(
                last,
                next.as_u64(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(next),
                Err(newer) => last = newer,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{HybridClock, HybridStamp};
    use proptest::prelude::*;

    #[test]
    fn is_shared_between_threads() {
        const fn shared<T: Send + Sync>() {}
        shared::<AtomicHybridClock>();
    }

    proptest! {
        /// On one thread it is the plain clock.
        #[test]
        fn agrees_with_the_plain_clock(
            start in any::<u64>(),
            steps in prop::collection::vec((0..9_000_000_u64, prop::option::of(any::<u64>())), 1..40),
        ) {
            let start = HybridStamp::from_u64(start);
            let bound = Duration::from_millis(3);
            let mut plain = HybridClock::resume(start, bound);
            let atomic = AtomicHybridClock::resume(start, bound);
            for (nanos, message) in steps {
                let wall = WallTime::from_nanos(nanos);
                match message.map(HybridStamp::from_u64) {
                    None => prop_assert_eq!(plain.now(wall), atomic.now(wall)),
                    Some(stamp) => prop_assert_eq!(
                        plain.receive(NodeId(1), stamp, wall),
                        atomic.receive(NodeId(1), stamp, wall)
                    ),
                }
                prop_assert_eq!(plain.last(), atomic.last());
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::HybridStamp;
    use std::vec::Vec;

    /// Two threads tick twice each while a third takes a message in: all stamps are distinct, those
    /// of a thread grow, and the receiver passes the message.
    #[test]
    fn stamps_of_racing_threads_are_distinct_and_grow() {
        // All interleavings of three threads take minutes. Those with at most three preemptions take
        // seconds, and the models of two threads below are exhaustive.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let bound = Duration::from_millis(100);
            let clock = loom::sync::Arc::new(AtomicHybridClock::new(bound));
            let wall = WallTime::from_millis(10);
            let ticking: Vec<_> = (0..2)
                .map(|_| {
                    let clock = loom::sync::Arc::clone(&clock);
                    loom::thread::spawn(move || {
                        let first = clock.now(wall).unwrap();
                        let second = clock.now(wall).unwrap();
                        assert!(first < second);
                        [first, second]
                    })
                })
                .collect();
            let message = HybridStamp::new(12, 0).unwrap();
            let received = clock.receive(NodeId(9), message, wall).unwrap();
            assert!(received > message);

            let mut stamps: Vec<_> = ticking
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect();
            stamps.push(received);
            stamps.sort_unstable();
            let latest = stamps[4];
            stamps.dedup();
            assert_eq!(stamps.len(), 5);
            assert_eq!(clock.last(), latest);
        });
    }

    /// A thread ticks twice while another takes a message in and answers it.
    #[test]
    fn an_answer_is_stamped_above_its_question_amid_a_race() {
        loom::model(|| {
            let bound = Duration::from_millis(100);
            let clock = loom::sync::Arc::new(AtomicHybridClock::new(bound));
            let wall = WallTime::from_millis(10);
            let ticking = {
                let clock = loom::sync::Arc::clone(&clock);
                loom::thread::spawn(move || {
                    let first = clock.now(wall).unwrap();
                    let second = clock.now(wall).unwrap();
                    assert!(first < second);
                    [first, second]
                })
            };
            let question = HybridStamp::new(12, 0).unwrap();
            let received = clock.receive(NodeId(9), question, wall).unwrap();
            let answered = clock.now(wall).unwrap();
            assert!(question < received && received < answered);
            let ticked = ticking.join().unwrap();
            assert!(!ticked.contains(&received) && !ticked.contains(&answered));
        });
    }

    /// A thread that read its wall time long ago still gets a stamp above one that it knows of.
    #[test]
    fn a_stamp_that_was_seen_is_passed_even_with_an_old_wall_time() {
        loom::model(|| {
            let bound = Duration::from_millis(100);
            let clock = loom::sync::Arc::new(AtomicHybridClock::new(bound));
            let fast = {
                let clock = loom::sync::Arc::clone(&clock);
                loom::thread::spawn(move || clock.now(WallTime::from_millis(50)).unwrap())
            };
            let seen = clock.last();
            let slow = clock.now(WallTime::from_millis(1)).unwrap();
            assert!(slow > seen);
            let fast = fast.join().unwrap();
            assert_ne!(slow, fast);
            assert!(clock.now(WallTime::from_millis(1)).unwrap() > fast.max(slow));
        });
    }
}
