//! One object's operations, laid out for the search.

use alloc::vec::Vec;

use crate::{History, Outcome};

/// One object's operations, laid out for the search. Answered operations and those of unknown outcome
/// are numbered apart, each by call time.
pub(super) struct Partition {
    /// The answered operations, as positions in the history.
    pub(super) answered: Vec<usize>,
    /// The operations of unknown outcome, as positions in the history.
    pub(super) unknown: Vec<usize>,
    /// When each of `unknown` was called.
    pub(super) unknown_calls: Vec<u64>,
    /// Calls and returns of the answered operations, by time. Calls come before returns of the same
    /// time, so that operations that touch are concurrent.
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) time: u64,
    /// Which of `answered`.
    pub(super) operation: u32,
    pub(super) is_return: bool,
}

impl Partition {
    pub(super) fn new<I, O>(history: &History<I, O>, operations: &[usize]) -> Self {
        let mut by_call: Vec<_> = operations
            .iter()
            .filter_map(|&at| Some((at, history.operations.get(at)?)))
            .collect();
        by_call.sort_by_key(|&(at, operation)| (operation.call, at));
        let mut partition = Self {
            answered: Vec::new(),
            unknown: Vec::new(),
            unknown_calls: Vec::new(),
            events: Vec::new(),
        };
        for (at, operation) in by_call {
            match operation.output {
                Outcome::Ok(_) => {
                    let number = partition.answered.len() as u32;
                    partition.answered.push(at);
                    for (time, is_return) in [(operation.call, false), (operation.ret, true)] {
                        partition.events.push(Event {
                            time,
                            operation: number,
                            is_return,
                        });
                    }
                }
                Outcome::Unknown => {
                    partition.unknown.push(at);
                    partition.unknown_calls.push(operation.call);
                }
                Outcome::Failed => {}
            }
        }
        partition
            .events
            .sort_by_key(|event| (event.time, event.is_return, event.operation));
        partition
    }
}
