//! The hall of known bugs: scenarios that other implementations of Raft got wrong.
//!
//! Each test has the number under which the bug is kept here, and where it happened.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Cluster, HEARTBEAT, TIMEOUT, disk, entries};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Append, AppendOutcome, AppendReply, Config, Event, Fate, HardState, Heartbeat, HeartbeatReply,
    Index, Message, Position, ProposeError, Raft, ReadError, Recovered, Role, StartError, Term,
    VoteReply, VoteRequest,
};

fn at(index: u64, term: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

/// Delivers `message` and gives what its receiver sends in return.
fn answer(cluster: &mut Cluster, from: u64, to: u64, message: Message) -> Vec<Message> {
    cluster.network.clear();
    cluster.deliver((from, to, message));
    cluster
        .network
        .drain(..)
        .map(|(_, _, message)| message)
        .collect()
}

fn append(term: u64, previous: Position, terms: &[u64], commit: u64) -> Message {
    let mut all = entries(terms);
    for (offset, entry) in all.iter_mut().enumerate() {
        entry.position.index = Index(previous.index.0.saturating_add(offset as u64 + 1));
    }
    Message::Append(Append {
        term: Term(term),
        previous,
        commit: Index(commit),
        entries: all.into(),
    })
}

/// B-02: a vote is given only once it is durable (raft.tla #5).
#[test]
fn b02_a_vote_leaves_only_after_it_is_durable() {
    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    let request = VoteRequest {
        term: Term(5),
        last: at(9, 4),
        is_transfer: false,
    };
    assert_eq!(answer(&mut cluster, 1, 2, Message::Vote(request)), []);
    let now = cluster.now;
    cluster.node(2).sync(now);
    cluster.drain(2);
    let granted = VoteReply {
        term: Term(5),
        asked: Term(5),
        granted: true,
    };
    assert_eq!(
        cluster.network.pop_front().unwrap().2,
        Message::VoteReply(granted)
    );
    assert_eq!(cluster.node(2).disk.hard_state.vote, Some(NodeId(1)));
}

/// B-03: a log whose last term is newer than the stored term is refused (openraft io_ordering.md).
#[test]
fn b03_a_lost_hard_state_is_noticed_at_start() {
    let recovered = disk(1, &[1, 5]).recover(true);
    let error = Raft::new(
        Config::new(NodeId(1), [NodeId(1)]),
        recovered,
        0,
        Instant::ORIGIN,
    );
    assert_eq!(
        error,
        Err(StartError::TermBehindLog {
            term: Term(1),
            last: at(2, 5)
        })
    );
}

/// B-04: a leader counts its own entry only once it is durable (openraft a9f696a9).
#[test]
fn b04_the_leader_does_not_count_its_own_unflushed_entry() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let before = cluster.raft(1).commit();
    cluster.crash(3);
    cluster.sync_at_once = false;
    cluster.propose(1, "a");
    cluster.settle();
    let now = cluster.now;
    cluster.node(2).sync(now);
    cluster.settle();
    assert_eq!(
        cluster.raft(1).commit(),
        before,
        "one copy of three is durable"
    );
    cluster.node(1).sync(now);
    cluster.settle();
    assert_eq!(cluster.raft(1).commit(), before.next());
}

/// B-05: a candidate counts its own vote only once it is durable (etcd-raft e9e525d).
#[test]
fn b05_the_candidates_own_vote_waits_for_the_disk() {
    let mut cluster = Cluster::new(1);
    cluster.sync_at_once = false;
    cluster.campaign(1);
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    let now = cluster.now;
    cluster.node(1).sync(now);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
}

/// B-06: logs are compared by (term, index) as a pair (openraft a48a3282).
#[test]
fn b06_a_longer_log_of_an_older_term_gets_no_vote() {
    let mut cluster = Cluster::new(2);
    cluster.boot(2, disk(3, &[1, 1, 1, 1, 3]));
    cluster.pass(TIMEOUT * 2);
    let request = VoteRequest {
        term: Term(4),
        last: at(100, 2),
        is_transfer: false,
    };
    let replies = answer(&mut cluster, 1, 2, Message::Vote(request));
    let refused = VoteReply {
        term: Term(4),
        asked: Term(4),
        granted: false,
    };
    assert_eq!(replies, [Message::VoteReply(refused)]);
}

