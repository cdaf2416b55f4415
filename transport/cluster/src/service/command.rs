//! What is replicated: commands, and their bytes.

use bytes::{BufMut, Bytes, BytesMut};
use quorate_clocks::Instant;

use super::codec::{CodecError, Reader, put_bytes, put_text};
use crate::api::{
    MAX_IDEMPOTENCY_KEY_BYTES, MAX_LEASE_TTL_MS, MAX_NAME_BYTES, MAX_OWNER_BYTES, MAX_VALUE_BYTES,
    MIN_LEASE_TTL_MS,
};

/// The version of the encoding that [`Command::encode`] writes.
const VERSION: u8 = 1;

/// The largest encoded command, in bytes: a full value, and room for everything around it.
pub const MAX_COMMAND_BYTES: usize = MAX_VALUE_BYTES + 4_096;

/// Revisions that one write may name.
pub const MAX_REVISIONS: usize = 64;

/// One entry of the replicated log.
///
/// ```
/// use quorate::service::{Command, Condition, Operation};
/// use quorate_clocks::Instant;
///
/// let command = Command {
///     stamp: Instant::from_millis(5),
///     idempotency_key: Some("3f0c".into()),
///     operation: Operation::Put {
///         key: "a".into(),
///         value: "1".into(),
///         condition: Condition::Absent,
///         guard: None,
///     },
/// };
/// assert_eq!(Command::decode(&command.encode()), Ok(command));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// The log's time as the leader reckoned it. See [`LogClock`](super::LogClock).
    pub stamp: Instant,
    /// Run at most once for this key.
    pub idempotency_key: Option<String>,
    /// What to do.
    pub operation: Operation,
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Give a key a value.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// Only then.
        condition: Condition,
        /// Under which lease.
        guard: Option<Guard>,
    },
    /// Remove a key.
    Delete {
        /// The key.
        key: String,
        /// Only then.
        condition: Condition,
        /// Under which lease.
        guard: Option<Guard>,
    },
    /// Add to a counter.
    Add {
        /// The counter.
        name: String,
        /// How much.
        amount: i64,
        /// Under which lease.
        guard: Option<Guard>,
    },
    /// Ask for a lease.
    Acquire {
        /// The lease.
        name: String,
        /// Who asks.
        owner: String,
        /// For how long, in milliseconds.
        ttl_ms: u64,
    },
    /// Ask for more of a lease.
    Renew {
        /// The lease.
        name: String,
        /// The token that was granted.
        token: u64,
        /// For how long from now, in milliseconds.
        ttl_ms: u64,
    },
    /// Put or delete when the key is at one of several revisions.
    AtAny {
        /// At least two and at most [`MAX_REVISIONS`], ascending.
        revisions: Vec<u64>,
        /// The put or delete, without another condition.
        write: Box<Self>,
    },
    /// Give a lease back.
    Release {
        /// The lease.
        name: String,
        /// The token that was granted.
        token: u64,
    },
}

/// When a write is to happen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Condition {
    /// In any case.
    #[default]
    Always,
    /// When the key is at this revision.
    Revision(u64),
    /// When the key exists.
    Exists,
    /// When the key does not exist.
    Absent,
}

/// The lease under which a client writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Guard {
    /// The lease's name.
    pub lease: String,
    /// The token that was granted.
    pub token: u64,
}

impl Command {
    /// The command's bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64 + self.operation.payload_len());
        out.put_u8(VERSION);
        out.put_u64_le(self.stamp.as_nanos());
        // A key is never empty, so no length tells that there is none.
        put_text(&mut out, self.idempotency_key.as_deref().unwrap_or(""));
        self.operation.encode(&mut out);
        out.freeze()
    }

    /// Reads a command's bytes. The value of a put is a slice of them.
    pub fn decode(bytes: &Bytes) -> Result<Self, CodecError> {
        Self::decode_with_payload(bytes).map(|(command, _)| command)
    }

    /// The command, and the bytes of its operation alone: what two requests with the same
    /// idempotency key must have in common.
    pub(super) fn decode_with_payload(bytes: &Bytes) -> Result<(Self, Bytes), CodecError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != VERSION {
            return Err(CodecError::Version {
                found,
                newest: VERSION,
            });
        }
        let stamp = Instant::from_nanos(reader.u64()?);
        let key = reader.text("the idempotency key", MAX_IDEMPOTENCY_KEY_BYTES)?;
        let payload = reader.rest().clone();
        let operation = Operation::decode(&mut reader)?;
        reader.finish()?;
        Ok((
            Self {
                stamp,
                idempotency_key: (!key.is_empty()).then_some(key),
                operation,
            },
            payload,
        ))
    }
}

