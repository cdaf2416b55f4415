//! What a member has done, as plain numbers.

use core::hash::{Hash, Hasher};

/// What a member has done in this life. All only grow.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Raft, Recovered};
///
/// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
/// let mut raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// raft.handle_timeout(raft.poll_timeout().unwrap());
/// assert_eq!(raft.counters().pre_votes, 1);
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// It asked whether it could win an election.
    pub pre_votes: u64,
    /// It stood for election.
    pub candidacies: u64,
    /// It won an election.
    pub elected: u64,
    /// As a leader it lost its quorum.
    pub quorums_lost: u64,
    /// Appends with entries that were sent.
    pub appends: u64,
    /// Entries in them.
    pub entries_sent: u64,
    /// Appends that a follower refused, as its log was another.
    pub rejections: u64,
    /// Appends, or a chunk of a snapshot, that were taken for lost and sent again.
    pub resends: u64,
    /// Rounds of heartbeats.
    pub rounds: u64,
    /// Snapshots that a follower was sent.
    pub snapshots_sent: u64,
    /// Snapshots that were taken from a leader.
    pub snapshots_installed: u64,
    /// Changes of the members that this one has seen, undone ones too.
    pub membership_changes: u64,
    /// Leaderships that were handed over, or not.
    pub transfers: u64,
    /// Times that a follower has refused what it had acknowledged. A refusal may come late; where it happens
    /// again and again, a disk loses what it has synced.
    pub doubts: u64,
    /// Messages that were stale, unknown or malformed, or that there was no room for.
    pub dropped_messages: u64,
}

/// A number of times that is no part of the state: two machines that will do the same are equal, whatever
/// they have done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uncompared<T>(pub(crate) T);

impl<T> PartialEq for Uncompared<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Uncompared<T> {}

impl<T> Hash for Uncompared<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
