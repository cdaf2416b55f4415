//! A clock that knows its error.

use core::fmt;
use core::time::Duration;

use super::{DriftRate, TimeInterval};
use crate::{Instant, WallTime};

/// A clock that answers with an interval, and is right as long as its assumptions hold.
///
/// In the manner of TrueTime (Corbett et al., "Spanner: Google's Globally-Distributed Database", OSDI
/// 2012, §3). It is told now and then what the true time is within ([`synchronise`](Self::synchronise)),
/// by a time daemon or by a synchroniser, and counts on from there with the machine's monotonic clock.
/// The interval grows by the clock's drift until it is told again. It assumes:
///
/// - that what it is told is so;
/// - that the monotonic clock is off by no more than its [`DriftRate`]; and that it **counts the time
///   that the machine is suspended**, as `SystemClock` does on Linux: a clock that slept for an hour
///   and did not count it is off by an hour;
/// - that the monotonic clock is read exactly. One that ticks every 15 ms, as some systems' do, is up
///   to a tick behind: make what it is told wider by that, on both sides.
///
/// When it is told something that its own interval excludes, one of these does not hold, and it says
/// so: [`Disagreement`].
///
/// While it is told nothing it is **free running**, which is still right, and wider every second. When
/// the interval is wider than the caller can use, it counts as **unsynchronised** and answers no more.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockStatus, DriftRate, Instant, IntervalClock, TimeInterval, WallTime};
///
/// let drift = DriftRate::from_ppm(200).expect("less than 100 %");
/// let mut clock = IntervalClock::new(drift)
///     .with_free_running_after(Duration::from_secs(30))
///     .with_max_error(Duration::from_millis(100));
/// assert!(clock.now(Instant::ORIGIN).is_err());
///
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// clock.synchronise(Instant::ORIGIN, TimeInterval::around(noon, Duration::from_millis(1)))?;
/// let later = clock.now(Instant::from_millis(20_000))?;
/// assert_eq!(later, TimeInterval::around(
///     noon.saturating_add(Duration::from_secs(20)),
///     Duration::from_millis(1 + 4),
/// ));
/// assert_eq!(clock.status(Instant::from_millis(40_000)), ClockStatus::FreeRunning);
/// assert_eq!(clock.status(Instant::from_millis(900_000)), ClockStatus::Unsynchronised);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct IntervalClock {
    drift: DriftRate,
    free_running_after: Duration,
    max_error: Duration,
    /// Where the true time was at some instant, and when it was last told.
    told: Option<(Instant, TimeInterval)>,
}

/// Whether an [`IntervalClock`] can be relied on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClockStatus {
    /// It was told the time lately.
    Synchronised,
    /// It has not been told for a while. Its answers are right, and become wider.
    FreeRunning,
    /// It was never told, or its answers have become too wide. It gives none.
    Unsynchronised,
}

impl IntervalClock {
    /// A clock that knows nothing yet, on a monotonic clock that drifts by no more than this. It
    /// counts as free running after a minute without news, and its error has no limit.
    pub const fn new(drift: DriftRate) -> Self {
        Self {
            drift,
            free_running_after: Duration::from_secs(60),
            max_error: Duration::MAX,
            told: None,
        }
    }

    /// The same clock, which counts as free running after so long without news.
    #[must_use]
    pub const fn with_free_running_after(mut self, after: Duration) -> Self {
        self.free_running_after = after;
        self
    }

    /// The same clock, which gives no answer any more when half the width of its interval is larger
    /// than this.
    #[must_use]
    pub const fn with_max_error(mut self, max_error: Duration) -> Self {
        self.max_error = max_error;
        self
    }

    /// Is told that at the instant `at` the true time was within an interval. What it knew already
    /// still holds, so what is left is what both allow: its answers become no wider by this, and
    /// `earliest` never goes back. News may come late, with an `at` before what was told last.
    ///
    /// # Errors
    ///
    /// When the two exclude each other. Nothing has changed then: find out which is wrong, and if it is
    /// this clock, [`step`](Self::step) it.
    pub fn synchronise(&mut self, at: Instant, interval: TimeInterval) -> Result<(), Disagreement> {
        let Some((last, told)) = self.told else {
            self.step(at, interval);
            return Ok(());
        };
        // As of the later instant: what is carried forward and back is widened by the drift twice.
        let later = last.max(at);
        let ours = self.carry(told, last, later);
        let Some(both) = ours.intersect(self.carry(interval, at, later)) else {
            return Err(Disagreement {
                at,
                ours: self.carry(told, last, at),
                theirs: interval,
            });
        };
        self.told = Some((later, both));
        Ok(())
    }

