//! The events that are still to be explained.

use alloc::vec::Vec;

use super::partition::Partition;

/// The events that remain, by time: a doubly linked list over their numbers (Lowe, 2017). The number
/// after the last event is both before the first and after the last.
pub(super) struct Remaining {
    next: Vec<u32>,
    previous: Vec<u32>,
}

impl Remaining {
    pub(super) fn new(partition: &Partition) -> Self {
        let len = partition.events() as u32;
        Self {
            next: (1..=len).chain([0]).collect(),
            previous: [len].into_iter().chain(0..len).collect(),
        }
    }

    pub(super) fn first(&self) -> u32 {
        self.next.last().copied().unwrap_or(0)
    }

    pub(super) fn next_of(&self, event: u32) -> u32 {
        self.next.get(event as usize).copied().unwrap_or(0)
    }

    pub(super) fn previous_of(&self, event: u32) -> u32 {
        self.previous.get(event as usize).copied().unwrap_or(0)
    }

    /// Takes out an operation's call and return.
    pub(super) fn lift(&mut self, (call, ret): (u32, u32)) {
        for event in [call, ret] {
            let (previous, next) = (self.previous_of(event), self.next_of(event));
            self.link(previous, next);
        }
    }

    /// Undoes the last [`lift`](Self::lift) that is not undone: an event that is out of the list still
    /// knows its neighbours of then.
    pub(super) fn unlift(&mut self, (call, ret): (u32, u32)) {
        for event in [ret, call] {
            let (previous, next) = (self.previous_of(event), self.next_of(event));
            self.link(previous, event);
            self.link(event, next);
        }
    }

    fn link(&mut self, before: u32, after: u32) {
        if let Some(next) = self.next.get_mut(before as usize) {
            *next = after;
        }
        if let Some(previous) = self.previous.get_mut(after as usize) {
            *previous = before;
        }
    }
}
