//! Messages on their way to one peer, over one connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_clocks::NodeId;
use quorate_transport::{Lane, LaneGroup, Refused, Transmit};
use tokio::sync::Notify;

use crate::stats::{TcpStats, count};

/// The bounded queues between [`Transport::send`](quorate_transport::Transport::send) and the task
/// that writes to the socket.
///
/// It takes messages only while a connection is up, and forgets them when it breaks.
pub(crate) struct Outbox<M> {
    peer: NodeId,
    group: LaneGroup,
    capacity: usize,
    stats: TcpStats,
    queues: Mutex<Queues<M>>,
    filled: Notify,
}

struct Queues<M> {
    up: bool,
    urgent: VecDeque<M>,
    /// Log or bulk, whichever the group has.
    steady: VecDeque<M>,
}

impl<M> Outbox<M> {
    pub(crate) fn new(peer: NodeId, group: LaneGroup, capacity: usize, stats: TcpStats) -> Self {
        Self {
            peer,
            group,
            capacity,
            stats,
            queues: Mutex::new(Queues {
                up: false,
                urgent: VecDeque::new(),
                steady: VecDeque::new(),
            }),
            filled: Notify::new(),
        }
    }

    pub(crate) const fn peer(&self) -> NodeId {
        self.peer
    }

    pub(crate) const fn group(&self) -> LaneGroup {
        self.group
    }

    pub(crate) fn push(&self, transmit: Transmit<M>) -> Result<(), Refused<M>> {
        let mut queues = self.lock();
        if !queues.up {
            return Err(Refused::Unreachable(transmit));
        }
        let queue = match transmit.lane {
            Lane::Urgent => &mut queues.urgent,
            Lane::Log | Lane::Bulk => &mut queues.steady,
        };
        if queue.len() >= self.capacity {
            return Err(Refused::Full(transmit));
        }
        queue.push_back(transmit.message);
        drop(queues);
        self.filled.notify_one();
        Ok(())
    }

    /// The next message to write: an urgent one if there is one.
    pub(crate) fn pop(&self) -> Option<(Lane, M)> {
        let mut queues = self.lock();
        if let Some(message) = queues.urgent.pop_front() {
            return Some((Lane::Urgent, message));
        }
        let lane = match self.group {
            LaneGroup::Prompt => Lane::Log,
            LaneGroup::Bulk => Lane::Bulk,
        };
        queues.steady.pop_front().map(|message| (lane, message))
    }

    /// Returns when there may be something to pop.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// The connection is up.
    pub(crate) fn open(&self) {
        self.lock().up = true;
        self.stats.set_connected(self.peer, self.group, true);
    }

    /// The connection is down. What still waits was meant for a moment that has passed.
    pub(crate) fn shut(&self) {
        self.stats.set_connected(self.peer, self.group, false);
        let mut queues = self.lock();
        queues.up = false;
        let urgent = std::mem::take(&mut queues.urgent);
        let steady = std::mem::take(&mut queues.steady);
        drop(queues);
        let counter = &self.stats.counters().frames_lost;
        count(counter, urgent.len() + steady.len());
    }

    fn lock(&self) -> MutexGuard<'_, Queues<M>> {
        // Nothing of others runs under the lock, so a poisoned one still guards whole queues.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
