//! Who decides: sets of members of which a part is enough.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use quorate_clocks::NodeId;

/// Members, and which of them are enough to decide.
///
/// More than half of the *weight* decides. What has a weight is a member, or a group that decides as such a
/// set itself. So there is one rule for plain majorities, for weights, and for hierarchies of zones
/// (Kumar, "Hierarchical Quorum Consensus", 1991), and with it any two quorums of a set have a member in
/// common, which Raft stands on.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::QuorumSet;
///
/// let plain = QuorumSet::majority([1, 2, 3].map(NodeId))?;
/// assert!(plain.is_quorum(|id| id != NodeId(3)));
///
/// // Two of three zones, and in each of these two of its three members.
/// let zone = |from| QuorumSet::majority((from..from + 3).map(NodeId));
/// let zones = QuorumSet::majority_of([zone(1)?, zone(4)?, zone(7)?])?;
/// assert!(zones.is_quorum(|id| [1, 2, 4, 5].map(NodeId).contains(&id)));
/// assert!(!zones.is_quorum(|id| id <= NodeId(3) || id == NodeId(4) || id == NodeId(7)));
/// # Ok::<(), quorate_raft_core::MembershipError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct QuorumSet {
    /// Sorted: members by their names, then groups by their first member.
    pub(crate) parts: Vec<Part>,
    total: u64,
}

/// A member or a group, and its weight.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Part {
    pub(crate) weight: u32,
    pub(crate) who: Who,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Who {
    Member(NodeId),
    Group(QuorumSet),
}

/// Groups in groups: a set may be so deep.
pub(crate) const MAX_DEPTH: usize = 4;

/// Members of a set, or of a cluster.
pub(crate) const MAX_MEMBERS: usize = 1024;

/// How many values are sorted on the stack.
const SORTED: usize = 9;

impl QuorumSet {
    /// More than half of these decide.
    ///
    /// # Errors
    ///
    /// When one is named twice, or there are more than 1,024.
    pub fn majority(members: impl IntoIterator<Item = NodeId>) -> Result<Self, MembershipError> {
        Self::weighted(members.into_iter().map(|id| (id, 1)))
    }

    /// More than half of the weight decides.
    ///
    /// # Errors
    ///
    /// When one is named twice or weighs nothing, or there are more than 1,024.
    pub fn weighted(
        members: impl IntoIterator<Item = (NodeId, u32)>,
    ) -> Result<Self, MembershipError> {
        let members = members.into_iter();
        Self::of(members.map(|(id, weight)| Part {
            weight,
            who: Who::Member(id),
        }))
    }

    /// More than half of these groups decide, each as it does.
    ///
    /// # Errors
    ///
    /// When one member is in two groups, a group has no member, there are more than 1,024 members, or groups
    /// are nested more than four deep.
    pub fn majority_of(groups: impl IntoIterator<Item = Self>) -> Result<Self, MembershipError> {
        Self::weighted_of(groups.into_iter().map(|group| (group, 1)))
    }

    /// Groups that have more than half of the weight decide, each as it does.
    ///
    /// # Errors
    ///
    /// As with [`majority_of`](Self::majority_of), or when a group weighs nothing.
    pub fn weighted_of(
        groups: impl IntoIterator<Item = (Self, u32)>,
    ) -> Result<Self, MembershipError> {
        let groups = groups.into_iter();
        Self::of(groups.map(|(group, weight)| Part {
            weight,
            who: Who::Group(group),
        }))
    }

    /// A set of these parts, in the order in which all sets have them.
    pub(crate) fn of(parts: impl Iterator<Item = Part>) -> Result<Self, MembershipError> {
        let mut set = Self::default();
        for part in parts {
            if part.weight == 0 || matches!(&part.who, Who::Group(group) if group.is_empty()) {
                return Err(MembershipError::NoWeight);
            }
            set.total += u64::from(part.weight);
            set.parts.push(part);
            if set.parts.len() > MAX_MEMBERS {
                return Err(MembershipError::TooMany);
            }
        }
        set.parts.sort_unstable_by_key(Part::order);
        let members = set.members();
        if members.len() > MAX_MEMBERS {
            return Err(MembershipError::TooMany);
        }
        if let Some(twice) = members.windows(2).find(|pair| pair.first() == pair.last()) {
            let id = twice.first().copied().unwrap_or_default();
            return Err(MembershipError::Twice { id });
        }
        match set.depth() > MAX_DEPTH {
            true => Err(MembershipError::TooDeep),
            false => Ok(set),
        }
    }

