//! Messages and entries as bytes: little-endian, fixed widths, one encoding for each value.
//!
//! | field | bytes |
//! |---|---|
//! | term, index, round, offset, length of a snapshot | 8 |
//! | a position | 16: term, index |
//! | a flag | 1: 0 or 1 |
//! | an entry | 21 and the payload: term 8, index 8, kind 1 (0 empty, 1 a command, 2 a membership), length 4 |
//!
//! Entries have the same bytes on the wire and in the durable log.

mod membership;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_transport::{Wire, WireError};

use crate::{
    Append, AppendOutcome, AppendReply, Commit, Entry, EntryRef, Heartbeat, HeartbeatReply, Index,
    Message, Payload, Position, ReadReply, ReadRequest, SnapshotChunk, SnapshotReply, Term,
    TimeoutNow, VoteReply, VoteRequest,
};

pub use membership::{decode_membership, encode_membership, membership_len};

/// Bytes of an entry before its payload.
pub const ENTRY_HEADER_BYTES: usize = 21;

const VERSION: u8 = 1;

const EMPTY: u8 = 0;
const COMMAND: u8 = 1;
const MEMBERSHIP: u8 = 2;

const MATCHED: u8 = 0;
const REJECTED: u8 = 1;

/// How many bytes [`encode_entry`] appends.
pub fn entry_len<'a>(entry: impl Into<EntryRef<'a>>) -> usize {
    ENTRY_HEADER_BYTES + entry.into().payload.len()
}

/// Appends an entry to `out`.
pub fn encode_entry<'a>(entry: impl Into<EntryRef<'a>>, out: &mut BytesMut) {
    let EntryRef { position, payload } = entry.into();
    put_position(position, out);
    let kind = match payload {
        Payload::Empty => EMPTY,
        Payload::Command(_) => COMMAND,
        Payload::Membership(_) => MEMBERSHIP,
    };
    out.put_u8(kind);
    // A command is at most `Config::max_command_bytes`, which fits.
    out.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    match payload {
        Payload::Empty => {}
        Payload::Command(command) => out.put_slice(command),
        Payload::Membership(membership) => encode_membership(membership, out),
    }
}

/// Takes an entry off the front of `bytes`. Its payload is a slice of them, not a copy.
pub fn decode_entry(bytes: &mut Bytes) -> Result<Entry, WireError> {
    need(bytes, ENTRY_HEADER_BYTES)?;
    let position = take_position(bytes)?;
    let kind = take_u8(bytes)?;
    let len = take_u32(bytes)? as usize;
    need(bytes, len)?;
    let mut payload = bytes.split_to(len);
    let payload = match kind {
        EMPTY if payload.is_empty() => Payload::Empty,
        COMMAND => Payload::Command(payload),
        MEMBERSHIP => {
            let membership = decode_membership(&mut payload)?;
            if !payload.is_empty() {
                let left = payload.remaining();
                return Err(WireError::Trailing { left });
            }
            Payload::Membership(membership)
        }
        _ => {
            return Err(invalid(format!(
                "an entry of kind {kind} with {len} bytes of payload"
            )));
        }
    };
    Ok(Entry { position, payload })
}

impl Wire for Message {
    const VERSION: u8 = VERSION;

