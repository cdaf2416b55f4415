//! A hybrid clock whose stamps grow across restarts too.

use core::time::Duration;

use super::advance::Rules;
use super::look_ahead::LookAhead;
use super::share::Share;
use super::{HybridNowError, HybridReceiveError, Overflow, PackedStamp};
use crate::{NodeId, WallTime};

/// A hybrid clock that never repeats itself after a crash, for a few small writes a second.
///
/// A node that crashes forgets its latest stamp. If its wall clock was set back meanwhile, or if the
/// stamps were ahead of it, the next life issues stamps that are smaller than, or equal to, those of
/// the one before. To make every stamp durable before it is let out costs a write each. This clock
/// makes a *bound* durable, some way ahead, and issues only stamps below it; the next life starts at
/// the bound (CockroachDB does the same since its PR #23744). The clock writes nothing itself:
///
/// 1. [`poll_write`](Self::poll_write) says when a new bound is due, and which. Call it after each
///    stamp, or every few milliseconds.
/// 2. Make it durable: eight bytes, [`PackedStamp::to_bytes`], in place of the one before.
/// 3. Report it with [`handle_written`](Self::handle_written). Until then the clock issues what is
///    left below the old bound, and then refuses with [`HybridNowError::PersistFirst`].
/// 4. After a restart, pass what was stored to [`restart`](Self::restart).
///
/// # What it costs
///
/// A bound is asked for when less than half of the `look_ahead` is left: with 200 ms about ten times
/// a second, whatever the number of stamps. And the first stamps after a restart can lead the wall
/// clock by the look-ahead. It does not wait for the wall clock to catch up, and other nodes accept
/// stamps that lead by no more than their `max_drift`: so keep `look_ahead`, plus how far the wall
/// clocks of two nodes may be apart, below it. Who prefers to wait does so until the wall clock
/// passes [`bound`](Self::bound).
///
/// # A wall clock that jumped forward
///
/// It needs a bound that is as far ahead, so nothing of the jump gets out before that is stored. A
/// driver that sees one, as [`ClockWatch`](crate::ClockWatch) does, can have the wall clock repaired
/// instead of polling. Once it is stored, and the wall clock set back, the bound is in the future: the
/// next life still starts at once, above it. Other nodes refuse such stamps, and with
/// [`Overflow::CarryWithinDrift`] there is one counter of them until the wall clock catches up; with
/// [`Overflow::CarryAlways`] they never end. The other way out is a new identity, as a new node.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{DurableHybridClock, HybridNowError, HybridStamp, WallTime};
///
/// let (drift, look_ahead) = (Duration::from_millis(500), Duration::from_millis(200));
/// let mut disk = HybridStamp::ZERO.to_bytes();
/// let wall = WallTime::from_millis(60_000);
///
/// let mut clock = DurableHybridClock::new(drift, look_ahead);
/// assert!(matches!(clock.now(wall), Err(HybridNowError::PersistFirst { .. })));
/// if let Some(bound) = clock.poll_write(wall) {
///     disk = bound.to_bytes(); // and sync
///     clock.handle_written(bound);
/// }
/// let last = clock.now(wall)?;
///
/// // The node crashes, and comes back with a calendar that was set back by a minute.
/// let wall = WallTime::from_millis(0);
/// let mut clock = DurableHybridClock::restart(HybridStamp::from_bytes(disk), drift, look_ahead);
/// if let Some(bound) = clock.poll_write(wall) {
///     disk = bound.to_bytes();
///     clock.handle_written(bound);
/// }
/// assert!(clock.now(wall)? > last);
/// # Ok::<(), HybridNowError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct DurableHybridClock<const COUNTER_BITS: u32 = 16> {
    last: PackedStamp<COUNTER_BITS>,
    rules: Rules,
    look_ahead: LookAhead,
    /// Durable. Every stamp that was issued is below it.
    bound: PackedStamp<COUNTER_BITS>,
    /// The largest bound that was handed out to be stored. Not below `bound`.
    asked: PackedStamp<COUNTER_BITS>,
    /// The largest stamp that was refused for want of a bound.
    wanted: PackedStamp<COUNTER_BITS>,
}

impl DurableHybridClock {
    /// The first life of a clock of [`HybridStamp`](crate::HybridStamp)s: nothing is stored yet.
    /// `max_drift` is as for [`HybridClock::new`](crate::HybridClock::new), `look_ahead` in whole
    /// milliseconds, at least one.
    pub fn new(max_drift: Duration, look_ahead: Duration) -> Self {
        Self::restart(PackedStamp::ZERO, max_drift, look_ahead)
    }
}

