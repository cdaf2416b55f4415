//! A token as the value of a header.
//!
//! `1.` and then, in base64url without padding (RFC 4648, section 5):
//!
//! | Field | Encoding | |
//! |---|---|---|
//! | count and flag | varint | shards × 2, plus 1 when shards were forgotten |
//! | per shard, ascending: | | |
//! | shard | varint | the first as it is, then the distance to the one before, minus 1 |
//! | epoch, read, written | varint each | not all zero |
//!
//! A varint is LEB128 in its shortest form. There is exactly one text for each token.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{Seen, SessionToken};
use crate::base64url;
use crate::level::excerpt;

/// The longest varint of a `u64`.
const VARINT_BYTES: usize = 10;
const PREFIX: &str = "1.";

impl SessionToken {
    /// The longest text of a token, in bytes. Longer ones are refused unread.
    pub const MAX_TEXT_BYTES: usize =
        PREFIX.len() + base64url::encoded_len(2 + Self::MAX_SHARDS * 4 * VARINT_BYTES);
}

impl fmt::Display for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        put_varint(
            &mut bytes,
            (self.shards.len() as u64) << 1 | u64::from(self.forgot),
        );
        let mut next = 0_u64;
        for (&shard, seen) in &self.shards {
            put_varint(&mut bytes, shard.wrapping_sub(next));
            put_varint(&mut bytes, seen.epoch);
            put_varint(&mut bytes, seen.read);
            put_varint(&mut bytes, seen.written);
            // Wraps only after the highest shard there is, which is the last.
            next = shard.wrapping_add(1);
        }
        let mut text = String::from(PREFIX);
        base64url::encode(&bytes, &mut text);
        f.write_str(&text)
    }
}

impl FromStr for SessionToken {
    type Err = TokenParseError;

    fn from_str(text: &str) -> Result<Self, TokenParseError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(TokenParseError::TooLong { bytes: text.len() });
        }
        let Some(body) = text.strip_prefix(PREFIX) else {
            return Err(TokenParseError::Version {
                found: excerpt(text.split_once('.').map_or(text, |(version, _)| version)),
            });
        };
        let bytes = base64url::decode(body).map_err(|position| TokenParseError::Character {
            position: PREFIX.len() + position,
        })?;
        let mut bytes = bytes.as_slice();
        let head = take_varint(&mut bytes)?;
        let (count, forgot) = (head >> 1, head & 1 == 1);
        if count > Self::MAX_SHARDS as u64 {
            return Err(TokenParseError::TooManyShards { shards: count });
        }
        // Only a full token has had to forget.
        if forgot && count < Self::MAX_SHARDS as u64 {
            return Err(TokenParseError::NotCanonical);
        }
        let mut token = Self {
            forgot,
            ..Self::default()
        };
        let mut next = Some(0_u64);
        for _ in 0..count {
            let distance = take_varint(&mut bytes)?;
            let shard = next
                .and_then(|next| next.checked_add(distance))
                .ok_or(TokenParseError::NotCanonical)?;
            let seen = Seen {
                epoch: take_varint(&mut bytes)?,
                read: take_varint(&mut bytes)?,
                written: take_varint(&mut bytes)?,
            };
            if seen == Seen::default() {
                return Err(TokenParseError::NotCanonical);
            }
            token.shards.insert(shard, seen);
            next = shard.checked_add(1);
        }
        if !bytes.is_empty() {
            return Err(TokenParseError::NotCanonical);
        }
        Ok(token)
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, TokenParseError> {
    let mut number = 0_u64;
    for at in 0..VARINT_BYTES as u32 {
        let (&byte, rest) = bytes.split_first().ok_or(TokenParseError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7F);
        // The tenth byte has room for one bit, and a last byte of zero adds nothing.
        if (at == 9 && bits > 1) || (at > 0 && byte == 0) {
            return Err(TokenParseError::NotCanonical);
        }
        number |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(TokenParseError::NotCanonical)
}

/// Why a text is not a [`SessionToken`]. The session it belongs to is unknown then: refuse the
/// request, as serving it without a token could break the guarantees.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenParseError {
    /// Longer than any token.
    TooLong {
        /// How long, in bytes.
        bytes: usize,
    },
    /// Not a version that is known here.
    Version {
        /// What stands before the first dot, cut to its first characters.
        found: String,
    },
    /// A character that does not belong there.
    Character {
        /// Where, counted in bytes from 0.
        position: usize,
    },
    /// It ends in the middle.
    Truncated,
    /// More shards than a token tells apart.
    TooManyShards {
        /// How many.
        shards: u64,
    },
    /// No token is written that way.
    NotCanonical,
}

