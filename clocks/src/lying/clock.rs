//! The two clocks of one machine.

use core::time::Duration;

use super::hand::Hand;
use super::{ClockFault, Hands};
use crate::{DriftRate, Instant, WallTime};

/// A machine's monotonic and wall clock, which are wrong in the ways that clocks are, as a function of
/// the true time.
///
/// Where a [`ManualClock`](crate::ManualClock) shows what a test says, this shows what a machine would
/// show at a true date, after all that [happened](ClockFault) to it. It also says what a real clock
/// cannot: [how far off](Self::worst_wall_error) its wall clock has been, and [which drift
/// rate](Self::kept) its monotonic clock has kept, so a test can tell whether what it tests was promised
/// anything at all.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockFault, Hands, Instant, LyingClock, WallTime};
///
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// let after = |seconds| noon.saturating_add(Duration::from_secs(seconds));
/// let mut clock = LyingClock::new(noon);
///
/// // A crystal that is 50 parts per million slow, and an operator who sets the date.
/// clock.strike(noon, ClockFault::Drift { ppb: -50_000 });
/// clock.strike(after(100), ClockFault::WallForward(Duration::from_secs(60)));
/// let reading = clock.read(after(100));
/// assert_eq!(reading.now, Instant::from_millis(99_995));
/// assert_eq!(reading.wall, noon.saturating_add(Duration::from_millis(159_995)));
///
/// // The machine sleeps for an hour, and its monotonic clock does not count that.
/// clock.strike(after(100), ClockFault::Freeze(Hands::Both));
/// clock.strike(after(3_700), ClockFault::Resume(Hands::Monotonic));
/// clock.strike(after(3_700), ClockFault::CatchUp(Hands::Wall));
/// assert_eq!(clock.read(after(3_700)).now, reading.now);
/// assert_eq!(clock.kept(after(3_700)), None);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LyingClock {
    monotonic: Hand,
    wall: Hand,
    resolution: u64,
    wall_within: Duration,
    /// The largest error of the wall clock at the ends of its lines, up to the last fault.
    worst: Duration,
}

/// What both clocks of a machine show, read at one moment.
///
/// ```
/// use quorate_clocks::{LyingClock, Instant, WallTime};
///
/// let reading = LyingClock::new(WallTime::from_millis(5)).read(WallTime::from_millis(7));
/// assert_eq!(reading.now, Instant::from_millis(2));
/// assert_eq!(reading.wall, WallTime::from_millis(7));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClockReading {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock.
    pub wall: WallTime,
}

impl LyingClock {
    /// Clocks that are right, of a machine that starts at this true date. The monotonic one begins at its
    /// origin.
    pub const fn new(truth: WallTime) -> Self {
        Self {
            monotonic: Hand::new(truth.as_nanos(), 0),
            wall: Hand::new(truth.as_nanos(), truth.as_nanos()),
            resolution: 1,
            wall_within: Duration::MAX,
            worst: Duration::ZERO,
        }
    }

    /// The same, with a monotonic clock that shows this now. Instants of different machines mean nothing
    /// to each other, and a test in which they happen to be alike does not see who mixes them.
    #[must_use]
    pub fn with_now(mut self, truth: WallTime, now: Instant) -> Self {
        self.monotonic.set(truth.as_nanos(), now.as_nanos());
        self
    }

    /// The same, where both clocks advance in steps of this size, at least a nanosecond: what they show is
    /// rounded down to a multiple of it. Some systems tick every 15 milliseconds, and most every
    /// nanosecond.
    #[must_use]
    pub fn with_resolution(mut self, resolution: Duration) -> Self {
        let nanos = u64::try_from(resolution.as_nanos()).unwrap_or(u64::MAX);
        self.resolution = nanos.max(1);
        self
    }

    /// The same, with a time daemon that never fails: whatever happens, the wall clock is never off by
    /// more than this. When it would be, it is off by exactly this, which is the worst that is allowed.
    #[must_use]
    pub const fn with_wall_within(mut self, error: Duration) -> Self {
        self.wall_within = error;
        self
    }

