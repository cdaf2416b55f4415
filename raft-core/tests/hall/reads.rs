//! Reads that are confirmed by what proves nothing.

use quorate_clocks::NodeId;
use quorate_raft_core::{Index, Message, ReadError, ReadReply, Role, Term};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{Sent, answer, end_of_read, join, settle_without, sync_all, three, until_leading};

/// B-67: reads are confirmed by the members of now: who was removed confirms none, and when one is left, that
/// one is enough.
///
/// Source: etcd-raft `raft.go` does not look again; raft-rs `raft.rs` does.
#[test]
fn b_67_reads_are_confirmed_by_the_members_of_now() {
    let mut cluster = three();
    // 3 is removed, and answers still.
    cluster.cut = vec![(2, 1)];
    cluster
        .change(1, |change| change.remove(NodeId(3)))
        .unwrap();
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.settle();
    assert_eq!(cluster.raft(1).status().peers[1].id, NodeId(3));
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    cluster.heal();
    cluster.run(HEARTBEAT * 2);
    assert!(matches!(
        end_of_read(&mut cluster, 1, ticket),
        Some(Some(_))
    ));
    // The only other one does not answer, and is removed while a read waits.
    cluster.isolate(2);
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.settle();
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    cluster
        .change(1, |change| change.remove(NodeId(2)))
        .unwrap();
    cluster.settle();
    assert!(matches!(
        end_of_read(&mut cluster, 1, ticket),
        Some(Some(_))
    ));
}

/// B-74: no read is confirmed before the leader has committed an entry of its term.
///
/// Source: etcd #7331; etcd-raft f9382a4 and 3189a66; raft-rs #1634; redisraft #316.
#[test]
fn b_74_a_new_leader_does_not_read_before_its_first_commit() {
    let mut cluster = Cluster::new(3);
    for id in 1..=3 {
        cluster.boot(id, disk(4, &[4, 4]));
    }
    until_leading(&mut cluster, 1);
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    // Heartbeats are answered, appends are not.
    settle_without(&mut cluster, |(_, _, message)| {
        matches!(message, Message::Append(_))
    });
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    // Nor is one that another member asks for.
    let asked = cluster.raft(3).read_anywhere(now).unwrap();
    cluster.settle();
    assert_eq!(end_of_read(&mut cluster, 3, asked), None);
    cluster.run(HEARTBEAT * 4);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), Some(Some(Index(3))));
    assert_eq!(end_of_read(&mut cluster, 3, asked), Some(Some(Index(3))));
}

/// Delivers all but the answers to heartbeats, which are kept.
fn hold_answers(cluster: &mut Cluster) -> Vec<Sent> {
    let mut held = Vec::new();
    settle_without(cluster, |sent| {
        let is_answer = matches!(sent.2, Message::HeartbeatReply(_));
        if is_answer {
            held.push(sent.clone());
        }
        is_answer
    });
    held
}

