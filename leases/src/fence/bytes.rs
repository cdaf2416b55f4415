//! Fences, marks and receipts as bytes.
//!
//! All numbers are little-endian. Equal values have equal bytes, and no other bytes are accepted: a
//! mark that was cut off, or belongs to something else, is an error and not a fence that lets more in.
//!
//! ```text
//! fence:          version u8 = 1 | newest writer u64 | newest reader u64, 0 unless newer
//! strict fence:   version u8 = 1 | token u64 | incarnation u64 | operation u64
//! receipt:        version u8 = 1 | resource u64 | token u64 | shared u8 | newest before u64
//! ```

use core::fmt;

use quorate_clocks::Incarnation;

use super::{Fence, Operation, Raised, ResourceId, StrictFence};
use crate::{FencingToken, Mode};

const VERSION: u8 = 1;

impl Fence {
    /// How many bytes a fence takes.
    pub const BYTES: usize = 17;

    /// The mark, to be saved with the guarded data. Equal fences have equal bytes, and the layout is stable
    /// within its version, which is the first byte.
    ///
    /// ```
    /// use quorate_leases::{Fence, FencingToken};
    ///
    /// let bytes = Fence::restore(FencingToken(34)).to_bytes();
    /// assert_eq!(bytes, *b"\x01\x22\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    /// ```
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [VERSION; Self::BYTES];
        put(&mut bytes, 1, &self.exclusive.0.to_le_bytes());
        put(&mut bytes, 9, &self.shared.0.to_le_bytes());
        bytes
    }

    /// The fence that was saved.
    ///
    /// # Errors
    ///
    /// [`FenceBytesError`] when no fence has these bytes. Do not go on with an empty one: admit nobody
    /// until the mark is found, or ask the grantor for the newest token that it has ever given and
    /// [restore](Self::restore) that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FenceBytesError> {
        let mut reader = Reader::new(bytes)?;
        let fence = reader.fence()?;
        reader.end()?;
        Ok(fence)
    }
}

impl StrictFence {
    /// How many bytes a strict fence takes.
    pub const BYTES: usize = 25;

    /// As [`Fence::to_bytes`].
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [VERSION; Self::BYTES];
        put(&mut bytes, 1, &self.token.0.to_le_bytes());
        put(&mut bytes, 9, &self.last.incarnation.0.to_le_bytes());
        put(&mut bytes, 17, &self.last.number.to_le_bytes());
        bytes
    }

    /// As [`Fence::from_bytes`].
    ///
    /// # Errors
    ///
    /// [`FenceBytesError`] when no strict fence has these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FenceBytesError> {
        let mut reader = Reader::new(bytes)?;
        let token = FencingToken(reader.u64()?);
        let last = Operation {
            incarnation: Incarnation(reader.u64()?),
            number: reader.u64()?,
        };
        reader.end()?;
        let fence = Self { token, last };
        if token == FencingToken::NONE && fence != Self::new() {
            return Err(FenceBytesError::Impossible {
                what: "an operation without a holder",
            });
        }
        Ok(fence)
    }
}

impl Raised {
    /// How many bytes a receipt takes.
    pub const BYTES: usize = 26;

    /// The receipt, to be sent to the holder.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [VERSION; Self::BYTES];
        put(&mut bytes, 1, &self.resource().0.to_le_bytes());
        put(&mut bytes, 9, &self.token().0.to_le_bytes());
        let shared = u8::from(self.mode() == Mode::Shared);
        put(&mut bytes, 17, &[shared]);
        put(&mut bytes, 18, &self.newest_before().0.to_le_bytes());
        bytes
    }

    /// The receipt that a resource has sent.
    ///
    /// The bytes are believed: whoever can forge an answer of the resource can also answer the write
    /// that follows. That they came from the resource is for the connection to tell.
    ///
    /// # Errors
    ///
    /// [`FenceBytesError`] when no receipt has these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FenceBytesError> {
        let mut reader = Reader::new(bytes)?;
        let resource = ResourceId(reader.u64()?);
        let token = FencingToken(reader.u64()?);
        let mode = match reader.array()? {
            [0] => Mode::Exclusive,
            [1] => Mode::Shared,
            [_] => {
                return Err(FenceBytesError::Impossible {
                    what: "a mode that is neither exclusive nor shared",
                });
            }
        };
        let before = FencingToken(reader.u64()?);
        reader.end()?;
        if token == FencingToken::NONE || (mode == Mode::Exclusive && before > token) {
            return Err(FenceBytesError::Impossible {
                what: "a receipt for a token that does not pass",
            });
        }
        Ok(Self::by_a_fence(resource, token, mode, before))
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(value) {
        *place = *byte;
    }
}

/// Reads what is written here, from bytes that may be anything.
pub(super) struct Reader<'a> {
    left: &'a [u8],
    expected: usize,
}

