//! The bytes of a dotted version vector set.

use alloc::vec::Vec;

use super::dotted::History;
use super::{Dot, DottedSet};
use crate::wire::{DecodeError, Reader, put_varint};

/// # Bytes
///
/// | Part | Encoding |
/// |---|---|
/// | actors | number |
/// | of each, ascending | node, incarnation, how many events, how many have a value |
/// | of each value, oldest first | length, bytes |
///
/// Numbers are LEB128.
impl<V: AsRef<[u8]>> DottedSet<V> {
    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(self.histories.len() as u64, out);
        for history in &self.histories {
            Dot::new(history.actor, history.counter).encode(out);
            put_varint(history.alive.len() as u64, out);
            for value in &history.alive {
                let value = value.as_ref();
                put_varint(value.len() as u64, out);
                out.extend_from_slice(value);
            }
        }
    }
}

impl<'a> DottedSet<&'a [u8]> {
    /// Reads its [bytes](DottedSet#bytes). The values are slices of these: [`map`](DottedSet::map)
    /// makes of them what you keep.
    ///
    /// # Errors
    ///
    /// When they are not those of a set.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut set = Self::new();
        // Four numbers each.
        for _ in 0..reader.count(4)? {
            let Dot { actor, counter } = Dot::decode(&mut reader)?;
            // A length each.
            let count = reader.count(1)?;
            let mut alive = Vec::new();
            for _ in 0..count {
                let len = reader.count(1)?;
                alive.push(reader.bytes(len)?);
            }
            set.append(History {
                actor,
                counter,
                alive,
            })?;
        }
        reader.end()?;
        Ok(set)
    }
}

impl<V> DottedSet<V> {
    /// Adds a history that must be the last.
    fn append(&mut self, history: History<V>) -> Result<(), DecodeError> {
        let last = self.histories.last();
        if last.is_some_and(|last| last.actor >= history.actor) {
            let what = "actors are not ascending";
            return Err(DecodeError::NotCanonical { what });
        }
        if history.counter == 0 {
            let what = "an event has counter zero";
            return Err(DecodeError::Invalid { what });
        }
        if history.counter < history.alive.len() as u64 {
            let what = "there are more values than events";
            return Err(DecodeError::Invalid { what });
        }
        self.histories.push(history);
        Ok(())
    }
}

/// A history as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Part<V> {
    actor: crate::Actor,
    counter: u64,
    values: Vec<V>,
}

#[cfg(feature = "serde")]
impl<V> TryFrom<Vec<Part<V>>> for DottedSet<V> {
    type Error = DecodeError;

    fn try_from(parts: Vec<Part<V>>) -> Result<Self, DecodeError> {
        let mut set = Self::new();
        for part in parts {
            set.append(History {
                actor: part.actor,
                counter: part.counter,
                alive: part.values,
            })?;
        }
        Ok(set)
    }
}

#[cfg(feature = "serde")]
impl<V> From<DottedSet<V>> for Vec<Part<V>> {
    fn from(set: DottedSet<V>) -> Self {
        let parts = set.histories.into_iter();
        parts
            .map(|history| Part {
                actor: history.actor,
                counter: history.counter,
                values: history.alive,
            })
            .collect()
    }
}
