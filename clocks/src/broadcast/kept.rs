//! The messages of one sender that somebody may still ask for.

use alloc::collections::VecDeque;

use super::{BroadcastLimits, BroadcastMessage};
use crate::DotRange;

/// Delivered messages of one sender, without gaps, the oldest first.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Kept<P> {
    messages: VecDeque<BroadcastMessage<P>>,
    bytes: usize,
}

impl<P> Kept<P> {
    pub(super) const fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &BroadcastMessage<P>> {
        self.messages.iter()
    }

    /// Whether this counter follows the last.
    pub(super) fn is_next(&self, counter: u64) -> bool {
        let last = self.messages.back();
        last.is_none_or(|last| last.dot().counter.checked_add(1) == Some(counter))
    }

    /// The messages in a range, as far as they are kept.
    pub(super) fn range(&self, range: DotRange) -> impl Iterator<Item = &BroadcastMessage<P>> {
        let oldest = self.messages.front().map_or(0, |first| first.dot().counter);
        let skip = usize::try_from(range.first().saturating_sub(oldest)).unwrap_or(usize::MAX);
        self.messages
            .range(skip.min(self.messages.len())..)
            .take_while(move |message| message.dot().counter <= range.last())
    }
}

impl<P: AsRef<[u8]>> Kept<P> {
    pub(super) fn has_room(&self, size: usize, limits: &BroadcastLimits) -> bool {
        self.messages.len() < limits.kept_messages.max(1)
            && self.bytes.saturating_add(size) <= limits.kept_bytes
    }

    /// Keeps the next message, and drops the oldest ones for it.
    pub(super) fn push(&mut self, message: BroadcastMessage<P>, limits: &BroadcastLimits) {
        let size = message.size();
        while !self.has_room(size, limits) && self.pop().is_some() {}
        if self.has_room(size, limits) {
            self.bytes = self.bytes.saturating_add(size);
            self.messages.push_back(message);
        }
    }

    /// Drops the messages up to a counter, and says how many.
    pub(super) fn forget(&mut self, stable: u64) -> usize {
        let before = self.messages.len();
        while self
            .messages
            .front()
            .is_some_and(|first| first.dot().counter <= stable)
        {
            self.pop();
        }
        before - self.messages.len()
    }

    fn pop(&mut self) -> Option<BroadcastMessage<P>> {
        let message = self.messages.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.size());
        Some(message)
    }
}
