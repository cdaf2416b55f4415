//! The contract of a machine, on the core: arbitrary calls, no panic, the same outcome twice.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::wire::decode_membership;
use quorate_raft_core::{
    Append, AppendOutcome, AppendReply, Commit, Config, Entries, Entry, Event, Heartbeat,
    HeartbeatReply, Index, Membership, MembershipChange, Message, Payload, Position, Raft,
    ReadReply, ReadRequest, Recovered, Snapshot, SnapshotChunk, SnapshotReply, Term, TimeoutNow,
    Transition, VoteReply, VoteRequest,
};
use quorate_transport::Receipt;
use quorate_transport::contract::{self, Cue, Plan};

/// A call on the core, sensible or not.
#[derive(Clone, Debug)]
enum Call {
    Message(u64, Message),
    Timeout,
    Written(u64),
    WrittenAll,
    Unreachable(u64),
    Propose(usize),
    Read,
    ReadAnywhere,
    Change(MembershipChange),
    Force(Membership),
    LeaveJoint,
    Transfer(u64),
    Campaign,
    ForgetLeader,
    Compact(u64),
    ProvideEntries(u64, Vec<Entry>),
    ProvideSnapshot(u64, Option<Snapshot>),
    Pass(u64),
    Drain,
}

fn small() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![8 => 0_u64..6, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1)]
}

fn position() -> impl Strategy<Value = Position> + Clone {
    (small(), small()).prop_map(|(index, term)| Position {
        term: Term(term),
        index: Index(index),
    })
}

