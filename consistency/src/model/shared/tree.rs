//! A map that shares what it can with the maps it came from.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::model::hash_of;

/// A sorted map. A clone is a pointer; a change makes a new map, in a time and a memory that grow with the
/// logarithm of its size, and shares the rest.
///
/// It is balanced by weight, with the factors 3 and 2 that Hirai and Yamamoto proved right (*Balancing
/// weight-balanced trees*, 2011), so it is never deep, whatever the keys.
pub(in crate::model) struct Tree<K, V>(Option<Arc<Node<K, V>>>);

struct Node<K, V> {
    entry: Arc<Entry<K, V>>,
    /// How many entries are here and below.
    size: usize,
    /// The sum of their hashes: the same, however the tree has grown.
    hash: u64,
    left: Tree<K, V>,
    right: Tree<K, V>,
}

struct Entry<K, V> {
    key: K,
    value: V,
    hash: u64,
}

impl<K, V> Tree<K, V> {
    pub(in crate::model) const fn new() -> Self {
        Self(None)
    }

    pub(in crate::model) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.size)
    }

    fn hash(&self) -> u64 {
        self.0.as_ref().map_or(0, |node| node.hash)
    }

    /// The weight that the balance is about: one more than the size, so that nothing weighs nothing.
    fn weight(&self) -> usize {
        self.len() + 1
    }

    /// What a tree of this size adds to the memory of the one that it came from by a change, at most, and
    /// without what keys and values own.
    pub(in crate::model) fn change_bytes(&self) -> usize {
        // A node for each level. There are at most 2.41 times as many levels as the logarithm says.
        let levels = (usize::BITS - self.len().leading_zeros()) as usize * 5 / 2 + 2;
        let counts = 2 * size_of::<usize>();
        levels * (size_of::<Node<K, V>>() + counts) + size_of::<Entry<K, V>>() + counts
    }

    /// The entry with the smallest key.
    pub(in crate::model) fn first(&self) -> Option<(&K, &V)> {
        let entry = self.first_entry()?;
        Some((&entry.key, &entry.value))
    }

    fn first_entry(&self) -> Option<&Arc<Entry<K, V>>> {
        let mut node = self.0.as_deref()?;
        while let Some(left) = node.left.0.as_deref() {
            node = left;
        }
        Some(&node.entry)
    }

    /// The entries, by key.
    pub(in crate::model) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut walk = Walk::new(self);
        core::iter::from_fn(move || walk.entry())
    }
}

impl<K: Ord, V> Tree<K, V> {
    pub(in crate::model) fn get(&self, key: &K) -> Option<&V> {
        let mut node = self.0.as_deref()?;
        loop {
            node = match key.cmp(&node.entry.key) {
                Ordering::Less => node.left.0.as_deref()?,
                Ordering::Equal => return Some(&node.entry.value),
                Ordering::Greater => node.right.0.as_deref()?,
            };
        }
    }
}

impl<K: Clone + Ord + Hash, V: Clone + Hash> Tree<K, V> {
    fn node(left: Self, entry: Arc<Entry<K, V>>, right: Self) -> Self {
        let below = left.hash().wrapping_add(right.hash());
        Self(Some(Arc::new(Node {
            size: left.len() + right.len() + 1,
            hash: below.wrapping_add(entry.hash),
            entry,
            left,
            right,
        })))
    }

    /// With this value for the key.
    pub(in crate::model) fn with(&self, key: K, value: V) -> Self {
        let hash = hash_of(&(&key, &value));
        self.with_entry(Arc::new(Entry { key, value, hash }))
    }

    fn with_entry(&self, entry: Arc<Entry<K, V>>) -> Self {
        let Some(node) = self.0.as_deref() else {
            return Self::node(Self::new(), entry, Self::new());
        };
        let (left, right) = (node.left.clone(), node.right.clone());
        match entry.key.cmp(&node.entry.key) {
            Ordering::Less => {
                Self::balanced(left.with_entry(entry), Arc::clone(&node.entry), right)
            }
            Ordering::Equal => Self::node(left, entry, right),
            Ordering::Greater => {
                Self::balanced(left, Arc::clone(&node.entry), right.with_entry(entry))
            }
        }
    }

