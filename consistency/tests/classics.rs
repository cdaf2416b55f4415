//! Histories whose verdict every textbook agrees on, and the limits of a check.
// A small stack is had on a thread of its own.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;

use bytes::Bytes;
use quorate_consistency::{
    Budget, CertificateError, Checker, Expected, Fuel, History, Inconclusive, KeyValue,
    KeyValueInput, KeyValueOutput, Linearizability, Linearization, Model, Operation, Outcome,
    Register, RegisterInput, RegisterOutput, Verdict, Violation, check, verify,
};

type Op = Operation<RegisterInput<u32>, RegisterOutput<u32>>;

const REGISTER: Register<u32> = Register::new();

fn write(value: u32, call: u64, ret: u64) -> Op {
    Operation::ok(
        0,
        RegisterInput::Write(value),
        RegisterOutput::Written,
        call,
        ret,
    )
}

fn read(value: Option<u32>, call: u64, ret: u64) -> Op {
    Operation::ok(
        0,
        RegisterInput::Read,
        RegisterOutput::Value(value),
        call,
        ret,
    )
}

fn cas(expected: u32, value: u32, swapped: bool, call: u64, ret: u64) -> Op {
    let input = RegisterInput::CompareAndSet {
        expected: Some(expected),
        value,
    };
    Operation::ok(0, input, RegisterOutput::Swapped(swapped), call, ret)
}

fn timed_out(value: u32, call: u64) -> Op {
    Operation::unknown(0, RegisterInput::Write(value), call)
}

fn verdict(operations: Vec<Op>) -> Linearizability<(), RegisterOutput<u32>> {
    let history = History::from(operations);
    let verdict = check(&REGISTER, &history, Budget::default());
    if let Verdict::Holds(order) = &verdict {
        assert_eq!(verify(&REGISTER, &history, order), Ok(()));
    }
    verdict
}