    fn kind(&self) -> u8 {
        match self {
            Self::PreVote(_) => 1,
            Self::PreVoteReply(_) => 2,
            Self::Vote(_) => 3,
            Self::VoteReply(_) => 4,
            Self::Append(_) => 5,
            Self::AppendReply(_) => 6,
            Self::Heartbeat(_) => 7,
            Self::HeartbeatReply(_) => 8,
            Self::SnapshotChunk(_) => 9,
            Self::SnapshotReply(_) => 10,
            Self::Commit(_) => 11,
            Self::TimeoutNow(_) => 12,
            Self::ReadRequest(_) => 13,
            Self::ReadReply(_) => 14,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::PreVote(_) | Self::Vote(_) => 25,
            Self::HeartbeatReply(_) => 24,
            Self::PreVoteReply(_) | Self::VoteReply(_) => 17,
            Self::Append(append) => 36 + append.entries.encoded_len(),
            Self::AppendReply(reply) => match reply.outcome {
                AppendOutcome::Matched { .. } => 17,
                AppendOutcome::Rejected { .. } => 33,
            },
            Self::Commit(_) | Self::ReadRequest(_) => 16,
            Self::TimeoutNow(_) => 32,
            Self::ReadReply(reply) => 17 + reply.index.map_or(0, |_| 8),
            Self::Heartbeat(_) => 40,
            Self::SnapshotChunk(chunk) => 44 + membership_len(&chunk.membership) + chunk.data.len(),
            Self::SnapshotReply(_) => 32,
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        out.reserve(self.encoded_len());
        match self {
            Self::PreVote(request) | Self::Vote(request) => {
                out.put_u64_le(request.term.0);
                put_position(request.last, out);
                out.put_u8(u8::from(request.is_transfer));
            }
            Self::PreVoteReply(reply) | Self::VoteReply(reply) => {
                out.put_u64_le(reply.term.0);
                out.put_u64_le(reply.asked.0);
                out.put_u8(u8::from(reply.granted));
            }
            Self::Append(append) => {
                out.put_u64_le(append.term.0);
                put_position(append.previous, out);
                out.put_u64_le(append.commit.0);
                out.put_u32_le(u32::try_from(append.entries.len()).unwrap_or(u32::MAX));
                for entry in &append.entries {
                    encode_entry(entry, out);
                }
            }
            Self::AppendReply(reply) => {
                out.put_u64_le(reply.term.0);
                match reply.outcome {
                    AppendOutcome::Matched { index } => {
                        out.put_u8(MATCHED);
                        out.put_u64_le(index.0);
                    }
                    AppendOutcome::Rejected { previous, hint } => {
                        out.put_u8(REJECTED);
                        out.put_u64_le(previous.0);
                        put_position(hint, out);
                    }
                }
            }
            Self::Commit(commit) => {
                out.put_u64_le(commit.term.0);
                out.put_u64_le(commit.commit.0);
            }
            Self::TimeoutNow(timeout) => {
                out.put_u64_le(timeout.term.0);
                put_position(timeout.last, out);
                out.put_u64_le(timeout.mark);
            }
            Self::ReadRequest(request) => {
                out.put_u64_le(request.term.0);
                out.put_u64_le(request.number);
            }
            Self::ReadReply(reply) => {
                out.put_u64_le(reply.term.0);
                out.put_u64_le(reply.number);
                out.put_u8(u8::from(reply.index.is_some()));
                if let Some(index) = reply.index {
                    out.put_u64_le(index.0);
                }
            }
            Self::Heartbeat(heartbeat) => {
                out.put_u64_le(heartbeat.term.0);
                out.put_u64_le(heartbeat.commit.0);
                out.put_u64_le(heartbeat.round);
                out.put_u64_le(heartbeat.mark);
                out.put_u64_le(heartbeat.mark_commit.0);
            }
            Self::HeartbeatReply(reply) => {
                out.put_u64_le(reply.term.0);
                out.put_u64_le(reply.round);
                out.put_u64_le(reply.mark);
            }
            Self::SnapshotChunk(chunk) => {
                out.put_u64_le(chunk.term.0);
                put_position(chunk.position, out);
                encode_membership(&chunk.membership, out);
                out.put_u64_le(chunk.total);
                out.put_u64_le(chunk.offset);
                out.put_u32_le(u32::try_from(chunk.data.len()).unwrap_or(u32::MAX));
                out.put_slice(&chunk.data);
            }
            Self::SnapshotReply(reply) => {
                out.put_u64_le(reply.term.0);
                put_position(reply.position, out);
                out.put_u64_le(reply.next);
            }
        }
    }

    fn decode(version: u8, kind: u8, mut body: Bytes) -> Result<Self, WireError> {
        if version != VERSION {
            return Err(WireError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let body = &mut body;
        let message = match kind {
            1 => Self::PreVote(take_vote_request(body)?),
            2 => Self::PreVoteReply(take_vote_reply(body)?),
            3 => Self::Vote(take_vote_request(body)?),
            4 => Self::VoteReply(take_vote_reply(body)?),
            5 => Self::Append(take_append(body)?),
            6 => Self::AppendReply(take_append_reply(body)?),
            7 => Self::Heartbeat(Heartbeat {
                term: Term(take_u64(body)?),
                commit: Index(take_u64(body)?),
                round: take_u64(body)?,
                mark: take_u64(body)?,
                mark_commit: Index(take_u64(body)?),
            }),
            8 => Self::HeartbeatReply(HeartbeatReply {
                term: Term(take_u64(body)?),
                round: take_u64(body)?,
                mark: take_u64(body)?,
            }),
            9 => Self::SnapshotChunk(Box::new(take_snapshot_chunk(body)?)),
            10 => Self::SnapshotReply(SnapshotReply {
                term: Term(take_u64(body)?),
                position: take_position(body)?,
                next: take_u64(body)?,
            }),
            11 => Self::Commit(Commit {
                term: Term(take_u64(body)?),
                commit: Index(take_u64(body)?),
            }),
            12 => Self::TimeoutNow(TimeoutNow {
                term: Term(take_u64(body)?),
                last: take_position(body)?,
                mark: take_u64(body)?,
            }),
            13 => Self::ReadRequest(ReadRequest {
                term: Term(take_u64(body)?),
                number: take_u64(body)?,
            }),
            14 => Self::ReadReply(ReadReply {
                term: Term(take_u64(body)?),
                number: take_u64(body)?,
                index: match take_flag(body)? {
                    true => Some(Index(take_u64(body)?)),
                    false => None,
                },
            }),
            _ => return Err(WireError::UnknownKind { kind, version }),
        };
        match body.remaining() {
            0 => Ok(message),
            left => Err(WireError::Trailing { left }),
        }
    }
}

fn take_vote_request(body: &mut Bytes) -> Result<VoteRequest, WireError> {
    Ok(VoteRequest {
        term: Term(take_u64(body)?),
        last: take_position(body)?,
        is_transfer: take_flag(body)?,
    })
}

fn take_vote_reply(body: &mut Bytes) -> Result<VoteReply, WireError> {
    let (term, asked) = (Term(take_u64(body)?), Term(take_u64(body)?));
    let granted = take_flag(body)?;
    Ok(VoteReply {
        term,
        asked,
        granted,
    })
}

fn take_append(body: &mut Bytes) -> Result<Append, WireError> {
    let term = Term(take_u64(body)?);
    let previous = take_position(body)?;
    let commit = Index(take_u64(body)?);
    let count = take_u32(body)? as usize;
    // As many entries as are claimed must be there before room is made for them.
    need(body, count.saturating_mul(ENTRY_HEADER_BYTES))?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(decode_entry(body)?);
    }
    Ok(Append {
        term,
        previous,
        commit,
        entries: entries.into(),
    })
}

fn take_append_reply(body: &mut Bytes) -> Result<AppendReply, WireError> {
    let term = Term(take_u64(body)?);
    let outcome = match take_u8(body)? {
        MATCHED => AppendOutcome::Matched {
            index: Index(take_u64(body)?),
        },
        REJECTED => AppendOutcome::Rejected {
            previous: Index(take_u64(body)?),
            hint: take_position(body)?,
        },
        kind => {
            return Err(invalid(format!(
                "an append's outcome is {kind}; it may be 0 or 1"
            )));
        }
    };
    Ok(AppendReply { term, outcome })
}

fn take_snapshot_chunk(body: &mut Bytes) -> Result<SnapshotChunk, WireError> {
    let term = Term(take_u64(body)?);
    let position = take_position(body)?;
    let membership = decode_membership(body)?;
    let (total, offset) = (take_u64(body)?, take_u64(body)?);
    let len = take_u32(body)? as usize;
    need(body, len)?;
    Ok(SnapshotChunk {
        term,
        position,
        membership,
        total,
        offset,
        data: body.split_to(len),
    })
}

fn put_position(position: Position, out: &mut BytesMut) {
    out.put_u64_le(position.term.0);
    out.put_u64_le(position.index.0);
}

fn take_position(bytes: &mut Bytes) -> Result<Position, WireError> {
    Ok(Position {
        term: Term(take_u64(bytes)?),
        index: Index(take_u64(bytes)?),
    })
}

fn take_flag(bytes: &mut Bytes) -> Result<bool, WireError> {
    match take_u8(bytes)? {
        0 => Ok(false),
        1 => Ok(true),
        flag => Err(invalid(format!("a flag is {flag}; it may be 0 or 1"))),
    }
}

const fn invalid(what: String) -> WireError {
    WireError::Invalid { what }
}

fn need(bytes: &Bytes, needed: usize) -> Result<(), WireError> {
    let left = bytes.remaining();
    if left < needed {
        Err(WireError::Truncated { needed, left })
    } else {
        Ok(())
    }
}

fn take_u8(bytes: &mut Bytes) -> Result<u8, WireError> {
    need(bytes, 1)?;
    Ok(bytes.get_u8())
}

fn take_u32(bytes: &mut Bytes) -> Result<u32, WireError> {
    need(bytes, 4)?;
    Ok(bytes.get_u32_le())
}

fn take_u64(bytes: &mut Bytes) -> Result<u64, WireError> {
    need(bytes, 8)?;
    Ok(bytes.get_u64_le())
}
