//! What a node runs, and what of it survives.

use core::fmt::Debug;
use core::hash::Hash;

use quorate_clocks::{Incarnation, Instant, NodeId};
use quorate_transport::Machine;

/// The message of a process's machine.
pub type MessageOf<P> = <<P as Process>::Machine as Machine>::Message;
/// What a process's machine makes durable.
pub type WriteOf<P> = <<P as Process>::Machine as Machine>::Write;
/// What a process's machine tells.
pub type EventOf<P> = <<P as Process>::Machine as Machine>::Event;

/// What all nodes of a [`World`](crate::World) run: a machine, its disk, and the application around
/// them.
///
/// One value serves all nodes, so it may also keep what an onlooker knows of all of them, for a
/// check to read. Whatever of a node's application does not survive a crash is to be reset in
/// [`start`](Self::start).
pub trait Process {
    /// The machine of a node.
    type Machine: Machine<Message: Clone + Debug + Hash, Write: Clone + Debug + Hash, Event: Debug>
        + Clone;
    /// What is durable on a node. The default is a new, empty disk.
    type Disk: Clone + Default;

    /// A node starts, for the first time or again, from what its disk holds.
    fn start(&mut self, life: Life, disk: &Self::Disk) -> Self::Machine;

    /// A write has become durable.
    fn persist(&mut self, id: NodeId, disk: &mut Self::Disk, write: &WriteOf<Self>);

    /// The machine told something. The answer may be commands on the machine, and what is written
    /// to `disk` here is durable at once. `now` is the node's own clock.
    fn event(
        &mut self,
        id: NodeId,
        machine: &mut Self::Machine,
        disk: &mut Self::Disk,
        event: EventOf<Self>,
        now: Instant,
    );

    /// A message leaves. Encode and decode it here to have the codec in the run, or alter it.
    /// `None` loses it.
    fn carry(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: MessageOf<Self>,
    ) -> Option<MessageOf<Self>> {
        let _ = (from, to);
        Some(message)
    }
}

/// The life of a node that starts.
///
/// ```
/// use quorate_clocks::{Incarnation, Instant, NodeId};
/// use quorate_sim::Life;
///
/// let id = NodeId(1);
/// let life = Life { id, incarnation: Incarnation(1), seed: 42, now: Instant::ORIGIN };
/// assert_eq!(life.id, NodeId(1));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Life {
    /// Which node.
    pub id: NodeId,
    /// Which of its lives, counted from 1.
    pub incarnation: Incarnation,
    /// A seed that no other life has.
    pub seed: u64,
    /// What the node's clock shows.
    pub now: Instant,
}
