//! The compare-and-sets that found another value than they expected.

use alloc::vec;
use alloc::vec::Vec;

use super::super::probe::{Plant, planted};
use super::{Cell, INITIAL, Kind, Step};

impl Cell {
    /// Puts the compare-and-sets that found another value into the order, each at the first place
    /// that will do.
    pub(super) fn place_misses(&self, order: Vec<u32>) -> Option<Vec<u32>> {
        let mut misses: Vec<(&Step, u32)> = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            if matches!(step.kind, Kind::Miss(_)) {
                misses.push((step, at as u32));
            }
        }
        if misses.is_empty() {
            return Some(order);
        }
        misses.sort_unstable_by_key(|&(step, at)| (step.call, at));
        let gaps = Gaps::new(self, &order);
        let mut placed: Vec<(usize, u32)> = Vec::new();
        // By return, to find those that precede: they have their places already.
        let mut returned: Vec<usize> = (0..misses.len()).collect();
        returned.sort_unstable_by_key(|&at| misses.get(at).map(|(step, _)| step.ret));
        let mut returned = returned.into_iter().peekable();
        let mut places = vec![0_usize; misses.len()];
        let mut least = 0;
        for (number, &(miss, at)) in misses.iter().enumerate() {
            while let Some(&other) = returned.peek()
                && misses
                    .get(other)
                    .is_some_and(|(step, _)| step.ret < miss.call)
            {
                least = least.max(places.get(other).copied().unwrap_or(0));
                returned.next();
            }
            let Kind::Miss(expected) = miss.kind else {
                continue;
            };
            let place = if planted(Plant::RegisterTrustsMisses) {
                least.max(gaps.first(miss.call))
            } else {
                gaps.other_than(expected, least.max(gaps.first(miss.call)))?
            };
            if place > gaps.last(miss.ret) {
                return None;
            }
            if let Some(slot) = places.get_mut(number) {
                *slot = place;
            }
            placed.push((place, at));
        }
        // A stable sort: within a gap they stay by call.
        placed.sort_by_key(|&(place, _)| place);
        let mut merged = Vec::with_capacity(order.len() + placed.len());
        let mut waiting = placed.into_iter().peekable();
        for (gap, &at) in order.iter().enumerate() {
            while let Some((_, miss)) = waiting.next_if(|&(place, _)| place == gap) {
                merged.push(miss);
            }
            merged.push(at);
        }
        merged.extend(waiting.map(|(_, miss)| miss));
        Some(merged)
    }
}

/// The places between the operations of an order: gap `g` is before operation `g`.
struct Gaps {
    /// The last call before each gap.
    calls: Vec<u64>,
    /// The first return after each gap.
    returns: Vec<u64>,
    /// The value in each gap.
    values: Vec<u32>,
    /// The next gap in which the value is another.
    next: Vec<usize>,
}

impl Gaps {
    fn new(cell: &Cell, order: &[u32]) -> Self {
        let mut calls = vec![0];
        let mut values = vec![INITIAL];
        let (mut call, mut value) = (0, INITIAL);
        for step in order.iter().filter_map(|&at| cell.step(at)) {
            call = call.max(step.call);
            value = step.writes().unwrap_or(value);
            calls.push(call);
            values.push(value);
        }
        let mut returns = vec![u64::MAX];
        let mut next = vec![values.len()];
        let mut ret = u64::MAX;
        let mut after = values.last().copied();
        for (gap, &at) in order.iter().enumerate().rev() {
            ret = ret.min(cell.step(at).map_or(ret, |step| step.ret));
            returns.push(ret);
            let same = values.get(gap).copied() == after;
            let other = next.last().copied().unwrap_or(0);
            next.push(if same { other } else { gap + 1 });
            after = values.get(gap).copied();
        }
        returns.reverse();
        next.reverse();
        Self {
            calls,
            returns,
            values,
            next,
        }
    }

    /// The first gap for an operation that was called then.
    fn first(&self, call: u64) -> usize {
        self.returns.partition_point(|&ret| ret < call)
    }

    /// The last gap for an operation that returned then.
    fn last(&self, ret: u64) -> usize {
        self.calls
            .partition_point(|&call| call <= ret)
            .saturating_sub(1)
    }

    /// The first gap from this one on whose value is another.
    fn other_than(&self, value: u32, gap: usize) -> Option<usize> {
        let found = *self.values.get(gap)?;
        if found != value {
            return Some(gap);
        }
        self.next
            .get(gap)
            .copied()
            .filter(|&next| next < self.values.len())
    }
}
