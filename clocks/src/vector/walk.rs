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
///
/// Vectors that are compared mostly have the same actors, and most of their counters are equal: that
/// is the short way through the loop.
#[inline]
pub(super) fn relation(a: &[Entry], b: &[Entry]) -> Relation {
    // Of many entries, the most common answer is one comparison of memory. Of a few, the call of it
    // takes longer than to look at them.
    if a.len() >= 8 && equal(a, b) {
        return Relation::Equal;
    }
    let mut known = Relation::Equal;
    let mut same = 0;
    for (x, y) in a.iter().zip(b) {
        if actor(x) != actor(y) {
            break;
        }
        same += 1;
        if x[2] != y[2] {
            known = match (known, x[2] > y[2]) {
                (Relation::Equal | Relation::After, true) => Relation::After,
                (Relation::Equal | Relation::Before, false) => Relation::Before,
                _ => return Relation::Concurrent,
            };
        }
    }
    if same == a.len() && same == b.len() {
        return known;
    }
    relation_of_rest(known, rest(a, same), rest(b, same))
}

/// Goes on with what has different actors, knowing how all before stand.
fn relation_of_rest(known: Relation, a: &[Entry], b: &[Entry]) -> Relation {
    let (mut first, mut second) = (known == Relation::After, known == Relation::Before);
    let conflict = walk(a, b, |_, x, y| {
        first |= x > y;
        second |= x < y;
        if first && second {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    match conflict {
        ControlFlow::Break(()) => Relation::Concurrent,
        ControlFlow::Continue(()) => Relation::from_surplus(first, second),
    }
}

/// Whether both have the same: as plain numbers, this is a comparison of memory.
#[inline]
pub(super) fn equal(a: &[Entry], b: &[Entry]) -> bool {
    a.as_flattened() == b.as_flattened()
}

/// Whether the first has all that the second has.
#[inline]
pub(super) fn includes(a: &[Entry], b: &[Entry]) -> bool {
    let mut same = 0;
    for (x, y) in a.iter().zip(b) {
        if actor(x) != actor(y) {
            break;
        }
        if x[2] < y[2] {
            return false;
        }
        same += 1;
    }
    let lacks = |_, x, y| {
        if x < y {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    walk(rest(a, same), rest(b, same), lacks).is_continue()
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
