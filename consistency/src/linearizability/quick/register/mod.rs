//! One cell: reads, writes, and compare-and-set.
//!
//! Gibbons and Korach ("Testing Shared Memories", 1997, section 4.1) decide a register in `n log n`
//! time when it is known which write each read saw. All that concerns a value, its write and its
//! reads, stands together in an order, as a **block**. Block `u` must stand before block `v` when some
//! operation of `u` precedes one of `v`, that is, when the first return in `u` lies before the last
//! call in `v`. Such a relation has a cycle only if two blocks each must stand before the other, and
//! two blocks are enough for the evidence.
//!
//! A compare-and-set that swapped reads one value and writes another, with nothing in between: it
//! joins two blocks into one, in which the order is given. One that found another value than the
//! expected is placed at the end, at the first place where the value is another: when there is none
//! in the order found, there may be in another order, and the answer is `Unsuited`.

mod blocks;
mod misses;

use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use super::probe::{Plant, planted, step};
use super::times::{MOST, Values};
use super::{Quick, Timed};

/// What a register was asked and answered, for [`register`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RegisterAction<V> {
    /// It was told to hold this value.
    Write(V),
    /// It was asked what it holds, and answered this; `None` if nothing was ever written.
    Read(Option<V>),
    /// It was told to hold `value` if it holds `expected`.
    CompareAndSet {
        /// What it must hold; `None` for what it holds in the beginning.
        expected: Option<V>,
        /// What it then is to hold.
        value: V,
        /// Whether it did hold what was expected.
        swapped: bool,
    },
}

/// Decides whether a register could have answered this. Takes `n log n` time.
///
/// Values may be written twice if nobody saw them, or else the answer is `Unsuited`; a value that was
/// written is another than the one in the beginning.
pub fn register<V: Eq + Hash>(
    operations: impl IntoIterator<Item = Timed<RegisterAction<V>>>,
) -> Quick {
    match Cell::read(operations) {
        Some(cell) => cell.decide().unwrap_or_else(|answer| answer),
        None => Quick::Unsuited,
    }
}

/// The value in the beginning. Others are numbered from 1.
const INITIAL: u32 = 0;
/// Stands for no operation.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Write(u32),
    Read(u32),
    /// Read the first, and wrote the second.
    Swap(u32, u32),
    /// Read something else.
    Miss(u32),
}

#[derive(Clone, Copy)]
struct Step {
    position: usize,
    call: u64,
    /// Beyond all times when unknown.
    ret: u64,
    answered: bool,
    kind: Kind,
}

impl Step {
    const fn sees(&self) -> Option<u32> {
        match self.kind {
            Kind::Read(value) | Kind::Swap(value, _) => Some(value),
            Kind::Write(_) | Kind::Miss(_) => None,
        }
    }

    const fn writes(&self) -> Option<u32> {
        match self.kind {
            Kind::Write(value) | Kind::Swap(_, value) => Some(value),
            Kind::Read(_) | Kind::Miss(_) => None,
        }
    }
}

/// What is known of a value.
#[derive(Clone)]
struct Value {
    writers: u32,
    /// The last of them.
    writer: u32,
    seen: bool,
    /// The compare-and-set that took it away.
    swap: u32,
    /// Its reads, a range of all of them.
    reads: (u32, u32),
}

struct Cell {
    steps: Vec<Step>,
    values: Vec<Value>,
    /// The operations that read a value and no more, by value and by call.
    reads: Vec<u32>,
    /// For an operation of unknown outcome that must have been done: one that saw what it wrote.
    causes: Vec<u32>,
    /// The operations that are placed, block after block.
    placed: Vec<u32>,
    /// Some value was written twice and seen, and was left out with all that concerns it.
    incomplete: bool,
}

impl Cell {
    fn read<V: Eq + Hash>(
        operations: impl IntoIterator<Item = Timed<RegisterAction<V>>>,
    ) -> Option<Self> {
        let mut values = Values::new();
        let mut steps = Vec::new();
        for Timed {
            position,
            call,
            ret,
            action,
        } in operations
        {
            let mut number = |value: Option<V>| match value {
                Some(value) => values.number(value).wrapping_add(1),
                None => INITIAL,
            };
            if ret.is_some_and(|ret| ret < call) || steps.len() >= MOST {
                return None;
            }
            let kind = match action {
                RegisterAction::Write(value) => Kind::Write(number(Some(value))),
                RegisterAction::Read(value) => Kind::Read(number(value)),
                RegisterAction::CompareAndSet {
                    expected,
                    value,
                    swapped,
                } => match (number(expected), number(Some(value))) {
                    (expected, _) if !swapped && ret.is_some() => Kind::Miss(expected),
                    (expected, value) if expected == value => Kind::Read(value),
                    (expected, value) => Kind::Swap(expected, value),
                },
            };
            if ret.is_none() && matches!(kind, Kind::Read(_)) {
                continue;
            }
            steps.push(Step {
                position,
                call,
                ret: ret.unwrap_or(u64::MAX),
                answered: ret.is_some(),
                kind,
            });
        }
        let value = Value {
            writers: 0,
            writer: NONE,
            seen: false,
            swap: NONE,
            reads: (0, 0),
        };
        let values = vec![value; values.len() + 1];
        Some(Self {
            steps,
            values,
            reads: Vec::new(),
            placed: Vec::new(),
            causes: Vec::new(),
            incomplete: false,
        })
    }

    fn step(&self, at: u32) -> Option<&Step> {
        self.steps.get(at as usize)
    }

    fn value(&self, number: u32) -> Option<&Value> {
        self.values.get(number as usize)
    }