/// B-07: a refusal with a newer term brings the term, and nothing else (openraft b06cbb37).
#[test]
fn b07_a_refusal_with_a_newer_term_leaves_the_vote_open() {
    let mut cluster = Cluster::new(3);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let reply = VoteReply {
        term: Term(9),
        asked: Term(1),
        granted: false,
    };
    answer(&mut cluster, 2, 1, Message::PreVoteReply(reply));
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    assert_eq!(
        cluster.node(1).disk.hard_state,
        HardState {
            term: Term(9),
            vote: None
        }
    );
}

/// B-08: a pre-vote that is granted carries the term that was asked for (etcd-raft d4471b2).
#[test]
fn b08_a_pre_vote_is_granted_by_a_member_of_an_older_term() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(3, &[3]));
    cluster.boot(2, disk(1, &[1]));
    cluster.crash(3);
    cluster.elect(1);
}

/// B-09, B-10: a member stranded in a newer term is brought back, and a leader is elected
/// (etcd-raft 3c7359d, cockroach #131767).
#[test]
fn b10_a_member_stranded_in_a_newer_term_rejoins() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    let mut stranded = cluster.node(3).disk.clone();
    stranded.hard_state = HardState {
        term: Term(20),
        vote: None,
    };
    cluster.boot(3, stranded);
    cluster.run(TIMEOUT * 8);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    assert!(cluster.raft(leader).term() > Term(20));
    cluster.propose(leader, "b");
    cluster.settle();
    cluster.run(HEARTBEAT * 2);
    assert_eq!(cluster.applied(3), ["a", "b"]);
}

/// B-12: an answer to an earlier round of pre-votes does not count (openraft #1839).
#[test]
fn b12_a_stale_pre_vote_is_not_counted() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(4, &[4]));
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let stale = VoteReply {
        term: Term(4),
        asked: Term(4),
        granted: true,
    };
    answer(&mut cluster, 2, 1, Message::PreVoteReply(stale));
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
}

/// B-16: with pre-vote and check-quorum a leader that reaches a majority stays, when the others
/// only see it (the outage of Cloudflare's etcd, decentralizedthoughts 2020-12-12).
#[test]
fn b16_a_partial_partition_does_not_unseat_a_leader_with_a_majority() {
    let mut cluster = Cluster::new(5);
    cluster.elect(2);
    // 1-2-3 are connected; 4 reaches only 2; 5 reaches only 3.
    for (a, b) in [(4, 1), (4, 3), (4, 5), (5, 1), (5, 2)] {
        cluster.cut.push((a, b));
        cluster.cut.push((b, a));
    }
    let term = cluster.raft(2).term();
    cluster.run(TIMEOUT * 12);
    assert_eq!(cluster.raft(2).role(), Role::Leader);
    assert_eq!(cluster.raft(2).term(), term);
}

/// B-20: a delayed, short append does not remove what follows (openraft 9540c904).
#[test]
fn b20_a_stale_append_does_not_truncate() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1, 1]));
    answer(&mut cluster, 1, 2, append(1, at(1, 1), &[1, 1], 0));
    assert_eq!(cluster.log_terms(2), [1; 5]);
}

/// B-21: a follower commits only what this append has verified (rule 5 of figure 2).
#[test]
fn b21_a_divergent_tail_is_not_committed() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(5, &[1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]));
    answer(&mut cluster, 1, 2, append(5, at(7, 1), &[], 12));
    assert_eq!(cluster.raft(2).commit(), Index(7));
}

/// B-22: a heartbeat names no more than its receiver is known to hold (etcd-raft, cockroach #25173).
#[test]
fn b22_a_heartbeat_commits_only_what_is_matched() {
    let mut cluster = Cluster::new(3);
    cluster.boot(3, disk(1, &[1, 1, 1]));
    cluster.boot(1, disk(2, &[2, 2]));
    cluster.boot(2, disk(2, &[2, 2]));
    cluster.cut.push((3, 1));
    cluster.pass(TIMEOUT * 2);
    cluster.elect(1);
    cluster.cut.push((1, 3));
    cluster.run(HEARTBEAT * 2);
    cluster.heal();
    cluster.cut.push((3, 1));
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster
        .network
        .retain(|(_, _, message)| matches!(message, Message::Heartbeat(_)));
    cluster.settle();
    assert!(cluster.raft(1).commit() > Index(0));
    assert_eq!(cluster.raft(3).commit(), Index(0));
}

