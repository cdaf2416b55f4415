use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::SharedRecorder;
use crate::sync::Arc;
use crate::{Budget, Register, RegisterInput, RegisterOutput, Verdict, check};

type Recorder = SharedRecorder<RegisterInput<u64>, RegisterOutput<u64>>;

fn assert_holds(recorder: &Recorder) {
    let history = recorder.history().history;
    let verdict = check(&Register::new(), &history, Budget::default());
    assert!(matches!(verdict, Verdict::Holds(_)), "{history:?}");
}

/// A thread that writes a value and reads what is there.
fn spawn(recorder: &Recorder, register: &Arc<AtomicU64>, value: u64) -> thread::JoinHandle<()> {
    let mut lane = recorder.lane();
    let register = Arc::clone(register);
    thread::spawn(move || {
        let write = lane.call(RegisterInput::Write(value));
        register.swap(value, Ordering::AcqRel);
        write.ok(RegisterOutput::Written);
        let read = lane.call(RegisterInput::Read);
        let seen = register.load(Ordering::Acquire);
        read.ok(RegisterOutput::Value((seen > 0).then_some(seen)));
    })
}

/// Explores a run of two threads with so much room, of which somebody takes the history meanwhile or not.
fn explore(room: u64, is_watched: bool) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let recorder = Recorder::new(room);
        let register = Arc::new(AtomicU64::new(0));
        let threads = [1, 2].map(|value| spawn(&recorder, &register, value));
        if is_watched {
            assert_holds(&recorder);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_holds(&recorder);
    });
}

#[test]
fn what_is_recorded_was_so() {
    explore(100, false);
}

#[test]
fn what_is_taken_meanwhile_was_so() {
    explore(100, true);
}

#[test]
fn what_is_left_when_there_is_no_more_room_was_so() {
    explore(1, false);
}
