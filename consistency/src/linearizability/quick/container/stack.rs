//! A stack: last in, first out.
//!
//! In an order that makes sense, the times that two elements are inside lie one within the other, or
//! one after the other. At a moment when no element is sure to be inside, the stack can be empty without
//! harm: an order that makes sense stays one when what is inside at that moment is taken by then, or
//! put in from then on, whichever its times allow. So such moments cut time into sections, and each is
//! decided on its own.
//!
//! Within a section, something is inside at any moment. Hence one element lies at the bottom all the
//! while: one that can be put in when the section begins, and be taken when it ends. If there is none,
//! the elements of the section contradict each other, and those suffice of which one or the other is
//! sure to be inside at any moment of it. If there are several, any will do, as it can be put around
//! any order of the others. Take it away, and new moments appear when nothing is sure to be inside.
//!
//! The idea to take away what changes nothing for the rest is that of Lee and Mathur ("Efficient
//! Decrease-and-Conquer Linearizability Monitoring", 2025). Abdulla, Grahn, Jonsson, Krishna and Mishra
//! ("Efficient Linearizability Monitoring", 2025) cut time in the same way, and take `n^2` time. Here a
//! section is a range of the elements by the return of their puts: trees over that row find the next
//! element that can be at the bottom, and a tree over time finds the next moment to cut at. Each element
//! and each moment is found once, so that the whole takes `n log n` time.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use super::super::probe::{Plant, planted, step};
use super::super::{Quick, Timed};
use super::gather::Gathered;
use super::inside::{cover, empty_from};
use super::spare::Law;
use super::trees::{Counts, GONE, Least};
use super::{ContainerAction, Element, Elements, Found, NONE, decide};

/// Decides whether a last-in, first-out stack, empty in the beginning, could have answered this. Takes
/// `n log n` time.
///
/// ```
/// use quorate_consistency::Quick;
/// use quorate_consistency::quick::{ContainerAction, Timed, stack};
///
/// let timed = |position, call, ret, action| Timed { position, call, ret, action };
/// let answer = stack([
///     timed(0, 10, Some(20), ContainerAction::Put("a")),
///     timed(1, 30, Some(40), ContainerAction::Put("b")),
///     timed(2, 50, Some(60), ContainerAction::Take(Some("a"))), // "b" is on top of it
/// ]);
/// assert_eq!(answer, Quick::Violated { kept: vec![0, 1, 2] });
/// ```
pub fn stack<V: Eq + Hash>(
    operations: impl IntoIterator<Item = Timed<ContainerAction<V>>>,
) -> Quick {
    match Gathered::read(operations, |_| None) {
        Some(gathered) => decide(gathered, Law::Newest, order),
        None => Quick::Unsuited,
    }
}

fn order(all: &Elements<'_>) -> Found {
    let points = Points::new(all);
    let mut tower = Tower::new(all, &points);
    let empty_from = empty_from(&tower.elements, points.end());
    for &empty in all.empties {
        let time = empty_from.get(points.at(empty.call) as usize).copied();
        match time {
            Some(time) if time <= points.before(empty.ret) => {
                tower.empties.push((time, empty.operation));
            }
            _ => {
                let elements = cover(all.elements.iter().copied(), empty.call, empty.ret);
                let empty = Some(empty);
                return Found::Broken { elements, empty };
            }
        }
    }
    tower.empties.sort_unstable();
    match tower.build(points.end()) {
        Ok(order) => Found::Order(order),
        Err(elements) => Found::Broken {
            elements: elements
                .into_iter()
                .filter_map(|at| all.elements.get(at as usize).copied())
                .collect(),
            empty: None,
        },
    }
}

/// The times that matter, numbered from 1: returns of puts, calls of takes, and calls of takes that
/// found nothing.
struct Points {
    /// For each time, how many of those that matter are not later.
    numbers: Vec<u32>,
}

