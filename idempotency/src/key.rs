//! The name that a client gives to a request, so that a retry is known as one.

use alloc::string::String;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::time::Duration;

use crate::fingerprint::first_half;

/// The name of a request: a scope that the server knows, and a name that the client chose.
///
/// The scope is who may use the name, a tenant or a tenant's operation, and comes from what the
/// server has authenticated, never from the client's header. Two scopes never share a key, however
/// their texts would run together: `"a"` + `"bc"` and `"ab"` + `"c"` differ.
///
/// The name is 1 to 255 bytes of visible ASCII, `!` to `~`. The scope is 0 to 255 bytes of printable
/// ASCII, visible or space. A clone shares its text.
///
/// ```
/// use quorate_idempotency::Key;
///
/// let key = Key::new("tenant-7", "8e03978e-40d5-43dd-bc93-6894a57f9324")?;
/// assert_eq!(key.scope(), "tenant-7");
/// // The `Idempotency-Key` header is a quoted string; many clients send it bare.
/// let quoted = Key::parse_header("tenant-7", b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")?;
/// let bare = Key::parse_header("tenant-7", b"8e03978e-40d5-43dd-bc93-6894a57f9324")?;
/// assert_eq!(key, quoted);
/// assert_eq!(key, bare);
/// # Ok::<(), quorate_idempotency::KeyError>(())
/// ```
#[derive(Clone, Eq)]
pub struct Key {
    /// The scope and, right after it, the name.
    text: Arc<str>,
    scope_len: u8,
}

impl Key {
    /// The longest scope and the longest name, in bytes.
    pub const MAX_PART_BYTES: usize = 255;

    /// The key `name` in `scope`.
    ///
    /// # Errors
    ///
    /// When a part is too long, the name is empty, or a byte may not stand where it does.
    pub fn new(scope: &str, name: &str) -> Result<Self, KeyError> {
        let scope_len = check(Part::Scope, scope.as_bytes())?;
        check(Part::Name, name.as_bytes())?;
        let mut text = String::with_capacity(scope.len() + name.len());
        text.push_str(scope);
        text.push_str(name);
        Ok(Self {
            text: text.into(),
            scope_len,
        })
    }

    /// The key that an `Idempotency-Key` header names in `scope`.
    ///
    /// `value` is the header's value: a string in double quotes with `\"` and `\\` as its only
    /// escapes (RFC 8941 §3.3.3, as draft-ietf-httpapi-idempotency-key-header asks), or the name
    /// bare, as most clients send it. Spaces and tabs around it are ignored. A request with two
    /// such headers is malformed: [`parse_headers`](Self::parse_headers) sees that.
    ///
    /// # Errors
    ///
    /// As for [`Key::new`], and when the quotes are not closed, an escape is not one of the two, or
    /// something follows the closing quote: a parameter or a second value.
    pub fn parse_header(scope: &str, value: &[u8]) -> Result<Self, KeyError> {
        let value = value.trim_ascii();
        let Some(quoted) = value.strip_prefix(b"\"") else {
            // Outside of quotes these mean something to a list or to a parameter.
            if let Some(at) = value.iter().position(|byte| b"\",;\\".contains(byte)) {
                return Err(KeyError::Byte {
                    part: Part::Name,
                    at,
                    byte: value.get(at).copied().unwrap_or_default(),
                });
            }
            check(Part::Name, value)?;
            return Self::new(scope, core::str::from_utf8(value).unwrap_or_default());
        };
        let mut name = String::new();
        let mut bytes = quoted.iter().copied().enumerate();
        loop {
            let Some((at, byte)) = bytes.next() else {
                return Err(KeyError::Unclosed);
            };
            let plain = match byte {
                b'"' => break,
                b'\\' => match bytes.next() {
                    Some((_, escaped @ (b'"' | b'\\'))) => escaped,
                    Some((_, other)) => return Err(KeyError::Escape { at, byte: other }),
                    None => return Err(KeyError::Unclosed),
                },
                plain => plain,
            };
            if !Part::Name.allows(plain) {
                return Err(KeyError::Byte {
                    part: Part::Name,
                    at,
                    byte: plain,
                });
            }
            if name.len() == Self::MAX_PART_BYTES {
                return Err(KeyError::TooLong {
                    part: Part::Name,
                    len: quoted.len(),
                });
            }
            name.push(char::from(plain));
        }
        match bytes.next() {
            Some((at, _)) => Err(KeyError::Trailing {
                len: quoted.len() - at,
            }),
            None => Self::new(scope, &name),
        }
    }

