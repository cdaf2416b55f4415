//! Tokens that nobody can forge.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::bytes::VERSION;
use super::text::{PREFIX, decode, other_version};
use super::{Token, TokenError};
use crate::base64url;
use crate::session::plant::{Plant, planted};

/// Makes and checks the tags by which a service knows the tokens that it gave out: a message authentication
/// code over the token's canonical bytes, such as HMAC-SHA-256 of a crate that you trust.
///
/// Nothing here is cryptography. Whoever implements it takes care of three things:
///
/// - [`verify`](Self::verify) **compares in constant time**, as the code's own crate does in its `verify`
///   method. One that returns at the first byte that differs tells a forger how far it got.
/// - The key can be changed: begin the tag with a byte that says which key it is.
/// - What a token must not be moved to is in what the code covers, such as the name of the user.
///
/// There is an example in [`SealedToken`].
pub trait Seal {
    /// The bytes of a tag: at most [`SealedToken::MAX_TAG_BYTES`].
    type Tag: AsRef<[u8]>;

    /// The tag of these bytes.
    fn tag(&self, bytes: &[u8]) -> Self::Tag;

    /// Whether this is the tag of these bytes, in a time that does not depend on where it differs.
    fn verify(&self, bytes: &[u8], tag: &[u8]) -> bool;
}

/// A token with a tag that its service made, on its way through hands that are not trusted.
///
/// Sessions wait for what a token asks for. If clients can be the enemy, and what they would make wait is
/// not theirs, seal what is given out and open what comes back.
///
/// ```
/// use quorate_consistency::session::{OpenError, Seal, SealedToken, Session};
///
/// /// Stands for a real code; anybody can compute this one.
/// struct Sum(u8);
///
/// impl Seal for Sum {
///     type Tag = [u8; 1];
///     fn tag(&self, bytes: &[u8]) -> [u8; 1] {
///         [bytes.iter().fold(self.0, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte))]
///     }
///     fn verify(&self, bytes: &[u8], tag: &[u8]) -> bool {
///         tag == self.tag(bytes) // A real one compares in constant time.
///     }
/// }
///
/// let mut session = Session::default();
/// session.observe_write(0, 17);
/// let header = SealedToken::seal(session.token(), &Sum(7))?.to_string();
/// assert_eq!(header, "2.AgAEAAIi.tQ");
///
/// let arrived: SealedToken = header.parse()?;
/// assert_eq!(arrived.open(&Sum(7)).as_ref(), Ok(session.token()));
/// assert_eq!(arrived.open(&Sum(8)), Err(OpenError::Forged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SealedToken {
    /// What the tag covers: a token's bytes if it is not forged.
    bytes: Vec<u8>,
    tag: Vec<u8>,
}

impl SealedToken {
    /// The longest tag.
    pub const MAX_TAG_BYTES: usize = 64;
    /// The longest text.
    pub const MAX_TEXT_BYTES: usize =
        Token::MAX_TEXT_BYTES + 1 + base64url::encoded_len(Self::MAX_TAG_BYTES);

    /// Adds a tag.
    ///
    /// # Errors
    ///
    /// When the tag is empty, or too long.
    pub fn seal<S: Seal>(token: &Token, seal: &S) -> Result<Self, TagError> {
        let bytes = token.to_bytes();
        let tag = seal.tag(&bytes).as_ref().to_vec();
        if tag.is_empty() || tag.len() > Self::MAX_TAG_BYTES {
            return Err(TagError { bytes: tag.len() });
        }
        Ok(Self { bytes, tag })
    }

    /// The token, if the tag is right. The bytes are not looked at before.
    ///
    /// # Errors
    ///
    /// When it is wrong, or right of something that is no token.
    pub fn open<S: Seal>(&self, seal: &S) -> Result<Token, OpenError> {
        if !seal.verify(&self.bytes, &self.tag) && !planted(Plant::TagsUnchecked) {
            return Err(OpenError::Forged);
        }
        Token::from_bytes(&self.bytes).map_err(OpenError::Token)
    }
}

impl fmt::Display for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::from(PREFIX);
        let body = self.bytes.split_first().map_or(&[][..], |(_, body)| body);
        base64url::encode(body, &mut text);
        text.push('.');
        base64url::encode(&self.tag, &mut text);
        f.write_str(&text)
    }
}

/// Only the form is checked. Nothing of it can be trusted before it is [opened](Self::open).
impl FromStr for SealedToken {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(OpenError::Token(TokenError::TooLong {
                bytes: text.len(),
                limit: Self::MAX_TEXT_BYTES,
            }));
        }
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return Err(OpenError::Token(other_version(text)));
        };
        let (body, tag) = rest.split_once('.').ok_or(OpenError::NotSealed)?;
        let tag_at = PREFIX.len().saturating_add(body.len()).saturating_add(1);
        let mut bytes = Vec::with_capacity(body.len());
        bytes.push(VERSION);
        bytes.extend(decode(body, PREFIX.len()).map_err(OpenError::Token)?);
        let tag = decode(tag, tag_at).map_err(OpenError::Token)?;
        if tag.is_empty() || tag.len() > Self::MAX_TAG_BYTES {
            return Err(OpenError::Forged);
        }
        Ok(Self { bytes, tag })
    }
}

/// A [`Seal`] made a tag that cannot be sent.
///
/// ```
/// use quorate_consistency::session::TagError;
///
/// assert_eq!(
///     TagError { bytes: 65 }.to_string(),
///     "the tag of a session token has 65 bytes: make one of 1 to 64"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TagError {
    /// How long it is.
    pub bytes: usize,
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the tag of a session token has {} bytes: make one of 1 to {}",
            self.bytes,
            SealedToken::MAX_TAG_BYTES
        )
    }
}

impl core::error::Error for TagError {}

/// Why a sealed token could not be read or opened.
///
/// ```
/// use quorate_consistency::session::{OpenError, SealedToken};
///
/// assert_eq!("2.AgAEAAIi".parse::<SealedToken>(), Err(OpenError::NotSealed));
/// assert_eq!(
///     OpenError::NotSealed.to_string(),
///     "the session token has no tag, and one without is not accepted here; start a new session without one"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// It has no tag.
    NotSealed,
    /// The tag is not that of the token: it was changed on the way, or the key is another now.
    Forged,
    /// It is no token.
    Token(TokenError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => f.write_str(
                "the session token has no tag, and one without is not accepted here; start a new session \
                 without one",
            ),
            Self::Forged => f.write_str(
                "the tag of the session token is not the one that was given out with it; send back exactly \
                 what the last answer gave, or start a new session without one",
            ),
            Self::Token(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}
