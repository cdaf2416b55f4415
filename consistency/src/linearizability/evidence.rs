//! What is told of a violation.

use alloc::vec::Vec;

use super::fuel::Fuel;
use super::minimal::Minimizer;
use super::partition::Partition;
use super::search::{Found, Search};
use super::verdict::{Blocked, Core, Violation};
use crate::{History, Model, Outcome};

/// How many times the steps that it took to find a violation may be spent to make it small, and how
/// many steps in any case.
const TIMES: u64 = 4;
const AT_LEAST: u64 = 20_000;

/// Puts together what is told of a violation.
pub(super) struct Evidence<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    memory_bytes: u64,
}

impl<'a, M: Model> Evidence<'a, M> {
    pub(super) const fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        memory_bytes: u64,
    ) -> Self {
        Self {
            model,
            history,
            memory_bytes,
        }
    }

    /// Of a search that took `spent` steps and found no order.
    pub(super) fn of_search(
        &self,
        key: M::Key,
        core: Core,
        deepest: Vec<usize>,
        spent: u64,
        fuel: &mut Fuel,
    ) -> Violation<M::Key, M::Output> {
        let mut violation = Violation {
            key,
            blocked: self.blocked(&core, &deepest),
            core,
            prefix: deepest,
        };
        let share = spent.saturating_mul(TIMES).saturating_add(AT_LEAST);
        let mut share = Fuel::new(share.min(fuel.left()));
        let given = share.left();
        self.shrink(&mut violation, spent, &mut share);
        let _ = fuel.spend(given - share.left());
        violation
    }

    /// Of operations that are known to contradict each other, which took no more than `steps` to see.
    pub(super) fn of_core(
        &self,
        key: M::Key,
        core: Core,
        steps: u64,
    ) -> Violation<M::Key, M::Output> {
        let mut violation = Violation {
            key,
            core,
            prefix: Vec::new(),
            blocked: Vec::new(),
        };
        self.shrink(&mut violation, steps, &mut Fuel::new(AT_LEAST));
        self.explain(&mut violation, steps);
        violation
    }

    /// Leaves out of a violation what it can, with attempts of a few times `spent` steps.
    pub(super) fn shrink(
        &self,
        violation: &mut Violation<M::Key, M::Output>,
        spent: u64,
        fuel: &mut Fuel,
    ) {
        let attempt = spent.saturating_mul(TIMES).saturating_add(AT_LEAST);
        let before = violation.core.clone();
        Minimizer::new(self.model, self.history, attempt, self.memory_bytes)
            .shrink(&mut violation.core, fuel);
        if (&violation.core.kept, &violation.core.perhaps) != (&before.kept, &before.perhaps) {
            self.explain(violation, attempt);
        }
    }

    /// How far an order of the core gets. A search of the same operations has found that there is none
    /// within as many steps.
    fn explain(&self, violation: &mut Violation<M::Key, M::Output>, steps: u64) {
        let core = &violation.core;
        let partition = Partition::new(self.model, self.history, &core.kept, &core.perhaps);
        let found = Search::new(self.model, self.history, partition)
            .run(&mut Fuel::new(steps), self.memory_bytes);
        if let Ok(Found::None { deepest }) = found {
            violation.blocked = self.blocked(core, &deepest);
            violation.prefix = deepest;
        }
    }

    /// The kept operations that no remaining one precedes, and what they would have answered.
    fn blocked(&self, core: &Core, prefix: &[usize]) -> Vec<Blocked<M::Output>> {
        let is_kept = |at: &usize| core.kept.binary_search(at).is_ok();
        let mut state = Some(self.model.initial());
        for at in prefix {
            let Some(operation) = self.history.operations.get(*at) else {
                continue;
            };
            let output = match &operation.output {
                Outcome::Ok(output) if is_kept(at) => Some(output),
                _ => None,
            };
            state = state.and_then(|state| self.model.step(&state, &operation.input, output));
        }
        let mut placed = prefix.to_vec();
        placed.sort_unstable();
        let remaining = core
            .kept
            .iter()
            .filter(|at| placed.binary_search(at).is_err());
        let mut remaining: Vec<_> = remaining
            .filter_map(|&at| Some((at, self.history.operations.get(at)?)))
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
                    .and_then(|state| self.model.answer(state, &asked.input)),
            })
            .collect()
    }
}

impl<K, O> Violation<K, O> {
    /// Leaves out more of what the violation does not take, if [it can](Core::is_minimal). A check does
    /// this too, but only for a few times as long as it took to find the violation. `history` is the one
    /// that was checked. Returns whether each operation that is kept is needed.
    ///
    /// ```
    /// use quorate_consistency::{
    ///     Budget, Fuel, History, Operation, Register, RegisterInput, RegisterOutput, check,
    /// };
    ///
    /// let register = Register::new();
    /// let history: History<_, _> = (0..100)
    ///     .map(|at| match at {
    ///         60 => Operation::ok(1, RegisterInput::Read, RegisterOutput::Value(Some(3)), 600, 605),
    ///         _ => Operation::ok(1, RegisterInput::Write(at), RegisterOutput::Written, at * 10, at * 10 + 5),
    ///     })
    ///     .collect();
    /// let verdict = check(&register, &history, Budget::default());
    /// let mut violation = verdict.violation().unwrap().clone();
    /// assert!(violation.shrink(&register, &history, &mut Fuel::new(1_000_000)));
    /// // It takes the write, another one after it, and the read.
    /// assert_eq!(violation.core.kept.len(), 3);
    /// ```
    pub fn shrink<M: Model<Key = K, Output = O>>(
        &mut self,
        model: &M,
        history: &History<M::Input, O>,
        fuel: &mut Fuel,
    ) -> bool {
        if !self.core.is_minimal {
            let spent = fuel.left() / 64;
            Evidence::new(model, history, super::Budget::default().memory_bytes)
                .shrink(self, spent, fuel);
        }
        self.core.is_minimal
    }
}
