//! Histories that the input makes: whatever needs no search is decided as the search decides it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consistency::{
    History, Model, Operation, Outcome, PriorityQueue, PriorityQueueInput, PriorityQueueOutput,
    Queue, QueueInput, QueueOutput, Register, RegisterInput, RegisterOutput, Set, SetInput,
    SetOutput, Stack, StackInput, StackOutput,
};
use quorate_consistency_fuzz::{Input, judge};

/// Operations of some processes, each after the one before; `next` makes an input and what was answered to it.
fn history<I, O>(
    input: &mut Input<'_>,
    mut next: impl FnMut(&mut Input<'_>, u64) -> (I, O),
) -> History<I, O> {
    let mut free = [0_u64; 4];
    let mut history = History::new();
    for number in 0..12 {
        if input.is_empty() {
            break;
        }
        let process = usize::from(input.byte() % 4);
        let call = free[process] + u64::from(input.byte() % 4);
        let ret = call + u64::from(input.byte() % 8);
        free[process] = ret + 1;
        let (asked, told) = next(input, number);
        let output = match input.byte() % 8 {
            0 => Outcome::Unknown,
            1 => Outcome::Failed,
            _ => Outcome::Ok(told),
        };
        let process = process as u64;
        let ret = if matches!(output, Outcome::Unknown) {
            u64::MAX
        } else {
            ret
        };
        history.push(Operation {
            process,
            input: asked,
            output,
            call,
            ret,
        });
    }
    history
}

fn compare<M: Model>(model: &M, history: &History<M::Input, M::Output>)
where
    M::Key: core::fmt::Debug,
{
    let searched = judge(model, history, true);
    let quick = judge(model, history, false);
    if let (Some(searched), Some(quick)) = (searched, quick) {
        assert_eq!(searched, quick);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let input = &mut input;
    let is_unique = input.byte() % 4 > 0;
    let value = |input: &mut Input<'_>, number| match is_unique {
        true => number,
        false => u64::from(input.byte() % 3),
    };
    let seen =
        |input: &mut Input<'_>| Some(u64::from(input.byte() % 13)).filter(|&value| value < 12);
    match input.byte() % 5 {
        0 => {
            let history = history(input, |input, number| match input.byte() % 3 {
                0 => (
                    RegisterInput::Write(value(input, number)),
                    RegisterOutput::Written,
                ),
                _ => (RegisterInput::Read, RegisterOutput::Value(seen(input))),
            });
            compare(&Register::new(), &history);
        }
        1 => {
            let history = history(input, |input, number| match input.byte() % 2 {
                0 => (
                    QueueInput::Enqueue(value(input, number)),
                    QueueOutput::Enqueued,
                ),
                _ => (QueueInput::Dequeue, QueueOutput::Value(seen(input))),
            });
            compare(&Queue::new(), &history);
        }
        2 => {
            let history = history(input, |input, number| match input.byte() % 2 {
                0 => (StackInput::Push(value(input, number)), StackOutput::Pushed),
                _ => (StackInput::Pop, StackOutput::Value(seen(input))),
            });
            compare(&Stack::new(), &history);
        }
        3 => {
            let history = history(input, |input, number| match input.byte() % 2 {
                0 => (
                    PriorityQueueInput::Insert(value(input, number)),
                    PriorityQueueOutput::Inserted,
                ),
                _ => (
                    PriorityQueueInput::DeleteMin,
                    PriorityQueueOutput::Value(seen(input)),
                ),
            });
            compare(&PriorityQueue::new(), &history);
        }
        _ => {
            let history = history(input, |input, number| match input.byte() % 4 {
                1 => (
                    SetInput::Remove(value(input, number)),
                    SetOutput::Changed(None),
                ),
                0 => (
                    SetInput::Add(value(input, number)),
                    SetOutput::Changed(
                        [None, Some(false), Some(true)][usize::from(input.byte() % 3)],
                    ),
                ),
                _ => (
                    SetInput::Contains(value(input, number)),
                    SetOutput::Contains(input.byte() % 2 > 0),
                ),
            });
            compare(&Set::new(), &history);
        }
    }
});
