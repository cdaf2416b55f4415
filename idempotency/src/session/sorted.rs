//! Things by sequence number.

use alloc::collections::VecDeque;

/// Ascending by number. What comes in order is put at the end and goes at the front, in constant time;
/// in between it moves the shorter side.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Sorted<T> {
    items: VecDeque<(u64, T)>,
}

/// A list that small is not worth shrinking.
const SMALL: usize = 32;

impl<T> Sorted<T> {
    pub(super) const fn new() -> Self {
        Self {
            items: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.items.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn position(&self, number: u64) -> Result<usize, usize> {
        match self.items.back() {
            Some((last, _)) if *last >= number => self
                .items
                .binary_search_by_key(&number, |(number, _)| *number),
            _ => Err(self.items.len()),
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let at = self.position(number).ok()?;
        self.items.get(at).map(|(_, item)| item)
    }

    /// Says whether the number was free.
    pub(super) fn insert(&mut self, number: u64, item: T) -> bool {
        let position = self.position(number);
        if let Err(at) = position {
            self.items.insert(at, (number, item));
        }
        position.is_err()
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.position(number).ok()?;
        self.items.remove(at).map(|(_, item)| item)
    }

    pub(super) fn pop_first(&mut self) -> Option<(u64, T)> {
        self.items.pop_front()
    }

    /// Takes the first out if its number is below `end`.
    pub(super) fn pop_below(&mut self, end: u64) -> Option<T> {
        match self.items.front() {
            Some((number, _)) if *number < end => self.pop_first().map(|(_, item)| item),
            _ => {
                self.shrink();
                None
            }
        }
    }

    /// Gives memory back that a burst took.
    fn shrink(&mut self) {
        if self.items.capacity() > SMALL && self.items.len() < self.items.capacity() / 8 {
            self.items.shrink_to(self.items.len() * 2);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.items.iter().map(|(number, item)| (*number, item))
    }
}
