//! The settings of a member, and what it finds on its disk when it starts.

use alloc::vec::Vec;
use core::time::Duration;

use quorate_clocks::NodeId;

use crate::{Entry, HardState, Index, Membership, Position, StartError, message};

/// The settings of one member. The same on every member but for `id`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Config {
    /// This member.
    pub id: NodeId,
    /// The members that the cluster began with, this one too. The same on each of them at every start: it
    /// counts until an entry or a snapshot on the disk says otherwise. Nobody, for one that
    /// [joins later](Self::joining).
    pub founders: Membership,
    /// A follower that hears nothing for one to two of these stands for election. At least twice
    /// `heartbeat_interval`.
    pub election_timeout: Duration,
    /// How often a leader without other work says that it is alive.
    pub heartbeat_interval: Duration,
    /// How much longer than others this one waits before it stands for election: zero for the members that
    /// should lead, some election timeouts for those that should only if no other does. A priority that
    /// costs nothing but time, so that the last member left is still elected.
    pub election_delay: Duration,
    /// Whether leaders get leases, for [`Raft::lease_read`](crate::Raft::lease_read). Each member then keeps
    /// its word to a leader for an election timeout, also after a restart.
    pub leases: bool,
    /// How much faster or slower than another a member's clock may run, in parts per million.
    /// Leases are shortened by it; only lease reads depend on it.
    pub clock_drift_ppm: u32,
    /// The largest command, in bytes. An append holds at least one whole command, so the transport
    /// must take messages of this and of [`max_append_bytes`](Self::max_append_bytes), and some 100
    /// bytes more.
    pub max_command_bytes: usize,
    /// Encoded bytes of entries in one append, at least one entry.
    pub max_append_bytes: usize,
    /// Appends on their way to one follower that it has not answered.
    pub max_appends_in_flight: usize,
    /// Bytes of entries that are proposed and not yet committed, or not yet durable here, beyond
    /// which proposals are refused. A follower takes no more appends while more wait for its disk.
    pub max_uncommitted_bytes: usize,
    /// Bytes of recent entries that the core keeps. Older ones are asked for when needed.
    pub window_bytes: usize,
    /// Encoded bytes of entries in one [`Event::Committed`](crate::Event::Committed), at least one
    /// entry.
    pub max_committed_bytes: usize,
    /// Reads that wait to be confirmed.
    pub max_reads: usize,
    /// Messages that wait to be sent. Beyond it the oldest are dropped, as a network may. At least
    /// one for each member.
    pub max_outbox: usize,
    /// How many entries a learner may be behind the leader and become a voter.
    pub max_promotion_lag: u64,
    /// The largest snapshot that is taken from a leader, in bytes.
    pub max_snapshot_bytes: usize,
    /// Bytes of one piece of a snapshot.
    pub snapshot_chunk_bytes: usize,
}

impl Config {
    /// Settings for a founder of a cluster on a local network: election timeout 500 ms, heartbeats every
    /// 100 ms. These vote, and a majority of them decides.
    ///
    /// ```
    /// use quorate_clocks::NodeId;
    /// use quorate_raft_core::Config;
    ///
    /// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2), NodeId(3)]);
    /// assert_eq!(config.founders.members().len(), 3);
    /// ```
    pub fn new(id: NodeId, voters: impl IntoIterator<Item = NodeId>) -> Self {
        let voters = message::sorted(voters.into_iter().collect());
        // More than a thousand are as none, which is refused at the start.
        let founders = Membership::of_voters(voters).unwrap_or_default();
        Self::founding(id, founders)
    }

    /// Settings for a member that joins a cluster: it votes for nobody but whom it is asked to, and stands
    /// for nothing, until the log that it gets says that it is a member.
    ///
    /// ```
    /// use quorate_clocks::{Instant, NodeId};
    /// use quorate_raft_core::{Config, Raft, Recovered};
    ///
    /// let config = Config::joining(NodeId(4));
    /// let raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
    /// assert!(raft.membership().members().is_empty());
    /// # Ok::<(), quorate_raft_core::StartError>(())
    /// ```
    pub fn joining(id: NodeId) -> Self {
        Self::founding(id, Membership::default())
    }

