//! What the handles ask of the node's task.

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::apply::Reply;
use crate::read::ReadWork;
use crate::{NodeStatus, ReadLevel, StateMachine};

/// A command with its place in the queue, which it gives free when it is taken.
///
/// The queue itself has no bound, so that its end waits for nobody: a bounded one hands places to
/// waiting callers, and does not end before a caller that nobody polls has used or dropped its own.
pub(crate) type Queued<S> = (Command<S>, Option<OwnedSemaphorePermit>);

pub(crate) enum Command<S: StateMachine> {
    Propose {
        command: Bytes,
        reply: Reply<S::Response>,
    },
    /// A read that needs the leader.
    Read {
        level: ReadLevel,
        work: Box<dyn ReadWork<S>>,
    },
    Status {
        reply: oneshot::Sender<NodeStatus>,
    },
    Shutdown,
}
