//! What is committed, and what of it is handed out to apply.

use quorate_clocks::{Instant, NodeId, SplitMix64};
use quorate_raft_core::{Config, Event, Index, Membership, Message, Position, Raft, Role};

use crate::common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use crate::kit::{answer, append, at, matched, sync_all, sync_one, until_leading};

/// B-21: a follower commits only what this append has verified, and not what else its log holds.
///
/// Source: Raft figure 2, AppendEntries, rule 5; hashicorp/raft `raft.go` takes its last index.
#[test]
fn b_21_a_divergent_tail_is_not_committed() {
    let mut cluster = Cluster::new(3);
    cluster.boot(2, disk(5, &[1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]));
    answer(&mut cluster, 1, 2, append(5, at(7, 1), &[], 12));
    assert_eq!(cluster.raft(2).commit(), Index(7));
}

/// B-22: a heartbeat names no more than its receiver is known to hold.
///
/// Source: etcd-raft `raft.go`; cockroach #25173.
#[test]
fn b_22_a_heartbeat_commits_only_what_is_matched() {
    let mut cluster = Cluster::new(3);
    cluster.boot(3, disk(1, &[1, 1, 1]));
    cluster.boot(1, disk(2, &[2, 2]));
    cluster.boot(2, disk(2, &[2, 2]));
    cluster.cut.push((3, 1));
    cluster.pass(TIMEOUT * 2);
    cluster.elect(1);
    cluster.cut.push((1, 3));
    cluster.run(HEARTBEAT * 2);
    cluster.heal();
    cluster.cut.push((3, 1));
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster
        .network
        .retain(|(_, _, message)| matches!(message, Message::Heartbeat(_)));
    cluster.settle();
    assert!(cluster.raft(1).commit() > Index(0));
    assert_eq!(cluster.raft(3).commit(), Index(0));
}

/// The largest value that more than half have reached, the slow way.
fn reached_by_most(values: &[u64]) -> u64 {
    let has_most = |&value: &u64| {
        let above = values.iter().filter(|other| **other >= value).count();
        above * 2 > values.len()
    };
    values.iter().copied().filter(has_most).max().unwrap()
}

fn reached(values: &[u64]) -> u64 {
    let members = (0..values.len() as u64).map(NodeId);
    let members = Membership::of_voters(members).unwrap();
    let value = |id: NodeId| values[usize::try_from(id.0).unwrap()];
    members.reached(value).unwrap()
}

/// B-35: what a majority has reached is found in any order of its members, and for every number of them.
///
/// Source: openraft f076cf6f (#1802); hashicorp/raft 163a55f.
#[test]
fn b_35_the_commit_index_is_what_a_majority_holds() {
    for count in 1..=5_u32 {
        for number in 0..4_u64.pow(count) {
            let values: Vec<_> = (0..count).map(|at| number / 4_u64.pow(at) % 4).collect();
            assert_eq!(reached(&values), reached_by_most(&values), "{values:?}");
        }
    }
    let mut random = SplitMix64::new(35);
    for round in 0..600 {
        let values: Vec<_> = (0..6 + round % 8).map(|_| random.below(9)).collect();
        assert_eq!(reached(&values), reached_by_most(&values), "{values:?}");
    }
    // And as the answers come in one by one.
    for seed in 0..20 {
        let mut random = SplitMix64::new(seed);
        let mut cluster = Cluster::new(5);
        cluster.elect(1);
        for id in 2..=5 {
            cluster.crash(id);
        }
        for _ in 0..9 {
            cluster.propose(1, "a");
        }
        let status = cluster.raft(1).status();
        assert_eq!((status.last.index, status.commit), (Index(10), Index(1)));
        let mut held = [10, 1, 1, 1, 1];
        for _ in 0..20 {
            let id = 2 + random.below(4);
            let place = usize::try_from(id - 1).unwrap();
            held[place] += random.below(11 - held[place]);
            let reply = matched(status.term.0, held[place]);
            answer(&mut cluster, id, 1, reply);
            let expected = Index(reached_by_most(&held));
            assert_eq!(cluster.raft(1).commit(), expected, "{held:?}");
        }
    }
}

