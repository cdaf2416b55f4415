//! From histories to verdicts, within a time.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate_consistency::{
    Checker, Fuel, History, Inconclusive, Linearizability, Model, Progress, Verdict,
};

use crate::cli::CheckArgs;

/// How much is done between two looks at the clock: some tens of milliseconds.
const SLICE: u64 = 200_000;
/// Below this, nobody wonders whether anything is going on.
const QUIET: Duration = Duration::from_millis(700);

/// How long a check may take, and how much it may remember.
#[derive(Clone, Copy)]
pub(super) struct Means {
    seconds: u64,
    memory_bytes: u64,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undecided {
    #[error(
        "no answer within {seconds} s ({} of {} operations placed); give it more with --seconds, or \
         record with fewer concurrent clients, fewer timeouts or more keys", progress.placed, progress.operations
    )]
    Time { seconds: u64, progress: Progress },
    #[error("{0}")]
    Inconclusive(Inconclusive),
}

impl Means {
    pub(super) const fn new(args: &CheckArgs) -> Self {
        Self {
            seconds: args.seconds,
            memory_bytes: args.memory_mib.saturating_mul(1 << 20),
        }
    }

    /// Checks a history, and makes a violation as small as the time allows.
    pub(super) fn decide<M: Model>(
        self,
        model: &M,
        history: &History<M::Input, M::Output>,
    ) -> Result<Linearizability<M::Key, M::Output>, Undecided> {
        let start = Instant::now();
        let limit = Duration::from_secs(self.seconds);
        let mut bar = Bar::new(start);
        let mut checker = Checker::new(model, history).memory_bytes(self.memory_bytes);
        let mut verdict = loop {
            if let Some(verdict) = checker.run(&mut Fuel::new(SLICE)) {
                break verdict;
            }
            bar.show(checker.progress());
            if start.elapsed() >= limit {
                bar.clear();
                return Err(Undecided::Time {
                    seconds: self.seconds,
                    progress: checker.progress(),
                });
            }
        };
        if let Verdict::Violated(violation) = &mut verdict {
            // Each attempt begins anew, with twice as much.
            let mut fuel = SLICE * 10;
            while start.elapsed() < limit / 2
                && !violation.shrink(model, history, &mut Fuel::new(fuel))
                && fuel < SLICE << 10
            {
                fuel *= 2;
            }
        }
        bar.clear();
        match verdict {
            Verdict::Unknown(reason) => Err(Undecided::Inconclusive(reason)),
            verdict => Ok(verdict),
        }
    }
}

/// Shows on a terminal that something is going on, once it takes long.
struct Bar {
    start: Instant,
    bar: Option<ProgressBar>,
    is_wanted: bool,
}

impl Bar {
    fn new(start: Instant) -> Self {
        Self {
            start,
            bar: None,
            is_wanted: std::io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, progress: Progress) {
        if !self.is_wanted || self.start.elapsed() < QUIET {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let len = progress.operations as u64;
            let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
            let style = "{bar:30} {pos}/{len} operations placed, {msg}, {elapsed}";
            match ProgressStyle::with_template(style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        bar.set_position(progress.placed as u64);
        bar.set_message(format!("{} MiB", progress.memory_bytes >> 20));
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
