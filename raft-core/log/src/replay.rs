//! Replaying records in the order in which they were written.

use std::collections::VecDeque;

use quorate_raft_core::{Entry, HardState, Index, Position};

use crate::index::{LogIndex, cost, follow};
use crate::record::Record;

/// The state that the records add up to.
pub(crate) struct Replay {
    pub(crate) hard_state: HardState,
    pub(crate) index: LogIndex,
    /// Whether the first segment has said what was before it.
    opened: bool,
    /// Whether the log starts where the first segment does, and not after a snapshot.
    starts_at_segment: bool,
    /// The sequence of the next record; zero before the first.
    pub(crate) sequence: u64,
    pub(crate) tail: VecDeque<Entry>,
    tail_cost: usize,
    tail_limit: usize,
}

impl Replay {
    pub(crate) fn new(tail_limit: usize) -> Self {
        Self {
            hard_state: HardState::default(),
            index: LogIndex::new(Position::ZERO),
            opened: false,
            starts_at_segment: false,
            sequence: 0,
            tail: VecDeque::new(),
            tail_cost: 0,
            tail_limit,
        }
    }

    pub(crate) fn intact(&self) -> Index {
        self.index.last().index
    }

    /// Whether a segment whose first record is `first_sequence` goes on from here.
    pub(crate) const fn begins(&mut self, first_sequence: u64) -> bool {
        if self.sequence == 0 {
            self.sequence = first_sequence;
        }
        self.sequence == first_sequence && first_sequence > 0
    }

    pub(crate) fn apply(
        &mut self,
        record: Record,
        segment: u64,
        offset: u64,
        opens: bool,
    ) -> Result<(), String> {
        match record.opening {
            Some(last) if opens => self.open(last, record.hard_state)?,
            None if !opens => {}
            _ => return Err("a record is not where it belongs in its segment".to_owned()),
        }
        self.hard_state = record.hard_state.unwrap_or(self.hard_state);
        if let Some(position) = record.snapshot {
            self.restart(position);
            self.starts_at_segment = false;
        }
        self.append(record, segment, offset)?;
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }

    /// The first record of a segment: for the first segment it says what was before, for the
    /// others it must say what is known.
    fn open(&mut self, last: Position, hard_state: Option<HardState>) -> Result<(), String> {
        let Some(hard_state) = hard_state else {
            return Err("a segment begins without a hard state".to_owned());
        };
        if !self.opened {
            self.restart(last);
            self.opened = true;
            self.starts_at_segment = true;
        } else if self.index.last() != last || self.hard_state != hard_state {
            let found = self.index.last();
            return Err(format!(
                "the segment goes on after {last} and {hard_state:?}, but those before it end at {found} and {:?}",
                self.hard_state
            ));
        }
        Ok(())
    }

    fn append(&mut self, record: Record, segment: u64, offset: u64) -> Result<(), String> {
        let Some(first) = record.entries.first().map(|entry| entry.position.index) else {
            return Ok(());
        };
        let describe = |(after, found, what)| format!("{found} comes after {after}: {what}");
        let replaces_start = self.starts_at_segment && first <= self.index.start().index;
        if replaces_start && first == record.previous.index.next() {
            // What it replaces was in segments that are gone.
            follow(record.previous, &record.entries).map_err(describe)?;
            self.restart(record.previous);
        } else {
            let previous = self.index.check(&record.entries).map_err(describe)?;
            if previous != record.previous {
                return Err(format!(
                    "entries that follow {} come after {previous}",
                    record.previous
                ));
            }
        }
        self.index.append(&record.entries, segment, offset);
        while self
            .tail
            .back()
            .is_some_and(|entry| entry.position.index >= first)
        {
            if let Some(replaced) = self.tail.pop_back() {
                self.tail_cost -= cost(&replaced);
            }
        }
        for entry in record.entries {
            self.tail_cost += cost(&entry);
            self.tail.push_back(entry);
        }
        while self.tail_cost > self.tail_limit {
            let Some(oldest) = self.tail.pop_front() else {
                break;
            };
            self.tail_cost -= cost(&oldest);
        }
        Ok(())
    }

    fn restart(&mut self, after: Position) {
        self.index = LogIndex::new(after);
        self.tail.clear();
        self.tail_cost = 0;
    }
}