    /// Whether nobody is in it. Then nobody can decide.
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether this member is in it.
    pub fn contains(&self, id: NodeId) -> bool {
        self.parts.iter().any(|part| match &part.who {
            Who::Member(member) => *member == id,
            Who::Group(group) => group.contains(id),
        })
    }

    /// All its members, sorted.
    pub fn members(&self) -> Vec<NodeId> {
        let mut members = Vec::new();
        self.collect(&mut members);
        members.sort_unstable();
        members
    }

    fn collect(&self, members: &mut Vec<NodeId>) {
        for part in &self.parts {
            match &part.who {
                Who::Member(member) => members.push(*member),
                Who::Group(group) => group.collect(members),
            }
        }
    }

    fn depth(&self) -> usize {
        let parts = self.parts.iter();
        let below = parts.map(|part| match &part.who {
            Who::Member(_) => 0,
            Who::Group(group) => group.depth(),
        });
        below.max().unwrap_or(0) + 1
    }

    /// With this member, as heavy as a plain one; unchanged if it is in it.
    pub(crate) fn with(self, id: NodeId) -> Result<Self, MembershipError> {
        if self.contains(id) {
            return Ok(self);
        }
        let who = Who::Member(id);
        Self::of(self.parts.into_iter().chain([Part { weight: 1, who }]))
    }

    /// Without this member, and without groups that are empty then.
    pub(crate) fn without(self, id: NodeId) -> Result<Self, MembershipError> {
        let mut kept = Vec::new();
        for Part { weight, who } in self.parts {
            let who = match who {
                Who::Member(member) if member == id => continue,
                Who::Member(_) => who,
                Who::Group(group) => Who::Group(group.without(id)?),
            };
            if !matches!(&who, Who::Group(group) if group.is_empty()) {
                kept.push(Part { weight, who });
            }
        }
        Self::of(kept.into_iter())
    }

    /// Whether it is certain that every quorum of this set has a member in common with every one of that: at
    /// most one voter of equal weight comes or goes (thesis §4.1).
    pub(crate) fn is_one_step_from(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let only = |one: &Self, other: &Self| {
            let members = one.members();
            members
                .into_iter()
                .filter(|&id| !other.contains(id))
                .count()
        };
        self.is_plain() && other.is_plain() && only(self, other) + only(other, self) <= 1
    }

    /// Whether every member decides as much as any other, and no group does.
    pub(crate) fn is_plain(&self) -> bool {
        let is_plain = |part: &Part| part.weight == 1 && matches!(part.who, Who::Member(_));
        self.parts.iter().all(is_plain)
    }

    /// Whether those members for which `has` is true are enough.
    pub fn is_quorum(&self, mut has: impl FnMut(NodeId) -> bool) -> bool {
        self.reached(&mut has).unwrap_or(false)
    }

    /// The largest value that a quorum has reached, where each member has reached one; none if nobody is in
    /// the set.
    ///
    /// Always decided by looking at all of them: the shortcuts that trust an earlier order have committed
    /// entries without a quorum (openraft #1802).
    pub fn reached<T: Copy + Default + Ord>(
        &self,
        mut value: impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        self.reached_by(&mut value)
    }

    fn reached_by<T: Copy + Default + Ord>(
        &self,
        value: &mut impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        if self.parts.len() > SORTED {
            return self.reached_by_many(value);
        }
        if self.total == self.parts.len() as u64 {
            return self.reached_by_equals(value);
        }
        let mut sorted = [(T::default(), 0_u32); SORTED];
        let mut count = 0;
        for part in &self.parts {
            let Some(place) = sorted.get_mut(count) else {
                break;
            };
            *place = (part.reached_by(value)?, part.weight);
            let mut at = count;
            while at > 0
                && let Some([before, after]) = sorted.get_mut(at - 1..=at)
                && before.0 < after.0
            {
                core::mem::swap(before, after);
                at -= 1;
            }
            count += 1;
        }
        self.deciding(sorted.get(..count)?)
    }