    /// Something happens at a true date. Not before the last one: a date that is, counts as that.
    pub fn strike(&mut self, truth: WallTime, fault: ClockFault) {
        self.worst = self.worst.max(self.wall_error(truth));
        let at = truth.as_nanos();
        let set = |clock: &mut Self, wall: WallTime| clock.wall.set(at, wall.as_nanos());
        let shown = WallTime::from_nanos(self.wall.shows(at));
        match fault {
            ClockFault::Drift { ppb } => {
                self.monotonic.drift(at, ppb);
                self.wall.drift(at, ppb);
            }
            ClockFault::WallForward(by) => set(self, shown.saturating_add(by)),
            ClockFault::WallBack(by) => set(self, shown.saturating_sub(by)),
            ClockFault::Freeze(hands) => self.each(hands, |hand| hand.freeze(at)),
            ClockFault::Resume(hands) => self.each(hands, |hand| hand.resume(at)),
            ClockFault::CatchUp(hands) => self.each(hands, |hand| hand.catch_up(at)),
        }
        let shown = WallTime::from_nanos(self.wall.shows(at));
        let within = self.bounded(truth, shown);
        if within != shown {
            // The daemon has set it.
            set(self, within);
        }
        self.worst = self.worst.max(self.wall_error(truth));
    }

    /// What both clocks show at a true date.
    pub fn read(&self, truth: WallTime) -> ClockReading {
        let at = truth.as_nanos();
        let step = |shown: u64| shown - shown % self.resolution;
        let wall = WallTime::from_nanos(step(self.wall.shows(at)));
        ClockReading {
            now: Instant::from_nanos(step(self.monotonic.shows(at))),
            wall: self.bounded(truth, wall),
        }
    }

    /// How far the wall clock is off at a true date.
    pub fn wall_error(&self, truth: WallTime) -> Duration {
        let wall = self.read(truth).wall;
        wall.since(truth).saturating_add(truth.since(wall))
    }

    /// How far the wall clock has been off at most, from its beginning to this true date: at any moment,
    /// whether it was read then or not, and rounded up by its resolution.
    pub fn worst_wall_error(&self, truth: WallTime) -> Duration {
        // Between two faults the error is a line, so it is largest at an end, except for the steps.
        let worst = self.worst.max(self.wall_error(truth));
        worst
            .saturating_add(self.resolution())
            .min(self.wall_within)
    }

    /// The smallest drift rate that the monotonic clock has kept from its beginning to this true date,
    /// over any span of it: an [`IntervalClock`](crate::IntervalClock) that assumes this or more, and
    /// what it is told allows for the [resolution](Self::resolution), is right. Nothing, when there is
    /// none below 100 %, since it stood still, or jumped, or was as slow as half of true time.
    ///
    /// A rate is a part of what the clock counts. A clock that is 10 % slow counts nine seconds where ten
    /// have passed, so it is off by more than 11 % of what it counted.
    ///
    /// ```
    /// use quorate_clocks::{ClockFault, DriftRate, LyingClock, WallTime};
    ///
    /// let mut clock = LyingClock::new(WallTime::UNIX_EPOCH);
    /// clock.strike(WallTime::UNIX_EPOCH, ClockFault::Drift { ppb: -100_000_000 });
    /// assert_eq!(clock.kept(WallTime::from_millis(1)), DriftRate::from_ppb(111_111_112));
    /// ```
    pub fn kept(&self, truth: WallTime) -> Option<DriftRate> {
        DriftRate::from_ppb(self.monotonic.kept(truth.as_nanos())?)
    }

    /// The steps in which both clocks advance. Of a span that was measured with such a clock, the true
    /// one is up to this much shorter or longer, besides the drift.
    pub const fn resolution(&self) -> Duration {
        Duration::from_nanos(self.resolution)
    }

    fn each(&mut self, hands: Hands, change: impl Fn(&mut Hand)) {
        if hands.monotonic() {
            change(&mut self.monotonic);
        }
        if hands.wall() {
            change(&mut self.wall);
        }
    }

