//! Which operations are drawn: the objects of a history, and what is near to a violation.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::bars::{Bar, Bars, Role};
use super::text::label;
use super::{Labels, Picture, Told};
use crate::{Model, Operation, Outcome, Verdict, Violation};

/// One object, and what is known of it.
pub(super) struct Object<'a, M: Model> {
    pub(super) key: M::Key,
    /// Its operations by position in the history, ordered by call.
    pub(super) operations: Vec<usize>,
    pub(super) known: Known<'a, M>,
}

/// What is known of an object.
pub(super) enum Known<'a, M: Model> {
    Violated(&'a Violation<M::Key, M::Output>),
    /// An order of its operations.
    Ordered(&'a [usize]),
    Nothing,
}

/// The objects of a history: the violated one first, then in the order of their keys.
pub(super) fn objects<'a, M: Model>(picture: &Picture<'a, M>) -> Vec<Object<'a, M>> {
    let mut grouped: BTreeMap<M::Key, Vec<usize>> = BTreeMap::new();
    for (at, operation) in picture.history.operations.iter().enumerate() {
        let key = picture.model.key(&operation.input);
        grouped.entry(key).or_default().push(at);
    }
    let call = |at: &usize| {
        let operation = picture.history.operations.get(*at);
        operation.map_or(0, |operation| operation.call)
    };
    let mut orders = BTreeMap::new();
    if let Told::Verdict(Verdict::Holds(order)) = picture.told {
        for one in order {
            orders.insert(&one.key, one.operations.as_slice());
        }
    }
    let mut objects: Vec<_> = grouped
        .into_iter()
        .map(|(key, mut operations)| {
            operations.sort_by_key(|at| (call(at), *at));
            let known = match picture.told {
                Told::Verdict(Verdict::Violated(violation)) if violation.key == key => {
                    Known::Violated(violation)
                }
                _ => orders
                    .get(&key)
                    .map_or(Known::Nothing, |order| Known::Ordered(order)),
            };
            Object {
                key,
                operations,
                known,
            }
        })
        .collect();
    objects.sort_by_key(|object| !matches!(object.known, Known::Violated(_)));
    objects
}

impl<M: Model> Object<'_, M> {
    /// What is drawn of it.
    pub(super) fn bars(&self, picture: &Picture<'_, M>, labels: &impl Labels<M>) -> Bars {
        let operations = &picture.history.operations;
        let chosen = self.choose(picture);
        let mut drawn = Bars::default();
        let places: BTreeMap<usize, usize> = match &self.known {
            Known::Violated(violation) => placed(&violation.prefix, &chosen),
            Known::Ordered(order) => placed(order, &chosen),
            Known::Nothing => BTreeMap::new(),
        };
        for &at in &self.operations {
            let Some(operation) = operations.get(at) else {
                continue;
            };
            if !chosen.contains(&at) {
                drawn.left_out.push(operation.call);
                continue;
            }
            let mut bar = Bar::new(picture, labels, at, operation);
            bar.place = places.get(&at).copied();
            if let Known::Violated(violation) = &self.known {
                let is_in = |all: &[usize]| all.binary_search(&at).is_ok();
                if is_in(&violation.core.kept) {
                    bar.role = Role::Kept;
                } else if is_in(&violation.core.perhaps) {
                    bar.role = Role::Perhaps;
                }
                if let Some(blocked) = violation.blocked.iter().find(|one| one.operation == at) {
                    bar.role = Role::Blocked;
                    let allowed = blocked.allowed.as_ref();
                    bar.allowed = allowed.map(|allowed| label(|to| labels.output(allowed, to)));
                }
            }
            drawn.bars.push(bar);
        }
        drawn
    }

    /// The operations that are drawn: no more than the limit.
    fn choose(&self, picture: &Picture<'_, M>) -> BTreeSet<usize> {
        let limit = picture.operations;
        if self.operations.len() <= limit {
            return self.operations.iter().copied().collect();
        }
        let Known::Violated(violation) = &self.known else {
            return self.operations.iter().take(limit).copied().collect();
        };
        // What explains most comes first: what cannot come next, and what came last before it.
        let core = &violation.core;
        let blocked = violation.blocked.iter().map(|blocked| blocked.operation);
        let important = blocked
            .chain(violation.prefix.iter().rev().copied())
            .chain(core.kept.iter().copied())
            .chain(core.perhaps.iter().copied());
        let own: BTreeSet<usize> = self.operations.iter().copied().collect();
        let mut chosen = BTreeSet::new();
        for at in important.filter(|at| own.contains(at)) {
            if chosen.len() >= limit {
                return chosen;
            }
            chosen.insert(at);
        }
        let operation = |at: &usize| picture.history.operations.get(*at);
        let spans: Vec<_> = core
            .kept
            .iter()
            .filter(|at| chosen.contains(at))
            .filter_map(operation)
            .map(span)
            .collect();
        let mut others: Vec<_> = self
            .operations
            .iter()
            .filter(|at| !chosen.contains(at))
            .filter_map(|at| Some((distance(span(operation(at)?), &spans), *at)))
            .collect();
        others.sort_unstable();
        let room = limit - chosen.len();
        chosen.extend(others.into_iter().take(room).map(|(_, at)| at));
        chosen
    }
}

/// The place in an order of each operation that is drawn.
fn placed(order: &[usize], chosen: &BTreeSet<usize>) -> BTreeMap<usize, usize> {
    let places = order.iter().enumerate();
    places
        .filter(|(_, at)| chosen.contains(at))
        .map(|(place, at)| (*at, place))
        .collect()
}

/// From when to when an operation certainly went on.
fn span<I, O>(operation: &Operation<I, O>) -> (u64, u64) {
    match operation.output {
        Outcome::Unknown => (operation.call, operation.call),
        _ => (operation.call, operation.ret.max(operation.call)),
    }
}

/// How much time there is between an operation and the nearest of others.
fn distance((call, ret): (u64, u64), others: &[(u64, u64)]) -> u64 {
    let to = |other: &(u64, u64)| {
        other
            .0
            .saturating_sub(ret)
            .max(call.saturating_sub(other.1))
    };
    others.iter().map(to).min().unwrap_or(0)
}
