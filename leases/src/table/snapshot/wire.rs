//! The fields of a snapshot.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

pub(super) fn push_u64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

pub(super) fn push_instant(out: &mut Vec<u8>, instant: Instant) {
    push_u64(out, instant.as_nanos());
}

/// A span longer than all of time does the same as one that is as long.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn push_span(out: &mut Vec<u8>, span: Duration) {
    push_u64(out, nanos(span));
}

/// The limits count in 32 bits, and a snapshot that is restored has no more either.
pub(super) fn push_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    // The limits count the bytes of a name and of an owner in 16 bits.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub(super) struct Reader<'a> {
    pub(super) left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let Some((head, tail)) = self.left.split_first_chunk() else {
            return Err(self.truncated(N));
        };
        self.left = tail;
        Ok(*head)
    }

    pub(super) fn u32(&mut self) -> Result<u32, RestoreError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, RestoreError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn span(&mut self) -> Result<Duration, RestoreError> {
        Ok(Duration::from_nanos(self.u64()?))
    }

    pub(super) fn instant(&mut self) -> Result<Instant, RestoreError> {
        Ok(Instant::from_nanos(self.u64()?))
    }

    pub(super) fn text(&mut self, record: u32) -> Result<&'a str, RestoreError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let Some((head, tail)) = self.left.split_at_checked(length) else {
            return Err(self.truncated(length));
        };
        self.left = tail;
        match core::str::from_utf8(head) {
            Ok("") => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is empty",
            }),
            Ok(text) => Ok(text),
            Err(_) => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is not UTF-8",
            }),
        }
    }

    const fn truncated(&self, needed: usize) -> RestoreError {
        RestoreError::Truncated {
            needed,
            left: self.left.len(),
        }
    }
}

/// Why bytes are not the snapshot of a lease table.
///
/// ```
/// use quorate_leases::{LeaseTable, Limits, RestoreError};
///
/// let snapshot = LeaseTable::new(Limits::default()).snapshot();
/// let cut = LeaseTable::restore(Limits::default(), &snapshot[..34]);
/// assert_eq!(cut, Err(RestoreError::Truncated { needed: 4, left: 1 }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes end before the table does.
    Truncated {
        /// How many bytes the next field has.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// Bytes are left over after the table.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A version that this crate does not know wrote the bytes.
    UnknownVersion {
        /// The version that the bytes claim.
        version: u8,
        /// The newest version that is known.
        newest: u8,
    },
    /// A record, which is a session or a name, holds what it may not hold.
    Invalid {
        /// Which record of its kind, from zero.
        record: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the snapshot of a lease table: ")?;
        match self {
            Self::Truncated { needed, left } => write!(
                f,
                "it ends early, the next field has {needed} bytes and {left} are left"
            ),
            Self::Trailing { left } => write!(f, "{left} bytes are left over"),
            Self::UnknownVersion { version, newest } => write!(
                f,
                "version {version} is not understood, the newest here is {newest}"
            ),
            Self::Invalid { record, what } => write!(f, "in record {record}, {what}"),
        }
    }
}

impl core::error::Error for RestoreError {}
