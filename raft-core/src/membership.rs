//! Who the members of a cluster are, and what each of them is.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_clocks::NodeId;

use crate::message::sorted;
use crate::quorum::MAX_MEMBERS;
use crate::{MembershipError, QuorumSet};

/// The members of a cluster: who votes, who only listens, and whether it is about to change.
///
/// | Member | holds entries | votes | leads | counts for a commit |
/// |---|---|---|---|---|
/// | voter | yes | yes | yes | yes |
/// | witness | their terms | yes | no | yes |
/// | learner | yes | when asked | no | no |
///
/// While a membership is *joint* (Raft §6), there are two sets of voters, and whatever is decided needs a
/// quorum of both: the old set can not decide without the new one, nor the other way round.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::Membership;
///
/// let members = Membership::of_voters([1, 2, 3].map(NodeId))?.with_learners([NodeId(4)])?;
/// assert!(members.is_voter(NodeId(2)) && members.is_learner(NodeId(4)));
/// assert!(members.is_quorum(|id| id <= NodeId(2)));
/// assert_eq!(members.to_string(), "voters n1 n2 n3, learners n4");
/// # Ok::<(), quorate_raft_core::MembershipError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Membership {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Inner {
    voters: QuorumSet,
    /// The voters of before, while it is joint.
    outgoing: Option<QuorumSet>,
    /// Whether the leader leaves the joint membership on its own.
    leaves_alone: bool,
    /// Sorted. They may vote in the outgoing set still.
    learners: Vec<NodeId>,
    /// Sorted.
    witnesses: Vec<NodeId>,
    /// Everybody, sorted.
    members: Vec<NodeId>,
}

impl Membership {
    /// How many members there may be.
    pub const MAX_MEMBERS: usize = MAX_MEMBERS;

    /// These vote.
    pub fn new(voters: QuorumSet) -> Self {
        Self::from_inner(Inner {
            voters,
            ..Inner::default()
        })
    }

    /// More than half of these decide.
    ///
    /// # Errors
    ///
    /// When one is named twice, or there are more than 1,024.
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Result<Self, MembershipError> {
        QuorumSet::majority(voters).map(Self::new)
    }

