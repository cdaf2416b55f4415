//! Elections that must come to an end, and those that must not begin.

use std::collections::BTreeSet;

use quorate_clocks::NodeId;
use quorate_raft_core::{HardState, Membership, Message, Role, Term};

use crate::common::{Cluster, Disk, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{answer, granted, join, three, word_to_stand};

/// B-08: a pre-vote that is granted carries the term that was asked for, whatever term the voter is in.
///
/// Source: etcd-raft d4471b2.
#[test]
fn b_08_a_pre_vote_is_granted_by_a_member_of_an_older_term() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(3, &[3]));
    cluster.boot(2, disk(1, &[1]));
    cluster.crash(3);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    let (from, to, message) = cluster.network.pop_front().unwrap();
    let replies = answer(&mut cluster, from, to, message);
    assert_eq!(replies, [Message::PreVoteReply(granted(4))]);
    cluster.elect(1);
    assert_eq!(cluster.raft(2).leader(), Some(NodeId(1)));
}

/// B-09: a pre-vote for a term that is too low is answered, so that who would win learns of the newer term.
///
/// Source: etcd-raft 3c7359d; raft-rs 3012d3c (#42); openraft d6a6d562 (#1796); redpanda #2071.
#[test]
fn b_09_a_refused_pre_vote_brings_the_newer_term() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(1, &[1, 1, 1]));
    cluster.boot(3, disk(9, &[1]));
    cluster.crash(2);
    // 3 has the newer term and may not win, and 1 has the longer log and stands in a term that is too low.
    cluster.campaign(3);
    assert_eq!(cluster.leaders(), []);
    cluster.campaign(1);
    assert_eq!(cluster.raft(1).term(), Term(9));
    cluster.elect(1);
    assert_eq!(cluster.raft(3).leader(), Some(NodeId(1)));
}

/// B-10: a member that is stranded in a newer term, and can not win, is brought back.
///
/// Source: etcd #5468; cockroach #131767 and #135089.
#[test]
fn b_10_a_member_stranded_in_a_newer_term_rejoins() {
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

/// B-11: who stands again begins with no votes, and follows nobody meanwhile.
///
/// Source: etcd-raft 8edd37a and a0f9a7b; raft-rs #83 and #84.
#[test]
fn b_11_who_stands_again_counts_anew() {
    let mut cluster = Cluster::new(5);
    cluster.elect(5);
    let term = cluster.raft(1).term().0;
    cluster.crash(5);
    let yes = || Message::PreVoteReply(granted(term + 1));
    for voter in [2, 3, 4] {
        cluster.pass(TIMEOUT * 2);
        cluster.tick(1);
        assert_eq!(cluster.raft(1).leader(), None);
        answer(&mut cluster, voter, 1, yes());
        // One of each round: never three of five.
        assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    }
    // Those who stand themselves do not refuse each other for the sake of a leader that is gone.
    for id in [2, 3, 4] {
        cluster.pass(TIMEOUT * 2);
        cluster.tick(id);
        cluster.network.clear();
    }
    cluster.elect(1);
}

/// B-12: an answer to an earlier round of pre-votes does not count, and deposes nobody.
///
/// Source: openraft 511f33c7 (#1839).
#[test]
fn b_12_a_stale_pre_vote_is_not_counted() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(4, &[4]));
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    answer(&mut cluster, 2, 1, Message::PreVoteReply(granted(4)));
    assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    // Once it leads, what was asked for before begins no second candidacy.
    cluster.tick(1);
    cluster.elect(1);
    let term = cluster.raft(1).term();
    for asked in [term.0, term.0 + 1] {
        for from in [2, 3] {
            let late = Message::PreVoteReply(granted(asked));
            answer(&mut cluster, from, 1, late);
        }
        assert_eq!(cluster.raft(1).role(), Role::Leader);
        assert_eq!(cluster.raft(1).term(), term);
    }
}

/// B-13: a member believes that it is a learner, and its vote is needed all the same.
///
/// Source: etcd #10998; etcd-raft abb533c.
#[test]
fn b_13_a_learner_answers_for_a_vote() {
    let mut cluster = Cluster::new(3);
    cluster.config.founders = Membership::of_voters([2, 3].map(NodeId))
        .unwrap()
        .with_learners([NodeId(1)])
        .unwrap();
    for id in 1..=3 {
        cluster.boot(id, Disk::default());
    }
    cluster.elect(2);
    cluster.run(HEARTBEAT);
    cluster.cut = vec![(2, 1)];
    cluster.change(2, |change| change.voter(NodeId(1))).unwrap();
    cluster.run(HEARTBEAT);
    assert!(cluster.raft(1).membership().is_learner(NodeId(1)));
    cluster.crash(2);
    cluster.heal();
    cluster.elect(3);
    cluster.run(HEARTBEAT);
    assert!(cluster.raft(1).membership().is_voter(NodeId(1)));
}

