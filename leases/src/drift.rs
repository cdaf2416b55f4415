//! How wrong the speed of a clock may be, and what follows for two clocks.

use core::fmt;
use core::time::Duration;

const MILLION: u128 = 1_000_000;

/// A bound on how wrong the speed of either of two clocks is, in parts per million of true time: while
/// a second passes, each counts a second, give or take so much.
///
/// Two machines count the same lease, each with a clock of its own, and all that one knows of the
/// other's is this bound. It is the only assumption on time that leases make, and two questions are
/// answered from it, with `r` for the bound:
///
/// - While the other clock counts `T`, mine counts **at least** `T (1 - r) / (1 + r)`: so long a holder
///   may act ([`at_least`](Self::at_least), used by [`SafeUntil`](crate::SafeUntil)).
/// - While the other clock counts `T`, mine counts **at most** `T (1 + r) / (1 - r)`: so long one who
///   watches has to wait ([`at_most`](Self::at_most)).
///
/// # Which bound to choose
///
/// | The clock | Choose |
/// |---|---|
/// | a quartz crystal, never adjusted: off by 20 to 50, by 100 when it is hot or old | [`QUARTZ`](Self::QUARTZ), 100 |
/// | the same, which a time daemon slews (on Linux also the monotonic clock), by up to 500 more | [`SLEWED`](Self::SLEWED), 600 |
/// | `chronyd` with its own `maxslewrate`, which is 83,333 unless it is set lower | that, and 100 |
/// | a virtual machine | as its host; it also stands still, which no bound covers |
///
/// What a larger bound costs is little: at 1,000 parts per million a lease of ten seconds is good for
/// 9.98. What a bound that is too small costs is two holders. Round up.
///
/// A pause is not drift. Of a machine that stands still the clock either counts that, and then all is
/// well, or it does not, and no bound is large enough.
///
/// ```
/// use core::time::Duration;
/// use quorate_leases::Drift;
///
/// let drift = Drift::from_ppm(200).expect("less than 100 %");
/// let ttl = Duration::from_secs(10);
/// assert_eq!(drift.at_least(ttl), Duration::from_nanos(9_996_000_799));
/// assert_eq!(drift.at_most(ttl), Duration::from_nanos(10_004_000_801));
/// // A clock that may be wrong by all of its speed may stand still: nothing follows from that.
/// assert_eq!(Drift::from_ppm(1_000_000), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Drift {
    ppm: u32,
}

impl Drift {
    /// Clocks that are never wrong, for tests.
    pub const NONE: Self = Self { ppm: 0 };
    /// Crystals that nobody adjusts: 100 parts per million.
    pub const QUARTZ: Self = Self { ppm: 100 };
    /// Crystals that are slewed by up to 500 parts per million, as NTP does: 600 together.
    pub const SLEWED: Self = Self { ppm: 600 };

    /// So many parts per million, if that is less than all of them.
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm as u128 >= MILLION {
            return None;
        }
        Some(Self { ppm })
    }

    /// The bound in parts per million.
    pub const fn as_ppm(self) -> u32 {
        self.ppm
    }

    /// How much one clock counts at least, while the other counts `span`. Rounded down.
    pub fn at_least(self, span: Duration) -> Duration {
        let (slow, fast) = self.speeds();
        // 2^64 seconds in nanoseconds, times two million, is below 2^115: nothing overflows.
        from_nanos(span.as_nanos() * slow / fast)
    }

    /// How much one clock counts at most, while the other counts `span`. Rounded up.
    pub fn at_most(self, span: Duration) -> Duration {
        let (slow, fast) = self.speeds();
        from_nanos((span.as_nanos() * fast).div_ceil(slow))
    }

    /// What the slowest and the fastest clock count in a million. The first is not zero.
    fn speeds(self) -> (u128, u128) {
        let ppm = u128::from(self.ppm);
        (MILLION - ppm, MILLION + ppm)
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", self.ppm)
    }
}

fn from_nanos(nanos: u128) -> Duration {
    const BILLION: u128 = 1_000_000_000;
    match u64::try_from(nanos / BILLION) {
        // The remainder is less than a billion.
        Ok(seconds) => Duration::new(seconds, (nanos % BILLION) as u32),
        Err(_) => Duration::MAX,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_span_panics_and_the_two_enclose_it(
            secs in any::<u64>(), nanos in 0..1_000_000_000_u32, ppm in 0..1_000_000_u32,
        ) {
            let drift = Drift::from_ppm(ppm).unwrap();
            let span = Duration::new(secs, nanos);
            prop_assert!(drift.at_least(span) <= span && span <= drift.at_most(span));
            // A holder that may act for the first, and a watcher that waits for the second.
            let waited = drift.at_most(span);
            if waited < Duration::MAX {
                prop_assert!(drift.at_least(waited) >= span);
            }
        }
    }
}
