//! From times to places on the page: to scale, with long stretches of nothing cut out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Times;
use super::bars::{Bars, End};

/// Tenths of a pixel.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Px(pub(super) u64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

/// Left of the first call.
const PAD: u64 = 160;
/// Right of the last event, for what has no end.
const AFTER: u64 = 900;
/// What is cut out is this wide.
const CUT: u64 = 640;
/// The mean distance of two events, and what it may be stretched to where there are few of them.
const MEAN: u64 = 300;
const MEAN_AT_MOST: u64 = 1_500;
/// The least distance of two events, however near they are: what begins at one and ends at the next can be
/// seen, and is not drawn over what comes then.
const LEAST: u64 = 40;
/// Few of them are stretched to this width.
const WIDTH: u64 = 8_500;
/// Ticks are at least this far apart.
const BETWEEN_TICKS: u64 = 1_100;

/// A place on the axis: so many ten-thousandths of the way from one event to the next.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) event: usize,
    pub(super) part: u16,
}

impl Place {
    pub(super) const WHOLE: u16 = 10_000;

    pub(super) const fn at(event: usize) -> Self {
        Self { event, part: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            0 => write!(f, "{}", self.event),
            part => write!(f, "{}.{part:04}", self.event),
        }
    }
}

/// A stretch that is cut out, between an event and the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Cut {
    pub(super) after: usize,
    pub(super) length: u64,
    /// How many operations that are not drawn begin in it.
    pub(super) left_out: usize,
}

/// A time that is written on the axis.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tick {
    pub(super) place: Place,
    pub(super) time: String,
}

/// The times of all that is drawn, and where they are.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// The calls and returns, each once.
    events: Vec<u64>,
    /// Where they are, and where the drawing ends.
    xs: Vec<u64>,
    pub(super) cuts: Vec<Cut>,
    /// So many tenths of a pixel for so much time.
    pub(super) scale: (u64, u64),
}

impl Axis {
    pub(super) fn new(bars: &Bars) -> Self {
        let mut events: Vec<u64> = bars.bars.iter().flat_map(|b| [b.call, b.ret]).collect();
        events.sort_unstable();
        events.dedup();
        let gaps = gaps(&events, bars);
        let (mean, longest, longest_idle) = typical(&gaps);
        let is_cut = |gap: &Gap| gap.length > if gap.is_busy { longest } else { longest_idle };
        let shown = gaps.iter().filter(|gap| !is_cut(gap));
        let shown: u128 = shown.map(|gap| u128::from(gap.length)).sum();
        let wanted = u128::from(WIDTH) * u128::from(mean) / shown.max(1);
        let width = u64::try_from(wanted).map_or(MEAN_AT_MOST, |w| w.clamp(MEAN, MEAN_AT_MOST));

        let mut axis = Self {
            xs: Vec::with_capacity(events.len() + 1),
            cuts: Vec::new(),
            scale: (width, mean),
            events,
        };
        let (mut x, mut piece, mut piece_time) = (PAD, PAD, 0);
        for (at, &time) in axis.events.iter().enumerate() {
            match at
                .checked_sub(1)
                .and_then(|gap| Some((gap, gaps.get(gap)?)))
            {
                None => piece_time = time,
                Some((after, gap)) if is_cut(gap) => {
                    x += CUT;
                    (piece, piece_time) = (x, time);
                    let first = time - gap.length;
                    let until = |t| bars.left_out.partition_point(|call| *call <= t);
                    axis.cuts.push(Cut {
                        after,
                        length: gap.length,
                        left_out: until(time).saturating_sub(until(first)),
                    });
                }
                Some(_) => x = (piece + scaled(time - piece_time, axis.scale)).max(x + LEAST),
            }
            axis.xs.push(x);
        }
        axis.xs.push(x + AFTER);
        axis
    }

    /// How many events there are; as a place, where the drawing ends.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Which event is at this time, or the first one after it.
    pub(super) fn event(&self, time: u64) -> usize {
        self.events.partition_point(|event| *event < time)
    }

    /// Where a place is.
    pub(super) fn x(&self, place: Place) -> Px {
        let end = self.xs.last().copied().unwrap_or(PAD);
        let from = self.xs.get(place.event).copied().unwrap_or(end);
        let to = self.xs.get(place.event + 1).copied().unwrap_or(from);
        Px(from + (to - from) * u64::from(place.part) / u64::from(Place::WHOLE))
    }

    /// Where all events are.
    pub(super) fn xs(&self) -> &[u64] {
        &self.xs
    }

    /// Times to write on the axis: the first of each piece, and round ones.
    pub(super) fn ticks(&self, origin: u64, unit: Times) -> Vec<Tick> {
        let since = |time: u64| time.saturating_sub(origin);
        let (width, mean) = self.scale;
        let apart = u128::from(BETWEEN_TICKS) * u128::from(mean) / u128::from(width.max(1));
        let step = round(u64::try_from(apart).unwrap_or(u64::MAX));
        let latest = since(self.events.last().copied().unwrap_or(0));
        let mut ticks: Vec<Tick> = Vec::new();
        let mut last_x = None;
        let mut push = |place: Place, time: u64| {
            let x = self.x(place).0;
            if last_x.is_none_or(|last| x >= last + BETWEEN_TICKS) {
                last_x = Some(x);
                let time = written(since(time), latest, step, unit);
                ticks.push(Tick { place, time });
            }
        };
        let mut is_first = true;
        for (at, &time) in self.events.iter().enumerate() {
            if is_first {
                push(Place::at(at), time);
                is_first = false;
            }
            let Some(&next) = self.events.get(at + 1) else {
                continue;
            };
            if self.cuts.iter().any(|cut| cut.after == at) {
                is_first = true;
                continue;
            }
            let mut round = since(time).div_ceil(step).saturating_mul(step);
            while round < since(next) {
                let passed = u128::from(round - since(time)) * u128::from(Place::WHOLE);
                let part = passed / u128::from((next - time).max(1));
                let place = Place {
                    event: at,
                    part: u16::try_from(part).unwrap_or(0),
                };
                push(place, origin.saturating_add(round));
                round = round.saturating_add(step);
            }
        }
        ticks
    }
}

