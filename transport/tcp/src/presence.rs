//! What the hellos of a peer tell those who dial it.

use std::future::pending;

use quorate_clocks::Incarnation;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

/// Signs of life of one peer, from the connections that it dialed.
#[derive(Default)]
pub(crate) struct Presence {
    dialed: Notify,
    life: watch::Sender<Incarnation>,
}

impl Presence {
    /// The peer said hello in that life, and was admitted.
    pub(crate) fn greeted(&self, life: Incarnation) {
        self.life.send_if_modified(|known| {
            let newer = life > *known;
            if newer {
                *known = life;
            }
            newer
        });
        // Wakes who waits to dial, and leaves no trace when nobody does.
        self.dialed.notify_waiters();
    }

    /// Returns at the next hello.
    pub(crate) fn dialed(&self) -> Notified<'_> {
        self.dialed.notified()
    }

    /// Follows the lives of the peer from now on.
    pub(crate) fn lives(&self) -> Lives {
        Lives(self.life.subscribe())
    }
}

/// The lives of one peer that begin after this was made.
pub(crate) struct Lives(watch::Receiver<Incarnation>);

impl Lives {
    /// Returns when a life begins that is newer than `life`.
    ///
    /// One that was known before does not count: if the peer answers with an older life all the
    /// same, then dialing it again does not help.
    pub(crate) async fn newer_than(&mut self, life: Incarnation) {
        while self.0.changed().await.is_ok() {
            if *self.0.borrow_and_update() > life {
                return;
            }
        }
        pending().await
    }
}
