//! The version vector.

use alloc::vec::Vec;
use core::fmt;

use super::walk::{actor, equal, includes, relation};
use super::{Applied, CounterExhausted, Dot, DotRange, Entry, Gap};
use crate::small::Small;
use crate::{Actor, Causality, Incarnation, NodeId, Relation};

/// How much somebody has seen of every actor: what tells a newer version from a conflict.
///
/// Two replicas changed a record. A date says which change was later, and throws the other away,
/// which may well have been made without knowing of it. A version vector counts the events of every
/// actor that went into a version. If one vector has all that the other has, its version is newer;
/// if each has something that the other lacks, the versions are **concurrent**, and somebody has to
/// [merge](Self::merge) them. It is never wrong about that, which no number of fixed size can be
/// (Charron-Bost, "Concerning the size of logical clocks", 1991): the price is an entry for every
/// actor that ever wrote.
///
/// An actor that is missing has counted zero, and zero is not stored, so equal knowledge is equal in
/// `==`, in its hash and in its bytes. There is no `PartialOrd`: `a <= b` being false does not mean
/// that `a` is newer.
///
/// Up to eight entries are in place, without the heap. Comparing and merging are one pass over both,
/// and only a merge that brings new actors can allocate.
///
/// ```
/// use quorate_clocks::{Actor, Incarnation, NodeId, Relation, VersionVector};
///
/// let [ann, bob] = [1, 2].map(|node| Actor::new(NodeId(node), Incarnation(1)));
/// let mut draft = VersionVector::new();
/// draft.increment(ann)?;
///
/// // Both go on from the draft, without knowing of each other.
/// let (mut anns, mut bobs) = (draft.clone(), draft.clone());
/// anns.increment(ann)?;
/// bobs.increment(bob)?;
/// assert_eq!(anns.relation(&draft), Relation::After);
/// assert_eq!(anns.relation(&bobs), Relation::Concurrent);
///
/// let mut merged = anns.clone();
/// merged.merge(&bobs);
/// assert!(merged.includes(&anns) && merged.includes(&bobs));
/// assert_eq!(merged.to_string(), "{n1.1: 2, n2.1: 1}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bytes
///
/// The number of entries, then of each, ascending: node, incarnation, counter. All numbers are
/// LEB128. Entries that are zero, twice there or out of order are refused.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Dot>", into = "Vec<Dot>"))]
// Entries are ascending by actor and no counter is zero.
pub struct VersionVector {
    pub(super) entries: Small<Entry, 8>,
}

impl VersionVector {
    pub(super) const EMPTY: Self = Self {
        entries: Small::Inline {
            len: 0,
            items: [[0; 3]; 8],
        },
    };

    /// Nothing was seen.
    pub const fn new() -> Self {
        Self::EMPTY
    }

    /// How many events of an actor were seen.
    #[inline]
    pub fn get(&self, actor: Actor) -> u64 {
        let entries = self.entries.as_slice();
        let place = self.place(actor).ok();
        place
            .and_then(|at| entries.get(at))
            .map_or(0, |entry| entry[2])
    }

