//! The part of the hall of known bugs that is about the driver. The other rooms are in quorate-raft-core.

mod common;

use common::{Cluster, commands, soon};
use tokio::task::JoinSet;

/// B-60: a snapshot that falls due while another is being made is made after it, although nothing more is
/// proposed.
///
/// Source: openraft d0e245a2 (#1829).
#[tokio::test]
async fn b_60_a_snapshot_that_falls_due_during_another_is_made_after_it() {
    let every = 10;
    let cluster = Cluster::start_with(1, |options| {
        options.snapshot_every = 10;
        options.keep_entries = 0;
        // Many small pieces are applied while the first of them is saved.
        options.raft.max_committed_bytes = 1;
    });
    cluster.leader().await;
    for round in 1..=5 {
        let mut proposals = JoinSet::new();
        for command in commands(100) {
            proposals.spawn(cluster.node(0).propose(command));
        }
        let answers = soon("the proposals", proposals.join_all()).await;
        let last = answers
            .into_iter()
            .map(|answer| answer.unwrap().position.index);
        let last = last.max().unwrap();
        let status = cluster.wait_status(0, "the newest snapshot", |status| {
            status.snapshot.0 + every > last.0
        });
        let status = status.await;
        assert!(status.counters.snapshots_saved >= round, "{status:?}");
        assert!(status.snapshot <= status.applied);
    }
}
