//! What a change of the members asks for.

use alloc::vec::Vec;
use core::fmt;

use quorate_clocks::NodeId;

use crate::message::sorted;
use crate::{Index, Membership, MembershipError, QuorumSet};

/// A change of the members, against the membership that somebody has looked at.
///
/// [`Raft::change`](crate::Raft::change) begins one. It is taken only while that membership is the newest, so
/// two people who remove a member each, because there were three, do not remove two.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::{Index, Membership, MembershipChange};
///
/// let members = Membership::of_voters([1, 2, 3].map(NodeId))?;
/// let change = MembershipChange::of(Index(7), &members)
///     .learner(NodeId(4))
///     .remove(NodeId(3));
/// assert_eq!(change.target()?.to_string(), "voters n1 n2, learners n4");
/// # Ok::<(), quorate_raft_core::MembershipError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MembershipChange {
    base: Index,
    voters: Result<QuorumSet, MembershipError>,
    learners: Vec<NodeId>,
    witnesses: Vec<NodeId>,
    transition: Transition,
    even_if_behind: bool,
}

/// How the members get from one set of voters to another.
///
/// ```
/// use quorate_raft_core::Transition;
///
/// assert_eq!(Transition::default(), Transition::Shortest);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Transition {
    /// In one step where any old quorum meets any new one, which is when at most one voter of equal weight
    /// comes or goes (thesis §4.1). Else through a joint membership, which the leader leaves on its own.
    #[default]
    Shortest,
    /// Through a joint membership, which the leader leaves on its own.
    Joint,
    /// Into a joint membership, until [`Raft::leave_joint`](crate::Raft::leave_joint): to look at the new
    /// members for a while, with the old ones still there.
    JointUntilLeft,
}

impl MembershipChange {
    /// No change yet, of the membership that the entry at `base` has set.
    pub fn of(base: Index, membership: &Membership) -> Self {
        Self {
            base,
            voters: Ok(membership.voters().clone()),
            learners: membership.learners().to_vec(),
            witnesses: membership.witnesses().to_vec(),
            transition: Transition::default(),
            even_if_behind: false,
        }
    }

    /// Makes it a voter, as heavy as a plain one. A learner that becomes one must have caught up.
    #[must_use]
    pub fn voter(self, id: NodeId) -> Self {
        let mut change = self.without_learner(id);
        change.voters = change.voters.and_then(|voters| voters.with(id));
        change
    }

    /// Makes it a witness: a voter that holds no commands. What has been something else can not become one.
    #[must_use]
    pub fn witness(self, id: NodeId) -> Self {
        let mut change = self.voter(id);
        change.witnesses.push(id);
        change
    }

    /// Makes it a learner, also when it is a voter.
    #[must_use]
    pub fn learner(self, id: NodeId) -> Self {
        let mut change = self.remove(id);
        change.learners.push(id);
        change
    }

    /// Removes it, whatever it is.
    #[must_use]
    pub fn remove(self, id: NodeId) -> Self {
        let mut change = self.without_learner(id);
        change.witnesses.retain(|&witness| witness != id);
        change.voters = change.voters.and_then(|voters| voters.without(id));
        change
    }

    /// Decides by this set from now on. Learners that are in it become voters.
    #[must_use]
    pub fn voters(mut self, voters: QuorumSet) -> Self {
        self.learners.retain(|&learner| !voters.contains(learner));
        self.witnesses.retain(|&witness| voters.contains(witness));
        self.voters = Ok(voters);
        self
    }

    /// In this way.
    #[must_use]
    pub const fn through(mut self, transition: Transition) -> Self {
        self.transition = transition;
        self
    }

    /// Also if a new voter has not caught up: until it has, the cluster may bear fewer failures than it has
    /// members for, or none.
    #[must_use]
    pub const fn even_if_behind(mut self) -> Self {
        self.even_if_behind = true;
        self
    }

    /// Who the members are to be.
    ///
    /// # Errors
    ///
    /// When there can be no such membership.
    pub fn target(&self) -> Result<Membership, MembershipError> {
        Membership::from_parts(
            self.voters.clone()?,
            None,
            false,
            sorted(self.learners.clone()),
            sorted(self.witnesses.clone()),
        )
    }

    /// The entry that has set the membership which this changes. Zero for the founders.
    pub const fn base(&self) -> Index {
        self.base
    }

    pub(crate) const fn transition(&self) -> Transition {
        self.transition
    }

    pub(crate) const fn is_patient(&self) -> bool {
        !self.even_if_behind
    }

    fn without_learner(mut self, id: NodeId) -> Self {
        self.learners.retain(|&learner| learner != id);
        self
    }
}

