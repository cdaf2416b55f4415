//! A check that can be interrupted.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::evidence::Evidence;
use super::partition::Partition;
use super::search::{Found, Search, Stopped};
use super::verdict::Core;
use super::{Budget, Fuel, Linearizability, Linearization, Quick, certificate, refutation};
use crate::{History, Inconclusive, Model, Numbered, Operation, Outcome, Verdict};

/// A check of linearizability that goes on as long as you let it.
///
/// [`check`](crate::check) is this in one go. Use a checker where a check shares its thread, is shown
/// to be alive, or ends at a time of day: give it fuel in slices, and look at your clock in between.
///
/// ```
/// use quorate_consistency::{
///     Checker, Fuel, History, Operation, Register, RegisterInput, RegisterOutput,
/// };
///
/// let history = History::from(vec![
///     Operation::ok(1, RegisterInput::Write(1), RegisterOutput::Written, 0, 10),
///     Operation::ok(2, RegisterInput::Read, RegisterOutput::Value(Some(1)), 5, 15),
/// ]);
/// let register = Register::new();
/// let mut checker = Checker::new(&register, &history);
/// let verdict = loop {
///     if let Some(verdict) = checker.run(&mut Fuel::new(1)) {
///         break verdict;
///     }
///     let progress = checker.progress();
///     assert!(progress.placed <= progress.operations);
/// };
/// assert!(verdict.holds());
/// ```
pub struct Checker<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    memory_bytes: u64,
    is_general: bool,
    /// What is wrong with the history itself.
    malformed: Option<Inconclusive>,
    /// The objects that are still to be checked, the next one last.
    objects: Vec<(M::Key, Object)>,
    current: Option<Current<'a, M>>,
    order: Vec<Linearization<M::Key>>,
    /// Why an object could not be decided, though others may.
    gave_up: Option<Inconclusive>,
    progress: Progress,
}

/// The operations on an object, as positions in the history.
#[derive(Default)]
struct Object {
    answered: Vec<usize>,
    unknown: Vec<usize>,
}

impl Object {
    const fn len(&self) -> usize {
        self.answered.len() + self.unknown.len()
    }
}

/// The object that is being checked.
struct Current<'a, M: Model> {
    key: M::Key,
    object: Object,
    search: Search<'a, M>,
    spent: u64,
}

/// How far a [`Checker`] has come.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Progress {
    /// How many operations were answered, and so have to be placed in an order.
    pub operations: usize,
    /// How many of them are placed: all of the objects that are decided, and the most that any order of
    /// the present one has reached. It stands still while the search goes in circles.
    pub placed: usize,
    /// How many objects are decided.
    pub objects: usize,
    /// How much is remembered now, in bytes.
    pub memory_bytes: u64,
}

impl<'a, M: Model> Checker<'a, M> {
    /// A check that has not begun, with the default limit of memory.
    pub fn new(model: &'a M, history: &'a History<M::Input, M::Output>) -> Self {
        let mut objects: BTreeMap<M::Key, Object> = BTreeMap::new();
        let mut operations = 0;
        for (at, operation) in history.operations.iter().enumerate() {
            if matches!(operation.output, Outcome::Failed) {
                continue;
            }
            let object = objects.entry(model.key(&operation.input)).or_default();
            if matches!(operation.output, Outcome::Ok(_)) {
                object.answered.push(at);
                operations += 1;
            } else {
                object.unknown.push(at);
            }
        }
        // The small ones first, from the end. Among those of the same size, the order of the keys.
        let mut objects: Vec<_> = objects.into_iter().collect();
        objects.sort_by_key(|(_, object)| object.len());
        objects.reverse();
        Self {
            model,
            history,
            memory_bytes: Budget::default().memory_bytes,
            is_general: false,
            malformed: malformed(history),
            objects,
            current: None,
            order: Vec::new(),
            gave_up: None,
            progress: Progress {
                operations,
                ..Progress::default()
            },
        }
    }

    /// Remembers at most this much.
    #[must_use]
    pub const fn memory_bytes(mut self, limit: u64) -> Self {
        self.memory_bytes = limit;
        self
    }

    /// Uses the general search only, and no algorithm of the [model's own](Model::quick), to compare the
    /// two.
    #[must_use]
    pub const fn general(mut self) -> Self {
        self.is_general = true;
        self
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let mut progress = self.progress;
        if let Some(current) = &self.current {
            progress.placed += current.search.placed();
            progress.memory_bytes = current.search.bytes();
        }
        progress
    }

