//! The drawing of one object, and the same as a table.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::axis::{Axis, Px, length};
use super::bars::{Bar, Bars, End, Role};
use super::lanes::{Lane, Spot, lanes};
use super::points::points;
use super::text::{Escaped, Fitted};
use super::{Place, Times};

/// Pixels, from the top: the axis, then the rows.
const TOP: u64 = 34;
const ROW: u64 = 30;
const BAR: u64 = 18;
/// Half of a character, in tenths of a pixel.
const HALF_CHARACTER: u64 = 33;

/// Where everything is.
pub(super) struct Figure<'a> {
    bars: &'a Bars,
    axis: Axis,
    points: Vec<Option<Place>>,
    spots: Vec<Spot>,
    lanes: Vec<Lane>,
    /// The time that is written as zero.
    origin: u64,
    unit: Times,
}

impl<'a> Figure<'a> {
    pub(super) fn new(bars: &'a Bars, origin: u64, unit: Times) -> Self {
        let axis = Axis::new(bars);
        let points = points(&bars.bars, &axis);
        let (spots, lanes) = lanes(&bars.bars, &points, &axis);
        Self {
            bars,
            axis,
            points,
            spots,
            lanes,
            origin,
            unit,
        }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> fmt::Result {
        let rows: usize = self.lanes.iter().map(|lane| lane.rows).sum();
        let height = TOP + rows as u64 * ROW + 6;
        out.write_str("<div class=\"figure\">\n")?;
        self.write_names(height, out)?;
        let width = Px(self.axis.xs().last().copied().unwrap_or(0));
        writeln!(
            out,
            "<div class=\"scroll\"><svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"Operations over time\">"
        )?;
        self.write_axis(height, out)?;
        for (bar, spot) in self.bars.bars.iter().zip(&self.spots) {
            self.write_bar(bar, spot, out)?;
        }
        self.write_order(out)?;
        out.write_str("</svg></div>\n</div>\n")
    }

    /// The processes, which stay where they are when the drawing is moved.
    fn write_names(&self, height: u64, out: &mut impl Write) -> fmt::Result {
        writeln!(
            out,
            "<svg class=\"names\" width=\"96\" height=\"{height}\" aria-hidden=\"true\">"
        )?;
        for lane in &self.lanes {
            let y = TOP + lane.first_row as u64 * ROW;
            let process = lane.process;
            writeln!(
                out,
                "<text x=\"90\" y=\"{}\">process {process}</text>",
                y + 19
            )?;
        }
        out.write_str("</svg>\n")
    }

    fn write_axis(&self, height: u64, out: &mut impl Write) -> fmt::Result {
        for lane in self.lanes.iter().skip(1) {
            let y = TOP + lane.first_row as u64 * ROW - 1;
            writeln!(out, "<path class=\"lane\" d=\"M0 {y}H99999\"/>")?;
        }
        for tick in self.axis.ticks(self.origin, self.unit) {
            let x = self.axis.x(tick.place);
            writeln!(
                out,
                "<path class=\"tick\" d=\"M{x} 22V{height}\"/><text class=\"tick\" x=\"{x}\" y=\"16\">{}</text>",
                tick.time
            )?;
        }
        for cut in &self.axis.cuts {
            let from = self.axis.x(Place::at(cut.after));
            let to = self.axis.x(Place::at(cut.after + 1));
            let (x, width) = (Px(from.0 + 60), Px((to.0 - from.0).saturating_sub(120)));
            let gap = length(cut.length, self.unit);
            write!(
                out,
                "<g class=\"cut\"><title>nothing here begins or ends for {gap}"
            )?;
            if cut.left_out > 0 {
                write!(out, "; {} operations that are not drawn do", cut.left_out)?;
            }
            writeln!(
                out,
                "</title><rect x=\"{x}\" y=\"0\" width=\"{width}\" height=\"{height}\"/><text x=\"{}\" y=\"30\">{gap}</text></g>",
                Px(x.0 + width.0 / 2)
            )?;
        }
        Ok(())
    }

    fn write_bar(&self, bar: &Bar, spot: &Spot, out: &mut impl Write) -> fmt::Result {
        let from = self.axis.x(Place::at(spot.from));
        let to = self.axis.x(spot.to);
        // What ends at once can be seen, too.
        let width = Px((to.0.saturating_sub(from.0)).max(30));
        let y = TOP + spot.row as u64 * ROW + 4;
        let class = class(bar);
        write!(
            out,
            "<g class=\"{class}\" tabindex=\"0\" data-from=\"{}\" data-to=\"{}\"><title>",
            spot.from, spot.to
        )?;
        self.write_words(bar, out)?;
        write!(out, "</title>")?;
        match bar.end {
            End::Open => {
                let right = Px(from.0 + width.0);
                let (top, bottom) = (y, y + BAR);
                write!(
                    out,
                    "<path class=\"body\" d=\"M{right} {top}H{from}V{bottom}H{right}\"/>"
                )?;
            }
            End::Answered | End::Failed => write!(
                out,
                "<rect class=\"body\" x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"3\"/>"
            )?,
        }
        if bar.role == Role::Blocked {
            let (x, top) = (Px(from.0 + 60), y + 4);
            write!(
                out,
                "<path class=\"cross\" d=\"M{x} {top}l10 10m-10 0l10 -10\"/>"
            )?;
        }
        let indent = if bar.role == Role::Blocked { 200 } else { 60 };
        let room = self.axis.x(Place::at(spot.room)).0;
        let room = room.saturating_sub(from.0 + indent) / (2 * HALF_CHARACTER);
        let text = alloc::format!("{} → {}", bar.input, bar.output);
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\">{}</text></g>",
            Px(from.0 + indent),
            y + 13,
            Fitted { text: &text, room }
        )
    }