    /// Settings for a founder of a cluster with any membership: with weights, learners or witnesses.
    pub const fn founding(id: NodeId, founders: Membership) -> Self {
        Self {
            id,
            founders,
            election_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(100),
            election_delay: Duration::ZERO,
            leases: true,
            clock_drift_ppm: 10_000,
            max_command_bytes: 1 << 20,
            max_append_bytes: 256 << 10,
            max_appends_in_flight: 64,
            max_uncommitted_bytes: 64 << 20,
            window_bytes: 16 << 20,
            max_committed_bytes: 1 << 20,
            max_reads: 65_536,
            max_outbox: 16_384,
            max_promotion_lag: 1_000,
            max_snapshot_bytes: 1 << 30,
            snapshot_chunk_bytes: 256 << 10,
        }
    }

    /// Checks the bounds that each field names.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let settings = [
            (
                !self.heartbeat_interval.is_zero(),
                "heartbeat_interval is zero; give it at least a nanosecond",
            ),
            (
                self.election_timeout / 2 >= self.heartbeat_interval,
                "election_timeout is less than two heartbeat_intervals",
            ),
            (
                self.clock_drift_ppm < 1_000_000,
                "clock_drift_ppm is a million or more",
            ),
            (
                self.max_appends_in_flight > 0,
                "max_appends_in_flight is zero",
            ),
            (self.max_reads > 0, "max_reads is zero"),
            (
                !self.founders.is_joint(),
                "founders is a joint membership; begin with the one that it should become",
            ),
            (
                self.max_outbox >= self.founders.members().len().max(1),
                "max_outbox is less than the number of members",
            ),
            (
                self.snapshot_chunk_bytes > 0,
                "snapshot_chunk_bytes is zero",
            ),
            (
                self.max_command_bytes <= self.max_uncommitted_bytes,
                "max_command_bytes is more than max_uncommitted_bytes: such a command could never be proposed",
            ),
        ];
        settings
            .into_iter()
            .find_map(|(holds, what)| (!holds).then_some(Err(StartError::Setting { what })))
            .unwrap_or(Ok(()))
    }
}

/// What a member finds on its disk when it starts. The default is a new, empty disk.
///
/// ```
/// use quorate_raft_core::{HardState, Index, Position, Recovered, Term};
///
/// // Five entries: two of term 1, three of term 4. None of them needs to be in memory.
/// let recovered = Recovered {
///     hard_state: HardState { term: Term(4), vote: None },
///     runs: vec![
///         Position { term: Term(1), index: Index(1) },
///         Position { term: Term(4), index: Index(3) },
///     ],
///     last: Index(5),
///     ..Recovered::default()
/// };
/// # assert_eq!(recovered.runs.len(), 2);
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Recovered {
    /// The durable term and vote.
    pub hard_state: HardState,
    /// The last entry that only a snapshot holds: the log starts after it. Zero without a snapshot.
    pub start: Position,
    /// How far the application's state goes: the index of the snapshot that it was restored from,
    /// or more when it keeps its state durable itself.
    pub applied: Index,
    /// The terms of all entries after `start`, as runs: each run's first entry. Ascending.
    pub runs: Vec<Position>,
    /// Who the members are from an entry on: in the newest snapshot, at its index, and in each entry of the
    /// log after it that says so. Ascending.
    pub memberships: Vec<(Index, Membership)>,
    /// The last index of the log; `start.index` when it is empty.
    pub last: Index,
    /// The newest entries up to `last`, as many as fit in memory. May be none: the core asks for
    /// the others with [`Event::Load`](crate::Event::Load).
    pub tail: Vec<Entry>,
}
