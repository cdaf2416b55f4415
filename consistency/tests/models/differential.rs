//! The checker against the oracle, model by model, on many small histories.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_consistency::{
    Counter, CounterInput, CounterOutput, MicroInput, MicroOutput, Model, MultiRegister, Mutex,
    MutexInput, MutexOutput, PriorityQueue, PriorityQueueInput, PriorityQueueOutput, Queue,
    QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput, Set, SetInput, SetOutput,
    Stack, StackInput, StackOutput, Strings, StringsInput, StringsOutput, Together,
};

use crate::oracle::{Asked, agrees};

const CASES: u32 = 600;

/// Few, so that values come twice.
fn value() -> impl Strategy<Value = u8> + Clone {
    0..3_u8
}

fn told() -> impl Strategy<Value = Option<u8>> + Clone {
    prop::option::weighted(0.7, value())
}

pub(crate) fn register() -> impl Strategy<Value = Asked<Register<u8>>> + Clone {
    prop_oneof![
        told().prop_map(|told| (RegisterInput::Read, RegisterOutput::Value(told))),
        value().prop_map(|value| (RegisterInput::Write(value), RegisterOutput::Written)),
        (told(), value(), any::<bool>()).prop_map(|(expected, value, swapped)| (
            RegisterInput::CompareAndSet { expected, value },
            RegisterOutput::Swapped(swapped)
        )),
    ]
}

pub(crate) fn queue() -> impl Strategy<Value = Asked<Queue<u8>>> + Clone {
    use {QueueInput as In, QueueOutput as Out};
    prop_oneof![
        4 => value().prop_map(|value| (In::Enqueue(value), Out::Enqueued)),
        4 => told().prop_map(|told| (In::Dequeue, Out::Value(told))),
        1 => told().prop_map(|told| (In::Peek, Out::Value(told))),
        1 => (0..3_u64).prop_map(|len| (In::Len, Out::Len(len))),
    ]
}

pub(crate) fn stack() -> impl Strategy<Value = Asked<Stack<u8>>> + Clone {
    use {StackInput as In, StackOutput as Out};
    prop_oneof![
        4 => value().prop_map(|value| (In::Push(value), Out::Pushed)),
        4 => told().prop_map(|told| (In::Pop, Out::Value(told))),
        1 => told().prop_map(|told| (In::Peek, Out::Value(told))),
        1 => (0..3_u64).prop_map(|len| (In::Len, Out::Len(len))),
    ]
}

pub(crate) fn priority_queue() -> impl Strategy<Value = Asked<PriorityQueue<u8>>> + Clone {
    use {PriorityQueueInput as In, PriorityQueueOutput as Out};
    prop_oneof![
        4 => value().prop_map(|value| (In::Insert(value), Out::Inserted)),
        4 => told().prop_map(|told| (In::DeleteMin, Out::Value(told))),
        1 => told().prop_map(|told| (In::Min, Out::Value(told))),
        1 => (0..3_u64).prop_map(|len| (In::Len, Out::Len(len))),
    ]
}

pub(crate) fn set() -> impl Strategy<Value = Asked<Set<u8>>> + Clone {
    use {SetInput as In, SetOutput as Out};
    let changed = || prop::option::of(any::<bool>());
    prop_oneof![
        (value(), changed()).prop_map(|(value, changed)| (In::Add(value), Out::Changed(changed))),
        (value(), changed())
            .prop_map(|(value, changed)| (In::Remove(value), Out::Changed(changed))),
        (value(), any::<bool>())
            .prop_map(|(value, is_in)| (In::Contains(value), Out::Contains(is_in))),
        prop::collection::btree_set(value(), 0..3)
            .prop_map(|all: BTreeSet<_>| (In::ReadAll, Out::All(all))),
    ]
}

pub(crate) fn counter() -> impl Strategy<Value = Asked<Counter>> + Clone {
    use {CounterInput as In, CounterOutput as Out};
    prop_oneof![
        (0..4_i64).prop_map(|sum| (In::Read, Out::Value(sum))),
        (-1..3_i64).prop_map(|by| (In::Add(by), Out::Added)),
        (-1..3_i64, 0..4_i64).prop_map(|(by, sum)| (In::AddAndGet(by), Out::Value(sum))),
        Just((In::Add(i64::MAX), Out::Added)),
    ]
}