    /// These operations make no sense. Those of unknown outcome come with the ones by which they are
    /// known to have been done.
    fn violated(&self, kept: impl IntoIterator<Item = u32>) -> Quick {
        let mut kept: Vec<_> = kept
            .into_iter()
            .flat_map(|at| self.seen_by(at))
            .filter_map(|at| Some(self.step(at)?.position))
            .collect();
        kept.sort_unstable();
        kept.dedup();
        Quick::Violated { kept }
    }

    fn decide(mut self) -> Result<Quick, Quick> {
        self.match_reads()?;
        let blocks = self.blocks()?;
        self.conflicts(&blocks)?;
        let order = self.place_misses(self.in_order(blocks));
        Ok(match order {
            Some(order) if !self.incomplete => Quick::Holds(
                order
                    .into_iter()
                    .filter_map(|at| Some(self.step(at)?.position))
                    .collect(),
            ),
            _ => Quick::Unsuited,
        })
    }

    /// Finds who wrote what others saw, and drops the writes of unknown outcome that nobody saw.
    fn match_reads(&mut self) -> Result<(), Quick> {
        for (at, step) in self.steps.iter().enumerate() {
            if let Some(value) = step.writes()
                && let Some(value) = self.values.get_mut(value as usize)
            {
                value.writers += 1;
                value.writer = at as u32;
            }
        }
        self.causes = vec![NONE; self.steps.len()];
        // Who is sure to have seen something, and who in turn must have written that.
        let mut sure: Vec<_> = (0..self.steps.len() as u32)
            .filter(|&at| self.step(at).is_some_and(|step| step.answered))
            .collect();
        let mut looked = 0;
        while let Some(&at) = sure.get(looked) {
            looked += 1;
            step();
            let Some(number) = self.step(at).and_then(Step::sees) else {
                continue;
            };
            let Some(value) = self.values.get_mut(number as usize) else {
                continue;
            };
            let first = !value.seen;
            value.seen = true;
            let writer = value.writer;
            if number == INITIAL {
                continue;
            }
            if value.writers == 0 {
                return Err(self.violated([at]));
            }
            if value.writers == 1 && first && self.step(writer).is_some_and(|step| !step.answered) {
                sure.push(writer);
                if let Some(cause) = self.causes.get_mut(writer as usize) {
                    *cause = at;
                }
            }
        }
        if planted(Plant::RegisterForgetsUnknown) {
            sure.retain(|&at| self.step(at).is_some_and(|step| step.answered));
        }
        self.set_aside(&mut sure)?;
        sure.sort_unstable_by_key(|&at| {
            let step = self.step(at);
            (
                step.and_then(Step::sees),
                step.map_or(0, |step| step.call),
                at,
            )
        });
        for at in sure {
            let Some(found) = self.step(at).copied() else {
                continue;
            };
            match found.kind {
                Kind::Swap(from, _) => {
                    let other = self.value(from).map_or(NONE, |value| value.swap);
                    if other != NONE {
                        let both = [at, other].into_iter();
                        let kept: Vec<_> = both.flat_map(|at| self.with_cause(at)).collect();
                        return Err(self.violated(kept));
                    }
                    if let Some(value) = self.values.get_mut(from as usize) {
                        value.swap = at;
                    }
                }
                Kind::Read(number) => {
                    let end = self.reads.len() as u32;
                    if let Some(value) = self.values.get_mut(number as usize) {
                        if value.reads.0 == value.reads.1 {
                            value.reads = (end, end);
                        }
                        value.reads.1 = end + 1;
                    }
                    self.reads.push(at);
                }
                Kind::Write(_) | Kind::Miss(_) => {}
            }
        }
        Ok(())
    }

    /// Leaves out the values that were written twice and seen: what remains may be violated even so.
    fn set_aside(&mut self, sure: &mut Vec<u32>) -> Result<(), Quick> {
        let values = &self.values;
        let twice = |number: u32| {
            let value = values.get(number as usize);
            value.is_some_and(|value| value.seen && value.writers > 1)
        };
        for step in &self.steps {
            match step.kind {
                Kind::Swap(from, to) if twice(from) || twice(to) => return Err(Quick::Unsuited),
                Kind::Read(number) | Kind::Write(number) => self.incomplete |= twice(number),
                Kind::Swap(..) | Kind::Miss(_) => {}
            }
        }
        if self.incomplete {
            sure.retain(
                |&at| match self.steps.get(at as usize).map(|step| step.kind) {
                    Some(Kind::Read(number) | Kind::Write(number)) => !twice(number),
                    _ => true,
                },
            );
        }
        Ok(())
    }

    /// An operation that was done for sure, and those by which that is known: one that saw what it
    /// wrote, and so on to one that was answered.
    fn seen_by(&self, at: u32) -> Vec<u32> {
        let mut kept = vec![at];
        let mut last = at;
        while self.step(last).is_some_and(|step| !step.answered)
            && let Some(&cause) = self.causes.get(last as usize)
            && cause != NONE
        {
            kept.push(cause);
            last = cause;
        }
        kept
    }

    /// An operation that saw something, with those that must have been done for it to see that.
    fn with_cause(&self, at: u32) -> Vec<u32> {
        let mut kept = vec![at];
        let mut last = at;
        while let Some(value) = self.step(last).and_then(Step::sees)
            && value != INITIAL
            && let Some(writer) = self.value(value).map(|value| value.writer)
            && writer != NONE
            && kept.len() <= 2 * self.steps.len()
        {
            kept.push(writer);
            last = writer;
        }
        kept
    }
}
