//! Clusters of three on real logs: what is answered stays, whoever stops and starts.

mod common;

use std::time::Duration;

use common::{Cluster, commands, soon};
use quorate_clocks::NodeId;
use quorate_raft_core::Role;
use quorate_raft_node::{ProposeFailed, ReadFailed, ReadLevel};
use tokio::task::JoinSet;

#[tokio::test]
async fn what_is_proposed_is_applied_on_every_node_in_one_order() {
    let cluster = Cluster::start(3);
    let mut last = None;
    for (count, command) in commands(20).into_iter().enumerate() {
        let applied = cluster.propose(command).await;
        assert_eq!(applied.response, count + 1);
        assert!(last < Some(applied.position.index));
        last = Some(applied.position.index);
    }
    for at in 0..3 {
        assert_eq!(cluster.ledger(at, last.unwrap()).await, commands(20));
    }
}

#[tokio::test]
async fn a_follower_names_the_leader_and_does_nothing() {
    let cluster = Cluster::start(3);
    cluster.propose("first").await;
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let known = soon("the leader", cluster.node(follower).leader()).await;
    assert!(known.is_ok());
    // The cluster may elect another one meanwhile, so only the kind of answer is certain.
    let answer = soon("a refusal", cluster.node(follower).propose("x".into())).await;
    if cluster.node(follower).status().raft.role != Role::Leader {
        let Err(ProposeFailed::NotLeader { leader: hint }) = answer else {
            panic!("{answer:?}");
        };
        assert_ne!(hint, Some(NodeId(follower as u64)));
        let read = cluster
            .node(follower)
            .read(ReadLevel::Linearizable, |_, _| ());
        assert!(matches!(
            soon("a refusal", read).await,
            Err(ReadFailed::NotLeader { .. })
        ));
    }
}

#[tokio::test]
async fn a_command_that_is_too_large_is_refused_with_the_limit() {
    let cluster = Cluster::start_with(1, |options| options.raft.max_command_bytes = 10);
    let leader = cluster.leader().await;
    let answer = soon(
        "a refusal",
        cluster.node(leader).propose("01234567890".into()),
    )
    .await;
    let limits = ProposeFailed::TooLarge {
        bytes: 11,
        limit_bytes: 10,
    };
    assert_eq!(answer, Err(limits));
}

#[tokio::test]
async fn the_leader_stops_and_another_one_has_everything() {
    let mut cluster = Cluster::start(3);
    for command in commands(10) {
        cluster.propose(command).await;
    }
    let first = cluster.leader().await;
    cluster.stop_node(first).await;
    let applied = cluster.propose("after").await;
    assert_eq!(applied.response, 11);
    let second = cluster.leader().await;
    assert_ne!(first, second);
    // It comes back and catches up.
    cluster.start_node(first);
    let ledger = cluster.ledger(first, applied.position.index).await;
    assert_eq!(ledger.len(), 11);
}

#[tokio::test]
async fn everything_is_there_after_all_nodes_restart() {
    let mut cluster = Cluster::start(3);
    let mut last = cluster.propose("zeroth").await;
    for command in commands(30) {
        last = cluster.propose(command).await;
    }
    for at in 0..3 {
        cluster.stop_node(at).await;
    }
    for at in 0..3 {
        cluster.start_node(at);
    }
    let applied = cluster.propose("last").await;
    assert_eq!(applied.response, 32);
    assert!(applied.position > last.position);
    for at in 0..3 {
        let ledger = cluster.ledger(at, applied.position.index).await;
        assert_eq!(ledger[1..31], commands(30));
    }
}

#[tokio::test]
async fn a_node_that_was_away_for_long_gets_the_snapshot() {
    let mut cluster = Cluster::start_with(3, |options| {
        options.snapshot_every = 20;
        options.keep_entries = 5;
        options.raft.snapshot_chunk_bytes = 1_000;
    });
    cluster.propose("before").await;
    let away = (cluster.leader().await + 1) % 3;
    cluster.stop_node(away).await;
    let mut last = None;
    for command in commands(200) {
        last = Some(cluster.propose(command).await);
    }
    let leader = cluster.leader().await;
    let compacted = cluster.wait_status(leader, "a compacted log", |status| {
        status.snapshot.0 > 20 && status.raft.start.index.0 > 10
    });
    assert!(compacted.await.counters.snapshots_saved > 0);
    cluster.start_node(away);
    let ledger = cluster.ledger(away, last.unwrap().position.index).await;
    assert_eq!(ledger[1..], commands(200));
    let restored = cluster.wait_status(away, "a restored snapshot", |status| {
        status.counters.snapshots_restored > 0
    });
    restored.await;
    // What it saved of it is there after another restart.
    cluster.stop_node(away).await;
    cluster.start_node(away);
    let applied = cluster.propose("after").await;
    let ledger = cluster.ledger(away, applied.position.index).await;
    assert_eq!(ledger.len(), 202);
}