    /// Without the key.
    pub(in crate::model) fn without(&self, key: &K) -> Self {
        let Some(node) = self.0.as_deref() else {
            return Self::new();
        };
        let (left, right) = (node.left.clone(), node.right.clone());
        match key.cmp(&node.entry.key) {
            Ordering::Less => Self::balanced(left.without(key), Arc::clone(&node.entry), right),
            Ordering::Greater => Self::balanced(left, Arc::clone(&node.entry), right.without(key)),
            Ordering::Equal => match right.first_entry() {
                None => left,
                Some(next) => Self::balanced(left, Arc::clone(next), right.without(&next.key)),
            },
        }
    }

    /// A node of two trees of which at most one is one entry too heavy.
    fn balanced(left: Self, entry: Arc<Entry<K, V>>, right: Self) -> Self {
        if right.weight() > 3 * left.weight()
            && let Some(heavy) = right.0.as_deref()
        {
            let (inner, outer) = (&heavy.left, heavy.right.clone());
            if inner.weight() < 2 * outer.weight() {
                let left = Self::node(left, entry, inner.clone());
                return Self::node(left, Arc::clone(&heavy.entry), outer);
            }
            if let Some(inner) = inner.0.as_deref() {
                let left = Self::node(left, entry, inner.left.clone());
                let right = Self::node(inner.right.clone(), Arc::clone(&heavy.entry), outer);
                return Self::node(left, Arc::clone(&inner.entry), right);
            }
        }
        if left.weight() > 3 * right.weight()
            && let Some(heavy) = left.0.as_deref()
        {
            let (outer, inner) = (heavy.left.clone(), &heavy.right);
            if inner.weight() < 2 * outer.weight() {
                let right = Self::node(inner.clone(), entry, right);
                return Self::node(outer, Arc::clone(&heavy.entry), right);
            }
            if let Some(inner) = inner.0.as_deref() {
                let right = Self::node(inner.right.clone(), entry, right);
                let left = Self::node(outer, Arc::clone(&heavy.entry), inner.left.clone());
                return Self::node(left, Arc::clone(&inner.entry), right);
            }
        }
        Self::node(left, entry, right)
    }
}

/// A walk through a tree in order, that can leave parts out.
struct Walk<'a, K, V>(Vec<Step<'a, K, V>>);

enum Step<'a, K, V> {
    All(&'a Arc<Node<K, V>>),
    Entry(&'a Node<K, V>),
}

impl<'a, K, V> Walk<'a, K, V> {
    fn new(tree: &'a Tree<K, V>) -> Self {
        Self(tree.0.iter().map(Step::All).collect())
    }

    /// The size of the part that comes next, if it is more than an entry.
    fn next_part(&self) -> Option<&'a Arc<Node<K, V>>> {
        match self.0.last() {
            Some(Step::All(node)) => Some(node),
            _ => None,
        }
    }

    /// Takes the part that comes next apart.
    fn open(&mut self) {
        if let Some(Step::All(node)) = self.0.pop() {
            self.0.extend(node.right.0.iter().map(Step::All));
            self.0.push(Step::Entry(node));
            self.0.extend(node.left.0.iter().map(Step::All));
        }
    }

    fn entry(&mut self) -> Option<(&'a K, &'a V)> {
        while self.next_part().is_some() {
            self.open();
        }
        match self.0.pop() {
            Some(Step::Entry(node)) => Some((&node.entry.key, &node.entry.value)),
            _ => None,
        }
    }
}

