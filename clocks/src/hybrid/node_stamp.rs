//! A hybrid stamp and who issued it.

use core::fmt;

use super::PackedStamp;
use crate::{Causality, NodeId, Relation};

/// A hybrid stamp and the node that issued it: a total order without ties.
///
/// Two nodes may issue the same [`HybridStamp`](crate::HybridStamp). With the node it is unique, so
/// all nodes agree which of two writes is the later one, and more is known of cause and effect: two
/// stamps of one node are in the order of their events, and two equal stamps of different nodes are
/// of concurrent events, since an effect has the larger stamp.
///
/// The canonical encoding is the stamp and then the node, both in eight bytes, big-endian, so that
/// bytes sort as these do.
///
/// ```
/// use quorate_clocks::{Causality, HybridStamp, NodeId, NodeStamp, Relation};
///
/// let stamped = |millis, node| NodeStamp {
///     stamp: HybridStamp::new(millis, 0).expect("it fits"),
///     node: NodeId(node),
/// };
/// let (a, b, c) = (stamped(4, 2), stamped(5, 1), stamped(5, 2));
/// assert!(a < b && b < c);
/// assert!(a.to_bytes() < b.to_bytes());
/// assert_eq!(NodeStamp::from_bytes(c.to_bytes()), c);
/// assert_eq!(c.to_string(), "5+0@n2");
///
/// assert_eq!(a.relate(&c), Some(Relation::Before)); // one node
/// assert_eq!(b.relate(&c), Some(Relation::Concurrent)); // neither can know of the other
/// assert_eq!(a.relate(&b), None); // a cause, or a coincidence
/// ```
// The order of the fields is the order of the stamps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeStamp<const COUNTER_BITS: u32 = 16> {
    /// When.
    pub stamp: PackedStamp<COUNTER_BITS>,
    /// On which node. Breaks ties.
    pub node: NodeId,
}

impl<const COUNTER_BITS: u32> NodeStamp<COUNTER_BITS> {
    /// The canonical bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        let both = ((self.stamp.as_u64() as u128) << 64) | self.node.0 as u128;
        both.to_be_bytes()
    }
}

impl NodeStamp {
    /// The stamp of a [`HybridStamp`](crate::HybridStamp) with these canonical bytes. Every sixteen
    /// bytes are one.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::packed_from_bytes(bytes)
    }
}

impl<const COUNTER_BITS: u32> NodeStamp<COUNTER_BITS> {
    /// [`from_bytes`](NodeStamp::from_bytes), for any packing.
    pub const fn packed_from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self {
            stamp: PackedStamp::from_u64((both >> 64) as u64),
            node: NodeId(both as u64),
        }
    }
}

impl<const COUNTER_BITS: u32> Causality for NodeStamp<COUNTER_BITS> {
    fn relate(&self, other: &Self) -> Option<Relation> {
        if self.node == other.node {
            let (mine, theirs) = (self.stamp, other.stamp);
            return Some(Relation::from_surplus(mine > theirs, mine < theirs));
        }
        (self.stamp == other.stamp).then_some(Relation::Concurrent)
    }
}

impl<const COUNTER_BITS: u32> fmt::Display for NodeStamp<COUNTER_BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.stamp, self.node)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_are_stamp_then_node_big_endian() {
        let stamped = NodeStamp {
            stamp: PackedStamp::<16>::from_u64(0x0102_0304_0506_0708),
            node: NodeId(0x1112_1314_1516_1718),
        };
        let bytes = [
            1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
        ];
        assert_eq!(stamped.to_bytes(), bytes);
        assert_eq!(NodeStamp::from_bytes(bytes), stamped);
    }
}