/// B-24, B-32: an answer that names what was never sent, or was long matched, changes nothing.
#[test]
fn b24_b32_impossible_answers_are_dropped() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    let term = cluster.raft(1).term();
    let before = cluster.raft(1).status();
    let lies = [
        AppendOutcome::Matched {
            index: Index(u64::MAX),
        },
        AppendOutcome::Rejected {
            previous: Index(1),
            hint: Position::ZERO,
        },
        AppendOutcome::Rejected {
            previous: Index(99),
            hint: at(98, 1),
        },
        AppendOutcome::Rejected {
            previous: Index(2),
            hint: at(u64::MAX, u64::MAX),
        },
    ];
    for outcome in lies {
        let reply = AppendReply { term, outcome };
        answer(&mut cluster, 2, 1, Message::AppendReply(reply));
    }
    let reply = HeartbeatReply {
        term,
        round: u64::MAX,
        mark: 1,
    };
    answer(&mut cluster, 2, 1, Message::HeartbeatReply(reply));
    let after = cluster.raft(1).status();
    assert_eq!(after.dropped_messages, before.dropped_messages + 5);
    let matched = |status: &quorate_raft_core::Status| {
        status
            .peers
            .iter()
            .map(|peer| (peer.matched, peer.next))
            .collect::<Vec<_>>()
    };
    assert_eq!(matched(&after), matched(&before));
}

/// B-26: when every message of a full window is lost, the follower still catches up
/// (etcd #14633).
#[test]
fn b26_a_window_whose_messages_were_all_lost_recovers() {
    let mut cluster = Cluster::with(3, |config| config.max_appends_in_flight = 2);
    cluster.elect(1);
    cluster.cut.push((1, 3));
    for command in ["a", "b", "c", "d", "e"] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.heal();
    cluster.run(HEARTBEAT * 6);
    assert_eq!(cluster.applied(3), ["a", "b", "c", "d", "e"]);
    assert_eq!(cluster.leaders(), [1]);
}

/// B-28, B-29: a follower whose next entry was compacted away gets a snapshot, at once and without
/// new proposals (etcd-raft 76f1249, openraft #1828).
#[test]
fn b29_a_follower_behind_a_purged_log_converges_without_new_proposals() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.node(1).compact();
    cluster.heal();
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.applied(3), ["a"]);
}

/// B-30: a follower that lost its synced tail neither panics nor commits what it has not
/// (etcd #10166, cockroach #25173).
#[test]
fn b30_a_follower_that_lost_its_tail_gets_it_back() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    let mut lost = cluster.node(2).disk.clone();
    lost.entries.truncate(1);
    cluster.boot(2, lost);
    cluster.run(HEARTBEAT * 8);
    cluster.propose(1, "d");
    cluster.run(HEARTBEAT * 8);
    assert_eq!(cluster.applied(2), ["a", "b", "c", "d"]);
}

/// B-32: an append that contradicts itself is dropped whole.
#[test]
fn b32_a_malformed_append_changes_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(3, &[1, 2]));
    let malformed = [
        append(3, at(2, 2), &[3, 2], 0),
        append(3, at(2, 2), &[4], 0),
        append(3, at(u64::MAX, 3), &[3], 0),
        append(2, at(2, 3), &[], 0),
    ];
    for message in malformed {
        let state = cluster.raft(2).clone();
        assert_eq!(answer(&mut cluster, 1, 2, message), []);
        assert_eq!(
            cluster.raft(2).status().dropped_messages,
            state.status().dropped_messages + 1
        );
        assert_eq!(cluster.raft(2).leader(), None);
    }
    assert_eq!(cluster.log_terms(2), [1, 2]);
}

