//! How long things took, in a few kilobytes.

use alloc::vec::Vec;
use core::time::Duration;

/// Of how many steps each power of two is made up: a value is told to within 1/32 of it.
const STEPS: u64 = 32;
/// Below this, each value has a bucket of its own.
const EXACT: u64 = 2 * STEPS;
/// The buckets that 64 bits take.
const BUCKETS: usize = (EXACT + (64 - EXACT.ilog2() as u64) * STEPS) as usize;

/// How many durations there were, and how they are distributed: percentiles to within about 3 %, in at
/// most 15 KiB whatever is recorded.
///
/// The buckets are as in HdrHistogram: linear steps within each power of two, of nanoseconds.
///
/// ```
/// use core::time::Duration;
/// use quorate_consistency::choose::Percentiles;
///
/// let mut waited = Percentiles::new();
/// for millis in 1..=100 {
///     waited.record(Duration::from_millis(millis));
/// }
/// let median = waited.at(50.0).unwrap();
/// assert!(median >= Duration::from_millis(50) && median < Duration::from_millis(52));
/// assert_eq!(waited.max(), Some(Duration::from_millis(100)));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Percentiles {
    /// Up to the highest that is not empty.
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Percentiles {
    /// None so far.
    pub const fn new() -> Self {
        Self {
            buckets: Vec::new(),
            count: 0,
            max: 0,
        }
    }

    /// One more. What is longer than 584 years counts as 584 years.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let at = bucket_of(nanos);
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket = bucket.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.max = self.max.max(nanos);
    }

    /// All of the other's as well.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (ours, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *ours = ours.saturating_add(*theirs);
        }
        self.count = self.count.saturating_add(other.count);
        self.max = self.max.max(other.max);
    }

    /// How many there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many of them took no time at all.
    pub(super) fn count_of_zero(&self) -> u64 {
        self.buckets.first().copied().unwrap_or(0)
    }

    /// The longest; none if there were none.
    pub const fn max(&self) -> Option<Duration> {
        match self.count {
            0 => None,
            _ => Some(Duration::from_nanos(self.max)),
        }
    }

    /// What this percentage of them did not exceed: at least that, and at most 1/32 more. Percentages
    /// below 0 count as 0 and above 100 as 100. None if there were none.
    pub fn at(&self, percent: f64) -> Option<Duration> {
        let wanted = percent.clamp(0.0, 100.0) * self.count as f64 / 100.0;
        // How many must lie at or below: `wanted`, rounded up.
        let rank = wanted as u64;
        let rank = rank + u64::from((rank as f64) < wanted);
        let mut below = 0_u64;
        let at = self.buckets.iter().position(|&bucket| {
            below = below.saturating_add(bucket);
            bucket > 0 && below >= rank
        })?;
        Some(Duration::from_nanos(highest_of(at).min(self.max)))
    }
}

/// The bucket that a value belongs to.
const fn bucket_of(nanos: u64) -> usize {
    if nanos < EXACT {
        return nanos as usize;
    }
    let power = nanos.ilog2();
    let step = (nanos >> (power - STEPS.ilog2())) - STEPS;
    (EXACT + (power - EXACT.ilog2()) as u64 * STEPS + step) as usize
}

/// The highest value of a bucket.
const fn highest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (power, step) = ((bucket - EXACT) / STEPS, (bucket - EXACT) % STEPS);
    // `power` 0 has steps of two.
    let shift = power as u32 + 1;
    ((STEPS + step) << shift) + ((1 << shift) - 1)
}

const _: () = assert!(bucket_of(u64::MAX) + 1 == BUCKETS && highest_of(BUCKETS - 1) == u64::MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn of(nanos: &[u64]) -> Percentiles {
        let mut percentiles = Percentiles::new();
        for &nanos in nanos {
            percentiles.record(Duration::from_nanos(nanos));
        }
        percentiles
    }

    /// Values of all magnitudes.
    fn nanos() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_value_of_that_rank_or_a_little_more(
            mut values in proptest::collection::vec(nanos(), 1..200),
            percent in 0.0..=100.0_f64,
        ) {
            let told = of(&values).at(percent).unwrap().as_nanos();
            values.sort_unstable();
            let rank = (percent * values.len() as f64 / 100.0).ceil().max(1.0) as usize;
            let exact = u128::from(values[rank - 1]);
            prop_assert!(told >= exact && told <= exact + exact / 32, "{told} for {exact}");
        }

        #[test]
        fn merged_is_as_recorded_together(
            one in proptest::collection::vec(nanos(), 0..50),
            another in proptest::collection::vec(nanos(), 0..50),
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&another));
            let together: Vec<u64> = one.iter().chain(&another).copied().collect();
            prop_assert_eq!(merged, of(&together));
        }
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(of(&[]).at(50.0), None);
        assert_eq!(of(&[]).max(), None);
    }

    #[test]
    fn odd_percentages_are_taken_for_the_nearest() {
        let two = of(&[1, 9]);
        for (percent, nanos) in [
            (-5.0, 1),
            (0.0, 1),
            (50.0, 1),
            (50.1, 9),
            (500.0, 9),
            (f64::NAN, 1),
        ] {
            assert_eq!(
                two.at(percent),
                Some(Duration::from_nanos(nanos)),
                "{percent}"
            );
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut all = of(&[u64::MAX, 0]);
        all.record(Duration::MAX);
        assert!(all.buckets.len() <= BUCKETS && BUCKETS * 8 < 16 << 10);
        assert_eq!(all.at(100.0), Some(Duration::from_nanos(u64::MAX)));
    }
}
