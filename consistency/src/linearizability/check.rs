//! The check of a whole history in one go.

use super::{Budget, Checker, Fuel, Linearizability};
use crate::{History, Inconclusive, Model, Verdict};

/// Checks whether a history is linearizable: whether every operation could have taken effect at one
/// moment between its call and its return, such that the model answers the same (Herlihy and Wing,
/// 1990).
///
/// Operations that [failed](crate::Outcome::Failed) are left out, those of
/// [unknown](crate::Outcome::Unknown) outcome may take effect at any time after their call or never.
/// Objects are checked apart, the small ones first, and by an algorithm of the
/// [model's own](Model::quick) where it has one.
///
/// The stack stays flat, however long the history is. The result depends on nothing but the
/// arguments. To do the same in slices, use a [`Checker`].
pub fn check<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    budget: Budget,
) -> Linearizability<M::Key, M::Output> {
    let mut fuel = Fuel::new(budget.steps);
    Checker::new(model, history)
        .memory_bytes(budget.memory_bytes)
        .run(&mut fuel)
        .unwrap_or(Verdict::Unknown(Inconclusive::Steps {
            limit: budget.steps,
        }))
}
