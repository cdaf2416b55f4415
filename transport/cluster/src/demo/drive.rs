//! From the command line to the exit code.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use quorate_clocks::SystemClock;
use tokio::task::JoinSet;

use super::history::{self, Record};
use super::nemesis::{Nemesis, mend};
use super::observe::{ObserveError, Observer};
use super::plan::Plan;
use super::processes::{Cluster, ProcessError};
use super::progress::Progress;
use super::random;
use super::record::{Recorded, Recorder};
use super::report::{Report, table};
use super::settle::{Settled, settle};
use super::verdict;
use super::workload::{self, End, LAST_ANSWERS, Surroundings};
use crate::cli::DemoArgs;

/// A promise was broken, or not put to the test.
const BROKEN: u8 = 1;
/// The demo could not run.
const COULD_NOT_RUN: u8 = 2;
/// Ended by a signal, as shells tell it.
const INTERRUPTED: u8 = 130;
/// The exit code of `quorate serve` when somebody else listens on its address.
const ADDRESS_IN_USE: i32 = 5;
/// How often the cluster is started anew because somebody else took one of its ports.
const STARTS: usize = 5;
/// How often the bar moves.
const TICK: Duration = Duration::from_millis(200);

/// Why the demo could not run.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error("{} cannot be written: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("no signal can be waited for: {0}")]
    Signals(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
}

impl From<ProcessError> for DemoError {
    fn from(error: ProcessError) -> Self {
        Self::Observe(error.into())
    }
}

/// Runs the demo: exit code 0 when every promise was kept, 1 when one was broken or not put to the
/// test, 2 when the demo could not run, 130 when it was interrupted and nothing was broken.
pub async fn run(args: DemoArgs) -> ExitCode {
    let mut interrupts = match Interrupts::new() {
        Ok(interrupts) => interrupts,
        Err(error) => return could_not_run(&DemoError::Signals(error)),
    };
    let outputs = match Outputs::create(&args) {
        Ok(outputs) => outputs,
        Err(error) => return could_not_run(&error),
    };
    let seed = args.seed.unwrap_or_else(arbitrary);
    let progress = Progress::new(args.seconds);

    progress.phase("starting");
    let started = tokio::select! {
        started = start(args.nodes) => started,
        () = interrupts.next() => Err(DemoError::Interrupted),
    };
    let (mut cluster, mut observer) = match started {
        Ok(started) => started,
        Err(error) => {
            progress.clear();
            return could_not_run(&error);
        }
    };

    let attacked = attack(
        &args,
        seed,
        &mut cluster,
        &mut observer,
        &progress,
        &mut interrupts,
    );
    let attacked = attacked.await;
    cluster.stop().await;
    let judged = match attacked {
        Ok(attacked) => {
            progress.phase("judging");
            let judging = tokio::task::spawn_blocking(move || attacked.judge());
            tokio::select! {
                judged = judging => match judged {
                    Ok(judged) => Ok(judged),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                // What is being judged cannot be taken away from its thread.
                () = interrupts.next() => {
                    progress.clear();
                    drop(cluster);
                    std::process::exit(i32::from(INTERRUPTED))
                }
            }
        }
        Err(error) => Err(error),
    };
    progress.clear();
    let (mut report, records) = match judged {
        Ok(judged) => judged,
        Err(error) => return could_not_run(&error),
    };
    if let Err(error) = outputs.write(&mut report, &records, &mut cluster) {
        return could_not_run(&error);
    }
    // Nobody may be reading any more; the exit code says it all the same.
    let _ = write!(io::stdout().lock(), "{report}");
    match (report.is_bad(), report.interrupted) {
        (true, _) => ExitCode::from(BROKEN),
        (false, true) => ExitCode::from(INTERRUPTED),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn could_not_run(error: &DemoError) -> ExitCode {
    eprintln!("quorate demo: {error}");
    match error {
        DemoError::Interrupted => ExitCode::from(INTERRUPTED),
        _ => ExitCode::from(COULD_NOT_RUN),
    }
}

/// Starts the nodes, and waits until all follow one leader.
async fn start(nodes: u64) -> Result<(Cluster, Observer), DemoError> {
    // Two runs with the same seed may run at the same time: their ports are chosen apart.
    let mut random = random::stream(arbitrary(), 0);
    let mut starts = 0;
    loop {
        starts += 1;
        let mut cluster = Cluster::start(nodes, &mut random)?;
        let mut observer = Observer::new(cluster.http_addresses());
        match observer.wait_agreed(&mut cluster).await {
            Ok(_) => return Ok((cluster, observer)),
            Err(ObserveError::Process(ProcessError::Ended { status, .. }))
                if status.code() == Some(ADDRESS_IN_USE) && starts < STARTS =>
            {
                cluster.stop().await;
            }
            Err(error) => {
                cluster.stop().await;
                return Err(error.into());
            }
        }
    }
}

/// What is left when all attacks are over.
struct Attacked {
    report: Report,
    recorded: Recorded,
    settled: Settled,
}

async fn attack(
    args: &DemoArgs,
    seed: u64,
    cluster: &mut Cluster,
    observer: &mut Observer,
    progress: &Progress,
    interrupts: &mut Interrupts,
) -> Result<Attacked, DemoError> {
    let clock = SystemClock::new();
    let surroundings = Surroundings {
        addresses: cluster.http_addresses(),
        recorder: Recorder::new(clock),
        clock,
        seed,
        pause: workload::pause(args.seconds, args.nodes),
        end: End::default(),
    };
    let recorder = surroundings.recorder.clone();
    let clients = workload::start(&surroundings);
    let ticker = tick(progress.clone(), clock, recorder.clone());

    let mut attacks = Vec::new();
    let mut nemesis = Nemesis {
        cluster,
        observer,
        recorder: &recorder,
        plan: Plan::of(seed, args.nodes as usize),
        progress,
        seconds: args.seconds,
        attacks: &mut attacks,
    };
    let (outage, interrupted) = tokio::select! {
        ended = nemesis.run() => (ended.err().map(|error| error.to_string()), false),
        () = interrupts.next() => (None, true),
    };
    surroundings.end.now(clock);
    let seconds = clock.now().as_nanos() as f64 / 1e9;
    progress.phase("last answers");

    let unplanned = interrupted || outage.is_some();
    let closing = async {
        if unplanned && let Err(error) = mend(cluster, observer).await {
            tracing::warn!(%error, "not all attacks could be undone");
        }
        join(clients).await;
        settle(surroundings.addresses.clone(), &recorder).await
    };
    let settled = tokio::select! {
        settled = closing => settled,
        () = interrupts.next() => return Err(DemoError::Interrupted),
    };
    ticker.abort();
    let recorded = recorder.take();
    Ok(Attacked {
        report: Report {
            version: env!("CARGO_PKG_VERSION"),
            nodes: args.nodes,
            seconds,
            seed,
            interrupted,
            requests: recorder.attempts(),
            dropped: recorded.dropped,
            attacks,
            outage,
            table: Vec::new(),
            verdicts: Vec::new(),
            history: None,
            nodes_directory: None,
        },
        recorded,
        settled,
    })
}

impl Attacked {
    fn judge(mut self) -> (Report, Vec<Record>) {
        let records = history::records(&self.recorded.ops, &self.recorded.additions);
        self.report.verdicts = verdict::judge(&mut self.recorded, &records, &self.settled);
        self.report.table = table(&self.recorded.tally);
        (self.report, records)
    }
}

/// Waits until all clients have ended. They do soon after the end has come.
async fn join(mut clients: JoinSet<()>) {
    let all = async {
        while let Some(ended) = clients.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    };
    // A client gives up by itself; this is for one that hangs, whose records are then incomplete.
    if tokio::time::timeout(LAST_ANSWERS * 2, all).await.is_err() {
        tracing::error!("a client did not end, and was left behind");
    }
}

fn tick(progress: Progress, clock: SystemClock, recorder: Recorder) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(TICK);
        loop {
            interval.tick().await;
            let elapsed = Duration::from_nanos(clock.now().as_nanos());
            progress.tick(elapsed, recorder.attempts());
        }
    })
}

