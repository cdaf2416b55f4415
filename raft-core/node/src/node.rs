//! The handle of a running node.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use bytes::Bytes;
use quorate_clocks::{NodeId, SystemClock};
use quorate_raft_core::{Index, Membership, Message, Position, Raft};
use quorate_raft_log::{Log, Opened};
use quorate_transport::Transport;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::apply::{self, ApplyJob};
use crate::command::{Command, Queued};
use crate::driver::{Driver, Parts};
use crate::read::{Closure, ReadWork};
use crate::staleness::Proof;
use crate::{
    Fault, NodeOptions, NodeStatus, ProposeFailed, ReadAt, ReadFailed, ReadLevel, StartError,
    StateMachine, Stopped, disk,
};

/// Commands on their way from the handles to the node's task. Callers wait when there are more.
const COMMANDS: usize = 1_024;

/// A running member of a cluster. Clones are handles of the same node.
///
/// The node runs until [`shutdown`](Self::shutdown), until the last handle is dropped, or until a
/// [`Fault`]. Either way every future that one of its methods gave ends, and says what is known.
///
/// See the [crate's documentation](crate) for a whole program.
pub struct Node<S: StateMachine> {
    handle: Arc<Handle<S>>,
}

/// How a node ended.
pub(crate) type End = Option<Result<(), Fault>>;

struct Handle<S: StateMachine> {
    id: NodeId,
    clock: SystemClock,
    commands: mpsc::UnboundedSender<Queued<S>>,
    /// Places in the queue of commands.
    places: Arc<Semaphore>,
    /// Only the node's task keeps the apply thread going.
    apply: mpsc::WeakSender<ApplyJob<S>>,
    proof: watch::Receiver<Option<Proof>>,
    status: watch::Receiver<NodeStatus>,
    applied: watch::Receiver<Index>,
    end: watch::Receiver<End>,
    reads: Arc<Semaphore>,
    /// Dropped with the last handle, which ends the node. Futures under way hold no handle.
    _alive: oneshot::Sender<()>,
}

/// The way to the node's task, without a handle that keeps the node alive.
struct Queue<S: StateMachine> {
    commands: mpsc::UnboundedSender<Queued<S>>,
    places: Arc<Semaphore>,
}

impl<S: StateMachine> Handle<S> {
    fn queue(&self) -> Queue<S> {
        Queue {
            commands: self.commands.clone(),
            places: Arc::clone(&self.places),
        }
    }
}

impl<S: StateMachine> Queue<S> {
    /// Puts a command into the queue, once there is a place.
    async fn send(self, command: Command<S>) -> Result<(), Stopped> {
        let place = self.places.acquire_owned().await.map_err(|_| Stopped)?;
        let queued = (command, Some(place));
        self.commands.send(queued).map_err(|_| Stopped)
    }
}

/// What a committed command came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applied<R> {
    /// Where the command is in the log. Its index orders it among all others.
    pub position: Position,
    /// What [`StateMachine::apply`] answered, on this node.
    pub response: R,
}