    /// Who has counted anything, ascending, and how much.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Actor, u64)> + Clone + '_ {
        let entries = self.entries.as_slice().iter();
        entries.map(|[node, incarnation, counter]| {
            let actor = Actor::new(NodeId(*node), Incarnation(*incarnation));
            (actor, *counter)
        })
    }

    /// How many actors have counted anything.
    pub fn len(&self) -> usize {
        self.entries.as_slice().len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.entries.as_slice().is_empty()
    }

    /// Counts an event of an actor, and names it.
    ///
    /// # Errors
    ///
    /// When the actor cannot count on. Nothing has changed then.
    #[inline]
    pub fn increment(&mut self, actor: Actor) -> Result<Dot, CounterExhausted> {
        let counter = match self.place(actor) {
            Ok(at) => match self.entries.as_mut_slice().get_mut(at) {
                Some(entry) => {
                    let next = entry[2].checked_add(1);
                    entry[2] = next.ok_or_else(|| CounterExhausted::of(actor))?;
                    entry[2]
                }
                None => 1,
            },
            Err(at) => {
                self.entries.insert(at, entry_of(Dot::new(actor, 1)));
                1
            }
        };
        Ok(Dot { actor, counter })
    }

    /// Notes that an event was seen, **and all earlier ones of its actor**. To note one alone, use a
    /// [`CausalContext`](super::CausalContext).
    #[inline]
    pub fn observe(&mut self, dot: Dot) {
        match self.place(dot.actor) {
            Ok(at) => {
                if let Some(entry) = self.entries.as_mut_slice().get_mut(at) {
                    entry[2] = entry[2].max(dot.counter);
                }
            }
            Err(at) if dot.counter > 0 => self.entries.insert(at, entry_of(dot)),
            Err(_) => {}
        }
    }

    /// Notes that the next event of an actor was seen, and tells a duplicate from it.
    ///
    /// # Errors
    ///
    /// When events before it are missing: they are named, and nothing has changed.
    pub fn apply(&mut self, dot: Dot) -> Result<Applied, Gap> {
        let seen = self.get(dot.actor);
        if dot.counter <= seen {
            return Ok(Applied::Known);
        }
        // More than was seen is at least one.
        let missing = DotRange::new(dot.actor, seen.saturating_add(1), dot.counter - 1);
        if let Some(missing) = missing {
            return Err(Gap::before(missing));
        }
        self.observe(dot);
        Ok(Applied::New)
    }

    /// Whether an event was seen.
    #[inline]
    pub fn contains(&self, dot: Dot) -> bool {
        self.get(dot.actor) >= dot.counter
    }

    /// How this stands to another: always known.
    #[inline]
    pub fn relation(&self, other: &Self) -> Relation {
        relation(self.entries.as_slice(), other.entries.as_slice())
    }

    /// Whether everything that the other has seen was seen.
    #[inline]
    pub fn includes(&self, other: &Self) -> bool {
        includes(self.entries.as_slice(), other.entries.as_slice())
    }

    /// Where the actor's entry is, or belongs.
    #[inline]
    fn place(&self, of: Actor) -> Result<usize, usize> {
        let key = [of.node.0, of.incarnation.0];
        let entries = self.entries.as_slice();
        entries.binary_search_by(|entry| actor(entry).cmp(&key))
    }
}

pub(super) const fn entry_of(dot: Dot) -> Entry {
    [dot.actor.node.0, dot.actor.incarnation.0, dot.counter]
}

impl Default for VersionVector {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for VersionVector {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        equal(self.entries.as_slice(), other.entries.as_slice())
    }
}

impl Eq for VersionVector {}

impl core::hash::Hash for VersionVector {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.entries.hash(state);
    }
}

impl Causality for VersionVector {
    #[inline]
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(self.relation(other))
    }
}

/// All that went before an event of this name at its actor, and it.
impl From<Dot> for VersionVector {
    fn from(dot: Dot) -> Self {
        let mut vector = Self::new();
        vector.observe(dot);
        vector
    }
}

/// The least vector that has seen all of these.
impl FromIterator<Dot> for VersionVector {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut vector = Self::new();
        vector.extend(dots);
        vector
    }
}

/// In any order: sorting them is the most that it takes.
impl Extend<Dot> for VersionVector {
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        // New actors that belong far from the end, where each by itself would move all after it.
        let mut early = Vec::new();
        for dot in dots {
            match self.place(dot.actor) {
                Err(at) if self.len() - at > NEAR && dot.counter > 0 => early.push(dot),
                _ => self.observe(dot),
            }
        }
        if !early.is_empty() {
            early.sort_unstable();
            // Ascending, so that every new actor is the last.
            self.merge(&early.into_iter().collect());
        }
    }
}

/// So many entries are moved without a thought.
const NEAR: usize = 64;

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (number, (actor, counter)) in self.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{actor}: {counter}")?;
        }
        f.write_str("}")
    }
}
