//! The checker against an oracle that tries every order, on many small histories.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use quorate_consistency::{
    Budget, Checker, Core, Expected, Fuel, History, KeyValue, KeyValueInput, KeyValueOutput, Model,
    Operation, Outcome, Register, RegisterInput, RegisterOutput, Verdict, Violation, check, verify,
    verify_violation,
};

/// The most answered operations that an order of the whole history can begin with, by trying all
/// orders: no partition, no memory, no cleverness. All of them: the history is linearizable.
fn most_placed<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> usize {
    fn extend<M: Model>(
        model: &M,
        history: &History<M::Input, M::Output>,
        placed: &mut Vec<bool>,
        states: &BTreeMap<M::Key, M::State>,
    ) -> usize {
        let operations = &history.operations;
        let answered = |at: usize| matches!(operations[at].output, Outcome::Ok(_));
        let count = |placed: &[bool]| {
            (0..placed.len())
                .filter(|&at| placed[at] && answered(at))
                .count()
        };
        let mut most = count(placed);
        for next in 0..operations.len() {
            let operation = &operations[next];
            let output = match &operation.output {
                Outcome::Ok(output) => Some(output),
                Outcome::Unknown => None,
                Outcome::Failed => continue,
            };
            let preceded = (0..operations.len()).any(|other| {
                !placed[other] && answered(other) && operations[other].ret < operation.call
            });
            if placed[next] || preceded {
                continue;
            }
            let key = model.key(&operation.input);
            let initial = model.initial();
            let state = states.get(&key).unwrap_or(&initial);
            if let Some(state) = model.step(state, &operation.input, output) {
                let mut states = states.clone();
                states.insert(key, state);
                placed[next] = true;
                most = most.max(extend(model, history, placed, &states));
                placed[next] = false;
            }
        }
        most
    }
    extend(
        model,
        history,
        &mut vec![false; history.len()],
        &BTreeMap::new(),
    )
}

