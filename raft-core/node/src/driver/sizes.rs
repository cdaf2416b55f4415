//! How many bytes of the log lie where, about.

use std::collections::VecDeque;

use quorate_raft_core::Index;

/// Marks per bound: the error is a part in so many of it.
const GRAINS: u64 = 32;

/// Bytes of entries that were handed to the state machine, by index.
pub(super) struct Sizes {
    total: u64,
    /// Up to which index how many bytes were seen, every grain. Ascending.
    marks: VecDeque<(Index, u64)>,
    grain: u64,
}

impl Sizes {
    /// For questions about `bound` bytes.
    pub(super) fn new(bound: u64) -> Self {
        Self {
            total: 0,
            marks: VecDeque::new(),
            grain: (bound / GRAINS).max(1),
        }
    }

    /// The next entry, and how long it is.
    pub(super) fn note(&mut self, index: Index, bytes: u64) {
        self.total += bytes;
        let marked = self.marks.back().map_or(0, |(_, bytes)| *bytes);
        if self.total - marked >= self.grain {
            self.marks.push_back((index, self.total));
        }
    }

    /// At least how many bytes came after `index`. Nothing before it is asked about again.
    pub(super) fn after(&self, index: Index) -> u64 {
        let later = self.marks.partition_point(|(mark, _)| *mark <= index);
        // Up to the first mark after it, some of the bytes may be before it.
        match self.marks.get(later) {
            Some((_, bytes)) => self.total - bytes,
            None => 0,
        }
    }

    /// The last index after which at least `bytes` came.
    pub(super) fn before(&self, bytes: u64) -> Index {
        let at = self
            .marks
            .partition_point(|(_, mark)| self.total - mark >= bytes);
        at.checked_sub(1)
            .map_or(Index::ZERO, |last| self.marks[last].0)
    }

    /// Forgets what lies before.
    pub(super) fn forget(&mut self, through: Index) {
        while self.marks.front().is_some_and(|(mark, _)| *mark < through) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(entries: &[u64]) -> Sizes {
        let mut sizes = Sizes::new(320);
        for (index, bytes) in (1..).zip(entries) {
            sizes.note(Index(index), *bytes);
        }
        sizes
    }

    #[test]
    fn bytes_after_an_index_are_counted_up_to_a_grain() {
        let sizes = sizes(&[100, 3, 3, 3, 3, 50]);
        assert_eq!(sizes.after(Index(0)), 62);
        assert_eq!(sizes.after(Index(1)), 50);
        assert_eq!(sizes.after(Index(6)), 0);
        assert_eq!(sizes.after(Index(9)), 0);
    }

    #[test]
    fn what_to_keep_starts_at_a_mark() {
        let mut sizes = sizes(&[100, 20, 100, 20, 100]);
        assert_eq!(sizes.before(0), Index(5));
        assert_eq!(sizes.before(100), Index(4));
        assert_eq!(sizes.before(101), Index(3));
        assert_eq!(sizes.before(240), Index(1));
        assert_eq!(sizes.before(241), Index(0));
        sizes.forget(Index(4));
        assert_eq!(sizes.before(120), Index(0));
        assert_eq!(sizes.after(Index(4)), 0);
        assert_eq!(sizes.before(100), Index(4));
    }

    #[test]
    fn small_entries_share_marks() {
        let sizes = sizes(&[1; 1_000]);
        assert_eq!(sizes.marks.len(), 100);
        assert_eq!(sizes.after(Index(500)), 490);
    }
}
