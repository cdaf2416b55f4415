//! A window as bytes.

use alloc::vec::Vec;
use core::fmt;

use super::SequenceWindow;
use super::ring::Ring;

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4 + 8;

impl<const WORDS: usize> SequenceWindow<WORDS> {
    /// Its [bytes](Self#bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + 8 * WORDS);
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&(WORDS as u32).to_le_bytes());
        out.extend_from_slice(&self.ring.top.to_le_bytes());
        for word in self.ring.bits {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a window of this width.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WindowDecodeError> {
        let expected = HEADER + 8 * WORDS;
        let wrong_length = WindowDecodeError::WrongLength {
            len: bytes.len(),
            expected,
        };
        let Some((&version, rest)) = bytes.split_first() else {
            return Err(wrong_length);
        };
        if version != VERSION {
            return Err(WindowDecodeError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let Some((words, rest)) = rest.split_first_chunk() else {
            return Err(wrong_length);
        };
        let words = u32::from_le_bytes(*words);
        if words as usize != WORDS {
            return Err(WindowDecodeError::OtherWidth {
                width: u64::from(words) * 64,
                expected: Self::WIDTH,
            });
        }
        if bytes.len() != expected {
            return Err(wrong_length);
        }
        let Some((top, rest)) = rest.split_first_chunk() else {
            return Err(wrong_length);
        };
        let top = u64::from_le_bytes(*top);
        let mut bits = [0; WORDS];
        for (word, bytes) in bits.iter_mut().zip(rest.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        let first_top = Self::WIDTH - 1;
        if top < first_top {
            return Err(WindowDecodeError::TopTooLow { top, first_top });
        }
        let ring = Ring { top, bits };
        if top > first_top && !ring.view(Self::WIDTH).came(top) {
            return Err(WindowDecodeError::TopUnseen { top });
        }
        Ok(Self { ring })
    }
}

/// Why bytes are not those of a [`SequenceWindow`].
///
/// ```
/// use quorate_idempotency::{SequenceWindow, WindowDecodeError};
///
/// let narrow = SequenceWindow::<1>::new().to_bytes();
/// let error = SequenceWindow::<2>::from_bytes(&narrow).unwrap_err();
/// assert_eq!(error, WindowDecodeError::OtherWidth { width: 64, expected: 128 });
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WindowDecodeError {
    /// The version is not spoken here.
    UnknownVersion {
        /// The version that was found.
        version: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// They are of a window of another width.
    OtherWidth {
        /// Its width in numbers.
        width: u64,
        /// The width that is read.
        expected: u64,
    },
    /// They are too few or too many.
    WrongLength {
        /// How many there are.
        len: usize,
        /// How many a window of this width has.
        expected: usize,
    },
    /// The window covers numbers below 0.
    TopTooLow {
        /// The highest number that it covers.
        top: u64,
        /// The highest that an empty window covers.
        first_top: u64,
    },
    /// A window moves only to a number that came, and this one did not.
    TopUnseen {
        /// The highest number that the window covers.
        top: u64,
    },
}

impl fmt::Display for WindowDecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { version, newest } => write!(
                f,
                "the window has version {version}, and versions up to {newest} are understood"
            ),
            Self::OtherWidth { width, expected } => write!(
                f,
                "the window is {width} numbers wide, and is read as one of {expected}; read it with the width that wrote it"
            ),
            Self::WrongLength { len, expected } => {
                write!(f, "the window has {len} bytes, and must have {expected}")
            }
            Self::TopTooLow { top, first_top } => write!(
                f,
                "the window is damaged: it ends at {top}, and an empty one ends at {first_top}"
            ),
            Self::TopUnseen { top } => write!(
                f,
                "the window is damaged: it moved to {top}, which never came"
            ),
        }
    }
}

impl core::error::Error for WindowDecodeError {}
