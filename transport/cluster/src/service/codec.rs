//! Little-endian fields with their lengths checked before anything is allocated.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Why bytes are not a command, an outcome or a snapshot.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end before the value does.
    #[error("the bytes end early: the next field needs {needed} bytes, {left} are left")]
    Truncated {
        /// How many bytes the next field needs.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// Bytes are left over.
    #[error("{left} bytes are left over after the value")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// It was written by a version that is not understood here.
    #[error("version {found} is not understood; the newest here is {newest}")]
    Version {
        /// The version that was found.
        found: u8,
        /// The newest that is understood.
        newest: u8,
    },
    /// A field holds what it may not hold.
    #[error("{what}")]
    Invalid {
        /// Which field, and what it may hold.
        what: String,
    },
}

impl CodecError {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}

/// Takes fields off the front of some bytes.
pub(super) struct Reader {
    left: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: &Bytes) -> Self {
        Self {
            left: bytes.clone(),
        }
    }

    fn need(&self, needed: usize) -> Result<(), CodecError> {
        let left = self.left.len();
        if left < needed {
            return Err(CodecError::Truncated { needed, left });
        }
        Ok(())
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.need(1)?;
        Ok(self.left.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.need(2)?;
        Ok(self.left.get_u16_le())
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.need(4)?;
        Ok(self.left.get_u32_le())
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.need(8)?;
        Ok(self.left.get_u64_le())
    }

    pub(super) fn i64(&mut self) -> Result<i64, CodecError> {
        self.need(8)?;
        Ok(self.left.get_i64_le())
    }

    /// A text with a length of two bytes in front.
    pub(super) fn text(&mut self, what: &str, limit: usize) -> Result<String, CodecError> {
        let length = usize::from(self.u16()?);
        if length > limit {
            return Err(CodecError::invalid(format!(
                "{what} has {length} bytes, and may have {limit}"
            )));
        }
        self.need(length)?;
        String::from_utf8(self.left.split_to(length).to_vec())
            .map_err(|_| CodecError::invalid(format!("{what} is not UTF-8")))
    }

    /// Bytes with a length of four bytes in front. A slice, not a copy.
    pub(super) fn bytes(&mut self, what: &str, limit: usize) -> Result<Bytes, CodecError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if length > limit {
            return Err(CodecError::invalid(format!(
                "{what} has {length} bytes, and may have {limit}"
            )));
        }
        self.need(length)?;
        Ok(self.left.split_to(length))
    }

    /// What is left, without taking it.
    pub(super) fn rest(&self) -> &Bytes {
        &self.left
    }

    pub(super) fn finish(self) -> Result<(), CodecError> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(CodecError::Trailing { left }),
        }
    }
}

/// Appends a text with a length of two bytes in front. Longer texts than that length can tell are
/// cut, which the limits of every text make impossible.
pub(super) fn put_text(out: &mut BytesMut, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.put_u16_le(length);
    out.put_slice(&text.as_bytes()[..usize::from(length)]);
}

/// Appends bytes with a length of four bytes in front.
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.put_u32_le(length);
    out.put_slice(&bytes[..length as usize]);
}
