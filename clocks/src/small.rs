//! A list that needs no heap while it is short.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// A list of up to `N` items in place, or of more on the heap.
#[derive(Debug)]
pub(crate) enum Small<T, const N: usize> {
    Inline { len: u8, items: [T; N] },
    Heap(Vec<T>),
}

impl<T: Copy + Default, const N: usize> Small<T, N> {
    pub(crate) fn new() -> Self {
        Self::Inline {
            len: 0,
            items: [T::default(); N],
        }
    }

    pub(crate) fn from_slice(slice: &[T]) -> Self {
        let mut items = [T::default(); N];
        match (items.get_mut(..slice.len()), u8::try_from(slice.len())) {
            (Some(front), Ok(len)) => {
                front.copy_from_slice(slice);
                Self::Inline { len, items }
            }
            _ => Self::Heap(slice.to_vec()),
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Inline { len, items } => &items[..usize::from(*len).min(N)],
            Self::Heap(items) => items,
        }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::Inline { len, items } => &mut items[..usize::from(*len).min(N)],
            Self::Heap(items) => items,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        match self {
            Self::Inline { len, items } => {
                if let Some(free) = items.get_mut(usize::from(*len)) {
                    *free = item;
                    *len += 1;
                } else {
                    let mut heap = Vec::with_capacity(2 * N);
                    heap.extend_from_slice(items);
                    heap.push(item);
                    *self = Self::Heap(heap);
                }
            }
            Self::Heap(items) => items.push(item),
        }
    }

    /// Puts an item before the one at `at`, or last.
    pub(crate) fn insert(&mut self, at: usize, item: T) {
        let at = at.min(self.as_slice().len());
        self.push(item);
        // Not empty: it has at least the item.
        self.as_mut_slice()[at..].rotate_right(1);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.as_slice().last().copied();
        let len = self.as_slice().len();
        self.truncate(len.saturating_sub(1));
        last
    }

    #[inline]
    pub(crate) fn truncate(&mut self, keep: usize) {
        match self {
            Self::Inline { len, .. } => *len = (*len).min(u8::try_from(keep).unwrap_or(u8::MAX)),
            Self::Heap(items) => items.truncate(keep),
        }
    }

    /// Puts `new` in the place of the `count` items from `from` on.
    pub(crate) fn replace(&mut self, from: usize, count: usize, new: &[T]) {
        let len = self.as_slice().len();
        let from = from.min(len);
        let after = from.saturating_add(count).min(len);
        if let Self::Heap(items) = self {
            items.splice(from..after, new.iter().copied());
            return;
        }
        let old = self.as_slice();
        let mut replaced = Self::new();
        for part in [&old[..from], new, &old[after..]] {
            for item in part {
                replaced.push(*item);
            }
        }
        *self = replaced;
    }
}

impl<T: Copy + Default, const N: usize> Clone for Small<T, N> {
    fn clone(&self) -> Self {
        match self {
            Self::Inline { len, items } => Self::Inline {
                len: *len,
                items: *items,
            },
            // What has become short again leaves the heap.
            Self::Heap(items) => Self::from_slice(items),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        match (&mut *self, source) {
            (Self::Heap(items), Self::Heap(source)) => items.clone_from(source),
            _ => *self = source.clone(),
        }
    }
}

impl<T: Copy + Default + PartialEq, const N: usize> PartialEq for Small<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Copy + Default + Eq, const N: usize> Eq for Small<T, N> {}

impl<T: Copy + Default + Hash, const N: usize> Hash for Small<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_vec(
            steps in prop::collection::vec(
                (0..5_u8, 0..9_usize, 0..4_usize, prop::collection::vec(any::<u64>(), 0..5)),
                0..40,
            ),
        ) {
            let mut small = Small::<u64, 4>::new();
            let mut model = Vec::new();
            for (kind, from, count, new) in steps {
                match kind {
                    0 => {
                        small.push(from as u64);
                        model.push(from as u64);
                    }
                    1 => prop_assert_eq!(small.pop(), model.pop()),
                    2 => {
                        let from = from.min(model.len());
                        let after = (from + count).min(model.len());
                        small.replace(from, count, &new);
                        model.splice(from..after, new);
                    }
                    3 => {
                        small.insert(from, count as u64);
                        model.insert(from.min(model.len()), count as u64);
                    }
                    _ => {
                        small.truncate(from);
                        model.truncate(from);
                    }
                }
                prop_assert_eq!(small.as_slice(), &model[..]);
                prop_assert_eq!(&small.clone(), &small);
                prop_assert_eq!(&Small::from_slice(&model), &small);
            }
        }
    }
}
