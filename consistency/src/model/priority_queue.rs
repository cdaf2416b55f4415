//! A priority queue: least first.

use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use super::shared::Tree;
use super::{Model, hash_of};
use crate::quick::{self, ContainerAction, Timed};
use crate::{Numbered, Outcome, Quick};

/// A priority queue: the least value comes out first, whenever it was put in. It starts out empty, and
/// may hold a value more than once. For the greatest first, use [`core::cmp::Reverse`].
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Operation, PriorityQueue, PriorityQueueInput as In, PriorityQueueOutput as Out,
///     Verdict, check,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, In::Insert(30), Out::Inserted, 0, 10),
///     Operation::ok(1, In::Insert(20), Out::Inserted, 20, 30),
///     Operation::ok(2, In::DeleteMin, Out::Value(Some(30)), 40, 50), // 20 is less
/// ]);
/// assert!(matches!(check(&PriorityQueue::new(), &history, Budget::default()), Verdict::Violated(_)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PriorityQueue<V = i64> {
    value: PhantomData<fn() -> V>,
}

impl<V> PriorityQueue<V> {
    /// A priority queue that starts out empty.
    pub const fn new() -> Self {
        Self { value: PhantomData }
    }
}

impl<V> Default for PriorityQueue<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a [`PriorityQueue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PriorityQueueInput<V = i64> {
    /// Put this in.
    Insert(V),
    /// Take the least out.
    DeleteMin,
    /// Which is the least?
    Min,
    /// How many are in it?
    Len,
}

/// What a [`PriorityQueue`] answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PriorityQueueOutput<V = i64> {
    /// To an insert: done.
    Inserted,
    /// To a delete-min or a min: the least; `None` when the queue is empty.
    Value(Option<V>),
    /// To the question how many are in it.
    Len(u64),
}

/// What is in a [`PriorityQueue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PriorityQueueState<V> {
    /// Each value, with how often it is in.
    times: Tree<V, u64>,
    len: u64,
}

impl<V: Clone + Hash + Ord> PriorityQueueState<V> {
    fn least(&self) -> Option<&V> {
        self.times.first().map(|(value, _)| value)
    }

    fn with(&self, value: &V) -> Self {
        let times = self.times.get(value).map_or(1, |times| times + 1);
        Self {
            times: self.times.with(value.clone(), times),
            len: self.len + 1,
        }
    }

    fn without_least(&self) -> Self {
        let Some((value, times)) = self.times.first() else {
            return self.clone();
        };
        Self {
            times: match times {
                1 => self.times.without(value),
                _ => self.times.with(value.clone(), times - 1),
            },
            len: self.len - 1,
        }
    }
}

impl<V: Clone + Hash + Ord> Model for PriorityQueue<V> {
    type Key = ();
    type State = PriorityQueueState<V>;
    type Input = PriorityQueueInput<V>;
    type Output = PriorityQueueOutput<V>;

    fn key(&self, _: &PriorityQueueInput<V>) {}

    fn initial(&self) -> PriorityQueueState<V> {
        PriorityQueueState {
            times: Tree::new(),
            len: 0,
        }
    }

    fn quick(
        &self,
        operations: &[Numbered<'_, PriorityQueueInput<V>, PriorityQueueOutput<V>>],
    ) -> Quick {
        let mut timed = Vec::with_capacity(operations.len());
        for &numbered in operations {
            let (_, operation) = numbered;
            let answer = match &operation.output {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Failed | Outcome::Unknown => None,
            };
            let action = match (&operation.input, answer) {
                (PriorityQueueInput::Insert(value), None | Some(PriorityQueueOutput::Inserted)) => {
                    ContainerAction::Put(value)
                }
                (PriorityQueueInput::DeleteMin, None) => ContainerAction::Take(None),
                (PriorityQueueInput::DeleteMin, Some(PriorityQueueOutput::Value(value))) => {
                    ContainerAction::Take(value.as_ref())
                }
                (PriorityQueueInput::Min | PriorityQueueInput::Len, None) => continue,
                // Somebody looked at it, or the answer is to another question.
                _ => return Quick::Unsuited,
            };
            timed.push(Timed::new(numbered, action));
        }
        quick::priority_queue(timed)
    }

    fn step(
        &self,
        state: &PriorityQueueState<V>,
        input: &PriorityQueueInput<V>,
        output: Option<&PriorityQueueOutput<V>>,
    ) -> Option<PriorityQueueState<V>> {
        use PriorityQueueInput as In;
        use PriorityQueueOutput as Out;
        let is_least = |told: &Option<V>| told.as_ref() == state.least();
        Some(match (input, output) {
            (In::Insert(value), None | Some(Out::Inserted)) => state.with(value),
            (In::DeleteMin, None) => state.without_least(),
            (In::DeleteMin, Some(Out::Value(told))) if is_least(told) => state.without_least(),
            (In::Min, Some(Out::Value(told))) if is_least(told) => state.clone(),
            (In::Len, Some(Out::Len(told))) if *told == state.len => state.clone(),
            (In::Min | In::Len, None) => state.clone(),
            // Another value, or the answer to another question.
            _ => return None,
        })
    }

    fn is_read(&self, input: &PriorityQueueInput<V>) -> bool {
        matches!(input, PriorityQueueInput::Min | PriorityQueueInput::Len)
    }

    fn is_observation(
        &self,
        input: &PriorityQueueInput<V>,
        output: &PriorityQueueOutput<V>,
    ) -> bool {
        let found_nothing = *output == PriorityQueueOutput::Value(None);
        self.is_read(input) || (*input == PriorityQueueInput::DeleteMin && found_nothing)
    }

    /// Values do not depend on each other: without some of them, the others come out as they did.
    fn footprint(
        &self,
        input: &PriorityQueueInput<V>,
        output: Option<&PriorityQueueOutput<V>>,
    ) -> Option<Vec<u64>> {
        match (input, output) {
            (PriorityQueueInput::Insert(value), _) => Some(alloc::vec![hash_of(value)]),
            (_, Some(PriorityQueueOutput::Value(value))) => {
                Some(value.iter().map(hash_of).collect())
            }
            // Nobody knows what came out, or it depends on all.
            _ => None,
        }
    }

    fn owned_bytes(&self, state: &PriorityQueueState<V>) -> usize {
        state.times.change_bytes()
    }

    fn answer(
        &self,
        state: &PriorityQueueState<V>,
        input: &PriorityQueueInput<V>,
    ) -> Option<PriorityQueueOutput<V>> {
        use PriorityQueueInput as In;
        Some(match input {
            In::Insert(_) => PriorityQueueOutput::Inserted,
            In::DeleteMin | In::Min => PriorityQueueOutput::Value(state.least().cloned()),
            In::Len => PriorityQueueOutput::Len(state.len),
        })
    }
}
