//! A stamp of a hybrid clock: one number of sixty-four bits.

use core::fmt;

use crate::{Causality, Relation, WallTime};

/// A stamp of 48 bits of milliseconds and 16 bits of counter: the packing to take unless you know
/// better.
pub type HybridStamp = PackedStamp<16>;

/// When an event happened on a hybrid logical clock: milliseconds of wall time and a counter.
///
/// The lower `COUNTER_BITS` count events within a millisecond, the bits above are milliseconds since
/// 1970, so stamps compare as the numbers they are. If one event can have influenced another, its
/// stamp is the smaller. Two nodes may issue the same stamp for events that know nothing of each
/// other; where ties matter, order by [`NodeStamp`](crate::NodeStamp).
///
/// | `COUNTER_BITS` | stamps a millisecond | milliseconds last until |
/// |---|---|---|
/// | 12 | 4,096 | the year 144,683 |
/// | 16, [`HybridStamp`] | 65,536 | the year 10,889 |
/// | 20 | 1,048,576 | the year 2527 |
/// | 22, the most | 4,194,304 | the year 2109 |
///
/// Fewer than 1 or more than 22 bits do not compile. The packing is part of the type, so that stamps
/// of clocks that pack differently, which are numbers of different meaning, do not mix. Every part
/// of a system that compares stamps must use the same one.
///
/// The canonical encoding is the number in eight bytes, big-endian, in which bytes sort as stamps
/// do.
///
/// ```
/// use quorate_clocks::{HybridStamp, PackedStamp};
///
/// let stamp = HybridStamp::new(1_700_000_000_000, 7).expect("the milliseconds fit 48 bits");
/// assert_eq!(stamp.millis(), 1_700_000_000_000);
/// assert_eq!(stamp.counter(), 7);
/// assert_eq!(stamp.to_bytes(), [0x01, 0x8B, 0xCF, 0xE5, 0x68, 0x00, 0x00, 0x07]);
/// assert_eq!(HybridStamp::from_bytes(stamp.to_bytes()), stamp);
/// assert_eq!(stamp.to_string(), "1700000000000+7");
/// // What does not fit is refused, not cut off.
/// assert_eq!(HybridStamp::new(1 << 48, 0), None);
/// assert_eq!(HybridStamp::new(0, 1 << 16), None);
/// assert!(PackedStamp::<20>::new(0, 1 << 16).is_some());
/// ```
///
/// ```compile_fail
/// use quorate_clocks::{HybridStamp, PackedStamp};
///
/// let _ = HybridStamp::ZERO < PackedStamp::<20>::MAX; // the types differ
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct PackedStamp<const COUNTER_BITS: u32>(u64);

impl<const COUNTER_BITS: u32> PackedStamp<COUNTER_BITS> {
    /// The smallest stamp. No clock issues it.
    pub const ZERO: Self = Self(0);
    /// The largest stamp.
    pub const MAX: Self = Self(u64::MAX);
    /// The largest counter.
    pub const MAX_COUNTER: u32 = {
        assert!(
            COUNTER_BITS >= 1 && COUNTER_BITS <= 22,
            "a hybrid stamp has 1 to 22 bits of counter"
        );
        (1 << COUNTER_BITS) - 1
    };
    /// The largest number of milliseconds since 1970.
    pub const MAX_MILLIS: u64 = u64::MAX >> COUNTER_BITS;

    /// The stamp of these milliseconds since 1970 and this counter, or nothing when one of them
    /// needs more bits than it has.
    pub const fn new(millis: u64, counter: u32) -> Option<Self> {
        if millis > Self::MAX_MILLIS || counter > Self::MAX_COUNTER {
            return None;
        }
        Some(Self((millis << COUNTER_BITS) | counter as u64))
    }

    /// The stamp that is this number. Every number is a stamp.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The stamp as one number, ordered as the stamps are.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The stamp with these canonical bytes. Every eight bytes are a stamp.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// The canonical bytes, big-endian.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Milliseconds since 1970: the largest wall time that the event knew of, and what counters that
    /// ran over have carried into it.
    pub const fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The place of the event among those of its millisecond.
    pub const fn counter(self) -> u32 {
        // The mask leaves at most 22 bits, so nothing is cut off.
        (self.0 & Self::MAX_COUNTER as u64) as u32
    }

    /// The milliseconds as a date, at most [`WallTime::MAX`].
    pub const fn wall(self) -> WallTime {
        WallTime::from_millis(self.millis())
    }
}

/// Nothing is known of two bare stamps. The smaller may belong to a cause of the other, or to an
/// event that has nothing to do with it; and two that are equal are one event, or two of different
/// nodes. Add the node, as [`NodeStamp`](crate::NodeStamp) does, to know more.
impl<const COUNTER_BITS: u32> Causality for PackedStamp<COUNTER_BITS> {
    fn relate(&self, _: &Self) -> Option<Relation> {
        None
    }
}

impl<const COUNTER_BITS: u32> fmt::Display for PackedStamp<COUNTER_BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.millis(), self.counter())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_bytes() {
        let cases: [(u64, u32, [u8; 8]); 4] = [
            (0, 0, [0; 8]),
            (0, 0xABCD, [0, 0, 0, 0, 0, 0, 0xAB, 0xCD]),
            (0x0102_0304_0506, 0x0708, [1, 2, 3, 4, 5, 6, 7, 8]),
            ((1 << 48) - 1, 0xFFFF, [0xFF; 8]),
        ];
        for (millis, counter, bytes) in cases {
            let stamp = HybridStamp::new(millis, counter).unwrap();
            assert_eq!(stamp.to_bytes(), bytes);
            assert_eq!(HybridStamp::from_bytes(bytes), stamp);
        }
    }

    proptest! {
        #[test]
        fn numbers_bytes_and_parts_have_one_order(
            a in (0..1_u64 << 48, 0..1_u32 << 16), b in (0..1_u64 << 48, 0..1_u32 << 16)
        ) {
            let stamp = |(millis, counter)| HybridStamp::new(millis, counter).unwrap();
            let order = a.cmp(&b);
            prop_assert_eq!(stamp(a).cmp(&stamp(b)), order);
            prop_assert_eq!(stamp(a).to_bytes().cmp(&stamp(b).to_bytes()), order);
            prop_assert_eq!(stamp(a).as_u64().cmp(&stamp(b).as_u64()), order);
            prop_assert_eq!((stamp(a).millis(), stamp(a).counter()), a);
        }
    }
}