    fn bounded(&self, truth: WallTime, wall: WallTime) -> WallTime {
        let (least, most) = (
            truth.saturating_sub(self.wall_within),
            truth.saturating_add(self.wall_within),
        );
        wall.clamp(least, most)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn date(seconds: u64) -> WallTime {
        WallTime::from_millis(1_700_000_000_000 + 1_000 * seconds)
    }

    #[test]
    fn only_the_wall_clock_is_set_and_the_worst_error_is_kept() {
        let mut clock = LyingClock::new(date(0));
        clock.strike(date(10), ClockFault::WallBack(SECOND * 3_600));
        assert_eq!(clock.read(date(10)).now, Instant::from_millis(10_000));
        assert_eq!(clock.wall_error(date(10)), SECOND * 3_600);
        clock.strike(date(20), ClockFault::WallForward(SECOND * 3_600));
        assert_eq!(clock.wall_error(date(20)), Duration::ZERO);
        let nano = Duration::from_nanos(1);
        assert_eq!(clock.worst_wall_error(date(30)), SECOND * 3_600 + nano);
        assert_eq!(clock.kept(date(30)), Some(DriftRate::NONE));
    }

    #[test]
    fn a_daemon_keeps_the_wall_clock_at_the_edge_of_what_is_allowed() {
        let mut clock = LyingClock::new(date(0)).with_wall_within(SECOND);
        clock.strike(date(5), ClockFault::WallForward(SECOND * 3_600));
        assert_eq!(clock.read(date(6)).wall, date(7));
        // It was set then, and not only shown so.
        clock.strike(date(6), ClockFault::WallBack(SECOND * 2));
        assert_eq!(clock.read(date(6)).wall, date(5));
        clock.strike(date(6), ClockFault::Freeze(Hands::Wall));
        assert_eq!(clock.read(date(9)).wall, date(8));
        assert_eq!(clock.worst_wall_error(date(9)), SECOND);
    }

    #[test]
    fn a_coarse_clock_shows_multiples_of_its_resolution() {
        let step = Duration::from_millis(16);
        let clock = LyingClock::new(date(0)).with_resolution(step);
        assert_eq!(clock.read(date(1)).now, Instant::from_millis(992));
        assert!(clock.worst_wall_error(date(1)) >= step);
        let finest = LyingClock::new(date(0)).with_resolution(Duration::ZERO);
        assert_eq!(finest.resolution(), Duration::from_nanos(1));
    }

    fn faults() -> impl Strategy<Value = ClockFault> {
        let hands = prop_oneof![Just(Hands::Monotonic), Just(Hands::Wall), Just(Hands::Both)];
        let span = any::<u64>().prop_map(Duration::from_nanos);
        prop_oneof![
            any::<i32>().prop_map(|ppb| ClockFault::Drift { ppb }),
            span.clone().prop_map(ClockFault::WallForward),
            span.prop_map(ClockFault::WallBack),
            Just(ClockFault::WallForward(Duration::MAX)),
            hands.clone().prop_map(ClockFault::Freeze),
            hands.clone().prop_map(ClockFault::Resume),
            hands.prop_map(ClockFault::CatchUp),
        ]
    }

    proptest! {
        /// Whatever happens, at whatever date, nothing panics, and the monotonic clock never goes back.
        #[test]
        fn monotonic_is_monotonic(
            truths in prop::collection::vec((any::<u64>(), faults()), 1..20),
            resolution in any::<u64>(),
        ) {
            let mut clock = LyingClock::new(WallTime::from_nanos(truths[0].0))
                .with_resolution(Duration::from_nanos(resolution));
            let mut truths = truths;
            truths.sort_by_key(|(truth, _)| *truth);
            let mut last = Instant::ORIGIN;
            for (truth, fault) in truths {
                let truth = WallTime::from_nanos(truth);
                prop_assert!(clock.read(truth).now >= last);
                last = clock.read(truth).now;
                clock.strike(truth, fault);
                prop_assert!(clock.read(truth).now >= last);
                last = clock.read(truth).now;
                clock.kept(truth);
                prop_assert!(clock.worst_wall_error(truth) >= clock.wall_error(truth));
            }
            // And dates that go back do no harm.
            clock.strike(WallTime::UNIX_EPOCH, ClockFault::Drift { ppb: 1 });
            clock.read(WallTime::UNIX_EPOCH);
        }
    }
}
