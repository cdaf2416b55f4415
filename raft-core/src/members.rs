//! Who the members are along the log.

use alloc::collections::VecDeque;

use crate::{Index, Membership};

/// The memberships of the log: each holds from its entry on, up to the next.
///
/// A membership holds from the moment that its entry is *appended*, and not from when it is committed or
/// applied (thesis §4.1). Were it applied, a member could win an election by the votes of an old membership
/// after a newer one was committed (etcd #7280), and a cluster could get stuck when those that know of the
/// commit lack the votes (etcd #12359). The price is that an entry that is removed takes its membership with
/// it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Members {
    /// Those before the newest. Indexes ascend.
    older: VecDeque<(Index, Membership)>,
    newest: (Index, Membership),
    /// Nobody has looked since the newest became another.
    has_changed: bool,
}

impl Members {
    pub(crate) const fn new(from: Index, membership: Membership) -> Self {
        Self {
            older: VecDeque::new(),
            newest: (from, membership),
            has_changed: false,
        }
    }

    /// Who the members are, by the newest entry that says so.
    pub(crate) const fn current(&self) -> &Membership {
        &self.newest.1
    }

    /// That entry. Zero for the founders, whom no entry names.
    pub(crate) const fn index(&self) -> Index {
        self.newest.0
    }

    /// From this entry on, which is after all others, these are the members.
    pub(crate) fn push(&mut self, index: Index, membership: Membership) {
        let before = core::mem::replace(&mut self.newest, (index, membership));
        self.older.push_back(before);
        self.has_changed = true;
    }

    /// After a snapshot of this entry, these are the members.
    pub(crate) fn reset(&mut self, index: Index, membership: Membership) {
        self.older.clear();
        self.has_changed |= self.newest.1 != membership;
        self.newest = (index, membership);
    }

    /// Whether the newest is another than when this was asked before.
    pub(crate) const fn take_changed(&mut self) -> bool {
        core::mem::replace(&mut self.has_changed, false)
    }

    /// Who the members were at an entry. None if that is forgotten.
    pub(crate) fn at(&self, index: Index) -> Option<&Membership> {
        if self.newest.0 <= index {
            return Some(&self.newest.1);
        }
        let until = self.older.partition_point(|(from, _)| *from <= index);
        let (_, membership) = self.older.get(until.checked_sub(1)?)?;
        Some(membership)
    }

    /// The entry at `from` and all after it are gone.
    pub(crate) fn truncate(&mut self, from: Index) {
        while self.newest.0 >= from
            && let Some(before) = self.older.pop_back()
        {
            self.newest = before;
            self.has_changed = true;
        }
    }

    /// Nobody asks any more who the members were before this entry.
    pub(crate) fn forget_before(&mut self, index: Index) {
        let next = |older: &VecDeque<(Index, Membership)>, newest| {
            older.get(1).map_or(newest, |(from, _)| *from)
        };
        while !self.older.is_empty() && next(&self.older, self.newest.0) <= index {
            self.older.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_clocks::NodeId;

    use super::*;

    fn alone(id: u64) -> Membership {
        Membership::of_voters([NodeId(id)]).unwrap()
    }

    fn members() -> Members {
        let mut members = Members::new(Index::ZERO, alone(0));
        for index in [5, 9] {
            members.push(Index(index), alone(index));
        }
        members
    }

    #[test]
    fn each_holds_from_its_entry_to_the_next() {
        let members = members();
        for (index, expected) in [(0, 0), (4, 0), (5, 5), (8, 5), (9, 9), (99, 9)] {
            assert_eq!(members.at(Index(index)), Some(&alone(expected)));
        }
    }

    /// B-69: the members are again who they were before the entry that is removed.
    #[test]
    fn an_entry_that_is_removed_takes_its_membership_with_it() {
        for (from, expected) in [(10, 9), (9, 5), (6, 5), (5, 0), (1, 0)] {
            let mut members = members();
            members.truncate(Index(from));
            assert_eq!(
                (members.current(), members.index()),
                (&alone(expected), Index(expected))
            );
        }
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        for (before, oldest) in [(4, 0), (5, 5), (8, 5), (9, 9), (99, 9)] {
            let mut members = members();
            members.forget_before(Index(before));
            assert_eq!(members.at(Index(before)), Some(&alone(oldest)));
            let older = oldest
                .checked_sub(1)
                .and_then(|index| members.at(Index(index)));
            assert_eq!(older, None);
            assert_eq!(members.current(), &alone(9));
        }
    }
}
