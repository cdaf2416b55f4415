//! The check of a whole history, object by object.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::partition::Partition;
use super::search::{self, Found};
use super::{Blocked, Linearizability, Linearization, Violation};
use crate::{History, Inconclusive, Model, Outcome, Verdict};

/// How much work a check may do. Checking linearizability is NP-complete (Gibbons and Korach, 1997),
/// so a check without a budget may never end.
///
/// ```
/// use quorate_consistency::Budget;
///
/// let patient = Budget::steps(1_000_000_000);
/// assert!(patient.steps > Budget::default().steps);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Budget {
    /// How many steps the whole check may take. A step is an operation that is tried at a place, or a
    /// configuration that is compared with one seen before: some tens of nanoseconds each, and more
    /// if the model's own step is slow.
    pub steps: u64,
    /// How many bytes the check may remember configurations in. The states of the model count with
    /// their size, and not with what they own elsewhere.
    pub memory_bytes: u64,
}

impl Budget {
    /// A budget of steps, with the default memory.
    pub const fn steps(steps: u64) -> Self {
        Self {
            steps,
            memory_bytes: 512 << 20,
        }
    }
}

impl Default for Budget {
    /// 50 million steps and 512 MiB: seconds, not minutes.
    fn default() -> Self {
        Self::steps(50_000_000)
    }
}

/// Checks whether a history is linearizable: whether every operation could have taken effect at one
/// moment between its call and its return, such that the model answers the same (Herlihy and Wing,
/// 1990).
///
/// Operations that [failed](Outcome::Failed) are left out, those of [unknown](Outcome::Unknown)
/// outcome may take effect at any time after their call or never. Objects are checked apart, the
/// small ones first, so that a budget that runs out on a large one has not been in vain for the
/// others: a violation anywhere is a [`Verdict::Violated`] even then.
///
/// The stack stays flat, however long the history is. The result depends on nothing but the
/// arguments.
pub fn check<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    budget: Budget,
) -> Linearizability<M::Key, M::Output> {
    if let Some(reason) = malformed(history) {
        return Verdict::Unknown(reason);
    }
    let mut objects: BTreeMap<M::Key, Vec<usize>> = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if !matches!(operation.output, Outcome::Failed) {
            let key = model.key(&operation.input);
            objects.entry(key).or_default().push(index);
        }
    }
    // A stable sort: among objects of the same size, the order of the keys.
    let mut objects: Vec<_> = objects.into_iter().collect();
    objects.sort_by_key(|(_, operations)| operations.len());

    let mut steps = budget.steps;
    let mut order = Vec::with_capacity(objects.len());
    let mut gave_up = None;
    for (key, operations) in objects {
        let partition = Partition::new(history, &operations);
        match search::run(model, history, &partition, &mut steps, budget) {
            Found::Order(operations) => order.push(Linearization { key, operations }),
            Found::None { deepest } => {
                let blocked = blocked(model, history, &operations, &deepest);
                return Verdict::Violated(Violation {
                    key,
                    prefix: deepest,
                    blocked,
                });
            }
            Found::GaveUp(reason) => {
                gave_up.get_or_insert(reason);
            }
        }
    }
    if let Some(reason) = gave_up {
        return Verdict::Unknown(reason);
    }
    order.sort_by(|a, b| a.key.cmp(&b.key));
    Verdict::Holds(order)
}

fn malformed<I, O>(history: &History<I, O>) -> Option<Inconclusive> {
    // Calls and returns are numbered together, in 32 bits, with one number kept free.
    if history.len() > (u32::MAX / 2 - 1) as usize {
        return Some(Inconclusive::TooManyOperations {
            operations: history.len(),
        });
    }
    let backwards = |operation: &crate::Operation<I, O>| {
        matches!(operation.output, Outcome::Ok(_)) && operation.ret < operation.call
    };
    history
        .operations
        .iter()
        .position(backwards)
        .map(|operation| Inconclusive::ReturnsBeforeCall { operation })
}

/// The answered operations that no remaining one precedes, and what they would have answered.
fn blocked<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    operations: &[usize],
    prefix: &[usize],
) -> Vec<Blocked<M::Output>> {
    let mut state = Some(model.initial());
    for operation in prefix.iter().filter_map(|&at| history.operations.get(at)) {
        state = state.and_then(|state| {
            let output = match &operation.output {
                Outcome::Ok(output) => Some(output),
                _ => None,
            };
            model.step(&state, &operation.input, output)
        });
    }
    let mut placed = prefix.to_vec();
    placed.sort_unstable();
    let mut remaining: Vec<_> = operations
        .iter()
        .filter(|at| placed.binary_search(at).is_err())
        .filter_map(|&at| Some((at, history.operations.get(at)?)))
        .filter(|(_, operation)| matches!(operation.output, Outcome::Ok(_)))
        .collect();
    let first_return = remaining.iter().map(|(_, operation)| operation.ret).min();
    remaining.retain(|(_, operation)| first_return.is_some_and(|ret| operation.call <= ret));
    remaining.sort_by_key(|&(at, operation)| (operation.call, at));
    remaining
        .into_iter()
        .map(|(operation, asked)| Blocked {
            operation,
            allowed: state
                .as_ref()
                .and_then(|state| model.answer(state, &asked.input)),
        })
        .collect()
}
