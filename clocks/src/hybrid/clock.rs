//! The hybrid clock of one owner.

use core::time::Duration;

use super::advance::Rules;
use super::share::Share;
use super::{HybridNowError, HybridReceiveError, Overflow, PackedStamp};
use crate::{NodeId, WallTime};

/// A hybrid logical clock: stamps that respect cause and stay close to the date.
///
/// Kulkarni et al., OPODIS 2014, Figure 5. The clock is told the wall time with every call and reads
/// none itself. Its stamps only ever grow, also when the wall clock stands still or is set back. If
/// every machine's wall clock is within half of some bound of the true time, no stamp leads any wall
/// clock by more than that bound (Corollary 1 of the paper), and this is what `max_drift` should be:
/// how far the wall clocks of two nodes may be apart. A message from further ahead is refused, and
/// changes nothing, so one broken machine cannot drag the others into its future. A message from the
/// past, however old, is never refused for it.
///
/// The counter has 65,536 values per millisecond. When they are used up, stamps borrow from the next
/// millisecond, as long as they then lead the wall clock by no more than `max_drift`; past that the
/// clock refuses and says from when it will not. [`Overflow`] tells what else it can do, and
/// [`PackedStamp`] how to have more values.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridClock, NodeId, WallTime};
///
/// let mut ann = HybridClock::new(Duration::from_millis(500));
/// let mut bob = HybridClock::new(Duration::from_millis(500));
///
/// // Bob's wall clock is 200 ms behind Ann's, and still his answer is stamped after her question.
/// let asked = ann.now(WallTime::from_millis(10_200))?;
/// let heard = bob.receive(NodeId(1), asked, WallTime::from_millis(10_000))?;
/// let answered = bob.now(WallTime::from_millis(10_001))?;
/// assert!(asked < heard && heard < answered);
/// assert_eq!(answered.millis(), 10_200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct HybridClock<const COUNTER_BITS: u32 = 16> {
    last: PackedStamp<COUNTER_BITS>,
    rules: Rules,
}

impl HybridClock {
    /// A clock of [`HybridStamp`](crate::HybridStamp)s that refuses stamps more than `max_drift`
    /// ahead of the wall clock. Counted in whole milliseconds, rounded down; [`Duration::MAX`]
    /// refuses nothing. For another packing, [`resume`](Self::resume) from its zero.
    pub fn new(max_drift: Duration) -> Self {
        Self::resume(PackedStamp::ZERO, max_drift)
    }
}

impl<const COUNTER_BITS: u32> HybridClock<COUNTER_BITS> {
    /// The clock after a restart. Every stamp from here on is larger than `last`, whatever the wall
    /// clock shows now. To be safe across a crash, `last` is a stamp that was made durable before
    /// any larger one was let out; [`DurableHybridClock`](crate::DurableHybridClock) sees to that.
    pub fn resume(last: PackedStamp<COUNTER_BITS>, max_drift: Duration) -> Self {
        Self {
            last,
            rules: Rules::new(max_drift),
        }
    }

