//! Tells when the wall clock jumps, when stamps run ahead of it, and when another node uses our id.

use core::fmt;
use core::time::Duration;

use crate::{Instant, NodeId, NodeStamp, PackedStamp, WallTime};

/// Watches a node's clocks, and says what an operator should know.
///
/// A hybrid clock hides what is wrong with the wall clock: that is its purpose, and it is how a clock
/// that is a day off stays that way. The watch is told what the node sees anyway, reads no clock, and
/// returns at most one event for each call. Nothing is fatal: what to do is the caller's choice. It
/// is apart from the clocks, so who does not use it pays nothing.
///
/// - [`handle_time`](Self::handle_time), every second or so: the wall clock jumped, against the
///   monotonic clock. A suspend is no jump if the monotonic clock counts suspended time, as
///   the crate's `SystemClock` does: both went on.
/// - [`handle_stamp`](Self::handle_stamp), now and then: the stamps lead the wall clock by more than
///   they should. Once when it begins and once when it is over.
/// - [`handle_remote`](Self::handle_remote), for what arrives, *before* the clock receives it: a
///   stamp with our id that we never issued.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockEvent, ClockWatch, HybridClock, Instant, ManualClock, NodeId, WallTime};
///
/// let mut machine = ManualClock::new(Instant::ORIGIN).with_wall(WallTime::from_millis(7_200_000));
/// let mut clock = HybridClock::new(Duration::from_millis(500));
/// let mut watch = ClockWatch::new(NodeId(1), Duration::from_millis(250));
/// watch.handle_time(machine.now(), machine.wall());
/// clock.now(machine.wall())?;
///
/// // Five seconds pass, and an operator sets the calendar back by an hour.
/// machine.advance(Duration::from_secs(5));
/// machine.set_wall(machine.wall().saturating_sub(Duration::from_secs(3_600)));
/// let jump = watch.handle_time(machine.now(), machine.wall());
/// assert!(matches!(jump, Some(ClockEvent::WallWentBack { by, .. }) if by.as_secs() == 3_600));
/// let lead = watch.handle_stamp(clock.now(machine.wall())?, machine.wall());
/// assert!(matches!(lead, Some(ClockEvent::LeadBegan { lead, .. }) if lead.as_secs() == 3_595));
/// assert_eq!(watch.handle_stamp(clock.now(machine.wall())?, machine.wall()), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ClockWatch<const COUNTER_BITS: u32 = 16> {
    node: NodeId,
    threshold: Duration,
    seen: Option<(Instant, WallTime)>,
    leads: bool,
}

impl ClockWatch {
    /// Watches the clocks of `node`. A jump or a lead of more than `threshold` is an event; half of
    /// the clock's `max_drift` is a good choice, since past all of it other nodes refuse.
    pub const fn new(node: NodeId, threshold: Duration) -> Self {
        Self::packed(node, threshold)
    }
}

impl<const COUNTER_BITS: u32> ClockWatch<COUNTER_BITS> {
    /// [`new`](ClockWatch::new), for any packing.
    pub const fn packed(node: NodeId, threshold: Duration) -> Self {
        Self {
            node,
            threshold,
            seen: None,
            leads: false,
        }
    }

    /// The node's monotonic and wall clock, read one right after the other.
    ///
    /// The two should advance alike between calls. What they may be apart without an event is the
    /// threshold, and one millisecond for each second in between: NTP slews a clock by at most half
    /// of that, and crystals are wrong by much less.
    pub fn handle_time(
        &mut self,
        now: Instant,
        wall: WallTime,
    ) -> Option<ClockEvent<COUNTER_BITS>> {
        let (before, wall_before) = self.seen.replace((now, wall))?;
        let passed = now.since(before);
        let allowed = self.threshold.saturating_add(passed / 1_000);
        let expected = wall_before.saturating_add(passed);
        if wall.since(expected) > allowed {
            return Some(ClockEvent::WallWentForward {
                by: wall.since(expected),
                wall,
                expected,
            });
        }
        (expected.since(wall) > allowed).then(|| ClockEvent::WallWentBack {
            by: expected.since(wall),
            wall,
            expected,
        })
    }

