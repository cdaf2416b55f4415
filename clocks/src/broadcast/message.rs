//! A message with its causes.

use alloc::vec::Vec;

use crate::wire::{DecodeError, Reader, put_actor, put_varint};
use crate::{Actor, Causality, Dot, Relation, VersionVector};

/// A message of a [`CausalBroadcast`](crate::CausalBroadcast): who sent it, what the sender had
/// delivered, itself included, and a payload.
///
/// # Bytes
///
/// | Part | Encoding |
/// |---|---|
/// | sender | node and incarnation |
/// | vector | a [`VersionVector`] with an entry of the sender |
/// | payload | length, bytes |
///
/// Numbers are LEB128. Reading copies no payload: [`map`](Self::map) makes of the slice what you
/// keep.
///
/// ```
/// use quorate_clocks::{Actor, BroadcastMessage, Incarnation, NodeId, VersionVector};
///
/// let sender = Actor::new(NodeId(3), Incarnation(1));
/// let mut vector = VersionVector::new();
/// vector.increment(sender)?;
/// let message = BroadcastMessage::new(sender, vector, *b"hello").expect("the sender counted it");
/// let bytes = message.to_bytes();
/// let read = BroadcastMessage::from_bytes(&bytes)?.map(Vec::from);
/// assert_eq!(read.dot(), message.dot());
/// assert_eq!(read.payload(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "Parts<P>",
        into = "Parts<P>",
        bound(
            serialize = "P: Clone + serde::Serialize",
            deserialize = "P: serde::Deserialize<'de>"
        )
    )
)]
pub struct BroadcastMessage<P> {
    // The vector's entry of the actor is the counter.
    dot: Dot,
    vector: VersionVector,
    payload: P,
}

impl<P> BroadcastMessage<P> {
    /// A message of `sender`, or nothing when the vector has not counted it.
    pub fn new(sender: Actor, vector: VersionVector, payload: P) -> Option<Self> {
        let counter = vector.get(sender);
        let dot = Dot {
            actor: sender,
            counter,
        };
        (counter > 0).then_some(Self {
            dot,
            vector,
            payload,
        })
    }

    /// A message that was just counted.
    pub(super) const fn counted(dot: Dot, vector: VersionVector, payload: P) -> Self {
        Self {
            dot,
            vector,
            payload,
        }
    }

    /// Its name: who sent it, and which of the sender's messages it is.
    pub const fn dot(&self) -> Dot {
        self.dot
    }

    /// Who sent it.
    pub const fn sender(&self) -> Actor {
        self.dot.actor
    }

    /// What the sender had delivered, this message included.
    pub const fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// What it says.
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// What it says, alone.
    pub fn into_payload(self) -> P {
        self.payload
    }

    /// The same message with another form of the payload.
    pub fn map<Q>(self, change: impl FnOnce(P) -> Q) -> BroadcastMessage<Q> {
        BroadcastMessage {
            dot: self.dot,
            vector: self.vector,
            payload: change(self.payload),
        }
    }

    /// Whether everything that the sender had delivered before it is in `delivered`: its own entry
    /// is the next, and no other is ahead (Birman, Schiper and Stephenson 1991, §5.1). Says what is
    /// missing first, if anything.
    pub(super) fn waits_for(&self, delivered: &VersionVector) -> Option<Dot> {
        self.vector.iter().find_map(|(actor, counter)| {
            let counter = counter - u64::from(actor == self.dot.actor);
            (delivered.get(actor) < counter).then_some(Dot { actor, counter })
        })
    }
}

impl<P: AsRef<[u8]>> BroadcastMessage<P> {
    /// What it takes of a limit in bytes: the payload, and 24 for each entry of the vector.
    pub fn size(&self) -> usize {
        size(&self.vector, self.payload.as_ref().len())
    }

    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_actor(self.sender(), out);
        self.vector.encode(out);
        let payload = self.payload.as_ref();
        put_varint(payload.len() as u64, out);
        out.extend_from_slice(payload);
    }
}

impl<'a> BroadcastMessage<&'a [u8]> {
    /// Reads its [bytes](BroadcastMessage#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a message.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let sender = reader.actor()?;
        let vector = VersionVector::decode(&mut reader)?;
        let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::Truncated)?;
        let payload = reader.bytes(length)?;
        reader.end()?;
        Self::new(sender, vector, payload).ok_or(NOT_COUNTED)
    }
}

const NOT_COUNTED: DecodeError = DecodeError::Invalid {
    what: "the vector of a message has no entry of its sender",
};

pub(super) fn size(vector: &VersionVector, payload: usize) -> usize {
    vector.len().saturating_mul(24).saturating_add(payload)
}

/// How the sending of one message stands to that of the other.
impl<P> Causality for BroadcastMessage<P> {
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(self.vector.relation(&other.vector))
    }
}

/// A message as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Parts<P> {
    sender: Actor,
    vector: VersionVector,
    payload: P,
}

#[cfg(feature = "serde")]
impl<P> From<BroadcastMessage<P>> for Parts<P> {
    fn from(message: BroadcastMessage<P>) -> Self {
        Self {
            sender: message.dot.actor,
            vector: message.vector,
            payload: message.payload,
        }
    }
}

#[cfg(feature = "serde")]
impl<P> TryFrom<Parts<P>> for BroadcastMessage<P> {
    type Error = DecodeError;

    fn try_from(parts: Parts<P>) -> Result<Self, DecodeError> {
        Self::new(parts.sender, parts.vector, parts.payload).ok_or(NOT_COUNTED)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Incarnation, NodeId};

    #[test]
    fn the_bytes_are_as_specified() {
        let actor = |node| Actor::new(NodeId(node), Incarnation(1));
        let mut vector = VersionVector::new();
        for (actor, counter) in [(actor(2), 3), (actor(300), 1)] {
            vector.observe(Dot { actor, counter });
        }
        let message = BroadcastMessage::new(actor(2), vector, b"hi".as_slice()).expect("counted");
        let golden = [
            2, 1, // sender
            2, 2, 1, 3, 0xAC, 2, 1, 1, // vector
            2, b'h', b'i',
        ];
        assert_eq!(message.to_bytes(), golden);
        assert_eq!(BroadcastMessage::from_bytes(&golden), Ok(message));
        // A sender that has not counted it, and a payload that ends early or late.
        assert_eq!(
            BroadcastMessage::from_bytes(&[3, 1, 1, 2, 1, 3, 0]),
            Err(NOT_COUNTED)
        );
        let early = BroadcastMessage::from_bytes(&golden[..golden.len() - 1]);
        assert_eq!(early, Err(DecodeError::Truncated));
        let late = BroadcastMessage::from_bytes(&[2, 1, 1, 2, 1, 3, 0, 0]);
        assert_eq!(late, Err(DecodeError::Trailing { left: 1 }));
    }
}