impl<'a> Reader<'a> {
    /// What follows the version.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, FenceBytesError> {
        let mut reader = Self {
            left: bytes,
            expected: 0,
        };
        match reader.array()? {
            [VERSION] => Ok(reader),
            [version] => Err(FenceBytesError::UnknownVersion {
                version,
                newest: VERSION,
            }),
        }
    }

    pub(super) fn fence(&mut self) -> Result<Fence, FenceBytesError> {
        let exclusive = FencingToken(self.u64()?);
        let shared = FencingToken(self.u64()?);
        let fence = Fence::of(exclusive, shared);
        if fence.shared != shared {
            return Err(FenceBytesError::Impossible {
                what: "a reader that is not newer than the writer",
            });
        }
        Ok(fence)
    }

    pub(super) fn u64(&mut self) -> Result<u64, FenceBytesError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FenceBytesError> {
        self.expected = self.expected.saturating_add(N);
        match self.left.split_first_chunk() {
            Some((array, left)) => {
                self.left = left;
                Ok(*array)
            }
            None => Err(self.truncated()),
        }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], FenceBytesError> {
        self.expected = self.expected.saturating_add(length);
        match self.left.split_at_checked(length) {
            Some((bytes, left)) => {
                self.left = left;
                Ok(bytes)
            }
            None => Err(self.truncated()),
        }
    }

    pub(super) fn end(self) -> Result<(), FenceBytesError> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(FenceBytesError::Trailing { left }),
        }
    }

    const fn truncated(&self) -> FenceBytesError {
        FenceBytesError::Truncated {
            least: self.expected,
        }
    }
}

/// Bytes that are not what they are taken for.
///
/// ```
/// use quorate_leases::Fence;
///
/// assert_eq!(
///     Fence::from_bytes(b"").unwrap_err().to_string(),
///     "the bytes end before byte 1: the mark was cut off, admit nobody until it is found",
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FenceBytesError {
    /// They were written by a later version, or are something else.
    UnknownVersion {
        /// The first byte.
        version: u8,
        /// The newest version that is known here.
        newest: u8,
    },
    /// They end too early.
    Truncated {
        /// So many are needed at least.
        least: usize,
    },
    /// More follows.
    Trailing {
        /// So many bytes.
        left: usize,
    },
    /// Nothing that could be written has these bytes.
    Impossible {
        /// What they say.
        what: &'static str,
    },
}

impl fmt::Display for FenceBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { version, newest } => write!(
                f,
                "version {version} is not known, the newest here is {newest}: use the release that wrote it"
            ),
            Self::Truncated { least } => write!(
                f,
                "the bytes end before byte {least}: the mark was cut off, admit nobody until it is found"
            ),
            Self::Trailing { left } => write!(
                f,
                "{left} bytes follow where nothing should: this is not what was written"
            ),
            Self::Impossible { what } => {
                write!(f, "the bytes say {what}: this is not what was written")
            }
        }
    }
}

impl core::error::Error for FenceBytesError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Other machines and later releases read these.
    #[test]
    fn golden_bytes() {
        let mut fence = Fence::restore(FencingToken(0x0102));
        fence
            .raise_as(FencingToken(0x0304), Mode::Shared)
            .expect("it is newer");
        assert_eq!(
            fence.to_bytes(),
            *b"\x01\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0"
        );
        let receipt = fence
            .raise_at(ResourceId(7), FencingToken(0x0305), Mode::Shared)
            .expect("it is newer");
        assert_eq!(
            receipt.to_bytes(),
            *b"\x01\x07\0\0\0\0\0\0\0\x05\x03\0\0\0\0\0\0\x01\x04\x03\0\0\0\0\0\0"
        );
        let mut strict = StrictFence::new();
        let operation = Operation {
            incarnation: Incarnation(2),
            number: 3,
        };
        strict
            .check_and_raise(FencingToken(1), operation)
            .expect("it is new");
        assert_eq!(
            strict.to_bytes(),
            *b"\x01\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"
        );
    }

    #[test]
    fn what_is_cut_off_longer_or_of_another_version_is_no_fence() {
        let bytes = Fence::restore(FencingToken(34)).to_bytes();
        for length in 0..bytes.len() {
            assert!(matches!(
                Fence::from_bytes(&bytes[..length]),
                Err(FenceBytesError::Truncated { .. })
            ));
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(
            Fence::from_bytes(&longer),
            Err(FenceBytesError::Trailing { left: 1 })
        );
        let mut later = bytes;
        later[0] = 2;
        let unknown = FenceBytesError::UnknownVersion {
            version: 2,
            newest: 1,
        };
        assert_eq!(Fence::from_bytes(&later), Err(unknown));
    }

    proptest! {
        /// What is accepted is written the same: no two bytes mean the same.
        #[test]
        fn bytes_are_canonical(bytes in prop::collection::vec(0..3_u8, 15..29)) {
            if let Ok(fence) = Fence::from_bytes(&bytes) {
                prop_assert_eq!(&fence.to_bytes()[..], &bytes[..]);
            }
            if let Ok(fence) = StrictFence::from_bytes(&bytes) {
                prop_assert_eq!(&fence.to_bytes()[..], &bytes[..]);
            }
            if let Ok(receipt) = Raised::from_bytes(&bytes) {
                prop_assert_eq!(&receipt.to_bytes()[..], &bytes[..]);
            }
        }
    }
}
