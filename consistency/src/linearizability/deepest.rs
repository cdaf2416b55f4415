//! The order that went deepest.

use alloc::vec::Vec;

use super::search::{Frame, Operation};

/// The stack when it held the most answered operations. It shares its beginning with the stack of
/// now, so that noting it costs no more than the search itself.
#[derive(Default)]
pub(super) struct Deepest {
    pub(super) operations: Vec<Operation>,
    answered: usize,
    /// How many from the bottom are the same as on the stack.
    shared: usize,
}

impl Deepest {
    pub(super) fn note(&mut self, stack: &[Frame], answered: usize) {
        if answered <= self.answered {
            return;
        }
        self.answered = answered;
        self.operations.truncate(self.shared);
        let new = stack.iter().skip(self.shared);
        self.operations.extend(new.map(|frame| frame.operation));
        self.shared = stack.len();
    }

    /// How many answered operations it holds.
    pub(super) const fn answered(&self) -> usize {
        self.answered
    }

    pub(super) fn popped(&mut self, len: usize) {
        self.shared = self.shared.min(len);
    }
}