impl<K, V> Clone for Tree<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: PartialEq, V: PartialEq> Tree<K, V> {
    /// Whether the two are equal, if that can be told without a walk: they differ in size or hash, or
    /// branch alike. As deep as the tree is.
    fn eq_in_shape(&self, other: &Self) -> Option<bool> {
        let (one, another) = match (&self.0, &other.0) {
            (None, None) => return Some(true),
            (Some(one), Some(another)) => (one, another),
            _ => return Some(false),
        };
        if Arc::ptr_eq(one, another) {
            return Some(true);
        }
        if (one.size, one.hash) != (another.size, another.hash) {
            return Some(false);
        }
        if one.left.len() != another.left.len() {
            return None;
        }
        let ours = (&one.entry.key, &one.entry.value);
        if one.entry.hash != another.entry.hash
            || ours != (&another.entry.key, &another.entry.value)
        {
            return Some(false);
        }
        match one.left.eq_in_shape(&another.left) {
            Some(true) => one.right.eq_in_shape(&another.right),
            known => known,
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Tree<K, V> {
    fn eq(&self, other: &Self) -> bool {
        if let Some(equal) = self.eq_in_shape(other) {
            return equal;
        }
        let (mut ours, mut theirs) = (Walk::new(self), Walk::new(other));
        loop {
            match (ours.next_part(), theirs.next_part()) {
                // The same in memory.
                (Some(one), Some(another)) if Arc::ptr_eq(one, another) => {
                    ours.0.pop();
                    theirs.0.pop();
                }
                // Open the larger one, until there is something to compare.
                (Some(one), Some(another)) if one.size < another.size => theirs.open(),
                (Some(_), _) => ours.open(),
                (None, Some(_)) => theirs.open(),
                (None, None) => match (ours.entry(), theirs.entry()) {
                    (None, None) => return true,
                    (one, another) if one == another => {}
                    _ => return false,
                },
            }
        }
    }
}

impl<K: Eq, V: Eq> Eq for Tree<K, V> {}

impl<K, V> Hash for Tree<K, V> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_usize(self.len());
        hasher.write_u64(self.hash());
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Tree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    /// The depth, and that every node is balanced and counts right.
    fn depth<K, V>(tree: &Tree<K, V>) -> usize {
        let Some(node) = &tree.0 else { return 0 };
        let (left, right) = (&node.left, &node.right);
        assert!(left.weight() <= 3 * right.weight() && right.weight() <= 3 * left.weight());
        assert_eq!(node.size, left.len() + right.len() + 1);
        1 + depth(left).max(depth(right))
    }

    proptest! {
        #[test]
        fn is_what_a_map_is(
            steps in prop::collection::vec(
                (any::<bool>(), 0..30_u8, 0..2_u8, any::<prop::sample::Index>()),
                0..60,
            ),
        ) {
            let mut all = Vec::from([(Tree::new(), BTreeMap::new())]);
            for (is_insert, key, value, from) in steps {
                // Mostly the last, so that it grows.
                let (mut tree, mut map) = match key % 4 {
                    0 => from.get(&all).clone(),
                    _ => all.last().unwrap().clone(),
                };
                if is_insert {
                    tree = tree.with(key, value);
                    map.insert(key, value);
                } else {
                    tree = tree.without(&key);
                    map.remove(&key);
                }
                depth(&tree);
                prop_assert_eq!(tree.len(), map.len());
                prop_assert_eq!(tree.first(), map.first_key_value());
                prop_assert!(tree.iter().eq(&map));
                prop_assert_eq!(tree.get(&key), map.get(&key));
                for (other, same) in &all {
                    prop_assert_eq!(*other == tree, *same == map);
                    prop_assert_eq!(hash_of(other) == hash_of(&tree), *same == map);
                }
                all.push((tree, map));
            }
        }
    }

    #[test]
    fn keys_in_order_do_not_make_it_deep() {
        let mut tree = Tree::new();
        for key in 0..10_000_u32 {
            tree = tree.with(key, ());
        }
        assert!(depth(&tree) <= 28);
        for key in (0..10_000_u32).filter(|key| key % 16 != 0) {
            tree = tree.without(&key);
        }
        assert!(depth(&tree) <= 20);
        assert_eq!(tree.len(), 625);
    }
}