    /// The key that the `Idempotency-Key` headers of a request name in `scope`, if it has one: all values of
    /// headers with that name.
    ///
    /// ```
    /// use quorate_idempotency::{Key, KeyError};
    ///
    /// assert_eq!(Key::parse_headers("tenant-7", []), Ok(None));
    /// assert!(Key::parse_headers("tenant-7", [&b"\"a\""[..]]).is_ok_and(|key| key.is_some()));
    /// // Which of two would be meant?
    /// let two = [&b"\"a\""[..], b"\"b\""];
    /// assert_eq!(Key::parse_headers("tenant-7", two), Err(KeyError::Several));
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Several`] when there is more than one, and as for [`parse_header`](Self::parse_header).
    pub fn parse_headers<'a>(
        scope: &str,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Self>, KeyError> {
        let mut values = values.into_iter();
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(KeyError::Several);
        }
        Self::parse_header(scope, first).map(Some)
    }

    /// Who may use the name.
    pub fn scope(&self) -> &str {
        self.text
            .get(..usize::from(self.scope_len))
            .unwrap_or_default()
    }

    /// What the client chose.
    pub fn name(&self) -> &str {
        self.text
            .get(usize::from(self.scope_len)..)
            .unwrap_or_default()
    }

    /// A key for a call that this request makes elsewhere, at a step of its work: the same in every
    /// attempt, so that the service there recognises the second one.
    ///
    /// ```
    /// use quorate_idempotency::Key;
    ///
    /// let order = Key::new("tenant-7", "order-4711")?;
    /// let charge = order.downstream(1).to_string();
    /// assert_eq!(charge, order.clone().downstream(1).to_string());
    /// assert_ne!(charge, order.downstream(2).to_string());
    /// assert_ne!(charge, Key::new("tenant-8", "order-4711")?.downstream(1).to_string());
    /// # Ok::<(), quorate_idempotency::KeyError>(())
    /// ```
    pub fn downstream(&self, step: u64) -> DownstreamKey {
        let mut hasher = blake3::Hasher::new_derive_key("quorate-idempotency 2026 downstream v1");
        hasher.update(&[self.scope_len]);
        hasher.update(&(self.text.len() as u64).to_le_bytes());
        hasher.update(self.text.as_bytes());
        hasher.update(&step.to_le_bytes());
        DownstreamKey(u128::from_be_bytes(first_half(&hasher)))
    }

    /// When the key was made, if its name says so: since 1970, by the clock of the client.
    ///
    /// Said by a UUID of version 7 (RFC 9562, Section 5.7), with its hyphens, and by a ULID, 26 characters
    /// of Crockford's base 32. Any other name says nothing. Have a scope agree with its clients on one of
    /// the two before you go by it: a name that looks like one by accident may be called too old.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_idempotency::Key;
    ///
    /// let key = Key::new("tenant-7", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")?;
    /// assert_eq!(key.born_at(), Some(Duration::from_millis(0x017f_22e2_79b0)));
    /// let key = Key::new("tenant-7", "01ARZ3NDEKTSV4RRFFQ69G5FAV")?;
    /// assert_eq!(key.born_at(), Some(Duration::from_millis(1_469_922_850_259)));
    /// assert_eq!(Key::new("tenant-7", "order-4711")?.born_at(), None);
    /// # Ok::<(), quorate_idempotency::KeyError>(())
    /// ```
    pub fn born_at(&self) -> Option<Duration> {
        let name = self.name().as_bytes();
        uuid_v7_millis(name)
            .or_else(|| ulid_millis(name))
            .map(Duration::from_millis)
    }

    /// Whether this may be a scope.
    pub(crate) fn is_scope(text: &str) -> bool {
        check(Part::Scope, text.as_bytes()).is_ok()
    }

