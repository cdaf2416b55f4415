//! The gate between deciding and telling: nothing leaves before what it depends on is durable.

use alloc::collections::VecDeque;

use quorate_transport::{Receipt, Transmit, Write};

use crate::entries::Batch;
use crate::{Entries, HardState, Index, Message, Persist, Snapshot};

/// Writes on their way to the disk, and the messages that wait for them.
///
/// What is durable is known by the number of the write, never by an index: an entry may be
/// written, replaced and written again, and only the last writing counts.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Gate {
    /// What the next write will hold, while it has not been polled.
    open: Persist,
    /// Writes that may take no more, and have not been polled.
    sealed: VecDeque<Write<Persist>>,
    /// The receipt of the open write.
    next: Receipt,
    /// The newest write that the driver has, and the newest that is durable.
    polled: Receipt,
    durable: Receipt,
    /// For each write that is not durable, how far the log is durable once it is, and its cost.
    in_flight: VecDeque<InFlight>,
    durable_index: Index,
    waiting_bytes: usize,
    ready: VecDeque<Transmit<Message>>,
    /// Messages behind a write, in the order of their writes. They stay here once it is durable, until they
    /// are polled.
    gated: VecDeque<(Receipt, Transmit<Message>)>,
    max_messages: usize,
    dropped: u64,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct InFlight {
    receipt: Receipt,
    through: Index,
    bytes: usize,
}

impl Gate {
    pub(crate) fn new(durable_index: Index, max_messages: usize) -> Self {
        Self {
            open: Persist::default(),
            sealed: VecDeque::new(),
            next: Receipt::default().next(),
            polled: Receipt::default(),
            durable: Receipt::default(),
            in_flight: VecDeque::new(),
            durable_index,
            waiting_bytes: 0,
            ready: VecDeque::new(),
            gated: VecDeque::new(),
            max_messages,
            dropped: 0,
        }
    }

    /// Makes a term and a vote durable. What depends on it waits for the receipt.
    pub(crate) fn write_hard_state(&mut self, state: HardState) -> Receipt {
        self.open.hard_state = Some(state);
        self.next
    }

    /// Makes entries durable in the place of whatever is at the first one's index and after it.
    pub(crate) fn write_entries(&mut self, batch: Batch) -> Receipt {
        let (first, last) = (batch.first().index, batch.last().index);
        let bytes = batch.cost();
        self.waiting_bytes += bytes;
        let entries = &mut self.open.entries;
        match entries.last_position() {
            None => *entries = Entries::of_batch(batch),
            Some(before) => {
                if before.index >= first {
                    entries.truncate(first);
                }
                entries.push(batch);
            }
        }
        self.note(last, bytes);
        self.next
    }

    /// Makes a snapshot durable in the place of the log.
    pub(crate) fn write_snapshot(&mut self, snapshot: Snapshot) -> Receipt {
        self.seal();
        self.replace_from(Index::ZERO.next());
        let through = snapshot.position.index;
        self.open.snapshot = Some(snapshot);
        self.note(through, 0);
        self.next
    }

    /// Tells that the log from `index` on was taken back: writing it proves nothing any more.
    pub(crate) fn replace_from(&mut self, index: Index) {
        let kept = index.prev();
        self.durable_index = self.durable_index.min(kept);
        for write in &mut self.in_flight {
            write.through = write.through.min(kept);
        }
    }

    fn note(&mut self, through: Index, bytes: usize) {
        let receipt = self.next;
        match self.in_flight.back_mut() {
            Some(write) if write.receipt == receipt => {
                write.through = through;
                write.bytes += bytes;
            }
            _ => self.in_flight.push_back(InFlight {
                receipt,
                through,
                bytes,
            }),
        }
    }

    fn seal(&mut self) {
        let write = self.take_open();
        self.sealed.extend(write);
    }

    fn take_open(&mut self) -> Option<Write<Persist>> {
        if self.open.is_empty() {
            return None;
        }
        let receipt = self.next;
        self.next = receipt.next();
        Some(Write {
            receipt,
            what: core::mem::take(&mut self.open),
        })
    }

    pub(crate) fn poll_write(&mut self) -> Option<Write<Persist>> {
        let write = match self.sealed.pop_front() {
            Some(write) => write,
            None => self.take_open()?,
        };
        self.polled = write.receipt;
        Some(write)
    }

    /// Takes the driver's word for everything up to `receipt`, as far as it has those writes.
    pub(crate) fn written(&mut self, receipt: Receipt) {
        let receipt = receipt.min(self.polled);
        if receipt <= self.durable {
            return;
        }
        self.durable = receipt;
        while let Some(write) = self
            .in_flight
            .front()
            .filter(|write| write.receipt <= receipt)
        {
            self.durable_index = self.durable_index.max(write.through);
            self.waiting_bytes -= write.bytes;
            self.in_flight.pop_front();
        }
    }

