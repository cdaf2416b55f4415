//! What the core asks its driver to make durable, and what it tells it.

use alloc::vec::Vec;

use quorate_clocks::{Instant, NodeId};

use crate::{Cause, Entries, HardState, Index, Membership, Position, Snapshot, Term};

/// What must become durable, as one unit: after a crash either all of it is there or none.
///
/// Apply it in the order of the fields. A driver that writes it as one checksummed record has that.
///
/// ```
/// use quorate_raft_core::{HardState, Persist, Term};
///
/// let hard_state = Some(HardState { term: Term(1), vote: None });
/// let persist = Persist { hard_state, ..Persist::default() };
/// assert!(persist.entries.is_empty() && persist.snapshot.is_none());
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Persist {
    /// The new term and vote, when they changed.
    pub hard_state: Option<HardState>,
    /// A snapshot from the leader that takes the place of the whole log.
    pub snapshot: Option<Snapshot>,
    /// Entries to append, consecutive. Whatever the log holds at the first one's index and after
    /// it is removed first.
    pub entries: Entries,
}

impl Persist {
    /// Whether there is nothing to make durable.
    pub const fn is_empty(&self) -> bool {
        self.hard_state.is_none() && self.snapshot.is_none() && self.entries.is_empty()
    }
}

/// What the application should know or do.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Event, Raft, Recovered, Role};
///
/// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
/// let mut raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// raft.handle_timeout(raft.poll_timeout().unwrap());
/// assert!(matches!(
///     raft.poll_event(),
///     Some(Event::RoleChanged { role: Role::PreCandidate, leader: None, .. })
/// ));
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// These entries are committed: apply them, in order. Each comes once in a life of the core.
    Committed {
        /// The entries, consecutive, starting after the last ones.
        entries: Entries,
    },
    /// The application's state is to be replaced by this snapshot, which is durable. A newer one
    /// takes the place of one that was not polled.
    Restore {
        /// The snapshot.
        snapshot: Snapshot,
    },
    /// Entries that have left the core's window are needed. Answer with
    /// [`Raft::provide_entries`](crate::Raft::provide_entries), also when they are gone.
    Load {
        /// The first one.
        from: Index,
        /// The last one, inclusive. Fewer is fine.
        to: Index,
        /// Stop before payloads add up to more than this many bytes; at least one entry.
        max_bytes: usize,
    },
    /// A follower is behind the log's start. Answer with
    /// [`Raft::provide_snapshot`](crate::Raft::provide_snapshot).
    SnapshotWanted {
        /// The follower.
        to: NodeId,
    },
    /// The members changed, by an entry that may not be committed yet, or changed back. Connect to who is new;
    /// whoever is gone may still have to be told so. Only the latest change is kept until it is polled.
    MembershipChanged {
        /// The entry that names them. Zero for the founders.
        index: Index,
        /// Who they are now.
        membership: Membership,
    },
    /// The leadership was not handed over: this node goes on.
    TransferFailed {
        /// To whom it was to go.
        to: NodeId,
    },
    /// The role, the term or the known leader changed. Only the latest change is kept until it is
    /// polled.
    RoleChanged {
        /// The role.
        role: Role,
        /// The term.
        term: Term,
        /// The leader of that term, when known.
        leader: Option<NodeId>,
        /// Why.
        cause: Cause,
    },
    /// A proposal of this node will not be reported as committed by it.
    ///
    /// Each proposal has one end: it is in [`Event::Committed`], or named here, or its index is
    /// covered by an [`Event::Restore`] that comes before either, and then its fate is unknown.
    ProposalLost {
        /// What [`Raft::propose`](crate::Raft::propose) returned.
        position: Position,
        /// What is known of its fate.
        fate: Fate,
    },
    /// A read may be served from the application's state once everything up to `index` is applied.
    ReadReady {
        /// What [`Raft::read`](crate::Raft::read) returned.
        ticket: ReadTicket,
        /// The index.
        index: Index,
    },
    /// A read will not be confirmed: this node is no longer the leader. Ask the new one.
    ReadLost {
        /// What [`Raft::read`](crate::Raft::read) returned.
        ticket: ReadTicket,
    },
}

/// What is known of a proposal that this node can no longer follow.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fate {
    /// An entry of a later term is committed in its place or before it: it will never be applied.
    Replaced,
    /// It may have been applied or not: a snapshot took the place of the log around it.
    Unknown,
}

/// What a node is in its term (Raft §5.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether it could win, before it disturbs anyone (thesis §9.6).
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// Names a read of this node. Reads are numbered in the order in which they came.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReadTicket(pub(crate) u64);

/// Leave to serve a read from the application's state, on the word of a lease.
///
/// Serve it only once everything up to `index` is applied, and only while the caller's clock shows
/// less than `until`: look at the clock again after reading the state.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_raft_core::{Index, LeasePermit};
///
/// let permit = LeasePermit { index: Index(7), until: Instant::from_millis(400) };
/// let (applied, now) = (Index(7), Instant::from_millis(399));
/// let value = "read the state here";
/// assert!(applied >= permit.index && now < permit.until, "else read with a round");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LeasePermit {
    /// What must be applied.
    pub index: Index,
    /// When the leave ends, on the clock whose instants the core is given.
    pub until: Instant,
}

/// What a node knows of its cluster.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Raft, Recovered, Role};
///
/// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2), NodeId(3)]);
/// let raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// let status = raft.status();
/// assert_eq!((status.role, status.leader), (Role::Follower, None));
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Status {
    /// Who is asked.
    pub id: NodeId,
    /// What it is.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// The leader of the term, when known.
    pub leader: Option<NodeId>,
    /// The last entry of its log.
    pub last: Position,
    /// What the log starts after: the last entry that only a snapshot holds.
    pub start: Position,
    /// How far it knows the log to be committed.
    pub commit: Index,
    /// How far it has handed out entries to apply.
    pub applied: Index,
    /// How far its own log is durable.
    pub durable: Index,
    /// Who the members are, by its log.
    pub membership: Membership,
    /// The entry that names them. Zero for the founders.
    pub membership_index: Index,
    /// To whom a leader hands over.
    pub transferring: Option<NodeId>,
    /// On a leader, every other member's progress, by id.
    pub peers: Vec<PeerStatus>,
    /// Messages dropped because they were stale, unknown or malformed.
    pub dropped_messages: u64,
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerStatus {
    /// The follower.
    pub id: NodeId,
    /// The last entry that it is known to hold.
    pub matched: Index,
    /// The next entry to send.
    pub next: Index,
    /// Whether it has answered within the last election timeout.
    pub active: bool,
}
