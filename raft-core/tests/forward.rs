//! Reads of members that do not lead.

mod common;

use common::{Cluster, HEARTBEAT, TIMEOUT};
use quorate_clocks::NodeId;
use quorate_raft_core::{Event, Index, Message, ReadError, ReadTicket};

fn three() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
}

fn read(cluster: &mut Cluster, id: u64) -> ReadTicket {
    let now = cluster.now;
    cluster.raft(id).read_anywhere(now).unwrap()
}

/// How a read of node 2 ended; it must not have ended twice.
fn end(cluster: &mut Cluster, wanted: ReadTicket) -> Option<Option<Index>> {
    let ends = cluster
        .node(2)
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ReadReady { ticket, index } if *ticket == wanted => Some(Some(*index)),
            Event::ReadLost { ticket } if *ticket == wanted => Some(None),
            _ => None,
        });
    let ends: Vec<_> = ends.collect();
    assert!(ends.len() <= 1, "{ends:?}");
    ends.first().copied()
}

#[test]
fn a_follower_reads_what_the_leader_has_committed() {
    let mut cluster = three();
    cluster.cut = vec![(1, 2)];
    let position = cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.raft(1).commit(), position.index);
    cluster.heal();
    let ticket = read(&mut cluster, 2);
    cluster.settle();
    assert_eq!(end(&mut cluster, ticket), Some(Some(position.index)));
    assert!(cluster.raft(2).applied() >= position.index || cluster.applied(2).is_empty());
}

#[test]
fn a_learner_reads_too_and_so_does_the_leader() {
    let mut cluster = three();
    cluster.boot(4, common::Disk::default());
    cluster
        .change(1, |change| change.learner(NodeId(4)))
        .unwrap();
    cluster.run(HEARTBEAT * 2);
    for id in [1, 4] {
        read(&mut cluster, id);
        cluster.settle();
        let events = &cluster.node(id).events;
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::ReadReady { .. }))
        );
    }
}

#[test]
fn all_reads_since_share_one_question() {
    let mut cluster = three();
    let tickets: Vec<_> = (0..10).map(|_| read(&mut cluster, 2)).collect();
    cluster.drain(2);
    let asked = cluster
        .network
        .iter()
        .filter(|next| matches!(next.2, Message::ReadRequest(_)));
    assert_eq!(asked.count(), 1);
    cluster.settle();
    for ticket in tickets {
        assert!(matches!(end(&mut cluster, ticket), Some(Some(_))));
    }
}

#[test]
fn what_gets_lost_is_told_once() {
    let mut cluster = three();
    cluster.cut = vec![(2, 1)];
    let first = read(&mut cluster, 2);
    cluster.settle();
    assert_eq!(end(&mut cluster, first), None);
    cluster.heal();
    // The answer to a later one holds for it, too.
    let second = read(&mut cluster, 2);
    cluster.settle();
    for ticket in [first, second] {
        assert!(matches!(end(&mut cluster, ticket), Some(Some(_))));
    }
    cluster.cut = vec![(1, 2)];
    let third = read(&mut cluster, 2);
    cluster.run(TIMEOUT * 2);
    assert_eq!(end(&mut cluster, third), Some(None));
}

#[test]
fn an_old_leader_confirms_nothing() {
    let mut cluster = three();
    cluster.cut = vec![(1, 3), (3, 1)];
    // 2 hears 1, which can not tell that it leads still.
    let ticket = read(&mut cluster, 2);
    cluster.cut.push((2, 1));
    cluster.drain(2);
    let asked = cluster.network.pop_back().unwrap();
    cluster.cut.clear();
    cluster.isolate(1);
    cluster.elect(3);
    let written = cluster.propose(3, "new");
    cluster.settle();
    assert_eq!(
        end(&mut cluster, ticket),
        Some(None),
        "its leader is none any more"
    );
    cluster.heal();
    cluster.deliver(asked);
    cluster.settle();
    let again = read(&mut cluster, 2);
    cluster.run(HEARTBEAT);
    assert_eq!(end(&mut cluster, again), Some(Some(written.index)));
}

#[test]
fn nobody_is_asked_when_nobody_leads_and_too_many_are_refused() {
    let mut cluster = Cluster::with(3, |config| config.max_reads = 2);
    let now = cluster.now;
    let nobody = ReadError::NotLeader { leader: None };
    assert_eq!(cluster.raft(2).read_anywhere(now), Err(nobody));
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster.isolate(2);
    for _ in 0..2 {
        read(&mut cluster, 2);
    }
    let now = cluster.now;
    assert_eq!(
        cluster.raft(2).read_anywhere(now),
        Err(ReadError::Full { limit: 2 })
    );
}

/// A leader that has too many reads says no, and keeps none of them waiting in vain.
#[test]
fn a_leader_without_room_says_so() {
    let mut cluster = Cluster::with(3, |config| config.max_reads = 2);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster.cut = vec![(2, 1), (3, 1)];
    for _ in 0..2 {
        read(&mut cluster, 1);
    }
    cluster.settle();
    cluster.cut = vec![(3, 1)];
    let ticket = read(&mut cluster, 2);
    cluster.drain(2);
    let asked = cluster.network.pop_back().unwrap();
    cluster.network.clear();
    cluster.deliver(asked);
    cluster.settle();
    assert_eq!(end(&mut cluster, ticket), Some(None));
}

/// A request of the life of member 2 that this seed names, and the member.
fn asked(seed: u64) -> (quorate_raft_core::Raft, quorate_raft_core::ReadRequest) {
    use quorate_raft_core::{Config, Heartbeat, Raft, Recovered, Term};
    let now = quorate_clocks::Instant::ORIGIN;
    let config = Config::new(NodeId(2), [1, 2, 3].map(NodeId));
    let hard_state = quorate_raft_core::HardState {
        term: Term(1),
        vote: None,
    };
    let recovered = Recovered {
        hard_state,
        ..Recovered::default()
    };
    let mut raft = Raft::new(config, recovered, seed, now).unwrap();
    let heartbeat = Heartbeat {
        term: Term(1),
        commit: Index(0),
        round: 1,
        mark: 1,
        mark_commit: Index(0),
    };
    raft.handle_message(NodeId(1), Message::Heartbeat(heartbeat), now);
    raft.read_anywhere(now).unwrap();
    while let Some(transmit) = raft.poll_transmit() {
        if let Message::ReadRequest(request) = transmit.message {
            return (raft, request);
        }
    }
    panic!("nobody was asked");
}

/// Between the two lives more may have been committed, and the new one's read must show it.
#[test]
fn an_answer_to_an_earlier_life_confirms_no_read() {
    let now = quorate_clocks::Instant::ORIGIN;
    let is_ready = |asked_by: u64, read_by: u64| {
        let (_, request) = asked(asked_by);
        let (mut raft, _) = asked(read_by);
        let reply = quorate_raft_core::ReadReply {
            term: request.term,
            number: request.number,
            index: Some(Index(0)),
        };
        raft.handle_message(NodeId(1), Message::ReadReply(reply), now);
        std::iter::from_fn(|| raft.poll_event())
            .any(|event| matches!(event, Event::ReadReady { .. }))
    };
    assert!(is_ready(7, 7));
    for seed in 0..40 {
        assert!(!is_ready(seed, seed + 1) && !is_ready(seed + 1, seed));
    }
}