fn violation(operations: Vec<Op>) -> Violation<(), RegisterOutput<u32>> {
    match verdict(operations) {
        Verdict::Violated(violation) => violation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_holds() {
    assert!(verdict(vec![]).holds());
    assert!(verdict(vec![timed_out(1, 0)]).holds());
    assert!(verdict(vec![Operation::failed(0, RegisterInput::Write(1), 0, 9)]).holds());
}

#[test]
fn a_stale_read_is_found_and_explained() {
    let violation = violation(vec![
        write(1, 0, 10),
        write(2, 20, 30),
        read(Some(1), 40, 50),
        read(Some(2), 60, 70),
    ]);
    assert_eq!(violation.prefix, [0, 1]);
    assert_eq!(violation.blocked.len(), 1);
    assert_eq!(violation.blocked[0].operation, 2);
    assert_eq!(
        violation.blocked[0].allowed,
        Some(RegisterOutput::Value(Some(2)))
    );
}

#[test]
fn a_write_takes_effect_once_it_is_seen_and_not_before_it_is_called() {
    // During the write, each of two readers may see either; but not the new and then the old.
    let during = |first, second| {
        vec![
            write(1, 0, 5),
            write(2, 10, 60),
            read(first, 20, 30),
            read(second, 40, 50),
        ]
    };
    assert!(verdict(during(Some(1), Some(1))).holds());
    assert!(verdict(during(Some(1), Some(2))).holds());
    assert!(verdict(during(Some(2), Some(2))).holds());
    violation(during(Some(2), Some(1)));
    violation(vec![read(Some(1), 0, 10), write(1, 20, 30)]);
}

#[test]
fn operations_that_touch_are_concurrent() {
    assert!(verdict(vec![write(1, 0, 10), read(None, 10, 20)]).holds());
    violation(vec![write(1, 0, 9), read(None, 10, 20)]);
}

#[test]
fn two_clients_cannot_both_win_a_compare_and_set() {
    let race = |first, second| {
        vec![
            write(0, 0, 1),
            cas(0, 1, first, 10, 30),
            cas(0, 2, second, 20, 40),
        ]
    };
    assert!(verdict(race(true, false)).holds());
    assert!(verdict(race(false, true)).holds());
    violation(race(true, true));
    violation(race(false, false));
}

#[test]
fn an_unknown_outcome_may_come_late_or_never_but_not_twice_or_too_early() {
    let with = |reads: &[Option<u32>]| {
        let mut operations = vec![write(1, 0, 10), timed_out(2, 20)];
        for (at, &value) in (0..).zip(reads) {
            operations.push(read(value, 30 + 10 * at, 35 + 10 * at));
        }
        operations
    };
    assert!(verdict(with(&[Some(1), Some(1), Some(1)])).holds());
    assert!(verdict(with(&[Some(1), Some(1), Some(2)])).holds());
    violation(with(&[Some(2), Some(1)]));
    // Not before its call.
    violation(vec![
        write(1, 0, 10),
        read(Some(2), 12, 15),
        timed_out(2, 20),
    ]);
    // Once: the write between hides it for good.
    violation(vec![
        timed_out(2, 0),
        read(Some(2), 10, 15),
        write(1, 20, 25),
        read(Some(2), 30, 35),
    ]);
    // Two that are alike may each take effect once.
    let twice = vec![
        timed_out(2, 0),
        timed_out(2, 1),
        read(Some(2), 10, 15),
        write(1, 20, 25),
        read(Some(2), 30, 35),
    ];
    assert!(verdict(twice).holds());
}

#[test]
fn what_was_tried_in_one_order_is_not_held_against_another() {
    // With the timeout between 1 and the compare-and-set, the first operations fit as well, but then
    // it is spent when the last read needs it.
    let operations = vec![
        write(0, 0, 5),
        timed_out(0, 6),
        write(1, 10, 20),
        cas(0, 2, true, 11, 20),
        write(3, 30, 40),
        read(Some(0), 50, 60),
    ];
    assert!(verdict(operations).holds());
}

#[test]
fn calling_a_timeout_failed_makes_a_good_history_look_bad() {
    let history = |outcome| {
        let mut late = timed_out(2, 20);
        late.output = outcome;
        late.ret = 25;
        vec![write(1, 0, 10), late, read(Some(2), 30, 40)]
    };
    assert!(verdict(history(Outcome::Unknown)).holds());
    violation(history(Outcome::Failed));
}

/// A queue, as in the examples of Herlihy and Wing 1990, figure 1.
struct Queue;

#[derive(Clone, Copy, PartialEq)]
enum QueueInput {
    Enqueue(char),
    Dequeue,
}

impl Model for Queue {
    type Key = ();
    type State = VecDeque<char>;
    type Input = QueueInput;
    type Output = Option<char>;

    fn key(&self, _: &QueueInput) {}

    fn initial(&self) -> VecDeque<char> {
        VecDeque::new()
    }

    fn step(
        &self,
        state: &VecDeque<char>,
        input: &QueueInput,
        output: Option<&Option<char>>,
    ) -> Option<VecDeque<char>> {
        let mut next = state.clone();
        let answer = match input {
            QueueInput::Enqueue(item) => {
                next.push_back(*item);
                None
            }
            QueueInput::Dequeue => next.pop_front(),
        };
        output
            .is_none_or(|output| *output == answer)
            .then_some(next)
    }
}

#[test]
fn herlihy_and_wing_1990_figure_1() {
    let enqueue = |item, call, ret| Operation::ok(0, QueueInput::Enqueue(item), None, call, ret);
    let dequeue = |item, call, ret| Operation::ok(0, QueueInput::Dequeue, Some(item), call, ret);
    let holds = |operations| check(&Queue, &History::from(operations), Budget::default()).holds();
    // Concurrent enqueues may come out in either order.
    assert!(holds(vec![
        enqueue('x', 0, 10),
        enqueue('y', 5, 15),
        dequeue('x', 20, 30),
        dequeue('y', 25, 35),
        enqueue('z', 40, 50),
    ]));
    // Not when one preceded the other.
    assert!(!holds(vec![
        enqueue('x', 0, 10),
        enqueue('y', 20, 30),
        dequeue('y', 40, 50)
    ]));
    // A dequeue may overlap the enqueue of what it takes.
    assert!(holds(vec![enqueue('x', 0, 20), dequeue('x', 10, 15)]));
    // Nothing comes out twice.
    assert!(!holds(vec![
        enqueue('x', 0, 10),
        enqueue('y', 5, 15),
        dequeue('y', 20, 30),
        dequeue('y', 25, 35),
    ]));
}

#[test]
fn one_bad_key_among_many_is_named() {
    let key = |n: usize| Bytes::from(format!("key-{n}"));
    let mut history = History::new();
    for n in 0..50 {
        let value = Bytes::from(format!("{n}"));
        let put = KeyValueInput::Put {
            key: key(n),
            value: value.clone(),
        };
        let revision = None;
        history.push(Operation::ok(
            0,
            put,
            KeyValueOutput::Written { revision },
            0,
            10,
        ));
        let value = (n != 31).then_some(value);
        let get = KeyValueInput::Get { key: key(n) };
        history.push(Operation::ok(
            1,
            get,
            KeyValueOutput::Got { value, revision },
            20,
            30,
        ));
    }
    let verdict = check(&KeyValue, &history, Budget::default());
    let violation = verdict.violation().unwrap();
    assert_eq!(violation.key, key(31));
    assert_eq!(
        (violation.prefix.as_slice(), violation.blocked[0].operation),
        (&[62][..], 63)
    );
}

#[test]
fn revisions_tell_writes_of_one_value_apart() {
    let key = Bytes::from_static(b"k");
    let put = |revision, call| {
        let input = KeyValueInput::Put {
            key: key.clone(),
            value: "same".into(),
        };
        Operation::ok(
            0,
            input,
            KeyValueOutput::Written { revision },
            call,
            call + 5,
        )
    };
    let get = |revision, call| {
        let output = KeyValueOutput::Got {
            value: Some("same".into()),
            revision,
        };
        Operation::ok(
            0,
            KeyValueInput::Get { key: key.clone() },
            output,
            call,
            call + 5,
        )
    };
    let swap = |revision, swapped, call| {
        let input = KeyValueInput::CompareAndSet {
            key: key.clone(),
            expected: Expected::Revision(revision),
            value: Some("other".into()),
        };
        let output = KeyValueOutput::Swapped {
            swapped,
            revision: None,
        };
        Operation::ok(0, input, output, call, call + 5)
    };
    let holds = |operations: &[Operation<_, _>]| {
        check(
            &KeyValue,
            &History::from(operations.to_vec()),
            Budget::default(),
        )
        .holds()
    };
    assert!(holds(&[
        put(Some(3), 0),
        put(Some(8), 10),
        get(Some(8), 20)
    ]));
    assert!(!holds(&[
        put(Some(3), 0),
        put(Some(8), 10),
        get(Some(3), 20)
    ]));
    assert!(!holds(&[put(Some(8), 0), put(Some(8), 10)]));
    assert!(!holds(&[put(Some(8), 0), put(Some(3), 10)]));
    // A write that did not tell has some revision above the last, and whoever reads it tells.
    assert!(holds(&[
        put(Some(3), 0),
        put(None, 10),
        get(Some(5), 20),
        swap(5, true, 30)
    ]));
    assert!(!holds(&[
        put(Some(3), 0),
        put(None, 10),
        get(Some(5), 20),
        get(Some(6), 30)
    ]));
    assert!(!holds(&[put(Some(3), 0), put(None, 10), swap(3, true, 20)]));
    assert!(holds(&[put(Some(3), 0), put(None, 10), swap(4, true, 20)]));
    assert!(holds(&[put(Some(3), 0), put(None, 10), swap(4, false, 20)]));
    assert!(!holds(&[put(Some(3), 0), swap(3, false, 20)]));
}

/// Writers that all overlap, and reads of what nobody wrote: the worst there is.
fn hopeless(writers: u32) -> History<RegisterInput<u32>, RegisterOutput<u32>> {
    let mut history = History::new();
    for value in 0..writers {
        history.push(write(value, 0, 1_000));
        history.push(read(Some(value), 0, 1_000));
    }
    history.push(read(Some(writers), 2_000, 3_000));
    history
}

/// The general search, whatever the model could do without.
fn general<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    budget: Budget,
) -> Linearizability<M::Key, M::Output> {
    Checker::new(model, history)
        .general()
        .memory_bytes(budget.memory_bytes)
        .run(&mut Fuel::new(budget.steps))
        .unwrap_or(Verdict::Unknown(Inconclusive::Steps {
            limit: budget.steps,
        }))
}

#[test]
fn a_budget_that_runs_out_is_no_verdict() {
    for steps in [0, 1, 10, 1_000, 20_000] {
        let verdict = general(&REGISTER, &hopeless(30), Budget::steps(steps));
        let reason = Inconclusive::Steps { limit: steps };
        assert_eq!(verdict, Verdict::Unknown(reason));
    }
    let budget = Budget {
        memory_bytes: 100_000,
        ..Budget::default()
    };
    let reason = Inconclusive::Memory { limit: 100_000 };
    assert_eq!(
        general(&REGISTER, &hopeless(30), budget),
        Verdict::Unknown(reason)
    );
    // The same one is decided where it is small enough, and by the register's own algorithm anyway.
    let small = general(&REGISTER, &hopeless(4), Budget::default());
    assert!(small.violation().is_some());
    assert!(
        check(&REGISTER, &hopeless(30), Budget::steps(0))
            .violation()
            .is_some()
    );
}

#[test]
fn no_budget_turns_a_violation_into_a_success() {
    let history = hopeless(3);
    let mut decided = 0;
    for steps in 0..3_000 {
        match general(&REGISTER, &history, Budget::steps(steps)) {
            Verdict::Violated(_) => decided += 1,
            Verdict::Unknown(_) => assert_eq!(decided, 0, "more steps, less certainty"),
            Verdict::Holds(_) => panic!("after {steps} steps"),
        }
    }
    assert!(decided > 0);
}

/// A model that takes a hundred steps for one, and stops when they are not there.
struct Slow;

impl Model for Slow {
    type Key = ();
    type State = Option<u32>;
    type Input = RegisterInput<u32>;
    type Output = RegisterOutput<u32>;

    fn key(&self, _: &Self::Input) {}

    fn initial(&self) -> Option<u32> {
        None
    }

    fn step(
        &self,
        state: &Option<u32>,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Option<u32>> {
        REGISTER.step(state, input, output)
    }

    fn step_within(
        &self,
        state: &Option<u32>,
        input: &Self::Input,
        output: Option<&Self::Output>,
        fuel: &mut Fuel,
    ) -> Option<Option<u32>> {
        fuel.spend(100)
            .then(|| self.step(state, input, output))
            .flatten()
    }
}

#[test]
fn a_check_in_slices_comes_to_the_same_end() {
    let holds = History::from(vec![
        write(1, 0, 10),
        read(Some(1), 5, 15),
        timed_out(2, 6),
        read(Some(2), 20, 30),
    ]);
    for history in [holds, hopeless(3)] {
        let whole = general(&REGISTER, &history, Budget::default());
        for slice in [1, 2, 7, 1_000] {
            let mut checker = Checker::new(&REGISTER, &history).general();
            let mut placed = 0;
            let verdict = loop {
                if let Some(verdict) = checker.run(&mut Fuel::new(slice)) {
                    break verdict;
                }
                let progress = checker.progress();
                assert!(placed <= progress.placed && progress.placed <= progress.operations);
                placed = progress.placed;
            };
            // What is left of a slice goes into making the violation small, and so that differs.
            assert_eq!(verdict.holds(), whole.holds());
            assert_eq!(verdict.violation().is_some(), whole.violation().is_some());
        }
        // A step that runs out of fuel is no refusal: it is asked again when there is more.
        for slice in [101, 150, 1_000] {
            let mut checker = Checker::new(&Slow, &history);
            let verdict = loop {
                if let Some(verdict) = checker.run(&mut Fuel::new(slice)) {
                    break verdict;
                }
            };
            assert_eq!(verdict.holds(), whole.holds());
        }
        let verdict = check(&Slow, &history, Budget::steps(90));
        assert!(matches!(verdict, Verdict::Unknown(_)), "{verdict:?}");
    }
}

#[test]
fn what_states_own_counts_as_memory() {
    /// A list that grows with each write.
    struct List;
    impl Model for List {
        type Key = ();
        type State = Vec<u32>;
        type Input = u32;
        type Output = bool;
        fn key(&self, _: &u32) {}
        fn initial(&self) -> Vec<u32> {
            Vec::new()
        }
        fn step(&self, state: &Vec<u32>, input: &u32, output: Option<&bool>) -> Option<Vec<u32>> {
            let mut next = state.clone();
            next.push(*input);
            (output != Some(&false)).then_some(next)
        }
        fn owned_bytes(&self, state: &Vec<u32>) -> usize {
            state.len() * 4
        }
    }
    let mut history: History<u32, bool> = (0..2_000)
        .map(|at| Operation::ok(1, at, true, 0, 100))
        .collect();
    let budget = Budget {
        memory_bytes: 4 << 20,
        ..Budget::default()
    };
    let limit = budget.memory_bytes;
    assert_eq!(
        check(&List, &history, budget),
        Verdict::Unknown(Inconclusive::Memory { limit })
    );
    history.operations.truncate(500);
    assert!(check(&List, &history, budget).holds());
}

#[test]
fn a_violation_elsewhere_is_found_although_the_budget_runs_out() {
    /// Registers apart.
    struct Many;
    impl Model for Many {
        type Key = u8;
        type State = Option<u32>;
        type Input = (u8, RegisterInput<u32>);
        type Output = RegisterOutput<u32>;
        fn key(&self, input: &Self::Input) -> u8 {
            input.0
        }
        fn initial(&self) -> Option<u32> {
            None
        }
        fn step(
            &self,
            state: &Option<u32>,
            input: &Self::Input,
            output: Option<&RegisterOutput<u32>>,
        ) -> Option<Option<u32>> {
            REGISTER.step(state, &input.1, output)
        }
    }
    let at = |key, operation: Op| Operation {
        process: 0,
        input: (key, operation.input),
        output: operation.output,
        call: operation.call,
        ret: operation.ret,
    };
    let hard = hopeless(30)
        .operations
        .into_iter()
        .map(|operation| at(0, operation));
    let mut history: History<_, _> = hard.collect();
    assert!(matches!(
        general(&Many, &history, Budget::steps(10_000)),
        Verdict::Unknown(_)
    ));
    history.push(at(1, read(Some(9), 0, 10)));
    let verdict = general(&Many, &history, Budget::steps(10_000));
    assert_eq!(verdict.violation().unwrap().key, 1);
    assert_eq!(verdict.violation().unwrap().blocked[0].allowed, None);
}

#[test]
fn times_that_make_no_sense_are_no_verdict() {
    let reason = Inconclusive::ReturnsBeforeCall { operation: 1 };
    assert_eq!(
        verdict(vec![write(1, 0, 1), write(2, 10, 9)]),
        Verdict::Unknown(reason)
    );
    // Where the outcome is unknown, so is the return.
    let mut late = timed_out(1, 10);
    late.ret = 0;
    assert!(verdict(vec![late]).holds());
}

#[test]
fn the_stack_and_the_time_stay_flat_on_long_histories() {
    let mut history = History::new();
    for at in 0..50_000 {
        let start = u64::from(at) * 10;
        history.push(write(at, start, start + 12));
        history.push(read(Some(at), start + 5, start + 14));
    }
    // Sixty-five clients never heard back, and their writes hang over all that follows.
    for at in 0..65 {
        history.push(timed_out(1_000_000 + at, 100));
    }
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let handle = small.spawn(move || check(&REGISTER, &history, Budget::default()).holds());
    assert!(handle.unwrap().join().unwrap());
}

#[test]
fn symmetric_timeouts_do_not_explode() {
    // 2^40 sets of timeouts, 40! orders: but they are all alike.
    let mut operations: Vec<_> = (0..40).map(|at| timed_out(7, at)).collect();
    operations.extend((0..10).flat_map(|at| {
        let start = 100 + 100 * at;
        [
            write(1, start, start + 5),
            read(Some(7), start + 10, start + 15),
        ]
    }));
    operations.push(read(Some(9), 5_000, 5_010));
    let history = History::from(operations);
    assert!(
        check(&REGISTER, &history, Budget::steps(5_000))
            .violation()
            .is_some()
    );
}

#[test]
fn a_certificate_is_refused_for_each_thing_that_can_be_wrong() {
    let failed = Operation::failed(0, RegisterInput::Write(9), 0, 1);
    let operations = vec![
        write(1, 0, 10),
        read(Some(1), 5, 15),
        read(Some(1), 20, 30),
        failed,
    ];
    let history = History::from(operations);
    let refused = |orders: &[&[usize]]| {
        let orders: Vec<_> = orders
            .iter()
            .map(|operations| Linearization {
                key: (),
                operations: operations.to_vec(),
            })
            .collect();
        verify(&REGISTER, &history, &orders).err()
    };
    use CertificateError::*;
    assert_eq!(refused(&[&[0, 1, 2]]), None);
    assert_eq!(refused(&[&[0, 2, 1]]), Some(OutOfTime { operation: 1 }));
    assert_eq!(refused(&[&[1, 0, 2]]), Some(Refused { operation: 1 }));
    assert_eq!(refused(&[&[0, 2]]), Some(Missing { operation: 1 }));
    assert_eq!(refused(&[]), Some(Missing { operation: 0 }));
    assert_eq!(
        refused(&[&[0, 1, 1, 2]]),
        Some(PlacedTwice { operation: 1 })
    );
    assert_eq!(refused(&[&[0, 1, 2, 3]]), Some(Failed { operation: 3 }));
    assert_eq!(
        refused(&[&[0, 1, 2, 4]]),
        Some(NoSuchOperation { operation: 4 })
    );
    assert_eq!(refused(&[&[0], &[1, 2]]), Some(SplitObject));
}