    /// Forgets what it knew, and starts with this. Its answers may jump, forward and back.
    pub const fn step(&mut self, at: Instant, interval: TimeInterval) {
        self.told = Some((at, interval));
    }

    /// Between which dates the true time is now.
    ///
    /// # Errors
    ///
    /// When it was never told, or its error has become too large.
    pub fn now(&self, now: Instant) -> Result<TimeInterval, NotSynchronised> {
        let (at, told) = self.told.ok_or(NotSynchronised::Never)?;
        let interval = self.carry(told, at, now);
        // Not the width of that: where dates end, it has none.
        let off = self.drift.over(now.since(at).saturating_add(at.since(now)));
        let error = half(told.width().saturating_add(off).saturating_add(off));
        if error > self.max_error {
            let limit = self.max_error;
            return Err(NotSynchronised::TooWide { error, limit });
        }
        Ok(interval)
    }

    /// Whether it can be relied on now.
    pub fn status(&self, now: Instant) -> ClockStatus {
        match (self.now(now), self.told) {
            (Ok(_), Some((at, _))) if now.since(at) <= self.free_running_after => {
                ClockStatus::Synchronised
            }
            (Ok(_), _) => ClockStatus::FreeRunning,
            (Err(_), _) => ClockStatus::Unsynchronised,
        }
    }

    /// The soonest instant at which `earliest` is past this date if nothing is told until then, or
    /// nothing when it was never told the time, or when the date is the last that can be told.
    pub fn past(&self, date: WallTime) -> Option<Instant> {
        let (at, told) = self.told.filter(|_| date < WallTime::MAX)?;
        if told.earliest() > date {
            // Before `at` the interval began earlier: that is not looked for.
            return Some(at);
        }
        let missing = date
            .since(told.earliest())
            .saturating_add(Duration::from_nanos(1));
        Some(at.saturating_add(self.drift.until_certain(missing)))
    }

    /// How far off its monotonic clock's speed may be.
    pub const fn drift(&self) -> DriftRate {
        self.drift
    }

    /// Where the true time is at one instant, if it was in an interval at another.
    fn carry(&self, interval: TimeInterval, from: Instant, to: Instant) -> TimeInterval {
        // What the clock has counted is off by its drift, in both directions. One of the two is zero, and
        // neither is less than what it is off by.
        let (passed, back) = (to.since(from), from.since(to));
        let (off, off_back) = (self.drift.over(passed), self.drift.over(back));
        let earliest = interval
            .earliest()
            .saturating_add(passed.saturating_sub(off))
            .saturating_sub(back.saturating_add(off_back));
        let latest = interval
            .latest()
            .saturating_add(passed.saturating_add(off))
            .saturating_sub(back.saturating_sub(off_back));
        // The earlier end moves no further ahead than the later one, so this is never the other one.
        TimeInterval::new(earliest, latest).unwrap_or(TimeInterval::ALWAYS)
    }
}

/// Half of a span, rounded up.
fn half(span: Duration) -> Duration {
    span / 2 + Duration::from_nanos(u64::from(span.subsec_nanos() % 2))
}

/// Why an interval clock does not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotSynchronised {
    /// It was never told the time.
    Never,
    /// It has not been told for so long that its error is too large.
    TooWide {
        /// How far off it may be.
        error: Duration,
        /// How far it may be at most.
        limit: Duration,
    },
}

impl fmt::Display for NotSynchronised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("the clock was never synchronised"),
            Self::TooWide { error, limit } => write!(
                f,
                "the clock may be off by {error:?}, and {limit:?} are allowed: synchronise it"
            ),
        }
    }
}

impl core::error::Error for NotSynchronised {}

/// An interval clock was told a time that it excludes: either this is wrong, or what it was told
/// before, or its monotonic clock drifts by more than it should. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Disagreement {
    /// When.
    pub at: Instant,
    /// Where the clock had the true time.
    pub ours: TimeInterval,
    /// Where it was told that it is.
    pub theirs: TimeInterval,
}

impl Disagreement {
    /// How far the two are apart.
    pub const fn distance(&self) -> Duration {
        let (ahead, behind) = (
            self.theirs.earliest().since(self.ours.latest()),
            self.ours.earliest().since(self.theirs.latest()),
        );
        ahead.saturating_add(behind)
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {} the true time is told to be {}, and this clock has it {}: {:?} apart; a source is wrong, \
             or this clock drifts by more than it was told",
            self.at,
            self.theirs,
            self.ours,
            self.distance()
        )
    }
}

impl core::error::Error for Disagreement {}
