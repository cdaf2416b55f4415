//! Counts and latencies, by phase and level.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use quorate_consistency::Level;

use super::plan::Phase;
use super::record::Span;

/// The longest latency told apart, in microseconds: a minute.
const MAX_LATENCY_MICROS: u64 = 60_000_000;

/// A line of the table: reads at one level, or all writes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Row {
    Write,
    Linearizable,
    Lease,
    Session,
    Bounded,
    Eventual,
}

impl Row {
    /// The line on which a read at `level` counts.
    pub(super) fn of(level: &Level) -> Self {
        match level {
            Level::Linearizable => Self::Linearizable,
            Level::Lease => Self::Lease,
            Level::Session => Self::Session,
            Level::Bounded(_) => Self::Bounded,
            _ => Self::Eventual,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Linearizable => "linearizable",
            Self::Lease => "lease",
            Self::Session => "session",
            Self::Bounded => "bounded",
            Self::Eventual => "eventual",
        }
    }
}

/// What one line of the table counts.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Requests sent, but for those to a node that was under attack.
    pub(super) sent: u64,
    /// Those of them that were answered with what came of them.
    pub(super) answered: u64,
    /// Requests sent to the very node that was under attack.
    pub(super) sent_to_victim: u64,
    /// Those of them that were answered.
    pub(super) answered_by_victim: u64,
    latency_micros: Option<Histogram<u64>>,
    staleness: Staleness,
}

/// By how much answered reads were behind.
#[derive(Clone, Copy, Debug, Default)]
struct Staleness {
    reads: u64,
    sum_nanos: u128,
    max_nanos: u64,
}

impl Cell {
    fn new() -> Self {
        Self {
            sent: 0,
            answered: 0,
            sent_to_victim: 0,
            answered_by_victim: 0,
            // Three digits of precision up to a minute always fit: the bounds are constants.
            latency_micros: Histogram::new_with_bounds(1, MAX_LATENCY_MICROS, 3).ok(),
            staleness: Staleness::default(),
        }
    }

    /// Answered requests, in percent of those sent.
    pub(super) fn availability_percent(&self) -> f64 {
        percent(self.answered, self.sent).unwrap_or(100.0)
    }

    /// The same at the node under attack, when it was asked anything.
    pub(super) fn victims_availability_percent(&self) -> Option<f64> {
        percent(self.answered_by_victim, self.sent_to_victim)
    }

    /// The latency that `percentile` percent of the answered requests did not exceed, in
    /// milliseconds.
    pub(super) fn latency_ms(&self, percentile: f64) -> Option<f64> {
        let latency = self.latency_micros.as_ref()?;
        (!latency.is_empty()).then(|| latency.value_at_percentile(percentile) as f64 / 1e3)
    }

    /// Mean and maximum of how far reads were behind, in milliseconds.
    pub(super) fn staleness_ms(&self) -> Option<(f64, f64)> {
        let Staleness {
            reads,
            sum_nanos,
            max_nanos,
        } = self.staleness;
        (reads > 0).then(|| {
            (
                sum_nanos as f64 / reads as f64 / 1e6,
                max_nanos as f64 / 1e6,
            )
        })
    }
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

/// Counts and latencies, by phase and level.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<(Phase, Row), Cell>);

impl Tally {
    /// A request was answered with what came of it, or not. Only answers have a latency: the rest
    /// is what the availability tells.
    ///
    /// What was asked of the node under attack counts apart: that it does not answer is no wonder
    /// when it is dead, and its duty when it is cut off and asked for what it cannot know. How
    /// available the service is shows at the others.
    pub(super) fn attempt(
        &mut self,
        phase: Phase,
        row: Row,
        span: Span,
        answered: bool,
        at_victim: bool,
    ) {
        let cell = self.0.entry((phase, row)).or_insert_with(Cell::new);
        if at_victim {
            cell.sent_to_victim += 1;
            cell.answered_by_victim += u64::from(answered);
            return;
        }
        cell.sent += 1;
        if answered {
            cell.answered += 1;
            if let Some(latency) = &mut cell.latency_micros {
                latency.saturating_record((span.ret.saturating_sub(span.call) / 1_000).max(1));
            }
        }
    }

    /// A read was this far behind what had been acknowledged before it was sent.
    pub(super) fn staleness(&mut self, phase: Phase, row: Row, nanos: u64) {
        let cell = self.0.entry((phase, row)).or_insert_with(Cell::new);
        cell.staleness.reads += 1;
        cell.staleness.sum_nanos += u128::from(nanos);
        cell.staleness.max_nanos = cell.staleness.max_nanos.max(nanos);
    }

    /// The lines of the table, in order.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Phase, Row, &Cell)> {
        self.0
            .iter()
            .map(|((phase, row), cell)| (*phase, *row, cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_counts_all_and_latency_only_answers() {
        let mut tally = Tally::default();
        let span = |millis: u64| Span {
            call: 0,
            ret: millis * 1_000_000,
        };
        for _ in 0..3 {
            tally.attempt(Phase::Healthy, Row::Lease, span(2), true, false);
        }
        tally.attempt(Phase::Healthy, Row::Lease, span(900), false, false);
        tally.staleness(Phase::Healthy, Row::Lease, 0);
        tally.staleness(Phase::Healthy, Row::Lease, 8_000_000);
        let (phase, row, cell) = tally.cells().next().unwrap();
        assert_eq!((phase, row, cell.sent), (Phase::Healthy, Row::Lease, 4));
        assert!((cell.availability_percent() - 75.0).abs() < 1e-9);
        assert!((cell.latency_ms(99.0).unwrap() - 2.0).abs() < 0.01);
        assert_eq!(cell.staleness_ms(), Some((4.0, 8.0)));
    }

    #[test]
    fn what_was_never_answered_has_no_latency() {
        let mut tally = Tally::default();
        tally.attempt(
            Phase::LeaderCutOff,
            Row::Write,
            Span::default(),
            false,
            false,
        );
        let (_, _, cell) = tally.cells().next().unwrap();
        assert_eq!(cell.latency_ms(50.0), None);
        assert_eq!(cell.staleness_ms(), None);
        assert!(cell.availability_percent() < 1e-9);
    }

    #[test]
    fn what_the_node_under_attack_answers_counts_apart() {
        let mut tally = Tally::default();
        let slow = Span {
            call: 0,
            ret: 900_000_000,
        };
        for (answered, at_victim) in [(true, false), (true, true), (false, true), (false, true)] {
            let span = if at_victim { slow } else { Span::default() };
            tally.attempt(Phase::LeaderCutOff, Row::Session, span, answered, at_victim);
        }
        let (_, _, cell) = tally.cells().next().unwrap();
        assert!((cell.availability_percent() - 100.0).abs() < 1e-9);
        assert!((cell.victims_availability_percent().unwrap() - 100.0 / 3.0).abs() < 1e-9);
        assert!(cell.latency_ms(99.0).unwrap() < 1.0);
    }
}
