//! What the clients saw.

use std::collections::{BTreeMap, BTreeSet};
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
#[derive(Clone, Debug)]
pub(super) struct GuardedWrite {
    pub(super) key: Arc<str>,
    pub(super) token: u64,
    pub(super) revision: u64,
}

/// A holder was stopped past its lease; another got one and wrote; then the first wrote again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) phase: Phase,
    pub(super) succession: Succession,
    pub(super) old_token: u64,
    pub(super) new_token: u64,
    pub(super) stale_write: StaleWrite,
    /// Whether the lease passed on while its first holder could still believe in it.
    pub(super) overlapped: bool,
}

/// How the second of two holders stands when the first, which was stopped, goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Succession {
    /// It holds the lease that the first believes to hold.
    Holding,
    /// It held that lease, and gave it back.
    Released,
    /// It holds another lease, of whose holders the same key was written.
    OtherLease,
}

/// What came of the write with the old token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StaleWrite {
    Refused,
    LetThrough,
    /// No answer until the end.
    Unanswered,
}

/// Reads that only a node which knows what it does not know answers rightly: they were asked of a
/// node that was cut off, and that was alive and could not have what they had to show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Trials {
    /// Bounded reads of what had been acknowledged without the node, longer ago than the bound.
    pub(super) bounded: usize,
    /// Session reads of what the session had written without the node.
    pub(super) session: usize,
}

/// A node that is cut off from all others, but not from the clients.
#[derive(Debug)]
struct CutOff {
    node: usize,
    from: u64,
    /// By key, when the first write was acknowledged that was sent after the cut, and by whose
    /// session each was written.
    missed: BTreeMap<Arc<str>, (u64, BTreeSet<u64>)>,
}

