//! Who did it: node identities that are plain numbers.

use core::fmt;

/// The identity of one member of a cluster.
///
/// A plain number, so that it is `Copy`, ordered and cheap to send. Two nodes of one cluster must
/// not share it. A node that restarts keeps its id and gets a new [`Incarnation`].
///
/// ```
/// use quorate_clocks::NodeId;
///
/// let node = NodeId(3);
/// assert_eq!(node.to_string(), "n3");
/// assert!(NodeId(1) < node);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Which life of a node this is: one more after every restart.
///
/// It tells a peer that what it remembers of a connection or of a clock belongs to an earlier life.
///
/// ```
/// use quorate_clocks::Incarnation;
///
/// assert!(Incarnation(1) < Incarnation(2));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "life {}", self.0)
    }
}

/// Who counts: one life of one node.
///
/// A replica that lost its disk and counts again from one reuses what it has counted before: its new
/// events carry the numbers of old ones, others take them for known, and its writes vanish. With the
/// incarnation in the identity, the new life counts for itself. Raise it whenever a node starts
/// without being sure of its last count.
///
/// ```
/// use quorate_clocks::{Actor, Incarnation, NodeId};
///
/// let first = Actor::new(NodeId(3), Incarnation(1));
/// let second = first.next_life().expect("not the last life");
/// assert!(first < second && first.node == second.node);
/// assert_eq!(second.to_string(), "n3.2");
/// ```
// The order of the fields is the order of the actors: the lives of a node are beside each other.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Actor {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}

impl Actor {
    /// A life of a node.
    pub const fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self { node, incarnation }
    }

    /// The life after this one, or nothing when there is no larger number.
    pub const fn next_life(self) -> Option<Self> {
        match self.incarnation.0.checked_add(1) {
            Some(next) => Some(Self::new(self.node, Incarnation(next))),
            None => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.incarnation.0)
    }
}
