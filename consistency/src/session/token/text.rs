//! A token as the value of a header: the version, a dot, and the rest of its bytes in base64url without
//! padding (RFC 4648, section 5).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{Token, TokenError};
use crate::base64url;
use crate::level::excerpt;

pub(super) const PREFIX: &str = "2.";

impl Token {
    /// The longest text of a token, in bytes. Longer ones are refused unread.
    pub const MAX_TEXT_BYTES: usize = Self::text_bytes(Self::MAX_BYTES);

    /// How long the text is of a token of so many bytes.
    pub(super) const fn text_bytes(bytes: usize) -> usize {
        PREFIX.len() + base64url::encoded_len(bytes.saturating_sub(1))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = Vec::new();
        self.put_body(&mut body);
        let mut text = String::from(PREFIX);
        base64url::encode(&body, &mut text);
        f.write_str(&text)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(TokenError::TooLong {
                bytes: text.len(),
                limit: Self::MAX_TEXT_BYTES,
            });
        }
        let Some(body) = text.strip_prefix(PREFIX) else {
            return Err(other_version(text));
        };
        if body.contains('.') {
            return Err(TokenError::Sealed);
        }
        Self::take_body(&decode(body, PREFIX.len())?)
    }
}

pub(super) fn other_version(text: &str) -> TokenError {
    TokenError::Version {
        found: excerpt(text.split_once('.').map_or(text, |(version, _)| version)),
    }
}

/// The bytes of a part of the text that begins at `start`.
pub(super) fn decode(part: &str, start: usize) -> Result<Vec<u8>, TokenError> {
    base64url::decode(part).map_err(|position| TokenError::Character {
        position: start.saturating_add(position),
    })
}

#[cfg(feature = "serde")]
mod as_text {
    use super::Token;

    impl serde::Serialize for Token {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for Token {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}
