//! Objects that one client uses at a time, and all orders of a few operations on them.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use super::super::{ContainerAction, RegisterAction, SetAction, Timed};
use crate::Quick;

/// An object, the plain way.
pub(super) trait Plain: Clone + Default {
    type Action: Clone + Debug;

    /// Does it; `false` when it would have answered something else. Without an answer, anything goes.
    fn act(&mut self, action: &Self::Action, answered: bool) -> bool;
}

#[derive(Clone, Default)]
pub(super) struct PlainRegister(Option<u32>);

impl Plain for PlainRegister {
    type Action = RegisterAction<u32>;

    fn act(&mut self, action: &RegisterAction<u32>, answered: bool) -> bool {
        match *action {
            RegisterAction::Write(value) => self.0 = Some(value),
            RegisterAction::Read(value) => return !answered || value == self.0,
            RegisterAction::CompareAndSet {
                expected,
                value,
                swapped,
            } => {
                let found = self.0 == expected;
                if found {
                    self.0 = Some(value);
                }
                return !answered || found == swapped;
            }
        }
        true
    }
}

#[derive(Clone, Default)]
pub(super) struct PlainSet(Vec<u32>);

impl Plain for PlainSet {
    type Action = SetAction<u32>;

    fn act(&mut self, action: &SetAction<u32>, answered: bool) -> bool {
        let (SetAction::Insert(value, answer)
        | SetAction::Remove(value, answer)
        | SetAction::Contains(value, answer)) = *action;
        let there = self.0.contains(&value);
        let truth = match action {
            SetAction::Insert(..) => {
                if !there {
                    self.0.push(value);
                }
                !there
            }
            SetAction::Remove(..) => {
                self.0.retain(|&other| other != value);
                there
            }
            SetAction::Contains(..) => there,
        };
        !answered || truth == answer
    }
}

/// Which value is taken next.
pub(super) trait Next: Clone + Default {
    fn next(values: &[u32]) -> Option<usize>;
}

/// The oldest.
#[derive(Clone, Default)]
pub(super) struct First;

impl Next for First {
    fn next(values: &[u32]) -> Option<usize> {
        (!values.is_empty()).then_some(0)
    }
}

/// The newest.
#[derive(Clone, Default)]
pub(super) struct Last;

impl Next for Last {
    fn next(values: &[u32]) -> Option<usize> {
        values.len().checked_sub(1)
    }
}

/// The smallest.
#[derive(Clone, Default)]
pub(super) struct Least;

impl Next for Least {
    fn next(values: &[u32]) -> Option<usize> {
        (0..values.len()).min_by_key(|&at| values[at])
    }
}

/// A queue, a stack or a priority queue.
#[derive(Clone, Default)]
pub(super) struct PlainContainer<N>(Vec<u32>, N);

impl<N: Next> PlainContainer<N> {
    pub(super) fn next(&self) -> Option<u32> {
        N::next(&self.0).map(|at| self.0[at])
    }
}

impl<N: Next> Plain for PlainContainer<N> {
    type Action = ContainerAction<u32>;

    fn act(&mut self, action: &ContainerAction<u32>, answered: bool) -> bool {
        match *action {
            ContainerAction::Put(value) => {
                self.0.push(value);
                true
            }
            ContainerAction::Take(taken) => {
                let truth = N::next(&self.0).map(|at| self.0.remove(at));
                !answered || truth == taken
            }
        }
    }
}

/// Whether some order makes sense, by trying all.
pub(super) fn linearizable<P: Plain>(history: &[Timed<P::Action>]) -> bool {
    fn extend<P: Plain>(history: &[Timed<P::Action>], placed: u32, object: &P) -> bool {
        let open = |at: usize| placed >> at & 1 == 0;
        let mut first_return = u64::MAX;
        let mut complete = true;
        for (at, timed) in history.iter().enumerate() {
            if let Some(ret) = timed.ret
                && open(at)
            {
                complete = false;
                first_return = first_return.min(ret);
            }
        }
        complete
            || history.iter().enumerate().any(|(at, timed)| {
                let mut object = object.clone();
                open(at)
                    && timed.call <= first_return
                    && object.act(&timed.action, timed.ret.is_some())
                    && extend(history, placed | 1 << at, &object)
            })
    }
    assert!(history.len() < 32);
    extend(history, 0, &P::default())
}

/// The three answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Unsuited,
    Holds,
    Violated,
}

/// What is wrong with the answer, or which it was.
pub(super) fn judge<P: Plain>(
    history: &[Timed<P::Action>],
    answer: &Quick,
) -> Result<Kind, String> {
    match answer {
        Quick::Unsuited => Ok(Kind::Unsuited),
        Quick::Holds(order) => replay::<P>(history, order).map(|()| Kind::Holds),
        Quick::Violated { kept } => {
            if linearizable::<P>(history) {
                return Err(String::from("violated, and is not"));
            }
            let mut names = kept.clone();
            names.sort_unstable();
            names.dedup();
            let part: Vec<_> = history
                .iter()
                .filter(|timed| names.contains(&timed.position))
                .cloned()
                .collect();
            if part.len() != kept.len() {
                return Err(String::from("kept twice, or what is not there"));
            }
            if linearizable::<P>(&part) {
                return Err(format!("kept {kept:?}, which makes sense"));
            }
            Ok(Kind::Violated)
        }
    }
}

/// Goes through an order.
pub(super) fn replay<P: Plain>(
    history: &[Timed<P::Action>],
    order: &[usize],
) -> Result<(), String> {
    let last = history.iter().map(|timed| timed.position).max();
    let mut by_position = vec![None; last.map_or(0, |last| last + 1)];
    for timed in history {
        by_position[timed.position] = Some(timed);
    }
    let mut object = P::default();
    let mut latest_call = 0;
    for &position in order {
        let timed = by_position
            .get_mut(position)
            .and_then(Option::take)
            .ok_or_else(|| format!("{position} in the order, twice or of nothing"))?;
        if timed.ret.is_some_and(|ret| ret < latest_call) {
            return Err(format!(
                "{position} returned before one before it was called"
            ));
        }
        latest_call = latest_call.max(timed.call);
        if !object.act(&timed.action, timed.ret.is_some()) {
            return Err(format!("{position} would have answered something else"));
        }
    }
    match by_position
        .into_iter()
        .flatten()
        .find(|timed| timed.ret.is_some())
    {
        Some(left) => Err(format!("{} is not in the order", left.position)),
        None => Ok(()),
    }
}
