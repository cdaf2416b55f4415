//! What a member says of itself: causes, explanations, counters.

mod common;

use common::{Cluster, HEARTBEAT, TIMEOUT};
use quorate_clocks::NodeId;
use quorate_raft_core::{Cause, Commitment, Event, Leadership, PeerState, Role};

fn three() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
}

fn explain(cluster: &mut Cluster, id: u64) -> quorate_raft_core::Explanation {
    let now = cluster.now;
    cluster.raft(id).explain(now)
}

/// Each role that a node was told of, and why.
fn causes(cluster: &mut Cluster, id: u64) -> Vec<(Role, Cause)> {
    let changes = cluster.node(id).events.iter();
    let changes = changes.filter_map(|event| match event {
        Event::RoleChanged { role, cause, .. } => Some((*role, *cause)),
        _ => None,
    });
    changes.collect()
}

#[test]
fn every_role_has_its_cause() {
    let mut cluster = three();
    assert_eq!(
        causes(&mut cluster, 1),
        [
            (Role::PreCandidate, Cause::Timeout),
            (Role::Candidate, Cause::WouldWin),
            (Role::Leader, Cause::Elected)
        ]
    );
    assert_eq!(
        causes(&mut cluster, 2).last(),
        Some(&(Role::Follower, Cause::LeaderHeard))
    );
    let now = cluster.now;
    cluster.raft(1).transfer_leadership(NodeId(2), now).unwrap();
    cluster.settle();
    let by = NodeId(1);
    assert!(causes(&mut cluster, 2).contains(&(Role::Candidate, Cause::HandedOver { by })));
    cluster.isolate(2);
    cluster.run(TIMEOUT * 2);
    assert!(causes(&mut cluster, 2).contains(&(Role::Follower, Cause::QuorumLost)));
    let counters = cluster.raft(2).counters();
    assert_eq!(
        (
            counters.elected,
            counters.candidacies,
            counters.quorums_lost
        ),
        (1, 1, 1)
    );
}

#[test]
fn nobody_leads_because_nobody_answers_or_refuses() {
    let mut cluster = three();
    cluster.crash(1);
    cluster.crash(3);
    cluster.campaign(2);
    let Leadership::Standing {
        refused, silent, ..
    } = explain(&mut cluster, 2).leadership
    else {
        panic!("it stands");
    };
    assert_eq!((refused, silent), (vec![], vec![NodeId(1), NodeId(3)]));
    // 3 comes back with more than 2 holds.
    let mut cluster = three();
    cluster.isolate(2);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.heal();
    cluster.crash(1);
    cluster.campaign(2);
    let text = explain(&mut cluster, 2).to_string();
    assert!(text.contains("refused by n3; no answer from n1"), "{text}");
}

#[test]
fn a_commit_waits_for_a_quorum_and_each_peer_has_its_state() {
    let mut cluster = three();
    cluster.crash(2);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    let explained = explain(&mut cluster, 1);
    let missing = vec![NodeId(2), NodeId(3)];
    assert!(
        matches!(&explained.commit, Commitment::WaitsForQuorum { own_disk: false, missing: m, .. } if *m == missing)
    );
    assert!(matches!(
        explained.peers[0].1,
        PeerState::Streaming { behind: 1, .. }
    ));
    cluster.pass(TIMEOUT);
    let explained = explain(&mut cluster, 1);
    assert!(matches!(explained.peers[0].1, PeerState::Silent { .. }));
    let text = explained.to_string();
    assert!(text.contains("not known to hold it: n2 n3"), "{text}");
}

#[test]
fn a_follower_that_has_lost_what_it_acknowledged_is_counted() {
    let mut cluster = three();
    for _ in 0..5 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    let mut lost = cluster.node(2).disk.clone();
    lost.entries.truncate(2);
    cluster.boot(2, lost);
    cluster.propose(1, "b");
    cluster.run(HEARTBEAT * 4);
    assert_eq!(cluster.raft(1).counters().doubts, 1);
    assert_eq!(cluster.raft(2).status().last, cluster.raft(1).status().last);
}
