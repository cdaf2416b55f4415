//! Clusters that change their members. What others got wrong with it is in the hall.

mod common;

use bytes::Bytes;
use common::{Cluster, Disk, HEARTBEAT, TIMEOUT};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    ChangeError, Config, Event, Index, Membership, Payload, ProposeError, QuorumSet, Raft, Role,
    StartError, Transition,
};

/// A cluster of three that 1 leads.
fn three() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
}

/// Starts a node that is to join.
fn join(cluster: &mut Cluster, id: u64) {
    cluster.boot(id, Disk::default());
}

fn set(ids: &[u64]) -> QuorumSet {
    QuorumSet::majority(ids.iter().copied().map(NodeId)).unwrap()
}

fn told(cluster: &mut Cluster, id: u64, is_it: impl Fn(&Event) -> bool) -> usize {
    cluster
        .node(id)
        .events
        .iter()
        .filter(|event| is_it(event))
        .count()
}

#[test]
fn a_learner_catches_up_and_becomes_a_voter() {
    let mut cluster = three();
    cluster.propose(1, "a");
    cluster.settle();
    join(&mut cluster, 4);
    let position = cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.run(HEARTBEAT * 3);
    assert_eq!(cluster.applied(4), ["a"]);
    for id in cluster.ids() {
        assert_eq!(cluster.members(id), "voters n1 n2 n3, learners n4");
        assert_eq!(cluster.raft(id).membership_index(), position.index);
    }
    cluster.change(1, |change| change.voter(NodeId(4))).unwrap();
    cluster.run(HEARTBEAT * 3);
    for id in cluster.ids() {
        assert_eq!(cluster.members(id), "voters n1 n2 n3 n4");
        assert_eq!(
            told(&mut cluster, id, |event| matches!(
                event,
                Event::MembershipChanged { .. }
            )),
            2
        );
    }
    // It votes, and can lead.
    cluster.crash(1);
    cluster.elect(4);
}

#[test]
fn what_a_learner_holds_commits_nothing() {
    let mut cluster = three();
    join(&mut cluster, 4);
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.run(HEARTBEAT * 3);
    cluster.crash(2);
    cluster.crash(3);
    let commit = cluster.raft(1).commit();
    cluster.propose(1, "a");
    cluster.run(HEARTBEAT);
    assert_eq!(cluster.raft(4).status().last.index, commit.next());
    assert_eq!(cluster.raft(1).commit(), commit);
    // Nor does its answer confirm a read, or keep a leader.
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    let lost = |event: &Event| matches!(event, Event::ReadLost { ticket: lost } if *lost == ticket);
    assert_eq!(told(&mut cluster, 1, lost), 1);
}

#[test]
fn a_new_voter_must_have_caught_up() {
    let mut cluster = Cluster::with(3, |config| config.max_promotion_lag = 2);
    cluster.elect(1);
    for _ in 0..5 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    let (matched, last) = (Index::ZERO, Index(6));
    assert_eq!(
        cluster.change(1, |change| change.voter(NodeId(4))),
        Err(ChangeError::NotCaughtUp {
            id: NodeId(4),
            matched,
            last
        })
    );
    assert!(
        cluster
            .change(1, |change| change.voter(NodeId(4)).even_if_behind())
            .is_ok()
    );
}

#[test]
fn there_is_one_change_at_a_time_and_it_is_against_the_newest() {
    let mut cluster = Cluster::new(3);
    assert_eq!(
        cluster.change(1, |change| change.remove(NodeId(3))),
        Err(ChangeError::NotLeader { leader: None })
    );
    // Not before an entry of its own term is committed.
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    while cluster.raft(1).role() != Role::Leader {
        let next = cluster.network.pop_front().unwrap();
        cluster.deliver(next);
    }
    assert_eq!(
        cluster.change(1, |change| change.remove(NodeId(3))),
        Err(ChangeError::NotReady)
    );
    cluster.settle();
    let seen = cluster.raft(1).change();
    let now = cluster.now;
    let index = cluster
        .change(1, |change| change.remove(NodeId(3)))
        .unwrap()
        .index;
    assert_eq!(
        cluster.change(1, |change| change.remove(NodeId(2))),
        Err(ChangeError::Pending { index })
    );
    cluster.settle();
    let stale = cluster
        .raft(1)
        .change_membership(&seen.remove(NodeId(2)), now);
    let base = Index::ZERO;
    assert_eq!(
        stale,
        Err(ChangeError::Stale {
            base,
            newest: index
        })
    );
    assert_eq!(
        cluster.change(1, |change| change.voter(NodeId(2))),
        Err(ChangeError::NothingChanges)
    );
}