/// B-34: a node's own name on a message from outside is not listened to, and what strangers say decides
/// nothing. They are heard: who is behind does not know the newest members.
#[test]
fn b34_strangers_decide_nothing() {
    let mut cluster = Cluster::new(3);
    let request = VoteRequest {
        term: Term(50),
        last: at(9, 9),
        is_transfer: false,
    };
    assert_eq!(answer(&mut cluster, 2, 2, Message::Vote(request)), []);
    assert_eq!(cluster.raft(2).term(), Term(0));
    assert_eq!(cluster.raft(2).status().dropped_messages, 1);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let granted = VoteReply {
        term: Term(1),
        asked: Term(1),
        granted: true,
    };
    for stranger in [0, 8, 9] {
        answer(&mut cluster, stranger, 1, Message::PreVoteReply(granted));
    }
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    answer(&mut cluster, 2, 1, Message::PreVoteReply(granted));
    for stranger in [0, 8, 9] {
        answer(&mut cluster, stranger, 1, Message::VoteReply(granted));
    }
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    answer(&mut cluster, 2, 1, Message::VoteReply(granted));
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    for stranger in [0, 8, 9] {
        let reply = AppendReply {
            term: Term(1),
            outcome: AppendOutcome::Matched { index: Index(1) },
        };
        answer(&mut cluster, stranger, 1, Message::AppendReply(reply));
    }
    assert_eq!(cluster.raft(1).commit(), Index(0));
    assert_eq!(cluster.raft(1).status().dropped_messages, 9);
}

/// B-36: a vote that arrives twice counts once (openraft d60f1e85).
#[test]
fn b36_a_duplicated_vote_counts_once() {
    let mut cluster = Cluster::new(5);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let pre_vote = VoteReply {
        term: Term(1),
        asked: Term(1),
        granted: true,
    };
    for from in [2, 3] {
        answer(&mut cluster, from, 1, Message::PreVoteReply(pre_vote));
    }
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    for _ in 0..5 {
        answer(&mut cluster, 2, 1, Message::VoteReply(pre_vote));
    }
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
}

/// B-37: a follower that was reported unreachable is streamed to again when it answers
/// (etcd-raft 49bac48).
#[test]
fn b37_a_caught_up_follower_leaves_the_probe() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let now = cluster.now;
    cluster.raft(1).handle_unreachable(NodeId(3), now);
    cluster.run(HEARTBEAT * 4);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a"]);
}

/// B-39: the account of uncommitted bytes comes back to nothing (etcd-raft a370b6f).
#[test]
fn b39_the_budget_of_proposals_is_paid_back() {
    let mut cluster = Cluster::with(3, |config| {
        config.max_uncommitted_bytes = 300;
        config.max_command_bytes = 300;
    });
    cluster.elect(1);
    for round in 0..20 {
        let now = cluster.now;
        let mut taken = 0;
        let refused = loop {
            match cluster.raft(1).propose(Bytes::from_static(&[7; 50]), now) {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(taken, 2, "round {round}");
        assert!(
            matches!(
                refused,
                ProposeError::Full {
                    waiting_bytes: 228,
                    ..
                }
            ),
            "{refused}"
        );
        assert_eq!(refused.into_command(), Bytes::from_static(&[7; 50]));
        cluster.settle();
    }
    assert_eq!(cluster.applied(2).len(), 40);
}

/// B-41: a state machine that is ahead of the known commit index is no reason not to start
/// (raft-rs #392).
#[test]
fn b41_applied_beyond_the_commit_index_is_taken_as_committed() {
    let mut recovered = disk(1, &[1, 1, 1]).recover(true);
    recovered.applied = Index(2);
    let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
    let raft = Raft::new(config, recovered, 0, Instant::ORIGIN).unwrap();
    assert_eq!(raft.commit(), Index(2));
}

/// B-52: a snapshot over a divergent tail replaces it, and is sent once (hashicorp/raft #697).
#[test]
fn b52_a_snapshot_over_a_divergent_tail_is_sent_once() {
    let mut cluster = Cluster::new(3);
    cluster.boot(3, disk(2, &[1, 2, 2, 2, 2, 2]));
    cluster.boot(1, disk(3, &[1, 3, 3]));
    cluster.boot(2, disk(3, &[1, 3, 3]));
    cluster.isolate(3);
    cluster.elect(1);
    cluster.node(1).compact();
    cluster.heal();
    cluster.run(TIMEOUT * 4);
    let applied = cluster.applied(1);
    assert_eq!(cluster.applied(3), applied);
    let wanted = |event: &&Event| matches!(event, Event::SnapshotWanted { .. });
    assert_eq!(cluster.node(1).events.iter().filter(wanted).count(), 1);
}

/// B-53: a snapshot of what the log holds already keeps what follows it.
#[test]
fn b53_a_snapshot_of_what_is_held_keeps_the_tail() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1]));
    let chunk = quorate_raft_core::SnapshotChunk {
        term: Term(1),
        position: at(2, 1),
        membership: cluster.raft(2).membership().clone(),
        total: 3,
        offset: 0,
        data: Bytes::from_static(b"abc"),
    };
    answer(&mut cluster, 1, 2, Message::SnapshotChunk(Box::new(chunk)));
    assert_eq!(cluster.log_terms(2), [1; 4]);
    assert_eq!(cluster.raft(2).commit(), Index(2));
    assert_eq!(cluster.applied(2), ["1t1", "2t1"]);
}

