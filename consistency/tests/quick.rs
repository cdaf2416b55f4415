//! `check` decides objects with unique values without a search, however many operations overlap.

use std::collections::{BTreeSet, VecDeque};

use quorate_consistency::{
    Budget, History, Model, Operation, PriorityQueue, PriorityQueueInput, PriorityQueueOutput,
    Queue, QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput, Set, SetInput,
    SetOutput, Stack, StackInput, StackOutput, Verdict, check, verify,
};

/// A history of an object that does what it should, with many operations at once.
fn long<I, O>(mut next: impl FnMut(u64, u64) -> (I, O)) -> History<I, O> {
    let mut random = 1_u64;
    let mut below = move |bound: u64| {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (random >> 33) % bound
    };
    (0..10_000)
        .map(|at| {
            let effect = 2_000 + 10 * at;
            let (input, output) = next(at, below(2));
            let (call, ret) = (effect - below(2_000), effect + below(2_000));
            Operation::ok(at, input, output, call, ret)
        })
        .collect()
}

/// Decides the history, and one in which two answers are exchanged: with little more work than to look
/// at each operation once.
fn decides<M: Model>(
    model: &M,
    history: History<M::Input, M::Output>,
    asks: impl Fn(&M::Input) -> bool,
) where
    M::Output: Clone,
{
    let budget = Budget::steps(200_000);
    let Verdict::Holds(order) = check(model, &history, budget) else {
        panic!("it was not decided");
    };
    assert_eq!(verify(model, &history, &order), Ok(()));
    contradicts(model, history, asks);
}

/// With two answers exchanged, a few operations contradict each other.
fn contradicts<M: Model>(
    model: &M,
    mut history: History<M::Input, M::Output>,
    asks: impl Fn(&M::Input) -> bool,
) where
    M::Output: Clone,
{
    let budget = Budget::steps(200_000);
    let operations = &mut history.operations;
    let first = operations.iter().position(|one| asks(&one.input)).unwrap();
    let last = operations.iter().rposition(|one| asks(&one.input)).unwrap();
    let early = operations[first].output.clone();
    operations[first].output = operations[last].output.clone();
    operations[last].output = early;
    let Verdict::Violated(violation) = check(model, &history, budget) else {
        panic!("it was not decided");
    };
    let core = violation.core;
    assert!(core.kept.len() + core.perhaps.len() <= 8, "{core:?}");
}

#[test]
fn a_long_register_is_decided() {
    let mut held = None;
    let history = long(|at, coin| {
        if coin == 0 {
            return (RegisterInput::Read, RegisterOutput::Value(held));
        }
        held = Some(at);
        (RegisterInput::Write(at), RegisterOutput::Written)
    });
    decides(&Register::new(), history, |input| {
        matches!(input, RegisterInput::Read)
    });
}

#[test]
fn a_long_set_is_decided() {
    let mut there = BTreeSet::new();
    let history = long(|at, coin| {
        let value = at % 1_000;
        if coin == 0 {
            let answer = SetOutput::Contains(there.contains(&value));
            return (SetInput::Contains(value), answer);
        }
        let changed = Some(there.insert(value));
        (SetInput::Add(value), SetOutput::Changed(changed))
    });
    decides(&Set::new(), history, |input| {
        matches!(input, SetInput::Contains(_))
    });
}

#[test]
fn a_long_queue_is_decided() {
    let mut inside = VecDeque::new();
    let history = long(|at, coin| {
        if coin == 0 && at > 10 {
            return (QueueInput::Dequeue, QueueOutput::Value(inside.pop_front()));
        }
        inside.push_back(at);
        (QueueInput::Enqueue(at), QueueOutput::Enqueued)
    });
    decides(&Queue::new(), history, |input| {
        matches!(input, QueueInput::Dequeue)
    });
}

#[test]
fn a_long_stack_is_decided() {
    let mut inside = Vec::new();
    let history = long(|at, coin| {
        if coin == 0 && at > 10 {
            return (StackInput::Pop, StackOutput::Value(inside.pop()));
        }
        inside.push(at);
        (StackInput::Push(at), StackOutput::Pushed)
    });
    decides(&Stack::new(), history, |input| {
        matches!(input, StackInput::Pop)
    });
}

#[test]
fn a_long_priority_queue_is_decided() {
    let mut inside = BTreeSet::new();
    let history = long(|at, coin| {
        if coin == 0 && at > 10 {
            let least = PriorityQueueOutput::Value(inside.pop_first());
            return (PriorityQueueInput::DeleteMin, least);
        }
        inside.insert(at.reverse_bits());
        let put = PriorityQueueInput::Insert(at.reverse_bits());
        (put, PriorityQueueOutput::Inserted)
    });
    decides(&PriorityQueue::new(), history, |input| {
        matches!(input, PriorityQueueInput::DeleteMin)
    });
}