impl Operation {
    fn payload_len(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::AtAny { revisions, write } => 8 * revisions.len() + write.payload_len(),
            _ => MAX_NAME_BYTES,
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Put {
                key,
                value,
                condition,
                guard,
            } => {
                out.put_u8(0);
                put_text(out, key);
                put_bytes(out, value);
                condition.encode(out);
                put_guard(out, guard.as_ref());
            }
            Self::Delete {
                key,
                condition,
                guard,
            } => {
                out.put_u8(1);
                put_text(out, key);
                condition.encode(out);
                put_guard(out, guard.as_ref());
            }
            Self::Add {
                name,
                amount,
                guard,
            } => {
                out.put_u8(2);
                put_text(out, name);
                out.put_i64_le(*amount);
                put_guard(out, guard.as_ref());
            }
            Self::Acquire {
                name,
                owner,
                ttl_ms,
            } => {
                out.put_u8(3);
                put_text(out, name);
                put_text(out, owner);
                out.put_u64_le(*ttl_ms);
            }
            Self::Renew {
                name,
                token,
                ttl_ms,
            } => {
                out.put_u8(4);
                put_text(out, name);
                out.put_u64_le(*token);
                out.put_u64_le(*ttl_ms);
            }
            Self::AtAny { revisions, write } => {
                out.put_u8(6);
                out.put_u8(u8::try_from(revisions.len()).unwrap_or(u8::MAX));
                for revision in revisions {
                    out.put_u64_le(*revision);
                }
                write.encode(out);
            }
            Self::Release { name, token } => {
                out.put_u8(5);
                put_text(out, name);
                out.put_u64_le(*token);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, CodecError> {
        match reader.u8()? {
            6 => Ok(Self::AtAny {
                revisions: revisions(reader)?,
                write: Box::new(match reader.u8()? {
                    kind @ (0 | 1) => Self::unconditional(Self::decode_kind(kind, reader)?)?,
                    kind => {
                        return Err(CodecError::invalid(format!(
                            "an operation of kind {kind} does not go with revisions"
                        )));
                    }
                }),
            }),
            kind => Self::decode_kind(kind, reader),
        }
    }

    fn unconditional(self) -> Result<Self, CodecError> {
        match &self {
            Self::Put { condition, .. } | Self::Delete { condition, .. }
                if *condition != Condition::Always =>
            {
                Err(CodecError::invalid("a write has two conditions"))
            }
            _ => Ok(self),
        }
    }

    fn decode_kind(kind: u8, reader: &mut Reader) -> Result<Self, CodecError> {
        Ok(match kind {
            0 => Self::Put {
                key: name(reader)?,
                value: reader.bytes("the value", MAX_VALUE_BYTES)?,
                condition: Condition::decode(reader)?,
                guard: guard(reader)?,
            },
            1 => Self::Delete {
                key: name(reader)?,
                condition: Condition::decode(reader)?,
                guard: guard(reader)?,
            },
            2 => Self::Add {
                name: name(reader)?,
                amount: reader.i64()?,
                guard: guard(reader)?,
            },
            3 => Self::Acquire {
                name: name(reader)?,
                owner: reader.text("the owner", MAX_OWNER_BYTES)?,
                ttl_ms: ttl_ms(reader)?,
            },
            4 => Self::Renew {
                name: name(reader)?,
                token: reader.u64()?,
                ttl_ms: ttl_ms(reader)?,
            },
            5 => Self::Release {
                name: name(reader)?,
                token: reader.u64()?,
            },
            kind => {
                return Err(CodecError::invalid(format!(
                    "there is no operation of kind {kind}"
                )));
            }
        })
    }
}

impl Condition {
    fn encode(self, out: &mut BytesMut) {
        match self {
            Self::Always => out.put_u8(0),
            Self::Revision(revision) => {
                out.put_u8(1);
                out.put_u64_le(revision);
            }
            Self::Exists => out.put_u8(2),
            Self::Absent => out.put_u8(3),
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, CodecError> {
        Ok(match reader.u8()? {
            0 => Self::Always,
            1 => Self::Revision(reader.u64()?),
            2 => Self::Exists,
            3 => Self::Absent,
            kind => {
                return Err(CodecError::invalid(format!(
                    "there is no condition of kind {kind}"
                )));
            }
        })
    }
}

fn put_guard(out: &mut BytesMut, guard: Option<&Guard>) {
    match guard {
        None => out.put_u8(0),
        Some(guard) => {
            out.put_u8(1);
            put_text(out, &guard.lease);
            out.put_u64_le(guard.token);
        }
    }
}

fn guard(reader: &mut Reader) -> Result<Option<Guard>, CodecError> {
    match reader.u8()? {
        0 => Ok(None),
        1 => Ok(Some(Guard {
            lease: name(reader)?,
            token: reader.u64()?,
        })),
        kind => Err(CodecError::invalid(format!(
            "a guard is there (1) or not (0), not {kind}"
        ))),
    }
}

fn name(reader: &mut Reader) -> Result<String, CodecError> {
    let name = reader.text("a name", MAX_NAME_BYTES)?;
    if name.is_empty() {
        return Err(CodecError::invalid("a name is empty"));
    }
    Ok(name)
}

fn revisions(reader: &mut Reader) -> Result<Vec<u64>, CodecError> {
    let count = usize::from(reader.u8()?);
    if !(2..=MAX_REVISIONS).contains(&count) {
        return Err(CodecError::invalid(format!(
            "{count} revisions; there may be 2 to {MAX_REVISIONS}"
        )));
    }
    let mut revisions = Vec::with_capacity(count);
    for _ in 0..count {
        let revision = reader.u64()?;
        if revisions.last().is_some_and(|last| *last >= revision) {
            return Err(CodecError::invalid("the revisions do not ascend"));
        }
        revisions.push(revision);
    }
    Ok(revisions)
}

fn ttl_ms(reader: &mut Reader) -> Result<u64, CodecError> {
    let ttl_ms = reader.u64()?;
    if !(MIN_LEASE_TTL_MS..=MAX_LEASE_TTL_MS).contains(&ttl_ms) {
        return Err(CodecError::invalid(format!(
            "a lease of {ttl_ms} ms; it may have {MIN_LEASE_TTL_MS} to {MAX_LEASE_TTL_MS}"
        )));
    }
    Ok(ttl_ms)
}
