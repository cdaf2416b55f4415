//! What a node tells of itself.

use quorate_raft_core::{Index, Status};

/// What a node is doing.
///
/// [`Node::status`](crate::Node::status) gives the last one published: a change of role, term or
/// leader is there at once, everything else within 50 ms.
///
/// ```
/// # use quorate_raft_node::{Node, StateMachine};
/// use quorate_raft_core::Role;
///
/// /// How many commands one sync carried so far, once this node has led.
/// async fn group_commit<S: StateMachine>(node: &Node<S>) -> Option<u64> {
///     let mut status = node.subscribe();
///     let led = status.wait_for(|status| status.raft.role == Role::Leader).await;
///     let counters = led.ok()?.counters;
///     counters.log_entries.checked_div(counters.log_syncs)
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// What Raft knows.
    pub raft: Status,
    /// How far the state machine has applied the log. At most `raft.applied`, which has been handed
    /// out.
    pub applied: Index,
    /// The last entry that is in a durable snapshot; zero without one.
    pub snapshot: Index,
    /// Proposals that were taken and not answered.
    pub open_proposals: usize,
    /// Reads that wait for a majority.
    pub open_reads: usize,
    /// What it has done since it started.
    pub counters: Counters,
    /// The node has stopped, and this is its last status.
    pub stopped: bool,
}

/// What a node has done since it started. Every number only grows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Commands that were appended to the log on behalf of a caller here.
    pub proposals: u64,
    /// Commands that were refused: not the leader, overloaded, too large.
    pub proposals_refused: u64,
    /// Entries applied, empty ones included.
    pub entries_applied: u64,
    /// Entries that were made durable.
    pub log_entries: u64,
    /// Bytes of commands and snapshots that were made durable.
    pub log_bytes: u64,
    /// How often the log was synced. Fewer than `log_entries` is group commit at work.
    pub log_syncs: u64,
    /// Reads served after asking a majority.
    pub reads_confirmed: u64,
    /// Lease reads that found no lease, or one that ran out, and asked a majority.
    pub lease_fallbacks: u64,
    /// Snapshots of the own state that were saved.
    pub snapshots_saved: u64,
    /// Snapshots from a leader that replaced the state.
    pub snapshots_restored: u64,
    /// Messages taken from the transport.
    pub messages_received: u64,
    /// Messages that the transport took.
    pub messages_sent: u64,
    /// Messages that the transport refused. Raft sends again what matters.
    pub messages_refused: u64,
}
