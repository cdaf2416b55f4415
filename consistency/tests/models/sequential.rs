//! Each model does what a naive object of the standard library does, one question after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use quorate_consistency::{
    Counter, CounterInput, CounterOutput, MicroInput, MicroOutput, Model, MultiRegister, Mutex,
    MutexInput, MutexOutput, PriorityQueue, PriorityQueueInput, PriorityQueueOutput, Queue,
    QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput, Set, SetInput, SetOutput,
    Stack, StackInput, StackOutput, Strings, StringsInput, StringsOutput, Together,
};

use crate::differential as draw;
use crate::oracle::Asked;

/// Asks a model and an object the same. The model must answer as the object does, must take that answer,
/// and must refuse any other one: except those for which `is_vague` says that they tell less.
fn does_what<M: Model, O>(
    model: &M,
    asked: impl Strategy<Value = Asked<M>>,
    begin: impl Fn() -> O,
    ask: impl Fn(&mut O, &M::Input) -> Option<M::Output>,
    is_vague: impl Fn(&M::Output, &M::Output) -> bool,
) where
    M::Input: std::fmt::Debug,
    M::Output: std::fmt::Debug + PartialEq,
    M::State: std::fmt::Debug,
{
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(asked, 0..40), |asked| {
            let mut object = begin();
            let mut state = model.initial();
            for (input, other) in asked {
                let right = ask(&mut object, &input);
                let answer = model.answer(&state, &input);
                prop_assert_eq!(&answer, &right, "{:?} of {:?}", &input, &state);
                let other_state = model.step(&state, &input, Some(&other));
                let Some(right) = right else {
                    prop_assert!(other_state.is_none());
                    prop_assert!(model.step(&state, &input, None).is_none());
                    continue;
                };
                let fits = other == right || is_vague(&other, &right);
                prop_assert_eq!(other_state.is_some(), fits, "{:?}: {:?}", &input, &other);
                let next = model.step(&state, &input, Some(&right));
                prop_assert_eq!(&next, &model.step(&state, &input, None));
                if let Some(other_state) = other_state {
                    prop_assert_eq!(next.as_ref(), Some(&other_state));
                }
                let next = next.unwrap();
                prop_assert!(!model.is_read(&input) || next == state);
                state = next;
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

fn never<O>(_: &O, _: &O) -> bool {
    false
}

#[test]
fn a_register_is_an_option() {
    let ask = |cell: &mut Option<u8>, input: &RegisterInput<u8>| {
        Some(match input {
            RegisterInput::Read => RegisterOutput::Value(*cell),
            RegisterInput::Write(value) => {
                *cell = Some(*value);
                RegisterOutput::Written
            }
            RegisterInput::CompareAndSet { expected, value } => {
                let swaps = cell == expected;
                if swaps {
                    *cell = Some(*value);
                }
                RegisterOutput::Swapped(swaps)
            }
        })
    };
    does_what(&Register::new(), draw::register(), || None, ask, never);
    does_what(
        &Register::starting_at(2),
        draw::register(),
        || Some(2),
        ask,
        never,
    );
}

#[test]
fn a_queue_is_a_deque_that_is_used_at_two_ends() {
    let ask = |deque: &mut VecDeque<u8>, input: &QueueInput<u8>| {
        Some(match input {
            QueueInput::Enqueue(value) => {
                deque.push_back(*value);
                QueueOutput::Enqueued
            }
            QueueInput::Dequeue => QueueOutput::Value(deque.pop_front()),
            QueueInput::Peek => QueueOutput::Value(deque.front().copied()),
            QueueInput::Len => QueueOutput::Len(deque.len() as u64),
        })
    };
    does_what(&Queue::new(), draw::queue(), VecDeque::new, ask, never);
}

#[test]
fn a_stack_is_a_vector() {
    let ask = |vector: &mut Vec<u8>, input: &StackInput<u8>| {
        Some(match input {
            StackInput::Push(value) => {
                vector.push(*value);
                StackOutput::Pushed
            }
            StackInput::Pop => StackOutput::Value(vector.pop()),
            StackInput::Peek => StackOutput::Value(vector.last().copied()),
            StackInput::Len => StackOutput::Len(vector.len() as u64),
        })
    };
    does_what(&Stack::new(), draw::stack(), Vec::new, ask, never);
}

#[test]
fn a_priority_queue_is_a_heap() {
    let ask = |heap: &mut BinaryHeap<Reverse<u8>>, input: &PriorityQueueInput<u8>| {
        Some(match input {
            PriorityQueueInput::Insert(value) => {
                heap.push(Reverse(*value));
                PriorityQueueOutput::Inserted
            }
            PriorityQueueInput::DeleteMin => {
                PriorityQueueOutput::Value(heap.pop().map(|Reverse(value)| value))
            }
            PriorityQueueInput::Min => {
                PriorityQueueOutput::Value(heap.peek().map(|Reverse(value)| *value))
            }
            PriorityQueueInput::Len => PriorityQueueOutput::Len(heap.len() as u64),
        })
    };
    let begin = BinaryHeap::new;
    does_what(
        &PriorityQueue::new(),
        draw::priority_queue(),
        begin,
        ask,
        never,
    );
}

#[test]
fn a_set_is_a_set() {
    let ask = |set: &mut BTreeSet<u8>, input: &SetInput<u8>| {
        Some(match input {
            SetInput::Add(value) => SetOutput::Changed(Some(set.insert(*value))),
            SetInput::Remove(value) => SetOutput::Changed(Some(set.remove(value))),
            SetInput::Contains(value) => SetOutput::Contains(set.contains(value)),
            SetInput::ReadAll => SetOutput::All(set.clone()),
        })
    };
    let is_vague = |told: &SetOutput<u8>, right: &SetOutput<u8>| {
        *told == SetOutput::Changed(None) && matches!(right, SetOutput::Changed(_))
    };
    does_what(&Set::new(), draw::set(), BTreeSet::new, ask, is_vague);
}

#[test]
fn a_counter_is_a_number() {
    let ask = |sum: &mut i64, input: &CounterInput| {
        Some(match input {
            CounterInput::Read => CounterOutput::Value(*sum),
            CounterInput::Add(by) => {
                *sum = sum.checked_add(*by)?;
                CounterOutput::Added
            }
            CounterInput::AddAndGet(by) => {
                *sum = sum.checked_add(*by)?;
                CounterOutput::Value(*sum)
            }
        })
    };
    does_what(&Counter::new(), draw::counter(), || 0, ask, never);
    does_what(
        &Counter::starting_at(-2),
        draw::counter(),
        || -2,
        ask,
        never,
    );
}

#[test]
fn strings_are_a_map_of_vectors() {
    type Map = BTreeMap<bytes::Bytes, Vec<u8>>;
    let ask = |map: &mut Map, input: &StringsInput| {
        let string = map.entry(input.key().clone()).or_default();
        Some(match input {
            StringsInput::Get { .. } => StringsOutput::Got {
                value: string.clone().into(),
            },
            StringsInput::Put { value, .. } => {
                *string = value.to_vec();
                StringsOutput::Written
            }
            StringsInput::Append { value, .. } => {
                string.extend_from_slice(value);
                StringsOutput::Appended {
                    value: Some(string.clone().into()),
                }
            }
        })
    };
    let is_vague = |told: &StringsOutput, right: &StringsOutput| {
        *told == StringsOutput::Appended { value: None }
            && matches!(right, StringsOutput::Appended { .. })
    };
    does_what(&Together(Strings), draw::strings(), Map::new, ask, is_vague);
}

#[test]
fn a_mutex_is_held_by_one() {
    // Who holds it, and whether that was told.
    let ask = |holder: &mut Option<Option<u64>>, input: &MutexInput| {
        let is_granted = match input {
            MutexInput::Acquire { .. } => holder.is_none(),
            MutexInput::Release { owner } => match (&holder, owner) {
                (None, _) => false,
                (Some(Some(holder)), Some(owner)) => holder == owner,
                _ => true,
            },
        };
        if is_granted {
            *holder = match input {
                MutexInput::Acquire { owner } => Some(*owner),
                MutexInput::Release { .. } => None,
            };
        }
        Some(match is_granted {
            true => MutexOutput::Granted,
            false => MutexOutput::Refused,
        })
    };
    does_what(&Mutex::new(), draw::mutex(), || None, ask, never);
}

#[test]
fn transactions_are_a_map_and_one_at_a_time() {
    let ask = |map: &mut BTreeMap<u8, u8>, input: &Vec<MicroInput<u8, u8>>| {
        let answer = |micro: &MicroInput<u8, u8>| match micro {
            MicroInput::Read(key) => MicroOutput::Value(map.get(key).copied()),
            MicroInput::Write(key, value) => {
                map.insert(*key, *value);
                MicroOutput::Written
            }
        };
        Some(input.iter().map(answer).collect::<Vec<_>>())
    };
    let is_vague = |told: &Vec<MicroOutput<u8>>, right: &Vec<MicroOutput<u8>>| {
        told.len() == right.len()
            && told.iter().zip(right).all(|(told, right)| {
                told == right
                    || (*told == MicroOutput::Untold && matches!(right, MicroOutput::Value(_)))
            })
    };
    let model = MultiRegister::starting_at([(0, 2), (7, 7)]);
    let begin = || BTreeMap::from([(0, 2), (7, 7)]);
    does_what(&model, draw::transaction(), begin, ask, is_vague);
}