/// B-54: an older snapshot after a newer one is not restored (openraft #1892).
#[test]
fn b54_a_snapshot_does_not_go_back() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(1, &[1, 1, 1, 1]));
    answer(&mut cluster, 1, 2, append(1, at(4, 1), &[], 4));
    let chunk = quorate_raft_core::SnapshotChunk {
        term: Term(1),
        position: at(2, 1),
        membership: cluster.raft(2).membership().clone(),
        total: 0,
        offset: 0,
        data: Bytes::new(),
    };
    let replies = answer(&mut cluster, 1, 2, Message::SnapshotChunk(Box::new(chunk)));
    let outcome = AppendOutcome::Matched { index: Index(4) };
    assert_eq!(
        replies,
        [Message::AppendReply(AppendReply {
            term: Term(1),
            outcome
        })]
    );
    assert_eq!(cluster.applied(2).len(), 4);
}

/// B-58: a lost chunk, and a lost answer to the last one, end in progress (etcd-raft).
#[test]
fn b58_a_snapshot_survives_lost_chunks_and_answers() {
    let mut cluster = Cluster::with(3, |config| config.snapshot_chunk_bytes = 4);
    cluster.elect(1);
    cluster.isolate(3);
    for command in ["a", "b", "c", "d"] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.node(1).compact();
    cluster.heal();
    let mut count = 0_u32;
    for _ in 0..400 {
        cluster.pass(HEARTBEAT / 2);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        while let Some(next) = cluster.network.pop_front() {
            let bulk = matches!(
                next.2,
                Message::SnapshotChunk(_) | Message::SnapshotReply(_) | Message::AppendReply(_)
            );
            count += u32::from(bulk);
            if !(bulk && count.is_multiple_of(3)) {
                cluster.deliver(next);
            }
        }
    }
    assert_eq!(cluster.applied(3), ["a", "b", "c", "d"]);
}

/// B-74: no read is confirmed before the leader has committed in its term (etcd #7331).
#[test]
fn b74_a_new_leader_does_not_read_before_its_first_commit() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(4, &[4, 4]));
    cluster.boot(2, disk(4, &[4, 4]));
    cluster.boot(3, disk(4, &[4, 4]));
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    while cluster.raft(1).role() != Role::Leader {
        let next = cluster.network.pop_front().unwrap();
        cluster.deliver(next);
    }
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.drain(1);
    // Heartbeats are answered, appends are not.
    while let Some(next) = cluster.network.pop_front() {
        if !matches!(next.2, Message::Append(_)) {
            cluster.deliver(next);
        }
    }
    let is_ready = |event: &Event| matches!(event, Event::ReadReady { .. });
    assert!(!cluster.node(1).events.iter().any(is_ready));
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    cluster.run(HEARTBEAT * 4);
    let ready = Event::ReadReady {
        ticket,
        index: Index(3),
    };
    assert!(cluster.node(1).events.contains(&ready));
}

