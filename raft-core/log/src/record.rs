//! The body of a record: what one write changes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_clocks::NodeId;
use quorate_raft_core::wire::{decode_entry, encode_entry, entry_len};
use quorate_raft_core::{Entries, HardState, Index, Position, Term};

use crate::format::{RECORD_HEADER_BYTES, RecordHeader};

const HARD_STATE: u8 = 1;
const OPENING: u8 = 2;
const SNAPSHOT: u8 = 4;
const ENTRIES: u8 = 8;

const ENTRY_HEADER_BYTES: usize = quorate_raft_core::wire::ENTRY_HEADER_BYTES;

/// The body of a record.
///
/// flags 1, then what they say is there, in this order: the hard state 17 (term 8, whether there is
/// a vote 1, vote 8), the opening position 16, the snapshot's position 16, and the entries: the
/// position before the first 16, their number 4, each as on the wire. A position is term 8, index 8.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) hard_state: Option<HardState>,
    /// In the first record of a segment: the last entry of the log when the segment began.
    pub(crate) opening: Option<Position>,
    /// A snapshot that took the place of the log.
    pub(crate) snapshot: Option<Position>,
    /// The position before the first of the entries: when older segments are gone, the log may
    /// start there.
    pub(crate) previous: Position,
    pub(crate) entries: Entries,
}

/// What a record is made from. Borrows the entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) hard_state: Option<HardState>,
    pub(crate) opening: Option<Position>,
    pub(crate) snapshot: Option<Position>,
    pub(crate) previous: Position,
    pub(crate) entries: &'a Entries,
}

impl Draft<'_> {
    pub(crate) fn body_len(&self) -> usize {
        let mut len = 1;
        len += self.hard_state.map_or(0, |_| 17);
        len += self.opening.map_or(0, |_| 16);
        len += self.snapshot.map_or(0, |_| 16);
        if !self.entries.is_empty() {
            len += 20 + self.entries.iter().map(entry_len).sum::<usize>();
        }
        len
    }

    /// Appends header and body. The body must not be longer than 1 GiB.
    pub(crate) fn encode(&self, salt: u64, sequence: u64, batch: u64, out: &mut BytesMut) {
        let at = out.len();
        out.reserve(RECORD_HEADER_BYTES + self.body_len());
        out.put_bytes(0, RECORD_HEADER_BYTES);
        self.encode_body(out);
        let body = &out[at + RECORD_HEADER_BYTES..];
        let header = RecordHeader {
            salt,
            sequence,
            batch,
            body_len: u32::try_from(body.len()).unwrap_or(u32::MAX),
            body_crc: crc32fast::hash(body),
        };
        out[at..at + RECORD_HEADER_BYTES].copy_from_slice(&header.encode());
    }

    fn encode_body(&self, out: &mut BytesMut) {
        let flag = |there: bool, flag: u8| if there { flag } else { 0 };
        out.put_u8(
            flag(self.hard_state.is_some(), HARD_STATE)
                | flag(self.opening.is_some(), OPENING)
                | flag(self.snapshot.is_some(), SNAPSHOT)
                | flag(!self.entries.is_empty(), ENTRIES),
        );
        if let Some(HardState { term, vote }) = self.hard_state {
            out.put_u64_le(term.0);
            out.put_u8(u8::from(vote.is_some()));
            out.put_u64_le(vote.map_or(0, |vote| vote.0));
        }
        for position in [self.opening, self.snapshot].into_iter().flatten() {
            put_position(position, out);
        }
        if !self.entries.is_empty() {
            put_position(self.previous, out);
            out.put_u32_le(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            for entry in self.entries {
                encode_entry(entry, out);
            }
        }
    }
}

