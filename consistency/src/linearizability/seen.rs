//! The configurations that the search has been to.

use alloc::vec::Vec;

use super::states::Table;

/// The configurations that the search has been to: for each set of answered operations and state, the
/// sets of unknown operations, none of which contains another.
pub(super) struct Seen {
    table: Table,
    /// The keys, one after the other.
    words: Vec<u64>,
    /// For each key: where it ends in `words`, and its first set plus 1.
    keys: Vec<(u32, u32)>,
    /// The sets, `stride` words each.
    sets: Vec<u64>,
    /// For each set the next one of the same key plus 1, or 0.
    next: Vec<u32>,
    stride: usize,
}

impl Seen {
    pub(super) const fn new(stride: usize) -> Self {
        Self {
            table: Table::new(),
            words: Vec::new(),
            keys: Vec::new(),
            sets: Vec::new(),
            next: Vec::new(),
            stride,
        }
    }

    /// Remembers a configuration. Returns whether it is worth a visit: not when it, or one that uses
    /// fewer unknown operations, has been visited. Equal keys must have equal hashes. Adds the
    /// comparisons that it took to `compared`.
    pub(super) fn visit(
        &mut self,
        hash: u64,
        key: &[u64],
        unknown: &[u64],
        compared: &mut u64,
    ) -> bool {
        let found = self.table.find(hash, |number| {
            self.key(number).is_some_and(|known| known == key)
        });
        let Some(number) = found else {
            self.words.extend_from_slice(key);
            let set = self.add_set(unknown, 0);
            self.keys.push((self.words.len() as u32, set));
            self.table.insert(hash);
            return true;
        };
        let first = self.keys.get(number as usize).map_or(0, |key| key.1);
        let mut set = first;
        let mut larger = None;
        while let Some(at) = set.checked_sub(1) {
            *compared += 1;
            let known = self.set(at);
            if is_subset(known, unknown) {
                return false;
            }
            if larger.is_none() && is_subset(unknown, known) {
                larger = Some(at);
            }
            set = self.next.get(at as usize).copied().unwrap_or(0);
        }
        match larger {
            // What the larger set would drop, the smaller drops too.
            Some(at) => {
                let start = at as usize * self.stride;
                for (to, from) in self.sets.iter_mut().skip(start).zip(unknown) {
                    *to = *from;
                }
            }
            None => {
                let set = self.add_set(unknown, first);
                if let Some(key) = self.keys.get_mut(number as usize) {
                    key.1 = set;
                }
            }
        }
        true
    }

    pub(super) fn bytes(&self) -> u64 {
        let words = self.words.capacity() + self.sets.capacity();
        (words * 8 + self.keys.capacity() * 8 + self.next.capacity() * 4) as u64
            + self.table.bytes()
    }

    fn key(&self, number: u32) -> Option<&[u64]> {
        let number = number as usize;
        let start = match number.checked_sub(1) {
            Some(before) => self.keys.get(before)?.0 as usize,
            None => 0,
        };
        self.words.get(start..self.keys.get(number)?.0 as usize)
    }

    fn set(&self, at: u32) -> &[u64] {
        let start = at as usize * self.stride;
        self.sets.get(start..start + self.stride).unwrap_or(&[])
    }

    /// Puts a set before the others of its key, and returns it plus 1.
    fn add_set(&mut self, unknown: &[u64], next: u32) -> u32 {
        self.sets.extend_from_slice(unknown);
        self.next.push(next);
        self.next.len() as u32
    }
}

fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    part.iter()
        .zip(whole)
        .all(|(part, whole)| part & !whole == 0)
}