impl<S: StateMachine> Node<S> {
    /// Starts a member on what [`Log::open`] found, inside of a tokio runtime with time enabled.
    ///
    /// `state` is the state before the first command; a snapshot that the log holds is restored
    /// into it, and what was committed after that is applied again.
    pub fn start<T>(
        options: NodeOptions,
        log: Log,
        opened: Opened,
        transport: T,
        mut state: S,
    ) -> Result<Self, StartError>
    where
        T: Transport<Message = Message> + Send + 'static,
    {
        options.check(&log)?;
        let runtime = Runtime::try_current().map_err(|_| StartError::NoRuntime)?;
        let clock = SystemClock::new();
        let id = options.raft.id;
        let Opened {
            mut recovered,
            snapshot,
            ..
        } = opened;
        let position = match &snapshot {
            None => Position::ZERO,
            Some(snapshot) => {
                let position = snapshot.position;
                state
                    .restore(&snapshot.data)
                    .map_err(|source| StartError::Restore { position, source })?;
                position
            }
        };
        drop(snapshot);
        if recovered.start.index > position.index {
            return Err(StartError::SnapshotMissing {
                start: recovered.start,
            });
        }
        // The state holds what the snapshot does, no more and no less.
        recovered.applied = position.index;
        let raft = Raft::new(options.raft.clone(), recovered, options.seed, clock.now())?;
        let thread = |name| move |source| StartError::Thread { name, source };
        // One load of entries, one snapshot per peer, one save, one purge, and the stop.
        let disk_jobs = Membership::MAX_MEMBERS + 4;
        let (disk_jobs, disk_reports, disk_thread) =
            disk::start(log, id, disk_jobs).map_err(thread("disk"))?;
        let apply = apply::start(state, position, id, clock, options.max_open_reads)
            .map_err(thread("apply"))?;
        let (commands, todo) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(COMMANDS));
        let (alive, gone) = oneshot::channel();
        let (end_told, end) = watch::channel(None);
        let (proof_told, proof) = watch::channel(None);
        let reads = Arc::new(Semaphore::new(options.max_open_reads));
        let apply_jobs = apply.jobs.downgrade();
        let applied = apply.applied.clone();
        let (driver, status) = Driver::new(Parts {
            raft,
            transport,
            clock,
            options,
            snapshot: position.index,
            commands: todo,
            places: Arc::clone(&places),
            gone,
            disk_jobs,
            disk_reports,
            disk_thread,
            apply,
            proof: proof_told,
            end: end_told,
        });
        runtime.spawn(driver.run());
        Ok(Self {
            handle: Arc::new(Handle {
                id,
                clock,
                commands,
                places,
                apply: apply_jobs,
                proof,
                status,
                applied,
                end,
                reads,
                _alive: alive,
            }),
        })
    }

    /// Which member this is.
    pub fn id(&self) -> NodeId {
        self.handle.id
    }

    /// The clock that the node tells Raft, for instants that compare with those of its leases.
    pub fn clock(&self) -> SystemClock {
        self.handle.clock
    }

    /// Appends a command to the replicated log, and gives what applying it answered here.
    ///
    /// The future ends exactly once, when the command is applied or its fate is known. That may
    /// take as long as there is no majority: put a timeout around it. Giving up on the future does
    /// not take the command back. The future holds no handle: it does not keep the node alive.
    pub fn propose(
        &self,
        command: Bytes,
    ) -> impl Future<Output = Result<Applied<S::Response>, ProposeFailed>> + Send + use<S> {
        let queue = self.handle.queue();
        async move {
            let (reply, answer) = oneshot::channel();
            queue
                .send(Command::Propose { command, reply })
                .await
                .map_err(|Stopped| ProposeFailed::Stopped)?;
            // The node may have died between proposing and telling.
            answer.await.unwrap_or(Err(ProposeFailed::Unknown))
        }
    }

    /// Runs `view` on this node's state once that is as current as `level` asks.
    ///
    /// The closure runs on the thread that applies commands: everything waits for it, so it should
    /// copy out what it needs and return. It sees one state, between two commands. A panic in it
    /// is passed on to whoever awaits the read.
    ///
    /// [`ReadLevel::Local`] fails only when the node has stopped, or is overloaded.
    pub fn read<R, F>(
        &self,
        level: ReadLevel,
        view: F,
    ) -> impl Future<Output = Result<R, ReadFailed>> + Send + use<S, R, F>
    where
        R: Send + 'static,
        F: FnOnce(&S, ReadAt) -> R + Send + 'static,
    {
        let place = Arc::clone(&self.handle.reads).try_acquire_owned();
        let queue = self.handle.queue();
        let apply = self.handle.apply.clone();
        let proof = self.handle.proof.clone();
        async move {
            let place = place.map_err(|_| ReadFailed::Overloaded)?;
            let (reply, answer) = oneshot::channel();
            let work: Box<dyn ReadWork<S>> = Box::new(Closure { view, reply, place });
            let taken = if level == ReadLevel::Local {
                let proof = *proof.borrow();
                let read = apply::Read {
                    level,
                    after: Index::ZERO,
                    until: None,
                    proof,
                    work,
                };
                // Its place among the reads is its place in the queue.
                apply
                    .upgrade()
                    .is_some_and(|apply| apply.try_send(ApplyJob::Read(read)).is_ok())
            } else {
                queue.send(Command::Read { level, work }).await.is_ok()
            };
            if !taken {
                return Err(ReadFailed::Stopped);
            }
            drop((apply, proof));
            match answer.await {
                Ok(Ok(Ok(value))) => Ok(value),
                Ok(Ok(Err(panic))) => resume_unwind(panic),
                Ok(Err(failed)) => Err(failed),
                Err(_) => Err(ReadFailed::Stopped),
            }
        }
    }

    /// Waits until the entry at `index`, and all before it, are applied here. For a client that has
    /// seen a write at `index` elsewhere and wants to read it here.
    pub fn wait_applied(
        &self,
        index: Index,
    ) -> impl Future<Output = Result<(), Stopped>> + Send + use<S> {
        let mut applied = self.handle.applied.clone();
        async move {
            let reached = applied.wait_for(|applied| *applied >= index).await;
            reached.map(|_| ()).map_err(|_| Stopped)
        }
    }

    /// Waits until a leader is known, and gives it. It may be this node, and may have lost its
    /// leadership by the time that it is used.
    pub fn leader(&self) -> impl Future<Output = Result<NodeId, Stopped>> + Send + use<S> {
        let mut status = self.subscribe();
        async move {
            loop {
                let (leader, stopped) = {
                    let status = status.borrow_and_update();
                    (status.raft.leader, status.stopped)
                };
                match leader {
                    _ if stopped => return Err(Stopped),
                    Some(leader) => return Ok(leader),
                    None => status.changed().await.map_err(|_| Stopped)?,
                }
            }
        }
    }

    /// The status that was published last: the role at once, the rest within 50 ms.
    pub fn status(&self) -> NodeStatus {
        self.handle.status.borrow().clone()
    }

    /// The status as of now, from the node's task itself.
    pub fn fresh_status(
        &self,
    ) -> impl Future<Output = Result<NodeStatus, Stopped>> + Send + use<S> {
        let queue = self.handle.queue();
        async move {
            let (reply, answer) = oneshot::channel();
            queue.send(Command::Status { reply }).await?;
            answer.await.map_err(|_| Stopped)
        }
    }

    /// Every status that is published, to wait for one.
    pub fn subscribe(&self) -> watch::Receiver<NodeStatus> {
        self.handle.status.clone()
    }

    /// Stops the node: takes nothing more, makes durable and applies what can be, answers everyone,
    /// and gives the log's directory and the transport free. An error is the fault that had ended
    /// it before.
    pub async fn shutdown(&self) -> Result<(), Fault> {
        // Not behind those who wait for a place. A closed queue means that it is stopping already.
        let _ = self.handle.commands.send((Command::Shutdown, None));
        self.ended().await
    }

    /// Waits until the node has ended, and gives the fault if it was one.
    pub async fn failed(&self) -> Option<Fault> {
        self.ended().await.err()
    }

    async fn ended(&self) -> Result<(), Fault> {
        let mut end = self.handle.end.clone();
        let end = end.wait_for(Option::is_some).await;
        match end.as_deref() {
            Ok(Some(end)) => end.clone(),
            _ => Err(Fault::Abandoned),
        }
    }
}

impl<S: StateMachine> Clone for Node<S> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<S: StateMachine> fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.handle.id)
            .finish_non_exhaustive()
    }
}
