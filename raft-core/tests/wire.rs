//! The bytes of messages: golden, round trips, and garbage.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use quorate_clocks::NodeId;
use quorate_raft_core::wire::{decode_entry, encode_entry, entry_len};
use quorate_raft_core::{
    Append, AppendOutcome, AppendReply, Commit, Entries, Entry, Heartbeat, HeartbeatReply, Index,
    Membership, Message, Payload, Position, QuorumSet, ReadReply, ReadRequest, SnapshotChunk,
    SnapshotReply, Term, TimeoutNow, VoteReply, VoteRequest,
};
use quorate_transport::{Wire, WireError};

fn encode(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    assert_eq!(out.len(), message.encoded_len());
    out.freeze()
}

fn at(index: u64, term: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of version 1. They stay what they are: a later version gets vectors of its own.
#[test]
fn version_1_has_these_bytes() {
    let entry = Entry {
        position: at(8, 3),
        payload: Payload::Command(Bytes::from_static(b"hi")),
    };
    let empty = Entry {
        position: at(9, 3),
        payload: Payload::Empty,
    };
    let append = Append {
        term: Term(3),
        previous: at(7, 2),
        commit: Index(6),
        entries: vec![entry, empty].into(),
    };
    let vote = VoteRequest {
        term: Term(3),
        last: at(7, 2),
        is_transfer: false,
    };
    let transfer = VoteRequest {
        is_transfer: true,
        ..vote
    };
    let reply = VoteReply {
        term: Term(3),
        asked: Term(4),
        granted: true,
    };
    let rejected = AppendOutcome::Rejected {
        previous: Index(7),
        hint: at(5, 1),
    };
    let voters = QuorumSet::weighted([(NodeId(1), 1), (NodeId(2), 5)]).unwrap();
    let group = QuorumSet::majority([NodeId(3)]).unwrap();
    let groups = QuorumSet::majority_of([voters, group]).unwrap();
    let membership = Membership::new(groups)
        .with_learners([NodeId(9)])
        .unwrap()
        .with_witnesses([NodeId(1)])
        .unwrap();
    let chunk = SnapshotChunk {
        term: Term(3),
        position: at(7, 2),
        membership,
        total: 10,
        offset: 4,
        data: Bytes::from_static(b"xyz"),
    };
    let golden = [
        (
            1,
            Message::PreVote(vote),
            "03000000000000000200000000000000070000000000000000",
        ),
        (
            2,
            Message::PreVoteReply(reply),
            "0300000000000000040000000000000001",
        ),
        (
            3,
            Message::Vote(transfer),
            "03000000000000000200000000000000070000000000000001",
        ),
        (
            3,
            Message::Vote(vote),
            "03000000000000000200000000000000070000000000000000",
        ),
        (
            4,
            Message::VoteReply(reply),
            "0300000000000000040000000000000001",
        ),
        (
            5,
            Message::Append(append),
            "030000000000000002000000000000000700000000000000060000000000000002000000\
             03000000000000000800000000000000010200000068690300000000000000090000000000\
             00000000000000",
        ),
        (
            6,
            Message::AppendReply(AppendReply {
                term: Term(3),
                outcome: AppendOutcome::Matched { index: Index(8) },
            }),
            "0300000000000000000800000000000000",
        ),
        (
            6,
            Message::AppendReply(AppendReply {
                term: Term(3),
                outcome: rejected,
            }),
            "030000000000000001070000000000000001000000000000000500000000000000",
        ),
        (
            11,
            Message::Commit(Commit {
                term: Term(3),
                commit: Index(6),
            }),
            "03000000000000000600000000000000",
        ),
        (
            7,
            Message::Heartbeat(Heartbeat {
                term: Term(3),
                commit: Index(6),
                round: 9,
                mark: 10,
                mark_commit: Index(11),
            }),
            "0300000000000000060000000000000009000000000000000a000000000000000b00000000000000",
        ),
        (
            8,
            Message::HeartbeatReply(HeartbeatReply {
                term: Term(3),
                round: 9,
                mark: 10,
            }),
            "030000000000000009000000000000000a00000000000000",
        ),
        (
            9,
            Message::SnapshotChunk(Box::new(chunk)),
            "03000000000000000200000000000000070000000000000000020000000100000001020000000100000000\
             01000000000000000500000000020000000000000001000000010100000001000000000300000000000000\
             0100000009000000000000000100000001000000000000000a0000000000000004000000000000000300\
             000078797a",
        ),
        (
            12,
            Message::TimeoutNow(TimeoutNow {
                term: Term(3),
                last: at(7, 2),
                mark: 10,
            }),
            "0300000000000000020000000000000007000000000000000a00000000000000",
        ),
        (
            13,
            Message::ReadRequest(ReadRequest {
                term: Term(3),
                number: 4,
            }),
            "03000000000000000400000000000000",
        ),
        (
            14,
            Message::ReadReply(ReadReply {
                term: Term(3),
                number: 4,
                index: None,
            }),
            "0300000000000000040000000000000000",
        ),
        (
            14,
            Message::ReadReply(ReadReply {
                term: Term(3),
                number: 4,
                index: Some(Index(7)),
            }),
            "03000000000000000400000000000000010700000000000000",
        ),
        (
            10,
            Message::SnapshotReply(SnapshotReply {
                term: Term(3),
                position: at(7, 2),
                next: 7,
            }),
            "0300000000000000020000000000000007000000000000000700000000000000",
        ),
    ];
    for (kind, message, bytes) in golden {
        assert_eq!(message.kind(), kind);
        assert_eq!(hex(&encode(&message)), bytes, "{message:?}");
        assert_eq!(Message::decode(1, kind, encode(&message)), Ok(message));
    }
}

#[test]
fn what_is_not_a_message_is_told_apart() {
    let body = encode(&Message::Heartbeat(Heartbeat {
        term: Term(1),
        commit: Index(1),
        round: 1,
        mark: 0,
        mark_commit: Index::ZERO,
    }));
    assert_eq!(
        Message::decode(2, 7, body.clone()),
        Err(WireError::UnknownVersion {
            version: 2,
            newest: 1
        })
    );
    assert_eq!(
        Message::decode(1, 99, body.clone()),
        Err(WireError::UnknownKind {
            kind: 99,
            version: 1
        })
    );
    assert_eq!(
        Message::decode(1, 7, body.slice(..20)),
        Err(WireError::Truncated { needed: 8, left: 4 })
    );
    assert_eq!(
        Message::decode(1, 8, body),
        Err(WireError::Trailing { left: 16 })
    );
}

/// A count of four billion entries in a message of forty bytes reserves nothing.
#[test]
fn a_lying_count_is_refused_before_anything_is_reserved() {
    let append = Append {
        term: Term(1),
        previous: at(0, 0),
        commit: Index(0),
        entries: Entries::new(),
    };
    let mut body = BytesMut::from(&encode(&Message::Append(append))[..]);
    body[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        Message::decode(1, 5, body.freeze()),
        Err(WireError::Truncated { left: 0, .. })
    ));
}

fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u64>()).prop_map(|(index, term)| at(index, term))
}

fn entry() -> impl Strategy<Value = Entry> {
    let payload = prop_oneof![
        Just(Payload::Empty),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Payload::Command(bytes.into())),
        membership().prop_map(Payload::Membership),
    ];
    (position(), payload).prop_map(|(position, payload)| Entry { position, payload })
}

fn membership() -> impl Strategy<Value = Membership> {
    let ids = prop::collection::btree_set((0_u64..30).prop_map(NodeId), 1..6);
    (ids, 0_usize..3, 0_usize..3, 1_u32..9).prop_map(|(ids, learners, witnesses, weight)| {
        let ids: Vec<NodeId> = ids.into_iter().collect();
        let (learners, voters) = ids.split_at(learners.min(ids.len() - 1));
        let witnesses = &voters[..witnesses.min(voters.len() - 1)];
        let voters = voters.iter().map(|&id| (id, weight));
        Membership::new(QuorumSet::weighted(voters).unwrap())
            .with_learners(learners.iter().copied())
            .and_then(|members| members.with_witnesses(witnesses.iter().copied()))
            .unwrap()
    })
}

fn message() -> impl Strategy<Value = Message> {
    let term = any::<u64>().prop_map(Term);
    prop_oneof![
        (term.clone(), position()).prop_map(|(term, last)| Message::Vote(VoteRequest {
            term,
            last,
            is_transfer: false
        })),
        (term.clone(), term.clone(), any::<bool>()).prop_map(|(term, asked, granted)| {
            Message::PreVoteReply(VoteReply {
                term,
                asked,
                granted,
            })
        }),
        (
            term.clone(),
            position(),
            any::<u64>(),
            prop::collection::vec(entry(), 0..8)
        )
            .prop_map(|(term, previous, commit, entries)| {
                Message::Append(Append {
                    term,
                    previous,
                    commit: Index(commit),
                    entries: entries.into(),
                })
            }),
        (term.clone(), any::<u64>()).prop_map(|(term, commit)| {
            let commit = Index(commit);
            Message::Commit(Commit { term, commit })
        }),
        (term.clone(), any::<u64>(), position()).prop_map(|(term, previous, hint)| {
            let outcome = AppendOutcome::Rejected {
                previous: Index(previous),
                hint,
            };
            Message::AppendReply(AppendReply { term, outcome })
        }),
        (
            term,
            position(),
            any::<u64>(),
            any::<u64>(),
            prop::collection::vec(any::<u8>(), 0..40),
            membership(),
        )
            .prop_map(|(term, position, total, offset, data, membership)| {
                let data = data.into();
                Message::SnapshotChunk(Box::new(SnapshotChunk {
                    term,
                    position,
                    membership,
                    total,
                    offset,
                    data,
                }))
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_message_comes_back_from_its_bytes(message in message()) {
        prop_assert_eq!(Message::decode(1, message.kind(), encode(&message)), Ok(message));
    }

    #[test]
    fn an_entry_comes_back_and_leaves_the_rest(entry in entry(), rest in any::<[u8; 5]>()) {
        let mut out = BytesMut::new();
        encode_entry(&entry, &mut out);
        prop_assert_eq!(out.len(), entry_len(&entry));
        out.extend_from_slice(&rest);
        let mut bytes = out.freeze();
        prop_assert_eq!(decode_entry(&mut bytes), Ok(entry));
        prop_assert_eq!(&bytes[..], &rest);
    }

    /// Whatever decodes has exactly one encoding: the one that it came from.
    #[test]
    fn arbitrary_bytes_never_panic_and_have_one_reading(
        kind in 0_u8..16,
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let bytes = Bytes::from(bytes);
        if let Ok(message) = Message::decode(1, kind, bytes.clone()) {
            prop_assert_eq!(message.kind(), kind);
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}
