//! Each state of the model once, with a number.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// Each state that the search has met, once. A number stands for it everywhere else.
pub(super) struct States<S> {
    states: Vec<S>,
    table: Table,
}

impl<S: Eq + Hash> States<S> {
    pub(super) fn new() -> Self {
        Self {
            states: Vec::new(),
            table: Table::new(),
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&S> {
        self.states.get(number as usize)
    }

    /// The number of the state.
    pub(super) fn number(&mut self, state: S) -> u32 {
        let mut hasher = Mixer::default();
        state.hash(&mut hasher);
        let hash = hasher.finish();
        let states = &self.states;
        let found = self
            .table
            .find(hash, |number| states.get(number as usize) == Some(&state));
        match found {
            Some(number) => number,
            None => {
                self.states.push(state);
                self.table.insert(hash)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.states.capacity() * size_of::<S>()) as u64 + self.table.bytes()
    }
}

/// A hash table of numbers 0, 1, 2, ..., whose keys are kept by the caller. It never iterates, so
/// nothing depends on the hash but the speed.
pub(super) struct Table {
    /// A number plus 1, or 0 when free, below the upper half of its hash, which tells most others apart without
    /// a look elsewhere. The length is a power of two.
    slots: Vec<u64>,
    /// The hash of each number.
    hashes: Vec<u64>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            hashes: Vec::new(),
        }
    }

    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        // Ends at a free slot: at most half are taken.
        while let Some(&slot) = self.slots.get(at).filter(|slot| **slot != 0) {
            let number = (slot as u32).wrapping_sub(1);
            if slot >> 32 == hash >> 32 && is_it(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Gives the next number to a key that is not in the table.
    pub(super) fn insert(&mut self, hash: u64) -> u32 {
        let number = self.hashes.len() as u32;
        self.hashes.push(hash);
        if self.hashes.len() * 2 > self.slots.len() {
            let len = (self.slots.len() * 2).max(16);
            self.slots.clear();
            self.slots.resize(len, 0);
            for (number, &hash) in self.hashes.iter().enumerate() {
                place(&mut self.slots, hash, number as u32);
            }
        } else {
            place(&mut self.slots, hash, number);
        }
        number
    }

    pub(super) fn bytes(&self) -> u64 {
        ((self.slots.capacity() + self.hashes.capacity()) * 8) as u64
    }
}

fn place(slots: &mut [u64], hash: u64, number: u32) {
    let mask = slots.len().wrapping_sub(1);
    let mut at = hash as usize & mask;
    while let Some(slot) = slots.get_mut(at) {
        if *slot == 0 {
            *slot = hash >> 32 << 32 | u64::from(number.wrapping_add(1));
            return;
        }
        at = (at + 1) & mask;
    }
}

/// A number from which no pattern of `word` can be seen (the end of SplitMix64, Steele et al., 2014).
pub(super) const fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

/// A fast hash that is the same everywhere.
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        // The odd constant is 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        // The multiplication leaves the best bits on top, and tables use those below.
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.mix(chunk.try_into().map_or(0, u64::from_le_bytes));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(chunks.remainder()) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}