/// B-75, B-76: answers to a round that was sent before the read do not confirm it (etcd #20418).
#[test]
fn b75_an_answer_to_an_earlier_round_does_not_confirm_a_read() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let earlier: Vec<_> = cluster.network.drain(..).collect();
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.drain(1);
    cluster.network.clear();
    for message in earlier.clone().into_iter().chain(earlier) {
        cluster.deliver(message);
    }
    cluster.settle();
    let is_ready =
        |event: &Event| matches!(event, Event::ReadReady { ticket: ready, .. } if *ready == ticket);
    assert!(!cluster.node(1).events.iter().any(is_ready));
}

/// B-78: the lease counts from when the answered round was sent, not from the last check
/// (etcd-raft #166).
#[test]
fn b78_the_lease_counts_from_the_sending_of_the_answered_round() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let sent_at = cluster.now;
    // The answers take almost as long as the lease.
    cluster.pass(TIMEOUT - HEARTBEAT);
    cluster.settle();
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).unwrap().until < sent_at + TIMEOUT);
    let after = sent_at + TIMEOUT;
    assert_eq!(cluster.raft(1).lease_read(after), Err(ReadError::NoLease));
}

/// B-79: a follower that restarts keeps the word that its earlier life gave a leader
/// (tikv #15035, braft #276).
#[test]
fn b79_a_restarted_follower_gives_no_vote_at_once() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    cluster.crash(3);
    cluster.restart(3);
    let term = cluster.raft(1).term().next();
    let request = VoteRequest {
        term,
        last: at(99, 99),
        is_transfer: false,
    };
    for message in [Message::Vote(request), Message::PreVote(request)] {
        let granted = answer(&mut cluster, 2, 3, message)
            .iter()
            .any(|reply| match reply {
                Message::VoteReply(reply) | Message::PreVoteReply(reply) => reply.granted,
                _ => false,
            });
        assert!(!granted);
    }
    cluster.pass(TIMEOUT);
    let replies = answer(&mut cluster, 2, 3, Message::Vote(request));
    assert!(matches!(
        replies[..],
        [Message::VoteReply(VoteReply { granted: true, .. })]
    ));
}

/// A leader that steps down gives no vote while a permit that it granted still runs.
#[test]
fn a_leader_that_steps_down_keeps_its_own_part_in_its_lease() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    let now = cluster.now;
    let permit = cluster.raft(1).lease_read(now).unwrap();
    let reply = HeartbeatReply {
        term: Term(40),
        round: 0,
        mark: 0,
    };
    answer(&mut cluster, 3, 1, Message::HeartbeatReply(reply));
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    let request = Message::Vote(VoteRequest {
        term: Term(41),
        last: at(99, 40),
        is_transfer: false,
    });
    let granted = |replies: Vec<Message>| {
        matches!(
            replies[..],
            [Message::VoteReply(VoteReply { granted: true, .. })]
        )
    };
    assert!(!granted(answer(&mut cluster, 3, 1, request.clone())));
    cluster.now = permit.until;
    assert!(granted(answer(&mut cluster, 3, 1, request)));
}

/// A newer term that reaches a follower by another way does not free it from its word: it votes for
/// nobody while a leader that it answered may hold a lease.
#[test]
fn a_newer_term_does_not_end_the_word_given_to_a_leader() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    let term = cluster.raft(1).term().next();
    let late = VoteReply {
        term,
        asked: term,
        granted: false,
    };
    answer(&mut cluster, 3, 2, Message::PreVoteReply(late));
    assert_eq!(cluster.raft(2).term(), term);
    let request = Message::Vote(VoteRequest {
        term,
        last: at(99, 40),
        is_transfer: false,
    });
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).is_ok());
    let refused = VoteReply {
        term,
        asked: term,
        granted: false,
    };
    assert_eq!(
        answer(&mut cluster, 3, 2, request),
        [Message::VoteReply(refused)]
    );
}

/// Every proposal ends: one that is overwritten is said to be replaced, once that is certain.
#[test]
fn a_proposal_that_is_overwritten_is_reported_lost() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(1);
    let position = cluster.propose(1, "lost");
    cluster.settle();
    cluster.campaign(2);
    cluster.run(TIMEOUT * 3);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    cluster.propose(leader, "kept");
    cluster.settle();
    let lost = Event::ProposalLost {
        position,
        fate: Fate::Replaced,
    };
    assert!(!cluster.node(1).events.contains(&lost));
    cluster.heal();
    cluster.run(TIMEOUT);
    assert!(cluster.node(1).events.contains(&lost));
    assert_eq!(cluster.applied(1), ["kept"]);
}

