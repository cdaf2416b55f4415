//! Snapshots: over logs that differ, in pieces that get lost, and with the members in them.

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{
    AppendOutcome, AppendReply, Entry, Event, Index, Membership, Message, Payload, PeerState,
    SnapshotReply, Term, Transition,
};

use crate::common::{Cluster, Disk, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{answer, append, at, join, matched, run_without, seen_by, snapshot, three, told};

fn is_wanted(event: &Event) -> bool {
    matches!(event, Event::SnapshotWanted { .. })
}

/// B-52: a snapshot over a divergent tail replaces it, and is sent once.
///
/// Source: hashicorp/raft #697; openraft 674e78aa.
#[test]
fn b_52_a_snapshot_over_a_divergent_tail_is_sent_once() {
    let mut cluster = Cluster::new(3);
    cluster.boot(3, disk(2, &[1, 2, 2, 2, 2, 2]));
    cluster.boot(1, disk(3, &[1, 3, 3]));
    cluster.boot(2, disk(3, &[1, 3, 3]));
    cluster.isolate(3);
    cluster.elect(1);
    cluster.node(1).compact();
    let start = cluster.raft(1).status().start;
    cluster.heal();
    cluster.run(TIMEOUT * 4);
    assert_eq!(cluster.applied(3), ["1t1", "2t3", "3t3"]);
    assert_eq!(told(&mut cluster, 1, is_wanted), 1);
    assert_eq!(cluster.raft(1).counters().snapshots_sent, 1);
    assert_eq!(cluster.raft(3).counters().snapshots_installed, 1);
    // The log goes on after it, and the tail is gone.
    assert_eq!(cluster.raft(3).status().last, start);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.raft(3).position_at(start.index), Some(start));
    assert_eq!(cluster.log_terms(3), cluster.log_terms(1));
}

/// B-53: a snapshot of what the log holds already keeps what follows it, and restores nothing.
///
/// Source: Raft §7; etcd-raft `raft.go`.
#[test]
fn b_53_a_snapshot_of_what_is_held_keeps_the_tail() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1]));
    let members = cluster.raft(2).membership().clone();
    let held = snapshot(1, at(2, 1), &members, "s");
    assert_eq!(answer(&mut cluster, 1, 2, held), [matched(1, 2)]);
    assert_eq!(cluster.log_terms(2), [1; 4]);
    assert_eq!(cluster.raft(2).commit(), Index(2));
    assert_eq!(cluster.applied(2), ["1t1", "2t1"]);
    // With another term at its end, the log is another one, and what follows is nothing.
    let other = snapshot(3, at(4, 2), &members, "s");
    assert_eq!(answer(&mut cluster, 1, 2, other), [matched(3, 4)]);
    assert_eq!(cluster.log_terms(2), []);
    assert_eq!(cluster.applied(2), ["s"]);
}

/// B-54: a snapshot that is older than what is committed, or that contradicts it, is not restored.
///
/// Source: openraft ac3e5a89 (#1892) and eed681d5.
#[test]
fn b_54_a_snapshot_does_not_go_back() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1]));
    let members = cluster.raft(2).membership().clone();
    answer(&mut cluster, 1, 2, append(1, at(4, 1), &[], 4));
    for (index, term) in [(2, 1), (4, 1), (4, 2), (3, 2), (0, 0)] {
        let old = snapshot(2, at(index, term), &members, "old");
        assert_eq!(answer(&mut cluster, 1, 2, old), [matched(2, 4)]);
        assert_eq!(cluster.applied(2), ["1t1", "2t1", "3t1", "4t1"]);
        assert_eq!(cluster.log_terms(2), [1; 4]);
    }
    // Nor one that is older than another snapshot.
    let newer = snapshot(2, at(9, 2), &members, "nine");
    answer(&mut cluster, 1, 2, newer);
    let older = snapshot(2, at(7, 2), &members, "seven");
    assert_eq!(answer(&mut cluster, 1, 2, older), [matched(2, 9)]);
    assert_eq!(cluster.applied(2), ["nine"]);
    assert_eq!(
        told(&mut cluster, 2, |event| matches!(
            event,
            Event::Restore { .. }
        )),
        1
    );
}