pub(crate) fn strings() -> impl Strategy<Value = Asked<Strings>> + Clone {
    use {StringsInput as In, StringsOutput as Out};
    let text = |pattern: &'static str| pattern.prop_map(Bytes::from);
    let key = move || text("[xy]");
    prop_oneof![
        (key(), text("[ab]{0,2}")).prop_map(|(key, value)| (In::Get { key }, Out::Got { value })),
        (key(), text("[ab]")).prop_map(|(key, value)| (In::Put { key, value }, Out::Written)),
        (
            key(),
            text("[ab]{0,2}"),
            prop::option::of(text("[ab]{0,3}"))
        )
            .prop_map(|(key, value, told)| (
                In::Append { key, value },
                Out::Appended { value: told }
            )),
    ]
}

pub(crate) fn mutex() -> impl Strategy<Value = Asked<Mutex>> + Clone {
    let owner = || prop::option::of(0..2_u64);
    let output = || prop_oneof![4 => Just(MutexOutput::Granted), 1 => Just(MutexOutput::Refused)];
    prop_oneof![
        (owner(), output()).prop_map(|(owner, output)| (MutexInput::Acquire { owner }, output)),
        (owner(), output()).prop_map(|(owner, output)| (MutexInput::Release { owner }, output)),
    ]
}

/// Micro-operations with their answers.
pub(crate) fn transaction() -> impl Strategy<Value = Asked<MultiRegister<u8, u8>>> + Clone {
    let micro = prop_oneof![
        (0..2_u8, told()).prop_map(|(key, told)| (MicroInput::Read(key), MicroOutput::Value(told))),
        (0..2_u8).prop_map(|key| (MicroInput::Read(key), MicroOutput::Untold)),
        (0..2_u8, value())
            .prop_map(|(key, value)| (MicroInput::Write(key, value), MicroOutput::Written)),
    ];
    prop::collection::vec(micro, 0..3).prop_map(|micros| micros.into_iter().unzip())
}

#[test]
fn registers() {
    let quick = agrees(CASES, &Register::new(), register());
    assert!(quick > CASES / 4, "{quick}");
    let quick = agrees(CASES, &Register::starting_at(1), register());
    assert!(quick > CASES / 4, "{quick}");
}

#[test]
fn queues() {
    let quick = agrees(2 * CASES, &Queue::new(), queue());
    assert!(quick > CASES / 4, "{quick}");
    // Only what can be decided without a search, and often with values that are put in once.
    let asked = queue().prop_filter("a look", |(input, _)| !Queue::new().is_read(input));
    let quick = agrees(2 * CASES, &Queue::new(), asked);
    assert!(quick > 2 * CASES, "{quick}");
}

#[test]
fn stacks() {
    let quick = agrees(2 * CASES, &Stack::new(), stack());
    assert!(quick > CASES / 4, "{quick}");
    // Only what can be decided without a search, and often with values that are put in once.
    let asked = stack().prop_filter("a look", |(input, _)| !Stack::new().is_read(input));
    let quick = agrees(2 * CASES, &Stack::new(), asked);
    assert!(quick > 2 * CASES, "{quick}");
}

#[test]
fn priority_queues() {
    let quick = agrees(2 * CASES, &PriorityQueue::new(), priority_queue());
    assert!(quick > CASES / 4, "{quick}");
    // Only what can be decided without a search, and often with values that are put in once.
    let asked =
        priority_queue().prop_filter("a look", |(input, _)| !PriorityQueue::new().is_read(input));
    let quick = agrees(2 * CASES, &PriorityQueue::new(), asked);
    assert!(quick > 2 * CASES, "{quick}");
}

#[test]
fn sets() {
    let quick = agrees(2 * CASES, &Set::new(), set());
    assert!(quick > CASES / 4, "{quick}");
}

#[test]
fn counters() {
    agrees(CASES, &Counter::new(), counter());
    agrees(CASES, &Counter::starting_at(2), counter());
}

/// By key, and as one: the verdicts are the same, since both are the oracle's, which knows of no keys.
#[test]
fn keyed_strings() {
    agrees(CASES, &Strings, strings());
    agrees(CASES, &Together(Strings), strings());
}

#[test]
fn mutexes() {
    agrees(CASES, &Mutex::new(), mutex());
}

#[test]
fn transactions() {
    agrees(CASES, &MultiRegister::new(), transaction());
    agrees(CASES, &MultiRegister::starting_at([(0, 1)]), transaction());
}
