//! A queue: first in, first out.
//!
//! Two elements contradict each other when one must be put in first and the other taken first. Henzinger,
//! Sezgin and Vafeiadis ("Aspect-Oriented Linearizability Proofs", 2013) show that no more than two
//! are needed: precedence is an interval order, in which every longer circle has a shorter one within.
//! A take that found nothing needs one moment at which no element is sure to be inside, and then the
//! queue can be empty at that moment without harm to any other element.
//!
//! So: choose such a moment for every take that found nothing. They cut time into sections, and every
//! element into one of them. Then take the elements one by one, always one whose put no other put
//! precedes and whose take no other take precedes. If there is none, the put that returns first and
//! the take that returns first are of two elements that contradict each other.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::Hash;

use super::super::probe::{Plant, planted, step};
use super::super::{Quick, Timed};
use super::gather::Gathered;
use super::inside::{cover, empty_from};
use super::spare::Law;
use super::{ContainerAction, Element, Elements, Empty, Found, NONE, decide};

/// Decides whether a first-in, first-out queue, empty in the beginning, could have answered this.
/// Takes `n log n` time.
///
/// ```
/// use quorate_consistency::Quick;
/// use quorate_consistency::quick::{ContainerAction, Timed, queue};
///
/// let timed = |position, call, ret, action| Timed { position, call, ret, action };
/// let answer = queue([
///     timed(0, 10, Some(20), ContainerAction::Put("a")),
///     timed(1, 30, Some(40), ContainerAction::Put("b")),
///     timed(2, 50, Some(60), ContainerAction::Take(Some("b"))), // "a" is older
/// ]);
/// assert_eq!(answer, Quick::Violated { kept: vec![0, 1, 2] });
/// ```
pub fn queue<V: Eq + Hash>(
    operations: impl IntoIterator<Item = Timed<ContainerAction<V>>>,
) -> Quick {
    match Gathered::read(operations, |_| None) {
        Some(gathered) => decide(gathered, Law::Oldest, order),
        None => Quick::Unsuited,
    }
}

fn order(all: &Elements<'_>) -> Found {
    let cuts = match cuts(all) {
        Ok(cuts) => cuts,
        Err(empty) => {
            let elements = cover(all.elements.iter().copied(), empty.call, empty.ret);
            let empty = Some(empty);
            return Found::Broken { elements, empty };
        }
    };
    let sections = Sections::new(all, &cuts);
    let cut: Vec<Element> = all
        .elements
        .iter()
        .map(|element| sections.cut(element))
        .collect();
    match Sweep::new(&cut, sections.end()).run() {
        Ok(chosen) => Found::Order(merge(&cut, &chosen, &cuts)),
        Err((a, b)) => Found::Broken {
            elements: [a, b]
                .into_iter()
                .filter_map(|at| all.elements.get(at as usize).copied())
                .collect(),
            empty: None,
        },
    }
}

/// The moment for each take that found nothing, by time; or one that has none.
fn cuts(all: &Elements<'_>) -> Result<Vec<(u32, Empty)>, Empty> {
    if all.empties.is_empty() {
        return Ok(Vec::new());
    }
    let empty_from = empty_from(all.elements, all.end);
    let mut cuts = Vec::with_capacity(all.empties.len());
    for &empty in all.empties {
        match empty_from.get(empty.call as usize) {
            Some(&time) if time <= empty.ret => cuts.push((time, empty)),
            _ => return Err(empty),
        }
    }
    cuts.sort_unstable_by_key(|&(time, empty)| (time, empty.operation));
    Ok(cuts)
}

/// Times, with those of different sections apart: the moment of a cut is one time before it, and the
/// next after it.
struct Sections {
    /// How many cuts there are at or before each time; empty when there are none.
    before: Vec<u32>,
    /// The cuts by time, each once.
    cuts: Vec<u32>,
    end: u32,
}

impl Sections {
    fn new(all: &Elements<'_>, moments: &[(u32, Empty)]) -> Self {
        let mut cuts: Vec<u32> = moments.iter().map(|&(time, _)| time).collect();
        cuts.dedup();
        let mut before = Vec::new();
        if !cuts.is_empty() {
            before = vec![0; all.end as usize + 1];
            for &cut in &cuts {
                if let Some(before) = before.get_mut(cut as usize) {
                    *before = 1;
                }
            }
            let mut count = 0;
            for before in &mut before {
                count += *before;
                *before = count;
            }
        }
        Self {
            before,
            cuts,
            end: all.end,
        }
    }

    fn end(&self) -> u32 {
        self.end + self.cuts.len() as u32
    }

    /// The element within its section: the one that its put must be done in.
    fn cut(&self, element: &Element) -> Element {
        let section = self
            .before
            .get(element.put_ret as usize)
            .copied()
            .unwrap_or(0);
        let after = section.checked_sub(1);
        let begin = after
            .and_then(|at| self.cuts.get(at as usize))
            .copied()
            .unwrap_or(0);
        let end = self.cuts.get(section as usize).copied().unwrap_or(self.end);
        let within = |time: u32| time.clamp(begin, end) + section;
        Element {
            put_call: within(element.put_call),
            put_ret: within(element.put_ret),
            take_call: within(element.take_call),
            take_ret: within(element.take_ret),
            ..*element
        }
    }
}

/// Takes elements one by one.
struct Sweep<'a> {
    elements: &'a [Element],
    puts: Side,
    takes: Side,
    /// For each element, how many of its put and its take can come next; 3 when it is chosen.
    free: Vec<u8>,
    ready: Vec<u32>,
}

/// Puts or takes.
struct Side {
    by_call: Vec<u32>,
    by_return: Vec<u32>,
    /// How many of `by_call` can come next or did, and how many of `by_return` did.
    called: usize,
    returned: usize,
}

