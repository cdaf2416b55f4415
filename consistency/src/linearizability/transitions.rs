//! What an operation makes of a state, remembered.

use alloc::vec::Vec;

/// What the model said of a state and an operation, by their numbers, as long as nothing else needs the
/// place. The same few states come back with other sets of operations all the time, and to ask the model
/// again is what costs most: it makes a state, which then has to be found among those known.
///
/// What is known of one state lies together, in the order of the operations: those that come next are near to
/// each other, and what is looked up for them one after the other is in the same lines of the cache.
pub(super) struct Transitions {
    places: Vec<Known>,
}

/// What follows a state by an operation.
#[derive(Clone, Copy)]
struct Known {
    state: u32,
    operation: u32,
    next: u32,
}

/// The number of no state: the model refused, or the place is free.
const NONE: u32 = u32::MAX;
const FREE: Known = Known {
    state: NONE,
    operation: NONE,
    next: NONE,
};
/// Places at the beginning and in the end, powers of two.
const LEAST: usize = 1 << 8;
const MOST: usize = 1 << 18;
/// How many places there are for each state that is known.
const PER_STATE: usize = 16;

impl Transitions {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// The state that follows, `Some(None)` when the model refuses, `None` when it must be asked.
    pub(super) fn get(&self, state: u32, operation: u32) -> Option<Option<u32>> {
        let known = self.places.get(self.place(state, operation)?)?;
        let is_it = known.state == state && known.operation == operation;
        is_it.then_some((known.next != NONE).then_some(known.next))
    }

    /// Remembers what follows. `states` is how many states are known.
    pub(super) fn put(&mut self, state: u32, operation: u32, next: Option<u32>, states: usize) {
        let places = self.places.len();
        if places < MOST && places < states.saturating_mul(PER_STATE).max(LEAST) {
            let len = (places * 2).clamp(LEAST, MOST);
            // What was known is forgotten: it is as quickly asked again as moved.
            self.places.clear();
            self.places.resize(len, FREE);
        }
        let Some(at) = self.place(state, operation) else {
            return;
        };
        if let Some(known) = self.places.get_mut(at) {
            *known = Known {
                state,
                operation,
                next: next.unwrap_or(NONE),
            };
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.places.capacity() * size_of::<Known>()) as u64
    }

    fn place(&self, state: u32, operation: u32) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mixed = u64::from(state).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        Some((mixed as usize).wrapping_add(operation as usize) & mask)
    }
}
