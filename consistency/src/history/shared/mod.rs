//! Writes down a history that many threads make.
//!
//! # Why its times can be trusted
//!
//! All threads share one counter. An operation takes its value when it is called, and adds one and takes the
//! value of before when it returns. In the history one operation precedes another if it returned at less
//! than the other was called at. Then the other's look at the counter saw the addition: as that is a release
//! and the look an acquire, all that the first did *happens before* anything that the second does. So a
//! precedence that is written down was real, and no check finds a violation for the sake of a wrong one. The
//! other way round, an operation that really preceded another could be written down as concurrent with it
//! only by a processor that shows an old value of a counter after a newer one was set: that makes a check more
//! lenient, and never wrong.
//!
//! # Why a part of it can be checked
//!
//! A history is cut at a moment: where its memory ends, or where somebody looks at it. What returned before
//! is there, with its answer. What was called before and had not returned is there, and is unknown, as its
//! answer may show what came later. What was called later can not have been seen by what returned before,
//! and is left out. That is what the history was at that moment, and linearizability is a property of each
//! such beginning (Herlihy and Wing, 1990, §3.2).

mod lane;
#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use lane::{InFlight, Lane};

use alloc::vec::Vec;

use super::{History, Operation, Outcome};
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};

/// A lane takes room for so many operations at once.
const ROOM: u64 = 64;

/// Or for so large a part of all that there is room for, if that is less.
const SHARE: u64 = 16;

/// Where nothing is cut.
const NEVER: u64 = u64::MAX;

/// Writes down a history while many threads make it: cheap enough to be left on, and bounded.
///
/// Each thread records in a [`Lane`] of its own. That takes some tens of nanoseconds for an operation, most of
/// them for a counter that all share and for a lock that nobody else wants. The history can be taken at
/// any time, while all of them go on. When the room for operations is used up, what comes later is only
/// counted: the history is then what it was at that moment, which can be checked as any other.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use quorate_consistency::{
///     Budget, Register, RegisterInput, RegisterOutput, SharedRecorder, Verdict, check,
/// };
///
/// let register = AtomicU32::new(0);
/// let recorder = SharedRecorder::new(10_000);
/// std::thread::scope(|threads| {
///     for value in 1..=3 {
///         let mut lane = recorder.lane();
///         let register = &register;
///         threads.spawn(move || {
///             let operation = lane.call(RegisterInput::Write(value));
///             register.store(value, Ordering::SeqCst);
///             operation.ok(RegisterOutput::Written);
///             let operation = lane.call(RegisterInput::Read);
///             let seen = register.load(Ordering::SeqCst);
///             operation.ok(RegisterOutput::Value(Some(seen)));
///         });
///     }
/// });
/// let recorded = recorder.history();
/// assert_eq!((recorded.history.len(), recorded.missed), (6, 0));
/// let verdict = check(&Register::new(), &recorded.history, Budget::default());
/// assert!(matches!(verdict, Verdict::Holds(_)));
/// ```
#[derive(Debug)]
pub struct SharedRecorder<I, O> {
    shared: Arc<Shared<I, O>>,
}

/// What was recorded.
///
/// [`SharedRecorder`] has an example.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recorded<I, O> {
    /// What can be checked. Its times are no nanoseconds but count what has returned.
    pub history: History<I, O>,
    /// How many operations came after the room was used up. Above zero, the history ends before them.
    pub missed: u64,
}

#[derive(Debug)]
struct Shared<I, O> {
    /// How many operations have returned, or been looked at.
    clock: AtomicU64,
    /// When the first operation was called for which there was no room.
    cut: AtomicU64,
    /// How many operations there is room for that no lane has taken.
    room: AtomicU64,
    missed: AtomicU64,
    processes: AtomicU64,
    lanes: Mutex<Vec<Arc<Pages<I, O>>>>,
}

/// What one lane has recorded.
type Pages<I, O> = Mutex<Vec<Operation<I, O>>>;

impl<I, O> SharedRecorder<I, O> {
    /// A recorder with room for so many operations. It takes the memory as it is needed.
    pub fn new(operations: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock: AtomicU64::new(0),
                cut: AtomicU64::new(NEVER),
                room: AtomicU64::new(operations),
                missed: AtomicU64::new(0),
                processes: AtomicU64::new(0),
                lanes: Mutex::new(Vec::new()),
            }),
        }
    }

    /// A lane for one thread, or for one client among those of a thread.
    pub fn lane(&self) -> Lane<I, O> {
        let pages = Arc::new(Mutex::new(Vec::new()));
        locked(&self.shared.lanes).push(Arc::clone(&pages));
        Lane::new(Arc::clone(&self.shared), pages)
    }

    /// The history until now, while others may go on to make it.
    pub fn history(&self) -> Recorded<I, O>
    where
        I: Clone,
        O: Clone,
    {
        // What is called from now on sees this addition, by the lock of its lane if not before.
        let now = self.shared.clock.fetch_add(1, Ordering::AcqRel);
        let lanes: Vec<_> = locked(&self.shared.lanes).iter().map(Arc::clone).collect();
        let mut operations = Vec::new();
        for pages in lanes {
            operations.extend(locked(&pages).iter().cloned());
        }
        let cut = self.shared.cut.load(Ordering::Acquire).min(now + 1);
        Recorded {
            history: cut_at(cut, operations),
            missed: self.shared.missed.load(Ordering::Relaxed),
        }
    }
}

/// Another handle of the same recorder.
impl<I, O> Clone for SharedRecorder<I, O> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<I, O> Shared<I, O> {
    /// Room for some more operations: how many. None when all is used up.
    fn take_room(&self) -> Option<u64> {
        // Less and less, so that no lane is left without while another has plenty.
        let share = |room: u64| (room / SHARE).clamp(1, ROOM);
        let take = |room: u64| (room > 0).then(|| room - share(room));
        let before = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        before.ok().map(share)
    }

    /// There is no room for an operation that was called at this time.
    fn miss(&self, call: u64) {
        self.cut.fetch_min(call, Ordering::AcqRel);
        self.missed.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the history was when the counter got to `cut`.
fn cut_at<I, O>(cut: u64, operations: Vec<Operation<I, O>>) -> History<I, O> {
    let operations = operations.into_iter();
    let begun = operations.filter(|operation| operation.call < cut);
    let known = |operation: Operation<I, O>| match operation.ret < cut {
        true => operation,
        false => Operation {
            output: Outcome::Unknown,
            ret: u64::MAX,
            ..operation
        },
    };
    begun.map(known).collect()
}

/// A thread that panics has written its operation, or has not: what the lock guards is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
