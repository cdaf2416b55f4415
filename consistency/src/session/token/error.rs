//! What can be wrong with a token.

use alloc::string::{String, ToString};
use core::fmt;

use super::Token;
use crate::session::varint::VarintError;

/// Why this is not a [`Token`]. The session that it belongs to is unknown then: refuse the request, as to
/// serve it without a token could break what the session was promised.
///
/// ```
/// use quorate_consistency::session::{Token, TokenError};
///
/// assert_eq!("2.Ag".parse::<Token>(), Err(TokenError::Truncated));
/// let error = "1.AgAAExE".parse::<Token>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the session token is of version \"1\", and only 2 is known here; send back exactly what the last \
///      answer gave, or start a new session without one"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than any token.
    TooLong {
        /// How long, in bytes.
        bytes: usize,
        /// How long the longest is.
        limit: usize,
    },
    /// Not a version that is known here.
    Version {
        /// What stands there, cut to its first characters.
        found: String,
    },
    /// It is sealed, and has to be [opened](super::SealedToken::open).
    Sealed,
    /// A character that does not belong there.
    Character {
        /// Where, counted in bytes from 0.
        position: usize,
    },
    /// It ends in the middle.
    Truncated,
    /// More entries than a token keeps.
    TooManyEntries,
    /// No token is written that way.
    NotCanonical,
}

impl TokenError {
    pub(super) fn version(found: &u8) -> Self {
        Self::Version {
            found: found.to_string(),
        }
    }
}

impl From<VarintError> for TokenError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::NotShortest => Self::NotCanonical,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, limit } => write!(
                f,
                "the session token has {bytes} bytes, and none has more than {limit}"
            )?,
            Self::Version { found } => write!(
                f,
                "the session token is of version {found:?}, and only 2 is known here"
            )?,
            Self::Sealed => f.write_str("the session token is sealed, and was not opened")?,
            Self::Character { position } => write!(
                f,
                "byte {position} of the session token is not what base64url without padding has there"
            )?,
            Self::Truncated => f.write_str("the session token ends in the middle")?,
            Self::TooManyEntries => write!(
                f,
                "the session token has more than {} entries",
                Token::MAX_ENTRIES
            )?,
            Self::NotCanonical => {
                f.write_str("the session token is not written the way that tokens are")?;
            }
        }
        f.write_str(
            "; send back exactly what the last answer gave, or start a new session without one",
        )
    }
}

impl core::error::Error for TokenError {}

/// Two tokens together would have too many entries, and have not been merged.
///
/// ```
/// use quorate_consistency::session::{Session, Token};
///
/// let (mut ours, mut theirs) = (Session::default(), Session::default());
/// for shard in 0..600 {
///     ours.observe_read(2 * shard, 10);
///     theirs.observe_read(2 * shard + 1, 10);
/// }
/// let error = ours.merge(theirs.token()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the two session tokens together have 1201 entries, and a token keeps at most 1024: fit one of them \
///      into fewer bytes first"
/// );
/// let mut smaller = theirs.into_token();
/// assert!(!smaller.fit(64).is_nothing());
/// assert!(ours.merge(&smaller).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct MergeError {
    /// How many entries there would be.
    pub entries: usize,
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the two session tokens together have {} entries, and a token keeps at most {}: fit one of them \
             into fewer bytes first",
            self.entries,
            Token::MAX_ENTRIES
        )
    }
}

impl core::error::Error for MergeError {}
