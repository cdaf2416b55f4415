//! Disks that lose what they had, and messages that no member would send.

use quorate_clocks::NodeId;
use quorate_raft_core::{
    AppendOutcome, AppendReply, Commit, Heartbeat, HeartbeatReply, Index, Message, Position,
    ReadReply, ReadRequest, Role, SnapshotReply, Term, TimeoutNow, VoteRequest,
};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{answer, append, at, granted, matched, refused, request, snapshot, three};

/// B-30: a follower that lost its synced tail neither panics nor commits what it has not, and gets it back.
///
/// Source: etcd #10166; tikv #994; cockroach #25173, #127904 and #171485.
#[test]
fn b_30_a_follower_that_lost_its_tail_gets_it_back() {
    for kept in [0, 1, 2] {
        let mut cluster = Cluster::new(3);
        cluster.elect(1);
        for command in ["a", "b", "c"] {
            cluster.propose(1, command);
        }
        cluster.settle();
        let mut lost = cluster.node(2).disk.clone();
        lost.entries.truncate(kept);
        cluster.boot(2, lost);
        let term = cluster.raft(1).term();
        let heartbeat = Heartbeat {
            term,
            commit: Index(4),
            round: 0,
            mark: 0,
            mark_commit: Index(0),
        };
        answer(&mut cluster, 1, 2, Message::Heartbeat(heartbeat));
        assert_eq!(cluster.raft(2).commit(), Index(kept as u64));
        cluster.run(HEARTBEAT * 8);
        // Nobody proposes anything: it says so itself.
        assert_eq!(cluster.applied(2), ["a", "b", "c"]);
        cluster.propose(1, "d");
        cluster.settle();
        assert_eq!(cluster.applied(2), ["a", "b", "c", "d"]);
        let doubts = cluster.raft(1).counters().doubts;
        assert!(doubts > 0, "people can see that a disk has lost something");
    }
}

/// B-31: an append after an entry that was compacted away, and whose term nobody knows, is no reason to
/// panic, and its news is taken.
///
/// Source: etcd-raft 0c22de0; raft-rs `raft.rs` is fatal.
#[test]
fn b_31_an_append_from_before_the_snapshot_is_taken() {
    for term_before in [1, 7] {
        let mut cluster = Cluster::new(3);
        cluster.boot(2, disk(7, &[1, 1, 1, 1, 1]));
        answer(&mut cluster, 1, 2, append(7, at(5, 1), &[], 5));
        cluster.node(2).compact();
        assert_eq!(cluster.raft(2).status().start, at(5, 1));
        let old = append(7, at(2, term_before), &[7, 7], 0);
        assert_eq!(answer(&mut cluster, 1, 2, old), [matched(7, 5)]);
        assert_eq!(cluster.raft(2).status().last, at(5, 1));
        let longer = append(7, at(4, 1), &[1, 7, 7], 0);
        assert_eq!(answer(&mut cluster, 1, 2, longer), [matched(7, 7)]);
        assert_eq!(cluster.log_terms(2), [7, 7]);
        // What does not match after it is refused with the end of what there is.
        let rejected = AppendOutcome::Rejected {
            previous: Index(9),
            hint: at(5, 1),
        };
        let reply = AppendReply {
            term: Term(7),
            outcome: rejected,
        };
        let beyond = append(7, at(9, 6), &[7], 0);
        let replies = answer(&mut cluster, 1, 2, beyond);
        assert_eq!(replies, [Message::AppendReply(reply)]);
    }
}

/// B-32: an append that contradicts itself is dropped whole, and so is an answer that names what was not
/// sent.
///
/// Source: etcd-raft `raft.go` and raft-rs `raft.rs` panic, or believe it.
#[test]
fn b_32_what_contradicts_itself_changes_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(3, &[1, 2]));
    let malformed = [
        append(3, at(2, 2), &[3, 2], 0),
        append(3, at(2, 2), &[4], 0),
        append(3, at(u64::MAX, 3), &[3], 0),
        append(2, at(2, 3), &[], 0),
    ];
    for message in malformed {
        let dropped = cluster.raft(2).status().dropped_messages;
        assert_eq!(answer(&mut cluster, 1, 2, message), []);
        assert_eq!(cluster.raft(2).status().dropped_messages, dropped + 1);
        assert_eq!(cluster.raft(2).leader(), None);
    }
    assert_eq!(cluster.log_terms(2), [1, 2]);

    let mut cluster = three();
    cluster.propose(1, "a");
    cluster.settle();
    let term = cluster.raft(1).term();
    let before = cluster.raft(1).status();
    let beyond_rounds = HeartbeatReply {
        term,
        round: u64::MAX,
        mark: 1,
    };
    for lie in [
        matched(term.0, u64::MAX),
        matched(term.0, before.last.index.0 + 1),
        Message::HeartbeatReply(beyond_rounds),
    ] {
        answer(&mut cluster, 2, 1, lie);
    }
    let after = cluster.raft(1).status();
    assert_eq!(after.dropped_messages, before.dropped_messages + 3);
    assert_eq!((after.peers, after.commit), (before.peers, before.commit));
}