/// Files that were asked for. Made at the start: that one cannot be written shows before the run.
struct Outputs {
    json: Option<(PathBuf, File)>,
    history: Option<(PathBuf, File)>,
}

impl Outputs {
    fn create(args: &DemoArgs) -> Result<Self, DemoError> {
        let create = |path: &Option<PathBuf>| {
            let create = |path: &PathBuf| match File::create(path) {
                Ok(file) => Ok((path.clone(), file)),
                Err(source) => Err(unwritable(path, source)),
            };
            path.as_ref().map(create).transpose()
        };
        Ok(Self {
            json: create(&args.json)?,
            history: create(&args.history)?,
        })
    }

    /// Writes what was asked for, and, when something is wrong, what helps to find out why.
    fn write(
        self,
        report: &mut Report,
        records: &[Record],
        cluster: &mut Cluster,
    ) -> Result<(), DemoError> {
        let mut history = self.history;
        if report.is_bad() {
            let kept = cluster.keep();
            if let (None, Some(kept)) = (&history, &kept) {
                let path = kept.join("history.jsonl");
                let file = File::create(&path).map_err(|source| unwritable(&path, source))?;
                history = Some((path, file));
            }
            report.nodes_directory = kept;
        }
        if let Some((path, file)) = history {
            let mut out = BufWriter::new(file);
            history::write(records, &mut out)
                .and_then(|()| out.flush())
                .map_err(|source| unwritable(&path, source))?;
            report.history = Some(path);
        }
        if let Some((path, file)) = self.json {
            let mut out = BufWriter::new(file);
            serde_json::to_writer_pretty(&mut out, report)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
                .and_then(|()| out.flush())
                .map_err(|source| unwritable(&path, source))?;
        }
        Ok(())
    }
}

fn unwritable(path: &Path, source: io::Error) -> DemoError {
    DemoError::Output {
        path: path.to_owned(),
        source,
    }
}

/// A number that differs from run to run.
fn arbitrary() -> u64 {
    let wall = SystemClock::wall().as_nanos();
    // Printed and typed in again by people: no more digits than they like to type.
    (wall ^ (u64::from(std::process::id()) << 20)) % 1_000_000_000
}

/// The signals that ask this program to end.
struct Interrupts {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Interrupts {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
