//! The bytes of a matrix clock.

use alloc::vec::Vec;

use super::MatrixClock;
use crate::wire::{DecodeError, Reader, put_actor, put_varint};
use crate::{Actor, VersionVector};

impl MatrixClock {
    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(self.rows.len() as u64, out);
        for (member, row) in self.rows() {
            put_actor(member, out);
            row.encode(out);
        }
        put_varint(self.removed.len() as u64, out);
        for (removed, last) in self.removed() {
            put_actor(removed, out);
            put_varint(last, out);
        }
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a matrix clock, or there are too many members.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let rows = list(&mut reader, "members", VersionVector::decode)?;
        let removed = list(&mut reader, "removed members", Reader::varint)?;
        reader.end()?;
        Self::from_parts(rows, removed)
    }

    /// Checks everything that a matrix clock promises itself.
    pub(super) fn from_parts(
        rows: Vec<(Actor, VersionVector)>,
        removed: Vec<(Actor, u64)>,
    ) -> Result<Self, DecodeError> {
        if !rows.is_sorted_by(|(a, _), (b, _)| a < b)
            || !removed.is_sorted_by(|(a, _), (b, _)| a < b)
        {
            let what = "members are not ascending";
            return Err(DecodeError::NotCanonical { what });
        }
        for (count, what) in [(rows.len(), "members"), (removed.len(), "removed members")] {
            if count > Self::MAX_MEMBERS {
                let limit = Self::MAX_MEMBERS;
                return Err(DecodeError::TooLarge { what, limit });
            }
        }
        let matrix = Self { rows, removed };
        let invalid = |what| Err(DecodeError::Invalid { what });
        if matrix
            .removed()
            .any(|(removed, _)| matrix.is_member(removed))
        {
            return invalid("a removed member is a member");
        }
        if matrix.rows.is_empty() && !matrix.removed.is_empty() {
            return invalid("the only member was removed");
        }
        for (_, row) in matrix.rows() {
            if matrix.stranger(row).is_some() {
                return invalid("a row has an entry of a stranger");
            }
            if matrix.beyond(row).is_some() {
                return invalid("a row has an event of a removed member beyond its last");
            }
        }
        Ok(matrix)
    }
}

/// A number, and that many pairs of an actor and something.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    what: &'static str,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<(Actor, T)>, DecodeError> {
    let limit = MatrixClock::MAX_MEMBERS;
    let count = match usize::try_from(reader.varint()?) {
        Ok(count) if count <= limit => count,
        _ => return Err(DecodeError::TooLarge { what, limit }),
    };
    let mut list = Vec::new();
    for _ in 0..count {
        let actor = reader.actor()?;
        list.push((actor, read(reader)?));
    }
    Ok(list)
}

/// A matrix clock as serde sees it.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Parts {
    members: Vec<(Actor, VersionVector)>,
    removed: Vec<(Actor, u64)>,
}

#[cfg(feature = "serde")]
impl From<MatrixClock> for Parts {
    fn from(matrix: MatrixClock) -> Self {
        Self {
            members: matrix.rows,
            removed: matrix.removed,
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for MatrixClock {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        Self::from_parts(parts.members, parts.removed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Dot;
    use crate::{Incarnation, NodeId};

    const fn actor(node: u64) -> Actor {
        Actor::new(NodeId(node), Incarnation(1))
    }

    fn seen(node: u64, counter: u64) -> VersionVector {
        let mut seen = VersionVector::new();
        let actor = actor(node);
        seen.observe(Dot { actor, counter });
        seen
    }

    #[test]
    fn the_bytes_are_as_specified() -> Result<(), std::boxed::Box<dyn core::error::Error>> {
        assert_eq!(MatrixClock::new().to_bytes(), [0, 0]);
        let mut matrix = MatrixClock::with_members([actor(7), actor(300), actor(2)])?;
        matrix.record(actor(7), &seen(300, 1))?;
        matrix.remove(actor(2), &seen(2, 128))?;
        let golden = [
            2, // members
            7, 1, 1, 0xAC, 2, 1, 1, // one has seen one event of the other
            0xAC, 2, 1, 0, // which has seen nothing
            1, // removed
            2, 1, 0x80, 1,
        ];
        assert_eq!(matrix.to_bytes(), golden);
        assert_eq!(MatrixClock::from_bytes(&golden)?, matrix);
        Ok(())
    }

    #[test]
    fn what_no_matrix_clock_writes_is_refused() {
        use DecodeError::{Invalid, NotCanonical, TooLarge, Trailing, Truncated};
        let ascending = NotCanonical {
            what: "members are not ascending",
        };
        let invalid = |what| Invalid { what };
        let cases: [(&[u8], _); 10] = [
            (&[], Truncated),
            (&[0, 0, 0], Trailing { left: 1 }),
            (&[2, 7, 1, 0, 6, 1, 0, 0], ascending),
            (&[2, 7, 1, 0, 7, 1, 0, 0], ascending),
            (&[1, 7, 1, 0, 2, 3, 1, 0, 2, 1, 0], ascending),
            (
                &[1, 7, 1, 0, 1, 7, 1, 0],
                invalid("a removed member is a member"),
            ),
            (&[0, 1, 7, 1, 0], invalid("the only member was removed")),
            (
                &[1, 7, 1, 1, 8, 1, 1, 0],
                invalid("a row has an entry of a stranger"),
            ),
            (
                &[1, 7, 1, 1, 8, 1, 3, 1, 8, 1, 2],
                invalid("a row has an event of a removed member beyond its last"),
            ),
            (
                &[0x81, 8],
                TooLarge {
                    what: "members",
                    limit: 1024,
                },
            ),
        ];
        for (bytes, error) in cases {
            assert_eq!(MatrixClock::from_bytes(bytes), Err(error), "{bytes:?}");
        }
    }
}