/// A proposal whose place in the log a snapshot has taken may have been applied.
#[test]
fn a_proposal_under_a_snapshot_is_reported_unknown() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(1);
    let position = cluster.propose(1, "open");
    cluster.campaign(2);
    cluster.run(TIMEOUT * 3);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    for command in ["x", "y", "z"] {
        cluster.propose(leader, command);
        cluster.settle();
    }
    cluster.run(HEARTBEAT * 2);
    cluster.node(2).compact();
    cluster.node(3).compact();
    cluster.heal();
    cluster.run(TIMEOUT * 3);
    let unknown = Event::ProposalLost {
        position,
        fate: Fate::Unknown,
    };
    assert!(cluster.node(1).events.contains(&unknown));
    assert_eq!(cluster.applied(1), ["x", "y", "z"]);
}

/// Entries that left the window are asked for, by a follower's need and by the application's.
#[test]
fn entries_beyond_the_window_are_loaded() {
    let mut cluster = Cluster::with(3, |config| {
        config.window_bytes = 0;
        config.max_append_bytes = 8;
    });
    cluster.elect(1);
    cluster.isolate(3);
    let commands = ["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8"];
    for command in commands {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.heal();
    cluster.run(TIMEOUT * 2);
    assert_eq!(cluster.applied(3), commands);
    assert!(
        cluster
            .node(1)
            .events
            .iter()
            .any(|event| matches!(event, Event::Load { .. }))
    );
}

/// A node restarted without any entries in memory applies its log by loading it.
#[test]
fn a_restart_without_entries_in_memory_applies_the_log() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    let disk = cluster.node(1).disk.clone();
    cluster.boot(1, disk.clone());
    let config = cluster.config.clone();
    cluster.node(1).raft = Raft::new(config, disk.recover(false), 3, cluster.now).unwrap();
    cluster.elect(1);
    assert_eq!(cluster.applied(1), ["a", "b", "c"]);
}

/// Time that repeats or goes back is no progress, and no reason to panic.
#[test]
fn time_that_goes_back_is_no_progress() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let due = cluster.raft(1).poll_timeout();
    for now in [Instant::ORIGIN, Instant::from_nanos(1)] {
        cluster.raft(1).handle_timeout(now);
    }
    assert_eq!(cluster.raft(1).poll_timeout(), due);
    cluster.raft(1).handle_timeout(Instant::MAX);
    cluster.raft(2).handle_timeout(Instant::MAX);
    cluster.drain_all();
}

/// The last term that can be told ends elections, not the process.
#[test]
fn a_lying_term_does_not_panic() {
    let mut cluster = Cluster::new(3);
    let heartbeat = Heartbeat {
        term: Term(u64::MAX),
        commit: Index(u64::MAX),
        round: u64::MAX,
        mark: u64::MAX,
        mark_commit: Index(u64::MAX),
    };
    answer(&mut cluster, 1, 2, Message::Heartbeat(heartbeat));
    assert_eq!(cluster.raft(2).commit(), Index(0));
    cluster.pass(Duration::from_secs(100));
    cluster.tick(2);
    assert_eq!(cluster.raft(2).role(), Role::Follower);
}

/// Settings that could never work are refused by name.
#[test]
fn settings_that_cannot_work_are_refused() {
    let start = |change: fn(&mut Config)| {
        let mut config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
        change(&mut config);
        Raft::new(config, Recovered::default(), 0, Instant::ORIGIN).map(|_| ())
    };
    assert_eq!(start(|_| ()), Ok(()));
    assert_eq!(
        start(|config| config.id = NodeId(7)),
        Err(StartError::NotAMember { id: NodeId(7) })
    );
    for change in [
        (|config| config.heartbeat_interval = Duration::ZERO) as fn(&mut Config),
        |config| config.election_timeout = Duration::from_millis(1),
        |config| config.max_appends_in_flight = 0,
        |config| config.clock_drift_ppm = 1_000_000,
        |config| config.max_command_bytes = usize::MAX,
    ] {
        assert!(matches!(start(change), Err(StartError::Setting { .. })));
    }
}
