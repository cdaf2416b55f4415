//! What the clients saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_clocks::SystemClock;
use quorate_consistency::Level;

use super::plan::{Phase, PhaseCell};
use super::tally::{Row, Tally};
use crate::sync::{Lock, lock};

/// The most operations that are remembered. Clients pace themselves so that a run of any length
/// stays below it; what comes beyond is not recorded, and the report says so.
pub(super) const MAX_OPERATIONS: usize = 600_000;

/// The value that stands for an answer which no client ever wrote.
pub(super) const GARBAGE: u64 = u64::MAX;

/// A span of time on the one clock of the run, in nanoseconds since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Span {
    /// When the client began to send.
    pub(super) call: u64,
    /// When it had the answer, or gave up.
    pub(super) ret: u64,
}

/// One operation on a key. What certainly did not happen is not recorded.
#[derive(Clone, Debug)]
pub(super) struct Op {
    /// Who: one number per client, which is one session.
    pub(super) session: u64,
    pub(super) phase: Phase,
    pub(super) span: Span,
    pub(super) key: Arc<str>,
    pub(super) action: Action,
}

/// What was done to a key, and what came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// A read that was answered.
    Read {
        level: Level,
        /// The level that the service says it served.
        served: Option<Level>,
        /// `None` when the key had no value.
        value: Option<u64>,
        /// Zero when the key had no value.
        revision: u64,
        /// Who answered.
        node: Option<u64>,
    },
    Put {
        value: u64,
        result: Change,
    },
    Delete {
        result: Change,
    },
    /// A compare-and-set: from the revision that was read before, zero for absent.
    Swap {
        expected: u64,
        value: u64,
        result: Change,
    },
}

/// What came of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// It was made, at this revision.
    Made(u64),
    /// The key was at another revision than expected, namely this one; zero when it was absent.
    Mismatch(u64),
    /// No answer.
    Unknown,
}

/// An increment that was sent until it was answered, always with the same key.
#[derive(Clone, Debug)]
pub(super) struct Addition {
    pub(super) session: u64,
    pub(super) span: Span,
    pub(super) counter: Arc<str>,
    pub(super) amount: i64,
    /// The sum and its revision, when it was answered.
    pub(super) acknowledged: Option<(i64, u64)>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// Whether it was sent once more after its answer, and answered alike.
    pub(super) replay: Option<bool>,
}

/// A write under a lease that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardedWrite {
    pub(super) token: u64,
    pub(super) revision: u64,
}

/// A holder slept past its lease; another acquired it and wrote; then the first wrote again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) phase: Phase,
    pub(super) old_token: u64,
    pub(super) new_token: u64,
    pub(super) stale_write: StaleWrite,
    /// Whether the lease passed on while its first holder could still believe in it.
    pub(super) overlapped: bool,
}

/// What came of the write with the old token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StaleWrite {
    Refused,
    LetThrough,
    /// No answer until the end.
    Unanswered,
}

/// Everything that the clients recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) ops: Vec<Op>,
    pub(super) additions: Vec<Addition>,
    pub(super) guarded: Vec<GuardedWrite>,
    pub(super) pauses: Vec<Pause>,
    pub(super) tally: Tally,
    /// Operations beyond [`MAX_OPERATIONS`].
    pub(super) dropped: u64,
}

/// Where all clients record. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    clock: SystemClock,
    phase: PhaseCell,
    recorded: Arc<Lock<Recorded>>,
    attempts: Arc<AtomicU64>,
}

impl Recorder {
    pub(super) fn new(clock: SystemClock, phase: PhaseCell) -> Self {
        Self {
            clock,
            phase,
            recorded: Arc::default(),
            attempts: Arc::default(),
        }
    }

    /// Nanoseconds since the start of the run.
    pub(super) fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// How many requests were sent so far.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// One request that was sent in `phase` was answered with what came of it, or not.
    pub(super) fn attempt(&self, phase: Phase, row: Row, span: Span, answered: bool) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        // What was on its way when the first attack began was hit by that attack.
        let phase = match phase {
            Phase::Healthy => self.phase(),
            attacked => attacked,
        };
        lock(&self.recorded)
            .tally
            .attempt(phase, row, span, answered);
    }

    pub(super) fn op(&self, op: Op) {
        let mut recorded = lock(&self.recorded);
        if recorded.ops.len() < MAX_OPERATIONS {
            recorded.ops.push(op);
        } else {
            recorded.dropped += 1;
        }
    }

    pub(super) fn addition(&self, addition: Addition) {
        // Never dropped: a sum with a hole in it proves nothing. The pace of the clients bounds them.
        lock(&self.recorded).additions.push(addition);
    }

    pub(super) fn guarded(&self, write: GuardedWrite) {
        lock(&self.recorded).guarded.push(write);
    }

    pub(super) fn pause(&self, pause: Pause) {
        lock(&self.recorded).pauses.push(pause);
    }

    /// Everything recorded so far.
    pub(super) fn take(&self) -> Recorded {
        std::mem::take(&mut *lock(&self.recorded))
    }
}