impl Record {
    /// Payloads are slices of `body`, not copies.
    pub(crate) fn decode(mut body: Bytes) -> Result<Self, String> {
        let body = &mut body;
        need(body, 1)?;
        let flags = body.get_u8();
        if flags & !(HARD_STATE | OPENING | SNAPSHOT | ENTRIES) != 0 {
            return Err(format!("a record has unknown flags: {flags:#04x}"));
        }
        let mut record = Self::default();
        if flags & HARD_STATE != 0 {
            need(body, 17)?;
            let term = Term(body.get_u64_le());
            let voted = body.get_u8() != 0;
            let vote = NodeId(body.get_u64_le());
            record.hard_state = Some(HardState {
                term,
                vote: voted.then_some(vote),
            });
        }
        if flags & OPENING != 0 {
            record.opening = Some(take_position(body)?);
        }
        if flags & SNAPSHOT != 0 {
            record.snapshot = Some(take_position(body)?);
        }
        if flags & ENTRIES != 0 {
            record.previous = take_position(body)?;
            need(body, 4)?;
            let count = body.get_u32_le() as usize;
            // As many entries as are claimed must be there before room is made for them.
            need(body, count.saturating_mul(ENTRY_HEADER_BYTES))?;
            let mut entries = Vec::with_capacity(count);
            for _ in 0..count {
                entries.push(decode_entry(body).map_err(|error| error.to_string())?);
            }
            record.entries = entries.into();
        }
        match body.remaining() {
            0 => Ok(record),
            left => Err(format!("a record has {left} bytes after its end")),
        }
    }
}

fn put_position(position: Position, out: &mut BytesMut) {
    out.put_u64_le(position.term.0);
    out.put_u64_le(position.index.0);
}

fn take_position(body: &mut Bytes) -> Result<Position, String> {
    need(body, 16)?;
    Ok(Position {
        term: Term(body.get_u64_le()),
        index: Index(body.get_u64_le()),
    })
}

fn need(body: &Bytes, needed: usize) -> Result<(), String> {
    let left = body.remaining();
    if left < needed {
        return Err(format!(
            "a record ends early: {needed} more bytes are needed, {left} are there"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quorate_raft_core::{Entry, Payload};

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        (any::<u64>(), any::<u64>()).prop_map(|(term, index)| Position {
            term: Term(term),
            index: Index(index),
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        let payload = prop_oneof![
            Just(Payload::Empty),
            proptest::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| Payload::Command(bytes.into())),
        ];
        let entry =
            (position(), payload).prop_map(|(position, payload)| Entry { position, payload });
        let vote = proptest::option::of(any::<u64>().prop_map(NodeId));
        let hard_state = (any::<u64>(), vote).prop_map(|(term, vote)| HardState {
            term: Term(term),
            vote,
        });
        (
            proptest::option::of(hard_state),
            proptest::option::of(position()),
            proptest::option::of(position()),
            position(),
            proptest::collection::vec(entry, 0..5),
        )
            .prop_map(
                |(hard_state, opening, snapshot, previous, entries)| Record {
                    hard_state,
                    opening,
                    snapshot,
                    previous: if entries.is_empty() {
                        Position::ZERO
                    } else {
                        previous
                    },
                    entries: entries.into(),
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn records_come_back_and_no_shorter_one_is_taken(record in record()) {
            let draft = Draft {
                hard_state: record.hard_state,
                opening: record.opening,
                snapshot: record.snapshot,
                previous: record.previous,
                entries: &record.entries,
            };
            let mut out = BytesMut::new();
            draft.encode(1, 2, 2, &mut out);
            prop_assert_eq!(out.len(), RECORD_HEADER_BYTES + draft.body_len());
            let header = RecordHeader::decode(&out).unwrap();
            prop_assert_eq!(header.record_len(), out.len() as u64);
            let body = out.split_off(RECORD_HEADER_BYTES).freeze();
            prop_assert_eq!(Record::decode(body.clone()), Ok(record));
            for len in 0..body.len() {
                prop_assert!(Record::decode(body.slice(..len)).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(bytes.into());
        }
    }
}
