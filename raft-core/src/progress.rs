//! What a leader knows of one follower.

use alloc::collections::VecDeque;
use core::time::Duration;

use quorate_clocks::{Instant, NodeId};

use crate::marks::PeerMarks;
use crate::{Index, Snapshot};

/// Heartbeat intervals after which a message is sent again at the latest.
const MAX_PATIENCE: u32 = 32;

/// A follower, as the leader sees it.
///
/// `matched < next` always holds. Within a term `matched` goes back only for a follower that has
/// lost what it had acknowledged.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Progress {
    pub(crate) id: NodeId,
    /// It is sent no commands.
    pub(crate) is_witness: bool,
    /// The last entry that it is known to hold, durably.
    pub(crate) matched: Index,
    /// The next entry to send.
    pub(crate) next: Index,
    pub(crate) mode: Mode,
    /// The commit index that it was sent last, as far as it can make use of it.
    pub(crate) sent_commit: Index,
    /// When it last answered anything in this term.
    pub(crate) answered: Instant,
    /// The newest round of heartbeats that it answered.
    pub(crate) round: u64,
    /// What it is told of how current it is.
    pub(crate) marks: PeerMarks,
    /// `matched` and the snapshot's offset while something is on its way to it, and since when
    /// neither has moved.
    still: Option<(Index, u64, Instant)>,
    /// How many heartbeat intervals without any news mean that something was lost.
    patience: u32,
}

/// How a follower is fed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Mode {
    /// Looks for the place where the logs agree, one append at a time.
    Probe {
        /// An append is on its way.
        waiting: bool,
    },
    /// Streams entries without waiting for answers.
    Replicate {
        /// The last index of each append that is not answered.
        in_flight: VecDeque<Index>,
    },
    /// Waits for the driver to bring a snapshot.
    AwaitSnapshot {
        /// The driver was asked.
        asked: bool,
    },
    /// Sends a snapshot, one chunk at a time.
    SendSnapshot {
        snapshot: Snapshot,
        /// How much of it has arrived.
        offset: u64,
        /// A chunk is on its way.
        waiting: bool,
        /// It was sent again, as the follower may have less than it had.
        resync: bool,
    },
}

impl Progress {
    /// A follower of which a new leader knows nothing but that its own log is a good guess.
    pub(crate) fn new(id: NodeId, next: Index, now: Instant) -> Self {
        Self {
            id,
            is_witness: false,
            matched: Index::ZERO,
            next,
            mode: Mode::Probe { waiting: false },
            sent_commit: Index::ZERO,
            answered: now,
            round: 0,
            marks: PeerMarks::default(),
            still: None,
            patience: 1,
        }
    }

    /// It holds everything up to `index`. Gives whether that was news.
    pub(crate) fn match_through(&mut self, index: Index) -> bool {
        let news = index > self.matched;
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched.next());
        match &mut self.mode {
            Mode::Replicate { in_flight } => {
                while in_flight.front().is_some_and(|&last| last <= index) {
                    in_flight.pop_front();
                }
            }
            Mode::SendSnapshot { snapshot, .. } if index < snapshot.position.index => {}
            Mode::Probe { .. } | Mode::AwaitSnapshot { .. } | Mode::SendSnapshot { .. } => {
                self.mode = Mode::Replicate {
                    in_flight: VecDeque::new(),
                };
            }
        }
        news
    }

    /// Starts to look for the place where the logs agree, at `next` or after what is known.
    pub(crate) fn probe_from(&mut self, next: Index) {
        self.next = next.max(self.matched.next());
        self.mode = Mode::Probe { waiting: false };
    }

    /// Whether what is on its way to it must be taken for lost. Asked when it answers a heartbeat,
    /// for then it is alive.
    ///
    /// Judged by time, for reads make heartbeats as often as they like. Each time in a row it takes
    /// twice as long: on a link that is only slow, copies would make it slower.
    pub(crate) fn has_lost(&mut self, now: Instant, heartbeat_interval: Duration) -> bool {
        if !self.is_waiting() {
            self.still = None;
            self.patience = 1;
            return false;
        }
        let (matched, offset) = (self.matched, self.snapshot_offset());
        let still = self
            .still
            .filter(|still| (still.0, still.1) == (matched, offset));
        match still {
            Some((_, _, since))
                if now.since(since) < heartbeat_interval.saturating_mul(self.patience) =>
            {
                return false;
            }
            Some(_) => self.patience = (self.patience * 2).min(MAX_PATIENCE),
            None => self.patience = (self.patience / 2).max(1),
        }
        self.still = Some((matched, offset, now));
        still.is_some()
    }

    fn is_waiting(&self) -> bool {
        match &self.mode {
            Mode::Probe { waiting } | Mode::SendSnapshot { waiting, .. } => *waiting,
            Mode::Replicate { in_flight } => !in_flight.is_empty(),
            Mode::AwaitSnapshot { .. } => false,
        }
    }

    /// Bytes of a snapshot that have arrived.
    const fn snapshot_offset(&self) -> u64 {
        match &self.mode {
            Mode::SendSnapshot { offset, .. } => *offset,
            _ => 0,
        }
    }
}