/// Why a change of the members was not taken. Nothing has changed.
///
/// ```
/// use quorate_raft_core::{ChangeError, Index};
///
/// let error = ChangeError::Stale { base: Index(4), newest: Index(9) };
/// assert_eq!(
///     error.to_string(),
///     "the members were changed by entry 9, after entry 4 that this change is against: look again"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChangeError {
    /// This node does not lead.
    NotLeader {
        /// Who does, when known.
        leader: Option<NodeId>,
    },
    /// The leadership is being handed over.
    Transferring {
        /// To whom.
        to: NodeId,
    },
    /// The leader has not committed anything in its term, so it does not know whether a change is pending.
    NotReady,
    /// A change is not committed yet.
    Pending {
        /// The entry of that change.
        index: Index,
    },
    /// The members have changed since.
    Stale {
        /// The entry that this change is against.
        base: Index,
        /// The entry that names the members now.
        newest: Index,
    },
    /// The membership is joint: it must be left first.
    Joint,
    /// The membership is not joint: there is nothing to leave.
    NotJoint,
    /// The members would be what they are.
    NothingChanges,
    /// There can be no such membership.
    Invalid(MembershipError),
    /// Nobody would vote.
    NoVoters,
    /// A new voter has not caught up with the log.
    NotCaughtUp {
        /// The voter.
        id: NodeId,
        /// The last entry that it is known to hold.
        matched: Index,
        /// The last entry of the log.
        last: Index,
    },
    /// A witness has no commands to become anything else with, and what holds commands does not become one.
    WitnessForGood {
        /// The member.
        id: NodeId,
    },
    /// There would be more members than messages may wait to be sent.
    TooManyForOutbox {
        /// Members.
        members: usize,
        /// What [`Config::max_outbox`](crate::Config::max_outbox) says.
        limit: usize,
    },
    /// The log has reached the last index that there is.
    LogFull,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader {
                leader: Some(leader),
            } => write!(f, "this node does not lead; ask {leader}"),
            Self::NotLeader { leader: None } => write!(
                f,
                "this node does not lead, and knows of no leader; try again later"
            ),
            Self::Transferring { to } => write!(
                f,
                "the leadership is being handed over to {to}; ask there soon"
            ),
            Self::NotReady => write!(
                f,
                "this leader has not committed an entry of its term yet; try again soon"
            ),
            Self::Pending { index } => write!(
                f,
                "the change in entry {index} is not committed yet, and there is one at a time; wait for it"
            ),
            Self::Stale { base, newest } => write!(
                f,
                "the members were changed by entry {newest}, after entry {base} that this change is \
                 against: look again"
            ),
            Self::Joint => write!(f, "the membership is joint: leave it first"),
            Self::NotJoint => write!(f, "the membership is not joint: there is nothing to leave"),
            Self::NothingChanges => write!(f, "the members are these already"),
            Self::Invalid(error) => write!(f, "there can be no such membership: {error}"),
            Self::NoVoters => write!(
                f,
                "nobody would vote, so nothing could ever be decided again"
            ),
            Self::NotCaughtUp { id, matched, last } => write!(
                f,
                "{id} holds entries up to {matched} of {last}: make it a learner and wait, or say that it \
                 may vote although it is behind"
            ),
            Self::WitnessForGood { id } => write!(
                f,
                "{id} can not become a witness, or cease to be one: remove it, and add another with an \
                 empty disk"
            ),
            Self::TooManyForOutbox { members, limit } => write!(
                f,
                "{members} members need room for as many messages, and max_outbox is {limit}"
            ),
            Self::LogFull => write!(
                f,
                "the log has reached the last index that there is; start a new cluster from a snapshot"
            ),
        }
    }
}

impl core::error::Error for ChangeError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn members() -> Membership {
        let voters = [1, 2, 3].map(NodeId);
        Membership::of_voters(voters)
            .unwrap()
            .with_learners([NodeId(4)])
            .unwrap()
    }

    fn change() -> MembershipChange {
        MembershipChange::of(Index(0), &members())
    }

    #[test]
    fn members_become_what_they_are_told_to() {
        let text = |change: MembershipChange| change.target().unwrap().to_string();
        assert_eq!(text(change().voter(NodeId(4))), "voters n1 n2 n3 n4");
        assert_eq!(
            text(change().learner(NodeId(1))),
            "voters n2 n3, learners n1 n4"
        );
        assert_eq!(
            text(
                change()
                    .witness(NodeId(9))
                    .remove(NodeId(2))
                    .remove(NodeId(4))
            ),
            "voters n1 n3 n9, witnesses n9"
        );
        assert_eq!(
            change().voter(NodeId(2)).remove(NodeId(77)).target(),
            Ok(members())
        );
        let weighted = QuorumSet::weighted([(NodeId(4), 5), (NodeId(1), 1)]).unwrap();
        assert_eq!(text(change().voters(weighted)), "voters n1 n4");
    }

    #[test]
    fn a_member_leaves_the_group_that_it_is_in() {
        let group = |ids: &[u64]| QuorumSet::majority(ids.iter().copied().map(NodeId)).unwrap();
        let set = QuorumSet::majority_of([group(&[1, 2]), group(&[3])]).unwrap();
        let members = Membership::new(set);
        let change = MembershipChange::of(Index(0), &members).remove(NodeId(3));
        let left = QuorumSet::majority_of([group(&[1, 2])]).unwrap();
        assert_eq!(change.target().unwrap().voters(), &left);
    }
}
