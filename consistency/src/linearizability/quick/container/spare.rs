//! Takes of unknown outcome, and what they may have taken.
//!
//! An element that nobody is known to have taken, and that must have left before another one was
//! taken, was taken by one of them. Elements have deadlines then, and takes of unknown outcome are all
//! alike but for their calls: the element that must leave first gets the take that was called first. It
//! is a guess, as who must leave before whom can depend on more than two elements. So an order that is
//! found in this way is an order, and if none is found, there may be one even so.

use alloc::vec;
use alloc::vec::Vec;

use super::{Element, Elements, NONE};

/// Which element leaves first, and so when one must have left before another is taken.
#[derive(Clone, Copy)]
pub(super) enum Law {
    /// If it was put in before the other.
    Oldest,
    /// If it was put in after the other, and before that is taken.
    Newest,
    /// If it is smaller than the other, and was put in before that is taken.
    Least,
}

impl Law {
    /// The element must leave first when the number of the other is greater than its own.
    const fn numbers(self, element: &Element) -> (u32, u32) {
        match self {
            Self::Oldest => (element.put_ret, element.put_call),
            Self::Newest => (NONE - element.put_call, NONE - element.put_ret),
            Self::Least => (element.value, element.value),
        }
    }
}

/// The elements that nobody is known to have taken and that must have left by some time: each as its
/// put, with that time, the first to leave first.
pub(super) fn deadlines(law: Law, all: &Elements<'_>) -> Vec<(u32, u32)> {
    let mut taken = Vec::new();
    let mut open = Vec::new();
    for element in all.elements {
        let (own, other) = law.numbers(element);
        if element.take == NONE {
            open.push((own, element));
        } else {
            taken.push((other, element.take_call, element.take_ret));
        }
    }
    // A take that found nothing is one for which everything must have left.
    let empties = all.empties.iter();
    taken.extend(empties.map(|empty| (NONE, empty.call, empty.ret)));
    taken.sort_unstable_by(|a, b| b.cmp(a));
    open.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    let mut taken = taken.into_iter().peekable();
    let mut returns = Returns::new(all.end);
    let mut found = Vec::new();
    for (own, element) in open {
        while let Some((_, call, ret)) = taken.next_if(|&(other, ..)| other > own) {
            returns.add(call, ret);
        }
        let deadline = returns.first_after(element.put_ret);
        if deadline < NONE {
            found.push((deadline, element.put));
        }
    }
    found.sort_unstable();
    found
}

/// The first return of all takes called after a time: a Fenwick tree of minima, over the calls from
/// the last to the first.
struct Returns {
    first: Vec<u32>,
}

impl Returns {
    fn new(end: u32) -> Self {
        Self {
            first: vec![NONE; end as usize + 2],
        }
    }

    fn add(&mut self, call: u32, ret: u32) {
        let mut at = self.first.len().saturating_sub(call as usize + 1);
        while let Some(slot) = self.first.get_mut(at) {
            *slot = ret.min(*slot);
            at += (at & at.wrapping_neg()).max(1);
        }
    }

    fn first_after(&self, time: u32) -> u32 {
        let mut at = self.first.len().saturating_sub(time as usize + 2);
        let mut first = NONE;
        while at > 0 {
            first = self.first.get(at).map_or(first, |&ret| first.min(ret));
            at &= at - 1;
        }
        first
    }
}