/// B-55: a snapshot brings the members, also those of a joint membership, and also to who is about to leave.
///
/// Source: etcd #12631; etcd-raft e515a67 and a424e5b; raft-rs 74f6aa4.
#[test]
fn b_55_a_snapshot_brings_the_members() {
    let mut cluster = three();
    cluster.isolate(2);
    let change = |change: quorate_raft_core::MembershipChange| {
        let change = change.remove(NodeId(2)).learner(NodeId(4));
        change.through(Transition::JointUntilLeft)
    };
    cluster.change(1, change).unwrap();
    for _ in 0..4 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    cluster.node(1).compact();
    join(&mut cluster, 4);
    cluster.heal();
    cluster.run(HEARTBEAT * 40);
    let members = "voters n1 n3, outgoing voters n1 n2 n3, learners n4";
    for id in [2, 4] {
        let taken = cluster.node(id).disk.snapshot.clone().unwrap();
        assert_eq!(taken.membership.to_string(), members);
        assert_eq!(cluster.members(id), members);
    }
    // Who restarts from a snapshot knows them, too.
    for id in [1, 2, 4] {
        cluster.restart(id);
        assert_eq!(cluster.members(id), members);
        assert!(!cluster.raft(id).membership().leaves_alone());
    }
}

/// B-56: a membership in an entry that a snapshot takes the place of is forgotten.
///
/// Source: openraft 01e813a5 (#1808), 447dc11c and dba24036.
#[test]
fn b_56_a_snapshot_takes_the_place_of_memberships() {
    let mut cluster = Cluster::new(3);
    let founders = cluster.raft(2).membership().clone();
    let old = Membership::of_voters([2, 7, 8, 9].map(NodeId)).unwrap();
    let mut lost = disk(1, &[1, 1, 1]);
    lost.entries[1] = Entry {
        position: at(2, 1),
        payload: Payload::Membership(old.clone()),
    };
    cluster.boot(2, lost);
    assert_eq!(cluster.raft(2).membership(), &old);
    answer(&mut cluster, 1, 2, snapshot(3, at(5, 3), &founders, "s"));
    assert_eq!(cluster.raft(2).membership(), &founders);
    assert_eq!(cluster.raft(2).membership_index(), Index(5));
    assert_eq!(cluster.raft(2).membership_at(Index(2)), None);
    assert_eq!(
        told(&mut cluster, 2, |event| matches!(
            event,
            Event::MembershipChanged { .. }
        )),
        1
    );
    // What is appended and removed after it does not bring it back.
    answer(&mut cluster, 1, 2, append(3, at(5, 3), &[3, 3], 5));
    answer(&mut cluster, 3, 2, append(4, at(5, 3), &[4], 5));
    assert_eq!(cluster.log_terms(2), [4]);
    assert_eq!(cluster.raft(2).membership(), &founders);
    cluster.restart(2);
    assert_eq!(cluster.raft(2).membership(), &founders);
}

/// A cluster whose node 3 needs a snapshot of 8 entries, which the leader begins to send in small pieces.
fn behind() -> Cluster {
    let mut cluster = Cluster::with(3, |config| config.snapshot_chunk_bytes = 4);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster.isolate(3);
    for command in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster
}

/// B-57: a snapshot that is older than the one wanted, or than the one that is being sent, is as good: what
/// follows it comes from the log.
///
/// Source: etcd-raft d87942f (#110).
#[test]
fn b_57_any_snapshot_that_the_log_goes_on_from_is_good() {
    // The driver brings an older one than the newest there is.
    let mut cluster = behind();
    let half = cluster.applied(1).len() / 2;
    let mut disk = Disk::default();
    {
        let leader = cluster.node(1);
        let position = leader.raft.position_at(Index(half as u64 + 1)).unwrap();
        let membership = leader.raft.membership().clone();
        let data = crate::common::encode_state(&leader.applied[..half]);
        disk.snapshot = Some(quorate_raft_core::Snapshot {
            position,
            membership,
            data,
        });
        disk.hard_state = leader.disk.hard_state;
        disk.hard_state.vote = None;
        leader.disk.snapshot = disk.snapshot.clone();
        leader
            .disk
            .entries
            .retain(|entry| entry.position.index > position.index);
        leader.raft.compact(position.index);
    }
    let mut delegated = behind();
    cluster.heal();
    cluster.run(TIMEOUT * 4);
    let all = cluster.applied(1);
    assert_eq!((all.len(), cluster.applied(3)), (8, all.clone()));
    assert_eq!(cluster.raft(1).counters().snapshots_sent, 1);
    // While the leader sends the newest, an older one comes from elsewhere.
    delegated.node(1).compact();
    delegated.heal();
    run_without(&mut delegated, HEARTBEAT * 3, |(from, _, message)| {
        *from == 3 && matches!(message, Message::SnapshotReply(_))
    });
    let state = seen_by(&mut delegated, 1, 3);
    assert!(
        matches!(state, PeerState::TakesSnapshot { .. }),
        "{state:?}"
    );
    delegated.boot(3, disk);
    delegated.run(TIMEOUT * 8);
    let status = delegated.raft(3).status();
    assert_eq!(status.last.index, Index(9));
    assert_eq!(seen_by(&mut delegated, 1, 3), PeerState::UpToDate);
}

