//! Proof that all members have seen something.

use alloc::vec::Vec;

use crate::{Actor, Dot, VersionVector};

/// Proof that every member of a group has seen everything up to a version vector.
///
/// To forget safely is to know that nobody will ask again: a tombstone may go when no replica can
/// still send the value that it shadows, a message when everybody has it, an entry of a version
/// vector when nobody compares without it. "It is old" and "there are many" are no such knowledge:
/// stores that pruned their vectors by age or length brought deleted values back. So what forgets
/// takes one of these, and only a [`MatrixClock`](crate::MatrixClock) makes them. It has no bytes:
/// what came over the network is a claim, and goes into a matrix clock first.
///
/// It stays true. A member that joins later starts with at least this, which the matrix clock
/// insists on.
///
/// ```
/// use quorate_clocks::{Actor, Dot, Incarnation, MatrixClock, NodeId, VersionVector};
///
/// let actor = |node| Actor::new(NodeId(node), Incarnation(1));
/// let mut matrix = MatrixClock::with_members([actor(1), actor(2)])?;
/// let mut seen = VersionVector::new();
/// let dot = seen.increment(actor(1))?;
///
/// matrix.record(actor(1), &seen)?;
/// assert!(!matrix.certificate().covers(dot)); // the other has not
/// matrix.record(actor(2), &seen)?;
/// let proof = matrix.certificate();
/// assert!(proof.covers(dot));
/// assert_eq!(proof.members(), [actor(1), actor(2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct StabilityCertificate {
    members: Vec<Actor>,
    stable: VersionVector,
    gone: VersionVector,
}

impl StabilityCertificate {
    /// Only the matrix clock knows that it is so.
    pub(super) const fn new(
        members: Vec<Actor>,
        stable: VersionVector,
        gone: VersionVector,
    ) -> Self {
        Self {
            members,
            stable,
            gone,
        }
    }

    /// Who has seen it: all members of the group at that time, ascending.
    pub fn members(&self) -> &[Actor] {
        &self.members
    }

    /// What they have all seen.
    pub const fn stable(&self) -> &VersionVector {
        &self.stable
    }

    /// Who is no member any more and had this many events, all of which they have seen: nobody will
    /// hear of another.
    pub const fn gone(&self) -> &VersionVector {
        &self.gone
    }

    /// Whether they have all seen this event.
    pub fn covers(&self, dot: Dot) -> bool {
        self.stable.contains(dot)
    }

    /// Whether they have all seen all of this.
    pub fn includes(&self, seen: &VersionVector) -> bool {
        self.stable.includes(seen)
    }
}
