//! Why a file cannot be read.

use alloc::string::String;
use core::fmt;
use std::io;

/// Where something stands in a file, counted from 1. Columns are bytes.
///
/// ```
/// use quorate_consistency::formats::Place;
///
/// assert_eq!(Place { line: 3, column: 7 }.to_string(), "line 3, column 7");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The byte in the line.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a file is not a history.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormatError {
    /// The reader failed.
    Io {
        /// Where it was.
        place: Place,
        /// What it said.
        error: io::Error,
    },
    /// The text is not what the format has there.
    Syntax {
        /// Where.
        place: Place,
        /// What was found.
        found: String,
        /// What the format has there.
        expected: &'static str,
    },
    /// A line or an event is longer than the limit.
    TooLong {
        /// Where it goes beyond.
        place: Place,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Values are nested deeper than the limit.
    TooDeep {
        /// Where.
        place: Place,
        /// The limit.
        limit: usize,
    },
    /// There are more events than the limit.
    TooMany {
        /// Where the first one is that is too many.
        place: Place,
        /// The limit.
        limit: usize,
    },
    /// What is told there makes no sense to the model, or after what was told before.
    Meaningless {
        /// Where.
        place: Place,
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { place, error } => write!(f, "{place}: cannot be read: {error}"),
            Self::Syntax {
                place,
                found,
                expected,
            } => write!(f, "{place}: found {found} where there should be {expected}"),
            Self::TooLong { place, limit } => write!(
                f,
                "{place}: a line or event of more than {limit} bytes; raise the limit if values are \
                 meant to be that long"
            ),
            Self::TooDeep { place, limit } => write!(
                f,
                "{place}: values nested more than {limit} deep; raise the limit if they are meant to be"
            ),
            Self::TooMany { place, limit } => write!(
                f,
                "{place}: one event more than {limit}; raise the limit, or check the history in parts"
            ),
            Self::Meaningless { place, reason } => write!(f, "{place}: {reason}"),
        }
    }
}

impl core::error::Error for FormatError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
