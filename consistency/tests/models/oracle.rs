//! What the checker is compared with.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use quorate_consistency::{Budget, History, Model, Operation, Outcome, Verdict, check, verify};

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

/// Checks, and compares the verdict with the oracle's. Returns whether it holds.
pub(crate) fn compare<M: Model>(model: &M, history: &History<M::Input, M::Output>) -> bool
where
    M::Input: Debug,
    M::Output: Debug,
    M::Key: Debug,
{
    let verdict = check(model, history, Budget::default());
    if let Verdict::Holds(order) = &verdict {
        assert_eq!(verify(model, history, order), Ok(()), "{history:#?}");
    }
    let holds = has_order(model, history);
    assert!(
        verdict.holds() == holds && verdict.violation().is_none() == holds,
        "the oracle says {holds} of {history:#?}"
    );
    holds
}

/// A question with an answer, right or not.
pub(crate) type Asked<M> = (<M as Model>::Input, <M as Model>::Output);

/// Compares the checker with the oracle on histories of these questions: with the answers as they are
/// drawn, with right ones, and with right ones but one.
pub(crate) fn agrees<M: Model>(
    cases: u32,
    model: &M,
    asked: impl Strategy<Value = Asked<M>> + Clone + 'static,
) where
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
    let mut held = [0_u32; 2];
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = (operations, any::<Index>(), operation);
    let count = std::cell::RefCell::new(&mut held);
    TestRunner::new(config)
        .run(&cases, |(operations, corrupted, with)| {
            let arbitrary = History::from(operations.clone());
            let first = compare(model, &arbitrary);
            let mut history = made_linearizable(model, operations);
            prop_assert!(compare(model, &history));
            let operation = corrupted.get_mut(&mut history.operations);
            operation.output = with.output;
            operation.ret = operation.ret.max(operation.call);
            let second = compare(model, &history);
            for holds in [first, second] {
                count.borrow_mut()[usize::from(holds)] += 1;
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // Neither verdict is so rare that nothing was compared.
    assert!(held.iter().all(|&times| times > 50), "{held:?}");
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
