//! What the Raft paper (Ongaro and Ousterhout, USENIX ATC 2014) and the thesis claim, by section.

mod common;

use std::time::Duration;

use common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use quorate_clocks::NodeId;
use quorate_raft_core::{Event, Index, Message, Position, ReadError, Role, Term};

#[test]
fn s5_2_one_leader_is_elected_and_stays() {
    let mut cluster = Cluster::new(5);
    cluster.run(TIMEOUT * 4);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    let term = cluster.raft(leader).term();
    cluster.run(TIMEOUT * 10);
    assert_eq!(cluster.leaders(), [leader]);
    assert_eq!(cluster.raft(leader).term(), term);
}

#[test]
fn s5_2_a_follower_votes_once_in_a_term() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let now = cluster.now;
    let request = |term| {
        let last = Position {
            term: Term(9),
            index: Index(9),
        };
        Message::Vote(quorate_raft_core::VoteRequest {
            term: Term(term),
            last,
            is_transfer: false,
        })
    };
    cluster.crash(1);
    cluster.pass(TIMEOUT * 2);
    let now = now + TIMEOUT * 2;
    cluster.raft(3).handle_message(NodeId(1), request(7), now);
    cluster.raft(3).handle_message(NodeId(2), request(7), now);
    cluster.drain(3);
    let granted: Vec<_> = cluster
        .network
        .iter()
        .filter_map(|(_, to, message)| match message {
            Message::VoteReply(reply) if reply.granted => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(granted, [1]);
}

#[test]
fn s5_2_a_split_vote_is_resolved_by_another_draw() {
    let mut cluster = Cluster::new(4);
    cluster.pass(TIMEOUT * 2);
    for id in 1..=4 {
        cluster.tick(id);
    }
    cluster.settle();
    cluster.run(TIMEOUT * 8);
    assert_eq!(cluster.leaders().len(), 1);
}

#[test]
fn s5_3_a_command_reaches_every_state_machine_in_order() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    for id in 1..=3 {
        assert_eq!(cluster.applied(id), ["a", "b", "c"], "n{id}");
    }
}

/// Figure 7: a leader for term 8 brings each of the six followers to its own log.
#[test]
fn s5_3_figure_7_every_kind_of_divergence_is_repaired() {
    let leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let followers: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for follower in followers {
        let mut cluster = Cluster::new(3);
        cluster.boot(1, disk(7, &leader));
        cluster.boot(2, disk(7, follower));
        cluster.boot(3, disk(7, &leader));
        // The follower alone may have the longer log; the third gives the leader its majority.
        cluster.elect(1);
        cluster.run(HEARTBEAT * 4);
        let expected = cluster.log_terms(1);
        assert_eq!(expected, [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
        assert_eq!(cluster.log_terms(2), expected, "{follower:?}");
    }
}

/// A log that differs in three terms is repaired with at most a probe for each of them.
#[test]
fn s5_3_one_probe_skips_a_whole_term() {
    let mut cluster = Cluster::new(3);
    let shared = [1; 10];
    let old: Vec<u64> = [shared.as_slice(), &[2; 30], &[3; 30], &[4; 30]].concat();
    let new: Vec<u64> = [shared.as_slice(), &[5; 100]].concat();
    cluster.boot(1, disk(5, &new));
    cluster.boot(2, disk(5, &old));
    cluster.boot(3, disk(5, &new));
    cluster.campaign(1);
    cluster.settle();
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    // Elected and settled without another tick: no probe was lost and none had to wait.
    let expected = cluster.log_terms(1);
    assert_eq!(cluster.log_terms(2), expected);
}

#[test]
fn s5_4_1_a_candidate_with_an_older_log_is_not_elected() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(3, &[1, 1, 1, 1, 1]));
    cluster.boot(2, disk(3, &[1, 2]));
    cluster.boot(3, disk(3, &[1, 2]));
    cluster.campaign(1);
    assert_ne!(
        cluster.raft(1).role(),
        Role::Leader,
        "length does not beat the term of the last"
    );
    cluster.elect(2);
}

/// Figure 8: an entry of an earlier term is not committed by counting copies.
#[test]
fn s5_4_2_figure_8_only_entries_of_the_own_term_are_counted() {
    let mut cluster = Cluster::new(5);
    cluster.boot(1, disk(2, &[1, 2]));
    cluster.boot(2, disk(2, &[1, 2]));
    cluster.boot(3, disk(2, &[1]));
    cluster.boot(4, disk(2, &[1]));
    cluster.boot(5, disk(3, &[1, 3]));
    // S1 leads again, its own new entry does not get out, but 2/t2 reaches a majority.
    cluster.isolate(5);
    cluster.pass(TIMEOUT * 2);
    cluster.tick(1);
    while let Some((from, to, mut message)) = cluster.network.pop_front() {
        if let Message::Append(append) = &mut message {
            let mut entries = Vec::from(core::mem::take(&mut append.entries));
            entries.retain(|entry| entry.position.term < append.term);
            append.entries = entries.into();
        }
        cluster.deliver((from, to, message));
    }
    for id in [3, 4] {
        assert_eq!(cluster.log_terms(id), [1, 2]);
    }
    assert_eq!(cluster.raft(1).role(), Role::Leader);
    assert_eq!(cluster.raft(1).commit(), Index(0));
    // Once its own entry is on a majority, all before it is committed too.
    cluster.run(TIMEOUT);
    assert_eq!(cluster.raft(1).commit(), Index(3));
}

