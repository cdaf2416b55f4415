//! What a stamp knows: the event tree, as a step function.

use core::fmt;

use super::step::{Leaf, MAX_DEPTH, WHOLE, width};
use crate::small::Small;
use crate::{Causality, Relation};

/// All that somebody knows to have happened, as of some moment: what a message carries, and what a
/// stored value is tagged with.
///
/// It belongs to nobody, so it can be copied, sent and kept, and **it cannot tick**: the one thing
/// that would make two events indistinguishable does not compile. Get one from
/// [`TreeStamp::peek`](crate::TreeStamp::peek) or [`send`](crate::TreeStamp::send), and give it to
/// [`receive`](crate::TreeStamp::receive) or compare it with another: the answer is always known.
///
/// In memory it is a list of the tree's leaves, eight bytes each: no heap up to eight of them, which
/// is enough for eight nodes that forked and did not join.
///
/// ```
/// use quorate_clocks::{Relation, TreeEvent, TreeStamp};
///
/// let (mut ann, mut bob) = TreeStamp::seed().fork()?;
/// let (from_ann, from_bob) = (ann.send()?, bob.send()?);
/// assert_eq!(from_ann.relation(&from_bob), Relation::Concurrent);
///
/// bob.receive(&from_ann)?;
/// assert_eq!(from_ann.relation(&bob.peek()), Relation::Before);
/// assert_eq!(TreeEvent::from_bytes(&from_ann.to_bytes())?, from_ann);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It has no `event`:
///
/// ```compile_fail,E0599
/// let mut seen = quorate_clocks::TreeStamp::seed().peek();
/// seen.event();
/// ```
///
/// # Bytes
///
/// The shape of the tree in preorder, one bit for each node: 1 where the interval is halved, 0 at a
/// leaf, the highest bit of a byte first, the last byte filled with zeros. Then the least height of
/// all leaves, and then, unless the only leaf is the whole, how much higher each leaf is, from left
/// to right; all of them as LEB128.
///
/// There is one encoding for each value: two halves that are leaves of one height are refused, and
/// so are leaves that are all higher than what is said to be the least, and trees that are deeper
/// than [`TreeStamp::MAX_DEPTH`](crate::TreeStamp::MAX_DEPTH).
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct TreeEvent {
    leaves: Small<Leaf, 8>,
}

impl TreeEvent {
    /// Knows of nothing.
    pub fn new() -> Self {
        Self {
            leaves: Small::from_slice(&[Leaf::new(0, 0)]),
        }
    }

    /// Whether nothing is known to have happened.
    pub fn is_empty(&self) -> bool {
        matches!(self.leaves(), [only] if only.height() == 0)
    }

    /// How this knowledge stands to the other's: `Before` if it is less. Always known.
    ///
    /// The paper's `leq` (section 5.3.1) in both directions, in one pass over both.
    pub fn relation(&self, other: &Self) -> Relation {
        let (left, right) = (self.leaves(), other.leaves());
        // Trees of one shape, as they are most of the time, are compared leaf by leaf.
        if left.len() == right.len() {
            let (mut differ, mut more, mut less) = (0, false, false);
            for (x, y) in left.iter().zip(right) {
                differ |= x.depths_differ(*y);
                more |= x > y;
                less |= x < y;
            }
            if differ == 0 {
                return Relation::from_surplus(more, less);
            }
        }
        let (mut more, mut less) = (false, false);
        for (_, x, y) in self.overlaps(other) {
            more |= x > y;
            less |= x < y;
            if more && less {
                break;
            }
        }
        Relation::from_surplus(more, less)
    }

    /// Whether this knows of everything that the other knows of.
    pub fn includes(&self, other: &Self) -> bool {
        self.relation(other).includes()
    }

    /// Adds what the other knows of, and says whether there was anything new. Allocates nothing when
    /// there was not, nor while the result is of eight leaves at most.
    ///
    /// The paper's `join` of event trees (section 5.3.3).
    pub fn merge(&mut self, other: &Self) -> bool {
        match self.relation(other) {
            Relation::Equal | Relation::After => return false,
            Relation::Before => self.leaves.clone_from(&other.leaves),
            Relation::Concurrent => *self = self.upper_bound(other),
        }
        true
    }

    /// How many leaves the tree has: the size of the value, in memory and, roughly, in bytes.
    pub fn leaf_count(&self) -> usize {
        self.leaves().len()
    }

    pub(super) fn leaves(&self) -> &[Leaf] {
        self.leaves.as_slice()
    }

    /// The event of leaves that tile the interval, brought into normal form.
    pub(super) fn from_leaves(leaves: impl Iterator<Item = Leaf>) -> Self {
        let mut normal = Normal::new();
        leaves.for_each(|leaf| normal.push(leaf));
        normal.finish()
    }

