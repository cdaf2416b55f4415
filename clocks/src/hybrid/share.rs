//! Which stamps are one clock's own, where several share the counter.

/// The numbers whose lowest bits are `own`: a part of all stamps that no other part overlaps.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Share {
    /// One bit less than a power of two.
    mask: u64,
    own: u64,
}

impl Share {
    /// Every number: of a clock that shares with none.
    pub(super) const ALL: Self = Self { mask: 0, own: 0 };

    /// One part of `parts`, a power of two.
    #[cfg(target_has_atomic = "64")]
    pub(super) const fn of(own: u64, parts: u64) -> Self {
        let mask = parts.saturating_sub(1);
        Self {
            mask,
            own: own & mask,
        }
    }

    /// The first of these numbers that is not below `number`, whose lowest bits are zero.
    #[inline]
    pub(super) const fn at(self, number: u64) -> u64 {
        number | self.own
    }

    /// The first of these numbers that is above `number`.
    #[inline]
    pub(super) const fn after(self, number: u64) -> Option<u64> {
        let beside = (number & !self.mask) | self.own;
        if beside > number {
            return Some(beside);
        }
        beside.checked_add(self.mask + 1)
    }
}

#[cfg(all(test, not(loom), target_has_atomic = "64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_next_number_is_the_first_above_that_is_ones_own(
            number in prop_oneof![any::<u64>(), 0..300_u64, (u64::MAX - 300)..=u64::MAX],
            bits in 0..9_u32,
            own in any::<u64>(),
        ) {
            let parts = 1 << bits;
            let share = Share::of(own, parts);
            let is_own = |&number: &u64| number % parts == own % parts;
            let first = (number..=u64::MAX).skip(1).take(1 << bits).find(is_own);
            prop_assert_eq!(share.after(number), first);
        }
    }
}
