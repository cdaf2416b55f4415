//! How wrong a clock's speed may be.

use core::fmt;
use core::time::Duration;

/// A bound on how wrong the speed of a monotonic clock is, in parts per billion of what it counts: while
/// it counts a second, a second passes, give or take so much.
///
/// (Of true time, a clock that is too slow is off by a little more: at 200 parts per million, by 40
/// nanoseconds a second. Round up what a data sheet says.)
///
/// Quartz is off by 20 to 50 parts per million, more when it is hot or cold; Google assumes 200 for
/// TrueTime (Corbett et al., OSDI 2012, §3), and ClockBound 50 by default. Anything from 0 up to, but
/// not including, 100 % can be told.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::DriftRate;
///
/// let rate = DriftRate::from_ppm(200).expect("less than 100 %");
/// // In half a minute without synchronisation a clock can be 6 ms off.
/// assert_eq!(rate.over(Duration::from_secs(30)), Duration::from_millis(6));
/// assert_eq!(DriftRate::from_ppb(1_000_000_000), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DriftRate {
    ppb: u32,
}

impl DriftRate {
    /// A clock that is never wrong, for tests.
    pub const NONE: Self = Self { ppb: 0 };

    /// So many parts per million, if that is less than all of them.
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        match ppm.checked_mul(1_000) {
            Some(ppb) => Self::from_ppb(ppb),
            None => None,
        }
    }

    /// So many parts per billion, if that is less than all of them.
    pub const fn from_ppb(ppb: u32) -> Option<Self> {
        if ppb >= BILLION {
            return None;
        }
        Some(Self { ppb })
    }

    /// The bound in parts per billion.
    pub const fn as_ppb(self) -> u32 {
        self.ppb
    }

    /// How far off a clock can be after it has run for a span, rounded up to nanoseconds.
    pub fn over(self, span: Duration) -> Duration {
        let off = (span.as_nanos() * u128::from(self.ppb)).div_ceil(u128::from(BILLION));
        from_nanos(off)
    }

    /// How long a clock has to run, by its own count, so that certainly this much true time has
    /// passed.
    pub(super) fn until_certain(self, passed: Duration) -> Duration {
        let certain = u128::from(BILLION - self.ppb);
        from_nanos((passed.as_nanos() * u128::from(BILLION)).div_ceil(certain))
    }
}

const BILLION: u32 = 1_000_000_000;

fn from_nanos(nanos: u128) -> Duration {
    let billion = u128::from(BILLION);
    match u64::try_from(nanos / billion) {
        // The remainder is less than a billion.
        Ok(seconds) => Duration::new(seconds, (nanos % billion) as u32),
        Err(_) => Duration::MAX,
    }
}

impl fmt::Display for DriftRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppb", self.ppb)
    }
}
