//! Members that change while others lead, crash and come back.

use quorate_clocks::NodeId;
use quorate_raft_core::{
    ChangeError, Event, Index, MembershipError, Message, ProposeError, Role, Transition,
};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT};
use crate::kit::{answer, granted, join, matched_by, settle_without, three, told, until_leading};

/// B-61: two leaders that do not know of each other's change would commit by quorums that do not meet: there
/// is no change before an entry of the leader's own term is committed.
///
/// Source: Ongaro, "bug in single-server membership changes", raft-dev, July 2015; camunda #61854.
#[test]
fn b_61_no_change_before_an_entry_of_its_own_term_is_committed() {
    let mut cluster = Cluster::new(4);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    join(&mut cluster, 5);
    // 1 adds 5, of which nobody else hears.
    cluster.cut = [2, 3, 4].map(|id| (1, id)).to_vec();
    cluster
        .change(1, |change| change.voter(NodeId(5)).even_if_behind())
        .unwrap();
    cluster.settle();
    // 2 leads by 3 and 4, and wants to remove 1: not before it has committed something.
    cluster.heal();
    cluster.isolate(1);
    cluster.isolate(5);
    until_leading(&mut cluster, 2);
    let removal = |cluster: &mut Cluster| cluster.change(2, |change| change.remove(NodeId(1)));
    assert_eq!(removal(&mut cluster), Err(ChangeError::NotReady));
    cluster.settle();
    removal(&mut cluster).unwrap();
    settle_without(&mut cluster, |(_, to, _)| *to == 4);
    let removed = cluster.raft(2).membership_index();
    assert!(cluster.raft(2).commit() >= removed, "by 2 and 3 of three");
    // 1 has the votes of 5 and 4 at the most, which the entry that 2 committed first keeps from it.
    cluster.heal();
    cluster.isolate(2);
    cluster.isolate(3);
    cluster.run(TIMEOUT * 8);
    assert_eq!(cluster.leaders(), []);
    cluster.heal();
    cluster.run(TIMEOUT * 4);
    for id in [2, 3, 4] {
        assert_eq!(cluster.members(id), "voters n2 n3 n4", "n{id}");
    }
}

/// B-62: who has the entry of a change is bound by it, applied or not: the votes of the members of before
/// elect nobody beside the leader of the new ones.
///
/// A membership holds here from when its entry is appended, so there is none that is committed and not in
/// force.
///
/// Source: etcd #7280, #11284 and #12133; etcd-raft e6ce296; the etcd-raft specification, #456 and #469.
#[test]
fn b_62_an_election_is_by_the_newest_members() {
    let mut cluster = three();
    join(&mut cluster, 4);
    // 3 hears of nothing, and 2 not that it is committed.
    cluster.isolate(3);
    let change = cluster.change(1, |change| change.voter(NodeId(4)).even_if_behind());
    let index = change.unwrap().index;
    settle_without(&mut cluster, |(_, to, message)| {
        *to == 2 && matches!(message, Message::Commit(_))
    });
    assert!(cluster.raft(1).commit() >= index && cluster.raft(2).commit() < index);
    cluster.crash(1);
    cluster.heal();
    // 2 has the votes of two that were a majority of three, and are none of four.
    cluster.isolate(4);
    cluster.pass(TIMEOUT * 2);
    let now = cluster.now;
    cluster.raft(2).campaign(now).unwrap();
    cluster.settle();
    cluster.run(TIMEOUT * 8);
    assert_eq!(cluster.leaders(), []);
    // Nor with the same votes once more.
    let term = cluster.raft(2).term().0;
    cluster.pass(TIMEOUT * 2);
    cluster.tick(2);
    answer(&mut cluster, 3, 2, Message::PreVoteReply(granted(term + 1)));
    answer(&mut cluster, 3, 2, Message::VoteReply(granted(term + 1)));
    assert_ne!(cluster.raft(2).role(), Role::Leader);
    // With the new ones there is a leader. It is not 3, whom the old ones could still elect.
    cluster.heal();
    cluster.run(TIMEOUT * 6);
    assert_eq!(cluster.leaders().len(), 1);
    assert_ne!(cluster.leaders(), [3]);
}

/// B-68: a leader that is demoted serves until that is committed, says so to everybody, and then neither
/// leads nor takes proposals.
///
/// Source: etcd-raft 1ebcc2d and 72d62a1; openraft 0023cff1.
#[test]
fn b_68_a_leader_that_is_demoted_leads_to_the_end_and_no_longer() {
    let mut cluster = three();
    let demotion = cluster.change(1, |change| change.learner(NodeId(1)));
    let index = demotion.unwrap().index;
    // Until then it is the leader, who else should be.
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    // The others know that it is committed without waiting for anybody's time to run out.
    for id in [2, 3] {
        assert!(cluster.raft(id).commit() >= index, "n{id}");
    }
    let now = cluster.now;
    let refused = cluster.raft(1).propose("b".into(), now);
    assert!(matches!(refused, Err(ProposeError::NotLeader { .. })));
    cluster.run(TIMEOUT * 3);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    assert_ne!(leader, 1);
    cluster.propose(leader, "c");
    cluster.run(HEARTBEAT * 2);
    for id in cluster.ids() {
        assert_eq!(cluster.members(id), "voters n2 n3, learners n1");
        assert_eq!(cluster.applied(id), ["a", "c"]);
    }
}

