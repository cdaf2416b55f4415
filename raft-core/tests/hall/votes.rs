//! Who may vote, what a vote stands on, and which of them count.

use quorate_clocks::NodeId;
use quorate_raft_core::{HardState, Index, Membership, Message, Role, Term};

use crate::common::{Cluster, Disk, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{answer, at, granted, refused, request, run_without, sync_all};

/// B-01: an entry of an earlier term is not committed by counting its copies.
///
/// Source: Raft §5.4.2, figure 8; PySyncObj #169.
#[test]
fn b_01_copies_of_an_older_term_commit_nothing() {
    let mut cluster = Cluster::new(5);
    cluster.boot(1, disk(3, &[1, 2]));
    cluster.boot(2, disk(3, &[1, 2]));
    for id in [3, 4] {
        cluster.boot(id, disk(3, &[1]));
    }
    cluster.boot(5, disk(3, &[1, 3]));
    cluster.isolate(5);
    // 1 leads again. Its own entry does not get out, but 2/t2 reaches everyone, and all of them say so.
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    while let Some((from, to, mut message)) = cluster.network.pop_front() {
        if let Message::Append(append) = &mut message {
            let mut entries = Vec::from(core::mem::take(&mut append.entries));
            entries.retain(|entry| entry.position.term < append.term);
            append.entries = entries.into();
        }
        cluster.deliver((from, to, message));
    }
    for id in [2, 3, 4] {
        assert_eq!(cluster.log_terms(id), [1, 2]);
    }
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert_eq!(cluster.raft(1).commit(), Index(0));
    // It was right not to: 5 wins, and overwrites 2/t2 on a majority.
    cluster.crash(1);
    cluster.heal();
    cluster.campaign(5);
    cluster.elect(5);
    for id in 2..=5 {
        assert_eq!(cluster.log_terms(id)[..2], [1, 3]);
        assert_eq!(cluster.applied(id), ["1t1", "2t3"]);
    }
}

/// B-02: a vote is given only once it is durable, and is remembered from then on.
///
/// Source: etcd-raft `raft.go`, the persistence of votes; the counterexample in raft.tla #5.
#[test]
fn b_02_a_vote_leaves_only_after_it_is_durable() {
    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    let vote = || Message::Vote(request(5, at(9, 4)));
    assert_eq!(answer(&mut cluster, 1, 2, vote()), []);
    // The vote is lost in a crash. Nobody was told of it, so another may have it.
    cluster.crash(2);
    cluster.restart(2);
    assert_eq!(cluster.raft(2).term(), Term(0));
    assert_eq!(answer(&mut cluster, 3, 2, vote()), []);
    sync_all(&mut cluster, 2);
    let given = Message::VoteReply(granted(5));
    assert_eq!(cluster.network.pop_front(), Some((2, 3, given.clone())));
    // Now it is durable: whoever asks after a crash, it was given to 3.
    cluster.crash(2);
    cluster.restart(2);
    cluster.pass(TIMEOUT);
    let no = Message::VoteReply(refused(5, 5));
    assert_eq!(answer(&mut cluster, 1, 2, vote()), [no]);
    assert_eq!(answer(&mut cluster, 3, 2, vote()), [given]);
}

/// B-05: a candidate counts its own vote only once it is durable.
///
/// Source: etcd-raft e9e525d.
#[test]
fn b_05_the_candidates_own_vote_waits_for_the_disk() {
    let mut alone = Cluster::new(1);
    alone.sync_at_once = false;
    alone.campaign(1);
    assert_eq!(alone.raft(1).role(), Role::Candidate);
    sync_all(&mut alone, 1);
    assert_eq!(alone.raft(1).role(), Role::Leader);

    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    answer(&mut cluster, 2, 1, Message::PreVoteReply(granted(1)));
    answer(&mut cluster, 2, 1, Message::VoteReply(granted(1)));
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    sync_all(&mut cluster, 1);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
}

/// B-06: logs are compared by (term, index) as a pair.
///
/// Source: openraft a48a3282.
#[test]
fn b_06_a_longer_log_of_an_older_term_gets_no_vote() {
    for (last, is_granted) in [
        (at(100, 2), false),
        (at(4, 3), false),
        (at(5, 3), true),
        (at(1, 4), true),
    ] {
        let mut cluster = Cluster::new(2);
        cluster.boot(2, disk(3, &[1, 1, 1, 1, 3]));
        cluster.pass(TIMEOUT * 2);
        let reply = match is_granted {
            true => granted(4),
            false => refused(4, 4),
        };
        let replies = answer(&mut cluster, 1, 2, Message::Vote(request(4, last)));
        assert_eq!(replies, [Message::VoteReply(reply)], "{last}");
    }
}

/// B-07: a refusal with a newer term brings the term, and neither a vote nor a leader.
///
/// Source: openraft b06cbb37 and 94c820c3.
#[test]
fn b_07_a_refusal_with_a_newer_term_leaves_the_vote_open() {
    for as_candidate in [false, true] {
        let mut cluster = Cluster::new(3);
        cluster.pass(TIMEOUT * 2);
        cluster.tick(1);
        let no = match as_candidate {
            false => Message::PreVoteReply(refused(9, 1)),
            true => {
                answer(&mut cluster, 2, 1, Message::PreVoteReply(granted(1)));
                assert_eq!(cluster.raft(1).role(), Role::Candidate);
                Message::VoteReply(refused(9, 1))
            }
        };
        answer(&mut cluster, 2, 1, no);
        assert_eq!(cluster.raft(1).role(), Role::Follower);
        assert_eq!(cluster.raft(1).leader(), None);
        let open = HardState {
            term: Term(9),
            vote: None,
        };
        assert_eq!(cluster.node(1).disk.hard_state, open);
        // What is said of the term before no longer counts.
        answer(&mut cluster, 3, 1, Message::VoteReply(granted(1)));
        assert_eq!(cluster.raft(1).role(), Role::Follower);
        // And its vote is still to be had.
        let replies = answer(&mut cluster, 3, 1, Message::Vote(request(9, at(1, 1))));
        assert_eq!(replies, [Message::VoteReply(granted(9))]);
    }
}

/// B-36: a vote that arrives twice counts once, and that of somebody who has none does not count.
///
/// Source: openraft d60f1e85 and d882e743; tlaps-bench #124; the fuzzing of akka-raft.
#[test]
fn b_36_each_voter_has_one_vote() {
    let mut cluster = Cluster::new(5);
    let founders = Membership::of_voters((1..=5).map(NodeId)).unwrap();
    cluster.config.founders = founders.with_learners([6, 7, 8].map(NodeId)).unwrap();
    for id in 1..=8 {
        cluster.boot(id, Disk::default());
    }
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let yes = granted(1);
    // Itself, twice the same, and three that may not vote, are no three of five.
    for from in [2, 2, 2, 6, 7, 8, 0, 99] {
        answer(&mut cluster, from, 1, Message::PreVoteReply(yes));
        assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    }
    answer(&mut cluster, 3, 1, Message::PreVoteReply(yes));
    assert_eq!(cluster.raft(1).role(), Role::Candidate);
    for from in [2, 2, 2, 6, 7, 8, 0, 99] {
        answer(&mut cluster, from, 1, Message::VoteReply(yes));
        assert_eq!(cluster.raft(1).role(), Role::Candidate);
    }
    answer(&mut cluster, 4, 1, Message::VoteReply(yes));
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    // Who is elected by three can commit with them.
    run_without(&mut cluster, HEARTBEAT * 6, |(_, to, _)| *to > 3);
    assert_eq!(cluster.raft(1).commit(), Index(1));
}
