//! The canonical bytes of stamps and events.

use alloc::vec::Vec;

use super::id::Id;
use super::step::{Leaf, MAX_DEPTH, Part, WHOLE, widest_at, width};
use super::{TreeEvent, TreeStamp};
use crate::small::Small;
use crate::wire::{DecodeError, Reader, put_varint};

impl TreeEvent {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends the canonical bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut bits = PutBits::new(out);
        let mut start = 0;
        for leaf in self.leaves() {
            for _ in widest_at(start)..leaf.depth() {
                bits.put(true);
            }
            bits.put(false);
            start += leaf.width();
        }
        let heights = self.leaves().iter().map(|leaf| leaf.height());
        let least = heights.clone().min().unwrap_or(0);
        put_varint(least, out);
        if self.leaf_count() > 1 {
            heights.for_each(|height| put_varint(height.saturating_sub(least), out));
        }
    }

    /// The event with these canonical bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for anything that is not exactly what [`to_bytes`](Self::to_bytes) gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let event = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(event)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut depths: Small<u8, 16> = Small::new();
        let mut bits = Bits::new(reader);
        let mut shape = Shape::new();
        while let Some(depth) = shape.next_leaf(&mut bits)? {
            depths.push(depth as u8);
        }
        bits.end()?;

        let least = reader.varint()?;
        if least > Leaf::MAX_HEIGHT {
            return Err(DecodeError::Overflow);
        }
        let depths = depths.as_slice();
        if depths.len() == 1 {
            return Ok(Self::from_leaves([Leaf::new(0, least)].into_iter()));
        }
        // Each height takes a byte at least. What is not there is not made room for.
        if reader.left() < depths.len() {
            return Err(DecodeError::Truncated);
        }
        let mut leaves: Small<Leaf, 8> = Small::new();
        let mut is_least = false;
        for depth in depths {
            let above = reader.varint()?;
            is_least |= above == 0;
            let height = least.checked_add(above).ok_or(DecodeError::Overflow)?;
            if height > Leaf::MAX_HEIGHT {
                return Err(DecodeError::Overflow);
            }
            leaves.push(Leaf::new(u32::from(*depth), height));
        }
        if !is_least {
            let what = "all leaves are above the least height";
            return Err(DecodeError::NotCanonical { what });
        }
        let event = Self::from_leaves(leaves.as_slice().iter().copied());
        if event.leaf_count() != depths.len() {
            return Err(HALVES_OF_ONE_KIND);
        }
        Ok(event)
    }
}

impl TreeStamp {
    /// The canonical bytes. They are a copy of the id, so there must be one reader of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends the canonical bytes. They are a copy of the id, so there must be one reader of them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut bits = PutBits::new(out);
        let mut owned = self.id().parts().iter().copied().peekable();
        let mut at = 0;
        while at < WHOLE {
            let mut depth = widest_at(at);
            loop {
                let is_owned = match owned.peek() {
                    Some(part) if part.start() < at + width(depth) => {
                        if part.depth() > depth {
                            bits.put(true);
                            depth += 1;
                            continue;
                        }
                        owned.next();
                        true
                    }
                    _ => false,
                };
                bits.put(false);
                bits.put(is_owned);
                break;
            }
            at += width(depth);
        }
        self.history().encode(out);
    }

    /// The stamp with these canonical bytes. The caller answers for reading them only once.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for anything that is not exactly what [`to_bytes`](Self::to_bytes) gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let stamp = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(stamp)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut parts: Small<Part, 4> = Small::new();
        let mut bits = Bits::new(reader);
        let mut shape = Shape::new();
        let mut previous = None;
        while let Some(depth) = shape.next_leaf(&mut bits)? {
            let is_owned = bits.take()?;
            let part = Part::at(shape.start, depth);
            if let Some((left, was_owned)) = previous
                && was_owned == is_owned
                && Part::is_left_of(left, part)
            {
                return Err(HALVES_OF_ONE_KIND);
            }
            previous = Some((part, is_owned));
            if is_owned {
                parts.push(part);
            }
        }
        bits.end()?;
        let id = Id::from_parts(parts.as_slice().iter().copied()).ok_or(DecodeError::Invalid {
            what: "the stamp has no id",
        })?;
        Ok(Self::new(id, TreeEvent::decode(reader)?))
    }
}

