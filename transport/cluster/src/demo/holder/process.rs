//! A holder as the demo sees it: a process that can be stopped, and what it has done so far.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::lines::{Line, Origin, RELEASE};
use crate::api::ProblemKind;
use crate::demo::processes::{CONT, STOP, send_signal};
use crate::demo::record::{Action, Change, GuardedWrite, Op, Recorder, Span};
use crate::demo::tally::Row;

/// How long a holder has to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often is looked whether what is waited for is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// How a holder begins.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Begin<'a> {
    pub(in crate::demo) addresses: &'a [String],
    pub(in crate::demo) lease: &'a str,
    pub(in crate::demo) ttl: Duration,
    pub(in crate::demo) key: Arc<str>,
    /// Who it is, in the records: no other client of the run has this number.
    pub(in crate::demo) number: u64,
    pub(in crate::demo) run: u64,
}

/// What a holder has done so far.
#[derive(Clone, Debug, Default)]
pub(in crate::demo) struct Progress {
    /// Its fencing token, once it has the lease.
    pub(in crate::demo) token: Option<u64>,
    /// When it knew that it has the lease.
    pub(in crate::demo) granted: u64,
    /// When it sent the request from which its lease counts.
    pub(in crate::demo) lease_from: u64,
    /// Writes that were made.
    pub(in crate::demo) written: u64,
    /// The revision of the first of them.
    pub(in crate::demo) first_revision: u64,
    /// The revision of the last of them.
    pub(in crate::demo) last_revision: u64,
    /// Whether a write was refused because of its token.
    pub(in crate::demo) refused: bool,
    /// Whether it gave the lease back.
    pub(in crate::demo) released: bool,
}

/// A process that holds a lease. It is killed when this is dropped.
#[derive(Debug)]
pub(in crate::demo) struct Holder {
    child: Child,
    orders: Option<ChildStdin>,
    progress: watch::Receiver<Progress>,
    reader: JoinHandle<()>,
    /// When it was stopped, on the run's clock.
    stopped: Arc<AtomicU64>,
    recorder: Recorder,
}