fn members() -> impl Strategy<Value = Vec<NodeId>> + Clone {
    prop::collection::btree_set((0_u64..5).prop_map(NodeId), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

/// Any membership that a wire can bring, so also joint ones.
fn membership() -> impl Strategy<Value = Membership> + Clone {
    let parts = (
        members(),
        members(),
        members(),
        any::<bool>(),
        any::<bool>(),
    );
    parts.prop_map(|(voters, outgoing, learners, is_joint, has_witness)| {
        let set = |voters: &[NodeId]| {
            let mut bytes = BytesMut::new();
            bytes.put_u32_le(voters.len() as u32);
            for voter in voters {
                bytes.put_u32_le(1);
                bytes.put_u8(0);
                bytes.put_u64_le(voter.0);
            }
            bytes
        };
        let mut bytes = BytesMut::new();
        bytes.put_u8(if is_joint { 3 } else { 0 });
        bytes.put_slice(&set(&voters));
        if is_joint {
            bytes.put_slice(&set(&outgoing));
        }
        let learners = learners.iter().filter(|learner| !voters.contains(learner));
        let learners: Vec<_> = learners.collect();
        let witnesses = &voters[..usize::from(has_witness && voters.len() > 1)];
        bytes.put_u32_le(learners.len() as u32);
        learners
            .iter()
            .for_each(|learner| bytes.put_u64_le(learner.0));
        bytes.put_u32_le(witnesses.len() as u32);
        witnesses
            .iter()
            .for_each(|witness| bytes.put_u64_le(witness.0));
        // Where the witness would be the only voter of the other half.
        decode_membership(&mut bytes.freeze()).unwrap_or_default()
    })
}

fn change() -> impl Strategy<Value = MembershipChange> + Clone {
    let transition = prop_oneof![
        Just(Transition::Shortest),
        Just(Transition::Joint),
        Just(Transition::JointUntilLeft),
    ];
    (small(), membership(), 0_u64..5, 0_u8..4, transition).prop_map(
        |(base, membership, id, what, transition)| {
            let change = MembershipChange::of(Index(base), &membership).through(transition);
            let id = NodeId(id);
            match what {
                0 => change.voter(id),
                1 => change.learner(id),
                2 => change.witness(id).even_if_behind(),
                _ => change.remove(id),
            }
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let consecutive = (small(), small(), 0_u64..4).prop_map(|(first, term, count)| {
        (0..count)
            .map(|offset| Entry {
                position: Position {
                    term: Term(term),
                    index: Index(first.saturating_add(offset)),
                },
                payload: Payload::Command(Bytes::from_static(b"command")),
            })
            .collect()
    });
    let random = prop::collection::vec(position(), 0..4).prop_map(|positions| {
        positions
            .into_iter()
            .map(|position| Entry {
                position,
                payload: Payload::Empty,
            })
            .collect()
    });
    let changes = (small(), small(), membership()).prop_map(|(index, term, membership)| {
        vec![Entry {
            position: Position {
                term: Term(term),
                index: Index(index),
            },
            payload: Payload::Membership(membership),
        }]
    });
    prop_oneof![4 => consecutive, 1 => random, 2 => changes]
}

fn message() -> impl Strategy<Value = Message> {
    let term = small().prop_map(Term);
    let vote = (term.clone(), position(), any::<bool>()).prop_map(|(term, last, is_transfer)| {
        VoteRequest {
            term,
            last,
            is_transfer,
        }
    });
    let reply =
        (term.clone(), term.clone(), any::<bool>()).prop_map(|(term, asked, granted)| VoteReply {
            term,
            asked,
            granted,
        });
    prop_oneof![
        vote.clone().prop_map(Message::PreVote),
        vote.prop_map(Message::Vote),
        reply.clone().prop_map(Message::PreVoteReply),
        reply.prop_map(Message::VoteReply),
        (term.clone(), position(), small(), entries()).prop_map(
            |(term, previous, commit, entries)| {
                Message::Append(Append {
                    term,
                    previous,
                    commit: Index(commit),
                    entries: entries.into(),
                })
            }
        ),
        (term.clone(), small()).prop_map(|(term, index)| {
            let outcome = AppendOutcome::Matched {
                index: Index(index),
            };
            Message::AppendReply(AppendReply { term, outcome })
        }),
        (term.clone(), small(), position()).prop_map(|(term, previous, hint)| {
            let outcome = AppendOutcome::Rejected {
                previous: Index(previous),
                hint,
            };
            Message::AppendReply(AppendReply { term, outcome })
        }),
        (term.clone(), small()).prop_map(|(term, commit)| {
            let commit = Index(commit);
            Message::Commit(Commit { term, commit })
        }),
        (term.clone(), small(), small(), small(), small()).prop_map(
            |(term, commit, round, mark, mark_commit)| {
                Message::Heartbeat(Heartbeat {
                    term,
                    commit: Index(commit),
                    round,
                    mark,
                    mark_commit: Index(mark_commit),
                })
            }
        ),
        (term.clone(), small(), small()).prop_map(|(term, round, mark)| {
            Message::HeartbeatReply(HeartbeatReply { term, round, mark })
        }),
        (term.clone(), position(), small())
            .prop_map(|(term, last, mark)| Message::TimeoutNow(TimeoutNow { term, last, mark })),
        (term.clone(), small())
            .prop_map(|(term, number)| Message::ReadRequest(ReadRequest { term, number })),
        (term.clone(), small(), prop::option::of(small())).prop_map(|(term, number, index)| {
            let index = index.map(Index);
            Message::ReadReply(ReadReply {
                term,
                number,
                index,
            })
        }),
        (
            term.clone(),
            position(),
            small(),
            small(),
            0_usize..5,
            membership()
        )
            .prop_map(|(term, position, total, offset, len, membership)| {
                let data = Bytes::from(vec![7; len]);
                Message::SnapshotChunk(Box::new(SnapshotChunk {
                    term,
                    position,
                    membership,
                    total,
                    offset,
                    data,
                }))
            }),
        (term, position(), small()).prop_map(|(term, position, next)| {
            Message::SnapshotReply(SnapshotReply {
                term,
                position,
                next,
            })
        }),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let snapshot = (position(), membership()).prop_map(|(position, membership)| Snapshot {
        position,
        membership,
        data: Bytes::from_static(b"state"),
    });
    prop_oneof![
        12 => (0_u64..5, message()).prop_map(|(from, message)| Call::Message(from, message)),
        4 => Just(Call::Timeout),
        2 => (0_u64..40).prop_map(Call::Written),
        4 => Just(Call::WrittenAll),
        1 => (0_u64..5).prop_map(Call::Unreachable),
        3 => (0_usize..300).prop_map(Call::Propose),
        2 => Just(Call::Read),
        1 => Just(Call::ReadAnywhere),
        2 => change().prop_map(Call::Change),
        1 => membership().prop_map(Call::Force),
        1 => Just(Call::LeaveJoint),
        1 => (0_u64..5).prop_map(Call::Transfer),
        1 => Just(Call::Campaign),
        1 => Just(Call::ForgetLeader),
        1 => small().prop_map(Call::Compact),
        1 => (small(), entries()).prop_map(|(from, entries)| Call::ProvideEntries(from, entries)),
        1 => (0_u64..5, prop::option::of(snapshot))
            .prop_map(|(to, snapshot)| Call::ProvideSnapshot(to, snapshot)),
        4 => (0_u64..3_000).prop_map(Call::Pass),
        6 => Just(Call::Drain),
    ]
}

/// What a run of calls leads to, checked on the way.
#[derive(Debug, PartialEq)]
struct Outcome {
    raft: Raft,
    output: Vec<String>,
}

fn run(calls: &[Call]) -> Outcome {
    let mut config = Config::new(NodeId(1), [NodeId(1), NodeId(2), NodeId(3)]);
    config.max_uncommitted_bytes = 4_000;
    config.max_command_bytes = 200;
    config.window_bytes = 100;
    config.max_reads = 4;
    config.max_outbox = 32;
    config.max_snapshot_bytes = 4;
    let mut now = Instant::from_millis(10);
    let mut raft = Raft::new(config, Recovered::default(), 5, now).unwrap();
    let mut output = Vec::new();
    let mut newest = Receipt::default();
    let mut applied = Index::ZERO;
    let mut was_witness = false;
    for call in calls {
        was_witness |= raft.membership().is_witness(NodeId(1));
        let before = (raft.term(), raft.commit(), raft.applied());
        match call.clone() {
            Call::Message(from, message) => raft.handle_message(NodeId(from), message, now),
            Call::Timeout => raft.handle_timeout(now),
            Call::Written(receipt) => raft.handle_written(Receipt(receipt), now),
            Call::WrittenAll => raft.handle_written(newest, now),
            Call::Unreachable(to) => raft.handle_unreachable(NodeId(to), now),
            Call::Propose(len) => {
                output.push(format!("{:?}", raft.propose(vec![1; len].into(), now)));
            }
            Call::Read => {
                output.push(format!("{:?} {:?}", raft.read(now), raft.lease_read(now)));
            }
            Call::ReadAnywhere => output.push(format!("{:?}", raft.read_anywhere(now))),
            Call::Change(change) => {
                output.push(format!("{:?}", raft.change_membership(&change, now)));
            }
            Call::Force(membership) => {
                output.push(format!("{:?}", raft.force_membership(membership, now)));
            }
            Call::LeaveJoint => output.push(format!("{:?}", raft.leave_joint(now))),
            Call::Transfer(to) => {
                output.push(format!("{:?}", raft.transfer_leadership(NodeId(to), now)));
            }
            Call::Campaign => output.push(format!("{:?}", raft.campaign(now))),
            Call::ForgetLeader => output.push(format!("{:?}", raft.forget_leader(now))),
            Call::Compact(through) => raft.compact(Index(through)),
            Call::ProvideEntries(from, entries) => {
                raft.provide_entries(Index(from), entries.into(), now);
            }
            Call::ProvideSnapshot(to, snapshot) => {
                raft.provide_snapshot(NodeId(to), snapshot, now);
            }
            Call::Pass(millis) => now = now + Duration::from_millis(millis),
            Call::Drain => {
                while let Some(write) = raft.poll_write() {
                    newest = write.receipt;
                    output.push(format!("{write:?}"));
                }
                while let Some(transmit) = raft.poll_transmit() {
                    output.push(format!("{transmit:?}"));
                }
                while let Some(event) = raft.poll_event() {
                    match &event {
                        Event::Committed { entries } => {
                            for entry in entries {
                                // A witness applies nothing.
                                assert!(entry.position.index == applied.next() || was_witness);
                                applied = entry.position.index;
                            }
                        }
                        Event::Restore { snapshot } => applied = snapshot.position.index,
                        _ => {}
                    }
                    output.push(format!("{event:?}"));
                }
            }
        }
        let after = (raft.term(), raft.commit(), raft.applied());
        assert!(before.0 <= after.0 && before.1 <= after.1 && before.2 <= after.2);
        assert!(raft.applied() <= raft.commit());
        let status = raft.status();
        assert!(status.commit <= status.last.index);
        assert!(status.peers.iter().all(|peer| peer.matched < peer.next));
        assert_eq!(raft.poll_timeout(), raft.clone().poll_timeout());
    }
    Outcome { raft, output }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_calls_are_survived_and_repeatable(calls in prop::collection::vec(call(), 1..80)) {
        prop_assert_eq!(run(&calls), run(&calls));
    }
}

/// Three members, their user and an unkind world, by the kit that every machine must pass.
#[test]
fn the_contract_holds_among_three_members() {
    let ids = [NodeId(1), NodeId(2), NodeId(3)];
    let build = |id: NodeId| {
        let mut config = Config::new(id, ids);
        config.max_uncommitted_bytes = 1 << 20;
        config.window_bytes = 2_000;
        config.max_append_bytes = 1_000;
        Raft::new(config, Recovered::default(), id.0, Instant::ORIGIN).unwrap()
    };
    let user = |raft: &mut Raft, cue: Cue<Event>, now: Instant| match cue {
        Cue::Command(random) => match random % 8 {
            0 => drop(raft.propose(random.to_le_bytes().to_vec().into(), now)),
            1 => drop(raft.read_anywhere(now)),
            2 => drop(raft.lease_read(now)),
            4 => drop(raft.change_membership(&raft.change().learner(NodeId(3)), now)),
            5 => drop(raft.change_membership(&raft.change().voter(NodeId(3)), now)),
            6 => drop(raft.transfer_leadership(NodeId(random / 8 % 3 + 1), now)),
            7 => drop(raft.campaign(now)),
            _ => raft.compact(Index(raft.applied().0.saturating_sub(random % 8))),
        },
        Cue::Event(Event::Load { from, .. }) => raft.provide_entries(from, Entries::new(), now),
        Cue::Event(Event::SnapshotWanted { to }) => {
            let position = raft.position_at(raft.applied()).unwrap();
            let snapshot = Snapshot {
                position,
                membership: raft.membership_at(position.index).unwrap().clone(),
                data: Bytes::from_static(b"state"),
            };
            raft.provide_snapshot(to, Some(snapshot), now);
        }
        _ => {}
    };
    let mut committed = 0;
    for seed in 0..20 {
        let report = contract::check(&Plan::new(seed), build, user).unwrap();
        assert!(report.deliveries > 0 && report.writes > 0);
        committed += report.events;
    }
    assert!(committed > 0);
}
