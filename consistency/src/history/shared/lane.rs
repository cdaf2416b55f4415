//! One thread's part of a history.

use core::fmt;

use super::{Pages, Shared, locked};
use crate::sync::{Arc, Ordering};
use crate::{Operation, Outcome};

/// Where one thread records what it does, one operation after another.
///
/// While an operation is [in flight](InFlight) the lane can not be used for another: a client asks for one
/// thing at a time. After an operation of which nobody knows what came, the lane goes on as another client,
/// for that one may still be at it.
///
/// ```
/// use quorate_consistency::{RegisterInput, RegisterOutput, SharedRecorder};
///
/// let recorder = SharedRecorder::<RegisterInput<u8>, RegisterOutput<u8>>::new(100);
/// let mut lane = recorder.lane();
/// lane.call(RegisterInput::Write(1)).unknown();
/// lane.call(RegisterInput::Write(2)).failed();
/// let history = recorder.history().history;
/// assert_ne!(history.operations[0].process, history.operations[1].process);
/// ```
///
/// ```compile_fail
/// # use quorate_consistency::{RegisterInput, RegisterOutput, SharedRecorder};
/// # let recorder = SharedRecorder::<RegisterInput<u8>, RegisterOutput<u8>>::new(100);
/// let mut lane = recorder.lane();
/// let first = lane.call(RegisterInput::Write(1));
/// let second = lane.call(RegisterInput::Write(2));
/// first.ok(RegisterOutput::Written);
/// ```
pub struct Lane<I, O> {
    shared: Arc<Shared<I, O>>,
    pages: Arc<Pages<I, O>>,
    process: u64,
    /// Operations that there is room for.
    room: u64,
}

impl<I, O> Lane<I, O> {
    pub(super) fn new(shared: Arc<Shared<I, O>>, pages: Arc<Pages<I, O>>) -> Self {
        let process = shared.processes.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            pages,
            process,
            room: 0,
        }
    }

    /// It is about to ask for `input`. Call it before anything is sent.
    pub fn call(&mut self, input: I) -> InFlight<'_, I, O> {
        if self.room == 0 {
            self.room = self.shared.take_room().unwrap_or(0);
        }
        let mut pages = locked(&self.pages);
        // Under the lock: whoever takes the history meanwhile has either this operation or has counted on
        // before it is called.
        let call = self.shared.clock.load(Ordering::Acquire);
        let place = match self.room {
            0 => {
                self.shared.miss(call);
                None
            }
            _ => {
                self.room -= 1;
                pages.push(Operation::unknown(self.process, input, call));
                Some(pages.len() - 1)
            }
        };
        drop(pages);
        InFlight { lane: self, place }
    }

    fn ret(&mut self, place: Option<usize>, outcome: Outcome<O>) {
        if matches!(outcome, Outcome::Unknown) {
            self.process = self.shared.processes.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Some(place) = place else {
            return;
        };
        let mut pages = locked(&self.pages);
        let ret = self.shared.clock.fetch_add(1, Ordering::AcqRel);
        if let Some(operation) = pages.get_mut(place) {
            operation.output = outcome;
            operation.ret = ret;
        }
    }
}

impl<I, O> fmt::Debug for Lane<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lane = f.debug_struct("Lane");
        lane.field("process", &self.process).finish_non_exhaustive()
    }
}

/// An operation that was called and has not returned. Dropped, its outcome is
/// [unknown](Outcome::Unknown), as when its thread panics.
///
/// ```
/// use quorate_consistency::{Outcome, RegisterInput, RegisterOutput, SharedRecorder};
///
/// let recorder = SharedRecorder::<RegisterInput<u8>, RegisterOutput<u8>>::new(100);
/// let mut lane = recorder.lane();
/// let in_flight = lane.call(RegisterInput::Read);
/// assert_eq!(recorder.history().history.operations[0].output, Outcome::Unknown);
/// in_flight.ok(RegisterOutput::Value(Some(3)));
/// let history = recorder.history().history;
/// assert_eq!(history.operations[0].output, Outcome::Ok(RegisterOutput::Value(Some(3))));
/// ```
#[must_use = "an operation whose end is not told is of unknown outcome"]
pub struct InFlight<'a, I, O> {
    lane: &'a mut Lane<I, O>,
    place: Option<usize>,
}

impl<I, O> InFlight<'_, I, O> {
    /// It was answered. Call it after the answer has arrived.
    pub fn ok(self, output: O) {
        self.end(Outcome::Ok(output));
    }

    /// It certainly had no effect, and never will have. A timeout is not that.
    pub fn failed(self) {
        self.end(Outcome::Failed);
    }

    /// Nobody knows what came of it.
    pub fn unknown(self) {
        self.end(Outcome::Unknown);
    }

    /// This came of it.
    pub fn end(self, outcome: Outcome<O>) {
        let mut this = core::mem::ManuallyDrop::new(self);
        let place = this.place;
        this.lane.ret(place, outcome);
    }
}

impl<I, O> Drop for InFlight<'_, I, O> {
    fn drop(&mut self) {
        self.lane.ret(self.place, Outcome::Unknown);
    }
}

impl<I, O> fmt::Debug for InFlight<'_, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut in_flight = f.debug_struct("InFlight");
        in_flight.field("lane", &self.lane).finish_non_exhaustive()
    }
}
