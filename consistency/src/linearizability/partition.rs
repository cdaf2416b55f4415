//! One object's operations, laid out for the search.

use alloc::vec::Vec;

use super::bits::set_bit;
use crate::{History, Model, Outcome};

/// One object's operations, laid out for the search. Answered operations and those of unknown outcome
/// are numbered apart, each by call time.
pub(super) struct Partition {
    /// The answered operations, as positions in the history.
    pub(super) answered: Vec<usize>,
    /// Which of them change nothing, a bit each.
    pub(super) observations: Vec<u64>,
    /// The operations of unknown outcome, as positions in the history.
    pub(super) unknown: Vec<usize>,
    /// When each of `unknown` was called.
    pub(super) unknown_calls: Vec<u64>,
    /// Calls and returns of the answered operations, by time. Calls come before returns of the same
    /// time, so that operations that touch are concurrent.
    events: Vec<Event>,
    /// For each answered operation, its call and its return among the events.
    ends: Vec<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Event {
    time: u64,
    /// Which of `answered`.
    operation: u32,
    is_return: bool,
}

impl Partition {
    /// Of operations that were answered, and of some whose outcome is unknown, or taken to be.
    pub(super) fn new<M: Model>(
        model: &M,
        history: &History<M::Input, M::Output>,
        answered: &[usize],
        unknown: &[usize],
    ) -> Self {
        let call = |at: usize| {
            history
                .operations
                .get(at)
                .map_or(0, |operation| operation.call)
        };
        let by_call = |operations: &[usize]| {
            let mut sorted = operations.to_vec();
            sorted.sort_by_key(|&at| (call(at), at));
            sorted
        };
        let answered = by_call(answered);
        let mut unknown = by_call(unknown);
        // Whether it was served or not, nothing came of it.
        unknown.retain(|&at| {
            let operation = history.operations.get(at);
            operation.is_some_and(|operation| !model.is_read(&operation.input))
        });
        let mut observations = alloc::vec![0; answered.len().div_ceil(64)];
        let mut events = Vec::with_capacity(answered.len() * 2);
        for (number, operation) in
            (0..).zip(answered.iter().filter_map(|&at| history.operations.get(at)))
        {
            for (time, is_return) in [(operation.call, false), (operation.ret, true)] {
                events.push(Event {
                    time,
                    operation: number,
                    is_return,
                });
            }
            if let Outcome::Ok(output) = &operation.output
                && model.is_observation(&operation.input, output)
            {
                set_bit(&mut observations, number, true);
            }
        }
        events.sort_unstable_by_key(|event| (event.time, event.is_return, event.operation));
        let mut ends = alloc::vec![(0, 0); answered.len()];
        for (number, event) in (0..).zip(&events) {
            if let Some(ends) = ends.get_mut(event.operation as usize) {
                if event.is_return {
                    ends.1 = number;
                } else {
                    ends.0 = number;
                }
            }
        }
        Self {
            observations,
            unknown_calls: unknown.iter().map(|&at| call(at)).collect(),
            answered,
            unknown,
            events,
            ends,
        }
    }

    /// The operation whose call this event is; `None` for a return, and past the last event.
    pub(super) fn call_at(&self, event: u32) -> Option<u32> {
        let event = self.events.get(event as usize)?;
        (!event.is_return).then_some(event.operation)
    }

    /// When the event was; the end of time past the last one.
    pub(super) fn time_of(&self, event: u32) -> u64 {
        self.events
            .get(event as usize)
            .map_or(u64::MAX, |event| event.time)
    }

    /// How many events there are.
    pub(super) const fn events(&self) -> usize {
        self.events.len()
    }

    /// The events that are the call and the return of an answered operation.
    pub(super) fn ends_of(&self, operation: u32) -> (u32, u32) {
        self.ends.get(operation as usize).copied().unwrap_or((0, 0))
    }
}