/// Whether a history of one register is linearizable, by visiting every configuration once: answered
/// and unknown operations alike, nothing left out for being alike or dominated.
fn holds_by_visiting_everything(history: &History<RegisterInput<u8>, RegisterOutput<u8>>) -> bool {
    let model = Register::new();
    let operations = &history.operations;
    let mut answered = 0_u128;
    for (at, operation) in operations.iter().enumerate() {
        if matches!(operation.output, Outcome::Ok(_)) {
            answered |= 1 << at;
        }
    }
    let mut seen = BTreeSet::from([(0_u128, model.initial())]);
    let mut open: Vec<_> = seen.iter().copied().collect();
    while let Some((placed, state)) = open.pop() {
        if placed & answered == answered {
            return true;
        }
        let remaining = (0..operations.len()).filter(|at| (answered & !placed) >> at & 1 == 1);
        let first_return = remaining.map(|at| operations[at].ret).min();
        for (at, operation) in operations.iter().enumerate() {
            let output = match &operation.output {
                Outcome::Ok(output) => Some(output),
                Outcome::Unknown => None,
                Outcome::Failed => continue,
            };
            if placed >> at & 1 == 1 || first_return.is_some_and(|ret| ret < operation.call) {
                continue;
            }
            if let Some(state) = model.step(&state, &operation.input, output) {
                let next = (placed | 1 << at, state);
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
    }
    false
}

/// What a violation leaves of a history.
fn of_core<I: Clone, O: Clone>(history: &History<I, O>, core: &Core) -> History<I, O> {
    let kept = core.kept.iter().map(|&at| history.operations[at].clone());
    let perhaps = core.perhaps.iter().map(|&at| {
        let operation = &history.operations[at];
        Operation::unknown(operation.process, operation.input.clone(), operation.call)
    });
    kept.chain(perhaps).collect()
}

/// Compares the verdict with the oracle's, and looks at the evidence. Returns whether it holds.
fn compare<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> bool
where
    M::Input: Clone + std::fmt::Debug,
    M::Output: Clone + std::fmt::Debug + PartialEq,
    M::Key: std::fmt::Debug + PartialEq,
    M::State: std::fmt::Debug,
{
    let is_answered = |at: usize| matches!(history.operations[at].output, Outcome::Ok(_));
    let answered = (0..history.len()).filter(|&at| is_answered(at)).count();
    let most = most_placed(model, history);
    let verdict = check(model, history, Budget::default());
    let general = Checker::new(model, history)
        .general()
        .run(&mut Fuel::new(u64::MAX))
        .unwrap();
    assert_eq!(general.holds(), verdict.holds());
    match verdict {
        Verdict::Holds(order) => {
            assert_eq!(verify(model, history, &order), Ok(()), "{history:#?}");
            assert_eq!(most, answered, "the oracle finds no order of {history:#?}");
            true
        }
        Verdict::Violated(violation) => {
            assert!(most < answered, "the oracle finds an order of {history:#?}");
            look_at_violation(model, history, &violation);
            look_at_violation(model, history, general.violation().unwrap());
            false
        }
        Verdict::Unknown(reason) => panic!("{reason}"),
    }
}

fn look_at_violation<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    violation: &Violation<M::Key, M::Output>,
) where
    M::Input: Clone + std::fmt::Debug,
    M::Output: Clone + std::fmt::Debug + PartialEq,
    M::Key: std::fmt::Debug,
    M::State: std::fmt::Debug,
{
    let core = &violation.core;
    // The few operations make no sense, and each is needed: without its answer, they do.
    let mut fuel = Fuel::new(1_000_000);
    let verified = verify_violation(model, history, violation, &mut fuel);
    assert_eq!(verified, Ok(()), "{violation:?} of {history:#?}");
    assert!(core.is_minimal, "{violation:?} of {history:#?}");
    let left = of_core(history, core);
    let most = most_placed(model, &left);
    assert!(most < core.kept.len(), "{violation:?} of {history:#?}");
    for number in 0..core.kept.len() {
        let mut relaxed = left.clone();
        relaxed.operations[number].output = Outcome::Unknown;
        let most = most_placed(model, &relaxed);
        assert_eq!(most, core.kept.len() - 1, "{violation:?} of {history:#?}");
    }

    // The prefix is an order of as many of them as any order can place.
    let is_kept = |at: &usize| core.kept.contains(at);
    let mut state = model.initial();
    for at in &violation.prefix {
        let operation = &history.operations[*at];
        let output = match &operation.output {
            Outcome::Ok(output) if is_kept(at) => Some(output),
            _ => None,
        };
        state = model.step(&state, &operation.input, output).unwrap();
    }
    let placed = violation.prefix.iter().filter(|at| is_kept(at)).count();
    assert_eq!(placed, most);
    // And nothing that could come next fits.
    assert!(!violation.blocked.is_empty());
    for blocked in &violation.blocked {
        assert!(is_kept(&blocked.operation));
        let operation = &history.operations[blocked.operation];
        let Outcome::Ok(output) = &operation.output else {
            panic!("{blocked:?} was not answered")
        };
        assert_eq!(model.step(&state, &operation.input, Some(output)), None);
        assert_ne!(blocked.allowed.as_ref(), Some(output));
    }
}

/// When something happens. Few moments, so that operations overlap and touch.
fn span() -> impl Strategy<Value = (u64, u64)> {
    (0..12_u64, 0..5_u64).prop_map(|(call, length)| (call, call + length))
}

fn with_outcome<I, O>(
    input: I,
    output: O,
    outcome: u8,
    (call, ret): (u64, u64),
) -> Operation<I, O> {
    match outcome {
        0 | 1 => Operation::unknown(1, input, call),
        2 => Operation::failed(1, input, call, ret),
        _ => Operation::ok(1, input, output, call, ret),
    }
}

type RegisterOperation = Operation<RegisterInput<u8>, RegisterOutput<u8>>;

/// Two values only, so that many operations of unknown outcome are alike.
fn register_operation() -> impl Strategy<Value = RegisterOperation> {
    let question = prop_oneof![
        prop::option::of(0..2_u8)
            .prop_map(|value| (RegisterInput::Read, RegisterOutput::Value(value))),
        (0..2_u8).prop_map(|value| (RegisterInput::Write(value), RegisterOutput::Written)),
        (prop::option::of(0..2_u8), 0..2_u8, any::<bool>()).prop_map(
            |(expected, value, swapped)| (
                RegisterInput::CompareAndSet { expected, value },
                RegisterOutput::Swapped(swapped)
            )
        ),
    ];
    (question, 0..8_u8, span())
        .prop_map(|((input, output), outcome, span)| with_outcome(input, output, outcome, span))
}

type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

fn key_value_operation() -> impl Strategy<Value = KeyValueOperation> {
    let key = || {
        prop_oneof![
            Just(Bytes::from_static(b"a")),
            Just(Bytes::from_static(b"b"))
        ]
    };
    let value = || {
        prop_oneof![
            Just(Bytes::from_static(b"1")),
            Just(Bytes::from_static(b"x"))
        ]
    };
    let revision = || prop_oneof![2 => Just(None), 1 => (0..4_u64).prop_map(Some)];
    let expected = prop_oneof![
        Just(Expected::Absent),
        Just(Expected::Present),
        value().prop_map(Expected::Value),
        (1..4_u64).prop_map(Expected::Revision),
    ];
    let question = prop_oneof![
        (key(), prop::option::of(value()), revision()).prop_map(|(key, value, revision)| (
            KeyValueInput::Get { key },
            KeyValueOutput::Got { value, revision }
        )),
        (key(), value(), revision()).prop_map(|(key, value, revision)| (
            KeyValueInput::Put { key, value },
            KeyValueOutput::Written { revision }
        )),
        (key(), revision()).prop_map(|(key, revision)| (
            KeyValueInput::Delete { key },
            KeyValueOutput::Written { revision }
        )),
        (
            key(),
            expected,
            prop::option::of(value()),
            any::<bool>(),
            revision()
        )
            .prop_map(|(key, expected, value, swapped, revision)| (
                KeyValueInput::CompareAndSet {
                    key,
                    expected,
                    value
                },
                KeyValueOutput::Swapped { swapped, revision }
            )),
        (key(), 1..3_i64, prop::option::of(0..4_i64)).prop_map(|(key, by, value)| (
            KeyValueInput::Increment { key, by },
            KeyValueOutput::Counted {
                value,
                revision: None
            }
        )),
        (key(), 0..4_i64).prop_map(|(key, value)| (
            KeyValueInput::Count { key },
            KeyValueOutput::Counted {
                value: Some(value),
                revision: None
            }
        )),
    ];
    (question, 0..9_u8, span())
        .prop_map(|((input, output), outcome, span)| with_outcome(input, output, outcome, span))
}

/// A history that is linearizable because it was made so: each operation takes effect at a moment of
/// its own, within its span, and answers what the model answers then. Of those with an unknown outcome
/// every other one had no effect.
fn made_linearizable<M: Model>(
    model: &M,
    operations: Vec<Operation<M::Input, M::Output>>,
) -> History<M::Input, M::Output> {
    let mut states: BTreeMap<M::Key, M::State> = BTreeMap::new();
    let mut history = History::new();
    for (at, mut operation) in operations.into_iter().enumerate() {
        let moment = 3 * at as u64;
        operation.call = moment.saturating_sub(operation.call);
        let key = model.key(&operation.input);
        let state = states.remove(&key).unwrap_or_else(|| model.initial());
        let answer = model.answer(&state, &operation.input);
        let next = model.step(&state, &operation.input, answer.as_ref());
        let had_effect = match (&operation.output, answer) {
            (Outcome::Ok(_), Some(answer)) => {
                operation.output = Outcome::Ok(answer);
                operation.ret = moment + operation.ret % 12;
                true
            }
            (Outcome::Ok(_), None) => {
                operation.output = Outcome::Failed;
                operation.ret = moment;
                false
            }
            (Outcome::Unknown, _) => at % 2 == 0,
            (Outcome::Failed, _) => {
                operation.ret = moment;
                false
            }
        };
        states.insert(key, next.filter(|_| had_effect).unwrap_or(state));
        history.push(operation);
    }
    history
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn agrees_on_arbitrary_registers(
        operations in prop::collection::vec(register_operation(), 0..7),
    ) {
        compare(&Register::new(), &History::from(operations));
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn agrees_on_arbitrary_maps(
        operations in prop::collection::vec(key_value_operation(), 0..7),
    ) {
        compare(&KeyValue, &History::from(operations));
    }
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn agrees_on_registers_that_are_linearizable_and_when_one_answer_is_changed(
        operations in prop::collection::vec(register_operation(), 1..7),
        corrupted in any::<prop::sample::Index>(),
        with in register_operation(),
    ) {
        let mut history = made_linearizable(&Register::new(), operations);
        prop_assert!(compare(&Register::new(), &history));
        let operation = corrupted.get_mut(&mut history.operations);
        operation.output = with.output;
        operation.ret = operation.ret.max(operation.call);
        compare(&Register::new(), &history);
    }

    #[test]
    fn agrees_on_maps_that_are_linearizable_and_when_one_answer_is_changed(
        operations in prop::collection::vec(key_value_operation(), 1..7),
        corrupted in any::<prop::sample::Index>(),
        with in key_value_operation(),
    ) {
        let mut history = made_linearizable(&KeyValue, operations);
        prop_assert!(compare(&KeyValue, &history));
        let operation = corrupted.get_mut(&mut history.operations);
        operation.output = with.output;
        operation.ret = operation.ret.max(operation.call);
        compare(&KeyValue, &history);
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    /// More operations than can be permuted, half of them of unknown outcome, and enough before them
    /// that the bits of the search span words.
    #[test]
    fn agrees_with_visiting_everything(
        mut operations in prop::collection::vec(register_operation(), 6..13),
        forgotten in any::<u16>(),
        corrupted in any::<prop::sample::Index>(),
        with in register_operation(),
        before in 0..70_u64,
    ) {
        for (at, operation) in operations.iter_mut().enumerate() {
            if forgotten >> at & 1 == 1 {
                *operation = Operation::unknown(1, operation.input.clone(), operation.call);
            }
        }
        let mut history = made_linearizable(&Register::new(), operations);
        let operation = corrupted.get_mut(&mut history.operations);
        operation.output = with.output;
        operation.ret = operation.ret.max(operation.call);
        for operation in &mut history.operations {
            operation.call += 2 * before;
            operation.ret = operation.ret.saturating_add(2 * before);
        }
        let first = (0..before).map(|at| {
            let read = RegisterOutput::Value(None);
            Operation::ok(1, RegisterInput::Read, read, 2 * at, 2 * at + 1)
        });
        history.operations.splice(0..0, first);
        let expected = holds_by_visiting_everything(&history);
        match check(&Register::new(), &history, Budget::default()) {
            Verdict::Holds(order) => {
                prop_assert!(expected);
                prop_assert_eq!(verify(&Register::new(), &history, &order), Ok(()));
            }
            Verdict::Violated(_) => prop_assert!(!expected),
            Verdict::Unknown(reason) => panic!("{reason}"),
        }
    }
}

/// Longer ones, beyond the oracle: what was made linearizable is found to be.
#[test]
fn long_histories_that_are_linearizable_hold() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let operations = prop::collection::vec(register_operation(), 150)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let history = made_linearizable(&Register::new(), operations);
        let Verdict::Holds(order) = check(&Register::new(), &history, Budget::default()) else {
            panic!("{history:?}")
        };
        assert_eq!(verify(&Register::new(), &history, &order), Ok(()));
    }
}
