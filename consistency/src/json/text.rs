//! Bytes in JSON.

use alloc::string::String;
use core::fmt;

use bytes::Bytes;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;

const KEY: &str = "base64url";

/// Bytes in JSON: a string when they are UTF-8, else `{"base64url":"..."}`.
pub struct Text(pub Bytes);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = core::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut text = String::new();
        base64url::encode(&self.0, &mut text);
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(KEY, &text)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a string, or {{\"{KEY}\":\"...\"}} for bytes that are not UTF-8"
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let Some((key, text)) = map.next_entry::<String, String>()? else {
            return Err(A::Error::missing_field(KEY));
        };
        if key != KEY {
            return Err(A::Error::unknown_field(&key, &[KEY]));
        }
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("nothing else may stand beside base64url"));
        }
        let bytes = base64url::decode(&text).map_err(|position| {
            A::Error::custom(format_args!(
                "character {position} is not what base64url without padding has there"
            ))
        })?;
        Ok(Text(Bytes::from(bytes)))
    }
}

/// A field that may be null, but not left out.
pub(super) fn nullable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Text>, D::Error> {
    Option::deserialize(deserializer)
}