impl fmt::Display for TokenParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                f,
                "the session token has {bytes} bytes, and none has more than {}",
                SessionToken::MAX_TEXT_BYTES
            )?,
            Self::Version { found } => write!(
                f,
                "the session token begins with {found:?}, and only version 1 is known: {PREFIX:?}"
            )?,
            Self::Character { position } => write!(
                f,
                "byte {position} of the session token is not what base64url without padding has there"
            )?,
            Self::Truncated => f.write_str("the session token ends in the middle")?,
            Self::TooManyShards { shards } => write!(
                f,
                "the session token has {shards} shards, and none has more than {}",
                SessionToken::MAX_SHARDS
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

impl core::error::Error for TokenParseError {}

#[cfg(feature = "serde")]
mod as_text {
    use super::SessionToken;

    impl serde::Serialize for SessionToken {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for SessionToken {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn golden_texts() {
        let mut token = SessionToken::new();
        assert_eq!(token.to_string(), "1.AA");
        token.observe_write(0, 17);
        token.observe_read(0, 19);
        assert_eq!(token.to_string(), "1.AgAAExE");
        token.observe_write_at(
            u64::MAX,
            Position {
                epoch: 1,
                index: 300,
            },
        );
        assert_eq!(token.to_string(), "1.BAAAExH-__________8BAQCsAg");
    }

    #[test]
    fn the_longest_token_fits_its_bound_exactly() {
        let mut token = SessionToken::new();
        for shard in 0..=SessionToken::MAX_SHARDS as u64 {
            let position = Position {
                epoch: u64::MAX,
                index: u64::MAX,
            };
            token.observe_read_at(u64::MAX - shard, position);
            token.observe_write_at(u64::MAX - shard, position);
        }
        let text = token.to_string();
        assert!(text.len() <= SessionToken::MAX_TEXT_BYTES);
        assert_eq!(text.parse(), Ok(token));
        let long = "1".repeat(SessionToken::MAX_TEXT_BYTES + 1);
        assert!(matches!(
            long.parse::<SessionToken>(),
            Err(TokenParseError::TooLong { .. })
        ));
    }

    #[test]
    fn what_no_server_sent_is_refused() {
        for (text, error) in [
            ("", TokenParseError::Version { found: "".into() }),
            ("2.AA", TokenParseError::Version { found: "2".into() }),
            ("1.", TokenParseError::Truncated),
            ("1.AgAAEw", TokenParseError::Truncated),
            ("1.AgAA*xE", TokenParseError::Character { position: 6 }),
            ("1.AAA", TokenParseError::NotCanonical),
            ("1.AgAAAAA", TokenParseError::NotCanonical),
            ("1.AwAAExE", TokenParseError::NotCanonical),
            // The zero of the shard in two bytes.
            ("1.AoAAABMR", TokenParseError::NotCanonical),
            ("1.ggE", TokenParseError::TooManyShards { shards: 65 }),
        ] {
            assert_eq!(text.parse::<SessionToken>(), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_the_only_one_of_its_token(
            text in prop_oneof![
                "\\PC{0,60}",
                "1\\.[A-Za-z0-9_-]{0,40}",
                "1\\.[A-D][A-H]A{0,3}[A-Za-z0-9_-]{0,10}",
            ],
        ) {
            if let Ok(token) = text.parse::<SessionToken>() {
                prop_assert_eq!(token.to_string(), text);
            }
        }

        #[test]
        fn every_token_survives_its_text(
            seen in prop::collection::vec((any::<u64>(), 0..9_u64, any::<u64>(), any::<u64>()), 0..80),
        ) {
            let mut token = SessionToken::new();
            for (shard, epoch, read, written) in seen {
                token.observe_read_at(shard, Position { epoch, index: read });
                token.observe_write_at(shard, Position { epoch, index: written });
            }
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }
    }
}
