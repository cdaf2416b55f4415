//! What came of the policies.

use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::{ConsistencyModel, Decision, Percentiles, Rules, View};

/// How a request ended at the replica that decided about it.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel::*, Ending};
///
/// assert_eq!(Ending::Lowered(Eventual).to_string(), "lowered to eventual");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ending {
    /// Served as declared.
    Kept,
    /// Served with this weaker model.
    Lowered(ConsistencyModel),
    /// Sent on to another replica.
    Redirected,
    /// Refused.
    Refused,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Lowered(to) => write!(f, "lowered to {to}"),
            Self::Redirected => f.write_str("redirected"),
            Self::Refused => f.write_str("refused"),
        }
    }
}

/// Counts every decision: what was declared, what was achieved, in a partition or not, after how much
/// waiting. It is the table of PACELC as a system lives it, and not as it was drawn.
///
/// Its size depends on how many models are declared, and not on how many decisions there are: a few
/// kilobytes for each kind of ending. One for each thread can be [merged](Self::merge).
///
/// How often which model was delivered is what Aiyer et al. call *consistability* (HotDep 2008).
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_consistency::choose::{ConsistencyModel::*, Ledger, Models, Policy, View, types};
///
/// let policy = Policy::<types::Linearizable>::new().degrade_to::<types::Eventual>();
/// let mut ledger = Ledger::new();
///
/// let well = View::<u64>::new(Models::of(&[Linearizable]));
/// let cut_off = View::<u64>::new(Models::of(&[Eventual])).cut_off();
/// let now = Instant::from_millis(10);
/// for _ in 0..9 {
///     ledger.decide(policy.rules(), &well, now, now);
/// }
/// ledger.decide(policy.rules(), &cut_off, now, now);
///
/// let pacelc = ledger.pacelc(Linearizable);
/// assert_eq!((pacelc.partition.lowered, pacelc.otherwise.kept), (1, 9));
/// // In the partition it chose availability; otherwise it never had to choose.
/// assert_eq!(pacelc.to_string(), "PA/E-");
/// println!("{ledger}");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    cells: BTreeMap<Kind, Cell>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Kind {
    declared: ConsistencyModel,
    partitioned: bool,
    ending: Ending,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    waited: Percentiles,
    staleness: Percentiles,
}

/// All decisions of one kind, as [`Ledger::rows`] lists them; see [`Ledger`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct LedgerRow<'a> {
    /// What was declared.
    pub declared: ConsistencyModel,
    /// Whether the replica took itself to be cut off.
    pub partitioned: bool,
    /// How they ended.
    pub ending: Ending,
    /// How long they waited until then; of all of them.
    pub waited: &'a Percentiles,
    /// How stale the answers were at most; of those of which that is known.
    pub staleness: &'a Percentiles,
}

impl LedgerRow<'_> {
    /// How many there were.
    pub const fn count(&self) -> u64 {
        self.waited.count()
    }
}

impl Ledger {
    /// No decision so far.
    pub const fn new() -> Self {
        Self {
            cells: BTreeMap::new(),
        }
    }

    /// [`Rules::decide`], and counts what it says.
    pub fn decide<R: Clone>(
        &mut self,
        rules: &Rules,
        view: &View<R>,
        asked: Instant,
        now: Instant,
    ) -> Decision<R> {
        let decision = rules.decide(view, asked, now);
        self.record(
            rules.declared(),
            view.partitioned,
            &decision,
            now.since(asked),
        );
        decision
    }

    /// Counts a decision that was made after waiting for so long. To wait is not the end of a request, and
    /// is not counted: what comes of it will be.
    pub fn record<R>(
        &mut self,
        declared: ConsistencyModel,
        partitioned: bool,
        decision: &Decision<R>,
        waited: Duration,
    ) {
        let (ending, staleness) = match *decision {
            Decision::Wait { .. } => return,
            Decision::Redirect { .. } => (Ending::Redirected, None),
            Decision::Refuse(_) => (Ending::Refused, None),
            Decision::Serve {
                achieved,
                staleness,
            } if achieved == declared => (Ending::Kept, staleness),
            Decision::Serve {
                achieved,
                staleness,
            } => (Ending::Lowered(achieved), staleness),
        };
        let kind = Kind {
            declared,
            partitioned,
            ending,
        };
        let cell = self.cells.entry(kind).or_default();
        cell.waited.record(waited);
        if let Some(staleness) = staleness {
            cell.staleness.record(staleness);
        }
    }

