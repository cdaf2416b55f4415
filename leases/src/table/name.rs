//! A name, in the entry that it names.

use alloc::boxed::Box;

/// Names up to this many bytes need no memory of their own.
const INLINE: usize = 22;

/// Text that is short most of the time. Beside saving memory, it is read together with what it names.
#[derive(Clone)]
pub(super) enum Name {
    Short {
        len: u8,
        bytes: [u8; INLINE],
    },
    Long(Box<str>),
    /// Of the entry at this place.
    Of(u32),
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(short), Ok(len)) => {
                short.copy_from_slice(text.as_bytes());
                Self::Short { len, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
            Self::Of(_) => &[],
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // They are the bytes of a text.
            Self::Short { .. } => core::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(text) => text,
            Self::Of(_) => "",
        }
    }
}
