//! The node's task: it owns the core and the transport, and moves what goes in and out of them.
//!
//! It never waits for the disk or for the state machine. What goes to them is counted, and when
//! enough is on its way, the rest stays in the core, which tolerates being drained late.

mod end;
mod inputs;
mod outputs;
mod reads;
mod sizes;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use quorate_clocks::{Instant, NodeId, SystemClock};
use quorate_raft_core::{Event, Index, Message, Position, Raft, ReadTicket, Role, Term};
use quorate_transport::{Received, Transport};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::coop::consume_budget;
use tokio::time::{Sleep, sleep};

use crate::apply::{ApplyHandle, ApplyReport, Reply};
use crate::command::Queued;
use crate::disk::{DiskJob, DiskReport};
use crate::node::End;
use crate::staleness::Proof;
use crate::status::Counters;
use crate::{Fault, NodeOptions, NodeStatus, StateMachine};
use reads::WaitingRead;
use sizes::Sizes;

/// What a driver is made of.
pub(crate) struct Parts<S: StateMachine, T> {
    pub(crate) raft: Raft,
    pub(crate) transport: T,
    pub(crate) clock: SystemClock,
    pub(crate) options: NodeOptions,
    /// The last entry in the newest durable snapshot.
    pub(crate) snapshot: Index,
    pub(crate) commands: mpsc::UnboundedReceiver<Queued<S>>,
    /// Closed when nothing is taken any more.
    pub(crate) places: Arc<Semaphore>,
    /// Ends when the last handle is gone.
    pub(crate) gone: oneshot::Receiver<()>,
    pub(crate) disk_jobs: mpsc::Sender<DiskJob>,
    pub(crate) disk_reports: mpsc::Receiver<DiskReport>,
    pub(crate) disk_thread: JoinHandle<()>,
    pub(crate) apply: ApplyHandle<S>,
    pub(crate) proof: watch::Sender<Option<Proof>>,
    pub(crate) end: watch::Sender<End>,
}

pub(crate) struct Driver<S: StateMachine, T> {
    raft: Raft,
    transport: T,
    clock: SystemClock,
    options: NodeOptions,
    /// When this turn of the loop began.
    now: Instant,
    stopping: bool,
    fault: Option<Fault>,

    commands: mpsc::UnboundedReceiver<Queued<S>>,
    places: Arc<Semaphore>,
    gone: oneshot::Receiver<()>,
    /// Inputs of this turn. The buffers are kept from turn to turn.
    received: Vec<Received<Message>>,
    taken: Vec<Queued<S>>,
    disk_reports: Vec<DiskReport>,
    apply_reports: Vec<ApplyReport<S>>,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to.
    timer_at: Instant,

    disk: DiskSide,
    apply: ApplySide<S>,
    snapshots: Snapshots,

    /// Proposals whose fate is open.
    open: BTreeMap<Position, Reply<S::Response>>,
    /// Reads that a majority is asked about.
    reads: BTreeMap<ReadTicket, WaitingRead<S>>,

    /// What the world was last told of this node's place in the cluster.
    told_role: (Role, Term, Option<NodeId>),
    counters: Counters,
    status: watch::Sender<NodeStatus>,
    published_at: Instant,
    publish_at: Option<Instant>,
    proof: watch::Sender<Option<Proof>>,
    /// When a refusal of the transport that no retry mends was last warned of.
    warned_at: Option<Instant>,
    end: watch::Sender<End>,
}

/// The disk thread, and what it was given to do.
struct DiskSide {
    jobs: mpsc::Sender<DiskJob>,
    reports: mpsc::Receiver<DiskReport>,
    thread: Option<JoinHandle<()>>,
    writes: usize,
    others: usize,
    /// Followers that the newest snapshot is being read for.
    snapshots_for: BTreeSet<NodeId>,
}

/// The apply thread, and what it was given to do.
struct ApplySide<S: StateMachine> {
    handle: Option<JoinHandle<()>>,
    jobs: mpsc::Sender<crate::apply::ApplyJob<S>>,
    reports: mpsc::Receiver<ApplyReport<S>>,
    batches: usize,
    /// What found no room. Nothing is taken out of the core before it is gone.
    held: Option<Event>,
    applied: Index,
}

/// Where this node is with its own snapshots.
struct Snapshots {
    /// The last entry in the newest snapshot that is, or is being made, durable.
    newest: Index,
    /// The last entry in the newest durable snapshot.
    durable: Index,
    /// One is being taken, saved, or the log behind it purged.
    busy: bool,
    /// How much of the log is behind them.
    sizes: Sizes,
}

impl<S, T> Driver<S, T>
where
    S: StateMachine,
    T: Transport<Message = Message>,
{
    pub(crate) fn new(parts: Parts<S, T>) -> (Self, watch::Receiver<NodeStatus>) {
        let Parts { raft, clock, .. } = parts;
        let now = clock.now();
        let counters = Counters::default();
        let (status, published) = watch::channel(NodeStatus {
            raft: raft.status(),
            applied: parts.snapshot,
            snapshot: parts.snapshot,
            open_proposals: 0,
            open_reads: 0,
            counters,
            stopped: false,
        });
        let driver = Self {
            told_role: (raft.role(), raft.term(), raft.leader()),
            raft,
            transport: parts.transport,
            clock,
            now,
            stopping: false,
            fault: None,
            commands: parts.commands,
            places: parts.places,
            gone: parts.gone,
            received: Vec::new(),
            taken: Vec::new(),
            disk_reports: Vec::new(),
            apply_reports: Vec::new(),
            timer: Box::pin(sleep(std::time::Duration::ZERO)),
            timer_at: now,
            disk: DiskSide {
                jobs: parts.disk_jobs,
                reports: parts.disk_reports,
                thread: Some(parts.disk_thread),
                writes: 0,
                others: 0,
                snapshots_for: BTreeSet::new(),
            },
            apply: ApplySide {
                handle: Some(parts.apply.thread),
                jobs: parts.apply.jobs,
                reports: parts.apply.reports,
                batches: 0,
                held: None,
                applied: parts.snapshot,
            },
            snapshots: Snapshots {
                newest: parts.snapshot,
                durable: parts.snapshot,
                busy: false,
                sizes: Sizes::new(parts.options.snapshot_every_bytes.max(1)),
            },
            options: parts.options,
            open: BTreeMap::new(),
            reads: BTreeMap::new(),
            counters,
            status,
            published_at: now,
            publish_at: None,
            proof: parts.proof,
            warned_at: None,
            end: parts.end,
        };
        (driver, published)
    }

    pub(crate) async fn run(mut self) {
        while !self.stopping && self.fault.is_none() {
            self.drain();
            self.tell_proof();
            self.publish_when_due();
            self.set_timer();
            poll_fn(|cx| self.poll_inputs(cx)).await;
            self.take_inputs();
            // A transport that always has more must not keep the runtime's thread to itself.
            consume_budget().await;
        }
        self.finish().await;
    }
}
