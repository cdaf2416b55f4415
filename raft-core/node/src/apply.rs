//! The thread that owns the application's state: applies, reads, takes and restores snapshots.

use std::collections::BTreeMap;
use std::io;
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use quorate_clocks::{Instant, NodeId, SystemClock};
use quorate_raft_core::{Entry, Index, Payload, Position, Snapshot};
use tokio::sync::{mpsc, oneshot, watch};

use crate::read::{Answer, ReadWork};
use crate::staleness::{Evidence, Proof};
use crate::{Applied, Fault, ProposeFailed, ReadAt, ReadLevel, StateMachine};

/// Batches of committed entries that may wait for the state machine. More stay in the core.
pub(crate) const MAX_BATCHES: usize = 8;

/// Where the answer to a proposal goes.
pub(crate) type Reply<R> = oneshot::Sender<Result<Applied<R>, ProposeFailed>>;

/// What the state machine is to do.
pub(crate) enum ApplyJob<S: StateMachine> {
    Apply(Vec<(Entry, Option<Reply<S::Response>>)>),
    Restore(Snapshot),
    TakeSnapshot,
    Read(Read<S>),
    Stop,
}

/// A read that is on its way to the state.
pub(crate) struct Read<S> {
    pub(crate) level: ReadLevel,
    /// What must be applied first.
    pub(crate) after: Index,
    /// When the lease runs out on whose word it is served.
    pub(crate) until: Option<Instant>,
    pub(crate) proof: Option<Proof>,
    pub(crate) work: Box<dyn ReadWork<S>>,
}

/// What the state machine has done.
pub(crate) enum ApplyReport<S> {
    Applied {
        index: Index,
    },
    Restored {
        position: Position,
    },
    SnapshotTaken {
        position: Position,
        data: Bytes,
    },
    /// The lease ran out before the closure ran.
    LeaseOver(Box<dyn ReadWork<S>>),
    /// The lease ran out while the closure ran.
    LeaseOverAfter(Answer),
    /// Nothing more will be done.
    Failed(Fault),
}

/// What the handles and the core hold of the thread.
pub(crate) struct ApplyHandle<S: StateMachine> {
    pub(crate) jobs: mpsc::Sender<ApplyJob<S>>,
    pub(crate) reports: mpsc::Receiver<ApplyReport<S>>,
    pub(crate) applied: watch::Receiver<Index>,
    pub(crate) thread: JoinHandle<()>,
}

/// Starts the thread on a state that holds everything up to `position`.
pub(crate) fn start<S: StateMachine>(
    state: S,
    position: Position,
    id: NodeId,
    clock: SystemClock,
    max_reads: usize,
) -> io::Result<ApplyHandle<S>> {
    // Reads and batches are counted before they are sent, so there is room for each.
    let capacity = MAX_BATCHES + max_reads + 2;
    let (jobs, todo) = mpsc::channel(capacity);
    let (done, reports) = mpsc::channel(capacity);
    let (told, applied) = watch::channel(position.index);
    let apply = Apply {
        state,
        position,
        clock,
        todo,
        done,
        told,
        waiting: BTreeMap::new(),
        next_waiting: 0,
        evidence: Evidence::default(),
    };
    let thread = Builder::new()
        .name(format!("quorate-apply-{}", id.0))
        .spawn(move || apply.run())?;
    Ok(ApplyHandle {
        jobs,
        reports,
        applied,
        thread,
    })
}

struct Apply<S: StateMachine> {
    state: S,
    /// The last entry that is in the state.
    position: Position,
    clock: SystemClock,
    todo: mpsc::Receiver<ApplyJob<S>>,
    done: mpsc::Sender<ApplyReport<S>>,
    told: watch::Sender<Index>,
    /// Reads whose index is not applied yet, in the order of their indexes.
    waiting: BTreeMap<(Index, u64), Read<S>>,
    next_waiting: u64,
    evidence: Evidence,
}

/// What still waits is dropped, so that who asked for it hears that the node has stopped. The
/// handles keep the queue itself, and a read that races its end would stay in it.
impl<S: StateMachine> Drop for Apply<S> {
    fn drop(&mut self) {
        self.todo.close();
        while self.todo.blocking_recv().is_some() {}
    }
}

impl<S: StateMachine> Apply<S> {
    fn run(mut self) {
        while let Some(job) = self.todo.blocking_recv() {
            match job {
                ApplyJob::Apply(batch) => self.apply(batch),
                ApplyJob::Restore(snapshot) => {
                    if let Err(fault) = self.restore(&snapshot) {
                        tracing::warn!(error = %fault, "the node stops");
                        self.report(ApplyReport::Failed(fault));
                        return;
                    }
                }
                ApplyJob::TakeSnapshot => {
                    let position = self.position;
                    let data = self.state.snapshot();
                    self.report(ApplyReport::SnapshotTaken { position, data });
                }
                ApplyJob::Read(read) => self.take_read(read),
                ApplyJob::Stop => return,
            }
        }
    }

    fn apply(&mut self, batch: Vec<(Entry, Option<Reply<S::Response>>)>) {
        for (entry, reply) in batch {
            let position = entry.position;
            let response = command(&entry).map(|command| self.state.apply(position.index, command));
            self.position = position;
            if let (Some(response), Some(reply)) = (response, reply) {
                // Who no longer waits has given up the answer, not the command.
                let _ = reply.send(Ok(Applied { position, response }));
            }
        }
        self.moved_on();
        let index = self.position.index;
        self.report(ApplyReport::Applied { index });
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Fault> {
        let position = snapshot.position;
        self.state
            .restore(&snapshot.data)
            .map_err(|source| Fault::Restore { position, source })?;
        self.position = position;
        self.moved_on();
        self.report(ApplyReport::Restored { position });
        Ok(())
    }

    /// More is applied: tells who waits for it.
    fn moved_on(&mut self) {
        let applied = self.position.index;
        self.told.send_replace(applied);
        self.evidence.applied(applied);
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > applied {
                break;
            }
            let read = first.remove();
            self.serve(read);
        }
    }

    fn take_read(&mut self, read: Read<S>) {
        if read.after <= self.position.index {
            self.serve(read);
        } else {
            self.waiting.insert((read.after, self.next_waiting), read);
            self.next_waiting += 1;
        }
    }

    fn serve(&mut self, read: Read<S>) {
        self.evidence.note(read.proof, self.position.index);
        let now = self.clock.now();
        if read.until.is_some_and(|until| now >= until) {
            self.report(ApplyReport::LeaseOver(read.work));
            return;
        }
        let at = ReadAt {
            applied: self.position.index,
            level_served: read.level,
            staleness: self.evidence.age(now),
        };
        let answer = read.work.run(&self.state, at);
        if read.until.is_some_and(|until| self.clock.now() >= until) {
            self.report(ApplyReport::LeaseOverAfter(answer));
        } else {
            answer(Ok(()));
        }
    }

    fn report(&self, report: ApplyReport<S>) {
        // Nobody listens once the node's task is gone. Then the jobs end, too.
        let _ = self.done.blocking_send(report);
    }
}

fn command(entry: &Entry) -> Option<&Bytes> {
    match &entry.payload {
        Payload::Command(command) => Some(command),
        _ => None,
    }
}
