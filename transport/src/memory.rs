//! A transport inside one process.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_clocks::NodeId;

use crate::{Lane, Received, Refused, Transmit, Transport};

/// One endpoint of a transport inside one process.
///
/// [`mesh`](Self::mesh) makes one endpoint per node. Each goes to the thread or task that drives
/// that node. Nothing is lost, doubled or reordered within a lane, which is more than
/// [`Transport`] promises; an urgent message is received before a waiting bulk one.
///
/// Every node has a queue per lane, of the capacity that the mesh was made with; a full one refuses
/// ([`Refused::Full`]). Dropping an endpoint is the crash of its node: what waits for it is lost,
/// and sending to it is refused ([`Refused::Unreachable`]) until it [`rejoin`](Self::rejoin)s.
///
/// It is usable from a plain loop with [`try_recv`](Self::try_recv), and from any async runtime with
/// `core::future::poll_fn(|cx| endpoint.poll_recv(cx))`.
///
/// ```
/// use quorate_clocks::NodeId;
/// use quorate_transport::{Lane, Memory, Refused, Transmit, Transport};
///
/// let mut mesh = Memory::mesh([NodeId(1), NodeId(2)], 1);
/// let mut two = mesh.pop().unwrap();
/// let mut one = mesh.pop().unwrap();
///
/// let hello = Transmit { to: NodeId(2), lane: Lane::Log, message: "hello" };
/// assert_eq!(one.send(hello.clone()), Ok(()));
/// // There is room for one. The message comes back, and may be sent later.
/// assert_eq!(one.send(hello.clone()), Err(Refused::Full(hello)));
///
/// let received = two.try_recv().unwrap();
/// assert_eq!((received.from, received.message), (NodeId(1), "hello"));
/// assert_eq!(two.try_recv(), None);
/// ```
pub struct Memory<M> {
    id: NodeId,
    hub: Arc<Hub<M>>,
}

impl<M> Memory<M> {
    /// One endpoint per id, in the order of the ids, each with room for `capacity` messages per
    /// lane. An id that comes twice counts once.
    pub fn mesh(ids: impl IntoIterator<Item = NodeId>, capacity: usize) -> Vec<Self> {
        let mailboxes: BTreeMap<_, _> = ids
            .into_iter()
            .map(|id| (id, Mutex::new(Mailbox::open())))
            .collect();
        let hub = Arc::new(Hub {
            capacity,
            mailboxes,
        });
        hub.mailboxes
            .keys()
            .map(|id| Self {
                id: *id,
                hub: Arc::clone(&hub),
            })
            .collect()
    }

    /// Whose endpoint this is.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The next message that has arrived, without waiting.
    pub fn try_recv(&mut self) -> Option<Received<M>> {
        self.hub.lock(self.id)?.pop()
    }

    /// A new and empty endpoint for a node of the mesh whose endpoint was dropped. Nothing when
    /// the node is not of the mesh, or its endpoint still lives.
    pub fn rejoin(&self, id: NodeId) -> Option<Self> {
        let mut mailbox = self.hub.lock(id)?;
        if mailbox.open {
            return None;
        }
        *mailbox = Mailbox::open();
        Some(Self {
            id,
            hub: Arc::clone(&self.hub),
        })
    }
}

impl<M> Transport for Memory<M> {
    type Message = M;

    fn send(&mut self, transmit: Transmit<M>) -> Result<(), Refused<M>> {
        if transmit.to == self.id {
            return Err(Refused::UnknownPeer(transmit));
        }
        let Some(mut mailbox) = self.hub.lock(transmit.to) else {
            return Err(Refused::UnknownPeer(transmit));
        };
        if !mailbox.open {
            return Err(Refused::Unreachable(transmit));
        }
        let queue = mailbox.queue(transmit.lane);
        if queue.len() >= self.hub.capacity {
            return Err(Refused::Full(transmit));
        }
        queue.push_back(Received {
            from: self.id,
            message: transmit.message,
        });
        let waker = mailbox.waker.take();
        // A waker may run anything, this very mailbox included: never under the lock.
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<M>> {
        let Some(mut mailbox) = self.hub.lock(self.id) else {
            return Poll::Pending;
        };
        if let Some(received) = mailbox.pop() {
            return Poll::Ready(received);
        }
        match &mut mailbox.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<M> Drop for Memory<M> {
    fn drop(&mut self) {
        let closed = self
            .hub
            .lock(self.id)
            .map(|mut mailbox| core::mem::replace(&mut *mailbox, Mailbox::closed()));
        // Messages and wakers are dropped outside of the lock: their drops may run anything.
        drop(closed);
    }
}

impl<M> fmt::Debug for Memory<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

struct Hub<M> {
    capacity: usize,
    mailboxes: BTreeMap<NodeId, Mutex<Mailbox<M>>>,
}

impl<M> Hub<M> {
    fn lock(&self, id: NodeId) -> Option<MutexGuard<'_, Mailbox<M>>> {
        // No code of others runs under the lock, so a poisoned one still guards a whole mailbox.
        let mailbox = self.mailboxes.get(&id)?;
        Some(mailbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Mailbox<M> {
    open: bool,
    urgent: VecDeque<Received<M>>,
    log: VecDeque<Received<M>>,
    bulk: VecDeque<Received<M>>,
    waker: Option<Waker>,
}

impl<M> Mailbox<M> {
    const fn open() -> Self {
        Self {
            open: true,
            urgent: VecDeque::new(),
            log: VecDeque::new(),
            bulk: VecDeque::new(),
            waker: None,
        }
    }

    const fn closed() -> Self {
        let mut mailbox = Self::open();
        mailbox.open = false;
        mailbox
    }

    const fn queue(&mut self, lane: Lane) -> &mut VecDeque<Received<M>> {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Log => &mut self.log,
            Lane::Bulk => &mut self.bulk,
        }
    }

    fn pop(&mut self) -> Option<Received<M>> {
        Lane::ALL
            .into_iter()
            .find_map(|lane| self.queue(lane).pop_front())
    }
}