/// B-33: there is no term before the first one. A message that names it is no local one, and no leader's.
///
/// Here a message that comes from a peer can not be one from inside: that is a method, and not a message.
///
/// Source: etcd-raft `raft.go` and raft-rs `raft.rs` take a message of term 0 for a local one.
#[test]
fn b_33_a_message_of_term_zero_is_nobodys() {
    let none = Term::ZERO;
    let members = |cluster: &mut Cluster| cluster.raft(2).membership().clone();
    let mut fresh = Cluster::new(3);
    let mut used = three();
    for cluster in [&mut fresh, &mut used] {
        cluster.pass(TIMEOUT);
        let all = members(cluster);
        let last = cluster.raft(2).status().last;
        let append_reply = |outcome| {
            Message::AppendReply(AppendReply {
                term: none,
                outcome,
            })
        };
        let index = last.index;
        let heartbeat = Heartbeat {
            term: none,
            commit: Index(9),
            round: 1,
            mark: 0,
            mark_commit: Index(9),
        };
        let messages = [
            Message::PreVote(request(0, at(9, 0))),
            Message::PreVoteReply(granted(0)),
            Message::Vote(request(0, at(9, 0))),
            Message::Vote(VoteRequest {
                is_transfer: true,
                ..request(0, at(9, 0))
            }),
            Message::VoteReply(granted(0)),
            Message::VoteReply(refused(0, 0)),
            append(0, Position::ZERO, &[0, 0], 2),
            append(0, last, &[], 9),
            append_reply(AppendOutcome::Matched { index }),
            append_reply(AppendOutcome::Rejected {
                previous: index,
                hint: Position::ZERO,
            }),
            Message::Commit(Commit {
                term: none,
                commit: Index(9),
            }),
            Message::TimeoutNow(TimeoutNow {
                term: none,
                last,
                mark: 1,
            }),
            Message::ReadRequest(ReadRequest {
                term: none,
                number: 1,
            }),
            Message::ReadReply(ReadReply {
                term: none,
                number: 1,
                index: Some(index),
            }),
            Message::Heartbeat(heartbeat),
            Message::HeartbeatReply(HeartbeatReply {
                term: none,
                round: 1,
                mark: 1,
            }),
            snapshot(0, at(9, 0), &all, "lie"),
            Message::SnapshotReply(SnapshotReply {
                term: none,
                position: last,
                next: 0,
            }),
        ];
        let before = cluster.raft(2).status();
        let hard_state = cluster.node(2).disk.hard_state;
        for message in messages {
            let what = format!("{message:?}");
            for reply in answer(cluster, 3, 2, message) {
                if let Message::VoteReply(reply) | Message::PreVoteReply(reply) = reply {
                    assert!(!reply.granted, "{what}");
                }
            }
            let mut after = cluster.raft(2).status();
            after.dropped_messages = before.dropped_messages;
            assert_eq!(after, before, "{what}");
            assert_eq!(cluster.node(2).disk.hard_state, hard_state, "{what}");
        }
    }
}

/// B-34: a node's own name on a message from outside is not listened to, and what strangers say decides
/// nothing. They are heard: who is behind does not know the newest members.
///
/// Source: etcd-raft f215eff; openraft d000ee20.
#[test]
fn b_34_strangers_decide_nothing() {
    let mut cluster = Cluster::new(3);
    let vote = Message::Vote(request(50, at(9, 9)));
    assert_eq!(answer(&mut cluster, 2, 2, vote), []);
    assert_eq!(cluster.raft(2).term(), Term(0));
    assert_eq!(cluster.raft(2).status().dropped_messages, 1);
    let strangers = [0, 8, 9];
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    for stranger in strangers {
        answer(&mut cluster, stranger, 1, Message::PreVoteReply(granted(1)));
    }
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    answer(&mut cluster, 2, 1, Message::PreVoteReply(granted(1)));
    for stranger in strangers {
        answer(&mut cluster, stranger, 1, Message::VoteReply(granted(1)));
    }
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    answer(&mut cluster, 2, 1, Message::VoteReply(granted(1)));
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    for stranger in strangers {
        answer(&mut cluster, stranger, 1, matched(1, 1));
    }
    assert_eq!(cluster.raft(1).commit(), Index(0));
    assert_eq!(cluster.raft(1).status().dropped_messages, 9);
    assert!(!cluster.raft(1).membership().contains(NodeId(9)));
}