    /// The depths of the parts on which both are level, from left to right, and both heights.
    pub(super) fn overlaps<'a>(&'a self, other: &'a Self) -> Overlaps<'a> {
        Overlaps::new(self.leaves(), other.leaves())
    }

    pub(super) fn upper_bound(&self, other: &Self) -> Self {
        Self::from_leaves(
            self.overlaps(other)
                .map(|(depth, x, y)| Leaf::new(depth, x.max(y))),
        )
    }

    /// Puts other leaves in the place of some, which tile the same part of the interval and leave the
    /// tree in normal form.
    pub(super) fn replace(&mut self, from: usize, count: usize, new: &[Leaf]) {
        match (new, self.leaves.as_mut_slice().get_mut(from)) {
            ([leaf], Some(place)) if count == 1 => *place = *leaf,
            _ => self.leaves.replace(from, count, new),
        }
    }
}

impl Default for TreeEvent {
    fn default() -> Self {
        Self::new()
    }
}

/// Always known.
impl Causality for TreeEvent {
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(self.relation(other))
    }
}

/// Makes a list of leaves in normal form: no two halves are leaves of one height.
struct Normal {
    leaves: Small<Leaf, 8>,
    end: u128,
}

impl Normal {
    fn new() -> Self {
        Self {
            leaves: Small::new(),
            end: 0,
        }
    }

    fn push(&mut self, mut leaf: Leaf) {
        let mut start = self.end;
        self.end += leaf.width();
        while let Some(last) = self.leaves.as_slice().last()
            && last.is_twin_of(leaf, start)
        {
            start -= leaf.width();
            leaf = leaf.parent();
            self.leaves.pop();
        }
        self.leaves.push(leaf);
    }

    fn finish(self) -> TreeEvent {
        debug_assert_eq!(self.end, WHOLE, "the leaves do not tile the interval");
        TreeEvent {
            leaves: self.leaves,
        }
    }
}

/// The parts on which two functions are both level, with the depth of the part and both heights.
pub(super) struct Overlaps<'a> {
    left: core::slice::Iter<'a, Leaf>,
    right: core::slice::Iter<'a, Leaf>,
    current: Option<(Leaf, Leaf)>,
    left_end: u128,
    right_end: u128,
}

impl<'a> Overlaps<'a> {
    fn new(left: &'a [Leaf], right: &'a [Leaf]) -> Self {
        let (mut left, mut right) = (left.iter(), right.iter());
        let current = left.next().copied().zip(right.next().copied());
        let (left_end, right_end) = match current {
            Some((x, y)) => (x.width(), y.width()),
            None => (0, 0),
        };
        Self {
            left,
            right,
            current,
            left_end,
            right_end,
        }
    }
}

impl Iterator for Overlaps<'_> {
    type Item = (u32, u64, u64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (x, y) = self.current?;
        let (mut next_x, mut next_y) = (Some(x), Some(y));
        let (left_end, right_end) = (self.left_end, self.right_end);
        if left_end <= right_end {
            next_x = self.left.next().copied();
            self.left_end += next_x.map_or(0, Leaf::width);
        }
        if right_end <= left_end {
            next_y = self.right.next().copied();
            self.right_end += next_y.map_or(0, Leaf::width);
        }
        self.current = next_x.zip(next_y);
        Some((x.depth().max(y.depth()), x.height(), y.height()))
    }
}

/// As the paper writes it: a number for a leaf, `(n, l, r)` for two halves that are raised by `n`.
impl fmt::Display for TreeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_half(f, self.leaves(), 0, 0)
    }
}

impl fmt::Debug for TreeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeEvent({self})")
    }
}

/// As deep as the tree is: at most [`MAX_DEPTH`].
fn write_half(f: &mut fmt::Formatter<'_>, leaves: &[Leaf], depth: u32, raised: u64) -> fmt::Result {
    let least = leaves.iter().map(|leaf| leaf.height()).min().unwrap_or(0);
    let base = least.saturating_sub(raised);
    if leaves.len() <= 1 || depth >= MAX_DEPTH {
        return write!(f, "{base}");
    }
    let mut covered = 0;
    let is_left = |leaf: &&Leaf| {
        covered += leaf.width();
        covered <= width(depth + 1)
    };
    let middle = leaves.iter().take_while(is_left).count();
    let (left, right) = leaves.split_at(middle);
    write!(f, "({base},")?;
    write_half(f, left, depth + 1, least)?;
    f.write_str(",")?;
    write_half(f, right, depth + 1, least)?;
    f.write_str(")")
}
