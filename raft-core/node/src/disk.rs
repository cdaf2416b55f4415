//! The thread that owns the log: many writes, one sync.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use quorate_clocks::NodeId;
use quorate_raft_core::{Entry, Index, Persist, Position, Snapshot};
use quorate_raft_log::{Log, ReadError, WriteError};
use quorate_transport::{Receipt, Write};
use tokio::sync::mpsc;

use crate::Fault;

/// Writes that may be on their way to the disk. While it syncs, the core gathers what comes into
/// few, large ones.
pub(crate) const MAX_WRITES: usize = 32;

/// What the log is to do.
#[derive(Debug)]
pub(crate) enum DiskJob {
    Write(Write<Persist>),
    /// Bring entries that have left the core's memory.
    Load {
        from: Index,
        to: Index,
        max_bytes: usize,
    },
    /// Bring the newest snapshot, for a follower.
    LoadSnapshot {
        to: NodeId,
    },
    /// Make a snapshot of this node's own state durable.
    Save(Snapshot),
    /// Forget entries that a snapshot covers.
    Purge {
        through: Index,
    },
    /// Sync, and end.
    Stop,
}

/// What the log has done.
#[derive(Debug)]
pub(crate) enum DiskReport {
    /// Everything up to `receipt` is durable, after one sync.
    Written {
        receipt: Receipt,
        writes: usize,
        entries: u64,
        bytes: u64,
    },
    Loaded {
        from: Index,
        entries: Vec<Entry>,
    },
    SnapshotLoaded {
        to: NodeId,
        snapshot: Option<Snapshot>,
    },
    Saved {
        position: Position,
        bytes: u64,
    },
    Purged,
    /// Nothing more will be done.
    Failed(Fault),
}

/// Starts the thread. `others` is how many jobs besides writes may wait at once.
pub(crate) fn start(
    log: Log,
    id: NodeId,
    others: usize,
) -> io::Result<(
    mpsc::Sender<DiskJob>,
    mpsc::Receiver<DiskReport>,
    JoinHandle<()>,
)> {
    let capacity = MAX_WRITES + others;
    let (jobs, todo) = mpsc::channel(capacity);
    // Each job makes at most one report, so there is always room and the disk never waits.
    let (done, reports) = mpsc::channel(capacity + 1);
    let disk = Disk {
        log,
        todo,
        batch: Batch::default(),
        loads: Vec::new(),
        done,
    };
    let thread = Builder::new()
        .name(format!("quorate-disk-{}", id.0))
        .spawn(move || disk.run())?;
    Ok((jobs, reports, thread))
}

// The log goes first when a disk is dropped: once the reports end, its directory is free.
struct Disk {
    log: Log,
    todo: mpsc::Receiver<DiskJob>,
    batch: Batch,
    /// Loads of this turn. They wait for its sync: who waits for that is more.
    loads: Vec<DiskJob>,
    done: mpsc::Sender<DiskReport>,
}

/// Writes that the next sync makes durable.
#[derive(Debug, Default)]
struct Batch {
    last: Option<Receipt>,
    writes: usize,
    entries: u64,
    bytes: u64,
}

impl Disk {
    fn run(mut self) {
        let mut goes_on = true;
        while goes_on {
            let Some(job) = self.todo.blocking_recv() else {
                return;
            };
            goes_on = match self.turn(job) {
                Ok(goes_on) => goes_on,
                Err(fault) => {
                    tracing::warn!(error = %fault, "the log has failed, and the node stops");
                    self.report(DiskReport::Failed(fault));
                    false
                }
            };
        }
    }

    /// Does everything that waits: all writes with one sync.
    fn turn(&mut self, first: DiskJob) -> Result<bool, Fault> {
        let mut goes_on = true;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                DiskJob::Write(write) => self.write(&write)?,
                load @ (DiskJob::Load { .. } | DiskJob::LoadSnapshot { .. }) => {
                    self.loads.push(load);
                }
                // These keep their place among the writes: a leader's snapshot that is written
                // later must be the newest.
                DiskJob::Save(snapshot) => {
                    self.sync()?;
                    self.save(&snapshot)?;
                }
                DiskJob::Purge { through } => {
                    self.sync()?;
                    self.log
                        .purge(through)
                        .map_err(|source| failed_write("forget compacted entries", source))?;
                    self.report(DiskReport::Purged);
                }
                DiskJob::Stop => {
                    goes_on = false;
                    break;
                }
            }
            next = self.todo.try_recv().ok();
        }
        self.sync()?;
        for load in std::mem::take(&mut self.loads) {
            self.load(load)?;
        }
        Ok(goes_on)
    }

    fn write(&mut self, write: &Write<Persist>) -> Result<(), Fault> {
        self.log
            .write(&write.what)
            .map_err(|source| failed_write("take a write", source))?;
        let batch = &mut self.batch;
        batch.last = Some(write.receipt);
        batch.writes += 1;
        batch.entries += write.what.entries.len() as u64;
        let entries = write.what.entries.iter();
        let payloads: usize = entries.map(|entry| entry.payload.len()).sum();
        let snapshot = write.what.snapshot.as_ref();
        batch.bytes += (payloads + snapshot.map_or(0, |snapshot| snapshot.data.len())) as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let batch = std::mem::take(&mut self.batch);
        let Some(receipt) = batch.last else {
            return Ok(());
        };
        self.log
            .sync()
            .map_err(|source| failed_write("make writes durable", source))?;
        self.report(DiskReport::Written {
            receipt,
            writes: batch.writes,
            entries: batch.entries,
            bytes: batch.bytes,
        });
        Ok(())
    }

    fn save(&mut self, snapshot: &Snapshot) -> Result<(), Fault> {
        self.log
            .save_snapshot(snapshot)
            .map_err(|source| failed_write("save a snapshot", source))?;
        self.report(DiskReport::Saved {
            position: snapshot.position,
            bytes: snapshot.data.len() as u64,
        });
        Ok(())
    }

    fn load(&mut self, job: DiskJob) -> Result<(), Fault> {
        let report = match job {
            DiskJob::Load {
                from,
                to,
                max_bytes,
            } => {
                let entries = self.log.entries(from, to, max_bytes);
                let entries = entries.map_err(|source| failed_read("read entries", source))?;
                DiskReport::Loaded { from, entries }
            }
            DiskJob::LoadSnapshot { to } => {
                let snapshot = self.log.latest_snapshot();
                let snapshot = snapshot.map_err(|source| failed_read("read a snapshot", source))?;
                DiskReport::SnapshotLoaded { to, snapshot }
            }
            _ => return Ok(()),
        };
        self.report(report);
        Ok(())
    }

    fn report(&self, report: DiskReport) {
        // Nobody listens once the node's task is gone. Then the jobs end, too.
        let _ = self.done.blocking_send(report);
    }
}

fn failed_write(doing: &'static str, source: WriteError) -> Fault {
    Fault::Write {
        doing,
        source: Arc::new(source),
    }
}

fn failed_read(doing: &'static str, source: ReadError) -> Fault {
    Fault::Read {
        doing,
        source: Arc::new(source),
    }
}
