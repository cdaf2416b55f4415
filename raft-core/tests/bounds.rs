//! What a node holds, sends and sends again stays within bounds, whatever is slow, lost or doubled.

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use common::{Cluster, HEARTBEAT, TIMEOUT, disk};
use quorate_clocks::{Instant, NodeId};
use quorate_raft_core::{
    Append, Config, Entries, Event, Fate, Heartbeat, Index, Message, Position, Raft, Recovered,
    SnapshotChunk, StartError, Term,
};
use quorate_transport::Wire;

fn at(index: u64, term: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

#[test]
fn what_waits_for_the_leaders_own_disk_is_bounded() {
    let mut cluster = Cluster::with(3, |config| {
        config.max_uncommitted_bytes = 10_000;
        config.max_command_bytes = 1_000;
    });
    cluster.elect(1);
    cluster.sync_at_once = false;
    let mut taken = 0;
    for _ in 0..200 {
        let now = cluster.now;
        if cluster
            .raft(1)
            .propose(Bytes::from(vec![7; 1000]), now)
            .is_ok()
        {
            taken += 1;
        }
        for _ in 0..3 {
            cluster.settle();
            cluster.node(2).sync(now);
            cluster.node(3).sync(now);
        }
        cluster.settle();
    }
    assert!(taken < 20, "{taken} commit {}", cluster.raft(1).commit());
}

#[test]
fn open_proposals_do_not_block_a_second_leadership() {
    let mut cluster = Cluster::with(3, |config| {
        config.max_uncommitted_bytes = 1_000;
        config.max_command_bytes = 300;
    });
    cluster.elect(1);
    cluster.isolate(1);
    let now = cluster.now;
    let mut open = 0;
    while cluster
        .raft(1)
        .propose(Bytes::from(vec![7; 50]), now)
        .is_ok()
    {
        open += 1;
    }
    assert_eq!(open, 8);
    cluster.settle();
    cluster.campaign(2);
    cluster.heal();
    cluster.run(HEARTBEAT * 4);
    let [leader] = cluster.leaders()[..] else {
        panic!()
    };
    if leader != 1 {
        cluster.elect(1);
    }
    cluster.run(HEARTBEAT * 4);
    let now = cluster.now;
    assert_eq!(
        cluster.raft(1).propose(Bytes::from("x"), now).map(|_| ()),
        Ok(())
    );
    let lost = cluster
        .node(1)
        .events
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::ProposalLost {
                    fate: Fate::Replaced,
                    ..
                }
            )
        })
        .count();
    assert_eq!(lost, 8);
}

/// A cluster whose node 3 needs a snapshot, of `count` entries, in chunks of so many bytes.
fn behind(count: usize, chunk: usize) -> Cluster {
    let mut cluster = Cluster::with(3, |config| config.snapshot_chunk_bytes = chunk);
    cluster.elect(1);
    cluster.isolate(3);
    for _ in 0..count {
        cluster.propose(1, "abcdef");
        cluster.settle();
    }
    cluster.node(1).compact();
    cluster.heal();
    cluster
}

fn is_chunk(message: &Message) -> bool {
    matches!(message, Message::SnapshotChunk(_))
}

#[test]
fn reads_do_not_make_chunks_be_sent_again() {
    let mut cluster = behind(20, 4);
    // Until the first chunk is out.
    for _ in 0..100 {
        cluster.pass(HEARTBEAT / 2);
        cluster.tick(1);
        while let Some(next) = cluster.network.pop_front() {
            if is_chunk(&next.2) {
                cluster.network.clear();
                cluster.network.push_back(next);
                break;
            }
            cluster.deliver(next);
        }
        if cluster.network.iter().any(|n| is_chunk(&n.2)) {
            break;
        }
    }
    let mut chunks = 0;
    for _ in 0..50 {
        let now = cluster.now;
        cluster.raft(1).read(now).unwrap();
        cluster.drain(1);
        while let Some(next) = cluster.network.pop_front() {
            if is_chunk(&next.2) {
                chunks += 1;
                continue;
            }
            cluster.deliver(next);
        }
    }
    assert!(chunks <= 2, "{chunks}");
}

#[test]
fn doubled_answers_do_not_double_the_stream() {
    let mut cluster = behind(20, 16);
    let mut chunks = 0;
    for _ in 0..20 {
        cluster.pass(HEARTBEAT / 2);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        let mut messages = 0;
        while let Some(next) = cluster.network.pop_front() {
            messages += 1;
            assert!(messages < 20_000, "messages breed");
            chunks += u32::from(is_chunk(&next.2));
            if matches!(next.2, Message::SnapshotReply(_)) {
                cluster.deliver(next.clone());
            }
            cluster.deliver(next);
        }
    }
    assert_eq!(cluster.applied(3).len(), 20);
    assert!(chunks < 60, "{chunks}");
}

