//! A sequence that grows at one end and shares its beginning with others.

use alloc::sync::Arc;
use core::hash::Hash;

use crate::model::hash_of;

/// A sequence that grows at its end. A clone is a pointer, and what was appended to one of two clones is
/// not in the other.
///
/// Each link points back to the one before and also far back, such that any place is found in a time
/// that grows with the logarithm of the length, at no cost for the appending (Myers, *An applicative
/// random-access stack*, 1983).
pub(super) struct Chain<T>(Option<Arc<Link<T>>>);

pub(super) struct Link<T> {
    value: T,
    hash: u64,
    len: usize,
    before: Chain<T>,
    jump: Chain<T>,
}

impl<T> Chain<T> {
    /// What one link takes of memory, with the counts of the pointers to it.
    pub(super) const LINK_BYTES: usize = size_of::<Link<T>>() + 2 * size_of::<usize>();

    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |link| link.len)
    }

    pub(super) fn last(&self) -> Option<&Link<T>> {
        self.0.as_deref()
    }

    /// All but the last.
    pub(super) fn before(&self) -> Self {
        self.0
            .as_ref()
            .map_or_else(Self::new, |link| link.before.clone())
    }

    /// The link at a position, from 0.
    pub(super) fn link(&self, position: usize) -> Option<&Link<T>> {
        let mut link = self.last()?;
        while link.len > position.checked_add(1)? {
            link = if link.jump.len() > position {
                link.jump.last()?
            } else {
                link.before.last()?
            };
        }
        (link.len == position + 1).then_some(link)
    }

    /// Whether the two are the same in memory, and so equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl<T: Hash> Chain<T> {
    pub(super) fn push(&self, value: T) -> Self {
        let jump = match self.last() {
            // Two jumps of the same length in a row: make it one.
            Some(last)
                if last.len - last.jump.len()
                    == last.jump.len() - last.jump.last().map_or(0, |link| link.jump.len()) =>
            {
                last.jump
                    .last()
                    .map_or_else(Self::new, |link| link.jump.clone())
            }
            _ => self.clone(),
        };
        Self(Some(Arc::new(Link {
            hash: hash_of(&value),
            value,
            len: self.len() + 1,
            before: self.clone(),
            jump,
        })))
    }
}

impl<T> Link<T> {
    pub(super) const fn value(&self) -> &T {
        &self.value
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) const fn before(&self) -> &Chain<T> {
        &self.before
    }
}

impl<T> Clone for Chain<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// One link after the other, not one inside the other: a chain may be longer than the stack is deep.
impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        // Never the last pointer to what it points to: `before` leads there too.
        self.jump.0 = None;
        let mut next = self.before.0.take();
        while let Some(mut link) = next.and_then(Arc::into_inner) {
            link.jump.0 = None;
            next = link.before.0.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_place_is_found_in_few_steps() {
        let mut chain = Chain::new();
        let mut all = Vec::new();
        for number in 0..1_000_u32 {
            chain = chain.push(number);
            all.push(chain.clone());
        }
        for (at, chain) in all.iter().enumerate() {
            assert_eq!(chain.len(), at + 1);
            for position in (0..=at).step_by(7) {
                assert_eq!(
                    chain.link(position).map(|link| link.value),
                    Some(position as u32)
                );
            }
            assert!(chain.link(at + 1).is_none());
            assert!(chain.link(usize::MAX).is_none());
        }
        let mut steps = 0;
        let mut link = chain.last().unwrap();
        while link.len > 1 {
            steps += 1;
            link = link
                .jump
                .last()
                .unwrap_or_else(|| link.before.last().unwrap());
        }
        assert!(steps <= 30, "{steps}");
    }

    #[test]
    fn a_long_chain_is_dropped_without_a_deep_stack() {
        let mut chain = Chain::new();
        for number in 0..300_000_u32 {
            chain = chain.push(number);
        }
        let shared = chain.before();
        drop(chain);
        assert_eq!(shared.len(), 299_999);
        assert_eq!(shared.link(0).map(|link| link.value), Some(0));
    }
}
