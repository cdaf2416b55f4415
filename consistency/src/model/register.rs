//! One cell.

use alloc::vec::Vec;
use core::hash::Hash;

use super::{Model, hash_of};
use crate::quick::{self, RegisterAction, Timed};
use crate::{Numbered, Outcome, Quick};

/// One cell that is read, written, and compared and set. It starts out empty, or
/// [with a value](Self::starting_at).
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Operation, Register, RegisterInput, RegisterOutput, Verdict, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, RegisterInput::Write("a"), RegisterOutput::Written, 0, 10),
///     // Concurrent with the write, so either answer would do: this one says it came after.
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(Some("a")), 5, 8),
///     // And then nobody may see the register empty any more.
///     Operation::ok(3, RegisterInput::Read, RegisterOutput::Value(None), 9, 12),
/// ]);
/// let Verdict::Violated(violation) = check(&Register::new(), &history, Budget::default()) else {
///     panic!()
/// };
/// assert_eq!(violation.prefix, [0, 1]);
/// assert_eq!(violation.blocked[0].operation, 2);
/// assert_eq!(violation.blocked[0].allowed, Some(RegisterOutput::Value(Some("a"))));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Register<V = bytes::Bytes> {
    initial: Option<V>,
}

impl<V> Register<V> {
    /// A register that starts out empty.
    pub const fn new() -> Self {
        Self { initial: None }
    }

    /// A register that starts out with this in it.
    pub const fn starting_at(value: V) -> Self {
        Self {
            initial: Some(value),
        }
    }
}

impl<V> Default for Register<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The position of the write that put the initial value in. No history is as long.
const INITIAL: usize = usize::MAX;

/// What is asked of a [`Register`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RegisterInput<V = bytes::Bytes> {
    /// What is in it?
    Read,
    /// Put this in.
    Write(V),
    /// Put `value` in if `expected` is in it.
    CompareAndSet {
        /// What must be in it; `None` for nothing.
        expected: Option<V>,
        /// What is put in.
        value: V,
    },
}

/// What a [`Register`] answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RegisterOutput<V = bytes::Bytes> {
    /// To a read: what is in it; `None` for nothing.
    Value(Option<V>),
    /// To a write: done.
    Written,
    /// To a compare-and-set: whether the expected value was in it, and the new one is now.
    Swapped(bool),
}

impl<V: Clone + Eq + Hash> Model for Register<V> {
    type Key = ();
    type State = Option<V>;
    type Input = RegisterInput<V>;
    type Output = RegisterOutput<V>;

    fn key(&self, _: &RegisterInput<V>) {}

    fn initial(&self) -> Option<V> {
        self.initial.clone()
    }

    fn step(
        &self,
        state: &Option<V>,
        input: &RegisterInput<V>,
        output: Option<&RegisterOutput<V>>,
    ) -> Option<Option<V>> {
        let next = match (input, output) {
            (RegisterInput::Read, None) => state.clone(),
            (RegisterInput::Read, Some(RegisterOutput::Value(read))) if read == state => {
                state.clone()
            }
            (RegisterInput::Write(value), None | Some(RegisterOutput::Written)) => {
                Some(value.clone())
            }
            (RegisterInput::CompareAndSet { expected, value }, None | Some(_)) => {
                let swaps = expected == state;
                match output {
                    Some(RegisterOutput::Swapped(swapped)) if *swapped != swaps => return None,
                    Some(RegisterOutput::Swapped(_)) | None => {}
                    Some(_) => return None,
                }
                if swaps {
                    Some(value.clone())
                } else {
                    state.clone()
                }
            }
            // Another value was read, or the answer is to another question.
            _ => return None,
        };
        Some(next)
    }

    fn is_observation(&self, input: &RegisterInput<V>, output: &RegisterOutput<V>) -> bool {
        self.is_read(input) || *output == RegisterOutput::Swapped(false)
    }

    fn footprint(
        &self,
        input: &RegisterInput<V>,
        output: Option<&RegisterOutput<V>>,
    ) -> Option<Vec<u64>> {
        let of = |value: Option<&V>| hash_of(&value);
        match (input, output) {
            (RegisterInput::Read, Some(RegisterOutput::Value(value))) => {
                Some(alloc::vec![of(value.as_ref())])
            }
            (RegisterInput::Write(value), _) => Some(alloc::vec![of(Some(value))]),
            // That it did not find something tells of all that it may have found.
            (RegisterInput::CompareAndSet { .. }, Some(RegisterOutput::Swapped(false))) => None,
            (RegisterInput::CompareAndSet { expected, value }, _) => {
                Some(alloc::vec![of(expected.as_ref()), of(Some(value))])
            }
            _ => None,
        }
    }

    fn is_read(&self, input: &RegisterInput<V>) -> bool {
        matches!(input, RegisterInput::Read)
    }

    fn quick(&self, operations: &[Numbered<'_, RegisterInput<V>, RegisterOutput<V>>]) -> Quick {
        // What it starts out with was written before everything else.
        let first = self.initial.as_ref().map(|value| Timed {
            position: INITIAL,
            call: 0,
            ret: Some(0),
            action: RegisterAction::Write(value),
        });
        let later = u64::from(first.is_some());
        let mut timed = Vec::with_capacity(operations.len() + 1);
        timed.extend(first);
        for &numbered in operations {
            let (_, operation) = numbered;
            let answer = match &operation.output {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Failed | Outcome::Unknown => None,
            };
            let action = match (&operation.input, answer) {
                (RegisterInput::Read, None) => RegisterAction::Read(None),
                (RegisterInput::Read, Some(RegisterOutput::Value(value))) => {
                    RegisterAction::Read(value.as_ref())
                }
                (RegisterInput::Write(value), None | Some(RegisterOutput::Written)) => {
                    RegisterAction::Write(value)
                }
                (
                    RegisterInput::CompareAndSet { expected, value },
                    None | Some(RegisterOutput::Swapped(_)),
                ) => RegisterAction::CompareAndSet {
                    expected: expected.as_ref(),
                    value,
                    swapped: matches!(answer, Some(RegisterOutput::Swapped(true))),
                },
                // The answer is to another question.
                _ => return Quick::Unsuited,
            };
            let Timed { call, ret, .. } = Timed::new(numbered, action);
            timed.push(Timed {
                position: numbered.0,
                call: call.saturating_add(later),
                ret: ret.map(|ret| ret.saturating_add(later)),
                action,
            });
        }
        let without_first = |mut positions: Vec<usize>| {
            positions.retain(|&position| position != INITIAL);
            positions
        };
        match quick::register(timed) {
            Quick::Unsuited => Quick::Unsuited,
            Quick::Holds(order) => Quick::Holds(without_first(order)),
            Quick::Violated { kept } => Quick::Violated {
                kept: without_first(kept),
            },
        }
    }

    fn answer(&self, state: &Option<V>, input: &RegisterInput<V>) -> Option<RegisterOutput<V>> {
        Some(match input {
            RegisterInput::Read => RegisterOutput::Value(state.clone()),
            RegisterInput::Write(_) => RegisterOutput::Written,
            RegisterInput::CompareAndSet { expected, .. } => {
                RegisterOutput::Swapped(expected == state)
            }
        })
    }
}
