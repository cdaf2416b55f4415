//! Times as small numbers, and values as small numbers.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use super::super::states::{Mixer, Table};

/// Gives each value a number: 0, 1, 2, ...
pub(super) struct Values<V> {
    values: Vec<V>,
    table: Table,
}

impl<V: Eq + Hash> Values<V> {
    pub(super) const fn new() -> Self {
        Self {
            values: Vec::new(),
            table: Table::new(),
        }
    }

    /// The number of the value.
    pub(super) fn number(&mut self, value: V) -> u32 {
        let mut hasher = Mixer::default();
        value.hash(&mut hasher);
        let hash = hasher.finish();
        let values = &self.values;
        let found = self
            .table
            .find(hash, |number| values.get(number as usize) == Some(&value));
        found.unwrap_or_else(|| {
            self.values.push(value);
            self.table.insert(hash)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values, by number.
    pub(super) fn as_slice(&self) -> &[V] {
        &self.values
    }
}

/// The most operations that are looked at: calls and returns are numbered together, in 32 bits.
pub(super) const MOST: usize = (u32::MAX / 4) as usize;
