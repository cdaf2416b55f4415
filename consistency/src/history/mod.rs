//! What clients asked, what they were told, and when.

mod record;
mod recorder;
#[cfg(feature = "std")]
mod shared;

pub use record::{Record, Recording, linearizable};
pub use recorder::{OperationId, Recorder};
#[cfg(feature = "std")]
pub use shared::{InFlight, Lane, Recorded, SharedRecorder};

use alloc::vec::Vec;

/// One operation of one client: what it asked, when, and what it was told.
///
/// Times are nanoseconds of **one** monotonic clock. An operation precedes another when it returned
/// strictly before the other was called; everything else is concurrent. Take the call time before
/// the request is sent and the return time after the answer has arrived: a span that is too wide
/// only makes a check more lenient, a span that is too narrow makes it wrong.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Operation<I, O> {
    /// Which client asked. A client asks for one thing at a time.
    pub process: u64,
    /// What it asked for.
    pub input: I,
    /// What it was told.
    pub output: Outcome<O>,
    /// When it asked, in nanoseconds.
    pub call: u64,
    /// When it was told, in nanoseconds. Means nothing when the outcome is
    /// [`Unknown`](Outcome::Unknown), as that operation may not have ended yet.
    pub ret: u64,
}

/// An operation with its position in the history.
pub type Numbered<'a, I, O> = (usize, &'a Operation<I, O>);

impl<I, O> Operation<I, O> {
    /// An operation that was answered.
    pub const fn ok(process: u64, input: I, output: O, call: u64, ret: u64) -> Self {
        Self {
            process,
            input,
            output: Outcome::Ok(output),
            call,
            ret,
        }
    }

    /// An operation that certainly had no effect.
    pub const fn failed(process: u64, input: I, call: u64, ret: u64) -> Self {
        Self {
            process,
            input,
            output: Outcome::Failed,
            call,
            ret,
        }
    }

    /// An operation of which nobody knows what came.
    pub const fn unknown(process: u64, input: I, call: u64) -> Self {
        Self {
            process,
            input,
            output: Outcome::Unknown,
            call,
            ret: u64::MAX,
        }
    }
}

/// What a client was told.
///
/// A timeout, a lost connection or a crash is [`Unknown`](Self::Unknown), never
/// [`Failed`](Self::Failed). To call what is unknown failed is the most common mistake in recorded
/// histories: the operation may take effect later, and then the history looks broken when it is not.
/// A condition that did not hold (a compare-and-set that found another value) is an **answer**, and
/// belongs into `Ok`: it says something about the state.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome<O> {
    /// The operation took effect between its call and its return, and answered this.
    Ok(O),
    /// The operation certainly had no effect, and never will have.
    Failed,
    /// The operation may have had its effect at any time since the call, may have it at any time
    /// later, or never.
    Unknown,
}

/// Everything that a set of clients recorded.
///
/// The order of the operations in it does not matter: their times do. Verdicts name operations by
/// their position.
///
/// ```
/// use quorate_consistency::{History, Operation, RegisterInput, RegisterOutput};
///
/// let mut history: History<RegisterInput<u32>, RegisterOutput<u32>> = History::new();
/// history.push(Operation::ok(1, RegisterInput::Write(7), RegisterOutput::Written, 10, 20));
/// history.push(Operation::unknown(2, RegisterInput::Write(8), 15));
/// history.push(Operation::failed(3, RegisterInput::Write(9), 16, 17));
/// assert_eq!(history.len(), 3);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct History<I, O> {
    /// The operations, in any order.
    pub operations: Vec<Operation<I, O>>,
}

impl<I, O> History<I, O> {
    /// A history of nothing.
    pub const fn new() -> Self {
        Self {
            operations: Vec::new(),
        }
    }

    /// Adds an operation.
    pub fn push(&mut self, operation: Operation<I, O>) {
        self.operations.push(operation);
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl<I, O> Default for History<I, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, O> From<Vec<Operation<I, O>>> for History<I, O> {
    fn from(operations: Vec<Operation<I, O>>) -> Self {
        Self { operations }
    }
}

impl<I, O> FromIterator<Operation<I, O>> for History<I, O> {
    fn from_iter<T: IntoIterator<Item = Operation<I, O>>>(operations: T) -> Self {
        Self {
            operations: operations.into_iter().collect(),
        }
    }
}

impl<I, O> Extend<Operation<I, O>> for History<I, O> {
    fn extend<T: IntoIterator<Item = Operation<I, O>>>(&mut self, operations: T) {
        self.operations.extend(operations);
    }
}