    /// How far the log is durable.
    pub(crate) const fn durable_index(&self) -> Index {
        self.durable_index
    }

    pub(crate) fn is_durable(&self, receipt: Receipt) -> bool {
        receipt <= self.durable
    }

    /// Bytes of entries that are not durable yet.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// The receipt of everything decided so far.
    pub(crate) fn everything(&self) -> Receipt {
        if self.open.is_empty() {
            Receipt(self.next.0 - 1)
        } else {
            self.next
        }
    }

    /// Whether a message can be sent without pushing another one out.
    pub(crate) fn has_room(&self) -> bool {
        self.ready.len() < self.max_messages
    }

    /// Sends a message now.
    pub(crate) fn send(&mut self, transmit: Transmit<Message>) {
        self.ready.push_back(transmit);
        if self.ready.len() > self.max_messages {
            self.ready.pop_front();
            self.dropped += 1;
        }
    }

    /// Sends a message once `after` is durable.
    pub(crate) fn send_after(&mut self, after: Receipt, transmit: Transmit<Message>) {
        if self.is_durable(after) {
            self.send(transmit);
            return;
        }
        // Receipts mostly ascend; a message for an older write goes before those for newer ones.
        if self.gated.back().is_none_or(|(gate, _)| *gate <= after) {
            self.gated.push_back((after, transmit));
        } else {
            let at = self.gated.partition_point(|(gate, _)| *gate <= after);
            self.gated.insert(at, (after, transmit));
        }
        if self.gated.len() > self.max_messages {
            self.gated.pop_front();
            self.dropped += 1;
        }
    }

    /// Whether there is a message that may be sent now.
    pub(crate) fn has_transmit(&self) -> bool {
        let released = self
            .gated
            .front()
            .is_some_and(|(after, _)| self.is_durable(*after));
        released || !self.ready.is_empty()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit<Message>> {
        // Looked at before it is taken: what is taken is large, and moved no more than need be.
        if !self.ready.is_empty() {
            return self.ready.pop_front();
        }
        let (after, _) = self.gated.front()?;
        if !self.is_durable(*after) {
            return None;
        }
        self.gated.pop_front().map(|(_, transmit)| transmit)
    }

    /// Messages dropped because nobody took them.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::{Entry, Payload, Position, Term};

    fn entry(index: u64, term: u64) -> Batch {
        Entries::from(vec![plain(index, term)])
            .into_batches()
            .next()
            .unwrap()
    }

    fn plain(index: u64, term: u64) -> Entry {
        Entry {
            position: Position {
                term: Term(term),
                index: Index(index),
            },
            payload: Payload::Empty,
        }
    }

    /// B-43, etcd-raft's append ABA race: the write of entries that were replaced, and written
    /// again with the same indexes, proves nothing about the second writing.
    #[test]
    fn a_write_of_replaced_entries_does_not_make_their_successors_durable() {
        let mut gate = Gate::new(Index(0), 16);
        gate.write_entries(entry(1, 1));
        let first = gate.poll_write().unwrap().receipt;
        gate.replace_from(Index(1));
        gate.write_entries(entry(1, 2));
        let second = gate.poll_write().unwrap().receipt;
        gate.replace_from(Index(1));
        gate.write_entries(entry(1, 3));
        let third = gate.poll_write().unwrap().receipt;
        gate.written(first);
        gate.written(second);
        assert_eq!(gate.durable_index(), Index(0));
        gate.written(third);
        assert_eq!(gate.durable_index(), Index(1));
    }

    #[test]
    fn a_receipt_for_a_write_that_was_never_polled_is_not_believed() {
        let mut gate = Gate::new(Index(0), 16);
        gate.write_entries(entry(1, 1));
        gate.written(Receipt(99));
        assert_eq!(gate.durable_index(), Index(0));
    }

    #[test]
    fn an_older_receipt_after_a_newer_one_changes_nothing() {
        let mut gate = Gate::new(Index(0), 16);
        gate.write_entries(entry(1, 1));
        let first = gate.poll_write().unwrap().receipt;
        gate.write_entries(entry(2, 1));
        let second = gate.poll_write().unwrap().receipt;
        gate.written(second);
        gate.written(first);
        assert_eq!(gate.durable_index(), Index(2));
        assert_eq!(gate.waiting_bytes(), 0);
    }

    #[test]
    fn writes_between_two_polls_are_one_write() {
        let mut gate = Gate::new(Index(0), 16);
        gate.write_hard_state(HardState {
            term: Term(1),
            vote: None,
        });
        gate.write_entries(entry(1, 1));
        gate.write_entries(entry(2, 1));
        gate.replace_from(Index(2));
        gate.write_entries(entry(2, 2));
        let write = gate.poll_write().unwrap().what;
        assert_eq!(Vec::from(write.entries), [plain(1, 1), plain(2, 2)]);
        assert!(write.hard_state.is_some());
        assert_eq!(gate.poll_write(), None);
    }
}