#[test]
fn a_slow_link_does_not_drown_in_chunks() {
    // One bulk message takes 3.5 heartbeats on a link that carries one at a time.
    let mut cluster = behind(20, 16);
    let mut link: VecDeque<(u64, u64, Message)> = VecDeque::new();
    let mut chunks = 0;
    let mut steps = 0;
    while cluster.applied(3).len() < 20 && steps < 5_000 {
        steps += 1;
        cluster.pass(HEARTBEAT / 2);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        if steps % 7 == 0
            && let Some(next) = link.pop_front()
        {
            cluster.deliver(next);
        }
        while let Some(next) = cluster.network.pop_front() {
            if is_chunk(&next.2) {
                chunks += 1;
                link.push_back(next);
            } else {
                cluster.deliver(next);
            }
        }
    }
    assert!(
        chunks < 60,
        "{chunks} chunks in {steps} steps, applied {}",
        cluster.applied(3).len()
    );
}

#[test]
fn many_rounds_in_flight_keep_the_lease() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 2);
    let mut late: VecDeque<(u64, u64, Message)> = VecDeque::new();
    for _ in 0..20_000 {
        cluster.pass(Duration::from_micros(100));
        let now = cluster.now;
        cluster.raft(1).read(now).unwrap();
        cluster.tick(1);
        late.extend(cluster.network.drain(..));
        while late.len() > 3_000 {
            let next = late.pop_front().unwrap();
            cluster.deliver(next);
            // Answers come at once.
            let back: Vec<_> = cluster.network.drain(..).collect();
            for message in back {
                cluster.deliver(message);
            }
        }
    }
    let now = cluster.now;
    assert!(cluster.raft(1).lease_read(now).is_ok());
}

#[test]
fn a_follower_asks_again_for_entries() {
    let recovered = disk(1, &[1, 1, 1]).recover(false);
    let mut config = Config::new(NodeId(2), [NodeId(1), NodeId(2), NodeId(3)]);
    config.election_timeout = TIMEOUT;
    config.heartbeat_interval = HEARTBEAT;
    let mut now = Instant::from_millis(5);
    let mut raft = Raft::new(config, recovered, 0, now).unwrap();
    let append = Message::Append(Append {
        term: Term(1),
        previous: at(3, 1),
        commit: Index(3),
        entries: Entries::new(),
    });
    raft.handle_message(NodeId(1), append, now);
    let load = |raft: &mut Raft| {
        core::iter::from_fn(|| raft.poll_event()).find(|event| matches!(event, Event::Load { .. }))
    };
    assert!(load(&mut raft).is_some());
    raft.provide_entries(Index(1), Entries::new(), now);
    let mut asked = false;
    for _ in 0..50 {
        now = now + HEARTBEAT;
        assert!(raft.poll_timeout().unwrap() > now);
        let heartbeat = Heartbeat {
            term: Term(1),
            commit: Index(3),
            round: 1,
            mark: 0,
            mark_commit: Index::ZERO,
        };
        raft.handle_message(NodeId(1), Message::Heartbeat(heartbeat), now);
        while raft.poll_transmit().is_some() {}
        asked |= load(&mut raft).is_some();
    }
    assert!(asked);
}

#[test]
fn empty_commands_are_bounded_in_an_append() {
    let mut cluster = Cluster::with(3, |config| config.max_append_bytes = 1_000);
    cluster.elect(1);
    let now = cluster.now;
    for _ in 0..10_000 {
        cluster.raft(1).propose(Bytes::new(), now).unwrap();
    }
    cluster.drain(1);
    let largest = cluster
        .network
        .iter()
        .map(|(_, _, message)| message.encoded_len())
        .max()
        .unwrap();
    assert!(largest < 2_000, "{largest}");
}

#[test]
fn an_outbox_of_one_message_per_member_starves_nobody() {
    let refused = Config {
        max_outbox: 2,
        ..Config::new(NodeId(1), [NodeId(1), NodeId(2), NodeId(3)])
    };
    let started = Raft::new(refused, Recovered::default(), 0, Instant::ORIGIN);
    assert!(matches!(started, Err(StartError::Setting { .. })));

    let mut cluster = Cluster::with(3, |config| config.max_outbox = 3);
    cluster.run(TIMEOUT * 10);
    let [leader] = cluster.leaders()[..] else {
        panic!("{:?}", cluster.leaders())
    };
    cluster.propose(leader, "a");
    cluster.run(TIMEOUT * 10);
    for id in 1..=3 {
        assert_eq!(cluster.applied(id), ["a"], "n{id}");
    }
}

