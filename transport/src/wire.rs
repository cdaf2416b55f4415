//! Messages as bytes.

use alloc::string::String;
use core::fmt;

use bytes::{Bytes, BytesMut};

/// A message that has bytes of its own.
///
/// The encoding is the message's: versioned, little-endian and canonical. Framing, checksums and
/// lengths are the transport's. `decode` reads what a peer sent: it must not panic, and must check
/// every length against the bytes that are left before it allocates.
///
/// A cluster is upgraded node by node, so a new node must speak the old encoding while an old node
/// is left. A message that can do so sets [`OLDEST`](Self::OLDEST) and writes the older versions in
/// [`encode_version`](Self::encode_version); the handshake picks the newest version that both sides
/// have. A message with one version needs neither.
///
/// ```
/// use bytes::{Buf, BufMut, Bytes, BytesMut};
/// use quorate_transport::{Wire, WireError};
///
/// #[derive(Debug, PartialEq)]
/// struct Count(u32);
///
/// impl Wire for Count {
///     const VERSION: u8 = 1;
///
///     fn kind(&self) -> u8 {
///         0
///     }
///
///     fn encoded_len(&self) -> usize {
///         4
///     }
///
///     fn encode(&self, out: &mut BytesMut) {
///         out.put_u32_le(self.0);
///     }
///
///     fn decode(version: u8, kind: u8, mut body: Bytes) -> Result<Self, WireError> {
///         match (version, kind, body.remaining()) {
///             (1, 0, 4) => Ok(Self(body.get_u32_le())),
///             (1, 0, 5..) => Err(WireError::Trailing { left: body.remaining() - 4 }),
///             (1, 0, left) => Err(WireError::Truncated { needed: 4, left }),
///             (1, _, _) => Err(WireError::UnknownKind { kind, version }),
///             _ => Err(WireError::UnknownVersion { version, newest: 1 }),
///         }
///     }
/// }
///
/// let mut bytes = BytesMut::new();
/// Count(7).encode(&mut bytes);
/// assert_eq!(Count::decode(1, 0, bytes.freeze()), Ok(Count(7)));
/// ```
pub trait Wire: Sized {
    /// The version of the encoding that [`encode`](Self::encode) writes. Stands in every frame.
    const VERSION: u8;

    /// The oldest version that is still spoken, both read and written.
    const OLDEST: u8 = Self::VERSION;

    /// The number of the message's kind. Stands in every frame.
    fn kind(&self) -> u8;

    /// How many bytes [`encode`](Self::encode) appends.
    fn encoded_len(&self) -> usize;

    /// Appends the body to `out`.
    fn encode(&self, out: &mut BytesMut);

    /// Appends the body to `out` as `version` has it, one of `OLDEST..=VERSION`. A message with
    /// several versions overrides it.
    fn encode_version(&self, version: u8, out: &mut BytesMut) {
        let _ = version;
        self.encode(out);
    }

    /// Reads a body. Payloads are slices of `body`, not copies.
    fn decode(version: u8, kind: u8, body: Bytes) -> Result<Self, WireError>;
}

/// Why bytes are not a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the message does.
    Truncated {
        /// How many more bytes the next field needs.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// Bytes are left over after the message.
    Trailing {
        /// How many.
        left: usize,
    },
    /// There is no message of that kind in that version.
    UnknownKind {
        /// The kind.
        kind: u8,
        /// The version.
        version: u8,
    },
    /// The encoding's version is not spoken here.
    UnknownVersion {
        /// The version that arrived.
        version: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// A field holds what it may not hold.
    Invalid {
        /// Which field, and what it may hold.
        what: String,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => {
                write!(
                    f,
                    "the message ends early: the next field needs {needed} bytes, {left} are left"
                )
            }
            Self::Trailing { left } => write!(f, "{left} bytes are left over after the message"),
            Self::UnknownKind { kind, version } => {
                write!(f, "version {version} has no message of kind {kind}")
            }
            Self::UnknownVersion { version, newest } => {
                write!(
                    f,
                    "version {version} is not understood; the newest here is {newest}"
                )
            }
            Self::Invalid { what } => write!(f, "{what}"),
        }
    }
}

impl core::error::Error for WireError {}
