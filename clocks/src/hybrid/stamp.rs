//! A stamp of a hybrid clock: one number of sixty-four bits.

use core::fmt;

use crate::WallTime;

/// When an event happened on a hybrid logical clock: milliseconds of wall time and a counter.
///
/// The upper 48 bits are milliseconds since 1970, the lower 16 count events within a millisecond, so
/// stamps compare as the numbers they are. If one event can have influenced another, its stamp is
/// the smaller. Two nodes may issue the same stamp for events that know nothing of each other; where
/// ties matter, order by the pair `(stamp, node)`.
///
/// The canonical encoding is the number in eight bytes, big-endian, in which bytes sort as stamps
/// do. The 48 bits last until the year 10889.
///
/// ```
/// use quorate_clocks::HybridStamp;
///
/// let stamp = HybridStamp::new(1_700_000_000_000, 7).expect("the milliseconds fit 48 bits");
/// assert_eq!(stamp.millis(), 1_700_000_000_000);
/// assert_eq!(stamp.counter(), 7);
/// assert_eq!(stamp.to_bytes(), [0x01, 0x8B, 0xCF, 0xE5, 0x68, 0x00, 0x00, 0x07]);
/// assert_eq!(HybridStamp::from_bytes(stamp.to_bytes()), stamp);
/// assert_eq!(stamp.to_string(), "1700000000000+7");
/// // What does not fit is refused, not cut off.
/// assert_eq!(HybridStamp::new(1 << 48, 0), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct HybridStamp(u64);

impl HybridStamp {
    /// The smallest stamp. No clock issues it.
    pub const ZERO: Self = Self(0);
    /// The largest stamp.
    pub const MAX: Self = Self(u64::MAX);

    const COUNTER_BITS: u32 = 16;

    /// The stamp of these milliseconds since 1970 and this counter, or nothing when the
    /// milliseconds need more than 48 bits.
    pub const fn new(millis: u64, counter: u16) -> Option<Self> {
        if millis >> (u64::BITS - Self::COUNTER_BITS) != 0 {
            return None;
        }
        Some(Self((millis << Self::COUNTER_BITS) | counter as u64))
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
        self.0 >> Self::COUNTER_BITS
    }

    /// The place of the event among those of its millisecond.
    pub const fn counter(self) -> u16 {
        // The mask leaves sixteen bits, so nothing is cut off.
        (self.0 & u16::MAX as u64) as u16
    }

    /// The milliseconds as a date, at most [`WallTime::MAX`].
    pub const fn wall(self) -> WallTime {
        WallTime::from_millis(self.millis())
    }
}

impl fmt::Display for HybridStamp {
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
        let cases: [(u64, u16, [u8; 8]); 4] = [
            (0, 0, [0; 8]),
            (0, 0xABCD, [0, 0, 0, 0, 0, 0, 0xAB, 0xCD]),
            (0x0102_0304_0506, 0x0708, [1, 2, 3, 4, 5, 6, 7, 8]),
            ((1 << 48) - 1, u16::MAX, [0xFF; 8]),
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
            a in (0..1_u64 << 48, any::<u16>()), b in (0..1_u64 << 48, any::<u16>())
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