#[test]
fn appends_do_not_push_out_heartbeats() {
    let mut cluster = Cluster::with(3, |config| {
        config.max_outbox = 8;
        config.max_append_bytes = 1;
    });
    cluster.elect(1);
    cluster.settle();
    let now = cluster.now;
    for _ in 0..40 {
        cluster.raft(1).propose(Bytes::from("x"), now).unwrap();
    }
    let ticket = cluster.raft(1).read(now).unwrap();
    cluster.settle();
    assert!(
        cluster
            .node(1)
            .events
            .iter()
            .any(|event| matches!(event, Event::ReadReady { ticket: t, .. } if *t == ticket))
    );
    assert_eq!(cluster.applied(1).len(), 40);
}

#[test]
fn unpolled_events_are_bounded() {
    let mut config = Config::new(NodeId(2), [NodeId(1), NodeId(2), NodeId(3)]);
    config.election_timeout = TIMEOUT;
    let now = Instant::from_millis(5);
    let mut raft = Raft::new(config, Recovered::default(), 0, now).unwrap();
    for term in 1..=100 {
        let chunk = SnapshotChunk {
            term: Term(term),
            position: at(term, term),
            membership: raft.membership().clone(),
            total: 3,
            offset: 0,
            data: Bytes::from_static(b"abc"),
        };
        raft.handle_message(NodeId(1), Message::SnapshotChunk(Box::new(chunk)), now);
        while let Some(write) = raft.poll_write() {
            raft.handle_written(write.receipt, now);
        }
    }
    let events: Vec<_> = core::iter::from_fn(|| raft.poll_event()).collect();
    assert!(events.len() <= 4, "{}", events.len());
    assert!(
        matches!(events.iter().rev().find(|e| matches!(e, Event::Restore { .. })), Some(Event::Restore { snapshot }) if snapshot.position == at(100, 100))
    );
}

#[test]
fn a_lost_tail_is_found_with_few_probes() {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    for _ in 0..300 {
        cluster.propose(1, "a");
    }
    cluster.settle();
    let mut lost = cluster.node(2).disk.clone();
    lost.entries.truncate(1);
    cluster.boot(2, lost);
    cluster.propose(1, "d");
    let mut appends = 0;
    for _ in 0..40 {
        cluster.pass(HEARTBEAT / 4);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        while let Some(next) = cluster.network.pop_front() {
            appends += u32::from(next.1 == 2 && matches!(next.2, Message::Append(_)));
            cluster.deliver(next);
        }
    }
    assert_eq!(cluster.applied(2).len(), 301);
    assert!(appends < 30, "{appends}");
}

#[test]
fn doubled_voters_are_one() {
    let config = Config::new(NodeId(1), [NodeId(1); 3]);
    assert_eq!(config.founders.members(), [NodeId(1)]);
}

/// A snapshot that there was none of when it was asked for is asked for again.
#[test]
fn a_snapshot_that_is_not_there_is_asked_for_again() {
    let mut cluster = behind(8, 4);
    cluster.node(1).withholds = true;
    cluster.heal();
    for times in 1..=3 {
        cluster.run(HEARTBEAT * 20);
        let events = cluster.node(1).events.iter();
        let is_wanted = |event: &&Event| matches!(event, Event::SnapshotWanted { .. });
        assert_eq!(events.filter(is_wanted).count(), times);
        let now = cluster.now;
        cluster.raft(1).provide_snapshot(NodeId(3), None, now);
    }
    cluster.node(1).withholds = false;
    cluster.run(HEARTBEAT * 20);
    assert_eq!(cluster.applied(3).len(), 8);
}

/// A window of appends was lost whole, and the entries before it were purged meanwhile.
#[test]
fn a_follower_whose_lost_window_was_purged_is_sent_a_snapshot() {
    let mut cluster = Cluster::with(3, |config| config.max_appends_in_flight = 2);
    cluster.elect(1);
    cluster.run(HEARTBEAT * 2);
    // Appends to node 3 vanish, but it goes on answering heartbeats.
    for _ in 0..10 {
        cluster.propose(1, "a");
        cluster.drain_all();
        while let Some(next) = cluster.network.pop_front() {
            let lost = next.1 == 3 && matches!(next.2, Message::Append(_));
            if !lost {
                cluster.deliver(next);
            }
            cluster.drain_all();
        }
    }
    cluster.node(1).compact();
    cluster.run(HEARTBEAT * 200);
    assert_eq!(cluster.applied(1).len(), 10);
    assert_eq!(cluster.applied(3).len(), 10);
}
