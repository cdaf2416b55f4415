//! Reads: what they see, and what they say of it.
// why: one closure has to take longer than a lease.
#![allow(clippy::disallowed_methods)]

mod common;

use std::time::Duration;

use common::{Cluster, Ledger, soon};
use quorate_raft_core::Role;
use quorate_raft_node::{Node, ReadAt, ReadFailed, ReadLevel};

async fn read(node: &Node<Ledger>, level: ReadLevel) -> Result<(usize, ReadAt), ReadFailed> {
    let read = node.read(level, |ledger, at| (ledger.0.len(), at));
    soon("a read", read).await
}

#[tokio::test]
async fn a_linearizable_read_sees_what_was_answered() {
    let cluster = Cluster::start(3);
    for count in 1..20 {
        let applied = cluster.propose("x").await;
        let leader = cluster.leader().await;
        // A leader that has just changed refuses, and is not asked again: the next one is.
        if let Ok((seen, at)) = read(cluster.node(leader), ReadLevel::Linearizable).await {
            assert_eq!(seen, count);
            assert!(at.applied >= applied.position.index);
            assert_eq!(at.level_served, ReadLevel::Linearizable);
            assert!(at.staleness.is_some());
        }
    }
}

#[tokio::test]
async fn a_lease_is_used_while_it_holds() {
    let cluster = Cluster::start(3);
    cluster.propose("x").await;
    let served_on_lease = async {
        loop {
            let leader = cluster.leader().await;
            if let Ok((1, at)) = read(cluster.node(leader), ReadLevel::Lease).await
                && at.level_served == ReadLevel::Lease
            {
                return at;
            }
        }
    };
    let at = soon("a lease", served_on_lease).await;
    assert!(at.staleness.unwrap() < cluster.options(0).raft.election_timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_runs_out_during_the_read_is_made_good() {
    let cluster = Cluster::start(3);
    cluster.propose("x").await;
    let longer_than_a_lease = cluster.options(0).raft.election_timeout * 2;
    let made_good = async {
        loop {
            let leader = cluster.node(cluster.leader().await);
            let read = leader.read(ReadLevel::Lease, move |ledger, at| {
                std::thread::sleep(longer_than_a_lease);
                (ledger.0.len(), at.level_served)
            });
            let read = soon("a slow read", read).await;
            let status = soon("a status", leader.fresh_status()).await.unwrap();
            if read == Ok((1, ReadLevel::Lease)) {
                return status;
            }
        }
    };
    let status = soon("a slow lease read", made_good).await;
    assert!(status.counters.lease_fallbacks > 0);
    assert!(status.counters.reads_confirmed > 0);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_serves_nothing_but_old_news_and_says_so() {
    let cluster = Cluster::start(3);
    cluster.propose("x").await;
    let old = soon("proof of a majority", async {
        loop {
            let leader = cluster.leader().await;
            let (_, at) = read(cluster.node(leader), ReadLevel::Local).await.unwrap();
            if at.staleness.is_some() {
                return leader;
            }
        }
    })
    .await;
    cluster.cut(old, true);
    let node = cluster.node(old);
    assert!(matches!(
        read(node, ReadLevel::Linearizable).await,
        Err(ReadFailed::NotLeader { .. })
    ));
    cluster
        .wait_status(old, "a leader to step down", |status| {
            status.raft.role != Role::Leader
        })
        .await;
    assert!(matches!(
        read(node, ReadLevel::Lease).await,
        Err(ReadFailed::NotLeader { .. })
    ));
    let (_, first) = read(node, ReadLevel::Local).await.unwrap();
    // The others go on.
    let applied = cluster.propose("y").await;
    let (seen, later) = read(node, ReadLevel::Local).await.unwrap();
    assert_eq!(seen, 1);
    assert!(later.staleness >= first.staleness);
    assert!(later.staleness > Some(cluster.options(0).raft.election_timeout / 2));
    // And it hears of it when it is back.
    cluster.cut(old, false);
    assert_eq!(cluster.ledger(old, applied.position.index).await.len(), 2);
}

#[tokio::test]
async fn a_follower_knows_how_old_its_news_are() {
    let cluster = Cluster::start(3);
    let applied = cluster.propose("x").await;
    let follower = (cluster.leader().await + 1) % 3;
    cluster.ledger(follower, applied.position.index).await;
    let fresh = async {
        loop {
            let (_, at) = read(cluster.node(follower), ReadLevel::Local)
                .await
                .unwrap();
            if at.staleness.is_some_and(|age| age < Duration::from_secs(1)) {
                return at;
            }
            tokio::task::yield_now().await;
        }
    };
    let at = soon("news", fresh).await;
    assert_eq!(at.level_served, ReadLevel::Local);
    assert!(at.applied >= applied.position.index);
}

#[tokio::test]
async fn a_panic_of_a_read_is_its_callers_and_the_node_goes_on() {
    let cluster = Cluster::start(1);
    cluster.propose("x").await;
    let node = cluster.node(0).clone();
    let read = node.read(ReadLevel::Local, |_, _| panic!("the caller's own"));
    let panicked = tokio::spawn(read).await.unwrap_err();
    assert!(panicked.is_panic());
    assert_eq!(cluster.propose("y").await.response, 2);
}

#[tokio::test]
async fn too_many_reads_are_refused() {
    let cluster = Cluster::start_with(3, |options| options.max_open_reads = 1);
    cluster.propose("x").await;
    let leader = cluster.leader().await;
    let node = cluster.node(leader);
    let first = node.read(ReadLevel::Linearizable, |_, _| ());
    let second = node.read(ReadLevel::Local, |_, _| ());
    assert_eq!(soon("a refusal", second).await, Err(ReadFailed::Overloaded));
    let _ = soon("the first", first).await;
    assert!(read(node, ReadLevel::Local).await.is_ok());
}
