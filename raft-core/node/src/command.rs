//! What the handles ask of the node's task.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::apply::Reply;
use crate::read::ReadWork;
use crate::{NodeStatus, ReadLevel, StateMachine};

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
