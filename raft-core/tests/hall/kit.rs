//! What the scenarios have in common: a word for each thing that they do.

use std::time::Duration;

use bytes::Bytes;
use quorate_clocks::{NodeId, SplitMix64};
use quorate_raft_core::{
    Append, AppendOutcome, AppendReply, Event, Index, Membership, Message, PeerState, Position,
    QuorumSet, ReadTicket, Role, SnapshotChunk, Term, TimeoutNow, VoteReply, VoteRequest,
};

use crate::common::{Cluster, Disk, HEARTBEAT, encode_state, entries};

pub(crate) fn at(index: u64, term: u64) -> Position {
    Position {
        term: Term(term),
        index: Index(index),
    }
}

/// A cluster of three that 1 leads, with nothing under way.
pub(crate) fn three() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(1);
    cluster.run(HEARTBEAT);
    cluster
}

/// Starts a node that is to join.
pub(crate) fn join(cluster: &mut Cluster, id: u64) {
    cluster.boot(id, Disk::default());
}

pub(crate) fn set(ids: &[u64]) -> QuorumSet {
    QuorumSet::majority(ids.iter().copied().map(NodeId)).unwrap()
}

/// A message on its way.
pub(crate) type Sent = (u64, u64, Message);

/// Delivers `message` and gives what its receiver sends in return.
pub(crate) fn answer(cluster: &mut Cluster, from: u64, to: u64, message: Message) -> Vec<Message> {
    cluster.network.clear();
    cluster.deliver((from, to, message));
    let sent = cluster.network.drain(..);
    sent.map(|(_, _, message)| message).collect()
}

/// Delivers messages until none are left, but for those that get lost.
pub(crate) fn settle_without(cluster: &mut Cluster, mut is_lost: impl FnMut(&Sent) -> bool) {
    cluster.drain_all();
    let mut budget = 10_000;
    while let Some(next) = cluster.network.pop_front() {
        if !is_lost(&next) {
            cluster.deliver(next);
        }
        budget -= 1;
        assert!(budget > 0, "the cluster does not come to rest");
    }
}

/// Lets time pass, with every node told and every message delivered but for those that get lost.
pub(crate) fn run_without(
    cluster: &mut Cluster,
    span: Duration,
    mut is_lost: impl FnMut(&Sent) -> bool,
) {
    let end = cluster.now + span;
    while cluster.now < end {
        cluster.pass(HEARTBEAT / 4);
        for id in cluster.ids() {
            cluster.tick(id);
        }
        settle_without(cluster, &mut is_lost);
    }
}

/// Delivers messages in any order, some twice and some never, and lets a little time pass now and then.
pub(crate) fn in_disorder(
    cluster: &mut Cluster,
    seed: u64,
    steps: u32,
    mut look: impl FnMut(&mut Cluster),
) {
    let mut random = SplitMix64::new(seed);
    for _ in 0..steps {
        cluster.drain_all();
        let waiting = cluster.network.len() as u64;
        if waiting == 0 || random.below(10) == 0 {
            cluster.pass(HEARTBEAT / 4);
            for id in cluster.ids() {
                cluster.tick(id);
            }
        } else {
            let place = usize::try_from(random.below(waiting)).unwrap();
            let next = cluster.network[place].clone();
            let luck = random.below(8);
            if luck > 0 {
                cluster.network.remove(place);
            }
            if luck < 7 {
                cluster.deliver(next);
            }
        }
        look(cluster);
    }
}

/// Makes the oldest write of a node durable, and no other.
pub(crate) fn sync_one(cluster: &mut Cluster, id: u64) {
    let now = cluster.now;
    let node = cluster.node(id);
    let write = node.unsynced.pop_front().expect("a write waits");
    node.disk.apply(write.what);
    node.raft.handle_written(write.receipt, now);
    cluster.drain(id);
}

/// Makes everything that a node has to write durable.
pub(crate) fn sync_all(cluster: &mut Cluster, id: u64) {
    let now = cluster.now;
    cluster.node(id).sync(now);
    cluster.drain(id);
}

