//! Joint memberships: who decides in them, who leads them, and who leaves them when.

use quorate_clocks::NodeId;
use quorate_raft_core::{ChangeError, Message, Payload, Transition};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT};
use crate::kit::{join, run_without, set, settle_without, three, until_leading};

/// B-63: the one with the longest log leads, also when only others know that a joint membership is committed.
///
/// Where a membership holds from when it is applied, this cluster is stuck.
///
/// Source: etcd #12359.
#[test]
fn b_63_a_joint_membership_is_led_by_whoever_has_the_longest_log() {
    let mut cluster = three();
    join(&mut cluster, 4);
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.run(HEARTBEAT);
    let joint = cluster.change(1, |change| {
        change
            .voters(set(&[1, 2, 4]))
            .through(Transition::JointUntilLeft)
    });
    let joint = joint.unwrap().index;
    cluster.propose(1, "a");
    // Only 3 learns that it is committed, and only 4 gets what follows it.
    settle_without(&mut cluster, |(_, to, message)| match message {
        Message::Append(append) => *to != 4 && append.previous.index >= joint,
        Message::Commit(_) => *to != 3,
        _ => false,
    });
    let last = |cluster: &mut Cluster, id| cluster.raft(id).status().last.index;
    assert_eq!(
        [2, 3, 4].map(|id| last(&mut cluster, id)),
        [joint, joint, joint.next()]
    );
    assert!(cluster.raft(3).commit() >= joint && cluster.raft(4).commit() < joint);
    cluster.crash(1);
    cluster.heal();
    cluster.run(TIMEOUT * 12);
    assert_eq!(cluster.leaders(), [4]);
    let now = cluster.now;
    cluster.raft(4).leave_joint(now).unwrap();
    cluster.run(HEARTBEAT * 2);
    for id in [2, 4] {
        assert_eq!(cluster.members(id), "voters n1 n2 n4");
        assert_eq!(cluster.applied(id), ["a"]);
    }
}

/// B-64: the leader that began a joint change is gone, and the next one ends it.
///
/// Source: etcd #12136; etcd-raft 477ebd8, bd3c759, a8de18f and 8fda0c0; openraft's test t99.
#[test]
fn b_64_the_next_leader_leaves_the_joint_membership() {
    // It is committed where the first leader is, or not; and the next one knows that, or not.
    for (has_committed, is_known) in [(false, false), (true, false), (true, true)] {
        let mut cluster = three();
        join(&mut cluster, 4);
        cluster
            .change(1, |change| change.learner(NodeId(4)))
            .unwrap();
        cluster.run(HEARTBEAT * 2);
        // The answers to it get lost, or what is appended after them does.
        if !has_committed {
            cluster.cut = [2, 3, 4].map(|id| (id, 1)).to_vec();
        }
        let change = cluster.change(1, |change| {
            change.voter(NodeId(4)).through(Transition::Joint)
        });
        let index = change.unwrap().index;
        settle_without(&mut cluster, |(_, _, message)| leaves_joint(message));
        if is_known {
            run_without(&mut cluster, HEARTBEAT * 2, |(_, _, message)| {
                leaves_joint(message)
            });
        }
        for id in [2, 3, 4] {
            assert!(cluster.raft(id).membership().is_joint());
        }
        assert_eq!(cluster.raft(1).commit() >= index, has_committed);
        assert_eq!(cluster.raft(2).commit() >= index, is_known);
        cluster.crash(1);
        cluster.heal();
        cluster.elect(2);
        cluster.run(HEARTBEAT * 3);
        for id in [2, 3, 4] {
            assert_eq!(cluster.members(id), "voters n1 n2 n3 n4");
        }
    }
}

fn leaves_joint(message: &Message) -> bool {
    let Message::Append(append) = message else {
        return false;
    };
    append.entries.iter().any(|entry| match entry.payload {
        Payload::Membership(membership) => !membership.is_joint(),
        _ => false,
    })
}

/// B-65: a leader that finds a joint membership in its log leaves it once that is committed, and not before.
///
/// Source: camunda #61854.
#[test]
fn b_65_a_joint_membership_is_not_left_before_it_is_committed() {
    // A majority of the new voters alone does not commit it, nor one of the old ones.
    for silent in [[2, 3], [2, 4]] {
        let mut cluster = three();
        join(&mut cluster, 4);
        cluster
            .change(1, |change| change.learner(NodeId(4)))
            .unwrap();
        cluster.run(HEARTBEAT * 2);
        cluster.isolate(1);
        let joint = cluster.change(1, |change| {
            let change = change.voters(set(&[1, 2, 4]));
            change.through(Transition::Joint)
        });
        let joint = joint.unwrap().index;
        cluster.network.clear();
        cluster.restart(1);
        cluster.heal();
        // It leads again by all of them, but none has the joint entry yet.
        until_leading(&mut cluster, 1);
        assert!(cluster.raft(1).membership().is_joint());
        let now = cluster.now;
        let early = cluster.raft(1).leave_joint(now);
        assert_eq!(early, Err(ChangeError::NotReady));
        let mut is_left = false;
        run_without(&mut cluster, HEARTBEAT * 4, |(from, _, message)| {
            is_left |= leaves_joint(message);
            matches!(message, Message::AppendReply(_)) && silent.contains(from)
        });
        assert!(!is_left && cluster.raft(1).commit() < joint);
        assert_eq!(cluster.leaders(), [1]);
        cluster.run(HEARTBEAT * 4);
        for id in [1, 2, 4] {
            assert_eq!(cluster.members(id), "voters n1 n2 n4");
        }
    }
}

/// B-66: with one voter that becomes three, the joint entry needs a majority of the three, too.
///
/// Source: openraft beb0302b and 6c0ccaf3; etcd-raft 77ae04b.
#[test]
fn b_66_a_joint_change_needs_both_majorities() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    let change = cluster.change(1, |change| change.voters(set(&[1, 2, 3])));
    let index = change.unwrap().index;
    cluster.run(HEARTBEAT * 2);
    assert!(cluster.raft(1).commit() < index);
    join(&mut cluster, 2);
    cluster.run(HEARTBEAT * 4);
    assert!(cluster.raft(1).commit() > index);
    assert_eq!(cluster.members(1), "voters n1 n2 n3");
    assert_eq!(cluster.members(2), "voters n1 n2 n3");
}
