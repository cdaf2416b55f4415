//! A priority queue: smallest first.
//!
//! A value may be taken at any moment when nothing smaller is inside; greater ones are of no concern to
//! it. So go through the elements from the smallest on. Each is put in as late and taken as early as
//! those before it allow, so that the time it is inside is part of the time it is inside in any order.
//! In the end that is the time that it is **sure** to be inside: when it is taken later than it could
//! be, then because something smaller is inside, and has that time already.
//!
//! Hence an element contradicts smaller ones when one or the other of these is sure to be inside at any
//! time of its take, and as few of them as it takes for that are the evidence. Times at which nothing
//! smaller is inside are found with a union-find structure over the times, each of which is covered
//! once. Lee and Mathur ("Efficient Decrease-and-Conquer Linearizability Monitoring", 2025) reach
//! `n log n` on another way.

use alloc::vec::Vec;
use core::hash::Hash;

use super::super::probe::{Plant, planted, step};
use super::super::{Quick, Timed};
use super::gather::Gathered;
use super::inside::cover;
use super::spare::Law;
use super::{ContainerAction, Element, Elements, Found, NONE, decide};

/// Decides whether a priority queue, empty in the beginning, which gives the **smallest** value first,
/// could have answered this. Takes `n log n` time. For the greatest first, put the values into
/// [`Reverse`](core::cmp::Reverse).
///
/// ```
/// use quorate_consistency::Quick;
/// use quorate_consistency::quick::{ContainerAction, Timed, priority_queue};
///
/// let timed = |position, call, ret, action| Timed { position, call, ret, action };
/// let answer = priority_queue([
///     timed(0, 10, Some(20), ContainerAction::Put(1)),
///     timed(1, 30, Some(40), ContainerAction::Put(2)),
///     timed(2, 50, Some(60), ContainerAction::Take(Some(2))),
///     timed(3, 70, Some(80), ContainerAction::Take(Some(1))),
/// ]);
/// assert_eq!(answer, Quick::Violated { kept: vec![0, 1, 2, 3] });
/// ```
pub fn priority_queue<V: Hash + Ord>(
    operations: impl IntoIterator<Item = Timed<ContainerAction<V>>>,
) -> Quick {
    match Gathered::read(operations, by_size) {
        Some(gathered) => decide(gathered, Law::Least, order),
        None => Quick::Unsuited,
    }
}

/// The number of each value by size.
fn by_size<V: Ord>(values: &[V]) -> Option<Vec<u32>> {
    let mut sorted: Vec<(&V, u32)> = values.iter().zip(0..).collect();
    sorted.sort_unstable();
    let mut numbers = alloc::vec![0; values.len()];
    for (size, (_, at)) in sorted.into_iter().enumerate() {
        if let Some(number) = numbers.get_mut(at as usize) {
            *number = size as u32;
        }
    }
    Some(numbers)
}

fn order(all: &Elements<'_>) -> Found {
    let mut sorted: Vec<&Element> = all.elements.iter().collect();
    sorted.sort_by_key(|element| element.value);
    let mut free = Free::new(all.end);
    let mut moments = Vec::with_capacity(2 * sorted.len() + all.empties.len());
    for element in &sorted {
        let taken = free.from(element.take_call);
        if taken > element.take_ret {
            let smaller = sorted
                .iter()
                .take_while(|other| other.value < element.value);
            let smaller = smaller.map(|&&element| element);
            let mut elements = cover(smaller, element.take_call, element.take_ret);
            elements.push(**element);
            return Found::Broken {
                elements,
                empty: None,
            };
        }
        let put = element.put_ret.min(taken);
        if put < taken {
            moments.push(Moment::new(put, Turn::Stays, element.put));
        } else {
            moments.push(Moment::new(put, Turn::Short, element.put));
        }
        if element.take != NONE {
            let turn = if put < taken {
                Turn::Leaves
            } else {
                Turn::Short
            };
            moments.push(Moment::new(taken, turn, element.take));
        }
        if !planted(Plant::PriorityIgnoresSmaller) {
            free.cover(element.put_ret, element.take_call);
        }
    }
    for &empty in all.empties {
        let found = free.from(empty.call);
        if found > empty.ret {
            return Found::Broken {
                elements: cover(all.elements.iter().copied(), empty.call, empty.ret),
                empty: Some(empty),
            };
        }
        moments.push(Moment::new(found, Turn::Short, empty.operation));
    }
    // A stable sort: at one moment, the smaller leaves first, and a short stay is put, then take.
    moments.sort_by_key(|moment| (moment.time, moment.turn));
    Found::Order(moments.into_iter().map(|moment| moment.operation).collect())
}

/// When an operation takes effect.
struct Moment {
    time: u32,
    turn: Turn,
    operation: u32,
}

impl Moment {
    const fn new(time: u32, turn: Turn, operation: u32) -> Self {
        Self {
            time,
            turn,
            operation,
        }
    }
}

/// What comes first at one time.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Turn {
    /// The take of what was there before.
    Leaves,
    /// Put and take at once, or a take that finds nothing.
    Short,
    /// The put of what is there afterwards.
    Stays,
}

/// The times at which nothing is inside.
struct Free {
    /// For each time, itself if it is free, or a later one from which to look on.
    next: Vec<u32>,
}

impl Free {
    fn new(end: u32) -> Self {
        Self {
            next: (0..=end.saturating_add(1)).collect(),
        }
    }

    fn get(&self, time: u32) -> u32 {
        self.next.get(time as usize).copied().unwrap_or(u32::MAX)
    }

    /// The first free time from this one on.
    fn from(&mut self, mut time: u32) -> u32 {
        // Halves the path on the way.
        loop {
            step();
            let next = self.get(time);
            if next == time || next == u32::MAX {
                return next;
            }
            let after = self.get(next);
            if let Some(slot) = self.next.get_mut(time as usize) {
                *slot = after;
            }
            time = after;
        }
    }

    /// Takes the times strictly between.
    fn cover(&mut self, after: u32, before: u32) {
        let mut time = self.from(after.saturating_add(1));
        while time < before {
            if let Some(slot) = self.next.get_mut(time as usize) {
                *slot = time + 1;
            }
            time = self.from(time + 1);
        }
    }
}
