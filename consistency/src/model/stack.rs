//! A stack: last in, first out.

use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use super::shared::Window;
use super::{Model, hash_of};
use crate::quick::{self, ContainerAction, Timed};
use crate::{Numbered, Outcome, Quick};

/// A stack: what was put in last comes out first. It starts out empty.
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Operation, Stack, StackInput, StackOutput, Verdict, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, StackInput::Push("a"), StackOutput::Pushed, 0, 10),
///     Operation::ok(1, StackInput::Push("b"), StackOutput::Pushed, 20, 30),
///     Operation::ok(2, StackInput::Pop, StackOutput::Value(Some("a")), 40, 50), // "b" is on it
/// ]);
/// assert!(matches!(check(&Stack::new(), &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stack<V = bytes::Bytes> {
    value: PhantomData<fn() -> V>,
}

impl<V> Stack<V> {
    /// A stack that starts out empty.
    pub const fn new() -> Self {
        Self { value: PhantomData }
    }
}

impl<V> Default for Stack<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a [`Stack`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StackInput<V = bytes::Bytes> {
    /// Put this on top.
    Push(V),
    /// Take the top off.
    Pop,
    /// What is on top?
    Peek,
    /// How many are on it?
    Len,
}

/// What a [`Stack`] answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StackOutput<V = bytes::Bytes> {
    /// To a push: done.
    Pushed,
    /// To a pop or a peek: the top; `None` when the stack is empty.
    Value(Option<V>),
    /// To the question how many are on it.
    Len(u64),
}

/// What is on a [`Stack`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct StackState<V>(Window<V>);

impl<V: Clone + Eq + Hash> Model for Stack<V> {
    type Key = ();
    type State = StackState<V>;
    type Input = StackInput<V>;
    type Output = StackOutput<V>;

    fn key(&self, _: &StackInput<V>) {}

    fn initial(&self) -> StackState<V> {
        StackState(Window::new())
    }

    fn quick(&self, operations: &[Numbered<'_, StackInput<V>, StackOutput<V>>]) -> Quick {
        let mut timed = Vec::with_capacity(operations.len());
        for &numbered in operations {
            let (_, operation) = numbered;
            let answer = match &operation.output {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Failed | Outcome::Unknown => None,
            };
            let action = match (&operation.input, answer) {
                (StackInput::Push(value), None | Some(StackOutput::Pushed)) => {
                    ContainerAction::Put(value)
                }
                (StackInput::Pop, None) => ContainerAction::Take(None),
                (StackInput::Pop, Some(StackOutput::Value(value))) => {
                    ContainerAction::Take(value.as_ref())
                }
                (StackInput::Peek | StackInput::Len, None) => continue,
                // Somebody looked at it, or the answer is to another question.
                _ => return Quick::Unsuited,
            };
            timed.push(Timed::new(numbered, action));
        }
        quick::stack(timed)
    }

    fn step(
        &self,
        StackState(values): &StackState<V>,
        input: &StackInput<V>,
        output: Option<&StackOutput<V>>,
    ) -> Option<StackState<V>> {
        let is_top = |told: &Option<V>| told.as_ref() == values.back();
        Some(StackState(match (input, output) {
            (StackInput::Push(value), None | Some(StackOutput::Pushed)) => {
                values.with_back(value.clone())
            }
            (StackInput::Pop, None) => values.without_back(),
            (StackInput::Pop, Some(StackOutput::Value(told))) if is_top(told) => {
                values.without_back()
            }
            (StackInput::Peek, Some(StackOutput::Value(told))) if is_top(told) => values.clone(),
            (StackInput::Len, Some(StackOutput::Len(told))) if *told == values.len() as u64 => {
                values.clone()
            }
            (StackInput::Peek | StackInput::Len, None) => values.clone(),
            // Another value, or the answer to another question.
            _ => return None,
        }))
    }

    fn is_read(&self, input: &StackInput<V>) -> bool {
        matches!(input, StackInput::Peek | StackInput::Len)
    }

    fn is_observation(&self, input: &StackInput<V>, output: &StackOutput<V>) -> bool {
        let found_nothing = *output == StackOutput::Value(None);
        self.is_read(input) || (*input == StackInput::Pop && found_nothing)
    }

    /// Values do not depend on each other: without some of them, the others come out as they did.
    fn footprint(
        &self,
        input: &StackInput<V>,
        output: Option<&StackOutput<V>>,
    ) -> Option<Vec<u64>> {
        match (input, output) {
            (StackInput::Push(value), _) => Some(alloc::vec![hash_of(value)]),
            (_, Some(StackOutput::Value(value))) => Some(value.iter().map(hash_of).collect()),
            // Nobody knows what came out, or it depends on all.
            _ => None,
        }
    }

    fn owned_bytes(&self, _: &StackState<V>) -> usize {
        Window::<V>::VALUE_BYTES
    }

    fn answer(
        &self,
        StackState(values): &StackState<V>,
        input: &StackInput<V>,
    ) -> Option<StackOutput<V>> {
        Some(match input {
            StackInput::Push(_) => StackOutput::Pushed,
            StackInput::Pop | StackInput::Peek => StackOutput::Value(values.back().cloned()),
            StackInput::Len => StackOutput::Len(values.len() as u64),
        })
    }
}
