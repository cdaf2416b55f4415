//! One error per command.

use core::fmt;

use bytes::Bytes;
use quorate_clocks::NodeId;

use crate::{Index, Position, Term};

/// Why a proposal was not taken. The command comes back.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Raft, Recovered};
///
/// let config = Config::new(NodeId(1), [NodeId(1), NodeId(2)]);
/// let mut raft = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN)?;
/// let refused = raft.propose("x = 1".into(), Instant::ORIGIN).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "this node does not lead, and knows of no leader; try again later"
/// );
/// assert_eq!(refused.into_command(), "x = 1");
/// # Ok::<(), quorate_raft_core::StartError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProposeError {
    /// This node does not lead.
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
        /// The command.
        command: Bytes,
    },
    /// Too much is proposed and not yet committed, or not yet durable here.
    Full {
        /// Bytes that wait already.
        waiting_bytes: usize,
        /// How many may wait.
        limit_bytes: usize,
        /// The command.
        command: Bytes,
    },
    /// The leadership is being handed over.
    Transferring {
        /// To whom.
        to: NodeId,
        /// The command.
        command: Bytes,
    },
    /// The log has reached the last index that there is, after 2^64 entries.
    LogFull {
        /// The command.
        command: Bytes,
    },
    /// The command alone is over the limit of one entry.
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
        /// The command.
        command: Bytes,
    },
}

impl ProposeError {
    /// The command that was refused.
    pub fn into_command(self) -> Bytes {
        match self {
            Self::NotLeader { command, .. }
            | Self::Full { command, .. }
            | Self::Transferring { command, .. }
            | Self::LogFull { command }
            | Self::TooLarge { command, .. } => command,
        }
    }
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader {
                leader: Some(leader),
                ..
            } => {
                write!(f, "this node does not lead; propose to {leader}")
            }
            Self::NotLeader { leader: None, .. } => {
                write!(
                    f,
                    "this node does not lead, and knows of no leader; try again later"
                )
            }
            Self::Full {
                waiting_bytes,
                limit_bytes,
                ..
            } => write!(
                f,
                "{waiting_bytes} bytes wait to be committed or written, of {limit_bytes} that may; try again later"
            ),
            Self::Transferring { to, .. } => write!(
                f,
                "the leadership is being handed over to {to}; propose there soon"
            ),
            Self::LogFull { .. } => write!(
                f,
                "the log has reached the last index that there is; start a new cluster from a snapshot"
            ),
            Self::TooLarge {
                limit_bytes,
                command,
            } => write!(
                f,
                "the command has {} bytes, and one entry may have {limit_bytes}",
                command.len()
            ),
        }
    }
}

impl core::error::Error for ProposeError {}

/// Why a read was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReadError {
    /// This node does not lead.
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
    },
    /// Too many reads wait to be confirmed.
    Full {
        /// How many may wait.
        limit: usize,
    },
    /// A lease read was asked for, and the leader holds no lease right now. Use
    /// [`Raft::read`](crate::Raft::read).
    NoLease,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader {
                leader: Some(leader),
            } => {
                write!(f, "this node does not lead; read from {leader}")
            }
            Self::NotLeader { leader: None } => {
                write!(
                    f,
                    "this node does not lead, and knows of no leader; try again later"
                )
            }
            Self::Full { limit } => {
                write!(
                    f,
                    "{limit} reads wait already, and no more may; try again later"
                )
            }
            Self::NoLease => write!(
                f,
                "no lease is held right now; read with a round of heartbeats"
            ),
        }
    }
}

impl core::error::Error for ReadError {}

/// Why a configuration or a recovered state cannot be run.
///
/// ```
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_raft_core::{Config, Raft, Recovered, StartError};
///
/// let config = Config::new(NodeId(9), [NodeId(1), NodeId(2)]);
/// let error = Raft::new(config, Recovered::default(), 0, Instant::ORIGIN).unwrap_err();
/// assert_eq!(error, StartError::NotAMember { id: NodeId(9) });
/// assert_eq!(error.to_string(), "n9 is not among the founders; if it joins later, it has none");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StartError {
    /// The log of this node names no members yet, and this node is not among the founders.
    NotAMember {
        /// The node.
        id: NodeId,
    },
    /// A membership was recovered for an entry that the log does not hold, or out of order.
    MembershipOutsideLog {
        /// The entry.
        index: Index,
        /// The log's last index.
        last: Index,
    },
    /// A setting is out of its bounds.
    Setting {
        /// Which one, and its bounds.
        what: &'static str,
    },
    /// The recovered entries do not follow each other.
    Gap {
        /// The entry after which one is missing or out of order.
        after: Position,
        /// The entry that came instead.
        found: Position,
    },
    /// The log holds an entry of a term that the recovered hard state has not reached: the hard
    /// state was lost.
    TermBehindLog {
        /// The recovered term.
        term: Term,
        /// The last entry.
        last: Position,
    },
    /// The application has applied more than the log holds: the log has lost entries.
    LogBehindApplication {
        /// What the application has applied.
        applied: Index,
        /// The log's last index.
        last: Index,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAMember { id } => write!(
                f,
                "{id} is not among the founders; if it joins later, it has none"
            ),
            Self::MembershipOutsideLog { index, last } => write!(
                f,
                "the members are said to have changed at entry {index}, out of order or beyond the log, \
                 which ends at {last}"
            ),
            Self::Setting { what } => write!(f, "{what}"),
            Self::Gap { after, found } => {
                write!(
                    f,
                    "the log has {found} after {after}: entries are missing or out of order"
                )
            }
            Self::TermBehindLog { term, last } => write!(
                f,
                "the log ends at {last}, but the hard state only knows {term}: it was lost"
            ),
            Self::LogBehindApplication { applied, last } => write!(
                f,
                "the application has applied {applied}, but the log ends at {last}: entries were lost"
            ),
        }
    }
}

impl core::error::Error for StartError {}