#[tokio::test]
async fn a_log_of_few_large_commands_is_compacted_too() {
    let cluster = Cluster::start_with(1, |options| {
        options.snapshot_every = 0;
        options.snapshot_every_bytes = 20_000;
        options.keep_bytes = 5_000;
    });
    for _ in 0..100 {
        cluster.propose(vec![7; 1_000]).await;
    }
    let compacted = cluster.wait_status(0, "a compacted log", |status| {
        status.snapshot.0 > 20 && status.raft.start.index.0 > status.snapshot.0 - 10
    });
    let saved = compacted.await.counters.snapshots_saved;
    assert!((2..=10).contains(&saved), "{saved}");
}

#[tokio::test]
async fn what_is_no_longer_in_memory_comes_from_the_log() {
    let mut cluster = Cluster::start_with(3, |options| {
        options.snapshot_every = 0;
        options.snapshot_every_bytes = 0;
        options.raft.window_bytes = 0;
        options.raft.max_append_bytes = 200;
        options.raft.max_committed_bytes = 100;
    });
    cluster.propose("before").await;
    let away = (cluster.leader().await + 1) % 3;
    cluster.stop_node(away).await;
    let mut last = None;
    for command in commands(200) {
        last = Some(cluster.propose(command).await);
    }
    cluster.start_node(away);
    let ledger = cluster.ledger(away, last.unwrap().position.index).await;
    assert_eq!(ledger[1..], commands(200));
    assert_eq!(cluster.node(away).status().counters.snapshots_restored, 0);
    // A whole cluster that starts again with nothing in memory has to read its own log, too.
    cluster.log_options.tail_bytes = 0;
    for at in 0..3 {
        cluster.stop_node(at).await;
        cluster.start_node(at);
    }
    let applied = cluster.propose("after").await;
    for at in 0..3 {
        assert_eq!(cluster.ledger(at, applied.position.index).await.len(), 202);
    }
}

/// A slow state machine holds up the answers, and nothing else: commits go on, memory is bounded.
#[tokio::test]
async fn a_state_machine_that_stands_still_does_not_stop_the_cluster() {
    let cluster = Cluster::start_with(3, |options| options.raft.max_committed_bytes = 1);
    cluster.propose("before").await;
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let blocked = cluster.node(follower).read(ReadLevel::Local, move |_, _| {
        let _ = wait.recv();
    });
    let blocked = tokio::spawn(blocked);
    let mut last = None;
    for command in commands(100) {
        last = Some(cluster.propose(command).await.position.index);
    }
    // It acknowledges what it can not apply.
    cluster
        .wait_status(follower, "the log", |status| {
            Some(status.raft.durable) >= last
        })
        .await;
    let status = cluster.node(follower).status();
    assert!(status.applied < last.unwrap());
    assert!(status.raft.applied.0 <= status.applied.0 + 9, "{status:?}");
    drop(go);
    soon("the closure", blocked).await.unwrap().unwrap();
    let ledger = cluster.ledger(follower, last.unwrap()).await;
    assert_eq!(ledger[1..], commands(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_that_come_together_share_a_sync() {
    // No election in the middle of it, however busy the machine is.
    let cluster = Cluster::start_with(3, |options| {
        options.raft.election_timeout = Duration::from_secs(2);
    });
    cluster.propose("first").await;
    let leader = cluster.node(cluster.leader().await).clone();
    let before = soon("a status", leader.fresh_status())
        .await
        .unwrap()
        .counters;
    let mut proposers = JoinSet::new();
    for proposer in 0..64 {
        let leader = leader.clone();
        proposers.spawn(async move {
            for round in 0..20 {
                let command = format!("{proposer} {round}").into();
                leader.propose(command).await.expect("a cluster at peace");
            }
        });
    }
    soon("64 proposers", proposers.join_all()).await;
    let after = soon("a status", leader.fresh_status())
        .await
        .unwrap()
        .counters;
    let entries = after.log_entries - before.log_entries;
    let syncs = after.log_syncs - before.log_syncs;
    assert!(entries >= 64 * 20, "{entries} entries");
    assert!(syncs * 2 < entries, "{syncs} syncs of {entries} entries");
    println!("{syncs} syncs of {entries} entries");
}
