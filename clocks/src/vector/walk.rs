//! Two vectors, side by side.

use core::cmp::Ordering;
use core::ops::ControlFlow;

use super::Entry;
use crate::Relation;

/// Visits every actor of either side in ascending order, with the counters of both; zero is missing.
#[inline]
pub(super) fn walk<B>(
    mut a: &[Entry],
    mut b: &[Entry],
    mut visit: impl FnMut([u64; 2], u64, u64) -> ControlFlow<B>,
) -> ControlFlow<B> {
    loop {
        let order = match (a.first(), b.first()) {
            (Some(x), Some(y)) => actor(x).cmp(&actor(y)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return ControlFlow::Continue(()),
        };
        let (mut of, mut mine, mut theirs) = ([0, 0], 0, 0);
        if let (Some((x, rest)), true) = (a.split_first(), order.is_le()) {
            (of, mine, a) = (actor(x), x[2], rest);
        }
        if let (Some((y, rest)), true) = (b.split_first(), order.is_ge()) {
            (of, theirs, b) = (actor(y), y[2], rest);
        }
        visit(of, mine, theirs)?;
    }
}

/// How the first stands to the second, in one pass that ends with the first proof of a conflict.
#[inline]
pub(super) fn relation(a: &[Entry], b: &[Entry]) -> Relation {
    // The most common answer is also the one that needs no arithmetic.
    if equal(a, b) {
        return Relation::Equal;
    }
    let (mut first, mut second) = (false, false);
    let same = same_actors(a, b, |x, y| {
        first |= x > y;
        second |= x < y;
        !(first && second)
    });
    if first && second {
        return Relation::Concurrent;
    }
    let (a, b) = (rest(a, same), rest(b, same));
    let conflict = walk(a, b, |_, x, y| {
        first |= x > y;
        second |= x < y;
        if first && second {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    if conflict.is_break() {
        return Relation::Concurrent;
    }
    Relation::from_surplus(first, second)
}

/// Whether both have the same: as plain numbers, this is a comparison of memory.
#[inline]
pub(super) fn equal(a: &[Entry], b: &[Entry]) -> bool {
    a.as_flattened() == b.as_flattened()
}

/// Whether the first has all that the second has.
#[inline]
pub(super) fn includes(a: &[Entry], b: &[Entry]) -> bool {
    let mut includes = true;
    let same = same_actors(a, b, |x, y| {
        includes = x >= y;
        includes
    });
    includes
        && walk(rest(a, same), rest(b, same), |_, x, y| {
            if x < y {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .is_continue()
}

/// Visits the counters of both sides as long as they have the same actors and the visitor wants more,
/// and says how many entries were visited.
///
/// Vectors that are compared mostly have the same actors, and as long as they do, no actors need to
/// be put in order.
#[inline]
fn same_actors(a: &[Entry], b: &[Entry], mut visit: impl FnMut(u64, u64) -> bool) -> usize {
    let mut same = 0;
    for (x, y) in a.iter().zip(b) {
        if actor(x) != actor(y) {
            break;
        }
        same += 1;
        if !visit(x[2], y[2]) {
            break;
        }
    }
    same
}

#[inline]
fn rest(entries: &[Entry], from: usize) -> &[Entry] {
    entries.get(from..).unwrap_or_default()
}

/// The key of an entry: node and incarnation, in the order of actors.
#[inline]
pub(super) const fn actor(entry: &Entry) -> [u64; 2] {
    [entry[0], entry[1]]
}