    /// Where nothing weighs more than another, it is the value in the middle.
    fn reached_by_equals<T: Copy + Default + Ord>(
        &self,
        value: &mut impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        let mut sorted = [T::default(); SORTED];
        for (count, part) in self.parts.iter().enumerate() {
            let value = part.reached_by(value)?;
            let mut at = count;
            while let Some(&before) = at.checked_sub(1).and_then(|at| sorted.get(at))
                && before < value
                && let Some(place) = sorted.get_mut(at)
            {
                *place = before;
                at -= 1;
            }
            if let Some(place) = sorted.get_mut(at) {
                *place = value;
            }
        }
        let decides = self.parts.len() / 2;
        sorted.get(..self.parts.len())?.get(decides).copied()
    }

    fn reached_by_many<T: Copy + Default + Ord>(
        &self,
        value: &mut impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        let parts = self.parts.iter();
        let of_part = |part: &Part| Some((part.reached_by(value)?, part.weight));
        let mut values: Vec<(T, u32)> = parts.map(of_part).collect::<Option<_>>()?;
        values.sort_unstable_by_key(|&(value, _)| Reverse(value));
        self.deciding(&values)
    }

    /// Of values that descend, the one with which more than half of the weight is there.
    fn deciding<T: Copy>(&self, descending: &[(T, u32)]) -> Option<T> {
        let mut weight = 0;
        let decides = |&&(_, part): &&(T, u32)| {
            weight += u64::from(part);
            weight > self.total / 2
        };
        descending.iter().find(decides).map(|&(value, _)| value)
    }
}

impl Part {
    fn reached_by<T: Copy + Default + Ord>(
        &self,
        value: &mut impl FnMut(NodeId) -> T,
    ) -> Option<T> {
        match &self.who {
            Who::Member(member) => Some(value(*member)),
            Who::Group(group) => group.reached_by(value),
        }
    }

    /// Members come first. No two parts have a member in common.
    fn order(&self) -> (bool, NodeId) {
        match &self.who {
            Who::Member(member) => (false, *member),
            Who::Group(group) => (true, group.members().first().copied().unwrap_or_default()),
        }
    }
}

/// Why there is no such set, or no such membership.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_raft_core::{MembershipError, QuorumSet};
///
/// let error = QuorumSet::majority([1, 2, 1].map(NodeId)).unwrap_err();
/// assert_eq!(error, MembershipError::Twice { id: NodeId(1) });
/// assert_eq!(error.to_string(), "n1 is named twice");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MembershipError {
    /// A member is named twice in one set, or is a voter and a learner of one membership.
    Twice {
        /// The member.
        id: NodeId,
    },
    /// A member or a group weighs nothing, or a group has no members.
    NoWeight,
    /// There are more than 1,024 members.
    TooMany,
    /// Groups are nested more than four deep.
    TooDeep,
    /// A witness has to vote.
    WitnessDoesNotVote {
        /// The member.
        id: NodeId,
    },
    /// Nobody votes who also holds the entries, so that nobody could lead.
    NobodyCanLead,
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { id } => write!(f, "{id} is named twice"),
            Self::NoWeight => write!(f, "a member or a group of voters weighs nothing"),
            Self::TooMany => write!(f, "there are more than {MAX_MEMBERS} members"),
            Self::TooDeep => write!(f, "groups of voters are nested more than {MAX_DEPTH} deep"),
            Self::WitnessDoesNotVote { id } => {
                write!(
                    f,
                    "{id} is a witness and does not vote: it would be of no use"
                )
            }
            Self::NobodyCanLead => write!(
                f,
                "no voter holds the entries, so nobody could lead: name one that is not a witness"
            ),
        }
    }
}

