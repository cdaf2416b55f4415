//! A map that is copied often and mostly small.

use alloc::sync::Arc;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::Tree;
use crate::model::hash_of;

/// So many entries are kept in a row. More are kept in a tree.
const FEW: usize = 16;

/// A persistent map. With few entries a change copies a row of pointers, which takes two allocations where a
/// tree takes one for each level, and equal maps are alike, so that they are compared at a glance.
pub(in crate::model) enum Map<K, V> {
    Few(Row<K, V>),
    Many(Tree<K, V>),
}

/// Entries in the order of their keys.
pub(in crate::model) struct Row<K, V> {
    entries: Arc<[Arc<Entry<K, V>>]>,
    /// The sum of their hashes.
    hash: u64,
}

struct Entry<K, V> {
    key: K,
    value: V,
    hash: u64,
}

impl<K: Clone + Ord + Hash, V: Clone + Hash> Map<K, V> {
    pub(in crate::model) fn new() -> Self {
        Self::Few(Row {
            entries: Arc::new([]),
            hash: 0,
        })
    }

    pub(in crate::model) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Few(row) => row
                .entries
                .get(row.find(key).ok()?)
                .map(|entry| &entry.value),
            Self::Many(tree) => tree.get(key),
        }
    }

    pub(in crate::model) fn with(&self, key: K, value: V) -> Self {
        let row = match self {
            Self::Many(tree) => return Self::Many(tree.with(key, value)),
            Self::Few(row) => row,
        };
        let found = row.find(&key);
        if found.is_err() && row.entries.len() == FEW {
            let mut tree = Tree::new().with(key, value);
            for entry in &*row.entries {
                tree = tree.with(entry.key.clone(), entry.value.clone());
            }
            return Self::Many(tree);
        }
        let hash = hash_of(&(&key, &value));
        let entry = Arc::new(Entry { key, value, hash });
        let (at, replaced) = match found {
            Ok(at) => (at, 1),
            Err(at) => (at, 0),
        };
        Self::Few(row.splice(at, replaced, Some(entry)))
    }

    pub(in crate::model) fn without(&self, key: &K) -> Self {
        match self {
            Self::Few(row) => match row.find(key) {
                Ok(at) => Self::Few(row.splice(at, 1, None)),
                Err(_) => self.clone(),
            },
            Self::Many(tree) => {
                let tree = tree.without(key);
                if tree.len() > FEW {
                    return Self::Many(tree);
                }
                // What is equal is alike, however it came to be.
                let entries = tree.iter();
                entries.fold(Self::new(), |few, (key, value)| {
                    few.with(key.clone(), value.clone())
                })
            }
        }
    }

    /// Bytes that a map takes which differs from another by a change.
    pub(in crate::model) fn change_bytes(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        match self {
            Self::Few(row) => {
                let pointers = size_of_val(&*row.entries);
                pointers + size_of::<Entry<K, V>>() + 2 * counts
            }
            Self::Many(tree) => tree.change_bytes(),
        }
    }
}

impl<K: Ord, V> Row<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key.cmp(key))
    }

    /// With another entry, or none, in the place of so many at `at`.
    fn splice(&self, at: usize, replaced: usize, entry: Option<Arc<Entry<K, V>>>) -> Self {
        let (before, rest) = self.entries.split_at(at.min(self.entries.len()));
        let (gone, after) = rest.split_at(replaced.min(rest.len()));
        let gone = gone
            .iter()
            .fold(0_u64, |sum, entry| sum.wrapping_add(entry.hash));
        let new = entry.as_ref().map_or(0, |entry| entry.hash);
        let entries = before
            .iter()
            .cloned()
            .chain(entry)
            .chain(after.iter().cloned());
        Self {
            entries: entries.collect(),
            hash: self.hash.wrapping_sub(gone).wrapping_add(new),
        }
    }
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Few(row) => Self::Few(Row {
                entries: Arc::clone(&row.entries),
                hash: row.hash,
            }),
            Self::Many(tree) => Self::Many(tree.clone()),
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Few(one), Self::Few(other)) => {
                let mut pairs = one.entries.iter().zip(&*other.entries);
                one.hash == other.hash
                    && one.entries.len() == other.entries.len()
                    && pairs.all(|(one, other)| {
                        let is_alike = || {
                            (one.hash, &one.key, &one.value)
                                == (other.hash, &other.key, &other.value)
                        };
                        Arc::ptr_eq(one, other) || is_alike()
                    })
            }
            (Self::Many(one), Self::Many(other)) => one == other,
            _ => false,
        }
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<K, V> Hash for Map<K, V> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Few(row) => {
                hasher.write_usize(row.entries.len());
                hasher.write_u64(row.hash);
            }
            Self::Many(tree) => tree.hash(hasher),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few(row) => {
                let entries = row.entries.iter();
                f.debug_map()
                    .entries(entries.map(|entry| (&entry.key, &entry.value)))
                    .finish()
            }
            Self::Many(tree) => tree.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_what_a_map_is(
            steps in prop::collection::vec(
                (0..4_u8, 0..24_u8, 0..2_u8, any::<prop::sample::Index>()),
                0..80,
            ),
        ) {
            let mut all = Vec::from([(Map::new(), BTreeMap::new())]);
            for (what, key, value, from) in steps {
                let (mut map, mut same) = match key % 8 {
                    0 => from.get(&all).clone(),
                    _ => all.last().unwrap().clone(),
                };
                if what > 0 {
                    map = map.with(key, value);
                    same.insert(key, value);
                } else {
                    map = map.without(&key);
                    same.remove(&key);
                }
                prop_assert_eq!(map.get(&key), same.get(&key));
                prop_assert_eq!(format!("{map:?}"), format!("{same:?}"));
                for (other, its_same) in &all {
                    prop_assert_eq!(*other == map, *its_same == same);
                    prop_assert_eq!(hash_of(other) == hash_of(&map), *its_same == same);
                }
                all.push((map, same));
            }
        }
    }
}
