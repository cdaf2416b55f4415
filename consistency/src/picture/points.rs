//! When each operation of an order takes effect.

use alloc::vec::Vec;

use super::axis::{Axis, Place};
use super::bars::Bar;

/// For each bar that has a place in the order, a moment to take effect: within its time, and in that
/// order. Each is as early as those before it allow, and those between the same two events are spread.
pub(super) fn points(bars: &[Bar], axis: &Axis) -> Vec<Option<Place>> {
    let mut ordered: Vec<_> = bars
        .iter()
        .enumerate()
        .filter_map(|(at, bar)| Some((bar.place?, at, bar)))
        .collect();
    ordered.sort_unstable_by_key(|(place, at, _)| (*place, *at));
    // The event after which each takes effect at the earliest.
    let mut earliest = 0;
    let mut events = Vec::with_capacity(ordered.len());
    for (_, at, bar) in &ordered {
        earliest = earliest.max(axis.event(bar.call));
        events.push((*at, earliest, bar));
    }
    // Where one of them, or one after it, ends with that very event, it is at the event and not after.
    let mut latest = usize::MAX;
    let mut moments: Vec<(usize, usize, bool)> = Vec::with_capacity(events.len());
    for (at, event, bar) in events.into_iter().rev() {
        if !bar.may_be_late() {
            latest = latest.min(axis.event(bar.ret));
        }
        moments.push((at, event, latest > event));
    }
    moments.reverse();

    let mut points: Vec<Option<Place>> = bars.iter().map(|_| None).collect();
    for same in moments.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)) {
        let spread = usize::from(Place::WHOLE) / (same.len() + 1);
        for (number, &(at, event, is_after)) in same.iter().enumerate() {
            let part = if is_after { spread * (number + 1) } else { 0 };
            if let Some(point) = points.get_mut(at) {
                *point = Some(Place {
                    event,
                    part: u16::try_from(part).unwrap_or(0),
                });
            }
        }
    }
    points
}
