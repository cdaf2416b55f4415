//! The name of one event.

use alloc::vec::Vec;
use core::fmt;

use crate::wire::{DecodeError, Reader, put_actor, put_varint};
use crate::{Actor, Causality, Relation};

/// One event: who did it, and which of its events it was.
///
/// Counters begin at one; zero names no event, and everything has seen it.
///
/// Dots sort by actor and then by counter, to be kept in maps: of different actors that says nothing of
/// what came first. What does is [`relate`](Causality::relate).
///
/// As bytes: node, incarnation and counter, each as LEB128.
///
/// ```
/// use quorate_clocks::{Actor, Causality, Dot, Incarnation, NodeId, Relation};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let (first, second) = (Dot { actor, counter: 4 }, Dot { actor, counter: 5 });
/// assert_eq!(first.relate(&second), Some(Relation::Before));
/// assert_eq!(first.to_string(), "n3.1#4");
/// assert_eq!(first.to_bytes(), [3, 1, 4]);
/// assert_eq!(Dot::from_bytes(&[3, 1, 4]), Ok(first));
/// ```
// The order of the fields is the order of the dots: those of an actor are beside each other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts"))]
pub struct Dot {
    /// Who did it.
    pub actor: Actor,
    /// Which of its events, from one.
    pub counter: u64,
}

impl Dot {
    /// The event of this actor with this counter.
    pub const fn new(actor: Actor, counter: u64) -> Self {
        Self { actor, counter }
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
        put_varint(self.counter, out);
    }

    /// Reads its bytes.
    ///
    /// # Errors
    ///
    /// When they are not those of an event.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let dot = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(dot)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let actor = reader.actor()?;
        Self::named(actor, reader.varint()?)
    }

    fn named(actor: Actor, counter: u64) -> Result<Self, DecodeError> {
        if counter == 0 {
            let what = "an event has counter zero";
            return Err(DecodeError::Invalid { what });
        }
        Ok(Self { actor, counter })
    }
}

/// An event as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Parts {
    actor: Actor,
    counter: u64,
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for Dot {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        Self::named(parts.actor, parts.counter)
    }
}

/// Known of two events of one actor, which are in the order of their counters. An event's name says
/// nothing of what its actor had seen of others.
impl Causality for Dot {
    fn relate(&self, other: &Self) -> Option<Relation> {
        let (mine, theirs) = (self.counter, other.counter);
        (self.actor == other.actor).then(|| Relation::from_surplus(mine > theirs, mine < theirs))
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.actor, self.counter)
    }
}
