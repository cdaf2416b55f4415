//! What several sources, some of them wrong, say together.

use super::TimeInterval;

impl TimeInterval {
    /// The smallest interval that certainly holds the true time, if at most `faulty` of these do not.
    ///
    /// Whatever the true time is, all but the faulty intervals contain it. So it is among the points
    /// that are in at least that many, and this is the smallest interval around all of those: the
    /// function M of Marzullo ("Tolerating Failures of Continuous-Valued Sensors", ACM TOCS 8(4),
    /// 1990), from which the selection of NTP descends (RFC 5905, §11.2.1).
    ///
    /// How far the faulty ones can widen it goes with how many they may be. While that is fewer than a
    /// third, it is no wider than the widest correct interval; while it is fewer than half, no wider
    /// than the two widest correct ones laid end to end; and from half on there is no bound.
    ///
    /// Nothing, when no point is in so many: then more are wrong than was assumed. Nothing either,
    /// when there are no more intervals than may be faulty.
    ///
    /// Takes time in the square of their number: bound that, where others choose it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::{TimeInterval, WallTime};
    ///
    /// let about = |millis, error| {
    ///     TimeInterval::around(WallTime::from_millis(millis), Duration::from_millis(error))
    /// };
    /// // Three clocks agree, and what they agree on is narrower than each.
    /// let right = [about(100, 10), about(105, 10), about(98, 8)];
    /// let agreed = TimeInterval::agreement(&right, 0).expect("they overlap");
    /// assert_eq!(agreed, TimeInterval::new(
    ///     WallTime::from_millis(95),
    ///     WallTime::from_millis(106),
    /// )?);
    /// // One of five is an hour off, and does not matter.
    /// let wrong = [right[0], about(3_600_100, 1), right[1]];
    /// assert!(TimeInterval::agreement(&wrong, 0).is_none());
    /// assert!(TimeInterval::agreement(&wrong, 1).expect("two agree").contains(WallTime::from_millis(100)));
    /// # Ok::<(), quorate_clocks::InvertedInterval>(())
    /// ```
    #[must_use]
    pub fn agreement(intervals: &[Self], faulty: usize) -> Option<Self> {
        let enough = intervals
            .len()
            .checked_sub(faulty)
            .filter(|enough| *enough > 0)?;
        let agreed = |date| intervals.iter().filter(|of| of.contains(date)).count() >= enough;
        // How many contain a point changes only where one begins or ends.
        let begins = intervals.iter().map(|interval| interval.earliest());
        let ends = intervals.iter().map(|interval| interval.latest());
        let earliest = begins.filter(|date| agreed(*date)).min()?;
        let latest = ends.filter(|date| agreed(*date)).max()?;
        Self::new(earliest, latest).ok()
    }
}
