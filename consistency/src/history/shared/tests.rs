// The recorder is for threads.
#![allow(clippy::disallowed_methods)]

use std::sync::Mutex as StdMutex;
use std::vec;
use std::vec::Vec;

use super::{SharedRecorder, cut_at};
use crate::{
    Budget, History, Operation, Outcome, Register, RegisterInput, RegisterOutput, Verdict, check,
};

type Recorder = SharedRecorder<RegisterInput<u64>, RegisterOutput<u64>>;

fn holds(history: &History<RegisterInput<u64>, RegisterOutput<u64>>) -> bool {
    let verdict = check(&Register::new(), history, Budget::default());
    assert!(!matches!(verdict, Verdict::Unknown { .. }), "{verdict:?}");
    matches!(verdict, Verdict::Holds(_))
}

/// Threads that write and read a register, each for so many times. A reader of a broken one is given what
/// was there before.
fn run(recorder: &Recorder, threads: u64, rounds: u64, is_broken: bool) {
    let register = StdMutex::new((None, None));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let mut lane = recorder.lane();
            let register = &register;
            scope.spawn(move || {
                for round in 0..rounds {
                    let value = thread << 32 | round;
                    let write = lane.call(RegisterInput::Write(value));
                    {
                        let mut register = register.lock().unwrap();
                        *register = (Some(value), register.0);
                    }
                    write.ok(RegisterOutput::Written);
                    let read = lane.call(RegisterInput::Read);
                    let (now, before) = *register.lock().unwrap();
                    read.ok(RegisterOutput::Value(if is_broken { before } else { now }));
                }
            });
        }
    });
}

#[test]
fn a_register_is_one_however_many_threads_use_it_and_whatever_is_missed() {
    for room in [0, 1, 7, 63, 64, 65, 300, 10_000] {
        let recorder = Recorder::new(room);
        run(&recorder, 4, 200, false);
        let recorded = recorder.history();
        let len = recorded.history.len() as u64;
        assert!(len <= room, "{len} operations in room for {room}");
        assert!(holds(&recorded.history), "room for {room}");
        assert_eq!(recorded.missed > 0, room < 1_600);
        if room >= 1_600 {
            assert_eq!(len, 1_600);
        }
    }
}

#[test]
fn a_register_that_shows_what_was_is_found_out() {
    let recorder = Recorder::new(10_000);
    run(&recorder, 1, 10, true);
    assert!(!holds(&recorder.history().history));
    // Also in what is left when the room is used up.
    let recorder = Recorder::new(64);
    run(&recorder, 3, 200, true);
    assert!(!holds(&recorder.history().history));
}

#[test]
fn the_history_is_taken_while_threads_make_it() {
    let recorder = Recorder::new(100_000);
    let watcher = recorder.clone();
    let taken: Vec<_> = std::thread::scope(|scope| {
        let making = scope.spawn(|| run(&recorder, 2, 2_000, false));
        let mut taken = Vec::new();
        while !making.is_finished() {
            taken.push(watcher.history());
        }
        taken
    });
    assert!(taken.iter().all(|recorded| recorded.missed == 0));
    let some = taken.iter().rev().take(20);
    assert!(some.into_iter().all(|recorded| holds(&recorded.history)));
}

#[test]
fn an_operation_whose_thread_is_gone_is_unknown() {
    let recorder = Recorder::new(10);
    let mut lane = recorder.lane();
    let thread = std::thread::spawn(move || {
        let _in_flight = lane.call(RegisterInput::Write(1));
        panic!("its client crashes");
    });
    assert!(thread.join().is_err());
    let history = recorder.history().history;
    assert_eq!(
        history.operations,
        [Operation::unknown(0, RegisterInput::Write(1), 0)]
    );
}

#[test]
fn a_history_is_cut_to_what_it_was() {
    let operations = vec![
        Operation::ok(1, "before", 1, 0, 4),
        Operation::ok(2, "across", 2, 4, 5),
        Operation::failed(3, "failed across", 2, 7),
        Operation::ok(4, "after", 3, 5, 6),
    ];
    let cut = cut_at(5, operations).operations;
    assert_eq!(
        cut,
        [
            Operation::ok(1, "before", 1, 0, 4),
            Operation::unknown(2, "across", 4),
            Operation::unknown(3, "failed across", 2),
        ]
    );
}

#[test]
fn what_precedes_is_told_from_what_is_concurrent() {
    let recorder = SharedRecorder::<u8, u8>::new(10);
    let (mut one, mut other) = (recorder.lane(), recorder.lane());
    one.call(1).ok(1);
    let first = one.call(2);
    let second = other.call(3);
    first.ok(2);
    second.ok(3);
    let history = recorder.history().history.operations;
    let [before, first, second] = &history[..] else {
        panic!("three operations");
    };
    assert!(before.ret < first.call && before.ret < second.call);
    assert!(first.ret >= second.call && second.ret >= first.call);
    assert_eq!(second.output, Outcome::Ok(3));
}
