//! Answers that need no search.

use alloc::vec::Vec;

/// What an algorithm for one kind of object makes of the operations on it.
///
/// ```
/// use quorate_consistency::{Model, Quick, Register};
///
/// // No operations, or a model without an algorithm of its own: the general search is asked.
/// assert_eq!(Register::<u32>::new().quick(&[]), Quick::Unsuited);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Quick {
    /// It cannot tell, and the general search must: a value that was written twice, say.
    Unsuited,
    /// An order that makes sense, as positions in the history.
    Holds(Vec<usize>),
    /// There is none.
    Violated {
        /// Operations, as positions in the history, that make no sense even if they are all there is.
        kept: Vec<usize>,
    },
}
