//! What came of a check.

use core::fmt;

/// What came of a check, whatever was checked. There is no verdict without its evidence: a witness
/// `W` that the history holds, or a violation `V`.
///
/// `Unknown` is an answer of its own. It never stands for a yes, nor for a no.
///
/// ```
/// use quorate_consistency::{Inconclusive, Verdict};
///
/// let verdict: Verdict<Vec<usize>, &str> = Verdict::Unknown(Inconclusive::Steps { limit: 10 });
/// assert!(!verdict.holds() && verdict.violation().is_none());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Verdict<W, V> {
    /// The history keeps the promise, as the witness shows.
    Holds(W),
    /// The history breaks the promise, whatever the operations of unknown outcome did.
    Violated(V),
    /// The check did not come to an end, for this reason. It says nothing about the history.
    Unknown(Inconclusive),
}

impl<W, V> Verdict<W, V> {
    /// Whether the history is known to keep the promise.
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Holds(_))
    }

    /// Where the history is known to break it.
    pub const fn violation(&self) -> Option<&V> {
        match self {
            Self::Violated(violation) => Some(violation),
            _ => None,
        }
    }
}

/// Why a check did not come to an end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Inconclusive {
    /// The budget's steps are used up.
    Steps {
        /// How many there were.
        limit: u64,
    },
    /// The budget's memory is used up.
    Memory {
        /// How much there was, in bytes.
        limit: u64,
    },
    /// A model that leaves several states open left too many open at a time.
    TooManyStates {
        /// How many it may.
        limit: usize,
    },
    /// An operation returned before it was called, so the times mean nothing.
    ReturnsBeforeCall {
        /// The operation.
        operation: usize,
    },
    /// There are more operations than can be numbered here.
    TooManyOperations {
        /// How many.
        operations: usize,
    },
}

impl fmt::Display for Inconclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps { limit } => write!(
                f,
                "no answer within {limit} steps; allow more, or record with fewer concurrent clients, \
                 fewer timeouts or more keys"
            ),
            Self::Memory { limit } => write!(
                f,
                "no answer within {limit} bytes of memory; allow more, or record with fewer \
                 concurrent clients, fewer timeouts or more keys"
            ),
            Self::TooManyStates { limit } => write!(
                f,
                "more than {limit} states of the model are possible at a time; allow more, or let the \
                 answers of the operations tell more"
            ),
            Self::ReturnsBeforeCall { operation } => write!(
                f,
                "operation {operation} returned before it was called; record both times with one \
                 monotonic clock"
            ),
            Self::TooManyOperations { operations } => write!(
                f,
                "{operations} operations are more than can be checked at once; check the history in parts"
            ),
        }
    }
}