    /// The order, as numbers and as a line through the bars.
    fn write_order(&self, out: &mut impl Write) -> fmt::Result {
        let bars = self.bars.bars.iter().zip(&self.spots).zip(&self.points);
        let placed =
            bars.filter_map(|((bar, spot), point)| Some((bar.place?, spot.row, (*point)?)));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_unstable_by_key(|(place, ..)| *place);
        let center = |row: usize| TOP + row as u64 * ROW + 4 + BAR;
        if placed.len() > 1 {
            out.write_str("<polyline class=\"order\" points=\"")?;
            for (_, row, point) in &placed {
                write!(out, "{},{} ", self.axis.x(*point), center(*row))?;
            }
            out.write_str("\"/>\n")?;
        }
        for (place, row, point) in placed {
            let (x, y) = (self.axis.x(point), center(row));
            writeln!(
                out,
                "<circle class=\"order\" cx=\"{x}\" cy=\"{y}\" r=\"7\"/><text class=\"order\" x=\"{x}\" y=\"{}\">{}</text>",
                y + 3,
                place + 1
            )?;
        }
        Ok(())
    }

    /// All about an operation.
    fn write_words(&self, bar: &Bar, out: &mut impl Write) -> fmt::Result {
        let since = |time: u64| length(time.saturating_sub(self.origin), self.unit);
        write!(
            out,
            "#{} of process {}: {} → {}, ",
            bar.number,
            bar.process,
            Escaped(&bar.input),
            Escaped(&bar.output)
        )?;
        match bar.end {
            End::Open => write!(out, "from {} on", since(bar.call))?,
            End::Answered | End::Failed => {
                write!(out, "from {} to {}", since(bar.call), since(bar.ret))?;
            }
        }
        if let Some(place) = bar.place {
            write!(out, "; number {} of the order", place + 1)?;
        }
        match bar.role {
            Role::Blocked => out.write_str("; can not come next")?,
            Role::Kept => out.write_str("; one of those that contradict each other")?,
            Role::Perhaps => {
                out.write_str("; may have had an effect or not, which changes nothing")?
            }
            Role::Around => {}
        }
        if let Some(allowed) = &bar.allowed {
            write!(out, ": it would have answered {}", Escaped(allowed))?;
        }
        Ok(())
    }

    /// The same as a table, for those who do not see the drawing.
    pub(super) fn write_table(&self, out: &mut impl Write) -> fmt::Result {
        out.write_str(
            "<details><summary>As a table</summary>\n<table><tr><th>operation</th><th>process</th>\
             <th>asked</th><th>told</th><th>from</th><th>to</th><th>order</th><th>verdict</th></tr>\n",
        )?;
        let since = |time: u64| length(time.saturating_sub(self.origin), self.unit);
        for bar in &self.bars.bars {
            write!(
                out,
                "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
                class(bar),
                bar.number,
                bar.process,
                Escaped(&bar.input),
                Escaped(&bar.output),
                since(bar.call)
            )?;
            if bar.end != End::Open {
                out.write_str(&since(bar.ret))?;
            }
            out.write_str("</td><td>")?;
            if let Some(place) = bar.place {
                write!(out, "{}", place + 1)?;
            }
            out.write_str("</td><td>")?;
            match (bar.role, &bar.allowed) {
                (Role::Blocked, Some(allowed)) => {
                    write!(
                        out,
                        "can not come next: it would have answered {}",
                        Escaped(allowed)
                    )?;
                }
                (Role::Blocked, None) => out.write_str("can not come next")?,
                (Role::Kept, _) => out.write_str("contradicts others")?,
                (Role::Perhaps, _) => out.write_str("may have had an effect")?,
                (Role::Around, _) => {}
            }
            out.write_str("</td></tr>\n")?;
        }
        out.write_str("</table></details>\n")
    }
}

const fn class(bar: &Bar) -> &'static str {
    match (bar.role, bar.end) {
        (Role::Blocked, _) => "bar blocked",
        (Role::Kept, _) => "bar kept",
        (Role::Perhaps, End::Failed) | (Role::Around, End::Failed) => "bar failed",
        (Role::Perhaps, _) => "bar perhaps",
        (Role::Around, _) => "bar",
    }
}