impl Points {
    fn new(all: &Elements<'_>) -> Self {
        let mut numbers = vec![0; all.end as usize + 1];
        let of_elements = all.elements.iter();
        let times = of_elements.flat_map(|element| [element.put_ret, element.take_call]);
        for time in times.chain(all.empties.iter().map(|empty| empty.call)) {
            if let Some(number) = numbers.get_mut(time as usize) {
                *number = 1;
            }
        }
        let mut count = 0;
        for number in &mut numbers {
            count += *number;
            *number = count;
        }
        Self { numbers }
    }

    /// The number of a time that matters; of others, the one before.
    fn at(&self, time: u32) -> u32 {
        self.numbers.get(time as usize).copied().unwrap_or(0)
    }

    fn before(&self, time: u32) -> u32 {
        self.at(time)
    }

    /// The number of the time, or of the next one that matters.
    fn after(&self, time: u32) -> u32 {
        time.checked_sub(1).map_or(1, |time| self.at(time) + 1)
    }

    /// One more than the last.
    fn end(&self) -> u32 {
        self.numbers.last().map_or(1, |last| last + 1)
    }

    fn element(&self, element: &Element) -> Element {
        Element {
            put_call: self.after(element.put_call),
            put_ret: self.at(element.put_ret),
            take_call: self.at(element.take_call),
            take_ret: self.before(element.take_ret),
            ..*element
        }
    }
}

/// What remains to be done, in order.
enum Task {
    /// Decide the section strictly between two points.
    Section(u32, u32),
    /// An operation takes effect.
    Effect(u32),
}

/// The elements, by the return of their puts, and what is left of them.
struct Tower {
    elements: Vec<Element>,
    /// Which of the given elements each is.
    names: Vec<u32>,
    /// For each point, the first element whose put returns then or later.
    begins: Vec<u32>,
    counts: Counts,
    /// When each was called to be put in, until a section of its own begins after that.
    calls: Least,
    /// When each take returned, counted backwards, until its section ends before that.
    returns: Least,
    /// How much of the two each is waiting for: 0 when it can be at the bottom of its section.
    waits: Least,
    /// Of those that need only a moment, when it begins.
    moments: Least,
    /// Takes that found nothing, and when.
    empties: Vec<(u32, u32)>,
    tasks: Vec<Task>,
    order: Vec<u32>,
}

impl Tower {
    fn new(all: &Elements<'_>, points: &Points) -> Self {
        let end = points.end();
        let mut sorted: Vec<(u32, u32)> = (all.elements.iter().zip(0..))
            .map(|(element, at)| (points.at(element.put_ret), at))
            .collect();
        sorted.sort_unstable();
        let names: Vec<u32> = sorted.iter().map(|&(_, at)| at).collect();
        let elements: Vec<Element> = names
            .iter()
            .filter_map(|&at| Some(points.element(all.elements.get(at as usize)?)))
            .collect();
        let mut begins = vec![0; end as usize + 1];
        let mut inside = vec![0_i32; end as usize + 1];
        let change = |row: &mut Vec<i32>, at: u32, by| {
            if let Some(slot) = row.get_mut(at as usize) {
                *slot += by;
            }
        };
        for element in &elements {
            if let Some(begin) = begins.get_mut(element.put_ret as usize + 1) {
                *begin += 1;
            }
            if element.put_ret < element.take_call {
                change(&mut inside, element.put_ret + 1, 1);
                change(&mut inside, element.take_call, -1);
            }
        }
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        let mut count = 0;
        for inside in &mut inside {
            count += *inside;
            *inside = count;
        }
        let is_short = |element: &Element| element.take_call <= element.put_ret;
        let moment = |element: &Element| {
            if is_short(element) {
                element.take_call
            } else {
                GONE
            }
        };
        Self {
            counts: Counts::new(inside.into_iter()),
            calls: Least::new(elements.iter().map(|element| element.put_call)),
            returns: Least::new(elements.iter().map(|element| GONE - element.take_ret)),
            waits: Least::new(elements.iter().map(|_| 2)),
            moments: Least::new(elements.iter().map(moment)),
            elements,
            names,
            begins,
            empties: Vec::new(),
            tasks: Vec::new(),
            order: Vec::new(),
        }
    }

