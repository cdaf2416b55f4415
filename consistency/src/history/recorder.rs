//! Writes down a history while it happens.

use super::{History, Operation, Outcome};

/// An operation that a [`Recorder`] has seen begin.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OperationId(usize);

/// Writes down a history while it happens. What has not returned by the end is
/// [`Outcome::Unknown`], which is what it is.
///
/// ```
/// use quorate_consistency::{Outcome, Recorder, RegisterInput, RegisterOutput};
///
/// let mut recorder: Recorder<RegisterInput<u32>, RegisterOutput<u32>> = Recorder::new();
/// let first = recorder.call(1, RegisterInput::Write(7), 10);
/// let _never_answered = recorder.call(2, RegisterInput::Write(8), 12);
/// recorder.ret(first, Outcome::Ok(RegisterOutput::Written), 20);
///
/// let history = recorder.finish();
/// assert_eq!(history.operations[0].ret, 20);
/// assert_eq!(history.operations[1].output, Outcome::Unknown);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recorder<I, O> {
    history: History<I, O>,
}

impl<I, O> Recorder<I, O> {
    /// A recorder that has seen nothing.
    pub const fn new() -> Self {
        Self {
            history: History::new(),
        }
    }

    /// `process` is about to ask for `input`. Call it before the request is sent.
    pub fn call(&mut self, process: u64, input: I, now_ns: u64) -> OperationId {
        self.history
            .push(Operation::unknown(process, input, now_ns));
        OperationId(self.history.len() - 1)
    }

    /// What came of an operation. Call it after the answer has arrived. Returns whether it was
    /// written down: a second answer is not, but one that comes after all when it was unknown is.
    pub fn ret(&mut self, id: OperationId, outcome: Outcome<O>, now_ns: u64) -> bool {
        match self.history.operations.get_mut(id.0) {
            Some(operation) if operation.ret == u64::MAX => {
                if !matches!(outcome, Outcome::Unknown) {
                    operation.ret = now_ns.max(operation.call);
                }
                operation.output = outcome;
                true
            }
            _ => false,
        }
    }

    /// What has been written down so far.
    pub const fn history(&self) -> &History<I, O> {
        &self.history
    }

    /// The history.
    pub fn finish(self) -> History<I, O> {
        self.history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_stays_and_a_late_one_replaces_not_knowing() {
        let mut recorder: Recorder<&str, u32> = Recorder::new();
        let first = recorder.call(1, "first", 10);
        let second = recorder.call(2, "second", 11);
        assert!(recorder.ret(first, Outcome::Ok(7), 20));
        assert!(!recorder.ret(first, Outcome::Ok(8), 21));
        assert!(recorder.ret(second, Outcome::Unknown, 22));
        assert!(recorder.ret(second, Outcome::Failed, 23));
        assert!(!recorder.ret(OperationId(2), Outcome::Unknown, 24));
        let history = recorder.finish();
        assert_eq!(
            history.operations,
            [
                Operation::ok(1, "first", 7, 10, 20),
                Operation::failed(2, "second", 11, 23)
            ]
        );
    }
}
