//! Linearizability without a search, for objects that have a law of their own.
//!
//! A search for an order takes exponential time at worst, and a history of a million operations is
//! more than it can promise to finish. If every value is put in **once**, a history says who saw
//! whose value, and for the common objects that is enough to decide in `n log n` time:
//!
//! | object | function | time | values may repeat |
//! |---|---|---|---|
//! | register, with compare-and-set | [`register`] | n log n | where nobody saw them |
//! | set | [`set`] | n log n | always |
//! | queue, first in, first out | [`queue`] | n log n | where nobody took them |
//! | stack, last in, first out | [`stack`] | n log n | where nobody took them |
//! | priority queue, smallest first | [`priority_queue`] | n log n | where nobody took them |
//!
//! An answer is exact or it is [`Quick::Unsuited`], and comes with its evidence: an order, or a few
//! operations that contradict each other even if there were no others. So write values that are
//! unique, a number of the client and a count, into what you test: it is what makes the difference
//! between milliseconds and never.
//!
//! # For a model of your own
//!
//! Call the function that fits from [`Model::quick`](crate::Model::quick):
//!
//! ```
//! use quorate_consistency::quick::{self, RegisterAction, Timed};
//! use quorate_consistency::{Model, Numbered, Outcome, Quick};
//!
//! /// The motto of the day: `Some(motto)` sets it, `None` reads it.
//! struct Motto;
//!
//! impl Model for Motto {
//!     # type Key = ();
//!     # type State = Option<String>;
//!     type Input = Option<String>;
//!     type Output = Option<String>;
//!     # fn key(&self, _: &Option<String>) {}
//!     # fn initial(&self) -> Option<String> { None }
//!     # fn step(
//!     #     &self, _: &Option<String>, _: &Option<String>, _: Option<&Option<String>>,
//!     # ) -> Option<Option<String>> { None }
//!     // ... key, initial and step as always, and:
//!     fn quick(&self, operations: &[Numbered<'_, Option<String>, Option<String>>]) -> Quick {
//!         quick::register(operations.iter().map(|&numbered| {
//!             let (_, operation) = numbered;
//!             let action = match (&operation.input, &operation.output) {
//!                 (Some(motto), _) => RegisterAction::Write(motto),
//!                 (None, Outcome::Ok(read)) => RegisterAction::Read(read.as_ref()),
//!                 (None, _) => RegisterAction::Read(None),
//!             };
//!             Timed::new(numbered, action)
//!         }))
//!     }
//! }
//! ```
//!
//! # Operations of unknown outcome
//!
//! They may take effect at any time after their call, or never. A write of unknown outcome whose value
//! somebody saw had its effect, and one whose value nobody saw can be left out: if an order with it
//! makes sense, so does the order without. A read of unknown outcome says nothing.
//!
//! A **take** of unknown outcome is the hard case: nobody knows whose value it took. It does no harm
//! when the rest makes sense without it, or makes no sense whatever it took. Otherwise it is guessed what
//! each of them took: what stands in the way first goes to the one that was called first. That finds
//! an order for most histories that have one, and when it does not, the answer is [`Quick::Unsuited`].

mod container;
mod probe;
mod register;
mod set;
#[cfg(test)]
mod tests;
mod times;

pub use container::{ContainerAction, priority_queue, queue, stack};
pub use register::{RegisterAction, register};
pub use set::{SetAction, set};

use alloc::vec::Vec;

use crate::{Numbered, Outcome};

/// What an algorithm for one kind of object makes of the operations on it.
///
/// ```
/// use quorate_consistency::{Model, Quick, Register};
///
/// // No operations: the order of none makes sense.
/// assert_ne!(Register::<u32>::new().quick(&[]), Quick::Violated { kept: vec![] });
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Quick {
    /// It cannot tell, and the general search must: a value that was written twice, say.
    Unsuited,
    /// An order that makes sense, as positions in the history: of all answered operations, and those
    /// of unknown outcome that had their effect.
    Holds(Vec<usize>),
    /// There is none.
    Violated {
        /// Operations, as positions in the history, that make no sense even if they are all there is.
        kept: Vec<usize>,
    },
}

/// An operation's time, and what it asked of the object and was told.
///
/// ```
/// use quorate_consistency::quick::{RegisterAction, Timed, register};
/// use quorate_consistency::Quick;
///
/// let timed = |position, call, ret, action| Timed { position, call, ret, action };
/// let answer = register([
///     timed(0, 10, Some(20), RegisterAction::Write("a")),
///     // Nobody was told whether this one was done, and nobody saw that it was.
///     timed(1, 15, None, RegisterAction::Write("b")),
///     timed(2, 30, Some(40), RegisterAction::Read(Some("a"))),
/// ]);
/// assert_eq!(answer, Quick::Holds(vec![0, 2]));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Timed<A> {
    /// The position in the history, to name the operation in the answer.
    pub position: usize,
    /// When it was called.
    pub call: u64,
    /// When it returned; `None` when its outcome is unknown.
    pub ret: Option<u64>,
    /// What was asked and answered. Of an operation of unknown outcome, the answer is not looked at.
    pub action: A,
}

impl<A> Timed<A> {
    /// With the times of an operation of a history, which must not have failed.
    pub const fn new<I, O>((position, operation): Numbered<'_, I, O>, action: A) -> Self {
        Self {
            position,
            call: operation.call,
            ret: match operation.output {
                Outcome::Ok(_) => Some(operation.ret),
                Outcome::Failed | Outcome::Unknown => None,
            },
            action,
        }
    }
}
