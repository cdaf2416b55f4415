//! A sequence that is added to at one end and taken from at either.

use core::fmt;
use core::hash::{Hash, Hasher};

use super::chain::Chain;
use super::hash::{BASE, INVERSE};

/// Values in order. They are added at the back and taken at the back or the front.
///
/// What is taken at the front stays where it is; the window only gets shorter. So to add takes one
/// allocation, and to take takes none, however many values there are.
pub(in crate::model) struct Window<T> {
    /// The last values of this are those in the window.
    values: Chain<T>,
    len: usize,
    /// The sum of the values' hashes, that of the last one times 1, the one before times [`BASE`], and
    /// so on.
    hash: u64,
    /// [`BASE`] to the power of the length.
    power: u64,
}

impl<T> Window<T> {
    /// What a window adds to the memory of the one that it came from, without what a value owns.
    pub(in crate::model) const VALUE_BYTES: usize = Chain::<T>::LINK_BYTES;

    pub(in crate::model) const fn new() -> Self {
        Self {
            values: Chain::new(),
            len: 0,
            hash: 0,
            power: 1,
        }
    }

    pub(in crate::model) const fn len(&self) -> usize {
        self.len
    }

    pub(in crate::model) fn front(&self) -> Option<&T> {
        let position = self.values.len().checked_sub(self.len)?;
        let link = self.values.link(position)?;
        (self.len > 0).then(|| link.value())
    }

    pub(in crate::model) fn back(&self) -> Option<&T> {
        let link = self.values.last()?;
        (self.len > 0).then(|| link.value())
    }

    /// All but the first; nothing of nothing.
    pub(in crate::model) fn without_front(&self) -> Self {
        let first = self.values.len().checked_sub(self.len);
        match first.and_then(|first| self.values.link(first)) {
            Some(link) if self.len > 1 => {
                let power = self.power.wrapping_mul(INVERSE);
                Self {
                    values: self.values.clone(),
                    len: self.len - 1,
                    hash: self.hash.wrapping_sub(link.hash().wrapping_mul(power)),
                    power,
                }
            }
            // Nothing in it, so nothing of what was need be kept.
            _ => Self::new(),
        }
    }

    /// All but the last; nothing of nothing.
    pub(in crate::model) fn without_back(&self) -> Self {
        match self.values.last() {
            Some(link) if self.len > 1 => Self {
                values: self.values.before(),
                len: self.len - 1,
                hash: self.hash.wrapping_sub(link.hash()).wrapping_mul(INVERSE),
                power: self.power.wrapping_mul(INVERSE),
            },
            _ => Self::new(),
        }
    }
}

impl<T: Hash> Window<T> {
    pub(in crate::model) fn with_back(&self, value: T) -> Self {
        let values = self.values.push(value);
        let hash = values.last().map_or(0, |link| link.hash());
        Self {
            values,
            len: self.len + 1,
            hash: self.hash.wrapping_mul(BASE).wrapping_add(hash),
            power: self.power.wrapping_mul(BASE),
        }
    }
}

impl<T> Clone for Window<T> {
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            ..*self
        }
    }
}

impl<T: PartialEq> PartialEq for Window<T> {
    fn eq(&self, other: &Self) -> bool {
        if (self.len, self.hash) != (other.len, other.hash) {
            return false;
        }
        let (mut ours, mut theirs) = (&self.values, &other.values);
        for _ in 0..self.len {
            if ours.is_same(theirs) {
                return true;
            }
            match (ours.last(), theirs.last()) {
                (Some(one), Some(another))
                    if one.hash() == another.hash() && one.value() == another.value() =>
                {
                    (ours, theirs) = (one.before(), another.before());
                }
                _ => return false,
            }
        }
        true
    }
}

impl<T: Eq> Eq for Window<T> {}

impl<T> Hash for Window<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_usize(self.len);
        hasher.write_u64(self.hash);
    }
}

/// From the front to the back.
impl<T: fmt::Debug> fmt::Debug for Window<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.values.len() - self.len;
        let values = (first..self.values.len()).filter_map(|at| self.values.link(at));
        f.debug_list()
            .entries(values.map(|link| link.value()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hash_of;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        /// However it came about: two windows are equal, and have one hash, when their values are equal.
        #[test]
        fn is_what_a_deque_is(
            steps in prop::collection::vec((0..5_u8, 0..3_u8, any::<prop::sample::Index>()), 0..40),
        ) {
            let mut all = Vec::from([(Window::new(), VecDeque::new())]);
            for (step, value, from) in steps {
                let (mut window, mut deque) = from.get(&all).clone();
                match step {
                    0..=2 => {
                        window = window.with_back(value);
                        deque.push_back(value);
                    }
                    3 => {
                        window = window.without_front();
                        deque.pop_front();
                    }
                    _ => {
                        window = window.without_back();
                        deque.pop_back();
                    }
                }
                prop_assert_eq!(window.len(), deque.len());
                prop_assert_eq!(window.front(), deque.front());
                prop_assert_eq!(window.back(), deque.back());
                prop_assert_eq!(std::format!("{window:?}"), std::format!("{deque:?}"));
                for (other, same) in &all {
                    prop_assert_eq!(*other == window, *same == deque);
                    prop_assert_eq!(hash_of(other) == hash_of(&window), *same == deque);
                }
                all.push((window, deque));
            }
        }
    }
}