/// As its canonical bytes, so that what is read keeps what the decoder demands.
#[cfg(feature = "serde")]
impl serde::Serialize for TreeEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bytes().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for TreeEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

/// As its canonical bytes: a copy of the id, so there must be one reader of them.
#[cfg(feature = "serde")]
impl serde::Serialize for TreeStamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bytes().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for TreeStamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

const HALVES_OF_ONE_KIND: DecodeError = DecodeError::NotCanonical {
    what: "two halves are leaves of one kind, and the tree could be smaller",
};

/// Reads the shape of a tree, without recursion: where a leaf ends says how deep the next node is.
struct Shape {
    /// Where the last leaf began.
    start: u128,
    end: u128,
}

impl Shape {
    const fn new() -> Self {
        Self { start: 0, end: 0 }
    }

    /// The depth of the next leaf, or nothing when the interval is full.
    fn next_leaf(&mut self, bits: &mut Bits<'_, '_>) -> Result<Option<u32>, DecodeError> {
        if self.end >= WHOLE {
            return Ok(None);
        }
        self.start = self.end;
        let mut depth = widest_at(self.start);
        while bits.take()? {
            if depth >= MAX_DEPTH {
                return Err(DecodeError::TooLarge {
                    what: "levels",
                    limit: MAX_DEPTH as usize,
                });
            }
            depth += 1;
        }
        self.end += width(depth);
        Ok(Some(depth))
    }
}

/// Reads bits from the front of what a reader has, the highest of a byte first.
struct Bits<'r, 'a> {
    reader: &'r mut Reader<'a>,
    byte: u8,
    left: u32,
}

impl<'r, 'a> Bits<'r, 'a> {
    const fn new(reader: &'r mut Reader<'a>) -> Self {
        let (byte, left) = (0, 0);
        Self { reader, byte, left }
    }

    fn take(&mut self) -> Result<bool, DecodeError> {
        if self.left == 0 {
            self.byte = self.reader.byte()?;
            self.left = u8::BITS;
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 == 1)
    }

    /// The rest of the last byte must be zeros.
    fn end(mut self) -> Result<(), DecodeError> {
        while self.left > 0 {
            if self.take()? {
                let what = "the bits after a tree are not zeros";
                return Err(DecodeError::NotCanonical { what });
            }
        }
        Ok(())
    }
}

/// Appends bits, the highest of a byte first.
struct PutBits<'a> {
    out: &'a mut Vec<u8>,
    free: u32,
}

