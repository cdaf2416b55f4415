//! The parts of which the canonical bytes are made.
//!
//! Numbers whose size varies are LEB128: seven bits in a byte, the low ones first, the top bit set
//! in all bytes but the last. The shortest form is the only one that is read.

use alloc::vec::Vec;
use core::fmt;

use crate::{Actor, Incarnation, NodeId};

/// Why bytes are not a stamp.
///
/// Every value here has exactly one encoding, so bytes compare as values do for equality, and can be
/// hashed and signed. What has another form is refused and not mended.
///
/// ```
/// use quorate_clocks::DecodeError;
///
/// let error = DecodeError::Trailing { left: 3 };
/// assert_eq!(error.to_string(), "3 bytes are left after the value");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the value does.
    Truncated,
    /// Bytes are left after the value.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A number does not fit its type.
    Overflow,
    /// The value has another, canonical encoding.
    NotCanonical {
        /// What is wrong with this one.
        what: &'static str,
    },
    /// The value is beyond what is read from a peer.
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much of it is read.
        limit: usize,
    },
    /// The value contradicts itself.
    Invalid {
        /// How.
        what: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end before the value does"),
            Self::Trailing { left } => write!(f, "{left} bytes are left after the value"),
            Self::Overflow => f.write_str("a number does not fit its type"),
            Self::NotCanonical { what } => write!(f, "the encoding is not canonical: {what}"),
            Self::TooLarge { what, limit } => {
                write!(f, "the value has too many {what}: {limit} are read at most")
            }
            Self::Invalid { what } => write!(f, "the value contradicts itself: {what}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Reads a value from the front of some bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// How many bytes are left. A count that needs more than one byte each cannot be larger.
    pub(crate) const fn left(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.left.split_first().ok_or(DecodeError::Truncated)?;
        self.left = rest;
        Ok(*first)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .left
            .split_at_checked(count)
            .ok_or(DecodeError::Truncated)?;
        self.left = rest;
        Ok(taken)
    }

    /// A number of eight bytes, big-endian.
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.bytes(8)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                return Err(DecodeError::Overflow);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    let what = "a number has leading zeros";
                    return Err(DecodeError::NotCanonical { what });
                }
                return Ok(value);
            }
        }
        Err(DecodeError::Overflow)
    }

    pub(crate) fn actor(&mut self) -> Result<Actor, DecodeError> {
        let node = NodeId(self.varint()?);
        Ok(Actor::new(node, Incarnation(self.varint()?)))
    }

    /// How many items follow, each of which takes at least `least` bytes: a count that the bytes
    /// cannot hold is refused before anything is allocated for it.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::Overflow)?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.left() => Ok(count),
            _ => Err(DecodeError::Truncated),
        }
    }

    /// Nothing may be left.
    pub(crate) const fn end(self) -> Result<(), DecodeError> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(crate) fn put_actor(actor: Actor, out: &mut Vec<u8>) {
    put_varint(actor.node.0, out);
    put_varint(actor.incarnation.0, out);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive_and_have_one_form(value in prop_oneof![any::<u64>(), 0..1000_u64]) {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            prop_assert!(out.len() <= 10);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
            // The same with a zero on top.
            let last = out.len() - 1;
            out[last] |= 0x80;
            out.push(0);
            prop_assert!(Reader::new(&out).varint().is_err());
        }

        #[test]
        fn whatever_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.varint() {
                let mut out = Vec::new();
                put_varint(value, &mut out);
                prop_assert_eq!(&out[..], &bytes[..bytes.len() - reader.left()]);
            }
        }
    }

    #[test]
    fn a_number_over_sixty_four_bits_is_refused() {
        let mut bytes = [0xFF; 10];
        bytes[9] = 1;
        assert_eq!(Reader::new(&bytes).varint(), Ok(u64::MAX));
        bytes[9] = 2;
        assert_eq!(Reader::new(&bytes).varint(), Err(DecodeError::Overflow));
        assert_eq!(
            Reader::new(&[0x80; 20]).varint(),
            Err(DecodeError::Overflow)
        );
        assert_eq!(Reader::new(&[0x80]).varint(), Err(DecodeError::Truncated));
    }
}