/// B-75: a read that arrives twice, and delayed answers to the round of the first, confirm nothing on a
/// leader that is none any more.
///
/// Source: etcd #20418; etcd-raft #397 (9b9d6ee); antfly #599.
#[test]
fn b_75_delayed_answers_do_not_confirm_a_read_that_is_asked_for_again() {
    let mut cluster = three();
    let now = cluster.now;
    let old = cluster.raft(3).read_anywhere(now).unwrap();
    cluster.drain(3);
    let asked = cluster.network.pop_back().unwrap();
    assert!(matches!(asked.2, Message::ReadRequest(_)));
    // The leader sends a round for it. The answers take long.
    cluster.deliver(asked.clone());
    let answers = hold_answers(&mut cluster);
    assert_eq!(answers.len(), 2);
    // Another leader is elected, and commits. The first one does not know.
    cluster.isolate(1);
    cluster.elect(2);
    let written = cluster.propose(2, "new").index;
    cluster.settle();
    assert!(cluster.raft(2).commit() >= written);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    // The same question comes again, and so does one of the application here; then the answers.
    cluster.heal();
    cluster.deliver(asked);
    let now = cluster.now;
    let new = cluster.raft(1).read(now).unwrap();
    let mut replies = Vec::new();
    for late in answers.clone().into_iter().chain(answers) {
        for reply in answer(&mut cluster, late.0, late.1, late.2) {
            if let Message::ReadReply(reply) = reply {
                replies.push(reply);
            }
        }
    }
    // One answer, to the first asking.
    assert_eq!(replies.len(), 1, "{replies:?}");
    assert_eq!(end_of_read(&mut cluster, 1, new), None);
    // It does not reach the reader as one, who follows another leader.
    assert_eq!(end_of_read(&mut cluster, 3, old), Some(None));
    answer(&mut cluster, 1, 3, Message::ReadReply(replies[0]));
    assert_eq!(end_of_read(&mut cluster, 3, old), Some(None));
    cluster.run(HEARTBEAT * 2);
    assert_eq!(end_of_read(&mut cluster, 1, new), Some(None));
}

/// B-76: answers to a round that was sent before the read came do not confirm it, as on a leader that was
/// paused.
///
/// Source: hashicorp/raft `VerifyLeader`; consul #603.
#[test]
fn b_76_an_answer_to_an_earlier_round_does_not_confirm_a_read() {
    let mut cluster = three();
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let answers = hold_answers(&mut cluster);
    assert_eq!(answers.len(), 2);
    // Meanwhile another leads and commits.
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2, "new");
    cluster.settle();
    // The leader goes on where it was, takes a read, and finds the answers in its buffer.
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.drain(1);
    cluster.heal();
    for (from, to, message) in answers.clone().into_iter().chain(answers) {
        answer(&mut cluster, from, to, message);
    }
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    cluster.run(HEARTBEAT * 2);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), Some(None));
}

/// B-77: the answers of those who do not vote confirm no read, extend no lease and keep no leader.
///
/// Source: hashicorp/raft `VerifyLeader`, and #308 for its lease.
#[test]
fn b_77_who_does_not_vote_confirms_nothing() {
    let mut cluster = three();
    let learners = [4, 5, 6].map(NodeId);
    for id in 4..=6 {
        join(&mut cluster, id);
    }
    cluster
        .change(1, |change| {
            learners
                .into_iter()
                .fold(change, |change, id| change.learner(id))
        })
        .unwrap();
    cluster.run(HEARTBEAT * 3);
    let now = cluster.now;
    let until = cluster.raft(1).lease_read(now).unwrap().until;
    cluster.crash(2);
    cluster.crash(3);
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.run(HEARTBEAT);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    let now = cluster.now;
    if let Ok(permit) = cluster.raft(1).lease_read(now) {
        assert_eq!(permit.until, until);
    }
    cluster.run(TIMEOUT * 2);
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), Some(None));
}

/// B-82: reads that share a question do not share an answer that is older than one of them.
///
/// Source: tikv #7995 and #7971.
#[test]
fn b_82_a_read_is_as_new_as_when_it_was_asked() {
    let mut cluster = three();
    let now = cluster.now;
    // On the leader: one before a write, and one after it, confirmed by one round.
    let before = cluster.raft(1).read(now).unwrap();
    let written = cluster.propose(1, "a").index;
    settle_without(&mut cluster, |(_, _, message)| {
        matches!(message, Message::HeartbeatReply(_))
    });
    assert_eq!(cluster.raft(1).commit(), written);
    let after = cluster.raft(1).read(now).unwrap();
    cluster.settle();
    for ticket in [before, after] {
        assert!(end_of_read(&mut cluster, 1, ticket) >= Some(Some(written)));
    }
    // On a follower: the answer to the first question is late, and does not answer the second.
    let before = cluster.raft(2).read_anywhere(now).unwrap();
    let mut late = None;
    settle_without(&mut cluster, |sent| {
        let is_answer = matches!(sent.2, Message::ReadReply(_));
        if is_answer {
            late = Some(sent.clone());
        }
        is_answer
    });
    let written = cluster.propose(1, "b").index;
    cluster.settle();
    let after = cluster.raft(2).read_anywhere(now).unwrap();
    cluster.drain(2);
    cluster.deliver(late.expect("it is answered"));
    assert!(matches!(
        end_of_read(&mut cluster, 2, before),
        Some(Some(_))
    ));
    assert_eq!(end_of_read(&mut cluster, 2, after), None);
    cluster.settle();
    assert!(end_of_read(&mut cluster, 2, after) >= Some(Some(written)));
}

