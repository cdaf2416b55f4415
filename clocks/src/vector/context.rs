//! What was seen, when it did not come in order.

use alloc::vec::Vec;
use core::fmt;

use super::{Dot, DotRange, VersionVector};
use crate::wire::{DecodeError, Reader, put_varint};
use crate::{Causality, Relation};

/// The set of all events that were seen, with gaps: a version vector with exceptions.
///
/// A [`VersionVector`] says "the first five events of an actor". If the fifth arrives before the
/// fourth, that is a lie or a loss. This keeps the fifth by itself, as a run of events that follow
/// each other, and when the fourth comes the runs become one again: without gaps it is as small as
/// the vector.
///
/// Version vectors with exceptions are of Malkhi and Terry, "Concise Version Vectors in WinFS"
/// (Distributed Computing 20(3), 2007); sets for state that travels in parts call it a causal context
/// (Almeida, Shoker, Baquero, "Delta State Replicated Data Types", JPDC 111, 2018, §7.2).
///
/// Its size goes with the number of gaps, which is up to who sends: look at
/// [`run_count`](Self::run_count) and ask for what is [missing](Self::gaps) instead of letting it grow.
///
/// ```
/// use quorate_clocks::{Actor, CausalContext, Dot, Incarnation, NodeId};
///
/// let actor = Actor::new(NodeId(1), Incarnation(1));
/// let dot = |counter| Dot { actor, counter };
/// let mut seen = CausalContext::new();
/// for counter in [1, 2, 3, 5] {
///     assert!(seen.observe(dot(counter)));
/// }
/// assert!(seen.contains(dot(5)) && !seen.contains(dot(4)));
/// assert_eq!(seen.floor().get(actor), 3);
/// assert_eq!(seen.gaps().next().expect("the fourth is missing").first(), 4);
///
/// assert!(seen.observe(dot(4)));
/// assert!(!seen.observe(dot(4)), "the second time it is a duplicate");
/// assert_eq!(seen.floor().get(actor), 5);
/// assert_eq!(seen.run_count(), 1);
/// ```
///
/// # Bytes
///
/// The number of runs as LEB128, then each as a [`DotRange`], ascending. Runs that touch are refused,
/// since they are one.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "Vec<DotRange>", into = "Vec<DotRange>")
)]
pub struct CausalContext {
    // Ascending, and between two runs of an actor at least one event is missing.
    runs: Vec<DotRange>,
}

impl CausalContext {
    /// Nothing was seen.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Whether an event was seen. Counter zero always was.
    pub fn contains(&self, dot: Dot) -> bool {
        let after = self.runs.partition_point(|run| begins_by(*run, dot));
        let run = after.checked_sub(1).and_then(|at| self.runs.get(at));
        dot.counter == 0 || run.is_some_and(|run| run.contains(dot))
    }

    /// Notes that this one event was seen, and says whether that is new.
    ///
    /// Moves all runs after it when it begins or ends a gap. For many events, use `extend`.
    pub fn observe(&mut self, dot: Dot) -> bool {
        if self.contains(dot) {
            return false;
        }
        let after = self.runs.partition_point(|run| begins_by(*run, dot));
        let mut joined = DotRange::one(dot);
        let mut at = after;
        if let Some(next) = self.runs.get(after).and_then(|next| join(joined, *next)) {
            joined = next;
            self.runs.remove(after);
        }
        let before = after.checked_sub(1).and_then(|at| self.runs.get(at));
        if let Some(previous) = before.and_then(|before| join(*before, joined)) {
            joined = previous;
            at = after - 1;
            self.runs.remove(at);
        }
        self.runs.insert(at, joined);
        true
    }