impl Holder {
    /// Starts one. It asks for the lease at once.
    pub(in crate::demo) fn start(begin: &Begin<'_>, recorder: &Recorder) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("holder")
            .args(["--http", &begin.addresses.join(",")])
            .args(["--lease", begin.lease])
            .args(["--ttl-ms", &begin.ttl.as_millis().to_string()])
            .args(["--key", &begin.key])
            .args(["--number", &begin.number.to_string()])
            .args(["--run", &begin.run.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own, as for the nodes.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let orders = child.stdin.take();
        let said = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (told, progress) = watch::channel(Progress::default());
        let stopped = Arc::new(AtomicU64::new(u64::MAX));
        let listener = Listener {
            recorder: recorder.clone(),
            origin: Origin::of(recorder.clock()),
            session: begin.number,
            key: begin.key.clone(),
            stopped: stopped.clone(),
            told,
            writing: None,
        };
        Ok(Self {
            child,
            orders,
            progress,
            reader: tokio::spawn(listener.listen(said)),
            stopped,
            recorder: recorder.clone(),
        })
    }

    /// What it has done so far.
    pub(in crate::demo) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits until it has done something. `None` when it ended before, or when this is not wanted
    /// any more.
    pub(in crate::demo) async fn until(
        &mut self,
        has_done: impl Fn(&Progress) -> bool,
        unwanted: impl Fn() -> bool,
    ) -> Option<Progress> {
        loop {
            tokio::select! {
                done = self.progress.wait_for(&has_done) => return Some(done.ok()?.clone()),
                () = sleep(LOOK) => if unwanted() {
                    return None;
                }
            }
        }
    }

    /// SIGSTOP: it stands still, wherever it is, until [`go_on`](Self::go_on).
    pub(in crate::demo) fn stop(&self) -> io::Result<()> {
        self.stopped.store(self.recorder.now(), Ordering::Release);
        send_signal(&self.child, STOP)
    }

    /// SIGCONT: it goes on as if no time had passed.
    pub(in crate::demo) fn go_on(&self) -> io::Result<()> {
        send_signal(&self.child, CONT)
    }

    /// Tells it to give the lease back.
    pub(in crate::demo) async fn release(&mut self) {
        if let Some(orders) = &mut self.orders {
            // One that has ended by itself has nothing to give back.
            let _ = orders.write_all(format!("{RELEASE}\n").as_bytes()).await;
            let _ = orders.flush().await;
        }
    }

    /// Lets it end, and returns when everything it did is recorded.
    pub(in crate::demo) async fn end(mut self) {
        // One that is stopped cannot see that its standard input has ended.
        let _ = self.go_on();
        self.orders = None;
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
        let _ = (&mut self.reader).await;
    }
}

/// Writes down what a holder says.
struct Listener {
    recorder: Recorder,
    origin: Origin,
    session: u64,
    key: Arc<str>,
    stopped: Arc<AtomicU64>,
    told: watch::Sender<Progress>,
    /// When it began to write, and what: until it says what came of it.
    writing: Option<(u64, u64)>,
}

impl Listener {
    async fn listen(mut self, said: ChildStdout) {
        let mut lines = BufReader::new(said).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(line) => self.take(line),
                // Half a line is what one leaves that was killed.
                Err(error) => tracing::debug!(%error, line, "a holder is not understood"),
            }
        }
        // What it was doing when it ended may have been done, or may be done later.
        let now = self.recorder.now();
        self.wrote(now, Change::Unknown);
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Attempt {
                call_ns,
                return_ns,
                answered,
            } => {
                let span = Span {
                    call: self.origin.call(call_ns),
                    ret: self.origin.ret(return_ns),
                };
                // How long a holder waited that stood still says nothing of the service.
                let stopped = self.stopped.load(Ordering::Acquire);
                if !(span.call..=span.ret).contains(&stopped) {
                    let phase = self.recorder.phase_at(span.call);
                    // It looks for the leader: it asks no node in particular.
                    self.recorder
                        .attempt(phase, Row::Write, span, answered, false);
                }
            }
            Line::Granted {
                call_ns,
                return_ns,
                token,
            } => {
                let granted = self.origin.ret(return_ns);
                let from = self.origin.call(call_ns);
                self.told.send_modify(|progress| {
                    progress.token = Some(token);
                    progress.granted = granted;
                    progress.lease_from = from;
                });
            }
            Line::Renewed { call_ns } => {
                let from = self.origin.call(call_ns);
                self.told.send_modify(|progress| progress.lease_from = from);
            }
            Line::Writing { call_ns, value } => {
                self.writing = Some((self.origin.call(call_ns), value));
            }
            Line::Written {
                return_ns,
                revision,
            } => {
                self.wrote(self.origin.ret(return_ns), Change::Made(revision));
                let token = self.told.borrow().token.unwrap_or_default();
                self.recorder.guarded(GuardedWrite {
                    key: self.key.clone(),
                    token,
                    revision,
                });
                self.told.send_modify(|progress| {
                    if progress.written == 0 {
                        progress.first_revision = revision;
                    }
                    progress.written += 1;
                    progress.last_revision = revision;
                });
            }
            Line::Refused { return_ns, problem } if problem == "unknown" => {
                self.wrote(self.origin.ret(return_ns), Change::Unknown);
            }
            Line::Refused { problem, .. } => {
                self.writing = None;
                let stale = problem == ProblemKind::StaleToken.name();
                self.told.send_modify(|progress| progress.refused |= stale);
            }
            Line::Released => self.told.send_modify(|progress| progress.released = true),
        }
    }

    /// Records what came of the write that was under way.
    fn wrote(&mut self, ret: u64, result: Change) {
        if let Some((call, value)) = self.writing.take() {
            self.recorder.op(Op {
                session: self.session,
                phase: self.recorder.phase_at(call),
                span: Span { call, ret },
                key: self.key.clone(),
                action: Action::Put { value, result },
            });
        }
    }
}
