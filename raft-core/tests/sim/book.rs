//! What an onlooker writes down, in order: the invariants read it.

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{Entry, HardState, Index, Position, Term};

/// Something that happened where it counts: on a disk, in an application, or before a client.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// A node started, from an application state that goes up to `applied`.
    Started { node: NodeId, applied: Index },
    /// An entry became durable, after the entry at `previous`.
    Wrote {
        node: NodeId,
        previous: Position,
        entry: Entry,
    },
    /// A term and a vote became durable.
    Voted { node: NodeId, state: HardState },
    /// An entry was applied by a node whose term was `known`.
    Applied {
        node: NodeId,
        known: Term,
        entry: Entry,
    },
    /// An application's state was replaced by one that holds these commands.
    Restored {
        node: NodeId,
        through: Position,
        commands: Vec<Bytes>,
    },
    /// A client was told that its command is committed.
    Acknowledged { position: Position, command: Bytes },
    /// A client was told that its command will never be applied.
    Refuted { command: Bytes },
    /// A client was shown the state of a node up to `shown`, and before it asked, everything up to
    /// `acknowledged` had been acknowledged.
    Read {
        node: NodeId,
        level: &'static str,
        acknowledged: Index,
        shown: Index,
    },
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    seen: Vec<Seen>,
    /// The last index of which a client was told that it is committed.
    pub(crate) acknowledged: Index,
}

impl Book {
    pub(crate) fn note(&mut self, seen: Seen) {
        if let Seen::Acknowledged { position, .. } = &seen {
            self.acknowledged = self.acknowledged.max(position.index);
        }
        self.seen.push(seen);
    }

    /// What was seen since the last call with the same cursor.
    pub(crate) fn since(&self, cursor: &mut usize) -> &[Seen] {
        let new = &self.seen[*cursor..];
        *cursor = self.seen.len();
        new
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.seen.iter()
    }
}
