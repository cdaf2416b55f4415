//! Why a member became what it is.

use core::fmt;

use quorate_clocks::NodeId;

/// Why the role, the term or the known leader changed.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::Cause;
///
/// assert_eq!(
///     Cause::HigherTerm { from: NodeId(3) }.to_string(),
///     "n3 is in a higher term"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// It has started.
    Started,
    /// No leader was heard for an election timeout, or its own election came to nothing.
    Timeout,
    /// [`Raft::campaign`](crate::Raft::campaign) was called.
    Asked,
    /// The leader has handed over to it.
    HandedOver {
        /// The leader.
        by: NodeId,
    },
    /// A quorum would vote for it.
    WouldWin,
    /// A quorum has voted for it.
    Elected,
    /// The leader was heard.
    LeaderHeard,
    /// Another member is in a higher term.
    HigherTerm {
        /// Who.
        from: NodeId,
    },
    /// As a leader it was not answered by a quorum for an election timeout.
    QuorumLost,
    /// As a leader it is no voter any more.
    Removed,
    /// [`Raft::forget_leader`](crate::Raft::forget_leader) was called.
    LeaderForgotten,
    /// [`Raft::force_membership`](crate::Raft::force_membership) was called.
    MembershipForced,
    /// It has voted for another.
    Voted {
        /// For whom.
        whom: NodeId,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("it has started"),
            Self::Timeout => f.write_str("no leader was heard in time"),
            Self::Asked => f.write_str("somebody asked it to stand"),
            Self::HandedOver { by } => write!(f, "{by} has handed over"),
            Self::WouldWin => f.write_str("a quorum would vote for it"),
            Self::Elected => f.write_str("a quorum has voted for it"),
            Self::LeaderHeard => f.write_str("the leader was heard"),
            Self::HigherTerm { from } => write!(f, "{from} is in a higher term"),
            Self::QuorumLost => f.write_str("no quorum has answered in time"),
            Self::Removed => f.write_str("it is no voter any more"),
            Self::LeaderForgotten => f.write_str("somebody said that the leader is gone"),
            Self::MembershipForced => f.write_str("somebody has forced a membership"),
            Self::Voted { whom } => write!(f, "it has voted for {whom}"),
        }
    }
}
