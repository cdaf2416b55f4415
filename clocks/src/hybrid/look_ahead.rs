//! When to ask for a new durable bound, and for which, which both durable clocks share.

use core::time::Duration;

use super::PackedStamp;

/// How far ahead of the stamps the durable bound is kept, in whole milliseconds, at least one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct LookAhead(u64);

impl LookAhead {
    pub(super) fn new(span: Duration) -> Self {
        Self(u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    pub(super) const fn span(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// The bound to ask for next, when the clock has come to `reached` and has asked for `asked`
    /// already; nothing while more than half of the look-ahead is left, so that there is time for a
    /// write. Always above `asked`: a bound that is stored never replaces a larger one.
    pub(super) fn due<const COUNTER_BITS: u32>(
        self,
        reached: PackedStamp<COUNTER_BITS>,
        asked: PackedStamp<COUNTER_BITS>,
    ) -> Option<PackedStamp<COUNTER_BITS>> {
        let left = asked.millis().saturating_sub(reached.millis());
        if left > self.0 / 2 || asked == PackedStamp::MAX {
            return None;
        }
        let upto = reached.millis().saturating_add(self.0);
        Some(PackedStamp::new(upto, 0).unwrap_or(PackedStamp::MAX))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::HybridStamp;
    use proptest::prelude::*;

    #[test]
    fn the_next_bound_is_asked_for_when_half_is_used() {
        let stamp = |millis| HybridStamp::new(millis, 7).unwrap();
        let bound = |millis| HybridStamp::new(millis, 0).unwrap();
        let ahead = LookAhead::new(Duration::from_millis(100));
        assert_eq!(
            ahead.due(stamp(1_000), PackedStamp::ZERO),
            Some(bound(1_100))
        );
        assert_eq!(ahead.due(stamp(1_049), bound(1_100)), None);
        assert_eq!(ahead.due(stamp(1_050), bound(1_100)), Some(bound(1_150)));
    }

    proptest! {
        #[test]
        fn a_bound_is_above_all_before_it_and_above_what_was_reached(
            reached in any::<u64>(), asked in any::<u64>(), span in prop_oneof![0..200_u64, any::<u64>()]
        ) {
            let (reached, asked) = (HybridStamp::from_u64(reached), HybridStamp::from_u64(asked));
            match LookAhead::new(Duration::from_millis(span)).due(reached, asked) {
                Some(upto) => {
                    prop_assert!(upto > asked);
                    prop_assert!(upto > reached || upto == HybridStamp::MAX);
                }
                None => prop_assert!(asked > reached || asked == HybridStamp::MAX),
            }
        }
    }
}