#[test]
fn a_joint_membership_is_left_when_it_is_committed_or_when_somebody_says_so() {
    for (transition, is_joint) in [
        (Transition::Shortest, false),
        (Transition::Joint, false),
        (Transition::JointUntilLeft, true),
    ] {
        let mut cluster = three();
        join(&mut cluster, 4);
        join(&mut cluster, 5);
        let change = cluster.change(1, |change| {
            change.voters(set(&[1, 4, 5])).through(transition)
        });
        change.unwrap();
        assert!(cluster.raft(1).membership().is_joint());
        cluster.run(HEARTBEAT * 4);
        assert_eq!(cluster.raft(1).membership().is_joint(), is_joint);
        if is_joint {
            assert_eq!(
                cluster.change(1, |change| change.remove(NodeId(4))),
                Err(ChangeError::Joint)
            );
            let now = cluster.now;
            cluster.raft(1).leave_joint(now).unwrap();
            cluster.run(HEARTBEAT * 4);
        }
        for id in [1, 4, 5] {
            assert_eq!(cluster.members(id), "voters n1 n4 n5");
        }
        // Those that are gone were told so, and disturb nobody.
        for id in [2, 3] {
            assert_eq!(cluster.members(id), "voters n1 n4 n5");
        }
        let term = cluster.raft(1).term();
        cluster.run(TIMEOUT * 6);
        assert_eq!((cluster.leaders(), cluster.raft(1).term()), (vec![1], term));
    }
}

#[test]
fn a_read_that_waits_is_confirmed_when_one_voter_is_left() {
    let mut cluster = Cluster::new(2);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
        .change(1, |change| change.remove(NodeId(2)))
        .unwrap();
    let now = cluster.now;
    cluster.raft(1).read(now).unwrap();
    cluster.settle();
    let ready = |event: &Event| matches!(event, Event::ReadReady { .. });
    assert_eq!(told(&mut cluster, 1, ready), 1);
    assert_eq!(cluster.members(1), "voters n1");
}

#[test]
fn a_witness_votes_and_counts_but_gets_no_commands() {
    let mut cluster = Cluster::new(2);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    join(&mut cluster, 3);
    cluster
        .change(1, |change| change.witness(NodeId(3)))
        .unwrap();
    cluster.run(HEARTBEAT * 3);
    assert_eq!(cluster.members(3), "voters n1 n2 n3, witnesses n3");
    cluster.crash(2);
    cluster.propose(1, "secret");
    cluster.run(HEARTBEAT * 2);
    assert_eq!(cluster.applied(1), ["secret"]);
    let has_command = |disk: &Disk| {
        let mut entries = disk.entries.iter();
        entries.any(|entry| matches!(entry.payload, Payload::Command(_)))
    };
    assert!(!has_command(&cluster.node(3).disk) && has_command(&cluster.node(1).disk));
    assert_eq!(cluster.raft(3).applied(), cluster.raft(1).applied());
    // What is committed by a witness is not lost: it does not elect who lacks it.
    cluster.crash(1);
    cluster.restart(2);
    cluster.run(TIMEOUT * 6);
    assert_eq!(cluster.leaders(), Vec::<u64>::new());
    cluster.restart(1);
    cluster.crash(2);
    cluster.run(TIMEOUT * 6);
    assert_eq!(cluster.leaders(), [1]);
    assert_eq!(cluster.applied(1), ["secret"]);
}

#[test]
fn a_witness_behind_the_log_gets_a_snapshot_without_a_state() {
    let mut cluster = Cluster::new(2);
    cluster.elect(1);
    for _ in 0..4 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    cluster.node(1).compact();
    join(&mut cluster, 3);
    cluster
        .change(1, |change| change.witness(NodeId(3)))
        .unwrap();
    cluster.run(HEARTBEAT * 4);
    let snapshot = cluster.node(3).disk.snapshot.clone().unwrap();
    assert_eq!(
        (snapshot.position.index, snapshot.data),
        (Index(5), Bytes::new())
    );
    assert_eq!(cluster.members(3), "voters n1 n2 n3, witnesses n3");
    assert_eq!(
        told(&mut cluster, 1, |event| matches!(
            event,
            Event::SnapshotWanted { .. }
        )),
        0
    );
}