    /// Adds all that the other has seen, in one pass.
    pub fn merge(&mut self, other: &Self) {
        let mut merged: Vec<DotRange> = Vec::with_capacity(self.runs.len());
        let (mut mine, mut theirs) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        loop {
            let mine_first = match (mine.peek(), theirs.peek()) {
                (Some(a), Some(b)) => a <= b,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let side = if mine_first { &mut mine } else { &mut theirs };
            let Some(run) = side.next() else { break };
            match merged
                .last_mut()
                .and_then(|last| Some((join(*last, *run)?, last)))
            {
                Some((joined, last)) => *last = joined,
                None => merged.push(*run),
            }
        }
        self.runs = merged;
    }

    /// How this stands to another: always known.
    pub fn relation(&self, other: &Self) -> Relation {
        Relation::from_surplus(!other.includes(self), !self.includes(other))
    }

    /// Whether everything that the other has seen was seen.
    pub fn includes(&self, other: &Self) -> bool {
        let mut mine = self.runs.iter().peekable();
        other.runs.iter().all(|theirs| {
            let end = (theirs.actor(), theirs.last());
            while mine
                .next_if(|run| (run.actor(), run.last()) < end)
                .is_some()
            {}
            mine.peek()
                .is_some_and(|run| run.actor() == theirs.actor() && run.first() <= theirs.first())
        })
    }

    /// The greatest vector of which everything was seen: what is before the first gap of each actor.
    pub fn floor(&self) -> VersionVector {
        let runs = self.runs().filter(|run| run.first() == 1);
        runs.map(|run| Dot::new(run.actor(), run.last())).collect()
    }

    /// What is missing before the last event that was seen of each actor, ascending.
    pub fn gaps(&self) -> impl Iterator<Item = DotRange> + '_ {
        let mut before: Option<DotRange> = None;
        self.runs().filter_map(move |run| {
            let previous = before
                .replace(run)
                .filter(|last| last.actor() == run.actor());
            let seen = previous.map_or(0, DotRange::last);
            DotRange::new(run.actor(), seen.saturating_add(1), run.first() - 1)
        })
    }

    /// The events that were seen, as the longest runs, ascending.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = DotRange> + '_ {
        self.runs.iter().copied()
    }

    /// How many runs there are: one for each actor, and one more for each gap.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends its [bytes](Self#bytes).
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(self.runs.len() as u64, out);
        for run in self.runs() {
            run.encode(out);
        }
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a context.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut context = Self::new();
        // Four numbers each.
        for _ in 0..reader.count(4)? {
            context.append(DotRange::decode(&mut reader)?)?;
        }
        reader.end()?;
        Ok(context)
    }

    /// Adds a run that must be the last.
    fn append(&mut self, run: DotRange) -> Result<(), DecodeError> {
        let last = self.runs.last();
        if last.is_some_and(|last| *last >= run || join(*last, run).is_some()) {
            let what = "runs are not ascending, or touch";
            return Err(DecodeError::NotCanonical { what });
        }
        self.runs.push(run);
        Ok(())
    }
}

/// Whether a run begins with this event or one before it.
fn begins_by(run: DotRange, dot: Dot) -> bool {
    (run.actor(), run.first()) <= (dot.actor, dot.counter)
}

/// One run of two of which the second does not begin before the first, if nothing is between them.
fn join(first: DotRange, second: DotRange) -> Option<DotRange> {
    let touch = first.actor() == second.actor() && second.first() - 1 <= first.last();
    let last = first.last().max(second.last());
    DotRange::new(first.actor(), first.first(), last).filter(|_| touch)
}

impl Causality for CausalContext {
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(self.relation(other))
    }
}

/// Just these events.
impl From<DotRange> for CausalContext {
    fn from(range: DotRange) -> Self {
        Self {
            runs: Vec::from([range]),
        }
    }
}

/// Just these events.
impl FromIterator<Dot> for CausalContext {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut context = Self::new();
        context.extend(dots);
        context
    }
}

/// Adds each of these events alone, in any order: sorting them is the most that it takes.
impl Extend<Dot> for CausalContext {
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        let dots = dots.into_iter().filter(|dot| dot.counter > 0);
        let mut runs: Vec<_> = dots.map(DotRange::one).collect();
        runs.sort_unstable();
        // A merge joins what touches, on both sides.
        self.merge(&Self { runs });
    }
}

/// All that went into a version.
impl From<&VersionVector> for CausalContext {
    fn from(vector: &VersionVector) -> Self {
        let runs = vector.iter();
        Self {
            runs: runs
                .filter_map(|(actor, counter)| DotRange::new(actor, 1, counter))
                .collect(),
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<DotRange>> for CausalContext {
    type Error = DecodeError;

    fn try_from(runs: Vec<DotRange>) -> Result<Self, DecodeError> {
        let mut context = Self::new();
        for run in runs {
            context.append(run)?;
        }
        Ok(context)
    }
}

#[cfg(feature = "serde")]
impl From<CausalContext> for Vec<DotRange> {
    fn from(context: CausalContext) -> Self {
        context.runs
    }
}

impl fmt::Display for CausalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (number, run) in self.runs().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{run}")?;
        }
        f.write_str("}")
    }
}
