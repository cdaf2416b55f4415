//! The event of a stamp: the paper's `fill` and `grow` (section 5.3.4).
//!
//! An event may raise the function however it likes within the id. What it does with that freedom
//! keeps the tree small: where levelling the id's own parts makes the tree smaller, that is the
//! event. Only where there is nothing to level is something added, and then where it costs least.

use super::TreeEvent;
use super::id::Id;
use super::step::{Leaf, Part};
use crate::small::Small;

/// Raises `event` within `id`, or says that no height is left and changes nothing.
pub(super) fn tick(id: &Id, event: &mut TreeEvent) -> Result<(), Exhausted> {
    if let [part] = id.parts() {
        // Nearly all stamps own one part: looked up once, for both.
        return match look_up(event, *part) {
            Found::Level(level) => grow(event, *part, level),
            Found::Fill { from, count, to } => {
                fill(event, *part, from, count, to);
                Ok(())
            }
        };
    }
    if fill_all(id, event) {
        return Ok(());
    }
    let mut cheapest: Option<((u32, u32), Part, Level)> = None;
    for part in id.parts() {
        if let Found::Level(level) = look_up(event, *part)
            && level.height < Leaf::MAX_HEIGHT
        {
            // Every new node of the tree costs more than any depth.
            let cost = (part.depth().saturating_sub(level.depth), part.depth());
            if cheapest.is_none_or(|(least, ..)| cost <= least) {
                cheapest = Some((cost, *part, level));
            }
        }
    }
    let (_, part, level) = cheapest.ok_or(Exhausted)?;
    grow(event, part, level)
}

/// No height is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exhausted;

/// The leaf that covers a part of an id, and which of all it is.
#[derive(Clone, Copy)]
struct Level {
    at: usize,
    depth: u32,
    height: u64,
}

/// How a part of an id lies in the tree.
enum Found {
    /// One leaf covers it, and there is nothing to level.
    Level(Level),
    /// These leaves, which tile it, can become one of height `to`.
    Fill { from: usize, count: usize, to: u64 },
}

/// How far a part is raised to be level with the one beside it. Nobody counts that far without a word.
/// A peer may say that somebody did, and must not use up our counts with that.
const MAX_FILL: u64 = 1 << 32;

fn look_up(event: &TreeEvent, part: Part) -> Found {
    if let [only] = event.leaves() {
        let (at, depth, height) = (0, only.depth(), only.height());
        return Found::Level(Level { at, depth, height });
    }
    let around = part.parent();
    let (middle, after) = if part.is_right() {
        (part.start(), around.end())
    } else {
        (part.end(), around.end())
    };
    let mut end = 0_u128;
    let (mut from, mut count) = (0, 0);
    let mut highest_within = 0_u64;
    let mut least_beside = u64::MAX;
    let mut only = Leaf::default();
    for (number, leaf) in event.leaves().iter().enumerate() {
        let start = end;
        end += leaf.width();
        if end <= around.start() {
            continue;
        }
        let (depth, height) = (leaf.depth(), leaf.height());
        if depth < part.depth() {
            // It covers the part and the half beside it.
            let at = number;
            return Found::Level(Level { at, depth, height });
        }
        if (start >= middle) == part.is_right() {
            if count == 0 {
                from = number;
            }
            count += 1;
            highest_within = highest_within.max(height);
            only = *leaf;
        } else {
            least_beside = least_beside.min(height);
        }
        if end >= after {
            break;
        }
    }
    // What is beside the whole, which is nothing, is too high.
    let up = least_beside.saturating_sub(highest_within);
    let to = highest_within + if up <= MAX_FILL { up } else { 0 };
    if count == 1 && to == only.height() {
        return Found::Level(Level {
            at: from,
            depth: only.depth(),
            height: to,
        });
    }
    Found::Fill { from, count, to }
}

fn fill(event: &mut TreeEvent, part: Part, from: usize, count: usize, to: u64) {
    event.replace(from, count, &[Leaf::new(part.depth(), to)]);
    // What became level with the half beside it is one leaf with it.
    *event = TreeEvent::from_leaves(event.leaves().iter().copied());
}

/// Levels all parts, the deep ones first: how high a part is filled depends on the parts beside it,
/// which are never less deep.
fn fill_all(id: &Id, event: &mut TreeEvent) -> bool {
    let mut order: Small<Part, 4> = Small::from_slice(id.parts());
    order
        .as_mut_slice()
        .sort_unstable_by_key(|part| core::cmp::Reverse(part.depth()));
    let mut filled = false;
    for part in order.as_slice() {
        if let Found::Fill { from, count, to } = look_up(event, *part) {
            fill(event, *part, from, count, to);
            filled = true;
        }
    }
    filled
}

/// Raises the part by one, and gives it a leaf of its own if the leaf that covers it is wider.
fn grow(event: &mut TreeEvent, part: Part, level: Level) -> Result<(), Exhausted> {
    let Level { at, depth, height } = level;
    if height >= Leaf::MAX_HEIGHT {
        return Err(Exhausted);
    }
    let raised = Leaf::new(part.depth(), height + 1);
    if depth == part.depth() {
        event.replace(at, 1, &[raised]);
        return Ok(());
    }
    // The halves along the path that are not on it, those on its left first.
    let mut leaves: Small<Leaf, 8> = Small::new();
    let beside = depth + 1..=part.depth();
    for depth in beside.clone().filter(|depth| part.turns_right_at(*depth)) {
        leaves.push(Leaf::new(depth, height));
    }
    leaves.push(raised);
    for depth in beside.rev().filter(|depth| !part.turns_right_at(*depth)) {
        leaves.push(Leaf::new(depth, height));
    }
    event.replace(at, 1, leaves.as_slice());
    Ok(())
}
