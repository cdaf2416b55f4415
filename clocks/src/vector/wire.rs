//! The bytes of a version vector.

use alloc::vec::Vec;

use super::version::entry_of;
use super::{Dot, VersionVector};
use crate::wire::{DecodeError, Reader, put_varint};

impl VersionVector {
    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(self.len() as u64, out);
        for (actor, counter) in self.iter() {
            Dot { actor, counter }.encode(out);
        }
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a version vector.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let vector = Self::decode(&mut reader)?;
        reader.end()?;
        Ok(vector)
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut vector = Self::new();
        // Three numbers each.
        for _ in 0..reader.count(3)? {
            vector.append(Dot::decode(reader)?)?;
        }
        Ok(vector)
    }

    /// Adds an entry that must be the last.
    fn append(&mut self, dot: Dot) -> Result<(), DecodeError> {
        let entry = entry_of(dot);
        let last = self.entries.as_slice().last();
        if last.is_some_and(|last| last[..2] >= entry[..2]) {
            let what = "actors are not ascending";
            return Err(DecodeError::NotCanonical { what });
        }
        self.entries.push(entry);
        Ok(())
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<Dot>> for VersionVector {
    type Error = DecodeError;

    fn try_from(dots: Vec<Dot>) -> Result<Self, DecodeError> {
        let mut vector = Self::new();
        for dot in dots {
            if dot.counter == 0 {
                let what = "an event has counter zero";
                return Err(DecodeError::Invalid { what });
            }
            vector.append(dot)?;
        }
        Ok(vector)
    }
}

#[cfg(feature = "serde")]
impl From<VersionVector> for Vec<Dot> {
    fn from(vector: VersionVector) -> Self {
        let dots = vector.iter();
        dots.map(|(actor, counter)| Dot { actor, counter })
            .collect()
    }
}
