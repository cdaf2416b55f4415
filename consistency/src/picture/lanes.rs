//! Which row each bar is in: a lane for each process, with as many rows as it does things at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::axis::{Axis, Place};
use super::bars::{Bar, End};

/// Where a bar is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Spot {
    /// Counted from the top of the drawing.
    pub(super) row: usize,
    pub(super) from: usize,
    /// The event that it ends with; of a bar without an end, up to where it is drawn.
    pub(super) to: Place,
    /// Where the next bar of its row begins, or the drawing ends.
    pub(super) room: usize,
}

/// The rows of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lane {
    pub(super) process: u64,
    pub(super) first_row: usize,
    pub(super) rows: usize,
}

/// Puts bars, ordered by call, into lanes, ordered by process.
pub(super) fn lanes(bars: &[Bar], points: &[Option<Place>], axis: &Axis) -> (Vec<Spot>, Vec<Lane>) {
    let end = axis.len();
    let mut processes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, bar) in bars.iter().enumerate() {
        processes.entry(bar.process).or_default().push(at);
    }
    let mut spots: Vec<Spot> = bars
        .iter()
        .map(|bar| Spot {
            row: 0,
            from: axis.event(bar.call),
            to: Place::at(axis.event(bar.ret)),
            room: end,
        })
        .collect();
    let mut lanes = Vec::with_capacity(processes.len());
    let mut first_row = 0;
    for (process, own) in processes {
        // The last bar of each row, and where the row is free again.
        let mut rows: Vec<(usize, Place)> = Vec::new();
        for (number, &at) in own.iter().enumerate() {
            let (Some(bar), Some(mut spot)) = (bars.get(at), spots.get(at).copied()) else {
                continue;
            };
            let point = points.get(at).copied().flatten();
            if bar.end == End::Open {
                // Its client went on to something else, or never did.
                let next = own.iter().skip(number + 1).filter_map(|at| spots.get(*at));
                let next = next.map(|next| next.from).find(|from| *from > spot.from);
                spot.to = Place::at(next.unwrap_or(end));
            }
            // One that takes effect after its bar ends has its row to itself until then.
            let until = point.map_or(spot.to, |point| spot.to.max(point));
            if bar.end == End::Open {
                spot.to = until;
            }
            // Two that begin at once are not drawn over each other, though the first may end at once.
            let is_free = |(last, free): &(usize, Place)| {
                let begun = spots.get(*last).map_or(0, |last| last.from);
                *free <= Place::at(spot.from) && begun < spot.from
            };
            match rows.iter().position(is_free) {
                Some(row) => {
                    spot.row = first_row + row;
                    if let Some(last) = rows.get_mut(row) {
                        if let Some(before) = spots.get_mut(last.0) {
                            before.room = spot.from;
                        }
                        *last = (at, until);
                    }
                }
                None => {
                    spot.row = first_row + rows.len();
                    rows.push((at, until));
                }
            }
            if let Some(own) = spots.get_mut(at) {
                *own = spot;
            }
        }
        lanes.push(Lane {
            process,
            first_row,
            rows: rows.len(),
        });
        first_row += rows.len();
    }
    (spots, lanes)
}
