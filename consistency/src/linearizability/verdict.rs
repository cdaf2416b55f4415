//! The evidence for and against linearizability.

use alloc::vec::Vec;
use core::fmt;

use crate::{History, Outcome, Verdict};

/// What came of a check of linearizability: an order for each object, or where one makes no sense.
/// Operations are named by their position in the history.
pub type Linearizability<K, O> = Verdict<Vec<Linearization<K>>, Violation<K, O>>;

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
    /// The operations that it takes.
    pub core: Core,
    /// An order of as many of the [kept](Core::kept) operations as any order can place.
    pub prefix: Vec<usize>,
    /// The kept operations that may come next after the prefix, of which each answered something else
    /// than the model. Ordered by call.
    pub blocked: Vec<Blocked<O>>,
}

/// The few operations of an object that make no sense together, whatever the others did.
///
/// Three things can be taken away from a history that is linearizable, and it still is, so what is not
/// linearizable after that never was:
///
/// - what an operation **answered**: it is taken to be of unknown outcome, and may have happened or not;
/// - operations that **change nothing**, those called after all that is kept has returned, and those on
///   [values](crate::Model::footprint) that nothing else has to do with;
/// - nothing else.
///
/// [`verify_violation`](crate::verify_violation) checks on its own that no more was taken away, and
/// that what is left makes no sense.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Core {
    /// The operations whose answers contradict each other, by position in the history.
    pub kept: Vec<usize>,
    /// The operations beside them that may have had an effect or not, by position in the history.
    pub perhaps: Vec<usize>,
    /// Whether all of `kept` are needed: without the answer of any one of them, there is no
    /// contradiction. Otherwise there was no time to find out; see
    /// [`Violation::shrink`](crate::Violation::shrink).
    pub is_minimal: bool,
}

/// An operation that cannot come next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked<O> {
    /// The operation.
    pub operation: usize,
    /// What it would have answered after the prefix; `None` when the model cannot say.
    pub allowed: Option<O>,
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
        let (kept, all) = (violation.core.kept.len(), self.history.len());
        writeln!(f, "{kept} of {all} operations contradict each other")?;
        writeln!(
            f,
            "the longest order of them that makes sense has {}{}",
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