/// Everything that the clients recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) ops: Vec<Op>,
    pub(super) additions: Vec<Addition>,
    pub(super) guarded: Vec<GuardedWrite>,
    pub(super) pauses: Vec<Pause>,
    pub(super) tally: Tally,
    pub(super) trials: Trials,
    /// The node under attack.
    victim: Option<usize>,
    cut_off: Option<CutOff>,
    /// Keys that were deleted: that one of them is absent may be for that.
    deleted: BTreeSet<Arc<str>>,
    /// When each phase began.
    phases: Vec<(u64, Phase)>,
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
    pub(super) fn new(clock: SystemClock) -> Self {
        Self {
            clock,
            phase: PhaseCell::default(),
            recorded: Arc::default(),
            attempts: Arc::default(),
        }
    }

    /// Nanoseconds since the start of the run.
    pub(super) fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }

    /// The one clock of the run.
    pub(super) fn clock(&self) -> SystemClock {
        self.clock
    }

    /// A phase begins.
    pub(super) fn begin(&self, phase: Phase) {
        let now = self.now();
        lock(&self.recorded).phases.push((now, phase));
        self.phase.set(phase);
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The phase at a time that has passed.
    pub(super) fn phase_at(&self, nanos: u64) -> Phase {
        let recorded = lock(&self.recorded);
        let begun = recorded.phases.partition_point(|(from, _)| *from <= nanos);
        let last = begun
            .checked_sub(1)
            .and_then(|place| recorded.phases.get(place));
        last.map_or(Phase::Healthy, |(_, phase)| *phase)
    }

    /// From now on a node is under attack, or none is.
    pub(super) fn attacked(&self, node: Option<usize>) {
        lock(&self.recorded).victim = node;
    }

    /// Whether a node is under attack.
    pub(super) fn is_victim(&self, node: usize) -> bool {
        lock(&self.recorded).victim == Some(node)
    }

    /// From now on a node is cut off from all others, or none is.
    pub(super) fn cut_off(&self, node: Option<usize>) {
        let from = self.now();
        lock(&self.recorded).cut_off = node.map(|node| CutOff {
            node,
            from,
            missed: BTreeMap::new(),
        });
    }

    /// A session is about to ask a node for a key.
    pub(super) fn ask(&self, session: u64, key: &Arc<str>, level: Level, node: usize) {
        let now = self.now();
        let mut recorded = lock(&self.recorded);
        let Some(cut_off) = &recorded.cut_off else {
            return;
        };
        let Some((acknowledged, writers)) = cut_off.missed.get(key) else {
            return;
        };
        if cut_off.node != node || recorded.deleted.contains(key) {
            return;
        }
        let since = u128::from(now.saturating_sub(*acknowledged));
        match level {
            Level::Bounded(bound) if since > bound.as_nanos() => recorded.trials.bounded += 1,
            Level::Session if writers.contains(&session) => recorded.trials.session += 1,
            _ => (),
        }
    }

    /// The reads so far that a node which was cut off could have answered wrongly.
    pub(super) fn trials(&self) -> Trials {
        lock(&self.recorded).trials
    }

    /// How many requests were sent so far.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// One request that was sent in `phase` was answered with what came of it, or not.
    pub(super) fn attempt(
        &self,
        phase: Phase,
        row: Row,
        span: Span,
        answered: bool,
        at_victim: bool,
    ) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        // What was on its way when the first attack began was hit by that attack.
        let phase = match phase {
            Phase::Healthy => self.phase(),
            attacked => attacked,
        };
        lock(&self.recorded)
            .tally
            .attempt(phase, row, span, answered, at_victim);
    }

    pub(super) fn op(&self, op: Op) {
        let mut recorded = lock(&self.recorded);
        recorded.note_missed(&op);
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

impl Recorded {
    /// Notes what a node that is cut off cannot have.
    fn note_missed(&mut self, op: &Op) {
        let result = match op.action {
            Action::Read { .. } => return,
            Action::Delete { .. } => {
                self.deleted.insert(op.key.clone());
                return;
            }
            Action::Put { result, .. } | Action::Swap { result, .. } => result,
        };
        if let Some(cut_off) = &mut self.cut_off
            && op.span.call > cut_off.from
            && matches!(result, Change::Made(_))
        {
            let missed = cut_off.missed.entry(op.key.clone());
            let (_, writers) = missed.or_insert((op.span.ret, BTreeSet::new()));
            writers.insert(op.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::verdict::tests::{delete, put};
    use std::time::Duration;

    /// A write of session 1 that was sent and acknowledged after whatever was recorded before.
    fn write(recorder: &Recorder, key: &str) {
        recorder.op(put(key, 1, 1, recorder.now() + 1, recorder.now() + 2));
    }

    #[test]
    fn only_what_a_node_cannot_have_puts_it_to_the_test() {
        let recorder = Recorder::new(SystemClock::new());
        let ask = |session, key: &str, level, node| {
            // Later than what was written, however coarse the clock is.
            let written = recorder.now() + 2;
            while recorder.now() <= written {}
            let before = recorder.trials();
            recorder.ask(session, &key.into(), level, node);
            let after = recorder.trials();
            (
                after.bounded - before.bounded,
                after.session - before.session,
            )
        };
        let at_once = Level::Bounded(Duration::ZERO);
        let patient = Level::Bounded(Duration::from_secs(3_600));
        write(&recorder, "before");
        recorder.cut_off(Some(2));
        write(&recorder, "a");
        assert_eq!(ask(1, "a", Level::Session, 2), (0, 1));
        assert_eq!(ask(7, "a", at_once, 2), (1, 0));
        // Not the node; not written by the session, without it, or for long enough; not demanded.
        assert_eq!(ask(1, "a", Level::Session, 1), (0, 0));
        assert_eq!(ask(7, "a", Level::Session, 2), (0, 0));
        assert_eq!(ask(1, "before", Level::Session, 2), (0, 0));
        assert_eq!(ask(7, "a", patient, 2), (0, 0));
        assert_eq!(ask(1, "a", Level::Eventual, 2), (0, 0));
        // Its absence would be excused.
        recorder.op(delete("a", Some(3), recorder.now(), recorder.now()));
        assert_eq!(ask(1, "a", Level::Session, 2), (0, 0));
        recorder.cut_off(None);
        write(&recorder, "b");
        assert_eq!(ask(1, "b", Level::Session, 2), (0, 0));
    }

    #[test]
    fn the_phase_at_a_time_is_the_one_that_had_begun() {
        let recorder = Recorder::new(SystemClock::new());
        recorder.begin(Phase::Healthy);
        let healthy = recorder.now();
        while recorder.now() == healthy {}
        recorder.begin(Phase::LeaderFrozen);
        assert_eq!(recorder.phase_at(0), Phase::Healthy);
        assert_eq!(recorder.phase_at(healthy), Phase::Healthy);
        assert_eq!(recorder.phase_at(recorder.now()), Phase::LeaderFrozen);
        assert_eq!(recorder.phase(), Phase::LeaderFrozen);
    }
}