    /// With these learners, and no others.
    ///
    /// # Errors
    ///
    /// When one of them votes, or there would be more than 1,024 members.
    pub fn with_learners(
        &self,
        learners: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, MembershipError> {
        Self::checked(Inner {
            learners: sorted(learners.into_iter().collect()),
            ..Inner::clone(&self.inner)
        })
    }

    /// With these voters as witnesses, and no others.
    ///
    /// # Errors
    ///
    /// When one of them does not vote, or no other voter is left.
    pub fn with_witnesses(
        &self,
        witnesses: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, MembershipError> {
        Self::checked(Inner {
            witnesses: sorted(witnesses.into_iter().collect()),
            ..Inner::clone(&self.inner)
        })
    }

    /// All its parts, as they came from a peer or a disk.
    pub(crate) fn from_parts(
        voters: QuorumSet,
        outgoing: Option<QuorumSet>,
        leaves_alone: bool,
        learners: Vec<NodeId>,
        witnesses: Vec<NodeId>,
    ) -> Result<Self, MembershipError> {
        Self::checked(Inner {
            voters,
            outgoing,
            leaves_alone,
            learners,
            witnesses,
            members: Vec::new(),
        })
    }

    /// Joint, from this to that.
    pub(crate) fn joint_with(&self, target: &Self, leaves_alone: bool) -> Self {
        // A witness that leaves is one until it has left.
        let both = self.witnesses().iter().chain(target.witnesses());
        Self::from_inner(Inner {
            outgoing: Some(self.inner.voters.clone()),
            leaves_alone,
            witnesses: sorted(both.copied().collect()),
            ..Inner::clone(&target.inner)
        })
    }

    /// What a joint membership becomes.
    pub(crate) fn left(&self) -> Self {
        let voters = self.inner.voters.clone();
        let is_left = |id: &&NodeId| voters.contains(**id);
        let witnesses = self.inner.witnesses.iter().filter(is_left);
        Self::from_inner(Inner {
            witnesses: witnesses.copied().collect(),
            outgoing: None,
            leaves_alone: false,
            ..Inner::clone(&self.inner)
        })
    }

    fn checked(inner: Inner) -> Result<Self, MembershipError> {
        let membership = Self::from_inner(inner);
        let Inner {
            voters,
            learners,
            witnesses,
            members,
            ..
        } = &*membership.inner;
        if members.len() > MAX_MEMBERS {
            return Err(MembershipError::TooMany);
        }
        if let Some(&id) = learners.iter().find(|&&id| voters.contains(id)) {
            return Err(MembershipError::Twice { id });
        }
        if let Some(&id) = witnesses.iter().find(|&&id| !membership.is_voter(id)) {
            return Err(MembershipError::WitnessDoesNotVote { id });
        }
        let sets = [Some(voters), membership.outgoing()].into_iter().flatten();
        for set in sets {
            let is_witness = |id: &NodeId| witnesses.binary_search(id).is_ok();
            if !set.is_empty() && set.members().iter().all(is_witness) {
                return Err(MembershipError::NobodyCanLead);
            }
        }
        Ok(membership)
    }

    fn from_inner(mut inner: Inner) -> Self {
        let mut members = inner.voters.members();
        members.extend(inner.outgoing.iter().flat_map(QuorumSet::members));
        members.extend(&inner.learners);
        inner.members = sorted(members);
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Who votes; while it is joint, who will.
    pub fn voters(&self) -> &QuorumSet {
        &self.inner.voters
    }

    /// Who voted before, while it is joint. Their quorum is needed, too.
    pub fn outgoing(&self) -> Option<&QuorumSet> {
        self.inner.outgoing.as_ref()
    }

    /// Whether it is joint.
    pub fn is_joint(&self) -> bool {
        self.inner.outgoing.is_some()
    }

    /// Whether the leader leaves the joint membership on its own, as soon as it is committed.
    pub fn leaves_alone(&self) -> bool {
        self.inner.leaves_alone
    }

    /// Who only listens, sorted. While it is joint, some of them may vote in the outgoing set still.
    pub fn learners(&self) -> &[NodeId] {
        &self.inner.learners
    }

    /// Who votes without holding commands, sorted.
    pub fn witnesses(&self) -> &[NodeId] {
        &self.inner.witnesses
    }

    /// Everybody, sorted.
    pub fn members(&self) -> &[NodeId] {
        &self.inner.members
    }

    /// Whether this is a member at all.
    pub fn contains(&self, id: NodeId) -> bool {
        self.members().binary_search(&id).is_ok()
    }

    /// Whether this member votes, in either set.
    pub fn is_voter(&self, id: NodeId) -> bool {
        let votes_still = |outgoing: &QuorumSet| outgoing.contains(id);
        self.inner.voters.contains(id) || self.outgoing().is_some_and(votes_still)
    }

    /// Whether this member only listens.
    pub fn is_learner(&self, id: NodeId) -> bool {
        self.learners().binary_search(&id).is_ok() && !self.is_voter(id)
    }

    /// Whether this member votes and holds no commands.
    pub fn is_witness(&self, id: NodeId) -> bool {
        self.witnesses().binary_search(&id).is_ok()
    }

    /// Whether this member may lead.
    pub fn can_lead(&self, id: NodeId) -> bool {
        self.is_voter(id) && !self.is_witness(id)
    }

    /// Whether those members for which `has` is true are enough to decide.
    pub fn is_quorum(&self, mut has: impl FnMut(NodeId) -> bool) -> bool {
        self.inner.voters.is_quorum(&mut has)
            && self
                .outgoing()
                .is_none_or(|outgoing| outgoing.is_quorum(has))
    }

    /// The largest value that a quorum has reached, where each voter has reached one; none if nobody votes.
    pub fn reached<T: Copy + Default + Ord>(
        &self,
        mut value: impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        let incoming = self.inner.voters.reached(&mut value)?;
        match self.outgoing() {
            Some(outgoing) => Some(incoming.min(outgoing.reached(value)?)),
            None => Some(incoming),
        }
    }
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.members().is_empty() {
            return f.write_str("no members");
        }
        let voters = self.voters().members();
        let outgoing = self.outgoing().map(QuorumSet::members).unwrap_or_default();
        let parts = [
            ("voters", &voters[..]),
            ("outgoing voters", &outgoing),
            ("learners", self.learners()),
            ("witnesses", self.witnesses()),
        ];
        let parts = parts.into_iter().filter(|(_, ids)| !ids.is_empty());
        for (at, (name, ids)) in parts.enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
            for id in ids {
                write!(f, " {id}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    fn voters(of: &[u64]) -> Membership {
        Membership::of_voters(ids(of)).unwrap()
    }

    /// B-66: a joint membership decides by both halves, and the new voters alone are not one of them.
    #[test]
    fn a_joint_membership_needs_a_quorum_of_both() {
        let joint = voters(&[1]).joint_with(&voters(&[1, 2, 3]), true);
        assert!(!joint.is_quorum(|id| id == NodeId(1)));
        assert!(!joint.is_quorum(|id| id != NodeId(1)));
        assert!(joint.is_quorum(|id| id <= NodeId(2)));
        assert_eq!(joint.reached(|id| id.0), Some(1));
        assert_eq!(joint.left(), voters(&[1, 2, 3]));
    }

    #[test]
    fn a_voter_that_becomes_a_learner_votes_until_the_joint_membership_is_left() {
        let target = voters(&[1, 2]).with_learners(ids(&[3])).unwrap();
        let joint = voters(&[1, 2, 3]).joint_with(&target, true);
        assert!(joint.is_voter(NodeId(3)) && !joint.is_learner(NodeId(3)));
        assert!(joint.left().is_learner(NodeId(3)) && !joint.left().is_voter(NodeId(3)));
        assert_eq!(joint.members(), ids(&[1, 2, 3]));
    }

    #[test]
    fn a_witness_votes_and_somebody_else_leads() {
        let members = voters(&[1, 2, 3]);
        let witnessed = members.with_witnesses(ids(&[3])).unwrap();
        assert!(witnessed.is_voter(NodeId(3)) && !witnessed.can_lead(NodeId(3)));
        assert_eq!(
            members.with_witnesses(ids(&[1, 2, 3])),
            Err(MembershipError::NobodyCanLead)
        );
        assert_eq!(
            members.with_witnesses(ids(&[4])),
            Err(MembershipError::WitnessDoesNotVote { id: NodeId(4) })
        );
        assert_eq!(
            members.with_learners(ids(&[2])),
            Err(MembershipError::Twice { id: NodeId(2) })
        );
        let joint = witnessed.joint_with(&voters(&[1, 2]), true);
        assert!(joint.is_witness(NodeId(3)));
        assert_eq!(joint.left(), voters(&[1, 2]));
    }
}
