//! One row for every member.

use alloc::vec::Vec;

#[cfg(feature = "serde")]
use super::wire::Parts;
use super::{MatrixJoinError, MatrixRecordError, MatrixRemoveError, StabilityCertificate};
use crate::{Actor, Causality, Dot, Relation, VersionVector};

/// What each member of a group is known to have seen: a version vector for every member.
///
/// A version vector says what *I* have seen. To forget something, one has to know what *everybody*
/// has: deleted values, logs and sent messages are kept until no member can need them. That is the
/// smallest entry of each column of this matrix, the [stable](Self::stable) vector, and
/// [`certificate`](Self::certificate) makes it a proof that what forgets can ask for.
///
/// Rows are knowledge and only grow: tell everybody your own vector now and then, and
/// [`record`](Self::record) what the others tell. Whole matrices can be [merged](Self::merge), so
/// that news travels through others. The price is a vector for every member, and that **one silent
/// member stops everything**: nothing that it has not seen becomes stable until it speaks or is
/// [removed](Self::remove). No timeout is in here, because being silent is not being gone. Whoever
/// decides that (an operator, a consensus group) removes it with its *final row*, which counts all
/// of its events that any other member has seen, and from then on its late news is refused.
///
/// A member that [joins](Self::join) starts with what its snapshot had seen, at least all that is
/// stable. So the stable vector never goes back, but for those that are [forgotten](Self::forget), and a
/// certificate stays true.
///
/// After Wuu and Bernstein, "Efficient Solutions to the Replicated Log and Dictionary Problems"
/// (PODC 1984, §3, the two-dimensional time table) and Sarin and Lynch, "Discarding Obsolete
/// Information in a Replicated Database System" (IEEE TSE 1987), who add that members leave. What a
/// member claims to have seen is believed: a lie can make something stable too early.
///
/// ```
/// use quorate_clocks::{Actor, Incarnation, MatrixClock, NodeId, VersionVector};
///
/// let [a, b, c] = [1, 2, 3].map(|node| Actor::new(NodeId(node), Incarnation(1)));
/// let mut matrix = MatrixClock::with_members([a, b, c])?;
///
/// // `a` has written twice. `b` has seen both, `c` says nothing.
/// let mut seen = VersionVector::new();
/// seen.increment(a)?;
/// let second = seen.increment(a)?;
/// matrix.record(a, &seen)?;
/// matrix.record(b, &seen)?;
/// assert!(matrix.stable().is_empty());
/// assert!(matrix.behind(second).eq([c]));
///
/// // It is decided that `c` is gone. Nobody has seen an event of it.
/// matrix.remove(c, &VersionVector::new())?;
/// assert_eq!(matrix.stable(), seen);
/// assert!(matrix.record(c, &seen).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bytes
///
/// | Part | Encoding |
/// |---|---|
/// | members | number |
/// | of each, ascending | node, incarnation, its row as a [`VersionVector`] |
/// | removed members | number |
/// | of each, ascending | node, incarnation, how many of its events count |
///
/// Numbers are LEB128. Rows have no entries for those who neither are nor were members. At most
/// [`MAX_MEMBERS`](Self::MAX_MEMBERS) of each are read.
// Members and removed ones are ascending and disjoint. Rows have entries for these alone, and for
// removed ones none beyond the last.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts", into = "Parts"))]
pub struct MatrixClock {
    pub(super) rows: Vec<(Actor, VersionVector)>,
    pub(super) removed: Vec<(Actor, u64)>,
}

impl MatrixClock {
    /// How many members there can be, and how many removed ones are remembered.
    pub const MAX_MEMBERS: usize = 1024;

