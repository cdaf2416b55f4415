//! Bounds of two vectors.

use core::cmp::Ordering;
use core::ops::ControlFlow;

use super::walk::{actor, walk};
use super::{Entry, VersionVector};
use crate::small::Small;

impl VersionVector {
    /// Adds all that the other has seen: the least vector that includes both.
    ///
    /// In place: it allocates only when the other brings new actors and there are more than eight.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        let theirs = other.entries.as_slice();
        let mut same = 0;
        for (mine, theirs) in self.entries.as_mut_slice().iter_mut().zip(theirs) {
            if actor(mine) != actor(theirs) {
                break;
            }
            mine[2] = mine[2].max(theirs[2]);
            same += 1;
        }
        if same < theirs.len() {
            self.merge_rest(same, theirs.get(same..).unwrap_or_default());
        }
    }

    /// Merges entries into those from `from` on.
    fn merge_rest(&mut self, from: usize, theirs: &[Entry]) {
        let missing = self.raise(from, theirs);
        if missing == 0 {
            return;
        }
        // From the back, so that every entry moves once, into room that is free.
        let mut mine = self.entries.as_slice().len();
        for _ in 0..missing {
            self.entries.push([0; 3]);
        }
        let entries = self.entries.as_mut_slice();
        let (mut free, mut left) = (entries.len(), theirs.len());
        while left > 0 && free > 0 {
            let theirs = theirs[left - 1];
            let order = match mine.checked_sub(1).filter(|last| *last >= from) {
                Some(last) => actor(&entries[last]).cmp(&actor(&theirs)),
                None => Ordering::Less,
            };
            free -= 1;
            if order.is_lt() {
                entries[free] = theirs;
            } else {
                mine -= 1;
                entries[free] = entries[mine];
            }
            // An entry that both have was raised before, and is written once.
            left -= usize::from(order.is_le());
        }
    }

    /// Raises the entries that there are, and says how many there are not.
    fn raise(&mut self, from: usize, theirs: &[Entry]) -> usize {
        let mut mine = self.entries.as_mut_slice().iter_mut().skip(from).peekable();
        let mut missing = 0;
        for theirs in theirs {
            while mine.next_if(|entry| actor(entry) < actor(theirs)).is_some() {}
            match mine.next_if(|entry| actor(entry) == actor(theirs)) {
                Some(entry) => entry[2] = entry[2].max(theirs[2]),
                None => missing += 1,
            }
        }
        missing
    }

    /// All that both have seen: the greatest vector that both include.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let mut entries = Small::new();
        let (mine, theirs) = (self.entries.as_slice(), other.entries.as_slice());
        let _ = walk::<()>(mine, theirs, |of, mine, theirs| {
            let both = mine.min(theirs);
            if both > 0 {
                entries.push([of[0], of[1], both]);
            }
            ControlFlow::Continue(())
        });
        Self { entries }
    }
}
