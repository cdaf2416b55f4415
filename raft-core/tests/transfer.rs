//! Leaders that hand over, and elections that somebody asks for.

mod common;

use std::time::Duration;

use common::{Cluster, HEARTBEAT, TIMEOUT};
use quorate_clocks::NodeId;
use quorate_raft_core::{Event, Index, Message, ReadError, Role, TransferError};

const TWO: NodeId = NodeId(2);

fn three() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
}

fn transfer(cluster: &mut Cluster, to: NodeId) -> Result<(), TransferError> {
    let now = cluster.now;
    let started = cluster.raft(1).transfer_leadership(to, now);
    cluster.drain(1);
    started
}

fn failed(cluster: &mut Cluster) -> usize {
    let events = &cluster.node(1).events;
    let failed = |event: &&Event| matches!(event, Event::TransferFailed { .. });
    events.iter().filter(failed).count()
}

/// Takes the message that tells a member to stand off the network.
fn intercept(cluster: &mut Cluster) -> (u64, u64, Message) {
    let mut kept = None;
    cluster.drain_all();
    while let Some(next) = cluster.network.pop_front() {
        if matches!(next.2, Message::TimeoutNow(_)) {
            kept = Some(next);
        } else {
            cluster.deliver(next);
        }
    }
    kept.expect("the successor is told")
}

#[test]
fn the_successor_leads_at_once() {
    let mut cluster = three();
    let term = cluster.raft(1).term();
    transfer(&mut cluster, TWO).unwrap();
    cluster.settle();
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(cluster.raft(2).term(), term.next());
    assert_eq!(cluster.raft(1).leader(), Some(TWO));
    assert_eq!(failed(&mut cluster), 0);
    cluster.propose(2, "a");
    cluster.run(HEARTBEAT);
    assert_eq!(cluster.applied(1), ["a"]);
}

#[test]
fn who_can_not_lead_is_refused_by_name() {
    let mut cluster = three();
    assert_eq!(
        transfer(&mut cluster, NodeId(1)),
        Err(TransferError::LeadsAlready)
    );
    let to = NodeId(9);
    assert_eq!(
        transfer(&mut cluster, to),
        Err(TransferError::CanNotLead { to })
    );
    cluster.isolate(2);
    transfer(&mut cluster, TWO).unwrap();
    let to = TWO;
    assert_eq!(
        transfer(&mut cluster, NodeId(3)),
        Err(TransferError::Transferring { to })
    );
    let now = cluster.now;
    let leader = Some(NodeId(1));
    assert_eq!(
        cluster.raft(3).transfer_leadership(TWO, now),
        Err(TransferError::NotLeader { leader })
    );
}

#[test]
fn a_successor_that_can_not_be_reached_is_given_up() {
    let mut cluster = three();
    cluster.isolate(2);
    transfer(&mut cluster, TWO).unwrap();
    assert_eq!(cluster.raft(1).status().transferring, Some(TWO));
    cluster.run(TIMEOUT + HEARTBEAT);
    assert_eq!(
        (cluster.raft(1).role(), failed(&mut cluster)),
        (Role::Leader, 1)
    );
    cluster.propose(1, "a");
    cluster.run(HEARTBEAT);
    assert_eq!(cluster.applied(1), ["a"]);
}

/// The word holds for the log that it was given for, and for the leader who gave it.
#[test]
fn a_word_to_stand_is_for_one_log_and_one_term() {
    let mut cluster = three();
    transfer(&mut cluster, TWO).unwrap();
    let (from, to, message) = intercept(&mut cluster);
    let Message::TimeoutNow(word) = message else {
        unreachable!()
    };
    let mut other_log = word;
    other_log.last.index = Index(99);
    let mut other_term = word;
    other_term.term = word.term.next();
    let mut other_mark = word;
    other_mark.mark ^= 1;
    for wrong in [other_log, other_term, other_mark] {
        let dropped = cluster.raft(2).status().dropped_messages;
        cluster.deliver((from, to, Message::TimeoutNow(wrong)));
        assert_eq!(cluster.raft(2).role(), Role::Follower);
        assert_eq!(cluster.raft(2).status().dropped_messages, dropped + 1);
    }
    cluster.deliver((3, to, Message::TimeoutNow(word)));
    assert_eq!(cluster.raft(2).role(), Role::Follower);
    cluster.deliver((from, to, Message::TimeoutNow(word)));
    assert_eq!(cluster.raft(2).role(), Role::Candidate);
}

/// What was read on a permit is current: nobody else leads before it has run out.
#[test]
fn permits_run_out_before_the_successor_is_told() {
    let mut cluster = three();
    cluster.run(HEARTBEAT * 2);
    let now = cluster.now;
    let permit = cluster.raft(1).lease_read(now).unwrap();
    transfer(&mut cluster, TWO).unwrap();
    assert_eq!(cluster.raft(1).lease_read(now), Err(ReadError::NoLease));
    let mut waited = Duration::ZERO;
    while cluster.leaders() == [1] {
        cluster.run(HEARTBEAT / 4);
        waited += HEARTBEAT / 4;
        let now = cluster.now;
        let is_taken = cluster.raft(1).propose("a".into(), now).is_ok();
        assert!(is_taken || now >= permit.until);
        assert!(waited < TIMEOUT * 2, "it is handed over");
    }
    assert!(
        cluster.now >= permit.until,
        "{} before {}",
        cluster.now,
        permit.until
    );
}

#[test]
fn a_campaign_disturbs_no_leader_that_is_heard() {
    let mut cluster = three();
    let now = cluster.now;
    let term = cluster.raft(1).term();
    cluster.raft(2).campaign(now).unwrap();
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.raft(1).term()), (vec![1], term));
    assert_eq!(
        cluster.raft(1).campaign(now),
        Err(TransferError::LeadsAlready)
    );
    cluster.crash(1);
    cluster.pass(TIMEOUT * 2);
    let now = cluster.now;
    cluster.raft(2).campaign(now).unwrap();
    cluster.settle();
    assert_eq!(cluster.leaders(), [2]);
}

#[test]
fn a_leader_that_is_gone_is_forgotten_where_nobody_has_given_it_his_word() {
    for leases in [false, true] {
        let mut cluster = Cluster::with(3, |config| config.leases = leases);
        cluster.elect(1);
        cluster.run(HEARTBEAT * 2);
        let now = cluster.now;
        assert_eq!(cluster.raft(1).lease_read(now).is_ok(), leases);
        cluster.crash(1);
        for id in [2, 3] {
            assert_eq!(cluster.raft(id).forget_leader(now), !leases);
        }
        cluster.raft(2).campaign(now).unwrap();
        cluster.settle();
        assert_eq!(cluster.leaders() == [2], !leases);
    }
}

#[test]
fn who_waits_longer_leads_only_if_nobody_else_does() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(3);
        cluster.pass(Duration::from_millis(seed));
        for id in [1, 2] {
            cluster.config.election_delay = TIMEOUT * 3;
            cluster.boot(id, common::Disk::default());
        }
        cluster.run(TIMEOUT * 3);
        assert_eq!(cluster.leaders(), [3]);
        cluster.crash(3);
        cluster.run(TIMEOUT * 12);
        assert_eq!(cluster.leaders().len(), 1);
    }
}
