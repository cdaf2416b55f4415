//! Events in a row.

use alloc::vec::Vec;
use core::fmt;

use crate::wire::{DecodeError, Reader, put_actor, put_varint};
use crate::{Actor, Dot};

/// Events of one actor that follow each other, such as those to ask for again.
///
/// As bytes: node, incarnation, first counter, and how many more, as LEB128.
///
/// ```
/// use quorate_clocks::{Actor, DotRange, Incarnation, NodeId};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let range = DotRange::new(actor, 4, 6).expect("it is not empty");
/// assert_eq!(range.to_string(), "n3.1: 4 to 6");
/// assert_eq!(range.to_bytes(), [3, 1, 4, 2]);
/// assert_eq!(DotRange::from_bytes(&[3, 1, 4, 2]), Ok(range));
/// ```
// The order of the fields puts those of an actor beside each other, the earliest first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts", into = "Parts"))]
pub struct DotRange {
    actor: Actor,
    first: u64,
    last: u64,
}

impl DotRange {
    /// The events from `first` to `last`, both included, or nothing when there are none: counters
    /// begin at one.
    pub const fn new(actor: Actor, first: u64, last: u64) -> Option<Self> {
        if first == 0 || first > last {
            return None;
        }
        Some(Self { actor, first, last })
    }

    /// A single event.
    pub(crate) const fn one(dot: Dot) -> Self {
        Self {
            actor: dot.actor,
            first: dot.counter,
            last: dot.counter,
        }
    }

    /// Whose events.
    pub const fn actor(self) -> Actor {
        self.actor
    }

    /// The counter of the first.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// How many there are.
    pub const fn count(self) -> u64 {
        // The first is at least one, so this cannot overflow.
        self.last - self.first + 1
    }

    /// The counter of the last.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// Whether this event is one of them.
    pub fn contains(self, dot: Dot) -> bool {
        dot.actor == self.actor && (self.first..=self.last).contains(&dot.counter)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its bytes.
    pub fn encode(self, out: &mut Vec<u8>) {
        put_actor(self.actor, out);
        put_varint(self.first, out);
        put_varint(self.last - self.first, out);
    }

    /// Reads its bytes.
    ///
    /// # Errors
    ///
    /// When they are not those of a range.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let range = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(range)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (actor, first) = (reader.actor()?, reader.varint()?);
        let more = reader.varint()?;
        let last = first.checked_add(more).ok_or(DecodeError::Overflow)?;
        let what = "a range begins with counter zero";
        Self::new(actor, first, last).ok_or(DecodeError::Invalid { what })
    }
}

/// A range as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Parts {
    actor: Actor,
    first: u64,
    last: u64,
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for DotRange {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let what = "a range is empty or begins with counter zero";
        Self::new(parts.actor, parts.first, parts.last).ok_or(DecodeError::Invalid { what })
    }
}

#[cfg(feature = "serde")]
impl From<DotRange> for Parts {
    fn from(range: DotRange) -> Self {
        let DotRange { actor, first, last } = range;
        Self { actor, first, last }
    }
}

impl fmt::Display for DotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} to {}", self.actor, self.first, self.last)
    }
}
