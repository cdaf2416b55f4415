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