    /// The same clock, which does something else when the counter is used up.
    #[must_use]
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.rules = self.rules.with_overflow(overflow);
        self
    }

    /// The stamp of an event of this node: something happened, or a message leaves.
    ///
    /// # Errors
    ///
    /// [`HybridNowError`] when no stamp is left within the bound. The clock is then unchanged.
    pub fn now(
        &mut self,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridNowError<COUNTER_BITS>> {
        self.last = self.rules.now(Share::ALL, self.last, wall)?;
        Ok(self.last)
    }

    /// The stamp of the arrival of a message that `from` stamped `stamp`: larger than `stamp` and
    /// than every stamp of this clock so far.
    ///
    /// # Errors
    ///
    /// [`HybridReceiveError`] when the stamp is from too far ahead, or none is left above it within
    /// the bound. The clock is then unchanged.
    pub fn receive(
        &mut self,
        from: NodeId,
        stamp: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Result<PackedStamp<COUNTER_BITS>, HybridReceiveError<COUNTER_BITS>> {
        self.last = self
            .rules
            .receive(Share::ALL, self.last, from, stamp, wall)?;
        Ok(self.last)
    }

    /// The latest stamp, or zero before the first.
    pub const fn last(&self) -> PackedStamp<COUNTER_BITS> {
        self.last
    }

    /// How far the latest stamp leads the wall clock. A value that stays high says that this wall
    /// clock is behind the others, or was set back.
    pub const fn lead(&self, wall: WallTime) -> Duration {
        Duration::from_millis(self.last.millis().saturating_sub(wall.as_millis()))
    }

    /// How far ahead of the wall clock a stamp may be.
    pub const fn max_drift(&self) -> Duration {
        self.rules.max_drift()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::HybridStamp;
    use proptest::prelude::*;

    const PEER: NodeId = NodeId(9);
    const FULL: u32 = HybridStamp::MAX_COUNTER;
    const BOUND: Duration = Duration::from_millis(100);

    fn stamp(millis: u64, counter: u32) -> HybridStamp {
        HybridStamp::new(millis, counter).unwrap()
    }

    fn wall(millis: u64) -> WallTime {
        WallTime::from_millis(millis)
    }

    fn at(millis: u64, counter: u32) -> HybridClock {
        HybridClock::resume(stamp(millis, counter), BOUND)
    }

    #[test]
    fn figure_5_send_or_local_event() {
        assert_eq!(at(10, 3).now(wall(11)), Ok(stamp(11, 0)));
        assert_eq!(at(10, 3).now(wall(10)), Ok(stamp(10, 4)));
        assert_eq!(at(10, 3).now(wall(9)), Ok(stamp(10, 4)));
    }

    #[test]
    fn figure_5_receive_event() {
        let receive = |clock: (u64, u32), message: (u64, u32), now| {
            at(clock.0, clock.1).receive(PEER, stamp(message.0, message.1), wall(now))
        };
        // All three milliseconds are equal: the larger counter and one.
        assert_eq!(receive((10, 3), (10, 7), 10), Ok(stamp(10, 8)));
        assert_eq!(receive((10, 7), (10, 3), 10), Ok(stamp(10, 8)));
        assert_eq!(receive((10, 3), (10, 7), 5), Ok(stamp(10, 8)));
        // The clock is ahead of the message.
        assert_eq!(receive((10, 3), (8, 7), 9), Ok(stamp(10, 4)));
        // The message is ahead of the clock.
        assert_eq!(receive((8, 3), (10, 7), 9), Ok(stamp(10, 8)));
        // The wall clock is ahead of both.
        assert_eq!(receive((8, 3), (9, 7), 10), Ok(stamp(10, 0)));
    }

    #[test]
    fn the_drift_bound_is_exact_and_a_rejection_changes_nothing() {
        let mut clock = at(1_000, 5);
        let before = clock.clone();
        assert_eq!(
            clock.receive(PEER, stamp(1_101, 0), wall(1_000)),
            Err(HybridReceiveError::Drift {
                from: PEER,
                stamp: stamp(1_101, 0),
                ahead: Duration::from_millis(101),
                limit: BOUND,
            })
        );
        assert_eq!(clock, before);
        assert_eq!(
            clock.receive(PEER, stamp(1_100, 0), wall(1_000)),
            Ok(stamp(1_100, 1))
        );
    }

    #[test]
    fn a_message_ten_years_old_is_no_drift() {
        let now = 1_700_000_000_000;
        let ten_years = 10 * 365 * 24 * 3_600_000;
        let taken = at(now, 0).receive(PEER, stamp(now - ten_years, 9), wall(now));
        assert_eq!(taken, Ok(stamp(now, 1)));
    }

    #[test]
    fn after_the_wall_clock_was_set_back_what_the_clock_already_knew_is_no_drift() {
        let mut clock = at(5_000, 0);
        assert_eq!(
            clock.receive(PEER, stamp(5_000, 0), wall(1_000)),
            Ok(stamp(5_000, 1))
        );
        assert!(clock.receive(PEER, stamp(5_001, 0), wall(1_000)).is_err());
    }

    #[test]
    fn messages_at_the_bound_cannot_ratchet_the_clock_past_it() {
        let mut clock = HybridClock::new(BOUND);
        for _ in 0..200_000 {
            let edge = stamp(1_100, clock.last().counter());
            let _ = clock.receive(PEER, edge, wall(1_000));
            assert!(clock.lead(wall(1_000)) <= BOUND);
        }
        assert_eq!(clock.last(), stamp(1_100, FULL));
    }

    #[test]
    fn a_full_counter_carries_within_the_bound_and_refuses_past_it() {
        assert_eq!(at(10, FULL).now(wall(10)), Ok(stamp(11, 0)));
        let mut edge = at(1_100, FULL);
        let before = edge.clone();
        assert_eq!(
            edge.now(wall(1_000)),
            Err(HybridNowError::Exhausted {
                last: stamp(1_100, FULL),
                lead: Duration::from_millis(101),
                limit: BOUND,
                ready_at: wall(1_001),
            })
        );
        assert_eq!(edge, before);
        assert_eq!(edge.now(wall(1_001)), Ok(stamp(1_101, 0)));
    }

    #[test]
    fn a_message_with_a_full_counter_carries_or_is_refused_but_never_wraps() {
        let mut clock = at(10, 0);
        assert_eq!(
            clock.receive(PEER, stamp(12, FULL), wall(10)),
            Ok(stamp(13, 0))
        );
        let before = clock.clone();
        assert!(matches!(
            clock.receive(PEER, stamp(110, FULL), wall(10)),
            Err(HybridReceiveError::Exhausted { from: PEER, .. })
        ));
        assert_eq!(clock, before);
    }

    #[test]
    fn the_largest_stamp_is_refused_with_and_without_a_bound() {
        let mut bounded = at(10, 0);
        assert!(matches!(
            bounded.receive(PEER, HybridStamp::MAX, wall(10)),
            Err(HybridReceiveError::Drift { .. })
        ));
        let mut unbounded = HybridClock::new(Duration::MAX);
        assert!(matches!(
            unbounded.receive(PEER, HybridStamp::MAX, wall(10)),
            Err(HybridReceiveError::Exhausted { .. })
        ));
        let mut full = HybridClock::resume(HybridStamp::MAX, Duration::MAX);
        assert!(full.now(WallTime::MAX).is_err());
    }

    #[test]
    fn poison_is_not_relayed_further_than_each_bound() {
        // Ann is 100 ms ahead of Bob, and takes in a stamp that is 100 ms ahead of her.
        let mut ann = at(1_000, 0);
        let mut bob = at(900, 0);
        let relayed = ann.receive(PEER, stamp(1_100, 0), wall(1_000)).unwrap();
        let refused = bob.receive(NodeId(1), relayed, wall(900)).unwrap_err();
        assert_eq!(
            refused,
            HybridReceiveError::Drift {
                from: NodeId(1),
                stamp: stamp(1_100, 1),
                ahead: Duration::from_millis(200),
                limit: BOUND,
            }
        );
    }

    #[test]
    fn an_hour_set_back_keeps_the_order_and_shows_as_lead() {
        let hour = Duration::from_secs(3_600);
        let mut clock = HybridClock::new(BOUND);
        let before = clock.now(wall(7_200_000)).unwrap();
        let after = clock.now(wall(3_600_000)).unwrap();
        assert!(after > before);
        assert_eq!(clock.lead(wall(3_600_000)), hour);
    }

    #[test]
    fn a_resumed_clock_continues_above_what_was_made_durable() {
        let mut behind = at(5_000, 17);
        assert!(behind.now(wall(4_000)).unwrap() > stamp(5_000, 17));
        let mut ahead = at(5_000, 17);
        assert_eq!(ahead.now(wall(6_000)), Ok(stamp(6_000, 0)));
    }

    proptest! {
        /// Whatever the wall clock does and whatever peers send, stamps grow, a received stamp is
        /// passed, and a refusal changes nothing.
        #[test]
        fn stamps_only_grow(
            start in any::<u64>(),
            bound in prop_oneof![0..5_000_u64, Just(u64::MAX)],
            steps in prop::collection::vec(
                (prop_oneof![any::<u64>(), 0..9_000_000_u64], prop::option::of(any::<u64>())), 1..60
            ),
        ) {
            let start = HybridStamp::from_u64(start);
            let mut clock = HybridClock::resume(start, Duration::from_millis(bound));
            for (nanos, message) in steps {
                let wall = WallTime::from_nanos(nanos);
                let before = clock.clone();
                let message = message.map(HybridStamp::from_u64);
                let issued = match message {
                    None => clock.now(wall).ok(),
                    Some(message) => clock.receive(PEER, message, wall).ok(),
                };
                match issued {
                    None => prop_assert_eq!(&clock, &before),
                    Some(issued) => {
                        prop_assert!(issued > before.last());
                        prop_assert!(message.is_none_or(|message| issued > message));
                        prop_assert!(issued.millis() >= wall.as_millis());
                        prop_assert_eq!(issued, clock.last());
                    }
                }
            }
        }
    }
}