/// The time between an event and the next.
struct Gap {
    length: u64,
    /// Something that ended went on in it.
    is_busy: bool,
}

fn gaps(events: &[u64], bars: &Bars) -> Vec<Gap> {
    let at = |time: u64| events.partition_point(|event| *event < time);
    let mut change: Vec<i64> = events.iter().map(|_| 0).collect();
    for bar in bars.bars.iter().filter(|bar| bar.end != End::Open) {
        for (time, by) in [(bar.call, 1), (bar.ret, -1)] {
            if let Some(change) = change.get_mut(at(time)) {
                *change += by;
            }
        }
    }
    let mut going = 0;
    let pairs = events.iter().zip(events.iter().skip(1)).zip(change);
    pairs
        .map(|((from, to), change)| {
            going += change;
            Gap {
                length: to - from,
                is_busy: going > 0,
            }
        })
        .collect()
}

/// The mean of the gaps, and the longest ones that are drawn in full. Where something goes on, only
/// what is far longer than the others is cut; where nothing does, a little of it will do.
fn typical(gaps: &[Gap]) -> (u64, u64, u64) {
    let any_busy = gaps.iter().any(|gap| gap.is_busy);
    let counted = gaps.iter().filter(|gap| gap.is_busy || !any_busy);
    let mut lengths: Vec<u64> = counted.map(|gap| gap.length).collect();
    lengths.sort_unstable();
    let mut sum: u128 = lengths.iter().map(|length| u128::from(*length)).sum();
    while let Some(&longest) = lengths.last() {
        let mean = (sum / lengths.len() as u128).max(1);
        if u128::from(longest) <= mean.saturating_mul(8) {
            let mean = u64::try_from(mean).unwrap_or(u64::MAX);
            return (mean, longest, mean.saturating_mul(4));
        }
        sum -= u128::from(longest);
        lengths.pop();
    }
    (1, 1, 1)
}

fn scaled(time: u64, (width, mean): (u64, u64)) -> u64 {
    let scaled = u128::from(time) * u128::from(width) / u128::from(mean.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The next of 1, 2, 5, 10, 20, 50 and so on.
fn round(time: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for times in [1, 2, 5] {
            match power.checked_mul(times) {
                Some(round) if round < time => {}
                Some(round) => return round,
                None => return power,
            }
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return power,
        }
    }
}

/// A time of an axis that goes up to `latest` in steps of `step`.
fn written(time: u64, latest: u64, step: u64, unit: Times) -> String {
    if unit == Times::Events {
        return format!("{time}");
    }
    let (size, name) = unit_of(latest);
    let mut decimals = 0;
    let mut smallest = size;
    while smallest > step && smallest >= 10 {
        smallest /= 10;
        decimals += 1;
    }
    let fraction = time % size / smallest;
    match decimals {
        0 => format!("{} {name}", time / size),
        _ => format!("{}.{fraction:0decimals$} {name}", time / size),
    }
}

const fn unit_of(time: u64) -> (u64, &'static str) {
    match time {
        1_000_000_000.. => (1_000_000_000, "s"),
        1_000_000.. => (1_000_000, "ms"),
        1_000.. => (1_000, "µs"),
        _ => (1, "ns"),
    }
}

/// A length of time, to three decimals.
pub(super) fn length(time: u64, unit: Times) -> String {
    if unit == Times::Events {
        return match time {
            1 => "1 event".into(),
            _ => format!("{time} events"),
        };
    }
    let (size, name) = unit_of(time);
    match (size, time % size * 1_000 / size) {
        (1, _) | (_, 0) => format!("{} {name}", time / size),
        (_, fraction) => {
            let text = format!("{}.{fraction:03}", time / size);
            format!("{} {name}", text.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_short_as_the_axis_allows() {
        let at = |time, latest, step| written(time, latest, step, Times::Nanoseconds);
        assert_eq!(at(12_345_678_901, 20_000_000_000, 1_000_000), "12.345 s");
        assert_eq!(at(12_000_000_000, 20_000_000_000, 5_000_000_000), "12 s");
        assert_eq!(at(1_500, 2_000, 500), "1.5 µs");
        assert_eq!(at(7, 900, 10), "7 ns");
        assert_eq!(length(1_500_000, Times::Nanoseconds), "1.5 ms");
        assert_eq!(length(2_000, Times::Nanoseconds), "2 µs");
        assert_eq!(length(3, Times::Events), "3 events");
        assert_eq!(
            [round(1), round(3), round(51), round(200)],
            [1, 5, 100, 200]
        );
        assert!(round(u64::MAX) > u64::MAX / 100);
    }
}
