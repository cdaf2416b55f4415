//! A number that is added to.

use super::Model;

/// A number that is added to and read.
///
/// An add that tells the sum is a strong witness: of two adds that tell the same sum, one was lost. An
/// add that tells nothing is checked by what reads show later. When all that is of interest is the sum at
/// the end, a [`CounterAudit`](crate::CounterAudit) says it in linear time.
///
/// Numbers are `i64`. A sum that goes past them cannot have been acknowledged.
///
/// ```
/// use quorate_consistency::{
///     Budget, Counter, CounterInput, CounterOutput, History, Operation, Verdict, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, CounterInput::AddAndGet(5), CounterOutput::Value(5), 0, 10),
///     // A timeout that was retried, and both came through.
///     Operation::unknown(2, CounterInput::Add(1), 5),
///     Operation::ok(2, CounterInput::Add(1), CounterOutput::Added, 20, 30),
///     Operation::ok(3, CounterInput::Read, CounterOutput::Value(7), 40, 50),
/// ]);
/// assert!(matches!(check(&Counter::new(), &history, Budget::default()), Verdict::Holds(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    initial: i64,
}

impl Counter {
    /// A counter that starts at 0.
    pub const fn new() -> Self {
        Self::starting_at(0)
    }

    /// A counter that starts at this number.
    pub const fn starting_at(initial: i64) -> Self {
        Self { initial }
    }
}

/// What is asked of a [`Counter`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CounterInput {
    /// What is the sum?
    Read,
    /// Add this.
    Add(i64),
    /// Add this, and tell the sum.
    AddAndGet(i64),
}

/// What a [`Counter`] answers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CounterOutput {
    /// To a read or an add-and-get: the sum.
    Value(i64),
    /// To an add: done.
    Added,
}

impl Model for Counter {
    type Key = ();
    type State = i64;
    type Input = CounterInput;
    type Output = CounterOutput;

    fn key(&self, _: &CounterInput) {}

    fn initial(&self) -> i64 {
        self.initial
    }

    fn step(
        &self,
        state: &i64,
        input: &CounterInput,
        output: Option<&CounterOutput>,
    ) -> Option<i64> {
        let answer = self.answer(state, input)?;
        let fits = output.is_none_or(|output| *output == answer);
        fits.then_some(match input {
            CounterInput::Read => *state,
            CounterInput::Add(by) | CounterInput::AddAndGet(by) => state.checked_add(*by)?,
        })
    }

    fn is_read(&self, input: &CounterInput) -> bool {
        matches!(input, CounterInput::Read)
    }

    fn answer(&self, state: &i64, input: &CounterInput) -> Option<CounterOutput> {
        Some(match input {
            CounterInput::Read => CounterOutput::Value(*state),
            CounterInput::Add(by) => {
                state.checked_add(*by)?;
                CounterOutput::Added
            }
            CounterInput::AddAndGet(by) => CounterOutput::Value(state.checked_add(*by)?),
        })
    }
}
