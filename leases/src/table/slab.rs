//! Entries that stay where they are put.

use alloc::vec::Vec;

/// Entries of one chunk. Growing adds a chunk, and moves nothing that is there: a table of a million
/// does not stand still while it is copied.
const CHUNK: usize = 1 << 10;

/// Stands for no place.
pub(super) const NONE: u32 = u32::MAX;

/// Values by the number of their place, which is reused after they are gone. The numbers depend on
/// the history, so they are never seen.
#[derive(Clone)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        let chunk = self.chunks.get_mut(at / CHUNK)?;
        chunk.get_mut(at % CHUNK)?.as_mut()
    }

    /// Puts a value in and says where. [`NONE`] when all four billion places are taken, which is
    /// over any limit of memory long before.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            let chunk = self.chunks.get_mut(at as usize / CHUNK);
            if let Some(place) = chunk.and_then(|chunk| chunk.get_mut(at as usize % CHUNK)) {
                *place = Some(value);
                self.len += 1;
            }
            return at;
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // A small table grows from nothing, and a large one by whole chunks.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        let Some(last) = self.chunks.last_mut() else {
            return NONE;
        };
        match u32::try_from(full + last.len()) {
            Ok(at) if at != NONE => {
                last.push(Some(value));
                self.len += 1;
                at
            }
            _ => NONE,
        }
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let chunk = self.chunks.get_mut(at as usize / CHUNK)?;
        let value = chunk.get_mut(at as usize % CHUNK)?.take()?;
        self.free.push(at);
        self.len -= 1;
        Some(value)
    }

    /// All values with their places, in no order that means anything.
    pub(super) fn unordered(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.chunks.iter().flatten().zip(0..);
        places.filter_map(|(value, at)| Some((at, value.as_ref()?)))
    }
}
