//! What a node knows of how current it is: as much as can be proved, and no more.

mod common;

use std::time::Duration;

use common::{Cluster, HEARTBEAT, TIMEOUT};
use quorate_clocks::Instant;
use quorate_raft_core::{Index, Message, Role};

fn moment(cluster: &mut Cluster, id: u64) -> Option<Instant> {
    cluster.raft(id).current_as_of().map(|(at, _)| at)
}

fn age(cluster: &mut Cluster, id: u64) -> Duration {
    let at = moment(cluster, id).expect("a proof");
    cluster.now.since(at)
}

#[test]
fn every_node_is_current_up_to_a_few_heartbeats() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 4);
    let committed = cluster.propose(1, "a").index;
    cluster.run(HEARTBEAT * 4);
    for id in 1..=3 {
        assert!(age(&mut cluster, id) <= HEARTBEAT * 3, "n{id}");
        let (_, index) = cluster.raft(id).current_as_of().unwrap();
        assert_eq!(index, committed, "n{id}");
    }
}

#[test]
fn a_node_without_peers_is_current_by_itself() {
    let mut cluster = Cluster::new(1);
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert!(age(&mut cluster, 1) <= HEARTBEAT);
}

#[test]
fn nobody_is_current_before_the_new_term_has_committed() {
    let mut cluster = Cluster::new(3);
    // Appends are lost, so the first entry of the term is not committed, but heartbeats are not.
    for _ in 0..100 {
        cluster.pass(HEARTBEAT / 2);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        cluster.drain_all();
        while let Some(next) = cluster.network.pop_front() {
            if !matches!(next.2, Message::Append(_)) {
                cluster.deliver(next);
            }
            cluster.drain_all();
        }
    }
    assert_eq!(cluster.leaders().len(), 1);
    for id in 1..=3 {
        assert_eq!(cluster.raft(id).current_as_of(), None, "n{id}");
    }
}

#[test]
fn who_comes_back_is_not_current_by_the_first_word_it_hears() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 4);
    cluster.isolate(3);
    let cut_at = cluster.now;
    let missed = cluster.propose(1, "a").index;
    cluster.run(HEARTBEAT * 4);
    cluster.heal();
    // One round of heartbeats, and nothing else, reaches it.
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster
        .network
        .retain(|(_, to, message)| *to == 3 && matches!(message, Message::Heartbeat(_)));
    assert_eq!(cluster.network.len(), 1);
    while let Some(next) = cluster.network.pop_front() {
        cluster.deliver(next);
        cluster.network.clear();
    }
    assert!(moment(&mut cluster, 3).unwrap() <= cut_at);
    // Once it is, then with what it has missed.
    cluster.run(HEARTBEAT * 4);
    let (at, index) = cluster.raft(3).current_as_of().unwrap();
    assert!(at > cut_at && index >= missed);
}

#[test]
fn the_word_of_a_leader_without_a_majority_proves_nothing() {
    let mut cluster = Cluster::with(5, |_| {});
    cluster.elect(1);
    cluster.run(HEARTBEAT * 4);
    // 1 and 2 on one side. 1 leads on for a while.
    for from in [1, 2] {
        for to in [3, 4, 5] {
            cluster.cut.extend([(from, to), (to, from)]);
        }
    }
    let cut_at = cluster.now;
    cluster.run(HEARTBEAT * 4);
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    for id in [1, 2] {
        assert!(moment(&mut cluster, id).unwrap() <= cut_at, "n{id}");
    }
}

#[test]
fn a_late_heartbeat_tells_how_late_it_is() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 4);
    // A heartbeat of now stays on its way for long.
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let late: Vec<_> = cluster
        .network
        .iter()
        .filter(|(_, to, _)| *to == 3)
        .cloned()
        .collect();
    cluster.network.retain(|(_, to, _)| *to != 3);
    let sent_at = cluster.now;
    cluster.isolate(3);
    cluster.run(HEARTBEAT * 5);
    cluster.heal();
    cluster.network.clear();
    for message in late {
        cluster.deliver(message);
    }
    assert!(moment(&mut cluster, 3).unwrap() <= sent_at);
}

#[test]
fn a_mark_of_an_earlier_life_means_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 4);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let late: Vec<_> = cluster.network.drain(..).collect();
    cluster.crash(3);
    cluster.restart(3);
    for message in late {
        cluster.deliver(message);
    }
    assert_eq!(cluster.raft(3).current_as_of(), None);
    assert_eq!(cluster.raft(3).leader().map(|id| id.0), Some(1));
    assert!(cluster.raft(3).commit() > Index::ZERO);
}