impl Side {
    fn new(elements: &[Element], end: u32, time: impl Fn(&Element) -> (u32, u32)) -> Self {
        Self {
            by_call: by_time(elements, end, |element| time(element).0),
            by_return: by_time(elements, end, |element| time(element).1),
            called: 0,
            returned: 0,
        }
    }

    /// The first that is not chosen, by return.
    fn first(&mut self, free: &[u8]) -> Option<u32> {
        while let Some(&at) = self.by_return.get(self.returned) {
            step();
            if free.get(at as usize) != Some(&3) {
                return Some(at);
            }
            self.returned += 1;
        }
        None
    }
}

/// The elements, by a time, in linear time.
fn by_time(elements: &[Element], end: u32, time: impl Fn(&Element) -> u32) -> Vec<u32> {
    let mut begins = vec![0_u32; end as usize + 2];
    for element in elements {
        if let Some(begin) = begins.get_mut(time(element) as usize + 1) {
            *begin += 1;
        }
    }
    let mut sum = 0;
    for begin in &mut begins {
        sum += *begin;
        *begin = sum;
    }
    let mut sorted = vec![0; elements.len()];
    for (at, element) in elements.iter().enumerate() {
        if let Some(begin) = begins.get_mut(time(element) as usize)
            && let Some(slot) = sorted.get_mut(*begin as usize)
        {
            *slot = at as u32;
            *begin += 1;
        }
    }
    sorted
}

impl<'a> Sweep<'a> {
    fn new(elements: &'a [Element], end: u32) -> Self {
        let forget = planted(Plant::QueueForgetsLeft);
        Self {
            elements,
            puts: Side::new(elements, end, |element| (element.put_call, element.put_ret)),
            takes: Side::new(elements, end, |element| match element.take {
                NONE if forget => (0, end),
                _ => (element.take_call, element.take_ret),
            }),
            free: vec![0; elements.len()],
            ready: Vec::new(),
        }
    }

    /// All elements in order, or two that contradict each other.
    fn run(mut self) -> Result<Vec<u32>, (u32, u32)> {
        let mut chosen = Vec::with_capacity(self.elements.len());
        while let (Some(put), Some(take)) =
            (self.puts.first(&self.free), self.takes.first(&self.free))
        {
            self.free_up(put, take);
            let Some(next) = self.ready.pop() else {
                return Err((put, take));
            };
            if let Some(free) = self.free.get_mut(next as usize) {
                *free = 3;
            }
            chosen.push(next);
        }
        Ok(chosen)
    }

    /// Finds the puts and takes that can come next, given the ones that return first.
    fn free_up(&mut self, put: u32, take: u32) {
        let elements = self.elements;
        let get = |at: u32| elements.get(at as usize);
        let put_ret = get(put).map_or(0, |element| element.put_ret);
        let take_ret = get(take).map_or(0, |element| element.take_ret);
        let forget = planted(Plant::QueueForgetsLeft);
        let put_call = |at: u32| get(at).is_some_and(|element| element.put_call <= put_ret);
        let take_call = |at: u32| {
            get(at).is_some_and(|element| {
                element.take_call <= take_ret || forget && element.take == NONE
            })
        };
        while let Some(&at) = self.puts.by_call.get(self.puts.called)
            && put_call(at)
        {
            step();
            self.puts.called += 1;
            free_one(&mut self.free, &mut self.ready, at);
        }
        while let Some(&at) = self.takes.by_call.get(self.takes.called)
            && take_call(at)
        {
            step();
            self.takes.called += 1;
            free_one(&mut self.free, &mut self.ready, at);
        }
    }
}

fn free_one(free: &mut [u8], ready: &mut Vec<u32>, at: u32) {
    if let Some(free) = free.get_mut(at as usize) {
        *free += 1;
        if *free == 2 {
            ready.push(at);
        }
    }
}

/// Puts and takes in the order of the elements, each as early as it can be, and the takes that found
/// nothing between the sections.
fn merge(cut: &[Element], chosen: &[u32], cuts: &[(u32, Empty)]) -> Vec<u32> {
    let mut order = Vec::with_capacity(2 * chosen.len() + cuts.len());
    let mut takes = Vec::with_capacity(chosen.len());
    let (mut put_time, mut take_time) = (0, 0);
    let mut puts = Vec::with_capacity(chosen.len());
    for element in chosen.iter().filter_map(|&at| cut.get(at as usize)) {
        put_time = element.put_call.max(put_time);
        take_time = element.take_call.max(take_time).max(put_time);
        puts.push((put_time, element.put));
        if element.take != NONE {
            takes.push((take_time, element.take));
        }
    }
    // The last time before each cut.
    let mut section = 0;
    let mut last = None;
    let mut empties = Vec::with_capacity(cuts.len());
    for &(time, empty) in cuts {
        if last.is_some_and(|last| last != time) {
            section += 1;
        }
        last = Some(time);
        empties.push((time + section, empty.operation));
    }
    let mut puts = puts.into_iter().peekable();
    let mut takes = takes.into_iter().peekable();
    let mut empties = empties.into_iter().peekable();
    loop {
        let put = puts.peek().map_or(u32::MAX, |&(time, _)| time);
        let take = takes.peek().map_or(u32::MAX, |&(time, _)| time);
        let empty = empties.peek().map_or(u32::MAX, |&(time, _)| time);
        let next = if put <= take && put <= empty {
            puts.next()
        } else if take <= empty {
            takes.next()
        } else {
            empties.next()
        };
        match next {
            Some((_, operation)) => order.push(operation),
            None => return order,
        }
    }
}
