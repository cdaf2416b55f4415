//! Randomness from a seed.

/// A generator of numbers that look random and are the same for the same seed: SplitMix64 (Steele, Lea,
/// Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, figure 17).
///
/// A machine that does no I/O cannot ask for randomness, and a run that is to be repeated must not. Its
/// seed is passed in, as the time is. The whole state is one number. Good for spreading timeouts and
/// for choosing what a test does; not for secrets: who sees a few of its numbers knows all the others.
///
/// ```
/// use quorate_clocks::SplitMix64;
///
/// let (mut one, mut same) = (SplitMix64::new(7), SplitMix64::new(7));
/// assert_eq!(one.next_u64(), same.next_u64());
/// assert!(one.below(10) < 10);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The numbers of a seed. Every seed is as good as any other.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero when that is zero.
    ///
    /// The upper half of the product (Lemire, "Fast Random Integer Generation in an Interval", 2019,
    /// §3): some numbers come more often than others, by `bound` in 2^64.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// A place in something that is `len` long; zero when it is empty.
    pub const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True once in `times`, on average; always, when that is zero.
    pub const fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut random = SplitMix64::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.index(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
        assert!(random.one_in(1) && random.one_in(0));
    }

    /// The first numbers of the reference implementation for this seed (Vigna, splitmix64.c).
    #[test]
    fn the_numbers_are_those_of_the_reference() {
        let mut random = SplitMix64::new(1_234_567);
        let numbers = [(); 3].map(|()| random.next_u64());
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
