//! What is at the edges: words that outlive a leadership, proposals that are lost, entries that left the window,
//! and settings and times that can not be.

mod common;

use std::time::Duration;

use common::{Cluster, HEARTBEAT, TIMEOUT};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Config, Event, Fate, Heartbeat, HeartbeatReply, Index, Message, Position, Raft, Recovered,
    Role, StartError, Term, VoteReply, VoteRequest,
};

fn at(index: u64, term: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

/// Delivers `message` and gives what its receiver sends in return.
fn answer(cluster: &mut Cluster, from: u64, to: u64, message: Message) -> Vec<Message> {
    cluster.network.clear();
    cluster.deliver((from, to, message));
    cluster
        .network
        .drain(..)
        .map(|(_, _, message)| message)
        .collect()
}

/// A leader that steps down gives no vote while a permit that it granted still runs.
#[test]
fn a_leader_that_steps_down_keeps_its_own_part_in_its_lease() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    let now = cluster.now;
    let permit = cluster.raft(1).lease_read(now).unwrap();
    let reply = HeartbeatReply {
        term: Term(40),
        round: 0,
        mark: 0,
    };
    answer(&mut cluster, 3, 1, Message::HeartbeatReply(reply));
    assert_eq!(cluster.raft(1).role(), Role::Follower);
    let request = Message::Vote(VoteRequest {
        term: Term(41),
        last: at(99, 40),
        is_transfer: false,
    });
    let granted = |replies: Vec<Message>| {
        matches!(
            replies[..],
            [Message::VoteReply(VoteReply { granted: true, .. })]
        )
    };
    assert!(!granted(answer(&mut cluster, 3, 1, request.clone())));
    cluster.now = permit.until;
    assert!(granted(answer(&mut cluster, 3, 1, request)));
}

/// A newer term that reaches a follower by another way does not free it from its word: it votes for
/// nobody while a leader that it answered may hold a lease.
#[test]
fn a_newer_term_does_not_end_the_word_given_to_a_leader() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.pass(HEARTBEAT);
    cluster.tick(1);
    cluster.settle();
    let term = cluster.raft(1).term().next();
    let late = VoteReply {
        term,
        asked: term,
        granted: false,
    };
    answer(&mut cluster, 3, 2, Message::PreVoteReply(late));
    assert_eq!(cluster.raft(2).term(), term);
    let request = Message::Vote(VoteRequest {
        term,
        last: at(99, 40),
        is_transfer: false,
    });
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).is_ok());
    let refused = VoteReply {
        term,
        asked: term,
        granted: false,
    };
    assert_eq!(
        answer(&mut cluster, 3, 2, request),
        [Message::VoteReply(refused)]
    );
}

/// Every proposal ends: one that is overwritten is said to be replaced, once that is certain.
#[test]
fn a_proposal_that_is_overwritten_is_reported_lost() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(1);
    let position = cluster.propose(1, "lost");
    cluster.settle();
    cluster.campaign(2);
    cluster.run(TIMEOUT * 3);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    cluster.propose(leader, "kept");
    cluster.settle();
    let lost = Event::ProposalLost {
        position,
        fate: Fate::Replaced,
    };
    assert!(!cluster.node(1).events.contains(&lost));
    cluster.heal();
    cluster.run(TIMEOUT);
    assert!(cluster.node(1).events.contains(&lost));
    assert_eq!(cluster.applied(1), ["kept"]);
}

/// A proposal whose place in the log a snapshot has taken may have been applied.
#[test]
fn a_proposal_under_a_snapshot_is_reported_unknown() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.isolate(1);
    let position = cluster.propose(1, "open");
    cluster.campaign(2);
    cluster.run(TIMEOUT * 3);
    let [leader] = cluster.leaders()[..] else {
        panic!("leaders: {:?}", cluster.leaders())
    };
    for command in ["x", "y", "z"] {
        cluster.propose(leader, command);
        cluster.settle();
    }
    cluster.run(HEARTBEAT * 2);
    cluster.node(2).compact();
    cluster.node(3).compact();
    cluster.heal();
    cluster.run(TIMEOUT * 3);
    let unknown = Event::ProposalLost {
        position,
        fate: Fate::Unknown,
    };
    assert!(cluster.node(1).events.contains(&unknown));
    assert_eq!(cluster.applied(1), ["x", "y", "z"]);
}