/// B-58: a lost piece, and a lost answer to the last one, end in progress, and nothing is appended before.
///
/// Source: etcd-raft `raft.go`, the end of a snapshot.
#[test]
fn b_58_a_snapshot_survives_lost_pieces_and_answers() {
    let mut cluster = behind();
    cluster.node(1).compact();
    let start = cluster.raft(1).status().start;
    cluster.heal();
    let mut count = 0_u32;
    run_without(&mut cluster, HEARTBEAT * 200, |(_, to, message)| {
        if let Message::Append(append) = message {
            assert!(*to != 3 || append.previous.index >= start.index);
        }
        let is_bulk = matches!(
            message,
            Message::SnapshotChunk(_) | Message::SnapshotReply(_) | Message::AppendReply(_)
        );
        count += u32::from(is_bulk);
        is_bulk && count.is_multiple_of(3)
    });
    let all = cluster.applied(1);
    assert_eq!((all.len(), cluster.applied(3)), (8, all.clone()));
    // The last answer is lost: it is asked for again, and not the whole snapshot.
    let mut cluster = behind();
    cluster.node(1).compact();
    cluster.heal();
    let mut is_first = true;
    run_without(&mut cluster, TIMEOUT * 4, |(from, _, message)| {
        let is_end = match message {
            Message::AppendReply(reply) => {
                *from == 3 && matches!(reply.outcome, AppendOutcome::Matched { .. })
            }
            _ => false,
        };
        is_end && core::mem::replace(&mut is_first, false)
    });
    assert!(!is_first);
    assert_eq!(cluster.raft(3).counters().snapshots_installed, 1);
    assert_eq!(seen_by(&mut cluster, 1, 3), PeerState::UpToDate);
}

/// B-59: a snapshot that is not taken is answered, so that nobody goes on to send it.
///
/// Source: hashicorp/raft #212.
#[test]
fn b_59_a_snapshot_that_is_not_taken_is_answered() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(5, &[1, 1, 5]));
    let members = cluster.raft(2).membership().clone();
    // From the leader of an old term, which learns that it is none.
    let old = snapshot(4, at(9, 4), &members, "s");
    let newer_term = AppendReply {
        term: Term(5),
        outcome: AppendOutcome::Matched { index: Index::ZERO },
    };
    let replies = answer(&mut cluster, 1, 2, old);
    assert_eq!(replies, [Message::AppendReply(newer_term)]);
    // Of what is there: the answer says how far it is.
    let held = snapshot(5, at(3, 5), &members, "s");
    assert_eq!(answer(&mut cluster, 1, 2, held), [matched(5, 3)]);
    // A piece from the middle: the answer says where it should begin.
    let Message::SnapshotChunk(mut middle) = snapshot(5, at(9, 5), &members, "a longer one") else {
        unreachable!("it is a chunk")
    };
    middle.offset = 4;
    middle.data = Bytes::from_static(b"piece");
    let from_the_start = SnapshotReply {
        term: Term(5),
        position: at(9, 5),
        next: 0,
    };
    let replies = answer(&mut cluster, 1, 2, Message::SnapshotChunk(middle));
    assert_eq!(replies, [Message::SnapshotReply(from_the_start)]);
    // And the leader that is told so stops: an old one steps down, and the other sends what follows.
    let mut cluster = behind();
    cluster.node(1).compact();
    cluster.heal();
    run_without(&mut cluster, HEARTBEAT * 3, |(from, _, message)| {
        *from == 3 && matches!(message, Message::SnapshotReply(_))
    });
    let term = cluster.raft(1).term().0;
    cluster.network.clear();
    cluster.deliver((3, 1, matched(term, 9)));
    let is_piece = |message: &Message| matches!(message, Message::SnapshotChunk(_));
    assert!(
        !cluster
            .network
            .iter()
            .any(|(_, _, message)| is_piece(message))
    );
    cluster.deliver((
        3,
        1,
        Message::AppendReply(AppendReply {
            term: Term(term + 1),
            ..newer_term
        }),
    ));
    assert_eq!(cluster.leaders(), []);
}