impl<'a> PutBits<'a> {
    const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, free: 0 }
    }

    fn put(&mut self, bit: bool) {
        if self.free == 0 {
            self.out.push(0);
            self.free = u8::BITS;
        }
        self.free -= 1;
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::string::ToString;

    use super::*;

    /// The stamps of the paper's figure 2 and some others, written as the paper does.
    fn golden() -> Vec<(&'static str, TreeStamp, &'static [u8])> {
        let seed = || TreeStamp::seed();
        let (mut left, mut right) = seed().fork().unwrap();
        left.event().unwrap();
        right.event().unwrap();
        right.event().unwrap();
        let (mut first, second) = left.fork().unwrap();
        first.event().unwrap();
        let both = second.join(right).unwrap();
        let (third, fourth) = both.fork().unwrap();
        let high = [Leaf::new(1, 300), Leaf::new(1, Leaf::MAX_HEIGHT)].into_iter();
        let high = TreeStamp::new(Id::whole(), TreeEvent::from_leaves(high));
        std::vec![
            ("(1,0)", seed(), &[0b0100_0000, 0, 0]),
            (
                "(((1,0),0),(0,(1,1,0),0))",
                first,
                &[0b1101_0000, 0b1100_0000, 0, 2, 1, 0],
            ),
            (
                "(((0,1),0),(1,0,1))",
                third,
                &[0b1100_0100, 0b1000_0000, 1, 0, 1],
            ),
            (
                "((0,1),(1,0,1))",
                fourth,
                &[0b1000_1000, 0b1000_0000, 1, 0, 1]
            ),
            (
                "(1,(300,0,144115188075855571))",
                high,
                &[
                    0b0100_0000,
                    0b1000_0000,
                    0xAC,
                    0x02,
                    0,
                    0xD3,
                    0xFD,
                    0xFF,
                    0xFF,
                    0xFF,
                    0xFF,
                    0xFF,
                    0xFF,
                    0x01,
                ],
            ),
        ]
    }

    #[test]
    fn golden_bytes_are_the_id_and_then_the_event() {
        for (text, stamp, bytes) in golden() {
            assert_eq!(stamp.to_string(), text);
            assert_eq!(stamp.to_bytes(), bytes, "{text}");
            assert_eq!(TreeStamp::from_bytes(bytes), Ok(stamp), "{text}");
        }
    }

    #[test]
    fn every_golden_encoding_is_refused_when_it_is_cut_or_goes_on() {
        for (text, stamp, bytes) in golden() {
            for end in 0..bytes.len() {
                let cut = TreeStamp::from_bytes(&bytes[..end]);
                assert_eq!(cut, Err(DecodeError::Truncated), "{text}");
            }
            let longer = [bytes, &[0]].concat();
            let refused = Err(DecodeError::Trailing { left: 1 });
            assert_eq!(TreeStamp::from_bytes(&longer), refused, "{text}");
            assert_eq!(stamp.to_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_not_canonical_or_too_high_is_refused() {
        let not_canonical = |bytes: &[u8]| {
            matches!(
                TreeEvent::from_bytes(bytes),
                Err(DecodeError::NotCanonical { .. })
            )
        };
        assert!(not_canonical(&[0b0000_0001, 0]), "bits after the tree");
        assert!(not_canonical(&[0, 0x80, 0]), "a number with leading zeros");
        assert!(
            not_canonical(&[0b1000_0000, 0, 1, 2]),
            "a least height that none has"
        );
        assert!(
            not_canonical(&[0b1010_0000, 0, 1, 0, 0]),
            "two halves that are one"
        );
        let id_only = |bytes: &[u8]| TreeStamp::from_bytes(&[bytes, &[0, 0]].concat());
        let what = "the stamp has no id";
        assert_eq!(id_only(&[0]), Err(DecodeError::Invalid { what }));

        let mut bytes = std::vec![0];
        put_varint(Leaf::MAX_HEIGHT, &mut bytes);
        assert!(TreeEvent::from_bytes(&bytes).is_ok());
        bytes.truncate(1);
        put_varint(Leaf::MAX_HEIGHT + 1, &mut bytes);
        assert_eq!(TreeEvent::from_bytes(&bytes), Err(DecodeError::Overflow));
        for (least, above) in [
            (1, Leaf::MAX_HEIGHT),
            (0, u64::MAX),
            (Leaf::MAX_HEIGHT, u64::MAX),
        ] {
            let mut bytes = std::vec![0b1000_0000];
            put_varint(least, &mut bytes);
            put_varint(0, &mut bytes);
            put_varint(above, &mut bytes);
            assert_eq!(TreeEvent::from_bytes(&bytes), Err(DecodeError::Overflow));
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_refuses_what_the_decoder_refuses() {
        use serde::Deserialize;
        use serde::de::value::{Error, SeqDeserializer};

        let read = |bytes: &[u8]| {
            let bytes = bytes.iter().copied();
            TreeStamp::deserialize(SeqDeserializer::<_, Error>::new(bytes))
        };
        for (_, stamp, bytes) in golden() {
            assert_eq!(read(bytes), Ok(stamp));
        }
        assert!(read(&[0, 0, 0]).is_err());
        let bytes = [0b1000_0000, 0, 1, 2].into_iter();
        assert!(TreeEvent::deserialize(SeqDeserializer::<_, Error>::new(bytes)).is_err());
    }
}