#[test]
fn what_a_member_is_made_of_does_not_change() {
    let mut cluster = three();
    let two = NodeId(2);
    let witness = cluster.change(1, |change| change.remove(two).witness(two));
    assert_eq!(witness, Err(ChangeError::WitnessForGood { id: two }));
}

#[test]
fn a_change_survives_restarts() {
    let mut cluster = three();
    cluster
        .change(1, |change| change.remove(NodeId(3)))
        .unwrap();
    cluster.settle();
    for id in cluster.ids() {
        cluster.restart(id);
        assert_eq!(cluster.members(id), "voters n1 n2");
    }
    cluster.run(TIMEOUT * 6);
    assert_eq!(cluster.leaders().len(), 1);
    assert_ne!(cluster.leaders(), [3]);
}

#[test]
fn two_of_three_zones_decide() {
    let zone = |from: u64| set(&[from, from + 1, from + 2]);
    let zones = QuorumSet::majority_of([zone(1), zone(4), zone(7)]).unwrap();
    let mut cluster = Cluster::new(9);
    cluster.config.founders = Membership::new(zones);
    for id in 1..=9 {
        cluster.boot(id, Disk::default());
    }
    cluster.elect(1);
    // Five of nine are gone, but two zones have a majority each.
    for id in [3, 6, 7, 8, 9] {
        cluster.crash(id);
    }
    cluster.propose(1, "a");
    cluster.run(TIMEOUT * 3);
    assert_eq!(
        (cluster.leaders(), cluster.applied(5)),
        (vec![1], vec!["a".to_owned()])
    );
    // Of one more zone the majority is gone: six are up, and decide nothing.
    for id in [7, 8, 9, 3] {
        cluster.restart(id);
    }
    cluster.crash(5);
    cluster.crash(7);
    cluster.crash(8);
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.leaders(), Vec::<u64>::new());
}

#[test]
fn survivors_go_on_without_the_others_if_people_say_so() {
    let mut cluster = three();
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(2);
    cluster.crash(3);
    cluster.run(TIMEOUT * 4);
    assert_eq!(cluster.leaders(), Vec::<u64>::new());
    let now = cluster.now;
    let alone = Membership::of_voters([NodeId(1)]).unwrap();
    let others = Membership::of_voters([NodeId(2)]).unwrap();
    assert_eq!(
        cluster.raft(1).force_membership(others, now),
        Err(ChangeError::NoVoters)
    );
    cluster.raft(1).force_membership(alone, now).unwrap();
    cluster.run(HEARTBEAT);
    assert_eq!(cluster.leaders(), [1]);
    cluster.propose(1, "b");
    cluster.run(HEARTBEAT);
    assert_eq!(cluster.applied(1), ["a", "b"]);
    let membership = cluster.raft(1).membership().clone();
    let again = cluster.raft(1).force_membership(membership, now);
    assert!(again.is_err(), "it leads, and needs no force");
}

#[test]
fn who_joins_is_nobody_until_the_log_says_so() {
    let start = |config: Config, disk: Disk| {
        Raft::new(config, disk.recover(true), 0, Instant::ORIGIN).map(|raft| raft.role())
    };
    let mut joining = Raft::new(
        Config::joining(NodeId(4)),
        Default::default(),
        0,
        Instant::ORIGIN,
    )
    .unwrap();
    joining.handle_timeout(joining.poll_timeout().unwrap());
    assert_eq!(joining.role(), Role::Follower);
    let founders = [1, 2].map(NodeId);
    assert_eq!(
        start(Config::new(NodeId(4), founders), Disk::default()),
        Err(StartError::NotAMember { id: NodeId(4) })
    );
    // Later its own log says who the members are, and it may have become one.
    let mut cluster = three();
    join(&mut cluster, 4);
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.run(HEARTBEAT * 2);
    let disk = cluster.node(4).disk.clone();
    assert_eq!(
        start(Config::new(NodeId(4), founders), disk),
        Ok(Role::Follower)
    );
}

#[test]
fn nothing_is_proposed_while_the_leadership_changes_hands() {
    let mut cluster = three();
    let now = cluster.now;
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    let refused = cluster.raft(1).propose(Bytes::from("a"), now);
    assert!(matches!(
        refused,
        Err(ProposeError::Transferring { to: NodeId(2), .. })
    ));
    assert_eq!(
        cluster.change(1, |change| change.remove(NodeId(3))),
        Err(ChangeError::Transferring { to: NodeId(2) })
    );
}