/// B-14: neither a learner nor a witness nor who was removed stands, whoever asks them to.
///
/// Source: etcd-raft db54973; raft-rs #165.
#[test]
fn b_14_who_can_not_lead_does_not_stand() {
    let mut cluster = three();
    for id in [4, 5, 6] {
        join(&mut cluster, id);
    }
    let (learner, witness, gone) = (NodeId(4), NodeId(5), NodeId(6));
    cluster
        .change(1, |change| change.learner(learner).learner(gone))
        .unwrap();
    cluster.settle();
    cluster.change(1, |change| change.witness(witness)).unwrap();
    cluster.run(HEARTBEAT * 3);
    for id in [4, 5] {
        let now = cluster.now;
        let handed = cluster.raft(1).transfer_leadership(NodeId(id), now);
        assert!(handed.is_err());
        // Also when the leader's word says so, which lets another voter stand.
        let word = word_to_stand(&mut cluster, 1, id);
        answer(&mut cluster, 1, id, word);
    }
    let last_word = word_to_stand(&mut cluster, 1, 6);
    cluster.change(1, |change| change.remove(gone)).unwrap();
    cluster.run(HEARTBEAT * 3);
    assert!(!cluster.raft(6).membership().contains(gone));
    answer(&mut cluster, 1, 6, last_word);
    let term = cluster.raft(1).term();
    for id in [4, 5, 6] {
        let now = cluster.now;
        assert!(cluster.raft(id).campaign(now).is_err());
        cluster.isolate(id);
    }
    cluster.run(TIMEOUT * 6);
    for id in [4, 5, 6] {
        let raft = cluster.raft(id);
        assert_eq!((raft.role(), raft.term()), (Role::Follower, term), "n{id}");
    }
    cluster.heal();
    let word = word_to_stand(&mut cluster, 1, 2);
    answer(&mut cluster, 1, 2, word);
    assert_eq!(cluster.raft(2).role(), Role::Candidate);
}

/// B-15: the election timeout is drawn anew each time, so that a split vote does not repeat itself.
///
/// Source: openraft #1838.
#[test]
fn b_15_each_election_timeout_is_drawn_anew() {
    let mut cluster = Cluster::new(3);
    cluster.isolate(1);
    let mut spans = BTreeSet::new();
    for _ in 0..40 {
        let due = cluster.raft(1).poll_timeout().unwrap();
        let span = due.since(cluster.now);
        assert!((TIMEOUT..TIMEOUT * 2).contains(&span), "{span:?}");
        spans.insert(span);
        cluster.now = due;
        cluster.tick(1);
        assert_eq!(cluster.raft(1).role(), Role::PreCandidate);
    }
    assert!(spans.len() > 30, "{} different ones of 40", spans.len());
    // Two of two stand in the same moment: each has its own vote. They do not do so again.
    let mut two = Cluster::new(2);
    two.pass(TIMEOUT * 2);
    two.tick(1);
    two.tick(2);
    two.settle();
    assert_eq!(two.leaders(), []);
    two.run(TIMEOUT * 8);
    assert_eq!(two.leaders().len(), 1);
}

/// Cuts all links but these.
fn connect(cluster: &mut Cluster, links: &[(u64, u64)]) {
    cluster.heal();
    let ids = cluster.ids();
    for &a in &ids {
        for &b in &ids {
            if !links.contains(&(a, b)) && !links.contains(&(b, a)) {
                cluster.cut.push((a, b));
            }
        }
    }
}

/// B-16: with a part of the links cut, who leads a majority goes on to lead it, and if the leader has none,
/// one is found that has.
///
/// Source: the outage of Cloudflare's etcd (decentralizedthoughts, 2020-12-12); omnipaxos #1.
#[test]
fn b_16_a_partial_partition_leaves_a_leader_with_a_majority() {
    // 4 reaches only the leader, 5 only a follower; and a chain whose ends do not meet.
    for (size, links) in [
        (5, &[(1, 2), (1, 3), (2, 3), (2, 4), (3, 5)][..]),
        (3, &[(1, 2), (2, 3)][..]),
    ] {
        let mut cluster = Cluster::new(size);
        cluster.elect(2);
        connect(&mut cluster, links);
        let term = cluster.raft(2).term();
        cluster.run(TIMEOUT * 12);
        assert_eq!(cluster.leaders(), [2]);
        assert_eq!(cluster.raft(2).term(), term);
    }
    // The leader is at the end of a chain: it has a majority, and the other end does not disturb it.
    let mut chain = Cluster::new(3);
    chain.elect(1);
    connect(&mut chain, &[(1, 2), (2, 3)]);
    let term = chain.raft(1).term();
    chain.run(TIMEOUT * 12);
    assert_eq!((chain.leaders(), chain.raft(1).term()), (vec![1], term));
    // The quorum is lost: all reach 1, and 2, which leads, reaches nobody else.
    let mut star = Cluster::new(5);
    star.elect(2);
    connect(&mut star, &[(1, 2), (1, 3), (1, 4), (1, 5)]);
    star.run(TIMEOUT * 12);
    assert_eq!(star.leaders(), [1]);
    star.propose(1, "a");
    star.run(HEARTBEAT);
    assert_eq!(star.applied(5), ["a"]);
}
