//! A queue: first in, first out.

use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use super::shared::Window;
use super::{Model, hash_of};
use crate::quick::{self, ContainerAction, Timed};
use crate::{Numbered, Outcome, Quick};

/// A queue: what was put in first comes out first. It starts out empty.
///
/// What a broken queue does is to lose a value, to hand one out twice, to let one overtake another, or to
/// say that it is empty when it cannot be. A dequeue whose outcome is unknown may have taken a value that
/// nobody has seen; it excuses one missing value, and no more.
///
/// A state shares its values with the one that it came from, so a queue may be long: to add or to take
/// makes no copy.
///
/// ```
/// use quorate_consistency::{
///     Budget, History, Operation, Queue, QueueInput, QueueOutput, Verdict, check,
/// };
///
/// let mut history = History::from(vec![
///     Operation::ok(1, QueueInput::Enqueue("a"), QueueOutput::Enqueued, 0, 10),
///     Operation::ok(2, QueueInput::Enqueue("b"), QueueOutput::Enqueued, 5, 15),
///     // The two were concurrent, so either may be first.
///     Operation::ok(1, QueueInput::Dequeue, QueueOutput::Value(Some("b")), 20, 30),
/// ]);
/// assert!(matches!(check(&Queue::new(), &history, Budget::default()), Verdict::Holds(_)));
///
/// // But now "a" is in it.
/// history.push(Operation::ok(2, QueueInput::Dequeue, QueueOutput::Value(None), 40, 50));
/// let Verdict::Violated(violation) = check(&Queue::new(), &history, Budget::default()) else {
///     panic!()
/// };
/// assert_eq!(violation.blocked[0].allowed, Some(QueueOutput::Value(Some("a"))));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Queue<V = bytes::Bytes> {
    value: PhantomData<fn() -> V>,
}

impl<V> Queue<V> {
    /// A queue that starts out empty.
    pub const fn new() -> Self {
        Self { value: PhantomData }
    }
}

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a [`Queue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum QueueInput<V = bytes::Bytes> {
    /// Put this in, at the back.
    Enqueue(V),
    /// Take the oldest out.
    Dequeue,
    /// Which is the oldest?
    Peek,
    /// How many are in it?
    Len,
}

/// What a [`Queue`] answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum QueueOutput<V = bytes::Bytes> {
    /// To an enqueue: done.
    Enqueued,
    /// To a dequeue or a peek: the oldest; `None` when the queue is empty.
    Value(Option<V>),
    /// To the question how many are in it.
    Len(u64),
}

/// What is in a [`Queue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct QueueState<V>(Window<V>);

impl<V: Clone + Eq + Hash> Model for Queue<V> {
    type Key = ();
    type State = QueueState<V>;
    type Input = QueueInput<V>;
    type Output = QueueOutput<V>;

    fn key(&self, _: &QueueInput<V>) {}

    fn initial(&self) -> QueueState<V> {
        QueueState(Window::new())
    }

    fn quick(&self, operations: &[Numbered<'_, QueueInput<V>, QueueOutput<V>>]) -> Quick {
        let mut timed = Vec::with_capacity(operations.len());
        for &numbered in operations {
            let (_, operation) = numbered;
            let answer = match &operation.output {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Failed | Outcome::Unknown => None,
            };
            let action = match (&operation.input, answer) {
                (QueueInput::Enqueue(value), None | Some(QueueOutput::Enqueued)) => {
                    ContainerAction::Put(value)
                }
                (QueueInput::Dequeue, None) => ContainerAction::Take(None),
                (QueueInput::Dequeue, Some(QueueOutput::Value(value))) => {
                    ContainerAction::Take(value.as_ref())
                }
                (QueueInput::Peek | QueueInput::Len, None) => continue,
                // Somebody looked at it, or the answer is to another question.
                _ => return Quick::Unsuited,
            };
            timed.push(Timed::new(numbered, action));
        }
        quick::queue(timed)
    }

    fn step(
        &self,
        QueueState(values): &QueueState<V>,
        input: &QueueInput<V>,
        output: Option<&QueueOutput<V>>,
    ) -> Option<QueueState<V>> {
        let is_oldest = |told: &Option<V>| told.as_ref() == values.front();
        Some(QueueState(match (input, output) {
            (QueueInput::Enqueue(value), None | Some(QueueOutput::Enqueued)) => {
                values.with_back(value.clone())
            }
            (QueueInput::Dequeue, None) => values.without_front(),
            (QueueInput::Dequeue, Some(QueueOutput::Value(told))) if is_oldest(told) => {
                values.without_front()
            }
            (QueueInput::Peek, Some(QueueOutput::Value(told))) if is_oldest(told) => values.clone(),
            (QueueInput::Len, Some(QueueOutput::Len(told))) if *told == values.len() as u64 => {
                values.clone()
            }
            (QueueInput::Peek | QueueInput::Len, None) => values.clone(),
            // Another value, or the answer to another question.
            _ => return None,
        }))
    }

    fn is_read(&self, input: &QueueInput<V>) -> bool {
        matches!(input, QueueInput::Peek | QueueInput::Len)
    }

    fn is_observation(&self, input: &QueueInput<V>, output: &QueueOutput<V>) -> bool {
        let found_nothing = *output == QueueOutput::Value(None);
        self.is_read(input) || (*input == QueueInput::Dequeue && found_nothing)
    }

    /// Values do not depend on each other: without some of them, the others come out as they did.
    fn footprint(
        &self,
        input: &QueueInput<V>,
        output: Option<&QueueOutput<V>>,
    ) -> Option<Vec<u64>> {
        match (input, output) {
            (QueueInput::Enqueue(value), _) => Some(alloc::vec![hash_of(value)]),
            (_, Some(QueueOutput::Value(value))) => Some(value.iter().map(hash_of).collect()),
            // Nobody knows what came out, or it depends on all.
            _ => None,
        }
    }

    fn owned_bytes(&self, _: &QueueState<V>) -> usize {
        Window::<V>::VALUE_BYTES
    }

    fn answer(
        &self,
        QueueState(values): &QueueState<V>,
        input: &QueueInput<V>,
    ) -> Option<QueueOutput<V>> {
        Some(match input {
            QueueInput::Enqueue(_) => QueueOutput::Enqueued,
            QueueInput::Dequeue | QueueInput::Peek => QueueOutput::Value(values.front().cloned()),
            QueueInput::Len => QueueOutput::Len(values.len() as u64),
        })
    }
}
