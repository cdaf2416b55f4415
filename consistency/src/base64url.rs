//! Bytes as text: base64 with the URL-safe alphabet and no padding (RFC 4648, section 5).

use alloc::string::String;
use alloc::vec::Vec;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many characters `bytes` bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes / 3 * 4 + (bytes % 3 * 4).div_ceil(3)
}

pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    out.reserve(encoded_len(bytes.len()));
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | group.get(at).copied().map_or(0, u32::from);
        }
        for at in 0..=group.len() {
            let six = (bits >> (18 - 6 * at)) & 63;
            out.push(char::from(
                ALPHABET.get(six as usize).copied().unwrap_or(b'A'),
            ));
        }
    }
}

/// The bytes, or the position of the first character that no encoder would have written.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let text = text.as_bytes();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut start = 0;
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let six = match group.get(at) {
                Some(&byte) => value(byte).ok_or(start + at)?,
                None => 0,
            };
            bits = bits << 6 | six;
        }
        let [_, first, second, third] = bits.to_be_bytes();
        // A group of one character holds no whole byte, and the bits of the last character that
        // belong to no byte are zero: else two texts would mean the same bytes.
        let (bytes, unused): (&[u8], u32) = match group.len() {
            4 => (&[first, second, third], 0),
            3 => (&[first, second], bits & 0xFF),
            2 => (&[first], bits & 0xFFFF),
            _ => return Err(start),
        };
        if unused != 0 {
            return Err(start + group.len() - 1);
        }
        out.extend_from_slice(bytes);
        start += group.len();
    }
    Ok(out)
}

fn value(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vectors_of_rfc_4648_section_10_without_padding() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xFB, 0xFF], "-_8"),
        ] {
            let mut out = String::new();
            encode(bytes, &mut out);
            assert_eq!(out, text);
            assert_eq!(out.len(), encoded_len(bytes.len()));
            assert_eq!(decode(text).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn what_no_encoder_writes_is_refused_where_it_stands() {
        assert_eq!(decode("Zg=="), Err(2));
        assert_eq!(decode("Zh"), Err(1));
        assert_eq!(decode("Zm9vA"), Err(4));
        assert_eq!(decode("Zm+v"), Err(2));
    }

    proptest! {
        #[test]
        fn one_text_per_bytes_and_the_other_way_round(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            text in "[A-Za-z0-9_-]{0,12}",
        ) {
            let mut encoded = String::new();
            encode(&bytes, &mut encoded);
            prop_assert_eq!(decode(&encoded), Ok(bytes));
            if let Ok(bytes) = decode(&text) {
                let mut again = String::new();
                encode(&bytes, &mut again);
                prop_assert_eq!(again, text);
            }
        }
    }
}
