//! Choices that a seed reproduces.

use quorate_clocks::SplitMix64;

/// The choices of one client: seeds of one run and different streams have nothing in common.
pub(super) fn stream(seed: u64, stream: u64) -> SplitMix64 {
    let base = SplitMix64::new(seed).next_u64();
    SplitMix64::new(base ^ stream.wrapping_mul(0xd134_2543_de82_ef95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_choose_the_same() {
        let draw = |seed, number| {
            let mut random = stream(seed, number);
            (0..20).map(|_| random.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }
}
