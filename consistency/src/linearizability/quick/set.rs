//! A set: insert, remove, and contains.
//!
//! The values of a set do not influence each other, so each is decided apart, and for one value there
//! are two states: in it, or not. An operation **turns** the one into the other (an insert that was
//! told the value is new, a remove that was told it was there) or **reads** the state (all others).
//!
//! Go through time and do nothing until it is necessary: a read is placed as soon as the state is
//! right, a turn only when an operation that returns now needs it. To wait never hurts, as any number
//! of turns fits into one moment. Of several turns that would do, the one that returns first is taken,
//! and one of unknown outcome only when there is no other. Nothing here needs values to be unique.
//!
//! Abdulla, Grahn, Jonsson, Krishna and Mishra ("Efficient Linearizability Monitoring", 2025) show that
//! sets take linear time, once the operations are sorted; this is an algorithm of its own.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use super::probe::{Plant, planted, step};
use super::times::{MOST, Values};
use super::{Quick, Timed};

/// What a set was asked and answered, for [`set`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SetAction<V> {
    /// Add this value. Whether it was new.
    Insert(V, bool),
    /// Take this value out. Whether it was there.
    Remove(V, bool),
    /// Whether this value is there.
    Contains(V, bool),
}

/// Decides whether a set, empty in the beginning, could have answered this. Takes `n log n` time, and
/// is never unsuited: values may come and go any number of times.
///
/// ```
/// use quorate_consistency::Quick;
/// use quorate_consistency::quick::{SetAction, Timed, set};
///
/// let timed = |position, call, ret, action| Timed { position, call, ret, action };
/// let answer = set([
///     timed(0, 10, Some(20), SetAction::Insert("a", true)),
///     timed(1, 30, Some(40), SetAction::Insert("b", true)),
///     // Nobody took "a" out.
///     timed(2, 50, Some(60), SetAction::Contains("a", false)),
/// ]);
/// assert_eq!(answer, Quick::Violated { kept: vec![0, 2] });
/// ```
pub fn set<V: Eq + Hash>(operations: impl IntoIterator<Item = Timed<SetAction<V>>>) -> Quick {
    let mut values = Values::new();
    let mut steps = Vec::new();
    for Timed {
        position,
        call,
        ret,
        action,
    } in operations
    {
        if ret.is_some_and(|ret| ret < call) || steps.len() >= MOST {
            return Quick::Unsuited;
        }
        let known = ret.is_some();
        let (value, needs, turns) = match action {
            SetAction::Insert(value, new) => (value, known && !new, new || !known),
            SetAction::Remove(value, there) => (value, there || !known, there || !known),
            SetAction::Contains(value, there) => (value, there, false),
        };
        let value = values.number(value);
        if known || turns {
            steps.push(Step {
                position,
                value,
                call,
                ret,
                needs,
                turns,
            });
        }
    }
    decide(&steps, values.len())
}

#[derive(Clone, Copy)]
struct Step {
    position: usize,
    value: u32,
    call: u64,
    ret: Option<u64>,
    /// The state that it finds: whether the value is there.
    needs: bool,
    /// Whether it leaves the other state.
    turns: bool,
}

fn decide(steps: &[Step], values: usize) -> Quick {
    let position = |at: u32| Some(steps.get(at as usize)?.position);
    match play(steps, values) {
        Ok(order) => Quick::Holds(order.into_iter().filter_map(position).collect()),
        Err(stuck) => {
            let kept = evidence(steps, stuck);
            Quick::Violated {
                kept: kept.into_iter().filter_map(position).collect(),
            }
        }
    }
}