    /// An order, or elements that contradict each other.
    fn build(mut self, end: u32) -> Result<Vec<u32>, Vec<u32>> {
        self.tasks.push(Task::Section(0, end));
        while let Some(task) = self.tasks.pop() {
            step();
            match task {
                Task::Effect(operation) => self.order.push(operation),
                Task::Section(from, to) => self.section(from, to)?,
            }
        }
        Ok(self.order)
    }

    fn begin(&self, point: u32) -> usize {
        let begin = self.begins.get(point as usize);
        begin.map_or(self.elements.len(), |&begin| begin as usize)
    }

    fn section(&mut self, from: u32, to: u32) -> Result<(), Vec<u32>> {
        let range = (self.begin(from), self.begin(to));
        if range.0 == range.1 && self.empties.is_empty() {
            return Ok(());
        }
        let cut = self.counts.first_empty(from + 1).filter(|&cut| cut < to);
        if let Some(cut) = cut {
            self.cut(from, cut, to);
        } else if let Some(bottom) = self.bottom(range, from, to) {
            let Some(&element) = self.elements.get(bottom) else {
                return Ok(());
            };
            self.remove(bottom);
            self.order.push(element.put);
            if element.take != NONE {
                self.tasks.push(Task::Effect(element.take));
            }
            self.tasks.push(Task::Section(from, to));
        } else if from + 1 < to {
            let left = range.0..range.1;
            let left = left.filter(|&at| self.waits.get_at(at) != GONE);
            let named = left.filter_map(|at| {
                let name = self.names.get(at).copied()?;
                let element = self.elements.get(at)?;
                Some(Element {
                    value: name,
                    ..*element
                })
            });
            let chain = cover(named, from + 1, to - 1);
            return Err(chain.into_iter().map(|element| element.value).collect());
        }
        Ok(())
    }

    /// Cuts a section in two at a moment when nothing is sure to be inside.
    fn cut(&mut self, from: u32, cut: u32, to: u32) {
        self.tasks.push(Task::Section(cut, to));
        let first = self.empties.partition_point(|&(time, _)| time < cut);
        let empties = self.empties.iter().skip(first);
        for &(_, operation) in empties.take_while(|&&(time, _)| time == cut) {
            self.tasks.push(Task::Effect(operation));
        }
        // What needs only this moment, put in and taken.
        let range = (self.begin(cut), self.begin(to));
        let latest = if planted(Plant::StackMisplacesShort) {
            GONE - 1
        } else {
            cut
        };
        while let Some(at) = self.moments.first(range, latest) {
            if let Some(&element) = self.elements.get(at) {
                if element.take != NONE {
                    self.tasks.push(Task::Effect(element.take));
                }
                self.tasks.push(Task::Effect(element.put));
            }
            self.remove(at);
        }
        self.tasks.push(Task::Section(from, cut));
    }

    /// An element that can be put in when the section begins, and taken when it ends.
    fn bottom(&mut self, range: (usize, usize), from: u32, to: u32) -> Option<usize> {
        while let Some(at) = self.calls.first(range, from) {
            self.calls.set(at, GONE);
            self.waits.set(at, self.waits.get_at(at).saturating_sub(1));
        }
        let to = if planted(Plant::StackIgnoresEnd) {
            1
        } else {
            to
        };
        while let Some(at) = self.returns.first(range, GONE - to) {
            self.returns.set(at, GONE);
            self.waits.set(at, self.waits.get_at(at).saturating_sub(1));
        }
        self.waits.first(range, 0)
    }

    fn remove(&mut self, at: usize) {
        for tree in [
            &mut self.calls,
            &mut self.returns,
            &mut self.waits,
            &mut self.moments,
        ] {
            tree.set(at, GONE);
        }
        if let Some(element) = self.elements.get(at) {
            self.counts.remove(element.put_ret, element.take_call);
        }
    }
}
