//! Clusters that change their members, with the bugs of other implementations by number.

mod common;

use bytes::Bytes;
use common::{Cluster, Disk, HEARTBEAT, TIMEOUT};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    ChangeError, Config, Event, Index, Membership, MembershipError, Message, Payload, ProposeError,
    QuorumSet, Raft, Role, StartError, Transition,
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
    // B-77: nor does its answer confirm a read, or keep a leader.
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
    // B-61: not before an entry of its own term is committed.
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

/// B-73: what would leave nobody to decide is refused by name.
#[test]
fn b73_the_last_voter_stays() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    let one = NodeId(1);
    assert_eq!(
        cluster.change(1, |change| change.remove(one)),
        Err(ChangeError::NoVoters)
    );
    assert_eq!(
        cluster.change(1, |change| change.learner(one)),
        Err(ChangeError::NoVoters)
    );
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
}

/// B-66: with one voter that becomes three, the joint entry needs a majority of the three, too.
#[test]
fn b66_a_joint_change_needs_both_majorities() {
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

/// B-64: the leader that began a joint change is gone, and the next one ends it. B-65: not before the
/// joint entry is committed.
#[test]
fn b64_the_next_leader_leaves_the_joint_membership() {
    for has_committed in [false, true] {
        let mut cluster = three();
        join(&mut cluster, 4);
        cluster
            .change(1, |change| change.learner(NodeId(4)))
            .unwrap();
        cluster.run(HEARTBEAT * 2);
        // Its answers get lost, or what it appends after them does.
        let is_leave = |message: &Message| match message {
            Message::Append(append) => append.entries.iter().any(|entry| match entry.payload {
                Payload::Membership(membership) => !membership.is_joint(),
                _ => false,
            }),
            _ => false,
        };
        if !has_committed {
            cluster.cut = [2, 3, 4].map(|id| (id, 1)).to_vec();
        }
        let change = cluster.change(1, |change| {
            change.voter(NodeId(4)).through(Transition::Joint)
        });
        let index = change.unwrap().index;
        cluster.drain_all();
        while let Some(next) = cluster.network.pop_front() {
            if !is_leave(&next.2) {
                cluster.deliver(next);
            }
        }
        for id in [2, 3, 4] {
            assert!(cluster.raft(id).membership().is_joint());
        }
        assert_eq!(cluster.raft(1).commit() >= index, has_committed);
        cluster.crash(1);
        cluster.heal();
        cluster.elect(2);
        // B-65: not while it may still be lost.
        assert!(cluster.raft(2).commit() > index);
        cluster.run(HEARTBEAT * 3);
        for id in [2, 3, 4] {
            assert_eq!(cluster.members(id), "voters n1 n2 n3 n4");
        }
    }
}

/// B-61: the bug of single-server changes of 2015: two leaders that do not know of each other's change
/// would commit by quorums that do not meet.
#[test]
fn b61_no_change_before_an_entry_of_its_own_term_is_committed() {
    let mut cluster = Cluster::new(4);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    join(&mut cluster, 5);
    // 1 adds 5, which nobody else hears of.
    cluster.cut = [2, 3, 4].map(|id| (1, id)).to_vec();
    cluster
        .change(1, |change| change.voter(NodeId(5)).even_if_behind())
        .unwrap();
    cluster.settle();
    cluster.heal();
    cluster.isolate(1);
    cluster.isolate(5);
    // 2 leads with 3 and 4, and removes 1.
    cluster.elect(2);
    cluster.run(HEARTBEAT);
    cluster
        .change(2, |change| change.remove(NodeId(1)))
        .unwrap();
    cluster.heal();
    cluster.isolate(3);
    cluster.isolate(4);
    cluster
        .cut
        .retain(|link| !matches!(link, (2, 3 | 4) | (3 | 4, 2)));
    cluster.isolate(1);
    cluster.settle();
    let committed = cluster.raft(2).commit();
    assert!(committed >= cluster.raft(2).membership_index());
    // 1 and 5 are no quorum of anything.
    cluster.heal();
    for id in [2, 3, 4] {
        cluster.isolate(id);
    }
    cluster.run(TIMEOUT * 6);
    assert!(!cluster.leaders().contains(&1) && !cluster.leaders().contains(&5));
}

/// B-69: an entry that is removed takes its membership with it.
#[test]
fn b69_a_change_that_is_lost_is_undone() {
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
    let lost = |event: &Event| matches!(event, Event::ProposalLost { position: lost, .. } if *lost == position);
    assert_eq!(
        told(&mut cluster, 1, lost),
        1,
        "a change ends once, with a reason"
    );
    let changed = |event: &Event| matches!(event, Event::MembershipChanged { .. });
    assert_eq!(told(&mut cluster, 1, changed), 2);
}

/// B-68, B-70: a leader that removes itself counts only the others, tells them that it is done, and goes.
#[test]
fn b70_a_leader_that_is_removed_does_not_count_itself() {
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
    // B-14: who is removed does not stand.
    let term = cluster.raft(2).term();
    cluster.run(TIMEOUT * 8);
    assert_eq!(cluster.raft(2).term(), term);
    let now = cluster.now;
    assert!(cluster.raft(1).campaign(now).is_err());
}

/// B-13: 1 believes that it is a learner, and its vote is needed all the same.
#[test]
fn b13_a_learner_answers_for_a_vote() {
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

/// B-14: neither a learner nor a witness stands, whoever asks them to.
#[test]
fn b14_who_can_not_lead_does_not_stand() {
    let mut cluster = three();
    join(&mut cluster, 4);
    join(&mut cluster, 5);
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.settle();
    cluster
        .change(1, |change| change.witness(NodeId(5)))
        .unwrap();
    cluster.run(HEARTBEAT * 3);
    let now = cluster.now;
    for id in [4, 5] {
        assert!(
            cluster
                .raft(1)
                .transfer_leadership(NodeId(id), now)
                .is_err()
        );
        assert!(cluster.raft(id).campaign(now).is_err());
        cluster.isolate(id);
    }
    let term = cluster.raft(1).term();
    cluster.run(TIMEOUT * 6);
    for id in [4, 5] {
        assert_eq!(
            (cluster.raft(id).role(), cluster.raft(id).term()),
            (Role::Follower, term)
        );
    }
}

/// B-67: fewer voters are enough for a read that waits, and who is removed confirms none.
#[test]
fn b67_reads_are_confirmed_by_the_members_of_now() {
    let mut cluster = three();
    cluster.cut = vec![(3, 1)];
    cluster
        .change(1, |change| change.remove(NodeId(3)))
        .unwrap();
    cluster.settle();
    cluster.cut = vec![(2, 1)];
    let now = cluster.now;
    cluster.raft(1).read(now).unwrap();
    cluster.settle();
    let ready = |event: &Event| matches!(event, Event::ReadReady { .. });
    assert_eq!(told(&mut cluster, 1, ready), 0);
    cluster.heal();
    cluster.run(HEARTBEAT * 2);
    assert_eq!(told(&mut cluster, 1, ready), 1);
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

/// B-71: who stays is where he was.
#[test]
fn b71_progress_outlives_a_change() {
    let mut cluster = three();
    for _ in 0..20 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    let matched = |cluster: &mut Cluster| -> Vec<Index> {
        let status = cluster.raft(1).status();
        status.peers.iter().map(|peer| peer.matched).collect()
    };
    let before = matched(&mut cluster);
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    assert_eq!(matched(&mut cluster)[..2], before);
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

/// B-55: a snapshot brings the members, also those of a joint membership.
#[test]
fn b55_a_snapshot_brings_the_members() {
    let mut cluster = three();
    let change = |change: quorate_raft_core::MembershipChange| {
        change
            .remove(NodeId(2))
            .learner(NodeId(4))
            .through(Transition::JointUntilLeft)
    };
    cluster.change(1, change).unwrap();
    for _ in 0..4 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    cluster.node(1).compact();
    join(&mut cluster, 4);
    cluster.run(HEARTBEAT * 4);
    let members = cluster.members(1);
    assert_eq!(
        members,
        "voters n1 n3, outgoing voters n1 n2 n3, learners n4"
    );
    assert_eq!(
        cluster
            .node(4)
            .disk
            .snapshot
            .clone()
            .unwrap()
            .membership
            .to_string(),
        members
    );
    cluster.restart(4);
    assert_eq!(cluster.members(4), members);
    // Who compacted starts from its own snapshot.
    cluster.restart(1);
    assert_eq!(cluster.members(1), members);
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
