//! A lineage as bytes, to be stored beside the log and sent to those who follow it.
//!
//! | Field | Encoding | |
//! |---|---|---|
//! | version | byte | 1 |
//! | shard, epoch | varint each | |
//! | ancestors | varint | their number |
//! | per ancestor, ascending | varint each | the shard, the first epoch that is no part of this |
//! | origins | varint | their number |
//! | per origin, ascending by shard and epoch | varint each | the shard, the epoch, how much was kept, and 1 if its indexes continue or else 0 |
//!
//! A varint is LEB128 in its shortest form. There is exactly one encoding for each lineage.

use alloc::vec::Vec;
use core::fmt;

use super::{Indexes, Kept, Lineage};
use crate::session::varint::{VarintError, put, take, take_byte};

const VERSION: u8 = 1;

impl Lineage {
    /// The canonical encoding: the same bytes for the same lineage.
    ///
    /// ```
    /// use quorate_consistency::session::{Indexes, Lineage};
    ///
    /// let mut shard = Lineage::new(0, 0);
    /// shard.failover(1, 15, Indexes::Continue)?;
    /// assert_eq!(shard.to_bytes(), [1, 0, 1, 0, 1, 0, 0, 15, 1]);
    /// assert_eq!(Lineage::from_bytes(&shard.to_bytes()), Ok(shard));
    /// # Ok::<(), quorate_consistency::session::LineageError>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(VERSION);
        put(&mut out, self.shard);
        put(&mut out, self.epoch);
        put(&mut out, self.ancestors.len() as u64);
        for (&shard, &end) in &self.ancestors {
            put(&mut out, shard);
            put(&mut out, end);
        }
        put(&mut out, self.origins.len() as u64);
        for (&(shard, epoch), kept) in &self.origins {
            put(&mut out, shard);
            put(&mut out, epoch);
            put(&mut out, kept.up_to);
            put(&mut out, u64::from(kept.indexes == Indexes::Continue));
        }
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// When it is something else, or says what no lineage can say.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, LineageBytesError> {
        let bytes = &mut bytes;
        let version = take_byte(bytes)?;
        if version != VERSION {
            return Err(LineageBytesError::Version { found: version });
        }
        let mut lineage = Self::new(take(bytes)?, take(bytes)?);
        for _ in 0..take_count(bytes)? {
            let (shard, end) = (take(bytes)?, take(bytes)?);
            let is_above = lineage
                .ancestors
                .keys()
                .next_back()
                .is_none_or(|&last| last < shard);
            if !is_above || shard == lineage.shard || end > lineage.epoch || end == 0 {
                return Err(LineageBytesError::NotALineage);
            }
            lineage.ancestors.insert(shard, end);
        }
        for _ in 0..take_count(bytes)? {
            let origin = (take(bytes)?, take(bytes)?);
            let is_above = lineage
                .origins
                .keys()
                .next_back()
                .is_none_or(|&last| last < origin);
            let is_before = origin.1 < lineage.epoch && lineage.concerns(origin.0, origin.1);
            if !is_above || !is_before {
                return Err(LineageBytesError::NotALineage);
            }
            let up_to = take(bytes)?;
            let indexes = match take(bytes)? {
                0 => Indexes::StartOver,
                1 => Indexes::Continue,
                _ => return Err(LineageBytesError::NotALineage),
            };
            lineage.origins.insert(origin, Kept { up_to, indexes });
        }
        if !bytes.is_empty() {
            return Err(LineageBytesError::NotALineage);
        }
        Ok(lineage)
    }
}

fn take_count(bytes: &mut &[u8]) -> Result<u64, LineageBytesError> {
    let count = take(bytes)?;
    if count > Lineage::MAX_ORIGINS as u64 {
        return Err(LineageBytesError::TooMany { count });
    }
    Ok(count)
}

/// Why these bytes are not a [`Lineage`].
///
/// ```
/// use quorate_consistency::session::{Lineage, LineageBytesError};
///
/// assert_eq!(Lineage::from_bytes(&[1, 0]), Err(LineageBytesError::Truncated));
/// let error = Lineage::from_bytes(&[9]).unwrap_err();
/// assert_eq!(error.to_string(), "the lineage is of version 9, and only 1 is known here");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LineageBytesError {
    /// Not a version that is known here.
    Version {
        /// The version.
        found: u8,
    },
    /// It ends in the middle.
    Truncated,
    /// It comes from more logs or shards than a lineage keeps.
    TooMany {
        /// From how many.
        count: u64,
    },
    /// No lineage is written that way.
    NotALineage,
}

impl From<VarintError> for LineageBytesError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::NotShortest => Self::NotALineage,
        }
    }
}

impl fmt::Display for LineageBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found } => write!(
                f,
                "the lineage is of version {found}, and only {VERSION} is known here"
            ),
            Self::Truncated => f.write_str("the lineage ends in the middle"),
            Self::TooMany { count } => write!(
                f,
                "the lineage comes from {count} others, and none comes from more than {}",
                Lineage::MAX_ORIGINS
            ),
            Self::NotALineage => {
                f.write_str("the lineage is not written the way that lineages are")
            }
        }
    }
}

impl core::error::Error for LineageBytesError {}
