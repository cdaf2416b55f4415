//! Leaders that hand over, to whoever may not be ready, or not reached, or gone.

use quorate_clocks::NodeId;
use quorate_raft_core::{
    Event, Message, ProposeError, ReadError, Role, TimeoutNow, TransferError, Transition,
};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT};
use crate::kit::{answer, join, run_without, settle_without, three, told, word_to_stand};

const TWO: NodeId = NodeId(2);

fn transfer(cluster: &mut Cluster, to: NodeId) -> Result<(), TransferError> {
    let now = cluster.now;
    let started = cluster.raft(1).transfer_leadership(to, now);
    cluster.drain(1);
    started
}

fn is_word(message: &Message) -> bool {
    matches!(message, Message::TimeoutNow(_))
}

fn is_failed(event: &Event) -> bool {
    matches!(event, Event::TransferFailed { .. })
}

/// B-17: a learner that does not know yet that it was made a voter is not told to lead, and would not.
///
/// Source: openraft d000ee20 (#1805).
#[test]
fn b_17_who_does_not_know_that_it_votes_does_not_stand() {
    let mut cluster = three();
    join(&mut cluster, 4);
    let learner = NodeId(4);
    cluster.change(1, |change| change.learner(learner)).unwrap();
    cluster.run(HEARTBEAT);
    let Message::TimeoutNow(early) = word_to_stand(&mut cluster, 1, 4) else {
        unreachable!("it is a word to stand")
    };
    // The others commit that it votes, and it does not hear of it.
    cluster.cut = vec![(1, 4)];
    let promotion = cluster.change(1, |change| change.voter(learner));
    cluster.settle();
    assert!(cluster.raft(1).commit() >= promotion.unwrap().index);
    assert!(cluster.raft(4).membership().is_learner(learner));
    transfer(&mut cluster, learner).unwrap();
    let mut words = 0;
    settle_without(&mut cluster, |(_, _, message)| {
        words += u32::from(is_word(message));
        false
    });
    assert_eq!(words, 0, "it lacks the entry that lets it vote");
    cluster.heal();
    let last = cluster.raft(1).status().last;
    for word in [early, TimeoutNow { last, ..early }] {
        assert_eq!(answer(&mut cluster, 1, 4, Message::TimeoutNow(word)), []);
        assert_eq!(cluster.raft(4).role(), Role::Follower);
    }
    // Once it has the entry, it is told, and leads.
    cluster.run(HEARTBEAT * 4);
    assert_eq!(cluster.leaders(), [4]);
}

/// B-18: a word to stand that comes late deposes nobody, and there are no lease reads once it was given.
///
/// Source: raft-rs #234; etcd #12704; etcd-raft #99; hashicorp/raft `raft.go` checks no term.
#[test]
fn b_18_a_late_word_to_stand_deposes_nobody() {
    let mut cluster = three();
    transfer(&mut cluster, TWO).unwrap();
    let mut late = None;
    run_without(&mut cluster, TIMEOUT + HEARTBEAT, |sent| {
        if is_word(&sent.2) {
            late.get_or_insert_with(|| sent.clone());
        }
        is_word(&sent.2)
    });
    assert_eq!(
        (cluster.leaders(), told(&mut cluster, 1, is_failed)),
        (vec![1], 1)
    );
    let term = cluster.raft(1).term();
    // The leader, the term and the log are those that the word names; only it is too late.
    cluster.deliver(late.expect("the successor is told"));
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.raft(1).term()), (vec![1], term));
    let now = cluster.now;
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    // One that is in time, of another term, is no word of this leader's.
    let Message::TimeoutNow(word) = word_to_stand(&mut cluster, 1, 2) else {
        unreachable!("it is a word to stand")
    };
    for other in [term.0 - 1, term.0 + 1] {
        let term = quorate_raft_core::Term(other);
        answer(
            &mut cluster,
            1,
            2,
            Message::TimeoutNow(TimeoutNow { term, ..word }),
        );
        assert_eq!(cluster.raft(2).role(), Role::Follower);
    }
    answer(&mut cluster, 1, 2, Message::TimeoutNow(word));
    assert_eq!(cluster.raft(2).role(), Role::Candidate);
}

/// B-19: a successor that is behind is brought up first, and nothing new moves the goal.
///
/// Source: hashicorp/raft 62eaa1c (#581); etcd-raft `raft.go`.
#[test]
fn b_19_a_successor_that_is_behind_catches_up_first() {
    let mut cluster = three();
    cluster.isolate(2);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.heal();
    transfer(&mut cluster, TWO).unwrap();
    let now = cluster.now;
    let refused = cluster.raft(1).propose("b".into(), now);
    assert!(matches!(
        refused,
        Err(ProposeError::Transferring { to: TWO, .. })
    ));
    cluster.run(HEARTBEAT * 3);
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(cluster.applied(2), ["a"]);
}

/// B-72: a transfer to a member that is removed, or demoted, meanwhile is given up at once.
///
/// Source: etcd-raft 8b0d0e9.
#[test]
fn b_72_a_successor_that_leaves_ends_the_transfer() {
    for is_demoted in [false, true] {
        let mut cluster = three();
        // A joint change is under way in which 2 votes for the last time, and is not committed.
        cluster.isolate(2);
        cluster.isolate(3);
        let change = cluster.change(1, |change| {
            let change = match is_demoted {
                true => change.learner(TWO),
                false => change.remove(TWO),
            };
            change.through(Transition::Joint)
        });
        change.unwrap();
        transfer(&mut cluster, TWO).unwrap();
        assert_eq!(cluster.raft(1).transferring(), Some(TWO));
        let refused = cluster.change(1, |change| change.remove(NodeId(3)));
        assert!(refused.is_err(), "one thing at a time");
        // 3 commits it, and so 2 is left out.
        cluster.heal();
        cluster.isolate(2);
        let start = cluster.now;
        cluster.run(HEARTBEAT * 4);
        assert!(cluster.now.since(start) < TIMEOUT, "no time runs out");
        assert!(!cluster.raft(1).membership().is_voter(TWO));
        assert_eq!(cluster.raft(1).transferring(), None);
        assert_eq!(
            (cluster.leaders(), told(&mut cluster, 1, is_failed)),
            (vec![1], 1)
        );
        cluster.propose(1, "a");
        cluster.run(HEARTBEAT);
        assert_eq!(cluster.applied(3), ["a"]);
        let again = transfer(&mut cluster, TWO);
        assert_eq!(again, Err(TransferError::CanNotLead { to: TWO }));
    }
}
