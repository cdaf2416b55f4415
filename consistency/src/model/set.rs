//! A set.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use super::shared::Tree;
use super::{Model, hash_of};
use crate::quick::{self, SetAction, Timed};
use crate::{Fuel, Numbered, Outcome, Quick};

/// A set of values. It starts out empty.
///
/// To read the whole set is one operation here, that shows one moment. A store that reads its parts one
/// after the other shows no moment of the whole, and this model finds it out.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use quorate_consistency::{Budget, History, Operation, Set, SetInput, SetOutput, Verdict, check};
///
/// let done = || SetOutput::Changed(None);
/// let history = History::from(vec![
///     Operation::ok(1, SetInput::Add("a"), done(), 0, 10),
///     Operation::ok(1, SetInput::Add("b"), done(), 20, 30),
///     // Concurrent with both, but nobody who sees "b" can miss "a".
///     Operation::ok(2, SetInput::ReadAll, SetOutput::All(BTreeSet::from(["b"])), 5, 40),
/// ]);
/// assert!(matches!(check(&Set::new(), &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Set<V = bytes::Bytes> {
    value: PhantomData<fn() -> V>,
}

impl<V> Set<V> {
    /// A set that starts out empty.
    pub const fn new() -> Self {
        Self { value: PhantomData }
    }
}

impl<V> Default for Set<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a [`Set`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SetInput<V = bytes::Bytes> {
    /// Let this be in it.
    Add(V),
    /// Let this not be in it.
    Remove(V),
    /// Is this in it?
    Contains(V),
    /// What is in it?
    ReadAll,
}

/// What a [`Set`] answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(deserialize = "V: serde::Deserialize<'de> + Ord"))
)]
pub enum SetOutput<V = bytes::Bytes> {
    /// To an add or a remove: whether it changed the set. `None` when that was not told.
    Changed(Option<bool>),
    /// To the question whether a value is in it.
    Contains(bool),
    /// All that is in it.
    All(BTreeSet<V>),
}

/// What is in a [`Set`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SetState<V>(Tree<V, ()>);

impl<V: Clone + Hash + Ord> SetState<V> {
    fn contains(&self, value: &V) -> bool {
        self.0.get(value).is_some()
    }
}

impl<V: Clone + Hash + Ord> Model for Set<V> {
    type Key = ();
    type State = SetState<V>;
    type Input = SetInput<V>;
    type Output = SetOutput<V>;

    fn key(&self, _: &SetInput<V>) {}

    fn initial(&self) -> SetState<V> {
        SetState(Tree::new())
    }

    fn step(
        &self,
        state: &SetState<V>,
        input: &SetInput<V>,
        output: Option<&SetOutput<V>>,
    ) -> Option<SetState<V>> {
        let fits = match (input, output) {
            (_, None)
            | (SetInput::Add(_) | SetInput::Remove(_), Some(SetOutput::Changed(None))) => true,
            (SetInput::Add(value), Some(SetOutput::Changed(Some(changed)))) => {
                *changed != state.contains(value)
            }
            (SetInput::Remove(value), Some(SetOutput::Changed(Some(changed)))) => {
                *changed == state.contains(value)
            }
            (SetInput::Contains(value), Some(SetOutput::Contains(told))) => {
                *told == state.contains(value)
            }
            (SetInput::ReadAll, Some(SetOutput::All(all))) => {
                all.len() == state.0.len() && all.iter().eq(state.0.iter().map(|(value, ())| value))
            }
            // An answer to another question.
            _ => false,
        };
        fits.then(|| match input {
            SetInput::Add(value) if !state.contains(value) => {
                SetState(state.0.with(value.clone(), ()))
            }
            SetInput::Remove(value) if state.contains(value) => SetState(state.0.without(value)),
            _ => state.clone(),
        })
    }

    fn step_within(
        &self,
        state: &SetState<V>,
        input: &SetInput<V>,
        output: Option<&SetOutput<V>>,
        fuel: &mut Fuel,
    ) -> Option<SetState<V>> {
        // To compare all that is in it takes long, if it is as much as was read.
        if let Some(SetOutput::All(all)) = output
            && all.len() == state.0.len()
            && !fuel.spend(all.len() as u64)
        {
            return None;
        }
        self.step(state, input, output)
    }

    fn is_read(&self, input: &SetInput<V>) -> bool {
        matches!(input, SetInput::Contains(_) | SetInput::ReadAll)
    }

    fn quick(&self, operations: &[Numbered<'_, SetInput<V>, SetOutput<V>>]) -> Quick {
        let mut timed = Vec::with_capacity(operations.len());
        for &numbered in operations {
            let (_, operation) = numbered;
            let answer = match &operation.output {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Failed | Outcome::Unknown => None,
            };
            let action = match (&operation.input, answer) {
                // Of these, the answer is not looked at.
                (SetInput::Add(value), None) => SetAction::Insert(value, true),
                (SetInput::Remove(value), None) => SetAction::Remove(value, true),
                (SetInput::Contains(value), None) => SetAction::Contains(value, true),
                (SetInput::ReadAll, None) => continue,
                (SetInput::Add(value), Some(SetOutput::Changed(Some(changed)))) => {
                    SetAction::Insert(value, *changed)
                }
                (SetInput::Remove(value), Some(SetOutput::Changed(Some(changed)))) => {
                    SetAction::Remove(value, *changed)
                }
                (SetInput::Contains(value), Some(SetOutput::Contains(is_in))) => {
                    SetAction::Contains(value, *is_in)
                }
                // Somebody read the whole set, or was not told whether there was a change.
                _ => return Quick::Unsuited,
            };
            timed.push(Timed::new(numbered, action));
        }
        quick::set(timed)
    }

    fn is_observation(&self, input: &SetInput<V>, output: &SetOutput<V>) -> bool {
        self.is_read(input) || *output == SetOutput::Changed(Some(false))
    }

    /// Values do not depend on each other, unless all are read at once.
    fn footprint(&self, input: &SetInput<V>, _: Option<&SetOutput<V>>) -> Option<Vec<u64>> {
        match input {
            SetInput::Add(value) | SetInput::Remove(value) | SetInput::Contains(value) => {
                Some(alloc::vec![hash_of(value)])
            }
            SetInput::ReadAll => None,
        }
    }

    fn owned_bytes(&self, state: &SetState<V>) -> usize {
        state.0.change_bytes()
    }

    fn answer(&self, state: &SetState<V>, input: &SetInput<V>) -> Option<SetOutput<V>> {
        Some(match input {
            SetInput::Add(value) => SetOutput::Changed(Some(!state.contains(value))),
            SetInput::Remove(value) => SetOutput::Changed(Some(state.contains(value))),
            SetInput::Contains(value) => SetOutput::Contains(state.contains(value)),
            SetInput::ReadAll => {
                SetOutput::All(state.0.iter().map(|(value, ())| value.clone()).collect())
            }
        })
    }
}