#[test]
fn s5_5_retries_and_duplicates_change_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    let copies: Vec<_> = cluster.network.iter().cloned().collect();
    cluster.settle();
    for _ in 0..3 {
        for copy in copies.clone() {
            cluster.deliver(copy);
        }
    }
    cluster.settle();
    assert_eq!(cluster.applied(2), ["a"]);
    assert_eq!(cluster.log_terms(2), cluster.log_terms(1));
}

#[test]
fn s5_1_a_crashed_cluster_goes_on_where_its_disks_are() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    for id in 1..=3 {
        cluster.crash(id);
    }
    for id in 1..=3 {
        cluster.restart(id);
    }
    cluster.elect(2);
    cluster.propose(2, "b");
    cluster.settle();
    cluster.run(HEARTBEAT * 3);
    assert_eq!(cluster.applied(3), ["a", "b"]);
}

#[test]
fn s7_a_follower_behind_the_logs_start_gets_a_snapshot() {
    let mut cluster = Cluster::with(3, |config| config.snapshot_chunk_bytes = 16);
    cluster.elect(1);
    cluster.isolate(3);
    for command in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.node(1).compact();
    cluster.heal();
    cluster.run(TIMEOUT * 2);
    assert_eq!(cluster.applied(3), cluster.applied(1));
    let restored = |event: &&Event| matches!(event, Event::Restore { .. });
    assert_eq!(cluster.node(3).events.iter().filter(restored).count(), 1);
    cluster.propose(1, "i");
    cluster.settle();
    assert_eq!(cluster.applied(3).last().unwrap(), "i");
}

#[test]
fn s8_a_new_leader_commits_what_its_predecessor_left() {
    let mut cluster = Cluster::new(3);
    cluster.boot(1, disk(4, &[1, 4]));
    cluster.boot(2, disk(4, &[1, 4]));
    cluster.elect(1);
    assert_eq!(cluster.applied(1), ["1t1", "2t4"]);
}

#[test]
fn thesis_6_4_a_read_waits_for_a_round_that_was_sent_after_it() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    let commit = cluster.raft(1).commit();
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.drain(1);
    let ready = Event::ReadReady {
        ticket,
        index: commit,
    };
    assert!(!cluster.node(1).events.contains(&ready));
    cluster.settle();
    assert!(cluster.node(1).events.contains(&ready));
    assert_eq!(
        cluster.raft(2).read(now),
        Err(ReadError::NotLeader {
            leader: Some(NodeId(1))
        })
    );
}

#[test]
fn thesis_6_4_a_deposed_leader_serves_no_read() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(1);
    let now = cluster.now;
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.settle();
    cluster.campaign(2);
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.leaders().len(), 1);
    let events = &cluster.node(1).events;
    assert!(events.contains(&Event::ReadLost { ticket }));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::ReadReady { .. }))
    );
}

#[test]
fn thesis_6_4_1_a_lease_is_over_before_another_can_be_elected() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    let sent_at = cluster.now;
    cluster.settle();
    let permit = cluster.raft(1).lease_read(sent_at).unwrap();
    assert!(permit.until < sent_at + TIMEOUT);
    cluster.isolate(1);
    // While the lease holds, nobody votes; when it is over, the old leader grants no more reads.
    let mut elected = false;
    for _ in 0..80 {
        cluster.pass(HEARTBEAT / 4);
        let now = cluster.now;
        for id in [2, 3] {
            cluster.tick(id);
        }
        cluster.settle();
        let other = [2, 3]
            .iter()
            .any(|&id| cluster.nodes[&id].raft.role() == Role::Leader);
        assert!(!(other && cluster.raft(1).lease_read(now).is_ok()));
        elected |= other;
    }
    assert!(elected);
}

#[test]
fn thesis_6_2_a_leader_without_a_quorum_steps_down() {
    let mut cluster = Cluster::new(5);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.pass(TIMEOUT + Duration::from_millis(1));
    cluster.tick(1);
    assert_eq!(cluster.raft(1).role(), Role::Follower);
}

/// §9.6 of the thesis: a member that comes back does not depose a leader that works.
#[test]
fn thesis_9_6_pre_vote_keeps_a_returning_member_from_disturbing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let term = cluster.raft(1).term();
    cluster.isolate(3);
    cluster.run(TIMEOUT * 10);
    cluster.heal();
    cluster.run(TIMEOUT * 3);
    assert_eq!(cluster.leaders(), [1]);
    assert_eq!(cluster.raft(1).term(), term);
}