    /// All that the other counted, too.
    pub fn merge(&mut self, other: &Self) {
        for (kind, theirs) in &other.cells {
            let ours = self.cells.entry(*kind).or_default();
            ours.waited.merge(&theirs.waited);
            ours.staleness.merge(&theirs.staleness);
        }
    }

    /// All kinds of decisions that there were, in a fixed order.
    pub fn rows(&self) -> impl Iterator<Item = LedgerRow<'_>> {
        self.cells.iter().map(|(kind, cell)| LedgerRow {
            declared: kind.declared,
            partitioned: kind.partitioned,
            ending: kind.ending,
            waited: &cell.waited,
            staleness: &cell.staleness,
        })
    }

    /// The row of PACELC in which the operations that declare a model live.
    pub fn pacelc(&self, declared: ConsistencyModel) -> Pacelc {
        let mut pacelc = Pacelc::default();
        for row in self.rows().filter(|row| row.declared == declared) {
            let (shares, count) = (
                if row.partitioned {
                    &mut pacelc.partition
                } else {
                    &mut pacelc.otherwise
                },
                row.count(),
            );
            let share = match row.ending {
                Ending::Kept => &mut shares.kept,
                Ending::Lowered(_) => &mut shares.lowered,
                Ending::Redirected => &mut shares.redirected,
                Ending::Refused => &mut shares.refused,
            };
            *share = share.saturating_add(count);
            if !row.partitioned {
                pacelc.waited.merge(row.waited);
            }
        }
        pacelc
    }
}

/// How many requests ended how; see [`Ledger`] for an example.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Shares {
    /// Served as declared.
    pub kept: u64,
    /// Served with a weaker model.
    pub lowered: u64,
    /// Sent on to another replica.
    pub redirected: u64,
    /// Refused.
    pub refused: u64,
}

impl Shares {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.kept
            .saturating_add(self.lowered)
            .saturating_add(self.redirected)
            .saturating_add(self.refused)
    }
}

/// The row of PACELC in which the operations that declare a model live: if partitioned, availability or
/// consistency; else, latency or consistency. See [`Ledger`] for an example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pacelc {
    /// While the replica took itself to be cut off.
    pub partition: Shares,
    /// While it did not.
    pub otherwise: Shares,
    /// How long requests waited while it did not.
    pub waited: Percentiles,
}

impl Pacelc {
    /// How many requests waited at all while the replica did not take itself to be cut off.
    fn slowed(&self) -> u64 {
        let at_once = self.waited.count_of_zero();
        self.waited.count().saturating_sub(at_once)
    }
}

/// In the usual notation, by what happened more often when there was a choice to make: `PA` if more were
/// lowered than redirected and refused, else `PC`; `EL` if more were lowered than waited, were redirected or
/// refused, else `EC`. A dash where there never was a choice.
impl fmt::Display for Pacelc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = |lowered: u64, otherwise: u64, one, other| match (lowered, otherwise) {
            (0, 0) => '-',
            (lowered, otherwise) if lowered > otherwise => one,
            _ => other,
        };
        let (p, e) = (&self.partition, &self.otherwise);
        let partition = choice(p.lowered, p.redirected.saturating_add(p.refused), 'A', 'C');
        let at_once = e.redirected.saturating_add(e.refused).max(self.slowed());
        let otherwise = choice(e.lowered, at_once, 'L', 'C');
        write!(f, "P{partition}/E{otherwise}")
    }
}

/// A table with a line for each kind of decision.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:<9} {:<28} {:>10}  {:<26} staleness p50 / p99 / max",
            "declared", "partition", "ending", "count", "waited p50 / p99 / max"
        )?;
        for row in self.rows() {
            writeln!(
                f,
                "{:<28} {:<9} {:<28} {:>10}  {:<26} {}",
                row.declared,
                if row.partitioned { "yes" } else { "no" },
                alloc::format!("{}", row.ending),
                row.count(),
                alloc::format!("{}", Spread(row.waited)),
                Spread(row.staleness),
            )?;
        }
        Ok(())
    }
}

/// The median, the 99th percentile and the maximum.
struct Spread<'a>(&'a Percentiles);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(half), Some(most), Some(max)) = (self.0.at(50.0), self.0.at(99.0), self.0.max())
        else {
            return f.write_str("-");
        };
        write!(f, "{half:.1?} / {most:.1?} / {max:.1?}")
    }
}
