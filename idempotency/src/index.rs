//! Where things are, by a hash of their names.

use alloc::vec::Vec;

/// A hash table of places: 32 bits of a hash, and what is there, in eight bytes.
///
/// A store of a million keys is slow for one reason: what it touches is not in the cache. Looking for a new
/// key and putting it in touches a single line of this table, where a table that keeps its tags apart touches
/// two. Open addressing with linear probing, the ones that are furthest from their places first (Celis,
/// "Robin Hood Hashing", 1986), so that a search ends early for what is not there.
///
/// The hashes must be of a secret, as flooding is not guarded against.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// A power of two of them, or none. Zero, or the hash above the place plus one.
    slots: Vec<u64>,
    len: usize,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The place with this hash of which `is_it` holds.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        let mut distance = 0;
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 || self.distance(slot, at) < distance {
                return None;
            }
            let place = slot as u32 - 1;
            if hash_of(slot) == hash && is_it(place) {
                return Some(place);
            }
            at = self.after(at);
            distance += 1;
        }
    }

    /// Adds a place that is not in. The largest `u32` is no place.
    pub(crate) fn insert(&mut self, hash: u32, place: u32) {
        // At most three of four: beyond that searches get long.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.put(u64::from(hash) << 32 | u64::from(place.saturating_add(1)));
        self.len += 1;
    }

    /// Takes a place out, if it is in.
    pub(crate) fn remove(&mut self, hash: u32, place: u32) {
        let wanted = u64::from(hash) << 32 | u64::from(place.saturating_add(1));
        let mut at = self.home(hash);
        let mut distance = 0;
        loop {
            match self.slots.get(at) {
                Some(slot) if *slot == wanted => break,
                Some(slot) if *slot != 0 && self.distance(*slot, at) >= distance => {}
                _ => return,
            }
            at = self.after(at);
            distance += 1;
        }
        self.len -= 1;
        // Those behind it move up, so that no gap is left in their way.
        loop {
            let next = self.after(at);
            let moved = self.slots.get(next).copied().unwrap_or_default();
            let stays = moved == 0 || self.distance(moved, next) == 0;
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = if stays { 0 } else { moved };
            }
            if stays {
                return;
            }
            at = next;
        }
    }

    fn put(&mut self, mut carried: u64) {
        let mut at = self.home(hash_of(carried));
        let mut distance = 0;
        loop {
            let there = self.slots.get(at).copied().unwrap_or_default();
            let theirs = if there == 0 {
                0
            } else {
                self.distance(there, at)
            };
            if there == 0 || theirs < distance {
                if let Some(slot) = self.slots.get_mut(at) {
                    *slot = carried;
                }
                if there == 0 {
                    return;
                }
                (carried, distance) = (there, theirs);
            }
            at = self.after(at);
            distance += 1;
        }
    }

    fn grow(&mut self) {
        let larger = alloc::vec![0; (self.slots.len() * 2).max(8)];
        for slot in core::mem::replace(&mut self.slots, larger) {
            if slot != 0 {
                self.put(slot);
            }
        }
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & self.slots.len().wrapping_sub(1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & self.slots.len().wrapping_sub(1)
    }

    /// How far from its home a slot is.
    fn distance(&self, slot: u64, at: usize) -> usize {
        at.wrapping_sub(hash_of(slot) as usize) & self.slots.len().wrapping_sub(1)
    }
}

const fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// With hashes that collide in all ways, up to being equal.
        #[test]
        fn it_holds_what_a_set_holds(
            calls in vec((any::<bool>(), 0..40_u32, prop_oneof![0..8_u32, u32::MAX - 8..=u32::MAX]), 0..300)
        ) {
            let mut index = Index::new();
            let mut set = BTreeSet::new();
            for (insert, place, hash) in calls {
                if insert && set.iter().all(|(_, other)| *other != place) {
                    index.insert(hash, place);
                    set.insert((hash, place));
                } else {
                    index.remove(hash, place);
                    set.remove(&(hash, place));
                }
                prop_assert_eq!(index.len(), set.len());
                for (hash, place) in &set {
                    prop_assert_eq!(index.find(*hash, |at| at == *place), Some(*place));
                }
                prop_assert_eq!(index.find(hash, |at| at == 40), None);
                for place in 0..40 {
                    let found = index.find(hash, |at| at == place).is_some();
                    prop_assert_eq!(found, set.contains(&(hash, place)));
                }
            }
        }
    }

    #[test]
    fn an_empty_one_holds_nothing() {
        let mut index = Index::new();
        assert_eq!(index.find(7, |_| true), None);
        index.remove(7, 7);
        assert_eq!(index.len(), 0);
    }
}
