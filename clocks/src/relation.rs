//! How two events can stand to each other.

use core::cmp::Ordering;
use core::fmt;

/// How two events stand to each other in the order of cause and effect.
///
/// Happens-before (Lamport 1978) is a partial order: of two different events either one can have
/// influenced the other, or neither can. Rust's `PartialOrd` says `None` for the second, which reads
/// as "no answer", and lends itself to `<` and `sort`, which are wrong there. This says what it is.
///
/// ```
/// use quorate_clocks::Relation;
///
/// assert_eq!(Relation::Before.reverse(), Relation::After);
/// assert!(Relation::Concurrent.is_conflict());
/// assert!(Relation::Equal.includes() && Relation::After.includes());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Relation {
    /// The first happened before the second, which may know of it.
    Before,
    /// The second happened before the first, which may know of it.
    After,
    /// They are the same event, or the same state of knowledge.
    Equal,
    /// Neither can have known of the other.
    Concurrent,
}

impl Relation {
    /// The relation of the second to the first.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
            Self::Equal | Self::Concurrent => self,
        }
    }

    /// Whether the first holds all that the second does: it is after it, or equal.
    pub const fn includes(self) -> bool {
        matches!(self, Self::After | Self::Equal)
    }

    /// Whether neither holds all that the other does, so that somebody has to merge them.
    pub const fn is_conflict(self) -> bool {
        matches!(self, Self::Concurrent)
    }

    /// As the standard library says it: `None` for [`Concurrent`](Self::Concurrent).
    pub const fn to_ordering(self) -> Option<Ordering> {
        match self {
            Self::Before => Some(Ordering::Less),
            Self::Equal => Some(Ordering::Equal),
            Self::After => Some(Ordering::Greater),
            Self::Concurrent => None,
        }
    }

    /// The relation of two things of which the first has something that the second lacks, and the
    /// other way round.
    pub const fn from_surplus(first: bool, second: bool) -> Self {
        match (first, second) {
            (false, false) => Self::Equal,
            (true, false) => Self::After,
            (false, true) => Self::Before,
            (true, true) => Self::Concurrent,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Equal => "equal",
            Self::Concurrent => "concurrent",
        })
    }
}

/// A stamp of any clock here: what it knows of cause and effect.
///
/// The clocks differ in how much that is. A version vector or an interval tree always knows. A
/// Lamport or a hybrid stamp orders everything, and yet cannot tell cause from coincidence: it knows
/// only of two stamps of one node, and of two that are equal but for the node. An interval knows where the two do not overlap. What a clock does
/// not know, it does not guess.
///
/// The laws that every implementation keeps are checked by the kit in the module `laws`:
/// `a.relate(&a)` is `Equal` or unknown, `a.relate(&b)` is the reverse of `b.relate(&a)`, and
/// `Before` and `Equal` are transitive as far as they are known.
///
/// ```
/// use quorate_clocks::{Causality, LamportStamp, NodeId, Relation};
///
/// let stamp = |time, node| LamportStamp { time, node: NodeId(node) };
/// assert_eq!(stamp(1, 7).relate(&stamp(2, 7)), Some(Relation::Before));
/// // The smaller number of another node: the events may have nothing to do with each other.
/// assert_eq!(stamp(1, 7).relate(&stamp(2, 8)), None);
/// ```
pub trait Causality {
    /// How this stamp's event stands to the other's, or `None` when the clock cannot know.
    fn relate(&self, other: &Self) -> Option<Relation>;
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const ALL: [Relation; 4] = [
        Relation::Before,
        Relation::After,
        Relation::Equal,
        Relation::Concurrent,
    ];

    #[test]
    fn reversing_twice_changes_nothing_and_reverses_the_ordering() {
        for relation in ALL {
            assert_eq!(relation.reverse().reverse(), relation);
            let reversed = relation.to_ordering().map(Ordering::reverse);
            assert_eq!(relation.reverse().to_ordering(), reversed);
        }
    }

    #[test]
    fn a_surplus_on_one_side_is_an_order() {
        for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
            let relation = Relation::from_surplus(first, second);
            assert_eq!(Relation::from_surplus(second, first), relation.reverse());
            assert_eq!(relation.includes(), !second);
            assert_eq!(relation.is_conflict(), first && second);
        }
    }
}
