//! What came of a command, and its bytes: a retry is answered with exactly them.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::{CodecError, Reader, put_text};
use crate::api::{MAX_NAME_BYTES, MAX_OWNER_BYTES};

/// The version of the encoding that [`Outcome::encode`] writes.
const VERSION: u8 = 1;

/// What applying a command answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The command ran.
    Ran(Outcome),
    /// A command with the same idempotency key ran before; this is what came of it.
    Replayed(Outcome),
    /// The idempotency key belongs to another request. Nothing ran.
    KeyReused,
    /// As many idempotency keys are remembered as may be. Nothing ran.
    KeysFull {
        /// How long it is, in the log's time, until the first of them is forgotten.
        retry_after: Option<Duration>,
    },
    /// The bytes are not a command. Nothing ran.
    Malformed(CodecError),
}

/// What came of a command that ran.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The value is written.
    Written {
        /// The key's new revision.
        revision: u64,
    },
    /// The key is gone.
    Deleted {
        /// The index of the removal.
        revision: u64,
        /// Whether there was a value.
        existed: bool,
    },
    /// The amount is added.
    Added {
        /// The sum.
        value: i64,
        /// The index of the addition.
        revision: u64,
    },
    /// The lease is granted, or renewed.
    Granted {
        /// The lease.
        name: String,
        /// Who holds it.
        owner: String,
        /// The fencing token.
        token: u64,
        /// For how long, in milliseconds.
        ttl_ms: u64,
        /// The index of the grant or renewal.
        revision: u64,
    },
    /// The lease is given back.
    Released {
        /// The lease.
        name: String,
        /// The token that ended.
        token: u64,
        /// The index of the release.
        revision: u64,
    },
    /// The key is at another revision.
    RevisionMismatch {
        /// The revision; 0 when there is no value.
        revision: u64,
    },
    /// The fencing token is older than the newest seen.
    StaleToken {
        /// The newest seen.
        newest: u64,
    },
    /// The fencing token was never granted.
    UnknownToken {
        /// The newest that was granted.
        newest: u64,
    },
    /// No grant with that token is known of a lease of that name: there was none, or it ended so
    /// long ago that it is forgotten.
    UnknownGrant,
    /// The key may have seen a newer fencing token, and it is forgotten which.
    ForgottenFence {
        /// Tokens from here on are taken.
        floor: u64,
    },
    /// Somebody holds the lease.
    Held {
        /// Who.
        holder: String,
        /// For how long still, in milliseconds.
        remaining_ms: u64,
    },
    /// The token's lease has ended.
    Lost,
    /// The sum would not fit.
    Overflow,
    /// As much is stored as may be.
    Full,
}

impl Outcome {
    /// Whether a retry with the same idempotency key gets this answer again. What had no effect
    /// and may go away by itself is tried again instead.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Full)
    }

    /// The index of the write, when there was one.
    pub fn revision(&self) -> Option<u64> {
        match self {
            Self::Written { revision }
            | Self::Deleted { revision, .. }
            | Self::Added { revision, .. }
            | Self::Granted { revision, .. }
            | Self::Released { revision, .. } => Some(*revision),
            _ => None,
        }
    }

    /// The outcome's bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(32);
        out.put_u8(VERSION);
        match self {
            Self::Written { revision } => {
                out.put_u8(0);
                out.put_u64_le(*revision);
            }
            Self::Deleted { revision, existed } => {
                out.put_u8(1);
                out.put_u64_le(*revision);
                out.put_u8(u8::from(*existed));
            }
            Self::Added { value, revision } => {
                out.put_u8(2);
                out.put_i64_le(*value);
                out.put_u64_le(*revision);
            }
            Self::Granted {
                name,
                owner,
                token,
                ttl_ms,
                revision,
            } => {
                out.put_u8(3);
                put_text(&mut out, name);
                put_text(&mut out, owner);
                out.put_u64_le(*token);
                out.put_u64_le(*ttl_ms);
                out.put_u64_le(*revision);
            }
            Self::Released {
                name,
                token,
                revision,
            } => {
                out.put_u8(4);
                put_text(&mut out, name);
                out.put_u64_le(*token);
                out.put_u64_le(*revision);
            }
            Self::RevisionMismatch { revision } => {
                out.put_u8(5);
                out.put_u64_le(*revision);
            }
            Self::StaleToken { newest } => {
                out.put_u8(6);
                out.put_u64_le(*newest);
            }
            Self::UnknownToken { newest } => {
                out.put_u8(7);
                out.put_u64_le(*newest);
            }
            Self::Held {
                holder,
                remaining_ms,
            } => {
                out.put_u8(8);
                put_text(&mut out, holder);
                out.put_u64_le(*remaining_ms);
            }
            Self::Lost => out.put_u8(9),
            Self::Overflow => out.put_u8(10),
            Self::Full => out.put_u8(11),
            Self::UnknownGrant => out.put_u8(12),
            Self::ForgottenFence { floor } => {
                out.put_u8(13);
                out.put_u64_le(*floor);
            }
        }
        out.freeze()
    }

    /// Reads an outcome's bytes.
    pub fn decode(bytes: &Bytes) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != VERSION {
            return Err(CodecError::Version {
                found,
                newest: VERSION,
            });
        }
        let outcome = match reader.u8()? {
            0 => Self::Written {
                revision: reader.u64()?,
            },
            1 => Self::Deleted {
                revision: reader.u64()?,
                existed: match reader.u8()? {
                    0 => false,
                    1 => true,
                    other => {
                        return Err(CodecError::invalid(format!(
                            "a key existed (1) or not (0), not {other}"
                        )));
                    }
                },
            },
            2 => Self::Added {
                value: reader.i64()?,
                revision: reader.u64()?,
            },
            3 => Self::Granted {
                name: reader.text("a name", MAX_NAME_BYTES)?,
                owner: reader.text("the owner", MAX_OWNER_BYTES)?,
                token: reader.u64()?,
                ttl_ms: reader.u64()?,
                revision: reader.u64()?,
            },
            4 => Self::Released {
                name: reader.text("a name", MAX_NAME_BYTES)?,
                token: reader.u64()?,
                revision: reader.u64()?,
            },
            5 => Self::RevisionMismatch {
                revision: reader.u64()?,
            },
            6 => Self::StaleToken {
                newest: reader.u64()?,
            },
            7 => Self::UnknownToken {
                newest: reader.u64()?,
            },
            8 => Self::Held {
                holder: reader.text("the holder", MAX_OWNER_BYTES)?,
                remaining_ms: reader.u64()?,
            },
            9 => Self::Lost,
            10 => Self::Overflow,
            11 => Self::Full,
            12 => Self::UnknownGrant,
            13 => Self::ForgottenFence {
                floor: reader.u64()?,
            },
            kind => {
                return Err(CodecError::invalid(format!(
                    "there is no outcome of kind {kind}"
                )));
            }
        };
        reader.finish()?;
        Ok(outcome)
    }
}