    /// The latest stamp of the node's hybrid clock, and the wall clock.
    ///
    /// The lead begins when it is above the threshold, and is over when it is not above half of it,
    /// so that one that stays near the threshold is not an event each time.
    pub fn handle_stamp(
        &mut self,
        last: PackedStamp<COUNTER_BITS>,
        wall: WallTime,
    ) -> Option<ClockEvent<COUNTER_BITS>> {
        let lead = Duration::from_millis(last.millis().saturating_sub(wall.as_millis()));
        if !self.leads && lead > self.threshold {
            self.leads = true;
            let limit = self.threshold;
            return Some(ClockEvent::LeadBegan { last, lead, limit });
        }
        if self.leads && lead <= self.threshold / 2 {
            self.leads = false;
            return Some(ClockEvent::LeadEnded { last, lead });
        }
        None
    }

    /// The stamp of a message, and the latest that this node has issued, read after the message had
    /// arrived and **before** the clock receives the stamp.
    ///
    /// A stamp with this node's id that is above all that it has issued was issued by another: two
    /// nodes share an id, or this one has forgotten an earlier life. Either way, two events can have
    /// the same stamp, and the order is broken. What the other node issues below this one's latest
    /// stamp looks like our own and is not noticed; its next after that usually is.
    pub fn handle_remote(
        &self,
        stamped: NodeStamp<COUNTER_BITS>,
        last: PackedStamp<COUNTER_BITS>,
    ) -> Option<ClockEvent<COUNTER_BITS>> {
        let foreign = stamped.node == self.node && stamped.stamp > last;
        foreign.then_some(ClockEvent::DuplicateNode { stamped, last })
    }
}

/// What a [`ClockWatch`] noticed.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockWatch, HybridStamp, NodeId, NodeStamp};
///
/// let watch = ClockWatch::new(NodeId(1), Duration::from_millis(250));
/// let last = HybridStamp::new(1_000, 4).unwrap();
/// let ours = NodeStamp { stamp: last, node: NodeId(1) };
/// assert_eq!(watch.handle_remote(ours, last), None); // an echo
/// let twin = NodeStamp { stamp: HybridStamp::new(1_000, 5).unwrap(), node: NodeId(1) };
/// let event = watch.handle_remote(twin, last).unwrap();
/// assert_eq!(
///     event.to_string(),
///     "stamp 1000+5@n1 carries the id of this node, which has issued none above 1000+4: another \
///      node has the same id, or this one forgot an earlier life; stop one of them, and start it \
///      again with an id of its own"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClockEvent<const COUNTER_BITS: u32 = 16> {
    /// The wall clock advanced much more than the monotonic one. Stamps that are issued now are in
    /// what may turn out to be the future, and cannot be taken back.
    WallWentForward {
        /// By how much more.
        by: Duration,
        /// What it shows.
        wall: WallTime,
        /// What it should show, by the monotonic clock.
        expected: WallTime,
    },
    /// The wall clock advanced much less than the monotonic one, or went back.
    WallWentBack {
        /// By how much less.
        by: Duration,
        /// What it shows.
        wall: WallTime,
        /// What it should show, by the monotonic clock.
        expected: WallTime,
    },
    /// The stamps have begun to lead the wall clock by more than the threshold: it was set back, is
    /// behind those of other nodes, or there are more stamps than the counter has values.
    LeadBegan {
        /// The latest stamp.
        last: PackedStamp<COUNTER_BITS>,
        /// How far it leads.
        lead: Duration,
        /// How far it may without an event.
        limit: Duration,
    },
    /// The stamps no longer lead the wall clock by more than half of the threshold.
    LeadEnded {
        /// The latest stamp.
        last: PackedStamp<COUNTER_BITS>,
        /// How far it leads.
        lead: Duration,
    },
    /// Another node uses this node's id, or this one has forgotten an earlier life.
    DuplicateNode {
        /// A stamp with this node's id that it has not issued.
        stamped: NodeStamp<COUNTER_BITS>,
        /// The latest that it has issued.
        last: PackedStamp<COUNTER_BITS>,
    },
}