/// B-69: an entry that is removed takes its membership with it.
///
/// Source: hashicorp/raft `raft.go`; openraft's effective membership.
#[test]
fn b_69_a_change_that_is_lost_is_undone() {
    let mut cluster = three();
    cluster.isolate(1);
    let position = cluster
        .change(1, |change| change.remove(NodeId(3)))
        .unwrap();
    assert_eq!(cluster.members(1), "voters n1 n2");
    cluster.elect(2);
    cluster.propose(2, "a");
    cluster.settle();
    cluster.heal();
    cluster.run(HEARTBEAT * 4);
    assert_eq!(cluster.members(1), "voters n1 n2 n3");
    let lost = |event: &Event| match event {
        Event::ProposalLost { position: lost, .. } => *lost == position,
        _ => false,
    };
    assert_eq!(
        told(&mut cluster, 1, lost),
        1,
        "a change ends once, with a reason"
    );
    let changed = |event: &Event| matches!(event, Event::MembershipChanged { .. });
    assert_eq!(told(&mut cluster, 1, changed), 2);
}

/// B-70: a leader that removes itself counts only the others, tells them that it is done, and goes.
///
/// Source: thesis §4.2.2; etcd-raft `confchange_v1_remove_leader.txt`.
#[test]
fn b_70_a_leader_that_is_removed_does_not_count_itself() {
    let mut cluster = three();
    cluster.cut = vec![(3, 1), (1, 3)];
    let index = cluster
        .change(1, |change| change.remove(NodeId(1)))
        .unwrap()
        .index;
    cluster.settle();
    // It leads still, and 1 and 2 would have been a majority of three.
    assert!(cluster.raft(1).commit() < index);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    cluster.heal();
    cluster.run(HEARTBEAT * 2);
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    assert!(cluster.raft(1).commit() >= index);
    cluster.run(HEARTBEAT);
    // It handed over: nobody waited for a timeout.
    assert_eq!(cluster.leaders().len(), 1);
    for id in [2, 3] {
        assert!(cluster.raft(id).commit() >= index);
        assert_eq!(cluster.members(id), "voters n2 n3");
    }
    // Who is removed does not disturb them.
    let term = cluster.raft(2).term();
    cluster.run(TIMEOUT * 8);
    assert_eq!(cluster.raft(2).term(), term);
}

/// B-71: who stays is where he was, whoever else comes or goes.
///
/// Source: openraft 56486a60 (#584).
#[test]
fn b_71_progress_outlives_a_change() {
    let mut cluster = three();
    for _ in 0..20 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    let matched = matched_by(&mut cluster, 1, 2);
    assert_eq!(matched, Index(21));
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    assert_eq!(matched_by(&mut cluster, 1, 2), matched);
    cluster.settle();
    let matched = matched_by(&mut cluster, 1, 2);
    cluster
        .change(1, |change| change.remove(NodeId(4)))
        .unwrap();
    assert_eq!(matched_by(&mut cluster, 1, 2), matched);
    // Also when the log that they are in goes through both halves of a joint change.
    let both = cluster.change(1, |change| {
        change.learner(NodeId(5)).through(Transition::Joint)
    });
    assert!(both.is_err(), "one at a time");
    cluster.settle();
    let matched = matched_by(&mut cluster, 1, 2);
    let joint = cluster.change(1, |change| {
        change.learner(NodeId(5)).through(Transition::Joint)
    });
    assert_eq!(matched_by(&mut cluster, 1, 2), matched);
    cluster.settle();
    assert!(matched_by(&mut cluster, 1, 2) > joint.unwrap().index);
}

/// B-73: what would leave nobody to decide is refused by name, and of two one may go.
///
/// Source: etcd-raft fdf77ae and its tests of changes.
#[test]
fn b_73_the_last_voter_stays() {
    let mut cluster = Cluster::new(2);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster.crash(2);
    let removal = cluster.change(1, |change| change.remove(NodeId(2)));
    cluster.settle();
    assert!(cluster.raft(1).commit() >= removal.unwrap().index);

    let one = NodeId(1);
    for nobody in [
        cluster.change(1, |change| change.remove(one)),
        cluster.change(1, |change| change.learner(one)),
    ] {
        assert_eq!(nobody, Err(ChangeError::NoVoters));
    }
    let now = cluster.now;
    assert_eq!(cluster.raft(1).leave_joint(now), Err(ChangeError::NotJoint));
    let witness = cluster.change(1, |change| change.witness(NodeId(2)).remove(one));
    assert_eq!(
        witness,
        Err(ChangeError::Invalid(MembershipError::NobodyCanLead))
    );
    let twice = cluster.change(1, |change| change.witness(one));
    assert!(matches!(
        twice,
        Err(ChangeError::Invalid(_) | ChangeError::WitnessForGood { .. })
    ));
    // It leads on, alone.
    cluster.propose(1, "a");
    cluster.run(TIMEOUT * 2);
    assert_eq!(
        (cluster.leaders(), cluster.applied(1)),
        (vec![1], vec!["a".to_owned()])
    );
}
