//! What an operation makes of a state, remembered.

use alloc::vec::Vec;

/// What the model said of a state and an operation, by their numbers, as long as nothing else needs the
/// place. The same few states come back with other sets of operations all the time, and to ask the model
/// again is what costs most: it makes a state, which then has to be found among those known.
pub(super) struct Transitions {
    /// For each place, the state and the operation that it is of, or `FREE`.
    keys: Vec<u64>,
    next: Vec<u32>,
}

const FREE: u64 = u64::MAX;
/// The number of no state: the model refused.
const REFUSED: u32 = u32::MAX;
/// Places at the beginning and in the end, powers of two.
const LEAST: usize = 1 << 8;
const MOST: usize = 1 << 18;
/// How many places there are for each state that is known.
const PER_STATE: usize = 16;

impl Transitions {
    pub(super) const fn new() -> Self {
        Self {
            keys: Vec::new(),
            next: Vec::new(),
        }
    }

    /// The state that follows, `Some(None)` when the model refuses, `None` when it must be asked.
    pub(super) fn get(&self, state: u32, operation: u32) -> Option<Option<u32>> {
        let at = self.place(state, operation)?;
        if self.keys.get(at) != Some(&key(state, operation)) {
            return None;
        }
        let next = *self.next.get(at)?;
        Some((next != REFUSED).then_some(next))
    }

    /// Remembers what follows. `states` is how many states are known.
    pub(super) fn put(&mut self, state: u32, operation: u32, next: Option<u32>, states: usize) {
        if self.keys.len() < MOST && self.keys.len() < states.saturating_mul(PER_STATE).max(LEAST) {
            let len = (self.keys.len() * 2).clamp(LEAST, MOST);
            // What was known is forgotten: it is as quickly asked again as moved.
            self.keys.clear();
            self.keys.resize(len, FREE);
            self.next.clear();
            self.next.resize(len, REFUSED);
        }
        let Some(at) = self.place(state, operation) else {
            return;
        };
        if let (Some(to), Some(known)) = (self.next.get_mut(at), self.keys.get_mut(at)) {
            *to = next.unwrap_or(REFUSED);
            *known = key(state, operation);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.keys.capacity() * 8 + self.next.capacity() * 4) as u64
    }

    fn place(&self, state: u32, operation: u32) -> Option<usize> {
        let mask = self.keys.len().checked_sub(1)?;
        let mixed = key(state, operation).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some((mixed >> 40) as usize & mask)
    }
}

/// No state has the number `REFUSED`, so that no key is `FREE`.
fn key(state: u32, operation: u32) -> u64 {
    u64::from(state) << 32 | u64::from(operation)
}
