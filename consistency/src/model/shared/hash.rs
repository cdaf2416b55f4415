//! Hashes that can be put together from parts.

/// What a place in a sequence multiplies by. Odd, so that it can be divided by again, modulo 2^64.
pub(super) const BASE: u64 = 0xD6E8_FEB8_6659_FD93;

/// What divides by [`BASE`].
pub(super) const INVERSE: u64 = inverse(BASE);

/// Newton's method: each round doubles the bits that are right, and an odd number is right in 3.
const fn inverse(of: u64) -> u64 {
    let mut inverse = of;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(of.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_multiply_and_to_divide_is_to_do_nothing() {
        assert_eq!(BASE.wrapping_mul(INVERSE), 1);
    }
}