impl core::error::Error for MembershipError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn majority(count: usize) -> QuorumSet {
        QuorumSet::majority((0..count as u64).map(NodeId)).unwrap()
    }

    fn reached(values: &[u8]) -> Option<u8> {
        majority(values.len()).reached(|id| values[id.0 as usize])
    }

    #[test]
    fn even_clusters_need_more_than_half() {
        assert_eq!(reached(&[9, 9, 1, 1]), Some(1));
        assert_eq!(reached(&[]), None);
        assert!(!majority(4).is_quorum(|id| id.0 < 2));
        assert!(!majority(0).is_quorum(|_| true));
    }

    #[test]
    fn a_weight_of_more_than_half_decides_alone() {
        let set = QuorumSet::weighted([(NodeId(1), 3), (NodeId(2), 1), (NodeId(3), 1)]).unwrap();
        assert!(set.is_quorum(|id| id == NodeId(1)));
        assert!(!set.is_quorum(|id| id != NodeId(1)));
    }

    #[test]
    fn what_can_not_be_a_set_is_refused() {
        let one = || majority(1);
        assert_eq!(
            QuorumSet::weighted([(NodeId(1), 0)]),
            Err(MembershipError::NoWeight)
        );
        assert_eq!(
            QuorumSet::majority_of([one(), one()]),
            Err(MembershipError::Twice { id: NodeId(0) })
        );
        assert_eq!(
            QuorumSet::majority_of([QuorumSet::default()]),
            Err(MembershipError::NoWeight)
        );
        assert_eq!(
            QuorumSet::majority((0..=MAX_MEMBERS as u64).map(NodeId)),
            Err(MembershipError::TooMany)
        );
        let nest = |set| QuorumSet::majority_of([set]);
        let deepest = (1..MAX_DEPTH).try_fold(one(), |set, _| nest(set)).unwrap();
        assert_eq!(nest(deepest), Err(MembershipError::TooDeep));
    }

    /// Weights of members, in one set or in groups.
    fn set() -> impl Strategy<Value = QuorumSet> {
        let flat = prop::collection::vec(1_u32..4, 1..8);
        let groups = prop::collection::vec((1_u32..3, prop::collection::vec(1_u32..3, 1..4)), 1..4);
        let members = |from: u64, weights: &[u32]| {
            let ids = (from..).map(NodeId);
            QuorumSet::weighted(ids.zip(weights.iter().copied())).unwrap()
        };
        prop_oneof![
            flat.prop_map(move |weights| members(0, &weights)),
            groups.prop_map(move |groups| {
                let mut from = 0;
                let groups = groups.iter().map(|(weight, weights)| {
                    let group = members(from, weights);
                    from += weights.len() as u64;
                    (group, *weight)
                });
                QuorumSet::weighted_of(groups).unwrap()
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_majority_has_it_and_none_has_more(values in prop::collection::vec(0_u8..20, 1..15)) {
            let reached = reached(&values).unwrap();
            let have = |at_least: u8| values.iter().filter(|&&value| value >= at_least).count();
            prop_assert!(have(reached) > values.len() / 2);
            prop_assert!(have(reached + 1) <= values.len() / 2);
        }

        /// What is reached is reached by a quorum, and nothing more is.
        #[test]
        fn a_quorum_has_it_and_none_has_more(set in set(), values in prop::collection::vec(0_u8..6, 16)) {
            let value = |id: NodeId| values[id.0 as usize];
            let reached = set.reached(value).unwrap();
            prop_assert!(set.is_quorum(|id| value(id) >= reached));
            prop_assert!(!set.is_quorum(|id| value(id) > reached));
        }

        /// What is no quorum leaves no quorum to the others only if it is large, and never are there two.
        #[test]
        fn two_quorums_have_a_member_in_common(set in set(), chosen in any::<u16>()) {
            let is_in = |id: NodeId| chosen & (1 << id.0) != 0;
            prop_assert!(!(set.is_quorum(is_in) && set.is_quorum(|id| !is_in(id))));
        }
    }
}
