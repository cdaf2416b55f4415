//! Messages that have arrived and wait to be received, bounded in number and, per peer, in bytes.

use std::sync::Arc;
use std::task::{Context, Poll};

use quorate_transport::Received;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The receiving end of the queue of one lane group.
pub(crate) struct Inbox<M>(mpsc::Receiver<Arrived<M>>);

/// The end at which the connections put messages in.
pub(crate) struct Arrivals<M>(mpsc::Sender<Arrived<M>>);

struct Arrived<M> {
    received: Received<M>,
    /// Gives the bytes back to the peer's allowance.
    _held: OwnedSemaphorePermit,
}

pub(crate) fn inbox<M>(frames: usize) -> (Arrivals<M>, Inbox<M>) {
    let (sender, receiver) = mpsc::channel(frames);
    (Arrivals(sender), Inbox(receiver))
}

impl<M> Inbox<M> {
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<M>>> {
        self.0
            .poll_recv(cx)
            .map(|arrived| arrived.map(|arrived| arrived.received))
    }
}

impl<M> Arrivals<M> {
    /// Puts a message in, when the queue has room for one more. An error when the inbox is gone.
    pub(crate) async fn put(
        &self,
        received: Received<M>,
        held: OwnedSemaphorePermit,
    ) -> Result<(), ()> {
        let arrived = Arrived {
            received,
            _held: held,
        };
        self.0.send(arrived).await.map_err(|_| ())
    }
}

/// How many bytes of one peer's messages may wait in one inbox.
///
/// It outlives the connections, so that a peer does not get more by dialing again.
pub(crate) struct Allowance {
    bytes: Arc<Semaphore>,
    whole: u32,
}

impl Allowance {
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self {
            bytes: Arc::new(Semaphore::new(bytes)),
            whole: u32::try_from(bytes).unwrap_or(u32::MAX),
        }
    }

    /// Waits until so many bytes are free, or all of them when a message is larger than that: one
    /// always fits.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).map_or(self.whole, |bytes| bytes.min(self.whole));
        let free = Arc::clone(&self.bytes);
        // Fails only when the semaphore is closed, which nobody does.
        free.acquire_many_owned(bytes).await.ok()
    }
}
