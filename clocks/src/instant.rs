//! When it happened, on one machine's monotonic clock.

use core::fmt;
use core::time::Duration;

/// A point on a monotonic clock: nanoseconds since an origin that the caller picks.
///
/// Only the difference of two instants of the same clock means anything. The origin is usually the
/// start of the process, or zero in a simulation. A `u64` of nanoseconds lasts 584 years, and every
/// operation saturates, so no input panics.
///
/// It is not wall time, and cannot be turned into it: a monotonic clock does not know the date.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
///
/// let start = Instant::from_nanos(1_000);
/// let later = start + Duration::from_nanos(500);
/// assert_eq!(later.since(start), Duration::from_nanos(500));
/// // Time that seems to run backwards is no time at all.
/// assert_eq!(start.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Instant(u64);

impl Instant {
    /// The origin: zero nanoseconds.
    pub const ORIGIN: Self = Self(0);
    /// The last instant that can be told, 584 years after the origin.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `millis` milliseconds after the origin, or [`Self::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved into the future, at most to [`Self::MAX`].
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This instant moved into the past, at most to [`Self::ORIGIN`].
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// How long after `earlier` this is; zero when `earlier` is the later of the two.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// The same as [`Instant::saturating_add`].
    fn add(self, by: Duration) -> Self {
        self.saturating_add(by)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06}s",
            self.0 / 1_000_000_000,
            self.0 / 1_000 % 1_000_000
        )
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
        assert_eq!(Instant::MAX + Duration::MAX, Instant::MAX);
        assert_eq!(
            Instant::ORIGIN.saturating_sub(Duration::MAX),
            Instant::ORIGIN
        );
        assert_eq!(Instant::from_millis(u64::MAX), Instant::MAX);
        assert_eq!(Instant::ORIGIN.since(Instant::MAX), Duration::ZERO);
    }

    #[test]
    fn display_is_seconds_with_microseconds() {
        extern crate alloc;
        assert_eq!(
            alloc::format!("{}", Instant::from_nanos(1_500_042_000)),
            "1.500042s"
        );
    }
}