impl<const COUNTER_BITS: u32> DurableHybridClock<COUNTER_BITS> {
    /// The next life of the clock that stored `bound`; [`PackedStamp::ZERO`] where nothing was.
    /// Every stamp from here on is larger than all before, whatever the wall clock shows.
    pub fn restart(
        bound: PackedStamp<COUNTER_BITS>,
        max_drift: Duration,
        look_ahead: Duration,
    ) -> Self {
        Self {
            // Not the stamp below the bound: its counter is full, and where the wall clock is far
            // behind, the first stamp would be a carry past the limit.
            last: bound,
            rules: Rules::new(max_drift),
            look_ahead: LookAhead::new(look_ahead),
            bound,
            asked: bound,
            wanted: PackedStamp::ZERO,
        }
    }

    /// As [`HybridClock::with_overflow`](crate::HybridClock::with_overflow).
    #[must_use]
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.rules = self.rules.with_overflow(overflow);
        self
    }

    /// As [`HybridClock::now`](crate::HybridClock::now), and below the durable bound.
    ///
    /// # Errors
    ///
    /// [`HybridNowError`], with which no stamp is used up. [`HybridNowError::PersistFirst`] makes
    /// [`poll_write`](Self::poll_write) ask for a bound that suffices.
    pub fn now(
        &mut self,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        let next = self.rules.now(Share::ALL, self.last, wall)?;
        if next >= self.bound {
            return Err(self.persist_first(next));
        }
        self.last = next;
        Ok(next)
    }

    /// As [`HybridClock::receive`](crate::HybridClock::receive), and below the durable bound.
    ///
    /// # Errors
    ///
    /// [`HybridReceiveError`], with which no stamp is used up. A message that is refused with
    /// [`HybridReceiveError::PersistFirst`] can be taken in after the next write.
    pub fn receive(
        &mut self,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        let next = self
            .rules
            .receive(Share::ALL, self.last, from, stamp, wall)?;
        if next >= self.bound {
            return Err(self.persist_first(next).on_receipt(from));
        }
        self.last = next;
        Ok(next)
    }

    /// A bound to make durable now, if one is due: above the durable one, in whose place it goes, and
    /// handed out once.
    ///
    /// Due when less than half of the look-ahead is left above the latest stamp, above a stamp that
    /// was refused, or above the wall clock: with the last, a clock that is polled while it is idle
    /// need not refuse when it is used again.
    #[must_use = "the clock stops at its old bound when the new one is not stored"]
    pub fn poll_write(&mut self, wall: WallTime) -> Option<PackedStamp<COUNTER_BITS>> {
        let physical = PackedStamp::new(wall.as_millis(), 0).unwrap_or(PackedStamp::ZERO);
        let reached = self.last.max(self.wanted).max(physical);
        let upto = self.look_ahead.due(reached, self.asked)?;
        self.asked = upto;
        Some(upto)
    }

    /// `bound` is durable. Harmless when it is late, repeated or out of order.
    pub fn handle_written(&mut self, bound: PackedStamp<COUNTER_BITS>) {
        self.bound = self.bound.max(bound);
        self.asked = self.asked.max(bound);
    }

    /// `bound` could not be stored: [`poll_write`](Self::poll_write) hands one out again.
    pub fn handle_write_failed(&mut self, bound: PackedStamp<COUNTER_BITS>) {
        if self.asked == bound {
            self.asked = self.bound;
        }
    }

    /// The latest stamp; before the first, the bound of the life before.
    pub const fn last(&self) -> PackedStamp<COUNTER_BITS> {
        self.last
    }

    /// The durable bound, which every stamp is below.
    pub const fn bound(&self) -> PackedStamp<COUNTER_BITS> {
        self.bound
    }

    /// As [`HybridClock::lead`](crate::HybridClock::lead).
    pub const fn lead(&self, wall: WallTime) -> Duration {
        Duration::from_millis(self.last.millis().saturating_sub(wall.as_millis()))
    }

    /// How far ahead of the wall clock a stamp may be.
    pub const fn max_drift(&self) -> Duration {
        self.rules.max_drift()
    }

    /// How far ahead of the stamps the bound is kept.
    pub const fn look_ahead(&self) -> Duration {
        self.look_ahead.span()
    }

    #[cold]
    fn persist_first(&mut self, needed: PackedStamp<COUNTER_BITS>) -> HybridNowError<COUNTER_BITS> {
        self.wanted = self.wanted.max(needed);
        HybridNowError::PersistFirst {
            needed,
            bound: self.bound,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::HybridStamp;
    use proptest::prelude::*;
    use std::string::ToString;

    const DRIFT: Duration = Duration::from_millis(50);
    const AHEAD: Duration = Duration::from_millis(20);

    fn stamp(millis: u64, counter: u32) -> HybridStamp {
        HybridStamp::new(millis, counter).unwrap()
    }

    fn wall(millis: u64) -> WallTime {
        WallTime::from_millis(millis)
    }

    #[test]
    fn the_last_stamp_below_the_bound_is_issued_and_the_bound_is_not() {
        let mut clock = DurableHybridClock::new(DRIFT, AHEAD);
        clock.handle_written(stamp(10, 2));
        assert_eq!(clock.now(wall(10)), Ok(stamp(10, 0)));
        assert_eq!(clock.now(wall(10)), Ok(stamp(10, 1)));
        let refused = clock.now(wall(10)).unwrap_err();
        assert_eq!(
            refused,
            HybridNowError::PersistFirst {
                needed: stamp(10, 2),
                bound: stamp(10, 2),
            }
        );
        assert!(refused.to_string().contains("poll_write"));
        assert_eq!(clock.last(), stamp(10, 1));
    }

    #[test]
    fn a_message_ahead_of_the_bound_waits_for_a_bound_that_suffices() {
        let mut clock = DurableHybridClock::new(DRIFT, AHEAD);
        let first = clock.poll_write(wall(1_000)).unwrap();
        clock.handle_written(first);
        assert_eq!(clock.poll_write(wall(1_000)), None);
        // Within the drift, and past the look-ahead.
        let refused = clock.receive(NodeId(2), stamp(1_050, 3), wall(1_000));
        assert_eq!(
            refused,
            Err(HybridReceiveError::PersistFirst {
                from: NodeId(2),
                needed: stamp(1_050, 4),
                bound: stamp(1_020, 0),
            })
        );
        assert!(refused.unwrap_err().to_string().contains("n2"));
        let second = clock.poll_write(wall(1_000)).unwrap();
        assert_eq!(second, stamp(1_070, 0));
        clock.handle_written(second);
        assert_eq!(
            clock.receive(NodeId(2), stamp(1_050, 3), wall(1_000)),
            Ok(stamp(1_050, 4))
        );
    }

    #[test]
    fn a_message_that_is_refused_for_its_drift_asks_for_no_bound() {
        let mut clock = DurableHybridClock::new(DRIFT, AHEAD);
        let first = clock.poll_write(wall(1_000)).unwrap();
        clock.handle_written(first);
        let before = clock.clone();
        for poison in [stamp(1_051, 0), HybridStamp::MAX] {
            assert!(clock.receive(NodeId(2), poison, wall(1_000)).is_err());
        }
        assert_eq!(clock, before);
        assert_eq!(clock.poll_write(wall(1_000)), None);
    }

    #[test]
    fn a_write_that_failed_is_asked_for_again_and_late_reports_do_no_harm() {
        let mut clock = DurableHybridClock::new(DRIFT, AHEAD);
        let bound = clock.poll_write(wall(1_000)).unwrap();
        assert_eq!(clock.poll_write(wall(1_000)), None);
        clock.handle_write_failed(bound);
        let again = clock.poll_write(wall(1_001)).unwrap();
        clock.handle_write_failed(bound); // of the one before: it is another that is under way
        assert_eq!(clock.poll_write(wall(1_001)), None);
        clock.handle_written(again);
        clock.handle_written(bound);
        assert_eq!(clock.bound(), again);
    }

    #[test]
    fn the_end_of_all_stamps_is_refused_and_not_asked_for_for_ever() {
        let mut clock = DurableHybridClock::restart(HybridStamp::MAX, DRIFT, AHEAD);
        assert!(clock.now(wall(5)).is_err());
        assert_eq!(clock.poll_write(WallTime::MAX), None);
    }

    proptest! {
        /// Whatever the wall clock shows and peers send, and however writes fail and lives end:
        /// stamps grow, across all lives, and each was below a bound that was durable before.
        #[test]
        fn stamps_grow_across_crashes(
            ahead in 0..40_u64,
            steps in prop::collection::vec((0..9_u8, 0..200_u64, any::<u32>()), 1..200),
        ) {
            let ahead = Duration::from_millis(ahead);
            let mut disk = HybridStamp::ZERO;
            let mut writing = None;
            let mut clock = DurableHybridClock::restart(disk, DRIFT, ahead);
            let mut largest = HybridStamp::ZERO;
            for (kind, millis, seed) in steps {
                let wall = wall(millis);
                let issued = match kind {
                    0 => {
                        clock = DurableHybridClock::restart(disk, DRIFT, ahead);
                        writing = None;
                        None
                    }
                    1 => {
                        writing = clock.poll_write(wall).or(writing);
                        None
                    }
                    2 => {
                        if let Some(bound) = writing.take() {
                            prop_assert!(bound > clock.bound());
                            // It may reach the disk although nobody hears of it.
                            if seed % 4 != 0 {
                                disk = bound;
                            }
                            if seed % 4 == 1 || seed % 4 == 0 {
                                clock.handle_write_failed(bound);
                            } else {
                                clock.handle_written(bound);
                            }
                        }
                        None
                    }
                    3..6 => {
                        let stamp = stamp(millis + u64::from(seed % 60), seed % 3 * 0x7FFF);
                        clock.receive(NodeId(2), stamp, wall).ok()
                    }
                    _ => clock.now(wall).ok(),
                };
                if let Some(issued) = issued {
                    prop_assert!(issued > largest);
                    prop_assert!(issued < disk);
                    largest = issued;
                }
            }
        }
    }
}
