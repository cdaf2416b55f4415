//! Sets of small numbers, a bit each.

pub(super) fn has_bit(words: &[u64], bit: u32) -> bool {
    words
        .get(bit as usize / 64)
        .is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

pub(super) fn set_bit(words: &mut [u64], bit: u32, to: bool) {
    if let Some(word) = words.get_mut(bit as usize / 64) {
        if to {
            *word |= 1 << (bit % 64);
        } else {
            *word &= !(1 << (bit % 64));
        }
    }
}