/// Entries that left the window are asked for, by a follower's need and by the application's.
#[test]
fn entries_beyond_the_window_are_loaded() {
    let mut cluster = Cluster::with(3, |config| {
        config.window_bytes = 0;
        config.max_append_bytes = 8;
    });
    cluster.elect(1);
    cluster.isolate(3);
    let commands = ["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8"];
    for command in commands {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.heal();
    cluster.run(TIMEOUT * 2);
    assert_eq!(cluster.applied(3), commands);
    assert!(
        cluster
            .node(1)
            .events
            .iter()
            .any(|event| matches!(event, Event::Load { .. }))
    );
}

/// A node restarted without any entries in memory applies its log by loading it.
#[test]
fn a_restart_without_entries_in_memory_applies_the_log() {
    let mut cluster = Cluster::new(1);
    cluster.elect(1);
    for command in ["a", "b", "c"] {
        cluster.propose(1, command);
    }
    cluster.settle();
    let disk = cluster.node(1).disk.clone();
    cluster.boot(1, disk.clone());
    let config = cluster.config.clone();
    cluster.node(1).raft = Raft::new(config, disk.recover(false), 3, cluster.now).unwrap();
    cluster.elect(1);
    assert_eq!(cluster.applied(1), ["a", "b", "c"]);
}

/// Time that repeats or goes back is no progress, and no reason to panic.
#[test]
fn time_that_goes_back_is_no_progress() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    let due = cluster.raft(1).poll_timeout();
    for now in [Instant::ORIGIN, Instant::from_nanos(1)] {
        cluster.raft(1).handle_timeout(now);
    }
    assert_eq!(cluster.raft(1).poll_timeout(), due);
    cluster.raft(1).handle_timeout(Instant::MAX);
    cluster.raft(2).handle_timeout(Instant::MAX);
    cluster.drain_all();
}

/// The last term that can be told ends elections, not the process.
#[test]
fn a_lying_term_does_not_panic() {
    let mut cluster = Cluster::new(3);
    let heartbeat = Heartbeat {
        term: Term(u64::MAX),
        commit: Index(u64::MAX),
        round: u64::MAX,
        mark: u64::MAX,
        mark_commit: Index(u64::MAX),
    };
    answer(&mut cluster, 1, 2, Message::Heartbeat(heartbeat));
    assert_eq!(cluster.raft(2).commit(), Index(0));
    cluster.pass(Duration::from_secs(100));
    cluster.tick(2);
    assert_eq!(cluster.raft(2).role(), Role::Follower);
}

/// Settings that could never work are refused by name.
#[test]
fn settings_that_cannot_work_are_refused() {
    let start = |change: fn(&mut Config)| {
        let mut config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
        change(&mut config);
        Raft::new(config, Recovered::default(), 0, Instant::ORIGIN).map(|_| ())
    };
    assert_eq!(start(|_| ()), Ok(()));
    assert_eq!(
        start(|config| config.id = NodeId(7)),
        Err(StartError::NotAMember { id: NodeId(7) })
    );
    for change in [
        (|config| config.heartbeat_interval = Duration::ZERO) as fn(&mut Config),
        |config| config.election_timeout = Duration::from_millis(1),
        |config| config.max_appends_in_flight = 0,
        |config| config.clock_drift_ppm = 1_000_000,
        |config| config.max_command_bytes = usize::MAX,
    ] {
        assert!(matches!(start(change), Err(StartError::Setting { .. })));
    }
}
