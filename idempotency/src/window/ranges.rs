//! Runs of numbers that never came.

use core::fmt;
use core::ops::RangeInclusive;

use super::ring::View;

/// Ranges of numbers that never came, ascending and with at least one number between them: from
/// [`SequenceWindow::missing`](crate::SequenceWindow::missing) and
/// [`SequenceWindow::losing`](crate::SequenceWindow::losing).
///
/// ```
/// use quorate_idempotency::SequenceWindow;
///
/// let mut window = SequenceWindow::<1>::new();
/// window.observe(0);
/// let mut lost = window.losing(u64::MAX);
/// assert_eq!(lost.next(), Some(1..=u64::MAX - 64));
/// assert_eq!(lost.next(), None);
/// ```
#[derive(Clone)]
pub struct UnseenRanges<'a> {
    view: View<'a>,
    /// What is left to look at.
    left: Option<RangeInclusive<u64>>,
}

impl<'a> UnseenRanges<'a> {
    /// Of the numbers from `first`, which is covered, to `last`.
    pub(super) fn new(view: View<'a>, first: u64, last: Option<u64>) -> Self {
        let left = last.filter(|last| first <= *last).map(|last| first..=last);
        Self { view, left }
    }

    /// What is above the window has not come.
    fn came(&self, number: u64) -> bool {
        number <= self.view.top && self.view.came(number)
    }
}

impl Iterator for UnseenRanges<'_> {
    type Item = RangeInclusive<u64>;

    fn next(&mut self) -> Option<RangeInclusive<u64>> {
        let (first, last) = self.left.take()?.into_inner();
        let covered = last.min(self.view.top);
        let start = match (first..=covered).find(|number| !self.came(*number)) {
            Some(start) => start,
            None if covered < last => first.max(covered + 1),
            None => return None,
        };
        let end = (start..=covered).find(|number| self.came(*number));
        match end {
            // The number at `end` came, so that at most those above it are left.
            Some(end) => {
                self.left = (end < last).then(|| end + 1..=last);
                Some(start..=end - 1)
            }
            None => Some(start..=last),
        }
    }
}

impl core::iter::FusedIterator for UnseenRanges<'_> {}

impl fmt::Debug for UnseenRanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