impl<const COUNTER_BITS: u32> fmt::Display for ClockEvent<COUNTER_BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WallWentForward { by, wall, expected } => write!(
                f,
                "the wall clock jumped forward by {} ms: it shows {wall}, and {expected} was \
                 expected; see what set it before more is stamped",
                by.as_millis()
            ),
            Self::WallWentBack { by, wall, expected } => write!(
                f,
                "the wall clock jumped back by {} ms: it shows {wall}, and {expected} was expected",
                by.as_millis()
            ),
            Self::LeadBegan { last, lead, limit } => write!(
                f,
                "stamp {last} leads the wall clock by {} ms, more than {} ms: check the wall clock \
                 here, and whether other nodes still accept such stamps",
                lead.as_millis(),
                limit.as_millis()
            ),
            Self::LeadEnded { last, lead } => write!(
                f,
                "stamp {last} leads the wall clock by no more than {} ms again",
                lead.as_millis()
            ),
            Self::DuplicateNode { stamped, last } => write!(
                f,
                "stamp {stamped} carries the id of this node, which has issued none above {last}: \
                 another node has the same id, or this one forgot an earlier life; stop one of \
                 them, and start it again with an id of its own"
            ),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn watch() -> ClockWatch {
        ClockWatch::new(NodeId(1), Duration::from_millis(100))
    }

    #[test]
    fn the_threshold_of_a_jump_grows_with_the_time_in_between() {
        let jump = |passed: u64, wall: u64| {
            let mut watch = watch();
            let start = WallTime::from_millis(1_000_000);
            assert_eq!(watch.handle_time(Instant::ORIGIN, start), None);
            let wall = WallTime::from_millis(wall);
            watch.handle_time(Instant::from_millis(passed), wall)
        };
        assert_eq!(jump(0, 1_000_100), None);
        assert!(jump(0, 1_000_101).is_some());
        assert_eq!(jump(0, 999_900), None);
        assert!(jump(0, 999_899).is_some());
        assert_eq!(jump(10_000, 1_010_110), None);
        assert!(jump(10_000, 1_010_111).is_some());
        assert_eq!(jump(10_000, 1_009_890), None);
        assert!(jump(10_000, 1_009_889).is_some());
        // A clock that is slewed by 500 parts in a million, over a day without a look at it.
        assert_eq!(jump(86_400_000, 1_000_000 + 86_443_200), None);
    }

    #[test]
    fn a_lead_is_one_event_until_it_is_over() {
        let mut watch = watch();
        let last = PackedStamp::<16>::new(1_000, 0).unwrap();
        let mut events = [900, 899, 850, 899, 901, 949, 950, 1_000, 800]
            .map(|millis| watch.handle_stamp(last, WallTime::from_millis(millis)))
            .into_iter()
            .enumerate()
            .filter_map(|(place, event)| Some((place, event?)));
        assert!(matches!(
            events.next(),
            Some((1, ClockEvent::LeadBegan { .. }))
        ));
        assert!(matches!(
            events.next(),
            Some((6, ClockEvent::LeadEnded { .. }))
        ));
        assert!(matches!(
            events.next(),
            Some((8, ClockEvent::LeadBegan { .. }))
        ));
        assert_eq!(events.next(), None);
    }

    proptest! {
        #[test]
        fn no_reading_panics(
            threshold in any::<u64>(),
            readings in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 1..20),
        ) {
            let mut watch = ClockWatch::new(NodeId(1), Duration::from_secs(threshold));
            for (now, wall, stamp) in readings {
                let (wall, stamp) = (WallTime::from_nanos(wall), PackedStamp::<16>::from_u64(stamp));
                watch.handle_time(Instant::from_nanos(now), wall);
                watch.handle_stamp(stamp, wall);
            }
        }
    }
}
