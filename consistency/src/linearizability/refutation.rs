//! Checks a negative verdict without trusting how it was found.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::Fuel;
use super::verdict::{Core, Violation};
use crate::{History, Model, Numbered, Outcome};

/// Checks that a violation is one: that its [core](Core) leaves nothing out that could make a
/// difference, and that what it keeps makes no sense. It tries all orders in the plainest way, and shares
/// nothing with [`check`](crate::check) but the model: whoever doubts a
/// [`Verdict::Violated`](crate::Verdict::Violated) asks here. A core of ten operations takes it
/// microseconds, one of hundreds may take it for ever: `fuel` bounds that.
///
/// # Errors
///
/// What is wrong with the violation, or that the fuel ran out.
///
/// ```
/// use quorate_consistency::{
///     Budget, Fuel, History, Operation, RefutationError, Register, RegisterInput, RegisterOutput,
///     check, verify_violation,
/// };
///
/// let register = Register::new();
/// let history = History::from(vec![
///     Operation::ok(1, RegisterInput::Write(1), RegisterOutput::Written, 0, 10),
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(Some(1)), 20, 30),
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(None), 40, 50),
/// ]);
/// let verdict = check(&register, &history, Budget::default());
/// let mut violation = verdict.violation().unwrap().clone();
/// assert_eq!(violation.core.kept, [0, 2]);
/// let mut fuel = Fuel::new(1_000);
/// assert_eq!(verify_violation(&register, &history, &violation, &mut fuel), Ok(()));
///
/// // Without the write, there would be nothing wrong with the read.
/// violation.core.kept = vec![2];
/// let error = verify_violation(&register, &history, &violation, &mut fuel).unwrap_err();
/// assert_eq!(error, RefutationError::MakesSense);
/// ```
pub fn verify_violation<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    violation: &Violation<M::Key, M::Output>,
    fuel: &mut Fuel,
) -> Result<(), RefutationError> {
    let operations: Vec<Numbered<'_, M::Input, M::Output>> = history
        .operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| !matches!(operation.output, Outcome::Failed))
        .filter(|(_, operation)| model.key(&operation.input) == violation.key)
        .collect();
    refute(model, history, &operations, &violation.core, fuel)
}