/// An append after `previous` with entries of these terms.
pub(crate) fn append(term: u64, previous: Position, terms: &[u64], commit: u64) -> Message {
    let mut all = entries(terms);
    for (offset, entry) in all.iter_mut().enumerate() {
        entry.position.index = Index(previous.index.0.saturating_add(offset as u64 + 1));
    }
    Message::Append(Append {
        term: Term(term),
        previous,
        commit: Index(commit),
        entries: all.into(),
    })
}

pub(crate) fn matched(term: u64, index: u64) -> Message {
    let outcome = AppendOutcome::Matched {
        index: Index(index),
    };
    let term = Term(term);
    Message::AppendReply(AppendReply { term, outcome })
}

pub(crate) fn request(term: u64, last: Position) -> VoteRequest {
    VoteRequest {
        term: Term(term),
        last,
        is_transfer: false,
    }
}

/// A vote, or pre-vote, that is given.
pub(crate) fn granted(term: u64) -> VoteReply {
    VoteReply {
        term: Term(term),
        asked: Term(term),
        granted: true,
    }
}

/// One that is refused by somebody in `term`.
pub(crate) fn refused(term: u64, asked: u64) -> VoteReply {
    VoteReply {
        term: Term(term),
        asked: Term(asked),
        granted: false,
    }
}

/// A snapshot of the state in which one command is applied, in one piece.
pub(crate) fn snapshot(
    term: u64,
    position: Position,
    members: &Membership,
    command: &'static str,
) -> Message {
    let data = encode_state(&[(Index(1), Bytes::from(command))]);
    Message::SnapshotChunk(Box::new(SnapshotChunk {
        term: Term(term),
        position,
        membership: members.clone(),
        total: data.len() as u64,
        offset: 0,
        data,
    }))
}

/// The word of a leader to a member that it should lead, with a mark that is new.
pub(crate) fn word_to_stand(cluster: &mut Cluster, leader: u64, to: u64) -> Message {
    cluster.pass(HEARTBEAT);
    cluster.tick(leader);
    let mut mark = 0;
    settle_without(cluster, |(from, _, message)| {
        if let Message::HeartbeatReply(reply) = message
            && *from == to
        {
            mark = reply.mark;
        }
        false
    });
    assert_ne!(mark, 0, "it answers heartbeats");
    let status = cluster.raft(leader).status();
    Message::TimeoutNow(TimeoutNow {
        term: status.term,
        last: status.last,
        mark,
    })
}

/// How many such events a node has told of.
pub(crate) fn told(cluster: &mut Cluster, id: u64, is_it: impl Fn(&Event) -> bool) -> usize {
    let events = cluster.node(id).events.iter();
    events.filter(|event| is_it(event)).count()
}

/// How a read of a node has ended: with an index, or lost. It ends once.
pub(crate) fn end_of_read(
    cluster: &mut Cluster,
    id: u64,
    wanted: ReadTicket,
) -> Option<Option<Index>> {
    let end = |event: &Event| match event {
        Event::ReadReady { ticket, index } if *ticket == wanted => Some(Some(*index)),
        Event::ReadLost { ticket } if *ticket == wanted => Some(None),
        _ => None,
    };
    let ends: Vec<_> = cluster.node(id).events.iter().filter_map(end).collect();
    assert!(ends.len() <= 1, "a read ends once: {ends:?}");
    ends.first().copied()
}

/// What a leader knows that another member holds.
pub(crate) fn matched_by(cluster: &mut Cluster, leader: u64, id: u64) -> Index {
    let peers = cluster.raft(leader).status().peers;
    let peer = peers.iter().find(|peer| peer.id == NodeId(id));
    peer.expect("the leader follows it").matched
}

/// Delivers messages until a node that stands leads, and nothing that it then sends.
pub(crate) fn until_leading(cluster: &mut Cluster, id: u64) {
    cluster.pass(crate::common::TIMEOUT * 2);
    cluster.tick(id);
    while cluster.raft(id).role() != Role::Leader {
        let next = cluster.network.pop_front().expect("it is elected");
        cluster.deliver(next);
    }
}

/// How a leader sees another member.
pub(crate) fn seen_by(cluster: &mut Cluster, leader: u64, id: u64) -> PeerState {
    let now = cluster.now;
    let peers = cluster.raft(leader).explain(now).peers;
    let seen = peers.into_iter().find(|(peer, _)| *peer == NodeId(id));
    seen.expect("the leader follows it").1
}
