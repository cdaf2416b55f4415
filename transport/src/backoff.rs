//! How long to wait before the next try.

use core::time::Duration;

use quorate_clocks::SplitMix64;

/// Capped exponential backoff with full jitter.
///
/// When a node comes back, everyone who lost it dials at once. If all of them wait the same time,
/// they fail together and meet again. So the wait before try `n` is drawn evenly from zero to
/// `min(cap, base * 2^n)` (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015:
/// "full jitter"), and each of them draws from a seed of its own.
///
/// It never sleeps: it says for how long, and the same seed says the same.
///
/// ```
/// use core::time::Duration;
/// use quorate_transport::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1), 42);
/// assert!(backoff.next_delay() < Duration::from_millis(10));
/// assert!(backoff.next_delay() < Duration::from_millis(20));
/// for _ in 0..100 {
///     assert!(backoff.next_delay() < Duration::from_secs(1));
/// }
///
/// // It worked: start over with short waits.
/// backoff.reset();
/// assert!(backoff.next_delay() < Duration::from_millis(10));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempts: u32,
    random: SplitMix64,
}

impl Backoff {
    /// Waits of up to `base` at first, and of up to `cap` at last.
    ///
    /// The seed should differ between those who may fail together: mix the node's id into it.
    pub const fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            base,
            cap,
            attempts: 0,
            random: SplitMix64::new(seed),
        }
    }

    /// How long to wait before the next try. Every call counts as one failed try.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempts = self.attempts.saturating_add(1);
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanos))
    }

    /// The upper bound of the wait that [`next_delay`](Self::next_delay) draws next.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// How many waits were drawn since the last [`reset`](Self::reset).
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The try succeeded: the next wait is short again. The jitter goes on where it is, so that a
    /// peer that always fails at the same point is not met with the same waits.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_same_seed_waits_the_same_and_another_seed_does_not() {
        let draw = |seed| {
            let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(5), seed);
            (0..20).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_jitter_is_full_and_the_ceiling_doubles_up_to_the_cap() {
        let base = Duration::from_millis(8);
        let cap = Duration::from_millis(100);
        let mut ceilings = Vec::new();
        let mut backoff = Backoff::new(base, cap, 9);
        for _ in 0..6 {
            ceilings.push(backoff.ceiling().as_millis());
            backoff.next_delay();
        }
        assert_eq!(ceilings, [8, 16, 32, 64, 100, 100]);

        // Evenly from zero: a quarter of the waits is in each quarter of the range.
        let mut quarters = [0_u32; 4];
        for _ in 0..4_000 {
            let wait = backoff.next_delay();
            quarters[(wait.as_nanos() * 4 / cap.as_nanos()) as usize] += 1;
        }
        assert!(
            quarters.iter().all(|count| (850..1_150).contains(count)),
            "{quarters:?}"
        );
    }

    #[test]
    fn no_setting_overflows() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX, 0);
        for _ in 0..100 {
            backoff.next_delay();
        }
        backoff.attempts = u32::MAX;
        backoff.next_delay();
        assert_eq!(
            Backoff::new(Duration::ZERO, Duration::ZERO, 0).next_delay(),
            Duration::ZERO
        );
    }
}