    /// A group without members.
    pub const fn new() -> Self {
        Self {
            rows: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// A group of members that have seen nothing.
    ///
    /// # Errors
    ///
    /// When one is named twice, or there are too many.
    pub fn with_members(members: impl IntoIterator<Item = Actor>) -> Result<Self, MatrixJoinError> {
        let mut matrix = Self::new();
        for member in members {
            matrix.join(member, &VersionVector::new())?;
        }
        Ok(matrix)
    }

    /// Notes that a member has seen all of this, and says whether that is new.
    ///
    /// Entries of actors that neither are nor were members are left out: they count once those have
    /// joined here too, and the member says it again.
    ///
    /// # Errors
    ///
    /// When it is not a member, or has seen what does not count. Nothing has changed then.
    pub fn record(
        &mut self,
        member: Actor,
        seen: &VersionVector,
    ) -> Result<bool, MatrixRecordError> {
        self.check(member, seen)?;
        let known = self.known(seen);
        let seen = known.as_ref().unwrap_or(seen);
        let Some(row) = self.row_mut(member) else {
            return Err(self.not_a_member(member));
        };
        let new = !row.includes(seen);
        if new {
            row.merge(seen);
        }
        Ok(new)
    }

    /// Notes all that another matrix knows of the members of this one, and says how many rows grew.
    ///
    /// Rows of those who are no members here are left out. They hold nothing up.
    ///
    /// # Errors
    ///
    /// When a member has seen what does not count. Nothing has changed then.
    pub fn merge(&mut self, other: &Self) -> Result<usize, MatrixRecordError> {
        let common = || other.rows().filter(|(member, _)| self.is_member(*member));
        for (member, seen) in common() {
            self.check(member, seen)?;
        }
        let mut grown = 0;
        for (member, seen) in other.rows() {
            if self.is_member(member) && self.record(member, seen)? {
                grown += 1;
            }
        }
        Ok(grown)
    }

    /// Adds a member that has seen `start`: the vector of the snapshot that it starts from.
    ///
    /// Take the snapshot from a member and as late as possible. If all the others have moved on
    /// meanwhile, take a newer one.
    ///
    /// # Errors
    ///
    /// When it is or was a member, when there are too many, when its start lacks something that is
    /// stable, or has what does not count. Nothing has changed then.
    pub fn join(&mut self, member: Actor, start: &VersionVector) -> Result<(), MatrixJoinError> {
        let Err(place) = self.place(member) else {
            return Err(MatrixJoinError::AlreadyMember { member });
        };
        if let Some(last) = self.last(member) {
            return Err(MatrixJoinError::Removed { member, last });
        }
        if self.rows.len() >= Self::MAX_MEMBERS {
            let limit = Self::MAX_MEMBERS;
            return Err(MatrixJoinError::TooMany { member, limit });
        }
        if let Some((removed, seen, last)) = self.beyond(start) {
            return Err(MatrixJoinError::BeyondLast {
                member,
                removed,
                seen,
                last,
            });
        }
        let stable = self.stable();
        let behind = stable.iter().find(|(of, seen)| start.get(*of) < *seen);
        if let Some((of, stable)) = behind {
            return Err(MatrixJoinError::BehindStable {
                member,
                of,
                start: start.get(of),
                stable,
            });
        }
        self.rows.insert(place, (member, VersionVector::new()));
        let row = self.known(start).unwrap_or_else(|| start.clone());
        if let Some(mine) = self.row_mut(member) {
            *mine = row;
        }
        Ok(())
    }

    /// Removes a member, so that it holds nothing up any more.
    ///
    /// Its final row counts how many of its events count, which the group has to agree on: at least
    /// those that another member has seen, and at best those that any member holds. Its news is
    /// refused from now on.
    ///
    /// # Errors
    ///
    /// When it is not a member, or the only one, when another has seen more of it than its final
    /// row counts, or when too many removed ones are remembered. Nothing has changed then.
    pub fn remove(
        &mut self,
        member: Actor,
        final_row: &VersionVector,
    ) -> Result<(), MatrixRemoveError> {
        let last = final_row.get(member);
        let place = match (self.place(member), self.removed_place(member)) {
            (Err(_), Ok((_, last))) => return Err(MatrixRemoveError::Removed { member, last }),
            (Err(_), Err(_)) => return Err(MatrixRemoveError::Unknown { member }),
            (Ok(place), _) => place,
        };
        if self.rows.len() == 1 {
            return Err(MatrixRemoveError::OnlyMember { member });
        }
        let ahead = self
            .rows()
            .map(|(seen_by, row)| (seen_by, row.get(member)))
            .find(|(seen_by, seen)| *seen_by != member && *seen > last);
        if let Some((seen_by, seen)) = ahead {
            return Err(MatrixRemoveError::Behind {
                member,
                seen_by,
                seen,
                last,
            });
        }
        if self.removed.len() >= Self::MAX_MEMBERS {
            let limit = Self::MAX_MEMBERS;
            return Err(MatrixRemoveError::TooMany { member, limit });
        }
        self.rows.remove(place);
        if let Err(place) = self.removed_place(member) {
            self.removed.insert(place, (member, last));
        }
        Ok(())
    }

    /// Forgets the removed members all of whose events everybody has seen, and says how many.
    ///
    /// Their columns go too. Their news is still refused, as that of strangers, but nothing stops
    /// them from joining again: an actor that was removed must never return, only its next life.
    /// Where vectors are pruned, [retire](crate::Retired::retire) them first.
    pub fn forget(&mut self, proof: &StabilityCertificate) -> usize {
        let before = self.removed.len();
        self.removed
            .retain(|(removed, last)| proof.stable().get(*removed) < *last);
        let forgotten = before - self.removed.len();
        if forgotten > 0 {
            for place in 0..self.rows.len() {
                let known = self.rows.get(place).and_then(|(_, row)| self.known(row));
                if let (Some(known), Some((_, row))) = (known, self.rows.get_mut(place)) {
                    *row = known;
                }
            }
        }
        forgotten
    }

    /// What every member has seen: the greatest lower bound of all rows. Nothing, when there are no
    /// members.
    pub fn stable(&self) -> VersionVector {
        let mut rows = self.rows.iter().map(|(_, row)| row);
        let Some(first) = rows.next() else {
            return VersionVector::new();
        };
        let mut stable = first.clone();
        for row in rows {
            if stable.is_empty() {
                break;
            }
            if !row.includes(&stable) {
                stable = stable.meet(row);
            }
        }
        stable
    }

    /// The proof that all members have seen the [stable](Self::stable) vector.
    pub fn certificate(&self) -> StabilityCertificate {
        let stable = self.stable();
        let gone = self
            .removed()
            .filter(|(gone, last)| stable.get(*gone) >= *last);
        let gone = gone.map(|(gone, last)| Dot::new(gone, last)).collect();
        StabilityCertificate::new(self.members().collect(), stable, gone)
    }

    /// Whether every member has seen this event. Without members none has.
    pub fn is_stable(&self, dot: Dot) -> bool {
        !self.rows.is_empty() && self.behind(dot).next().is_none()
    }

    /// The members that are not known to have seen this event: those that it waits for.
    pub fn behind(&self, dot: Dot) -> impl Iterator<Item = Actor> {
        let rows = self.rows().filter(move |(_, row)| !row.contains(dot));
        rows.map(|(member, _)| member)
    }

    /// The members that have seen this event: those that can be asked for it.
    pub fn holders(&self, dot: Dot) -> impl Iterator<Item = Actor> {
        let rows = self.rows().filter(move |(_, row)| row.contains(dot));
        rows.map(|(member, _)| member)
    }

    /// What a member is known to have seen.
    pub fn row(&self, member: Actor) -> Option<&VersionVector> {
        let place = self.place(member).ok()?;
        self.rows.get(place).map(|(_, row)| row)
    }

    /// All members and what they are known to have seen, ascending.
    pub fn rows(&self) -> impl Iterator<Item = (Actor, &VersionVector)> {
        self.rows.iter().map(|(member, row)| (*member, row))
    }

    /// The members, ascending.
    pub fn members(&self) -> impl Iterator<Item = Actor> {
        self.rows.iter().map(|(member, _)| *member)
    }

    /// Whether this is a member.
    pub fn is_member(&self, actor: Actor) -> bool {
        self.place(actor).is_ok()
    }

    /// The removed members and how many of their events count, ascending.
    pub fn removed(&self) -> impl Iterator<Item = (Actor, u64)> {
        self.removed.iter().copied()
    }

    /// How many events of a removed member count.
    pub fn last(&self, removed: Actor) -> Option<u64> {
        Some(self.removed_place(removed).ok()?.1)
    }

    /// Notes that a member has seen one event more, which must be of somebody known here.
    pub(crate) fn raise(&mut self, member: Actor, dot: Dot) {
        if let Some(row) = self.row_mut(member) {
            row.observe(dot);
        }
    }

    /// Whether news of a member can be recorded.
    fn check(&self, member: Actor, seen: &VersionVector) -> Result<(), MatrixRecordError> {
        if !self.is_member(member) {
            return Err(self.not_a_member(member));
        }
        match self.beyond(seen) {
            None => Ok(()),
            Some((removed, seen, last)) => Err(MatrixRecordError::BeyondLast {
                member,
                removed,
                seen,
                last,
            }),
        }
    }

    fn not_a_member(&self, member: Actor) -> MatrixRecordError {
        match self.last(member) {
            Some(last) => MatrixRecordError::Removed { member, last },
            None => MatrixRecordError::Unknown { member },
        }
    }

    /// The first removed member of which more was seen than counts, with both numbers.
    pub(crate) fn beyond(&self, seen: &VersionVector) -> Option<(Actor, u64, u64)> {
        self.removed()
            .map(|(removed, last)| (removed, seen.get(removed), last))
            .find(|(_, seen, last)| seen > last)
    }

    /// The first actor in a vector that neither is nor was a member.
    pub(crate) fn stranger(&self, seen: &VersionVector) -> Option<Actor> {
        // Both are ascending: one walk along them.
        let mut members = self.members().peekable();
        seen.iter().map(|(actor, _)| actor).find(|actor| {
            while members.next_if(|member| member < actor).is_some() {}
            members.peek() != Some(actor) && self.last(*actor).is_none()
        })
    }

    /// What is left of a vector without strangers, if there are any.
    fn known(&self, seen: &VersionVector) -> Option<VersionVector> {
        self.stranger(seen)?;
        let mut known = VersionVector::new();
        for (actor, counter) in seen.iter() {
            if self.is_member(actor) || self.last(actor).is_some() {
                known.observe(Dot { actor, counter });
            }
        }
        Some(known)
    }

    fn row_mut(&mut self, member: Actor) -> Option<&mut VersionVector> {
        let place = self.place(member).ok()?;
        self.rows.get_mut(place).map(|(_, row)| row)
    }

    /// Where a member is, or would be.
    fn place(&self, member: Actor) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&member, |(other, _)| *other)
    }

    /// Where a removed member is and its last event, or where it would be.
    fn removed_place(&self, member: Actor) -> Result<(usize, u64), usize> {
        let place = self
            .removed
            .binary_search_by_key(&member, |(other, _)| *other)?;
        let last = self.removed.get(place).map_or(0, |(_, last)| *last);
        Ok((place, last))
    }
}

/// One matrix is after another when no row is behind the other's. Of groups that differ it cannot
/// be said.
impl Causality for MatrixClock {
    fn relate(&self, other: &Self) -> Option<Relation> {
        if !self.members().eq(other.members()) || self.removed != other.removed {
            return None;
        }
        let (mut more, mut less) = (false, false);
        for ((_, mine), (_, theirs)) in self.rows().zip(other.rows()) {
            match mine.relation(theirs) {
                Relation::Equal => {}
                Relation::After => more = true,
                Relation::Before => less = true,
                Relation::Concurrent => (more, less) = (true, true),
            }
        }
        Some(Relation::from_surplus(more, less))
    }
}
