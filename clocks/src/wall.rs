//! The date, as one machine believes it to be.

use core::fmt;
use core::time::Duration;

/// What a machine's calendar clock showed: nanoseconds since the Unix epoch, 1970-01-01T00:00:00Z.
///
/// It may jump forward or back at any moment (an operator, an NTP step, a leap second, a virtual
/// machine that was resumed) and two machines never agree on it. Use it for what people read and as
/// the physical part of a [`HybridClock`](crate::HybridClock); never for a timeout, and never to
/// decide which of two writes came last. Timeouts belong to [`Instant`](crate::Instant), a type that
/// does not mix with this one:
///
/// ```compile_fail
/// use quorate_clocks::{Instant, WallTime};
///
/// let started = Instant::from_millis(5);
/// let _ = started.since(WallTime::from_millis(1)); // the types differ
/// ```
///
/// A `u64` of nanoseconds lasts until the year 2554, and every operation saturates, so no input
/// panics. A date before 1970 is told as 1970.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::WallTime;
///
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// let later = noon.saturating_add(Duration::from_secs(3));
/// assert_eq!(later.since(noon), Duration::from_secs(3));
/// assert_eq!(noon.since(later), Duration::ZERO);
/// assert_eq!(noon.to_string(), "1700000000.000000000 s since 1970");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct WallTime(u64);

impl WallTime {
    /// The start of 1970, UTC.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last date that can be told, in the year 2554.
    pub const MAX: Self = Self(u64::MAX);

    /// The date `nanos` nanoseconds after the start of 1970.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The date `millis` milliseconds after the start of 1970, or [`Self::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the start of 1970.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the start of 1970, rounded down. At most 18,446,744,073,709, which
    /// fits the 48 bits of a [`HybridStamp`](crate::HybridStamp).
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This date moved into the future, at most to [`Self::MAX`].
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This date moved into the past, at most to [`Self::UNIX_EPOCH`].
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// How long after `earlier` this date is; zero when `earlier` is the later of the two.
    ///
    /// It is the time that passed only if nobody touched the clock in between.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09} s since 1970",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// A date before 1970 becomes 1970, one after 2554 becomes [`WallTime::MAX`].
#[cfg(feature = "std")]
impl From<std::time::SystemTime> for WallTime {
    fn from(time: std::time::SystemTime) -> Self {
        let since_epoch = time.duration_since(std::time::SystemTime::UNIX_EPOCH);
        Self(nanos(since_epoch.unwrap_or(Duration::ZERO)))
    }
}

/// A span in nanoseconds, at most `u64::MAX` of them.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(
            WallTime::MAX.saturating_add(Duration::from_secs(1)),
            WallTime::MAX
        );
        assert_eq!(
            WallTime::UNIX_EPOCH.saturating_sub(Duration::MAX),
            WallTime::UNIX_EPOCH
        );
        assert_eq!(WallTime::from_millis(u64::MAX), WallTime::MAX);
        assert_eq!(WallTime::UNIX_EPOCH.since(WallTime::MAX), Duration::ZERO);
    }

    #[test]
    fn the_last_date_fits_the_milliseconds_of_a_hybrid_stamp() {
        assert!(WallTime::MAX.as_millis() < 1 << 48);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_date_before_1970_is_told_as_1970() {
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        assert_eq!(
            WallTime::from(epoch - Duration::from_secs(9)),
            WallTime::UNIX_EPOCH
        );
        assert_eq!(
            WallTime::from(epoch + Duration::from_millis(9)),
            WallTime::from_millis(9)
        );
    }
}
