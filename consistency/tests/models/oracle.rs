//! What the checker is compared with.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use quorate_consistency::{
    Budget, Checker, Fuel, History, Linearization, Model, Operation, Outcome, Quick, Verdict,
    check, verify, verify_violation,
};

/// Whether there is an order, by trying all: no partition, no memory, no cleverness.
fn has_order<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> bool {
    fn extend<M: Model>(
        model: &M,
        operations: &[Operation<M::Input, M::Output>],
        placed: &mut Vec<bool>,
        states: &BTreeMap<M::Key, M::State>,
    ) -> bool {
        let is_open = |placed: &[bool], at: usize| {
            !placed[at] && matches!(operations[at].output, Outcome::Ok(_))
        };
        let open: Vec<_> = (0..placed.len())
            .filter(|&at| is_open(placed, at))
            .collect();
        if open.is_empty() {
            return true;
        }
        for (next, operation) in operations.iter().enumerate() {
            let output = match &operation.output {
                Outcome::Ok(output) => Some(output),
                Outcome::Unknown => None,
                Outcome::Failed => continue,
            };
            if placed[next] || open.iter().any(|&at| operations[at].ret < operation.call) {
                continue;
            }
            let key = model.key(&operation.input);
            let initial = model.initial();
            let state = states.get(&key).unwrap_or(&initial);
            if let Some(state) = model.step(state, &operation.input, output) {
                let mut states = states.clone();
                states.insert(key, state);
                placed[next] = true;
                let found = extend(model, operations, placed, &states);
                placed[next] = false;
                if found {
                    return true;
                }
            }
        }
        false
    }
    let mut placed = vec![false; history.len()];
    extend(model, &history.operations, &mut placed, &BTreeMap::new())
}

/// Checks, with and without the model's own algorithm, and compares the verdicts with the oracle's and
/// the evidence with the history. Returns whether it holds.
pub(crate) fn compare<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> bool
where
    M::Input: Debug,
    M::Output: Debug,
    M::Key: Debug,
{
    let general = Checker::new(model, history)
        .general()
        .run(&mut Fuel::new(u64::MAX));
    let holds = has_order(model, history);
    for verdict in [check(model, history, Budget::default()), general.unwrap()] {
        match verdict {
            Verdict::Holds(order) => {
                assert!(holds, "the oracle finds no order of {history:#?}");
                assert_eq!(verify(model, history, &order), Ok(()), "{history:#?}");
            }
            Verdict::Violated(violation) => {
                assert!(!holds, "the oracle finds an order of {history:#?}");
                let fuel = &mut Fuel::new(1_000_000);
                let verified = verify_violation(model, history, &violation, fuel);
                assert_eq!(verified, Ok(()), "{violation:?} of {history:#?}");
            }
            Verdict::Unknown(reason) => panic!("{reason}"),
        }
    }
    holds
}

/// Compares what the model answers without a search. Returns whether it does.
fn compare_quick<M: Model>(model: &M, history: &History<M::Input, M::Output>, holds: bool) -> bool
where
    M::Input: Clone + Debug,
    M::Output: Clone + Debug,
    M::Key: Debug,
{
    let mut objects: BTreeMap<M::Key, Vec<_>> = BTreeMap::new();
    for (at, operation) in history.operations.iter().enumerate() {
        if !matches!(operation.output, Outcome::Failed) {
            let key = model.key(&operation.input);
            objects.entry(key).or_default().push((at, operation));
        }
    }
    let mut order = Vec::new();
    for (key, operations) in objects {
        match model.quick(&operations) {
            Quick::Unsuited => return false,
            Quick::Holds(operations) => order.push(Linearization { key, operations }),
            Quick::Violated { kept } => {
                assert!(!holds, "the oracle finds an order of {history:#?}");
                let kept = kept.iter().map(|&at| history.operations[at].clone());
                let kept: History<_, _> = kept.collect();
                assert!(!has_order(model, &kept), "{kept:#?} of {history:#?}");
                return true;
            }
        }
    }
    assert_eq!(verify(model, history, &order), Ok(()), "{history:#?}");
    true
}

/// A question with an answer, right or not.
pub(crate) type Asked<M> = (<M as Model>::Input, <M as Model>::Output);

/// Compares the checker with the oracle on histories of these questions: with the answers as they are
/// drawn, with right ones, and with right ones but one. Returns how often the model answered without a
/// search.
pub(crate) fn agrees<M: Model>(
    cases: u32,
    model: &M,
    asked: impl Strategy<Value = Asked<M>> + Clone + 'static,
) -> u32
where
    M::Input: Clone + Debug + 'static,
    M::Output: Clone + Debug + 'static,
    M::Key: Debug,
{
    let operation = (asked, 0..8_u8, 0..12_u64, 0..5_u64).prop_map(
        |((input, output), outcome, call, length)| match outcome {
            0 | 1 => Operation::unknown(1, input, call),
            2 => Operation::failed(1, input, call, call + length),
            _ => Operation::ok(1, input, output, call, call + length),
        },
    );
    let operations = prop::collection::vec(operation.clone(), 1..7);
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (verdicts, quick) = (RefCell::new([0_u32; 2]), Cell::new(0));
    let compare = |history: &History<_, _>| {
        let holds = compare(model, history);
        verdicts.borrow_mut()[usize::from(holds)] += 1;
        quick.set(quick.get() + u32::from(compare_quick(model, history, holds)));
        holds
    };
    TestRunner::new(config)
        .run(
            &(operations, any::<Index>(), operation),
            |(operations, corrupted, with)| {
                compare(&History::from(operations.clone()));
                let mut history = made_linearizable(model, operations);
                prop_assert!(compare(&history));
                let operation = corrupted.get_mut(&mut history.operations);
                operation.output = with.output;
                operation.ret = operation.ret.max(operation.call);
                compare(&history);
                Ok(())
            },
        )
        .unwrap_or_else(|error| panic!("{error}"));
    // Neither verdict is so rare that nothing was compared.
    let verdicts = verdicts.into_inner();
    assert!(verdicts.iter().all(|&times| times > 50), "{verdicts:?}");
    quick.get()
}

/// A history that is linearizable because it was made so: each operation takes effect at a moment of its
/// own, within its span, and answers what the model answers then. Of those with an unknown outcome every
/// other one had no effect.
pub(crate) fn made_linearizable<M: Model>(
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