/// B-40: however what is committed is cut into pages, each entry is handed out once, in order, and the commit
/// index does not go back; also over a restart between two pages.
///
/// Source: etcd-raft 8ecce32 and 2e0653d; cockroach #28918.
#[test]
fn b_40_committed_pages_neither_skip_nor_repeat() {
    let terms = [1, 1, 2, 2, 2, 3];
    let mut config = Config::new(NodeId(1), [NodeId(1)]);
    config.max_committed_bytes = 1;
    config.window_bytes = 0;
    for before in 0..=terms.len() as u64 {
        let mut disk = disk(3, &terms);
        let mut recovered = disk.recover(false);
        recovered.applied = Index(before);
        let mut raft = Raft::new(config.clone(), recovered, 0, Instant::ORIGIN).unwrap();
        let now = raft.poll_timeout().unwrap();
        raft.handle_timeout(now);
        while let Some(write) = raft.poll_write() {
            disk.apply(write.what);
            raft.handle_written(write.receipt, now);
        }
        assert_eq!(raft.role(), Role::Leader);
        let mut last = Index(before);
        while let Some(event) = raft.poll_event() {
            assert_eq!(raft.commit(), Index(7));
            match event {
                Event::Committed { entries } => {
                    for entry in entries.iter() {
                        assert_eq!(entry.position.index, last.next());
                        last = entry.position.index;
                    }
                    assert_eq!(raft.applied(), last);
                }
                Event::Load { from, .. } => {
                    // Fewer than were asked for.
                    let place = usize::try_from(from.0 - 1).unwrap();
                    let cut = disk.entries[place..=place].to_vec();
                    raft.provide_entries(from, cut.into(), now);
                }
                _ => {}
            }
        }
        assert_eq!(last, Index(7));
    }
}

/// B-41: a state machine that is ahead of the known commit index is no reason not to start.
///
/// Source: raft-rs #392; etcd-raft `log.go` panics.
#[test]
fn b_41_applied_beyond_the_commit_index_is_taken_as_committed() {
    let mut recovered = disk(1, &[1, 1, 1]).recover(true);
    recovered.applied = Index(2);
    let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
    let raft = Raft::new(config, recovered, 0, Instant::ORIGIN).unwrap();
    assert_eq!(raft.commit(), Index(2));
}

/// B-42: what is committed is handed out only once it is durable *here*, as what it is there.
///
/// Source: raft-rs #561 (0d01b20); tikv #17868.
#[test]
fn b_42_nothing_is_applied_before_it_is_durable() {
    let mut cluster = Cluster::new(3);
    cluster.sync_at_once = false;
    // Entries of a leader that nobody else heard of, which are not on the disk yet.
    answer(&mut cluster, 1, 2, append(1, Position::ZERO, &[1, 1, 1], 0));
    // The next leader's take their place, and are committed already.
    answer(&mut cluster, 3, 2, append(2, Position::ZERO, &[2, 2, 2], 3));
    assert_eq!(cluster.raft(2).commit(), Index(3));
    assert_eq!(cluster.applied(2), [""; 0]);
    sync_one(&mut cluster, 2);
    assert_eq!(cluster.log_terms(2), [1, 1, 1]);
    assert_eq!(cluster.applied(2), [""; 0], "what is durable is another");
    sync_all(&mut cluster, 2);
    assert_eq!(cluster.applied(2), ["1t2", "2t2", "3t2"]);
    // A leader, too, applies what it has on its own disk, also when the others have committed it.
    let mut cluster = Cluster::new(3);
    until_leading(&mut cluster, 1);
    cluster.sync_at_once = false;
    cluster.propose(1, "a");
    for id in [2, 3] {
        let term = cluster.raft(1).term().0;
        answer(&mut cluster, id, 1, matched(term, 2));
    }
    assert_eq!(cluster.raft(1).commit(), Index(2));
    assert_eq!(cluster.applied(1), [""; 0]);
    sync_all(&mut cluster, 1);
    assert_eq!(cluster.applied(1), ["a"]);
}