    /// Goes on for as long as the fuel lasts. `None`: it ran out, and nothing is lost. What is left of
    /// the fuel when a violation is found goes into [making it small](crate::Violation::shrink), within reason.
    pub fn run(&mut self, fuel: &mut Fuel) -> Option<Linearizability<M::Key, M::Output>> {
        if let Some(reason) = self.malformed {
            return Some(Verdict::Unknown(reason));
        }
        loop {
            let Some(mut current) = self.current.take() else {
                let Some((key, object)) = self.objects.pop() else {
                    return Some(self.finish());
                };
                // To lay out the operations is work too, in proportion to their number. It is done in one
                // go, so that a slice of any size gets past it.
                let _ = fuel.spend((object.len() as u64).min(fuel.left()));
                match self.quick(&object) {
                    Some(Ok(order)) => self.decided(key, &object, order),
                    Some(Err(core)) => {
                        let evidence = Evidence::new(self.model, self.history, self.memory_bytes);
                        return Some(Verdict::Violated(evidence.of_core(key, core, u64::MAX)));
                    }
                    None => {
                        let partition = Partition::new(
                            self.model,
                            self.history,
                            &object.answered,
                            &object.unknown,
                        );
                        self.current = Some(Current {
                            key,
                            object,
                            search: Search::new(self.model, self.history, partition),
                            spent: 0,
                        });
                    }
                }
                continue;
            };
            let before = fuel.left();
            let found = current.search.run(fuel, self.memory_bytes);
            current.spent += before - fuel.left();
            match found {
                Ok(Found::Order(order)) => self.decided(current.key, &current.object, order),
                Ok(Found::None { deepest }) => {
                    let core = Core {
                        kept: current.object.answered,
                        perhaps: current.object.unknown,
                        is_minimal: false,
                    };
                    let evidence = Evidence::new(self.model, self.history, self.memory_bytes);
                    let violation =
                        evidence.of_search(current.key, core, deepest, current.spent, fuel);
                    return Some(Verdict::Violated(violation));
                }
                Err(Stopped::OutOfFuel) => match fuel.taken_reason() {
                    Some(reason) => {
                        self.gave_up.get_or_insert(reason);
                    }
                    None => {
                        self.current = Some(current);
                        return None;
                    }
                },
                Err(Stopped::OutOfMemory) => {
                    let limit = self.memory_bytes;
                    self.gave_up.get_or_insert(Inconclusive::Memory { limit });
                }
            }
        }
    }

    /// What the model's own algorithm says, if it has one and proves what it says: an order, or
    /// operations that contradict each other.
    fn quick(&self, object: &Object) -> Option<Result<Vec<usize>, Core>> {
        if self.is_general {
            return None;
        }
        let at = |at: &usize| Some((*at, self.history.operations.get(*at)?));
        let both = object.answered.iter().chain(&object.unknown);
        let operations: Vec<Numbered<'_, M::Input, M::Output>> = both.filter_map(at).collect();
        match self.model.quick(&operations) {
            Quick::Unsuited => None,
            Quick::Holds(order) => {
                certificate::is_order(self.model, self.history, &object.answered, &order)
                    .then_some(Ok(order))
            }
            Quick::Violated { kept } => {
                let is_answered = |at: &usize| {
                    let operation = self.history.operations.get(*at);
                    operation.is_some_and(|operation| matches!(operation.output, Outcome::Ok(_)))
                };
                let (kept, perhaps) = kept.into_iter().partition(is_answered);
                let mut core = Core {
                    kept,
                    perhaps,
                    is_minimal: false,
                };
                core.kept.sort_unstable();
                core.perhaps.sort_unstable();
                let mut fuel = Fuel::new(QUICK_STEPS);
                refutation::refute(self.model, self.history, &operations, &core, &mut fuel)
                    .is_ok()
                    .then_some(Err(core))
            }
        }
    }

    fn decided(&mut self, key: M::Key, object: &Object, operations: Vec<usize>) {
        self.progress.placed += object.answered.len();
        self.progress.objects += 1;
        self.order.push(Linearization { key, operations });
    }

    fn finish(&mut self) -> Linearizability<M::Key, M::Output> {
        if let Some(reason) = self.gave_up {
            return Verdict::Unknown(reason);
        }
        let mut order = core::mem::take(&mut self.order);
        order.sort_by(|a, b| a.key.cmp(&b.key));
        Verdict::Holds(order)
    }
}

/// How much may be spent on checking what a quick algorithm claims.
const QUICK_STEPS: u64 = 100_000;

fn malformed<I, O>(history: &History<I, O>) -> Option<Inconclusive> {
    // Calls and returns are numbered together, in 32 bits, with one number kept free.
    if history.len() > (u32::MAX / 2 - 1) as usize {
        return Some(Inconclusive::TooManyOperations {
            operations: history.len(),
        });
    }
    let backwards = |operation: &Operation<I, O>| {
        matches!(operation.output, Outcome::Ok(_)) && operation.ret < operation.call
    };
    history
        .operations
        .iter()
        .position(backwards)
        .map(|operation| Inconclusive::ReturnsBeforeCall { operation })
}
