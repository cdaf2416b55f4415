//! A vector without the entries of those that are gone.

use alloc::vec::Vec;

use super::VersionVector;
use crate::wire::{DecodeError, Reader};
use crate::{Causality, Relation};

/// A version vector of which a table of [`Retired`](super::Retired) actors was left out.
///
/// Of a retired actor it has seen everything, unless it says what it lacks: nothing is lost by
/// pruning. Two vectors that were pruned with the same table compare exactly. Of different tables it
/// is not known how they stand: [restore](super::Retired::restore) both first. And a pruned vector is
/// not a [`VersionVector`], so the two cannot be compared by accident.
///
/// See [`Retired`](super::Retired) for an example.
///
/// # Bytes
///
/// The name of the table in eight bytes, big-endian, and two [`VersionVector`]s: what was seen of the
/// others, and how many events are lacking of each that is retired. An actor in both is refused, and so
/// is one that lacks something under the empty table, whose name is zero.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts"))]
pub struct PrunedVector {
    table: u64,
    left: VersionVector,
    // Counts of what was not seen: missing is zero here too, and more is less.
    lacking: VersionVector,
}

impl PrunedVector {
    pub(super) const fn new(table: u64, left: VersionVector, lacking: VersionVector) -> Self {
        Self {
            table,
            left,
            lacking,
        }
    }

    /// Refuses what contradicts itself, whatever the table.
    fn from_parts(
        table: u64,
        left: VersionVector,
        lacking: VersionVector,
    ) -> Result<Self, DecodeError> {
        let what = if table == 0 && !lacking.is_empty() {
            "events of somebody are lacking under the empty table"
        } else if !left.meet(&lacking).is_empty() {
            "an actor is retired, and not left out"
        } else {
            return Ok(Self::new(table, left, lacking));
        };
        Err(DecodeError::Invalid { what })
    }

    /// The name of the table that was left out.
    pub const fn table(&self) -> u64 {
        self.table
    }

    /// What was seen of those that are not in the table.
    pub const fn left(&self) -> &VersionVector {
        &self.left
    }

    /// How many events of those in the table were not seen.
    pub const fn lacking(&self) -> &VersionVector {
        &self.lacking
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.left.len() + self.lacking.len()
    }

    /// Whether it has no entry: it has seen everything of the retired, and nothing else.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn includes(&self, other: &Self) -> bool {
        self.left.includes(&other.left) && other.lacking.includes(&self.lacking)
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
        out.extend_from_slice(&self.table.to_be_bytes());
        self.left.encode(out);
        self.lacking.encode(out);
    }

    /// Reads its [bytes](Self#bytes). Whether it fits its table shows when it is restored.
    ///
    /// # Errors
    ///
    /// When they are not those of a pruned vector.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let table = reader.u64()?;
        let left = VersionVector::decode(&mut reader)?;
        let lacking = VersionVector::decode(&mut reader)?;
        reader.end()?;
        Self::from_parts(table, left, lacking)
    }
}

/// A pruned vector as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Parts {
    table: u64,
    left: VersionVector,
    lacking: VersionVector,
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for PrunedVector {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        Self::from_parts(parts.table, parts.left, parts.lacking)
    }
}

impl Causality for PrunedVector {
    fn relate(&self, other: &Self) -> Option<Relation> {
        (self.table == other.table)
            .then(|| Relation::from_surplus(!other.includes(self), !self.includes(other)))
    }
}
