//! How current a read is to be, and how current it was.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use quorate_raft_core::Index;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::ReadFailed;

/// How current a read is to be.
///
/// ```
/// # use bytes::Bytes;
/// # use quorate_clocks::NodeId;
/// # use quorate_raft_core::{Config, Index, Message};
/// # use quorate_raft_log::{Log, LogOptions};
/// # use quorate_raft_node::{Node, NodeOptions, RestoreError, StateMachine};
/// # use quorate_transport::Memory;
/// use quorate_raft_node::{ReadAt, ReadLevel};
///
/// # struct Count(u64);
/// # impl StateMachine for Count {
/// #     type Response = ();
/// #     fn apply(&mut self, _: Index, _: &Bytes) { self.0 += 1 }
/// #     fn snapshot(&self) -> Bytes { Bytes::new() }
/// #     fn restore(&mut self, _: &Bytes) -> Result<(), RestoreError> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let (log, opened) = Log::open(directory.path(), LogOptions::default())?;
/// # let transport = Memory::<Message>::mesh([NodeId(1)], 1).remove(0);
/// # let options = NodeOptions::new(Config::new(NodeId(1), [NodeId(1)]));
/// # let node = Node::start(options, log, opened, transport, Count(0))?;
/// # node.leader().await?;
/// let applied = node.propose("add one".into()).await?;
/// let look = |count: &Count, at: ReadAt| (count.0, at);
/// let (count, at) = node.read(ReadLevel::Linearizable, look).await?;
/// assert_eq!((count, at.level_served), (1, ReadLevel::Linearizable));
/// assert!(at.applied >= applied.position.index && at.staleness.is_some());
/// # node.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ReadLevel {
    /// Sees every command that was answered before the read began, whatever clocks do. Only the
    /// leader can, and it asks a majority: one round trip, shared by all reads that wait.
    Linearizable,
    /// The same, without asking anyone while the leader holds a lease. Sound as long as clocks run
    /// within [`Config::clock_drift_ppm`](quorate_raft_core::Config::clock_drift_ppm). Without a
    /// lease it becomes [`Linearizable`](Self::Linearizable).
    Lease,
    /// Whatever this node has applied. Any node serves it, also one that is cut off.
    Local,
}

/// What a read saw. [`ReadLevel`] has an example.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReadAt {
    /// Every command up to here is in what was read, and none after it.
    pub applied: Index,
    /// The level that was really served: `Linearizable` when there was no lease. A lease that runs
    /// out while the closure runs is made good by asking a majority after all, before the read
    /// is answered; the closure has then been told `Lease`.
    pub level_served: ReadLevel,
    /// At most how stale what was read is: everything that was acknowledged to anyone so long ago,
    /// or earlier, is in it. `None` while nothing is proved, since a start or for want of a leader.
    ///
    /// It is a proof at every level and on every member, and assumes nothing but this machine's
    /// clock rate (see [`Raft::current_as_of`](quorate_raft_core::Raft::current_as_of)). On a
    /// follower it is two to three heartbeat intervals and a round trip while all goes well, and
    /// grows on one that is cut off or lags.
    pub staleness: Option<Duration>,
}

/// Tells a read's caller the outcome, after the closure ran.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), ReadFailed>) + Send>;

/// A read with its closure and its caller, of whatever type.
pub(crate) trait ReadWork<S>: Send {
    /// Runs the closure, and keeps what it gave until it is known to be right.
    fn run(self: Box<Self>, state: &S, at: ReadAt) -> Answer;

    /// Ends the read without running the closure.
    fn fail(self: Box<Self>, error: ReadFailed);
}

/// What the caller of a read waits for. A panic of the closure goes back to who brought it.
pub(crate) type Outcome<R> = Result<thread::Result<R>, ReadFailed>;

pub(crate) struct Closure<F, R> {
    pub(crate) view: F,
    pub(crate) reply: oneshot::Sender<Outcome<R>>,
    /// The read's place among those that may be open.
    pub(crate) place: OwnedSemaphorePermit,
}

impl<S, F, R> ReadWork<S> for Closure<F, R>
where
    F: FnOnce(&S, ReadAt) -> R + Send,
    R: Send + 'static,
{
    fn run(self: Box<Self>, state: &S, at: ReadAt) -> Answer {
        let Self { view, reply, place } = *self;
        // The closure can only look at the state, so its panic leaves nothing half done.
        let value = catch_unwind(AssertUnwindSafe(|| view(state, at)));
        Box::new(move |outcome| {
            // Who has the answer may ask again at once.
            drop(place);
            // Nobody may be waiting any more, which is their right.
            let _ = reply.send(outcome.map(|()| value));
        })
    }

    fn fail(self: Box<Self>, error: ReadFailed) {
        drop(self.place);
        let _ = self.reply.send(Err(error));
    }
}
