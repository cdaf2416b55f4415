//! The bytes of a Bloom stamp.

use alloc::vec::Vec;

use super::BloomStamp;
use super::counters::Counters;
use crate::wire::{DecodeError, Reader, put_actor, put_varint};

impl<const ROWS: usize, const WIDTH: usize> BloomStamp<ROWS, WIDTH> {
    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(ROWS as u64, out);
        put_varint(WIDTH as u64, out);
        put_actor(self.actor(), out);
        put_varint(self.number(), out);
        let counters = self.known().iter();
        let least = counters.clone().min().unwrap_or(0);
        put_varint(least, out);
        counters.for_each(|count| put_varint(count.saturating_sub(least), out));
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a stamp of this number of rows and this width.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let stamp = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(stamp)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.varint()? != ROWS as u64 || reader.varint()? != WIDTH as u64 {
            let what = "the stamp is of a clock with other rows or another width";
            return Err(DecodeError::Invalid { what });
        }
        let actor = reader.actor()?;
        let number = reader.varint()?;
        let least = reader.varint()?;
        let mut known = Counters::zero();
        let mut is_least = false;
        for count in known.iter_mut() {
            let above = reader.varint()?;
            is_least |= above == 0;
            *count = least.checked_add(above).ok_or(DecodeError::Overflow)?;
        }
        if !is_least {
            let what = "all counters are above the least";
            return Err(DecodeError::NotCanonical { what });
        }
        Self::new(actor, number, known).ok_or(DecodeError::Invalid {
            what: "the event has number zero, or its counters are full",
        })
    }
}

/// As its bytes, so that what is read keeps what the decoder demands.
#[cfg(feature = "serde")]
impl<const ROWS: usize, const WIDTH: usize> serde::Serialize for BloomStamp<ROWS, WIDTH> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bytes().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de, const ROWS: usize, const WIDTH: usize> serde::Deserialize<'de>
    for BloomStamp<ROWS, WIDTH>
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Actor, BloomClock, Incarnation, NodeId};

    fn actor(node: u64) -> Actor {
        Actor::new(NodeId(node), Incarnation(1))
    }

    /// Two rows of four. The places of the events are computed from the text of the format.
    fn golden() -> [(BloomStamp<2, 4>, &'static [u8]); 3] {
        let (mut ann, mut bob) = (BloomClock::new(actor(1)), BloomClock::new(actor(2)));
        let first = ann.tick().unwrap();
        bob.tick().unwrap();
        bob.tick().unwrap();
        let heard = bob.receive(&first).unwrap();
        let mut known = Counters::zero();
        for (number, count) in known.iter_mut().enumerate() {
            *count = 1_000 + 100 * number as u64;
        }
        let late = Actor::new(NodeId(u64::MAX), Incarnation(300));
        let late = BloomStamp::new(late, u64::MAX, known).unwrap();
        [(first, &FIRST), (heard, &HEARD), (late, &LATE)]
    }

    const FIRST: [u8; 14] = [2, 4, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // Bob's at (2, 3) and (2, 1), Ann's at (1, 1).
    const HEARD: [u8; 14] = [2, 4, 2, 1, 3, 0, 0, 1, 2, 0, 0, 1, 0, 1];
    const LATE: [u8; 40] = [
        2, 4, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0xAC, 2, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0xE8, 7, 0, 100, 0xC8, 1, 0xAC, 2, 0x90, 3, 0xF4, 3,
        0xD8, 4, 0xBC, 5,
    ];

    #[test]
    fn golden_bytes_are_the_event_and_then_the_counters() {
        for (stamp, bytes) in golden() {
            assert_eq!(stamp.to_bytes(), bytes);
            assert_eq!(BloomStamp::from_bytes(bytes), Ok(stamp));
            for end in 0..bytes.len() {
                let cut = BloomStamp::<2, 4>::from_bytes(&bytes[..end]);
                assert_eq!(cut, Err(DecodeError::Truncated));
            }
            let longer = [bytes, &[0]].concat();
            let refused = Err(DecodeError::Trailing { left: 1 });
            assert_eq!(BloomStamp::<2, 4>::from_bytes(&longer), refused);
        }
    }
    #[test]
    fn what_is_not_a_stamp_of_this_kind_is_refused() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = HEARD;
            bytes[at] = byte;
            BloomStamp::<2, 4>::from_bytes(&bytes)
        };
        let is_invalid = |read: Result<BloomStamp<2, 4>, DecodeError>| {
            matches!(read, Err(DecodeError::Invalid { .. }))
        };
        assert!(is_invalid(changed(0, 1)), "one row");
        assert!(is_invalid(changed(1, 8)), "eight in a row");
        assert!(is_invalid(changed(4, 0)), "an event without a number");
        let other = BloomStamp::<4, 2>::from_bytes(&HEARD);
        assert!(
            matches!(other, Err(DecodeError::Invalid { .. })),
            "as many counters in other rows"
        );

        // The least height that no counter has.
        let higher = [&HEARD[..6], &[1; 8]].concat();
        let read = BloomStamp::<2, 4>::from_bytes(&higher);
        assert!(
            matches!(read, Err(DecodeError::NotCanonical { .. })),
            "{read:?}"
        );
    }

    #[test]
    fn counters_at_their_end_are_read_only_where_the_event_does_not_count() {
        let filled = |at: usize| {
            let mut known = Counters::<2, 4>::zero();
            *known.iter_mut().nth(at).unwrap() = u64::MAX;
            let mut bytes = std::vec![2, 4, 2, 1, 1, 0];
            known.iter().for_each(|count| put_varint(count, &mut bytes));
            BloomStamp::<2, 4>::from_bytes(&bytes)
        };
        // Bob's first event is at (2, 3).
        for at in 0..8 {
            assert_eq!(filled(at).is_ok(), at != 2 && at != 4 + 3, "{at}");
        }
        let mut bytes = std::vec![2, 4, 2, 1, 1, 1];
        put_varint(u64::MAX, &mut bytes);
        bytes.extend([0; 7]);
        let over = BloomStamp::<2, 4>::from_bytes(&bytes);
        assert_eq!(over, Err(DecodeError::Overflow));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_refuses_what_the_decoder_refuses() {
        use serde::Deserialize;
        use serde::de::value::{Error, SeqDeserializer};

        let read = |bytes: &[u8]| {
            let bytes = bytes.iter().copied();
            BloomStamp::<2, 4>::deserialize(SeqDeserializer::<_, Error>::new(bytes))
        };
        for (stamp, bytes) in golden() {
            assert_eq!(read(bytes), Ok(stamp));
        }
        assert!(read(&HEARD[1..]).is_err());
        assert!(read(&[&HEARD[..4], &[0], &HEARD[5..]].concat()).is_err());
    }
}