/// Goes through time, and places the operations; or one that returns and has no place.
fn play(steps: &[Step], values: usize) -> Result<Vec<u32>, u32> {
    // By time, calls before returns of the same time.
    let mut events = Vec::with_capacity(2 * steps.len());
    for (at, step) in steps.iter().enumerate() {
        events.push((step.call, false, at as u32));
        events.extend(step.ret.map(|ret| (ret, true, at as u32)));
    }
    events.sort_unstable();
    let mut elements: Vec<Element> = Vec::new();
    elements.resize_with(values, Element::default);
    let mut placed = vec![false; steps.len()];
    let mut order = Vec::with_capacity(steps.len());
    for (_, is_return, at) in events {
        let Some(step) = steps.get(at as usize) else {
            continue;
        };
        let Some(element) = elements.get_mut(step.value as usize) else {
            continue;
        };
        let begin = order.len();
        if !is_return {
            element.call(step, at, &mut order);
        } else {
            let waits = placed.get(at as usize) == Some(&false);
            if waits && !element.force(step, at, &mut order) {
                return Err(at);
            }
        }
        for &at in order.get(begin..).unwrap_or(&[]) {
            if let Some(placed) = placed.get_mut(at as usize) {
                *placed = true;
            }
        }
    }
    Ok(order)
}

/// One value, while time passes.
#[derive(Default)]
struct Element {
    there: bool,
    /// Turns that wait, by return, with those of unknown outcome last: to take it out, to put it in.
    turns: [BTreeSet<(bool, u64, u32)>; 2],
    /// Answered reads that wait for the state that is not.
    reads: Vec<u32>,
}

impl Element {
    fn call(&mut self, step: &Step, at: u32, order: &mut Vec<u32>) {
        if step.turns {
            if let Some(turns) = self.turns.get_mut(usize::from(!step.needs)) {
                turns.insert(step.key(at));
            }
        } else if step.needs == self.there {
            order.push(at);
        } else {
            self.reads.push(at);
        }
    }

    /// Places an operation that returns now, and what must come before. `false` when nothing can.
    fn force(&mut self, step: &Step, at: u32, order: &mut Vec<u32>) -> bool {
        if step.needs != self.there && !self.turn(None, order) {
            return false;
        }
        !step.turns || self.turn(Some(step.key(at)), order)
    }

    /// Turns the state, with this turn or the first that will do, and places the reads that waited.
    fn turn(&mut self, wanted: Option<(bool, u64, u32)>, order: &mut Vec<u32>) -> bool {
        step();
        let Some(turns) = self.turns.get_mut(usize::from(!self.there)) else {
            return false;
        };
        let first = if planted(Plant::SetTakesLatest) {
            turns.last().copied()
        } else {
            turns.first().copied()
        };
        let Some(next) = wanted.or(first) else {
            return false;
        };
        turns.remove(&next);
        let (_, _, at) = next;
        order.push(at);
        self.there = !self.there;
        if !planted(Plant::SetReadsOnce) {
            order.append(&mut self.reads);
        }
        true
    }
}

impl Step {
    const fn key(&self, at: u32) -> (bool, u64, u32) {
        match self.ret {
            Some(ret) => (false, ret, at),
            None => (true, 0, at),
        }
    }
}

/// The operation that has no place, with all turns of its value so far, and those of the reads that
/// matter.
fn evidence(steps: &[Step], stuck: u32) -> Vec<u32> {
    let get = |at: u32| steps.get(at as usize);
    let (value, end) = get(stuck).map_or((0, None), |step| (step.value, step.ret));
    let end = end.unwrap_or(u64::MAX);
    let mut kept = Vec::new();
    let mut reads = Vec::new();
    for (at, step) in (0..).zip(steps) {
        if step.value == value && step.call <= end {
            let is_kept = step.turns || at == stuck;
            (if is_kept { &mut kept } else { &mut reads }).push(at);
        }
    }
    // Leave out all of them, then halves, then quarters, ...: as long as it takes less than the
    // check itself did.
    let mut left = 4 * steps.len() + 1_000;
    let mut size = reads.len();
    while size > 0 {
        let mut from = 0;
        while from < reads.len() {
            let mut fewer = reads.clone();
            fewer.drain(from..(from + size).min(reads.len()));
            let tried = kept.iter().chain(&fewer).filter_map(|&at| get(at));
            let tried: Vec<_> = tried.map(|step| Step { value: 0, ..*step }).collect();
            let Some(rest) = left.checked_sub(tried.len()) else {
                break;
            };
            left = rest;
            if play(&tried, 1).is_err() {
                reads = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    kept.extend(reads);
    kept.sort_unstable();
    kept
}