    pub(crate) fn text_and_scope_len(&self) -> (&str, u8) {
        (&self.text, self.scope_len)
    }

    /// The bytes of scope and name together.
    pub fn len_bytes(&self) -> usize {
        self.text.len()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // Mostly the one is a clone of the other.
        self.scope_len == other.scope_len
            && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Ord for Key {
    /// By scope, then by name.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.scope(), self.name()).cmp(&(other.scope(), other.name()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("scope", &self.scope())
            .field("name", &self.name())
            .finish()
    }
}

impl fmt::Display for Key {
    /// Both parts in quotes, so that no two keys look alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {:?}", self.name(), self.scope())
    }
}

/// A key for a call elsewhere, that every attempt at a request makes alike: see [`Key::downstream`].
/// Its text is 32 hexadecimal digits, which any service takes for a key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DownstreamKey(pub u128);

impl fmt::Display for DownstreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The first 48 bits of `xxxxxxxx-xxxx-7xxx-[89ab]xxx-xxxxxxxxxxxx`.
fn uuid_v7_millis(name: &[u8]) -> Option<u64> {
    if name.len() != 36 {
        return None;
    }
    let mut millis = 0;
    let mut digits = 0;
    for (at, byte) in name.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        if (at == 14 && digit != 7) || (at == 19 && digit >> 2 != 0b10) {
            return None;
        }
        if digits < 12 {
            millis = millis << 4 | u64::from(digit);
            digits += 1;
        }
    }
    Some(millis)
}

/// The first 48 bits of 26 digits of five bits each, of which the first has three.
fn ulid_millis(name: &[u8]) -> Option<u64> {
    if name.len() != 26 || !matches!(name.first(), Some(b'0'..=b'7')) {
        return None;
    }
    let mut millis = 0;
    for (at, byte) in name.iter().enumerate() {
        let upper = byte.to_ascii_uppercase();
        let digit = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
            .iter()
            .position(|digit| *digit == upper)?;
        if at < 10 {
            millis = millis << 5 | digit as u64;
        }
    }
    Some(millis)
}

/// The length of a part whose bytes may all stand in it.
fn check(part: Part, bytes: &[u8]) -> Result<u8, KeyError> {
    let len = u8::try_from(bytes.len()).map_err(|_| KeyError::TooLong {
        part,
        len: bytes.len(),
    })?;
    if part == Part::Name && len == 0 {
        return Err(KeyError::Empty);
    }
    match bytes
        .iter()
        .enumerate()
        .find(|(_, byte)| !part.allows(**byte))
    {
        Some((at, &byte)) => Err(KeyError::Byte { part, at, byte }),
        None => Ok(len),
    }
}

/// Which part of a [`Key`] an error is about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// What the server knows: [`Key::scope`].
    Scope,
    /// What the client chose: [`Key::name`].
    Name,
}

impl Part {
    const fn allows(self, byte: u8) -> bool {
        matches!(
            (self, byte),
            (Self::Scope, b' '..=b'~') | (Self::Name, b'!'..=b'~')
        )
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => "scope",
            Self::Name => "name",
        })
    }
}

