//! How many of something there may be at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Places that are taken and given back.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
    most: usize,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Places);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most,
        }
    }

    /// Takes a place, unless all are taken.
    pub(super) fn take(&self) -> Option<Place<'_>> {
        let before = self.taken.fetch_add(1, Ordering::AcqRel);
        let place = Place(self);
        (before < self.most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_each_comes_back() {
        let places = Places::new(2);
        let one = places.take();
        let two = places.take();
        assert!(one.is_some() && two.is_some());
        assert!(places.take().is_none());
        assert!(places.take().is_none());
        drop(one);
        let three = places.take();
        assert!(three.is_some());
        assert!(places.take().is_none());
    }
}
