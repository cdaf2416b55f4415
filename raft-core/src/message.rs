//! What members say to each other.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_clocks::NodeId;

use crate::{Entries, Index, Membership, Position, Term};

/// A message between two members.
///
/// One variant per kind, each with all its fields: there is no message without a term, and none
/// that a peer could pass off as local. [`wire`](crate::wire) gives it bytes.
///
/// ```
/// use quorate_raft_core::{Index, Message, Position, Raft, Recovered, Config, Term, VoteRequest};
/// use quorate_clocks::{Instant, NodeId};
///
/// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
/// let mut raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// let last = Position { term: Term(1), index: Index(1) };
/// let request = Message::Vote(VoteRequest { term: Term(2), last, is_transfer: false });
/// raft.handle_message(NodeId(2), request, Instant::ORIGIN);
/// // The vote is held back until the driver has made it durable.
/// assert!(raft.poll_transmit().is_none());
/// let write = raft.poll_write().unwrap();
/// raft.handle_written(write.receipt, Instant::ORIGIN);
/// assert!(matches!(raft.poll_transmit().unwrap().message, Message::VoteReply(_)));
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
/// What is rare and large is boxed, so that all others are small: they are moved more often than read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Asks whether a vote would be granted, without raising anyone's term (thesis §9.6).
    PreVote(VoteRequest),
    /// Answers [`Message::PreVote`].
    PreVoteReply(VoteReply),
    /// Asks for a vote (Raft §5.2).
    Vote(VoteRequest),
    /// Answers [`Message::Vote`].
    VoteReply(VoteReply),
    /// Carries entries from the leader (Raft §5.3).
    Append(Append),
    /// Answers [`Message::Append`] and ends a snapshot.
    AppendReply(AppendReply),
    /// Tells how far the leader has committed, when there is nothing else to tell. Has no answer.
    Commit(Commit),
    /// Hands the leadership over: the receiver stands for election at once (thesis §3.10).
    TimeoutNow(TimeoutNow),
    /// Asks the leader for a linearizable read's index, on behalf of another member (thesis §6.4).
    ReadRequest(ReadRequest),
    /// Answers [`Message::ReadRequest`].
    ReadReply(ReadReply),
    /// Keeps leadership, tells the commit index, and confirms reads (Raft §5.2, thesis §6.4).
    Heartbeat(Heartbeat),
    /// Answers [`Message::Heartbeat`].
    HeartbeatReply(HeartbeatReply),
    /// Carries a piece of a snapshot (Raft §7).
    SnapshotChunk(Box<SnapshotChunk>),
    /// Answers [`Message::SnapshotChunk`] until the last.
    SnapshotReply(SnapshotReply),
}

/// A request for a vote or a pre-vote.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct VoteRequest {
    /// The term that the candidate stands for. In a pre-vote it is only proposed.
    pub term: Term,
    /// The candidate's last entry.
    pub last: Position,
    /// The leader itself has asked the candidate to stand, so nobody keeps faith with it (thesis §4.2.3).
    pub is_transfer: bool,
}

/// The answer to a request for a vote or a pre-vote.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct VoteReply {
    /// When granted, the term that was asked for; when not, the voter's own.
    pub term: Term,
    /// The term that was asked for, so that an answer finds its question.
    pub asked: Term,
    /// Whether the vote is given.
    pub granted: bool,
}

/// Entries, and what must come before them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Append {
    /// The leader's term.
    pub term: Term,
    /// The entry before the first of `entries`: the receiver must hold it.
    pub previous: Position,
    /// How far the leader has committed.
    pub commit: Index,
    /// The entries, consecutive. Empty for a probe.
    pub entries: Entries,
}

/// The answer to an append, or to the last chunk of a snapshot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AppendReply {
    /// The follower's term.
    pub term: Term,
    /// How it went.
    pub outcome: AppendOutcome,
}

/// How an append went.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AppendOutcome {
    /// The log up to here is the leader's, and durable.
    Matched {
        /// The last entry that is known to be the leader's.
        index: Index,
    },
    /// The entry before the first does not match; or the log does not reach the commit index of a heartbeat,
    /// as it has lost what it had acknowledged.
    Rejected {
        /// The index of that entry, so that a late answer is recognised.
        previous: Index,
        /// Where the leader should try next: the last entry of the follower's log at or before
        /// `previous` whose term is at most the leader's at `previous`.
        hint: Position,
    },
}

/// How far the receiver may commit.
///
/// It needs no answer: if it is lost, the next heartbeat says the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Commit {
    /// The leader's term.
    pub term: Term,
    /// How far: never beyond what the receiver is known to hold.
    pub commit: Index,
}

/// The leader wants the receiver to lead.
///
/// It holds only for a log that ends as the leader's did, and for a while that the receiver measures itself:
/// one that comes late deposes nobody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: Term,
    /// The last entry of the leader's log.
    pub last: Position,
    /// A mark of the receiver's (see [`HeartbeatReply::mark`]), which says when this was sent.
    pub mark: u64,
}

/// A member that does not lead wants to read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ReadRequest {
    /// The term of the leader that is asked.
    pub term: Term,
    /// Counted by who asks. An answer holds for all its reads up to this one.
    pub number: u64,
}

/// What may be read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ReadReply {
    /// The term of who answers.
    pub term: Term,
    /// The number that was asked with.
    pub number: u64,
    /// What must be applied before the state may be read. None when who was asked does not lead, or has too
    /// many reads already.
    pub index: Option<Index>,
}

/// A sign of life from the leader.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Heartbeat {
    /// The leader's term.
    pub term: Term,
    /// How far the receiver may commit: never beyond what it is known to hold.
    pub commit: Index,
    /// The number of the round, counted by the leader. Answers confirm reads registered before it.
    pub round: u64,
    /// A mark of the receiver's (see [`HeartbeatReply::mark`]) that is proved to be old. Zero for
    /// none.
    pub mark: u64,
    /// Up to here is all that anyone was told is committed before the receiver made the mark.
    pub mark_commit: Index,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct HeartbeatReply {
    /// The follower's term.
    pub term: Term,
    /// The round that is answered.
    pub round: u64,
    /// A random number that names this moment on the follower's clock. Zero for none.
    pub mark: u64,
}

/// A piece of a snapshot.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SnapshotChunk {
    /// The leader's term.
    pub term: Term,
    /// The last entry that the snapshot holds: names the snapshot.
    pub position: Position,
    /// The members at that entry.
    pub membership: Membership,
    /// The length of the whole snapshot, in bytes.
    pub total: u64,
    /// Where `data` belongs, in bytes.
    pub offset: u64,
    /// The bytes.
    pub data: Bytes,
}

/// How much of a snapshot has arrived.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SnapshotReply {
    /// The follower's term.
    pub term: Term,
    /// Which snapshot.
    pub position: Position,
    /// The offset of the next byte that is wanted.
    pub next: u64,
}

/// Names of the members of a cluster, sorted and without doubles.
pub(crate) fn sorted(mut members: Vec<NodeId>) -> Vec<NodeId> {
    members.sort_unstable();
    members.dedup();
    members
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// Messages go through several queues by value: one word more in any kind is paid for in all of them.
    #[test]
    fn messages_are_small() {
        assert!(size_of::<Entries>() <= 24);
        assert!(size_of::<Message>() <= 64);
    }
}
