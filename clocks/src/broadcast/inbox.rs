//! The messages of one sender that wait for earlier ones.

use alloc::collections::BTreeMap;
use core::hash::{Hash, Hasher};

use super::{BroadcastLimits, BroadcastMessage};
use crate::DotRange;
use crate::{Dot, VersionVector};

/// Messages that have arrived and cannot be delivered, or have not been asked for.
///
/// The bound on their number is a window on the counters, so the next message always fits. For the
/// bytes, later ones make room for earlier ones: the one that all others wait for is never refused.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Inbox<P> {
    messages: BTreeMap<u64, BroadcastMessage<P>>,
    bytes: usize,
    waits_for: Hint,
}

/// What the first message was last seen to wait for. It says nothing that the messages do not say.
#[derive(Clone, Copy, Debug, Default)]
struct Hint(Option<Dot>);

impl PartialEq for Hint {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hint {}

impl Hash for Hint {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stored {
    /// It is kept, and later ones were dropped for it.
    Kept {
        evicted: Option<DotRange>,
        count: u64,
    },
    /// It was there.
    Duplicate,
    /// Another of its name was there.
    Conflict,
    /// There is no room for it.
    Full,
}

impl<P> Inbox<P> {
    pub(super) const fn new() -> Self {
        Self {
            messages: BTreeMap::new(),
            bytes: 0,
            waits_for: Hint(None),
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
        self.messages.values()
    }

    /// The counters, ascending.
    pub(super) fn counters(&self) -> impl Iterator<Item = u64> {
        self.messages.keys().copied()
    }
}

impl<P: AsRef<[u8]>> Inbox<P> {
    pub(super) fn store(
        &mut self,
        message: BroadcastMessage<P>,
        delivered: u64,
        limits: &BroadcastLimits,
    ) -> Stored {
        let dot = message.dot();
        if let Some(there) = self.messages.get(&dot.counter) {
            return if same(there, &message) {
                Stored::Duplicate
            } else {
                Stored::Conflict
            };
        }
        if dot.counter - delivered > limits.pending_messages.max(1) {
            return Stored::Full;
        }
        let size = message.size();
        let Some((evicted, count)) = self.make_room(dot, size, limits.pending_bytes) else {
            return Stored::Full;
        };
        self.bytes = self.bytes.saturating_add(size);
        self.messages.insert(dot.counter, message);
        // Maybe it is the new first one.
        self.waits_for = Hint(None);
        Stored::Kept { evicted, count }
    }

    /// Drops the latest messages for an earlier one, if that is enough.
    fn make_room(
        &mut self,
        dot: Dot,
        size: usize,
        limit: usize,
    ) -> Option<(Option<DotRange>, u64)> {
        let mut left = self.bytes;
        let mut keep_below = None;
        let mut later = self.messages.range(dot.counter..).rev();
        while left.checked_add(size).is_none_or(|needed| needed > limit) {
            let (counter, message) = later.next()?;
            left = left.saturating_sub(message.size());
            keep_below = Some(*counter);
        }
        let Some(first) = keep_below else {
            return Some((None, 0));
        };
        let dropped = self.messages.split_off(&first);
        self.bytes = left;
        let last = dropped.keys().next_back().copied().unwrap_or(first);
        let range = DotRange::new(dot.actor, first, last);
        Some((range, dropped.len() as u64))
    }

    /// Whether the first message can be delivered.
    pub(super) fn is_ready(&mut self, delivered: &VersionVector) -> bool {
        if self.waits_for.0.is_some_and(|dot| !delivered.contains(dot)) {
            return false;
        }
        let Some((_, first)) = self.messages.first_key_value() else {
            return false;
        };
        self.waits_for = Hint(first.waits_for(delivered));
        self.waits_for.0.is_none()
    }

    /// Takes the first message out.
    pub(super) fn take(&mut self) -> Option<BroadcastMessage<P>> {
        let (_, message) = self.messages.pop_first()?;
        self.bytes = self.bytes.saturating_sub(message.size());
        self.waits_for = Hint(None);
        Some(message)
    }

    /// Drops all messages after the last one that counts, and says how many.
    pub(super) fn end_after(&mut self, last: u64) -> u64 {
        let Some(next) = last.checked_add(1) else {
            return 0;
        };
        let dropped = self.messages.split_off(&next);
        for message in dropped.values() {
            self.bytes = self.bytes.saturating_sub(message.size());
        }
        dropped.len() as u64
    }
}

/// Whether two messages of one name are one message.
pub(super) fn same<P: AsRef<[u8]>>(a: &BroadcastMessage<P>, b: &BroadcastMessage<P>) -> bool {
    a.vector() == b.vector() && a.payload().as_ref() == b.payload().as_ref()
}
