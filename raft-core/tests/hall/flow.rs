//! Windows and budgets, which must be given back.

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{Message, PeerState, ProposeError, Role};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT};
use crate::kit::settle_without;

/// B-26: when every message of a full window is lost, the follower still catches up.
///
/// Source: etcd #14633; etcd-raft 42419da.
#[test]
fn b_26_a_window_whose_messages_were_all_lost_recovers() {
    let mut cluster = Cluster::with(3, |config| config.max_appends_in_flight = 2);
    cluster.elect(1);
    cluster.cut.push((1, 3));
    for command in ["a", "b", "c", "d", "e"] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.heal();
    cluster.run(HEARTBEAT * 6);
    assert_eq!(cluster.applied(3), ["a", "b", "c", "d", "e"]);
    assert_eq!(cluster.leaders(), [1]);
}

/// B-27: a window is free again once its last append is answered, or when the follower begins anew.
///
/// Source: etcd-raft e419ba5 and dcd623a.
#[test]
fn b_27_a_window_is_given_back_to_the_last_append() {
    for window in 1..=3 {
        let mut cluster = Cluster::with(3, |config| config.max_appends_in_flight = window);
        cluster.elect(1);
        cluster.run(HEARTBEAT * 2);
        let is_append = |(_, to, message): &(u64, u64, Message)| {
            *to == 3 && matches!(message, Message::Append(_))
        };
        for round in 0..20 {
            // As many as go at once, and one that waits for the answer to the last of them.
            for _ in 0..=window {
                cluster.propose(1, "a");
            }
            let sent = cluster.network.iter().filter(|sent| is_append(sent));
            assert_eq!(sent.count(), window, "round {round}");
            cluster.settle();
            let now = cluster.now;
            for (id, state) in cluster.raft(1).explain(now).peers {
                assert_eq!(state, PeerState::UpToDate, "round {round}: {id}");
            }
            // Now and then the window is lost while it is full.
            if round % 4 == 3 {
                for _ in 0..window {
                    cluster.propose(1, "b");
                }
                settle_without(&mut cluster, is_append);
                let now = cluster.now;
                cluster.raft(1).handle_unreachable(NodeId(3), now);
                cluster.run(HEARTBEAT * 3);
            }
        }
        let all = cluster.applied(1);
        assert_eq!(all.len(), 20 * (window + 1) + 5 * window);
        assert_eq!(cluster.applied(3), all);
    }
}

/// Proposes until no more is taken, and says how many were.
fn fill(cluster: &mut Cluster, command: &Bytes) -> (usize, ProposeError) {
    let now = cluster.now;
    let mut taken = 0;
    loop {
        match cluster.raft(1).propose(command.clone(), now) {
            Ok(_) => taken += 1,
            Err(error) => return (taken, error),
        }
    }
}

/// B-39: the account of uncommitted bytes comes back to nothing, whatever became of the proposals, and one
/// command always fits into an empty one.
///
/// Source: etcd-raft a370b6f and 3701923.
#[test]
fn b_39_the_budget_of_proposals_is_paid_back() {
    let mut cluster = Cluster::with(3, |config| {
        config.max_uncommitted_bytes = 300;
        config.max_command_bytes = 300;
    });
    cluster.elect(1);
    let command = Bytes::from_static(&[7; 50]);
    for round in 0..20 {
        let (taken, refused) = fill(&mut cluster, &command);
        assert_eq!(taken, 2, "round {round}");
        let is_full = matches!(
            refused,
            ProposeError::Full {
                waiting_bytes: 228,
                ..
            }
        );
        assert!(is_full, "{refused}");
        assert_eq!(refused.into_command(), command);
        cluster.settle();
        // A change of the members goes through the same account.
        let learner = NodeId(9);
        let change = cluster.change(1, |change| match round % 2 {
            0 => change.learner(learner),
            _ => change.remove(learner),
        });
        change.unwrap();
        cluster.settle();
    }
    assert_eq!(cluster.applied(2).len(), 40);
    // More than the budget with what it costs besides, but nothing else waits.
    let largest = Bytes::from_static(&[7; 300]);
    assert_eq!(fill(&mut cluster, &largest).0, 1);
    cluster.settle();
    // What another leader overwrites is paid back as well.
    cluster.isolate(1);
    assert_eq!(fill(&mut cluster, &command).0, 2);
    cluster.settle();
    cluster.elect(2);
    cluster.heal();
    cluster.run(HEARTBEAT * 4);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(2);
    assert_eq!(cluster.raft(2).role(), Role::Follower);
    cluster.network.clear();
    cluster.elect(1);
    assert_eq!(fill(&mut cluster, &command).0, 2);
}
