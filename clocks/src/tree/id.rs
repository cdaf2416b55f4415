//! Who owns which parts of the interval.

use core::fmt;

use super::step::Part;
use crate::small::Small;

/// The parts that a stamp owns: disjoint, in order, and no two of them the halves of one, so that
/// there is one list for every id tree in normal form. There is always at least one.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(super) struct Id {
    parts: Small<Part, 4>,
}

impl Id {
    pub(super) fn whole() -> Self {
        Self::of(Part::WHOLE)
    }

    fn of(part: Part) -> Self {
        Self {
            parts: Small::from_slice(&[part]),
        }
    }

    /// The id of parts in order, or nothing when there are none or they overlap.
    pub(super) fn from_parts(parts: impl Iterator<Item = Part>) -> Option<Self> {
        let mut id = Self {
            parts: Small::new(),
        };
        for part in parts {
            id.append(part)?;
        }
        (!id.parts().is_empty()).then_some(id)
    }

    pub(super) fn parts(&self) -> &[Part] {
        self.parts.as_slice()
    }

    /// Whether some part between two positions is owned.
    pub(super) fn owns_some_of(&self, start: u128, end: u128) -> bool {
        let parts = self.parts();
        let first = parts.partition_point(|part| part.end() <= start);
        parts.get(first).is_some_and(|part| part.start() < end)
    }

    pub(super) fn depth(&self) -> u32 {
        let depths = self.parts().iter().map(|part| part.depth());
        depths.max().unwrap_or(0)
    }

    /// The paper's `split` (section 5.3.2): an id of several parts is divided between them where its
    /// tree first branches, and an only part is halved. Nothing when that part is the smallest.
    pub(super) fn split(&self) -> Option<(Self, Self)> {
        let (first, last) = (self.parts().first()?, self.parts().last()?);
        // The highest bit in which their starts differ is the depth at which their paths part.
        let differ = first.start() ^ last.start();
        if differ == 0 {
            let (left, right) = first.halves()?;
            return Some((Self::of(left), Self::of(right)));
        }
        let branch = 1 << differ.ilog2();
        let goes_left = |part: &Part| part.start() & branch == 0;
        let (left, right) = self
            .parts()
            .split_at(self.parts().partition_point(goes_left));
        let of = |parts| Self {
            parts: Small::from_slice(parts),
        };
        Some((of(left), of(right)))
    }

    /// The paper's `sum` (section 5.3.3), or nothing when somebody owns what the other does.
    pub(super) fn sum(&self, other: &Self) -> Option<Self> {
        let (mut left, mut right) = (self.parts(), other.parts());
        if let ([l], [r]) = (left, right)
            && (l.is_left_of(*r) || r.is_left_of(*l))
        {
            return Some(Self::of(l.parent()));
        }
        let mut sum = Self {
            parts: Small::new(),
        };
        loop {
            let next = match (left.split_first(), right.split_first()) {
                (Some((l, rest)), Some((r, _))) if l.start() < r.start() => {
                    left = rest;
                    l
                }
                (_, Some((r, rest))) => {
                    right = rest;
                    r
                }
                (Some((l, rest)), None) => {
                    left = rest;
                    l
                }
                (None, None) => return Some(sum),
            };
            sum.append(*next)?;
        }
    }

    /// Adds a part that begins after all others do.
    fn append(&mut self, mut part: Part) -> Option<()> {
        while let Some(last) = self.parts().last() {
            if last.end() > part.start() {
                return None;
            }
            if !last.is_left_of(part) {
                break;
            }
            self.parts.pop();
            part = part.parent();
        }
        self.parts.push(part);
        Some(())
    }
}

/// As the paper writes it: `1` for all, `0` for nothing, `(l, r)` for two halves.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_half(f, self.parts(), Part::WHOLE)
    }
}

/// As deep as the id is: at most [`MAX_DEPTH`](super::step::MAX_DEPTH).
fn write_half(f: &mut fmt::Formatter<'_>, owned: &[Part], of: Part) -> fmt::Result {
    match (owned, of.halves()) {
        ([], _) => f.write_str("0"),
        ([all], _) if *all == of => f.write_str("1"),
        (_, None) => Ok(()),
        (_, Some((left, right))) => {
            let middle = right.start();
            let (before, after) = owned.split_at(owned.partition_point(|p| p.start() < middle));
            f.write_str("(")?;
            write_half(f, before, left)?;
            f.write_str(",")?;
            write_half(f, after, right)?;
            f.write_str(")")
        }
    }
}