/// B-83: the answer to what a member asked as a follower, when it leads itself, is none.
///
/// Source: tikv #12300.
#[test]
fn b_83_an_answer_from_the_time_as_a_follower_is_ignored() {
    let mut cluster = three();
    let now = cluster.now;
    let old = cluster.raft(2).read_anywhere(now).unwrap();
    let mut late = None;
    settle_without(&mut cluster, |sent| {
        if let Message::ReadReply(reply) = sent.2 {
            late = Some(reply);
        }
        late.is_some()
    });
    let late = late.expect("it is answered");
    // The leadership is handed over: nobody's time runs out.
    let now = cluster.now;
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    settle_without(&mut cluster, |(_, _, message)| {
        matches!(message, Message::ReadReply(_))
    });
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(end_of_read(&mut cluster, 2, old), Some(None));
    // A read of its own waits, with whatever number.
    cluster.isolate(2);
    let now = cluster.now;
    let own = cluster.raft(2).read(now).unwrap();
    cluster.drain(2);
    cluster.heal();
    let term = cluster.raft(2).term();
    for number in [late.number, late.number + 1, u64::MAX] {
        for term in [late.term, term] {
            let reply = ReadReply {
                term,
                number,
                ..late
            };
            answer(&mut cluster, 1, 2, Message::ReadReply(reply));
        }
    }
    assert_eq!(cluster.raft(2).role(), Role::Leader);
    assert_eq!(end_of_read(&mut cluster, 2, old), Some(None));
    assert_eq!(end_of_read(&mut cluster, 2, own), None);
}

/// B-84: a node that starts again does not know what was committed, and serves no read before it does.
///
/// Source: openraft 97d92771, 681d04da and #1246.
#[test]
fn b_84_a_restarted_node_reads_nothing_older_than_its_log() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    assert_eq!(cluster.applied(1).len(), 3);
    cluster.restart(1);
    assert_eq!(cluster.raft(1).commit(), Index(0));
    let now = cluster.now;
    assert!(cluster.raft(1).read_anywhere(now).is_err());
    cluster.sync_at_once = false;
    cluster.campaign(1);
    let now = cluster.now;
    cluster.node(1).sync(now);
    cluster.drain(1);
    // It leads, and its own entry is not durable yet.
    assert_eq!(
        (cluster.raft(1).role(), cluster.raft(1).term()),
        (Role::Leader, Term(2))
    );
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.drain(1);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), None);
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    sync_all(&mut cluster, 1);
    assert_eq!(end_of_read(&mut cluster, 1, ticket), Some(Some(Index(5))));
    assert_eq!(cluster.applied(1), ["a", "b", "c"]);
    // So it is with three, when all of them start again.
    let mut cluster = three();
    let written = cluster.propose(1, "a").index;
    cluster.settle();
    for id in 1..=3 {
        cluster.restart(id);
    }
    until_leading(&mut cluster, 3);
    let now = cluster.now;
    let ticket = cluster.raft(3).read(now).unwrap();
    cluster.run(HEARTBEAT);
    let end = end_of_read(&mut cluster, 3, ticket);
    assert!(end.flatten() > Some(written), "{end:?}");
}
