//! Randomness from a seed: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, figure 12).

/// A small generator whose whole state is a number.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; zero when `limit` is.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        // The high half of the product is uniform up to a bias of `limit / 2^64`.
        ((self.next() as u128 * limit as u128) >> 64) as u64
    }

    /// A place in something that is `len` long; zero when it is empty.
    pub(crate) const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut random = Random::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.index(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }
}
