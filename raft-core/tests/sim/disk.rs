//! A disk as a log keeps it: the hard state, a snapshot, and the entries after the log's start.

use quorate_clocks::NodeId;
use quorate_raft_core::{
    Entry, HardState, Index, Membership, Payload, Persist, Position, Recovered, Snapshot,
};

use super::book::{Book, Seen};

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) hard_state: HardState,
    pub(crate) snapshot: Option<Snapshot>,
    /// The last entry that is no longer in `entries`.
    pub(crate) start: Position,
    pub(crate) entries: Vec<Entry>,
}

impl Disk {
    pub(crate) fn write(&mut self, node: NodeId, persist: &Persist, book: &mut Book) {
        if let Some(state) = persist.hard_state {
            self.hard_state = state;
            book.note(Seen::Voted { node, state });
        }
        if let Some(snapshot) = &persist.snapshot {
            self.start = snapshot.position;
            self.entries.clear();
            self.snapshot = Some(snapshot.clone());
        }
        if let Some(first) = persist.entries.first() {
            self.entries
                .retain(|entry| entry.position.index < first.position.index);
        }
        for entry in &persist.entries {
            let previous = self.last();
            book.note(Seen::Wrote {
                node,
                previous,
                entry: entry.to_owned(),
            });
            self.entries.push(entry.to_owned());
        }
    }

    /// Keeps a snapshot of this node's own, and of the entries that it covers the last `keep`.
    /// Returns up to where entries are gone.
    pub(crate) fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Index {
        let through = Index(snapshot.position.index.0.saturating_sub(keep));
        self.snapshot = Some(snapshot);
        while let Some(entry) = self
            .entries
            .first()
            .filter(|entry| entry.position.index <= through)
        {
            self.start = entry.position;
            self.entries.remove(0);
        }
        self.start.index
    }

    pub(crate) fn last(&self) -> Position {
        self.entries
            .last()
            .map_or(self.start, |entry| entry.position)
    }

    pub(crate) fn entry(&self, index: Index) -> Option<&Entry> {
        let at = index.0.checked_sub(self.start.index.0 + 1)?;
        self.entries.get(at as usize)
    }

    /// Whether the entry is here, or in a snapshot that is.
    pub(crate) fn holds(&self, position: Position) -> bool {
        position.index <= self.start.index
            || self
                .entry(position.index)
                .is_some_and(|entry| entry.position == position)
    }

    /// What the snapshot, and the entries after it, say about the members.
    pub(crate) fn memberships(&self) -> Vec<(Index, Membership)> {
        let of_snapshot = self.snapshot.iter();
        let mut known: Vec<_> = of_snapshot
            .map(|snapshot| (snapshot.position.index, snapshot.membership.clone()))
            .collect();
        for entry in &self.entries {
            let is_newer = known
                .last()
                .is_none_or(|(index, _)| *index < entry.position.index);
            if let Payload::Membership(membership) = &entry.payload
                && is_newer
            {
                known.push((entry.position.index, membership.clone()));
            }
        }
        known
    }

    /// What a driver hands to the core. `keep` entries are in memory, the others are on disk only.
    pub(crate) fn recover(&self, keep: usize) -> Recovered {
        let mut runs: Vec<Position> = Vec::new();
        for entry in &self.entries {
            if runs.last().is_none_or(|run| run.term < entry.position.term) {
                runs.push(entry.position);
            }
        }
        let from = self.entries.len().saturating_sub(keep);
        Recovered {
            hard_state: self.hard_state,
            start: self.start,
            applied: self
                .snapshot
                .as_ref()
                .map_or(Index::ZERO, |snapshot| snapshot.position.index),
            runs,
            memberships: self.memberships(),
            last: self.last().index,
            tail: self.entries[from..].to_vec(),
        }
    }
}
