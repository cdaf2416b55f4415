//! One error per operation, and the one fault that ends a node.

use std::io;
use std::sync::Arc;

use quorate_clocks::NodeId;
use quorate_raft_core::Position;

use crate::RestoreError;

/// Why a proposal was not answered with what applying it gave.
///
/// | failure | did it happen? | what to do |
/// |---|---|---|
/// | [`NotLeader`](Self::NotLeader) | no | propose to the leader |
/// | [`Overloaded`](Self::Overloaded) | no | slow down, propose again |
/// | [`TooLarge`](Self::TooLarge) | no | make it smaller |
/// | [`Lost`](Self::Lost) | no, and never will | propose again |
/// | [`Unknown`](Self::Unknown) | perhaps, or later | propose again only if twice is harmless |
/// | [`Stopped`](Self::Stopped) | no | propose to another node |
///
/// A timeout of the caller's own is an `Unknown`, too.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_node::ProposeFailed;
///
/// fn may_have_happened(failed: &ProposeFailed) -> bool {
///     matches!(failed, ProposeFailed::Unknown)
/// }
///
/// let failed = ProposeFailed::NotLeader { leader: Some(NodeId(2)) };
/// assert!(!may_have_happened(&failed));
/// assert_eq!(
///     failed.to_string(),
///     "this node does not lead, and nothing was proposed; ask n2"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeFailed {
    /// This node does not lead. Nothing was proposed.
    #[error("this node does not lead, and nothing was proposed; {}", hint(.leader))]
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
    },
    /// Too many proposals wait, by number or by bytes. Nothing was proposed.
    #[error("too many proposals wait, and this one was not taken; try again later")]
    Overloaded,
    /// The command is larger than one entry may be. Nothing was proposed.
    #[error("the command has {bytes} bytes, and one entry may have {limit_bytes}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit, [`Config::max_command_bytes`](quorate_raft_core::Config::max_command_bytes).
        limit_bytes: usize,
    },
    /// Another leader put another entry in its place. It was not applied, and never will be.
    #[error("the leader changed, and the command will never be applied; propose it again")]
    Lost,
    /// It was proposed, and this node can not tell what became of it: it stopped, or a snapshot
    /// from a new leader hides the fate. It may have been applied, be applied later, or never.
    #[error("the command was proposed, and it cannot be told whether it was or will be applied")]
    Unknown,
    /// The node has stopped, or was about to. Nothing was proposed.
    #[error("this node has stopped, and nothing was proposed; ask another")]
    Stopped,
}

/// Why a read was not served. A read has no effect, so any of them may be tried again.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailed {
    /// This node does not lead, or lost its leadership before a majority confirmed it.
    #[error("this node does not lead, so it cannot serve a read that is current; {}", hint(.leader))]
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
    },
    /// Too many reads wait.
    #[error("too many reads wait, and this one was not taken; try again later")]
    Overloaded,
    /// The node has stopped.
    #[error("this node has stopped; ask another")]
    Stopped,
}

fn hint(leader: &Option<NodeId>) -> String {
    match leader {
        Some(leader) => format!("ask {leader}"),
        None => "no leader is known, so try again later".to_owned(),
    }
}

/// The node has stopped. [`Node::failed`](crate::Node::failed) tells whether by a fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this node has stopped; ask another")]
pub struct Stopped;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings of Raft, or what the log holds, cannot be run.
    #[error(transparent)]
    Raft(#[from] quorate_raft_core::StartError),
    /// A setting of the driver is out of its bounds.
    #[error("{what}")]
    Setting {
        /// Which one, and its bounds.
        what: &'static str,
    },
    /// What Raft may ask the log to write at once is over what the log takes: under load the node
    /// would fail.
    #[error(
        "Raft may write {needed_bytes} bytes at once (Config::max_uncommitted_bytes and one append) and the log takes {limit_bytes} (LogOptions::max_record_bytes); lower the one or raise the other"
    )]
    RecordLimit {
        /// How much Raft may write at once.
        needed_bytes: usize,
        /// How much the log takes.
        limit_bytes: usize,
    },
    /// The state machine refuses the snapshot that the log holds. The snapshot is from another
    /// application or version, or damaged.
    #[error("the snapshot at {position} is refused: {source}")]
    Restore {
        /// The last entry in the snapshot.
        position: Position,
        /// Why.
        source: RestoreError,
    },
    /// The log starts after an entry, and no snapshot holds what is before: what
    /// [`Log::open`](quorate_raft_log::Log::open) gave is not handed over whole.
    #[error("the log starts after {start}, and no snapshot reaches that far")]
    SnapshotMissing {
        /// The last entry that is not in the log.
        start: Position,
    },
    /// The operating system gives no more threads.
    #[error("cannot start the {name} thread: {source}")]
    Thread {
        /// Which one.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Called outside of a tokio runtime.
    #[error("a node runs on tokio: start it inside of a runtime")]
    NoRuntime,
}

/// What ended a node that was not asked to stop. Start it again once the cause is gone.
///
/// It has told nobody of anything that is not durable, so its peers lose nothing.
///
/// ```
/// # use quorate_raft_node::{Node, StateMachine};
/// use quorate_raft_node::Fault;
///
/// async fn watch<S: StateMachine>(node: Node<S>) {
///     match node.failed().await {
///         None => println!("stopped as asked"),
///         Some(fault @ Fault::Panicked { .. }) => println!("a defect, to be reported: {fault}"),
///         Some(fault) => println!("check the disk: {fault}"),
///     }
/// }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The log could not be written. After a failed sync nobody knows what the disk holds, so
    /// there is no trying again.
    #[error("the log could not {doing}: {source}")]
    Write {
        /// What it was to do.
        doing: &'static str,
        /// Why it could not.
        source: Arc<quorate_raft_log::WriteError>,
    },
    /// The log could not be read.
    #[error("the log could not {doing}: {source}")]
    Read {
        /// What it was to do.
        doing: &'static str,
        /// Why it could not.
        source: Arc<quorate_raft_log::ReadError>,
    },
    /// The state machine refuses a snapshot from the leader.
    #[error("the leader's snapshot at {position} is refused: {source}")]
    Restore {
        /// The last entry in the snapshot.
        position: Position,
        /// Why.
        source: RestoreError,
    },
    /// The state machine, or the log, panicked.
    #[error("the {thread} thread panicked: {message}")]
    Panicked {
        /// Which thread.
        thread: &'static str,
        /// What the panic said.
        message: String,
    },
    /// The node's task ended without a word: its runtime was shut down before the node, or the task
    /// itself panicked, which is a defect of this crate or of the transport.
    #[error("the node's task was ended by its tokio runtime, or panicked")]
    Abandoned,
}