/// The same for an object with these operations.
pub(super) fn refute<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    operations: &[Numbered<'_, M::Input, M::Output>],
    core: &Core,
    fuel: &mut Fuel,
) -> Result<(), RefutationError> {
    let mut known: Vec<usize> = operations.iter().map(|(at, _)| *at).collect();
    known.sort_unstable();
    let mut taken = BTreeSet::new();
    for &at in core.kept.iter().chain(&core.perhaps) {
        let is_known = known.binary_search(&at).is_ok();
        if !is_known || !taken.insert(at) {
            return Err(RefutationError::NoSuchOperation { operation: at });
        }
    }
    let mut asked = Vec::new();
    for &at in &core.kept {
        let operation = history.operations.get(at);
        let Some((operation, Outcome::Ok(output))) = operation.map(|known| (known, &known.output))
        else {
            return Err(RefutationError::NotAnswered { operation: at });
        };
        asked.push((operation, Some(output)));
    }
    let unknown = core
        .perhaps
        .iter()
        .filter_map(|&at| history.operations.get(at));
    asked.extend(unknown.map(|operation| (operation, None)));

    // What is left out must not matter.
    let mut footprints = BTreeSet::new();
    let mut touches_all = false;
    // Of what is taken for unknown too, the answer counts here: it is in the order with its answer that the
    // others are left out.
    for (operation, _) in &asked {
        let output = match &operation.output {
            Outcome::Ok(output) => Some(output),
            _ => None,
        };
        match model.footprint(&operation.input, output) {
            Some(values) => footprints.extend(values),
            None => touches_all = true,
        }
    }
    let last_return = asked
        .iter()
        .take(core.kept.len())
        .map(|(operation, _)| operation.ret)
        .max();
    for (at, operation) in operations.iter().filter(|(at, _)| !taken.contains(at)) {
        let changes_nothing = match &operation.output {
            Outcome::Ok(output) => model.is_observation(&operation.input, output),
            _ => model.is_read(&operation.input),
        };
        let is_late = last_return.is_none_or(|last| operation.call > last);
        let output = match &operation.output {
            Outcome::Ok(output) => Some(output),
            _ => None,
        };
        let is_apart = || {
            let values = model.footprint(&operation.input, output);
            !touches_all
                && values
                    .is_some_and(|values| values.iter().all(|value| !footprints.contains(value)))
        };
        if !changes_nothing && !is_late && !is_apart() {
            return Err(RefutationError::LeftOut { operation: *at });
        }
    }

    // All that can be placed, the small sets first, and for each the states that it can lead to.
    let mut reached: BTreeMap<(usize, BTreeSet<usize>), Vec<M::State>> = BTreeMap::new();
    reached.insert((0, BTreeSet::new()), alloc::vec![model.initial()]);
    while let Some(((size, placed), states)) = reached.pop_first() {
        let is_open = |number: &usize| !placed.contains(number);
        let mut to_place = (0..core.kept.len()).filter(is_open).peekable();
        if to_place.peek().is_none() {
            return Err(RefutationError::MakesSense);
        }
        let first_return = to_place
            .filter_map(|number| Some(asked.get(number)?.0.ret))
            .min();
        for (number, (operation, output)) in asked.iter().enumerate() {
            let is_preceded = first_return.is_some_and(|ret| ret < operation.call);
            // Of several that are alike and may have been or not, the one called first is as good as any.
            let mut alike = asked.iter().enumerate().take(number).skip(core.kept.len());
            let waits = output.is_none()
                && alike.any(|(other, (known, _))| {
                    is_open(&other)
                        && known.input == operation.input
                        && known.call <= operation.call
                });
            if placed.contains(&number) || is_preceded || waits {
                continue;
            }
            let mut next = placed.clone();
            next.insert(number);
            let key = (size + 1, next);
            for state in &states {
                let known = reached.get(&key).map_or(0, Vec::len);
                if !fuel.spend(1 + known as u64) {
                    return Err(RefutationError::OutOfFuel);
                }
                let stepped = model.step_within(state, &operation.input, *output, fuel);
                if fuel.has_run_out() {
                    return Err(RefutationError::OutOfFuel);
                }
                // What need not have been, and changes nothing, need not be tried.
                let stepped = stepped.filter(|stepped| output.is_some() || stepped != state);
                if let Some(stepped) = stepped {
                    let known = reached.entry(key.clone()).or_default();
                    if !known.contains(&stepped) {
                        known.push(stepped);
                    }
                }
            }
        }
    }
    Ok(())
}

/// What is wrong with a violation. Operations are named by their position in the history.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RefutationError {
    /// The object has no such operation that may have had an effect, or it is named twice.
    NoSuchOperation {
        /// The position.
        operation: usize,
    },
    /// An operation is kept for its answer, and has none.
    NotAnswered {
        /// The operation.
        operation: usize,
    },
    /// An operation is left out that could make a difference.
    LeftOut {
        /// The operation.
        operation: usize,
    },
    /// There is an order after all.
    MakesSense,
    /// The fuel ran out: this says nothing.
    OutOfFuel,
}

impl fmt::Display for RefutationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the violation is not shown: ")?;
        match self {
            Self::NoSuchOperation { operation } => write!(
                f,
                "operation {operation} is not one of the object's, or is named twice"
            ),
            Self::NotAnswered { operation } => {
                write!(
                    f,
                    "operation {operation} is kept for its answer and has none"
                )
            }
            Self::LeftOut { operation } => write!(
                f,
                "operation {operation} is left out and could make a difference"
            ),
            Self::MakesSense => f.write_str("what it keeps can be put in order"),
            Self::OutOfFuel => f.write_str(
                "there are too many orders to try; allow more steps, or shrink the violation first",
            ),
        }
    }
}

impl core::error::Error for RefutationError {}
