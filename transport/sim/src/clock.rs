//! A node's own clock, which agrees with no other.

use quorate_clocks::Instant;

const MILLION: u128 = 1_000_000;

/// Turns the world's time into what one node's clock shows, and back.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_sim::Clock;
///
/// // A second ahead, and gaining a thousandth.
/// let clock = Clock::new(Duration::from_secs(1), 1_000);
/// assert_eq!(clock.at(Instant::from_millis(10_000)), Instant::from_millis(11_010));
/// // A timer set on it goes off too early.
/// assert_eq!(clock.when(Instant::from_millis(11_010)), Instant::from_millis(10_000));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    offset_nanos: u64,
    /// Nanoseconds that it shows to have passed in a million real ones.
    rate: u32,
}

impl Clock {
    /// A clock that showed `offset` at the start of the world and gains `drift_ppm` nanoseconds in
    /// a million. It never stands still: a loss of a million or more counts as one less.
    pub fn new(offset: core::time::Duration, drift_ppm: i32) -> Self {
        Self {
            offset_nanos: u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX),
            rate: 1_000_000_u32.saturating_add_signed(drift_ppm).max(1),
        }
    }

    /// What it shows at a time of the world.
    pub fn at(&self, real: Instant) -> Instant {
        let passed = u128::from(real.as_nanos()) * u128::from(self.rate) / MILLION;
        instant(passed + u128::from(self.offset_nanos))
    }

    /// The first time of the world at which it shows `local` or more.
    pub fn when(&self, local: Instant) -> Instant {
        let passed = u128::from(local.as_nanos().saturating_sub(self.offset_nanos));
        instant((passed * MILLION).div_ceil(u128::from(self.rate)))
    }
}

fn instant(nanos: u128) -> Instant {
    Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A timer goes off when its clock shows the time, and not a nanosecond before.
        #[test]
        fn when_is_the_first_time_of_at(
            offset in 0..u64::MAX / 8,
            drift in -900_000..900_000_i32,
            // Such a slow clock takes ten times as long, which must still be a time.
            local in 0..u64::MAX / 16,
        ) {
            let clock = Clock::new(Duration::from_nanos(offset), drift);
            let local = Instant::from_nanos(local);
            let real = clock.when(local);
            prop_assert!(clock.at(real) >= local);
            if real > Instant::ORIGIN {
                let before = Instant::from_nanos(real.as_nanos() - 1);
                prop_assert!(clock.at(before) < local);
            }
        }

        #[test]
        fn a_clock_never_panics_and_never_goes_back(
            offset in any::<u64>(),
            drift in any::<i32>(),
            early in any::<u64>(),
            late in any::<u64>(),
        ) {
            let clock = Clock::new(Duration::from_nanos(offset), drift);
            let (early, late) = (early.min(late), early.max(late));
            prop_assert!(clock.at(Instant::from_nanos(early)) <= clock.at(Instant::from_nanos(late)));
            clock.when(Instant::from_nanos(late));
        }
    }
}
