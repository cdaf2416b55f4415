//! What came of a check, and why.

use alloc::vec::Vec;
use core::fmt;

use crate::{History, Outcome};

/// What came of a check. There is no verdict without its evidence.
///
/// Operations are named by their position in the history.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Verdict<K, O> {
    /// The history is linearizable. [`verify`](crate::verify) checks the evidence on its own.
    Holds {
        /// For each object, an order in which one client at a time could have done the same.
        order: Vec<Linearization<K>>,
    },
    /// The history is not linearizable, whatever the operations of unknown outcome did.
    Violated(Violation<K, O>),
    /// The check did not come to an end. It says nothing about the history.
    Unknown {
        /// Why not.
        reason: Inconclusive,
    },
}

/// An order of the operations on one object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Linearization<K> {
    /// The object.
    pub key: K,
    /// Its operations, in order: all that were answered, and those of unknown outcome that are taken
    /// to have had their effect.
    pub operations: Vec<usize>,
}

/// Where a history stops making sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation<K, O> {
    /// The object.
    pub key: K,
    /// An order of as many answered operations as any order can place.
    pub prefix: Vec<usize>,
    /// The operations that may come next after the prefix, of which each answered something else than
    /// the model. Ordered by call.
    pub blocked: Vec<Blocked<O>>,
}

/// An operation that cannot come next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked<O> {
    /// The operation.
    pub operation: usize,
    /// What it would have answered after the prefix; `None` when the model cannot say.
    pub allowed: Option<O>,
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

impl<K, O> Verdict<K, O> {
    /// Whether the history is known to be linearizable.
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Holds { .. })
    }

    /// Where the history is known not to be linearizable.
    pub const fn violation(&self) -> Option<&Violation<K, O>> {
        match self {
            Self::Violated(violation) => Some(violation),
            _ => None,
        }
    }
}

impl<K, O> Violation<K, O> {
    /// The violation in lines for people, with the operations of the history that was checked.
    ///
    /// ```
    /// use quorate_consistency::{
    ///     Budget, History, Operation, Register, RegisterInput, RegisterOutput, check,
    /// };
    ///
    /// let history = History::from(vec![
    ///     Operation::ok(1, RegisterInput::Write(1), RegisterOutput::Written, 0, 10),
    ///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(None), 20, 30),
    /// ]);
    /// let verdict = check(&Register::new(), &history, Budget::default());
    /// let text = verdict.violation().unwrap().explain(&history).to_string();
    /// assert!(text.contains("would have answered Value(Some(1))"), "{text}");
    /// ```
    pub const fn explain<'a, I>(&'a self, history: &'a History<I, O>) -> Explanation<'a, K, I, O> {
        Explanation {
            violation: self,
            history,
        }
    }
}

/// A [`Violation`] in lines for people; see [`Violation::explain`].
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a, K, I, O> {
    violation: &'a Violation<K, O>,
    history: &'a History<I, O>,
}

/// How many operations of the prefix are shown: what happened last explains most.
const SHOWN: usize = 10;

impl<K: fmt::Debug, I: fmt::Debug, O: fmt::Debug> fmt::Display for Explanation<'_, K, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violation = self.violation;
        writeln!(f, "object {:?} is not linearizable", violation.key)?;
        let hidden = violation.prefix.len().saturating_sub(SHOWN);
        writeln!(
            f,
            "the longest order that makes sense has {} operations{}",
            violation.prefix.len(),
            if hidden > 0 {
                ", the last of which are"
            } else {
                ""
            }
        )?;
        for &operation in violation.prefix.iter().skip(hidden) {
            self.line(f, operation)?;
            writeln!(f)?;
        }
        writeln!(f, "and none of these can come next")?;
        for blocked in &violation.blocked {
            self.line(f, blocked.operation)?;
            match &blocked.allowed {
                Some(allowed) => writeln!(f, ", would have answered {allowed:?}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl<K, I: fmt::Debug, O: fmt::Debug> Explanation<'_, K, I, O> {
    fn line(&self, f: &mut fmt::Formatter<'_>, index: usize) -> fmt::Result {
        let Some(operation) = self.history.operations.get(index) else {
            return write!(f, "  #{index} is not in this history");
        };
        write!(
            f,
            "  #{index} process {} [{} ns, ",
            operation.process, operation.call
        )?;
        match &operation.output {
            Outcome::Ok(output) => {
                write!(
                    f,
                    "{} ns] {:?} -> {output:?}",
                    operation.ret, operation.input
                )
            }
            Outcome::Failed => write!(f, "{} ns] {:?} failed", operation.ret, operation.input),
            Outcome::Unknown => write!(f, "?] {:?} -> unknown", operation.input),
        }
    }
}
