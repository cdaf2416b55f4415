//! Two dates between which the true one is.

use core::fmt;
use core::time::Duration;

use crate::{Causality, Relation, WallTime};

/// When something happened, as exactly as can be known: not before `earliest`, and not after `latest`.
///
/// A single date pretends to be exact, and code that compares two of them believes it. Two intervals
/// that do not overlap are certainly in order. Of two that overlap nothing is known, and every
/// comparison here says so: there is no `<`.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{TimeInterval, WallTime};
///
/// let about = |millis| {
///     TimeInterval::around(WallTime::from_millis(millis), Duration::from_millis(5))
/// };
/// assert_eq!(about(100).definitely_before(about(120)), Some(true));
/// assert_eq!(about(120).definitely_before(about(100)), Some(false));
/// assert_eq!(about(100).definitely_before(about(104)), None); // they overlap
/// assert!(TimeInterval::new(WallTime::from_millis(2), WallTime::from_millis(1)).is_err());
/// ```
///
/// # Bytes
///
/// `earliest` and then `latest`, each as nanoseconds since 1970 in eight bytes, big-endian. An
/// interval that ends before it begins is refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "(WallTime, WallTime)", into = "(WallTime, WallTime)")
)]
pub struct TimeInterval {
    earliest: WallTime,
    latest: WallTime,
}

impl TimeInterval {
    /// All the time there is: nothing is known.
    pub const ALWAYS: Self = Self {
        earliest: WallTime::UNIX_EPOCH,
        latest: WallTime::MAX,
    };

    /// From one date to another, both included.
    ///
    /// # Errors
    ///
    /// When it would end before it begins.
    pub fn new(earliest: WallTime, latest: WallTime) -> Result<Self, InvertedInterval> {
        if latest < earliest {
            return Err(InvertedInterval { earliest, latest });
        }
        Ok(Self { earliest, latest })
    }

    /// A date that is off by at most `error`.
    pub fn around(date: WallTime, error: Duration) -> Self {
        Self {
            earliest: date.saturating_sub(error),
            latest: date.saturating_add(error),
        }
    }

    /// Not before this.
    pub const fn earliest(self) -> WallTime {
        self.earliest
    }

    /// Not after this.
    pub const fn latest(self) -> WallTime {
        self.latest
    }

    /// How far apart the two ends are: twice the error.
    pub const fn width(self) -> Duration {
        self.latest.since(self.earliest)
    }

    /// The date in the middle, rounded down, and how far off it can be.
    pub fn middle(self) -> (WallTime, Duration) {
        let middle = self.earliest.saturating_add(self.width() / 2);
        (middle, self.latest.since(middle))
    }

    /// Whether it may be this date.
    #[must_use]
    pub fn contains(self, date: WallTime) -> bool {
        self.earliest <= date && date <= self.latest
    }

    /// Whether this is certainly earlier (`Some(true)`) or certainly later (`Some(false)`) than the
    /// other. `None` when the two overlap, if only in one point: either can have been first.
    #[must_use]
    pub fn definitely_before(self, other: Self) -> Option<bool> {
        if self.latest < other.earliest {
            return Some(true);
        }
        (other.latest < self.earliest).then_some(false)
    }

    /// What both allow, or nothing when they exclude each other: one of the two is wrong then.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let earliest = self.earliest.max(other.earliest);
        Self::new(earliest, self.latest.min(other.latest)).ok()
    }

    /// The smallest interval with this one and a date.
    ///
    /// A hybrid clock can lead the wall clock, when it has heard of a node whose clock is ahead. Who
    /// sees such a stamp together with this interval needs the larger of the two errors: this widens
    /// it up to the stamp, by `stamp - latest`, and leaves `earliest` alone (as YugabyteDB's
    /// `HybridClock::NowWithError` does).
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::{HybridStamp, TimeInterval, WallTime};
    ///
    /// let now = TimeInterval::around(WallTime::from_millis(1_000), Duration::from_millis(3));
    /// let ahead = HybridStamp::new(1_010, 0).expect("it fits");
    /// let widened = now.covering(ahead.wall());
    /// assert_eq!(widened.earliest(), now.earliest());
    /// assert_eq!(widened.latest(), WallTime::from_millis(1_010));
    /// ```
    #[must_use]
    pub fn covering(self, date: WallTime) -> Self {
        Self {
            earliest: self.earliest.min(date),
            latest: self.latest.max(date),
        }
    }

    /// The canonical [bytes](Self#bytes).
    pub const fn to_bytes(self) -> [u8; 16] {
        let both = ((self.earliest.as_nanos() as u128) << 64) | self.latest.as_nanos() as u128;
        both.to_be_bytes()
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When it would end before it begins.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, InvertedInterval> {
        let both = u128::from_be_bytes(bytes);
        // The two halves.
        let (earliest, latest) = ((both >> 64) as u64, both as u64);
        Self::new(WallTime::from_nanos(earliest), WallTime::from_nanos(latest))
    }
}

/// Known where the two do not overlap. Even two that are the same say nothing.
impl Causality for TimeInterval {
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(match self.definitely_before(*other)? {
            true => Relation::Before,
            false => Relation::After,
        })
    }
}

impl fmt::Display for TimeInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.earliest, self.latest)
    }
}

impl TryFrom<(WallTime, WallTime)> for TimeInterval {
    type Error = InvertedInterval;

    fn try_from((earliest, latest): (WallTime, WallTime)) -> Result<Self, InvertedInterval> {
        Self::new(earliest, latest)
    }
}

impl From<TimeInterval> for (WallTime, WallTime) {
    fn from(interval: TimeInterval) -> Self {
        (interval.earliest, interval.latest)
    }
}

/// An interval would end before it begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvertedInterval {
    /// Where it would begin.
    pub earliest: WallTime,
    /// Where it would end.
    pub latest: WallTime,
}

impl fmt::Display for InvertedInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an interval from {} cannot end before that, at {}",
            self.earliest, self.latest
        )
    }
}

impl core::error::Error for InvertedInterval {}