/// Why a text is not a [`Key`].
///
/// ```
/// use quorate_idempotency::{Key, KeyError};
///
/// assert_eq!(Key::new("", ""), Err(KeyError::Empty));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no name.
    Empty,
    /// A part is longer than [`Key::MAX_PART_BYTES`].
    TooLong {
        /// Which one.
        part: Part,
        /// Its length in bytes. For a quoted header, as it was sent.
        len: usize,
    },
    /// A byte may not stand in the part.
    Byte {
        /// Which part.
        part: Part,
        /// Where, counted in bytes from the start of the part, or from the opening quote.
        at: usize,
        /// Which byte.
        byte: u8,
    },
    /// The header opens a quote and does not close it.
    Unclosed,
    /// The header escapes what needs no escape.
    Escape {
        /// Where, counted in bytes from the opening quote.
        at: usize,
        /// What follows the backslash.
        byte: u8,
    },
    /// The header goes on after the closing quote.
    Trailing {
        /// By how many bytes.
        len: usize,
    },
    /// There is more than one header.
    Several,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(
                f,
                "the idempotency key is empty; send 1 to {} bytes of visible ASCII",
                Key::MAX_PART_BYTES
            ),
            Self::TooLong { part, len } => write!(
                f,
                "the {part} of the idempotency key has {len} bytes, and may have {}",
                Key::MAX_PART_BYTES
            ),
            Self::Byte { part, at, byte } => write!(
                f,
                "byte {byte:#04x} at {at} may not stand in the {part} of an idempotency key; use visible ASCII"
            ),
            Self::Unclosed => write!(
                f,
                "the idempotency key opens a double quote and does not close it"
            ),
            Self::Escape { at, byte } => write!(
                f,
                "the idempotency key escapes byte {byte:#04x} at {at}; only \\\" and \\\\ are escapes"
            ),
            Self::Several => write!(f, "there is more than one Idempotency-Key header; send one"),
            Self::Trailing { len } => write!(
                f,
                "{len} bytes follow the idempotency key's closing quote; send one key and no parameters"
            ),
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_run_together_alike_are_different_keys() {
        let one = Key::new("a", "bc").unwrap();
        let other = Key::new("ab", "c").unwrap();
        assert_ne!(one, other);
        assert_ne!(one.cmp(&other), Ordering::Equal);
    }

    #[test]
    fn a_name_is_bounded_on_both_sides() {
        let longest = "x".repeat(255);
        assert!(Key::new("", &longest).is_ok());
        let longer = "x".repeat(256);
        assert_eq!(
            Key::new("", &longer),
            Err(KeyError::TooLong {
                part: Part::Name,
                len: 256
            })
        );
        assert_eq!(
            Key::new(&longer, "x"),
            Err(KeyError::TooLong {
                part: Part::Scope,
                len: 256
            })
        );
        assert_eq!(Key::new("", ""), Err(KeyError::Empty));
    }

    #[test]
    fn a_header_unescapes_and_refuses_all_else() {
        let header = |value: &[u8]| Key::parse_header("t", value).map(|key| key.name().to_owned());
        use alloc::borrow::ToOwned as _;
        assert_eq!(header(b" \"a\\\"b\\\\c\"\t"), Ok("a\"b\\c".to_owned()));
        assert_eq!(
            header(b"clkyoesmbgybucifusbbtdsbohtyuuwz"),
            Ok("clkyoesmbgybucifusbbtdsbohtyuuwz".to_owned())
        );
        assert_eq!(header(b"\"\""), Err(KeyError::Empty));
        assert_eq!(header(b""), Err(KeyError::Empty));
        assert_eq!(header(b"\"a"), Err(KeyError::Unclosed));
        assert_eq!(header(b"\"a\\"), Err(KeyError::Unclosed));
        assert_eq!(
            header(b"\"a\\n\""),
            Err(KeyError::Escape { at: 1, byte: b'n' })
        );
        assert_eq!(header(b"\"a\";v=1"), Err(KeyError::Trailing { len: 4 }));
        assert_eq!(header(b"\"a\", \"b\""), Err(KeyError::Trailing { len: 5 }));
        for (value, at, byte) in [
            (&b"a, b"[..], 1, b','),
            (b"a;v=1", 1, b';'),
            (b"a\"", 1, b'"'),
            (b"a b", 1, b' '),
            (b"\"a b\"", 1, b' '),
            (b"\"\xc3\xa9\"", 0, 0xc3),
            (b"\xff", 0, 0xff),
        ] {
            assert_eq!(
                header(value),
                Err(KeyError::Byte {
                    part: Part::Name,
                    at,
                    byte
                }),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_quoted_name_is_measured_without_its_escapes() {
        let mut value = alloc::vec![b'"'];
        for _ in 0..255 {
            value.extend_from_slice(b"\\\\");
        }
        value.push(b'"');
        assert_eq!(Key::parse_header("", &value).unwrap().name().len(), 255);
        value.splice(1..1, *b"x");
        assert!(matches!(
            Key::parse_header("", &value),
            Err(KeyError::TooLong { .. })
        ));
    }
}
