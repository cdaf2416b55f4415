//! Chance that does not depend on what else happens.

use core::hash::Hasher;
use core::time::Duration;

use crate::Span;

/// Draws by name: each is a hash of the seed, of what it decides, where, and the how-manieth
/// decision of its kind it is there.
///
/// A stream of random numbers gives every decision the next number, so that one decision more or
/// less changes all that follow. Here, whether the seventh message from 1 to 2 is lost is the same
/// whatever else is switched on: a failing run stays the same run while its faults are taken away
/// one by one.
///
/// It is fast and even, and no match for an adversary.
///
/// ```
/// use quorate_sim::{Draws, Knob};
///
/// const COLOUR: Knob = Knob::named("colour");
/// let draws = Draws::new(42);
/// assert_eq!(draws.bits(COLOUR, 1, 2, 7), Draws::new(42).bits(COLOUR, 1, 2, 7));
/// assert_ne!(draws.bits(COLOUR, 1, 2, 7), draws.bits(COLOUR, 1, 2, 8));
/// assert!(draws.below(COLOUR, 1, 2, 7, 6) < 6);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Draws {
    seed: u64,
}

/// What a draw decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Knob(u64);

impl Knob {
    /// The knob of that name.
    pub const fn named(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        Self(hash)
    }
}

impl Draws {
    /// All draws of one seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// 64 even bits. `from` and `to` say where: the ends of a link, or a node twice.
    pub fn bits(&self, knob: Knob, from: u64, to: u64, count: u64) -> u64 {
        let mut hash = mix(self.seed ^ 0x9e37_79b9_7f4a_7c15);
        for word in [knob.0, from, to, count] {
            hash = mix(hash.rotate_left(23) ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        hash
    }

    /// A number below `end`; zero when that is zero.
    pub fn below(&self, knob: Knob, from: u64, to: u64, count: u64, end: u64) -> u64 {
        let wide = u128::from(self.bits(knob, from, to, count)) * u128::from(end);
        // The high half of a product with a 64-bit number fits into 64 bits.
        (wide >> 64) as u64
    }

    /// True `ppm` times in a million.
    pub fn chance(&self, knob: Knob, from: u64, to: u64, count: u64, ppm: u32) -> bool {
        self.below(knob, from, to, count, 1_000_000) < u64::from(ppm)
    }

    /// A duration in the span, both ends included.
    pub fn within(&self, knob: Knob, from: u64, to: u64, count: u64, span: Span) -> Duration {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let (min, max) = (nanos(span.min), nanos(span.max));
        let width = max.saturating_sub(min).saturating_add(1);
        Duration::from_nanos(min.saturating_add(self.below(knob, from, to, count, width)))
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit
/// of the output.
const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A hash that is the same in every process, for the fingerprint of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Rolling(pub(crate) u64);

impl Hasher for Rolling {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word ^ (chunk.len() as u64) << 60);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0.rotate_left(5) ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_of_a_tenth_comes_true_a_tenth_of_the_time() {
        let draws = Draws::new(1);
        let knob = Knob::named("test");
        let hits = (0..100_000).filter(|n| draws.chance(knob, 1, 2, *n, 100_000));
        assert!((9_500..10_500).contains(&hits.count()));
        assert!(!(0..1_000).any(|n| draws.chance(knob, 1, 2, n, 0)));
        assert!((0..1_000).all(|n| draws.chance(knob, 1, 2, n, 1_000_000)));
    }

    #[test]
    fn a_span_is_reached_at_both_ends_and_not_left() {
        let draws = Draws::new(1);
        let span = Span::new(Duration::from_nanos(3), Duration::from_nanos(5));
        let mut seen = [false; 9];
        for count in 0..100 {
            let drawn = draws.within(Knob::named("test"), 0, 0, count, span);
            seen[drawn.as_nanos() as usize] = true;
        }
        assert_eq!(
            seen,
            [false, false, false, true, true, true, false, false, false]
        );
    }

    #[test]
    fn seed_knob_place_and_count_all_matter() {
        let base = Draws::new(1).bits(Knob::named("a"), 1, 2, 3);
        for other in [
            Draws::new(2).bits(Knob::named("a"), 1, 2, 3),
            Draws::new(1).bits(Knob::named("b"), 1, 2, 3),
            Draws::new(1).bits(Knob::named("a"), 2, 1, 3),
            Draws::new(1).bits(Knob::named("a"), 1, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }
}
