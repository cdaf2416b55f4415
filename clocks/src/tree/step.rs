//! The interval, its dyadic parts, and the leaves that a step function over it is made of.

/// How deep a tree can be: how often the interval can be halved.
pub(super) const MAX_DEPTH: u32 = 127;

/// The whole interval: as many of the smallest parts as it has. Positions count those, so the end of
/// the interval is the last number that a position can have.
pub(super) const WHOLE: u128 = 1 << MAX_DEPTH;

/// How wide the parts of a depth are.
pub(super) const fn width(depth: u32) -> u128 {
    WHOLE >> (depth & MAX_DEPTH)
}

/// The depth of the widest part that begins at a position.
pub(super) const fn widest_at(position: u128) -> u32 {
    if position == 0 {
        0
    } else {
        MAX_DEPTH - position.trailing_zeros()
    }
}

/// A leaf of an event tree: how high the function is on one part of the interval.
///
/// The height is the sum along the tree's path in the paper's notation. Where a leaf begins follows
/// from the leaves before it. Two leaves of one depth compare as their heights do.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Leaf(u64);

impl Leaf {
    const DEPTH_BITS: u32 = 7;

    pub(super) const MAX_HEIGHT: u64 = u64::MAX >> Self::DEPTH_BITS;

    /// A height over the maximum is the maximum.
    pub(super) const fn new(depth: u32, height: u64) -> Self {
        let height = if height > Self::MAX_HEIGHT {
            Self::MAX_HEIGHT
        } else {
            height
        };
        Self((height << Self::DEPTH_BITS) | (depth & MAX_DEPTH) as u64)
    }

    pub(super) const fn depth(self) -> u32 {
        (self.0 as u32) & MAX_DEPTH
    }

    pub(super) const fn height(self) -> u64 {
        self.0 >> Self::DEPTH_BITS
    }

    pub(super) const fn width(self) -> u128 {
        width(self.depth())
    }

    /// Not zero exactly if the two are of different depths.
    pub(super) const fn depths_differ(self, other: Self) -> u64 {
        (self.0 ^ other.0) & MAX_DEPTH as u64
    }

    /// Whether a leaf that begins at `start` is a right half of which `self` is the left, of the same
    /// height: the two are then one leaf in normal form.
    pub(super) const fn is_twin_of(self, next: Self, start: u128) -> bool {
        self.0 == next.0 && start & next.width() != 0
    }

    /// The leaf in the place of two twins.
    pub(super) const fn parent(self) -> Self {
        Self::new(self.depth().saturating_sub(1), self.height())
    }
}

/// A dyadic part of the interval that somebody owns: its number in the infinite tree of halves. The
/// whole is 1, and the halves of `n` are `2n` and `2n + 1`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Part(u128);

impl Part {
    pub(super) const WHOLE: Self = Self(1);

    /// The part of a depth that begins at a position, which is one where such parts begin.
    pub(super) const fn at(start: u128, depth: u32) -> Self {
        Self((start | WHOLE) >> (MAX_DEPTH - (depth & MAX_DEPTH)))
    }

    pub(super) const fn depth(self) -> u32 {
        MAX_DEPTH - (self.0.leading_zeros() & MAX_DEPTH)
    }

    pub(super) const fn width(self) -> u128 {
        width(self.depth())
    }

    pub(super) const fn start(self) -> u128 {
        (self.0 << (self.0.leading_zeros() & MAX_DEPTH)) & !WHOLE
    }

    pub(super) const fn end(self) -> u128 {
        self.start() + self.width()
    }

    pub(super) const fn halves(self) -> Option<(Self, Self)> {
        if self.depth() == MAX_DEPTH {
            return None;
        }
        Some((Self(self.0 << 1), Self(self.0 << 1 | 1)))
    }

    /// The part of which this is a half. The whole is its own.
    pub(super) const fn parent(self) -> Self {
        if self.0 <= 1 {
            return Self::WHOLE;
        }
        Self(self.0 >> 1)
    }

    pub(super) const fn is_right(self) -> bool {
        self.0 & 1 == 1 && self.0 > 1
    }

    /// Whether this and `next` are the two halves of one part.
    pub(super) const fn is_left_of(self, next: Self) -> bool {
        next.is_right() && self.0 == next.0 - 1
    }

    /// Whether the path to this part turns right at this depth.
    pub(super) const fn turns_right_at(self, depth: u32) -> bool {
        self.start() & width(depth) != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_halves_of_a_part_tile_it() {
        let mut part = Part::WHOLE;
        assert_eq!((part.start(), part.end(), part.depth()), (0, WHOLE, 0));
        assert_eq!(part.parent(), part);
        for depth in 1..=MAX_DEPTH {
            let (left, right) = part.halves().unwrap();
            assert_eq!(left.start(), part.start());
            assert_eq!(left.end(), right.start());
            assert_eq!(right.end(), part.end());
            assert_eq!((left.depth(), right.depth()), (depth, depth));
            assert_eq!(Part::at(left.start(), depth), left);
            assert_eq!(Part::at(right.start(), depth), right);
            assert_eq!((left.parent(), right.parent()), (part, part));
            assert!(left.is_left_of(right) && !right.is_left_of(left) && !left.is_right());
            assert!(right.turns_right_at(depth) && !left.turns_right_at(depth));
            assert_eq!(widest_at(right.start()), depth);
            part = if depth % 3 == 0 { left } else { right };
        }
        assert_eq!(part.halves(), None);
        assert_eq!(part.width(), 1);
    }

    #[test]
    fn a_leaf_keeps_its_depth_and_height() {
        for depth in [0, 1, 64, MAX_DEPTH] {
            for height in [0, 1, Leaf::MAX_HEIGHT] {
                let leaf = Leaf::new(depth, height);
                assert_eq!((leaf.depth(), leaf.height()), (depth, height));
            }
        }
        assert_eq!(Leaf::new(3, u64::MAX).height(), Leaf::MAX_HEIGHT);
    }
}
