//! What the log knows of its entries without reading them: their terms, and where they are.

use std::collections::VecDeque;

use quorate_raft_core::{Entries, Entry, Index, Membership, Payload, Position};

/// A stretch of records in one segment is found by its first one, and read through from there.
/// Larger means less memory and more bytes read for nothing.
const SPAN_BYTES: u64 = 16 << 10;

/// Records of consecutive entries, one after another in one segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    /// The first entry.
    pub(crate) first: Index,
    /// The segment's number.
    pub(crate) segment: u64,
    /// Where the record of the first entry begins.
    pub(crate) offset: u64,
}

/// The terms and places of all entries after `start`.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogIndex {
    /// The last entry that is not in the log.
    start: Position,
    /// The first entry of each run of one term.
    runs: VecDeque<Position>,
    last: Index,
    /// Who the members are from an entry on, in each entry that says so. Ascending.
    memberships: VecDeque<(Index, Membership)>,
    /// Ascending by first entry and, since records are only ever appended, by segment and offset.
    spans: VecDeque<Span>,
}

impl LogIndex {
    /// An empty log that goes on after `start`.
    pub(crate) fn new(start: Position) -> Self {
        Self {
            start,
            last: start.index,
            ..Self::default()
        }
    }

    pub(crate) const fn start(&self) -> Position {
        self.start
    }

    pub(crate) fn last(&self) -> Position {
        Position {
            term: self.runs.back().map_or(self.start.term, |run| run.term),
            index: self.last,
        }
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = Position> + '_ {
        self.runs.iter().copied()
    }

    pub(crate) fn position_at(&self, index: Index) -> Option<Position> {
        if index == self.start.index {
            return Some(self.start);
        }
        if index < self.start.index || index > self.last {
            return None;
        }
        let after = self.runs.partition_point(|run| run.index <= index);
        let term = self.runs.get(after.checked_sub(1)?)?.term;
        Some(Position { term, index })
    }

    pub(crate) fn holds(&self, position: Position) -> bool {
        self.position_at(position.index) == Some(position)
    }

    /// Whether `entries` can be written: consecutive, with terms that do not go back, and right
    /// after the last entry or in the place of one. Gives the position before the first.
    pub(crate) fn check(
        &self,
        entries: &Entries,
    ) -> Result<Position, (Position, Position, &'static str)> {
        let Some(first) = entries.first() else {
            return Ok(self.last());
        };
        let before = first.position.index.prev();
        let Some(previous) = self
            .position_at(before)
            .filter(|_| first.position.index > before)
        else {
            let what = if before > self.last {
                "entries between them are missing"
            } else {
                "the log starts later"
            };
            return Err((self.last(), first.position, what));
        };
        follow(previous, entries)?;
        Ok(previous)
    }

    /// Takes in entries that [`check`](Self::check) let through, or that start the log anew after
    /// `previous`.
    pub(crate) fn append(&mut self, entries: &Entries, segment: u64, offset: u64) {
        let Some(first) = entries.first() else {
            return;
        };
        let replaces = first.position.index <= self.last;
        self.truncate(first.position.index);
        let goes_on = !replaces
            && self.spans.back().is_some_and(|span| {
                span.segment == segment && offset.saturating_sub(span.offset) < SPAN_BYTES
            });
        if !goes_on {
            self.spans.push_back(Span {
                first: first.position.index,
                segment,
                offset,
            });
        }
        for entry in entries {
            if self
                .runs
                .back()
                .is_none_or(|run| run.term != entry.position.term)
            {
                self.runs.push_back(entry.position);
            }
            self.last = entry.position.index;
            if let Payload::Membership(membership) = entry.payload {
                self.memberships.push_back((self.last, membership.clone()));
            }
        }
    }

    fn truncate(&mut self, from: Index) {
        let reaches = |first: Index| first >= from;
        while self.runs.back().is_some_and(|run| reaches(run.index)) {
            self.runs.pop_back();
        }
        while self.spans.back().is_some_and(|span| reaches(span.first)) {
            self.spans.pop_back();
        }
        while self
            .memberships
            .back()
            .is_some_and(|(index, _)| reaches(*index))
        {
            self.memberships.pop_back();
        }
        self.last = self.last.min(from.prev());
    }

    /// The spans that hold entries from `from` on, each with the first index after it.
    pub(crate) fn spans_from(&self, from: Index) -> impl Iterator<Item = (Span, Index)> + '_ {
        let at = self
            .spans
            .partition_point(|span| span.first <= from)
            .saturating_sub(1);
        let ends = self
            .spans
            .iter()
            .skip(at + 1)
            .map(|span| span.first)
            .chain([self.last.next()]);
        self.spans.iter().skip(at).copied().zip(ends)
    }

    /// The last index of an entry in the segments up to `segment`.
    pub(crate) fn last_in(&self, segment: u64) -> Index {
        let after = self.spans.partition_point(|span| span.segment <= segment);
        self.spans
            .get(after)
            .map_or(self.last, |span| span.first.prev())
    }

    /// Forgets the entries in the segments up to `segment`.
    pub(crate) fn forget(&mut self, segment: u64) {
        let through = self.last_in(segment);
        let Some(start) = self
            .position_at(through)
            .filter(|start| start.index > self.start.index)
        else {
            return;
        };
        let gone = self.spans.partition_point(|span| span.segment <= segment);
        self.spans.drain(..gone);
        let gone = self.runs.partition_point(|run| run.index <= through);
        self.runs.drain(..gone);
        let next = through.next();
        if through < self.last && self.runs.front().is_none_or(|run| run.index != next) {
            // The run that crosses the cut goes on after it.
            self.runs.push_front(Position {
                term: start.term,
                index: next,
            });
        }
        self.start = start;
        // A snapshot says it.
        self.memberships.retain(|(index, _)| *index > through);
    }

    /// Who the members are from an entry on, in each entry after `index` that says so.
    pub(crate) fn memberships_after(
        &self,
        index: Index,
    ) -> impl Iterator<Item = (Index, Membership)> + '_ {
        let memberships = self.memberships.iter();
        memberships.filter(move |(from, _)| *from > index).cloned()
    }
}

/// Whether `entries` follow `previous` and each other.
pub(crate) fn follow(
    mut previous: Position,
    entries: &Entries,
) -> Result<(), (Position, Position, &'static str)> {
    for entry in entries {
        let position = entry.position;
        if position.index <= previous.index || position.index != previous.index.next() {
            return Err((previous, position, "entries must be consecutive"));
        }
        if position.term < previous.term {
            return Err((previous, position, "terms must not go back"));
        }
        previous = position;
    }
    Ok(())
}

/// Payload and overhead of an entry in memory, counted as the core counts them.
pub(crate) fn cost(entry: &Entry) -> usize {
    entry.payload.len() + 64
}
