//! Waiting for the answer of a request that runs.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::join::Join;
use super::shard::{Entered, Shard, Ticket};
use super::weakness::Weakness;
use crate::store::Standing;
use crate::sync::Arc;
use crate::{AttemptToken, Key};

/// What one hears who [waited](Waiting) for another attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Joined {
    /// It has completed: answer with these bytes, the same for all who waited.
    Replay(Bytes),
    /// It has completed, and its response is not kept. It must not run again.
    AlreadyApplied,
    /// It has ended without an answer, or another took over: [claim](crate::SharedStore::claim) again.
    AskAgain,
    /// Too many wait already. Do without: tell the client to try again later.
    Crowded {
        /// How many may wait.
        limit: u64,
    },
}

impl Joined {
    pub(super) fn of(standing: Standing) -> Self {
        match standing {
            Standing::Completed(Some(response)) => Self::Replay(response),
            Standing::Completed(None) => Self::AlreadyApplied,
            Standing::Runs | Standing::Ended => Self::AskAgain,
        }
    }
}

/// Another attempt runs the request now. Wait for its answer, or tell the client to
/// [try again later](Self::retry_after).
///
/// A future, for any executor. It completes when the other attempt ends: completes, fails, is given up by
/// its [`OnDrop`](crate::OnDrop), or is taken over. It holds no lock and blocks no thread. Only polling it makes it
/// wait: one that is dropped unpolled has cost next to nothing. It can be dropped at any time, and leaves
/// nothing behind. How many may wait is bounded
/// ([`SharedOptions::waiting`](crate::SharedOptions::waiting)).
///
/// # Do not wait for ever
///
/// An attempt that crashed ends never, and the future reads no clock. Give up after
/// [`retry_after`](Self::retry_after), when the other's lease has run out, and claim again: that takes over,
/// or finds that the lease was extended.
///
/// ```
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Wake, Waker};
/// use std::thread::{self, Thread};
/// use std::time::Duration;
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{
///     Class, Fingerprint, Joined, Key, Limits, Policy, Request, SharedClaim, SharedStore, Waiting,
/// };
///
/// /// The smallest executor: waits for one, until its time is over.
/// fn block_on(waiting: Waiting) -> Option<Joined> {
///     struct Unpark(Thread);
///     impl Wake for Unpark {
///         fn wake(self: Arc<Self>) {
///             self.0.unpark();
///         }
///     }
///     let waker = Waker::from(Arc::new(Unpark(thread::current())));
///     let deadline = std::time::Instant::now() + waiting.retry_after();
///     let mut waiting = pin!(waiting);
///     loop {
///         if let Poll::Ready(joined) = waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
///             return Some(joined);
///         }
///         let left = deadline.saturating_duration_since(std::time::Instant::now());
///         if left.is_zero() {
///             return None; // ask again
///         }
///         thread::park_timeout(left);
///     }
/// }
///
/// let store = SharedStore::new(Limits::default(), Policy::default(), 8)?;
/// let key = Key::new("tenant-7", "order-4711")?;
/// let request = Request::new(&key, Fingerprint(7));
/// let now = Instant::from_millis(1_000);
///
/// let SharedClaim::Run(running) = store.claim(now, request)? else { panic!("new") };
/// // The client lost patience: its retry comes while the first one is at work.
/// let SharedClaim::InProgress(waiting) = store.claim(now, request)? else { panic!("it runs") };
/// let retry = thread::spawn(move || block_on(waiting));
///
/// running.complete(now, Class::Success, Bytes::from_static(b"placed"))?;
/// assert_eq!(retry.join().unwrap(), Some(Joined::Replay(Bytes::from_static(b"placed"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future waits only when it is polled; without waiting, tell the client when to try again"]
pub struct Waiting {
    shard: Arc<Shard>,
    ticket: Ticket,
    until: Instant,
    retry_after: Duration,
    state: State,
}

enum State {
    New,
    In(Arc<Join>, u64),
    Told(Joined),
}

impl Waiting {
    pub(super) const fn new(
        shard: Arc<Shard>,
        ticket: Ticket,
        until: Instant,
        retry_after: Duration,
    ) -> Self {
        Self {
            shard,
            ticket,
            until,
            retry_after,
            state: State::New,
        }
    }

    /// The key.
    pub const fn key(&self) -> &Key {
        &self.ticket.key
    }

    /// The other attempt.
    pub const fn token(&self) -> AttemptToken {
        self.ticket.token
    }

    /// When the other attempt's lease runs out, if it is not extended.
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// From the claim to then: give up and ask again after that.
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl Future for Waiting {
    type Output = Joined;

    /// What it was told once it says again.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Joined> {
        let waiting = self.get_mut();
        let told = match &waiting.state {
            State::Told(told) => return Poll::Ready(told.clone()),
            State::In(_, _) if waiting.shard.weak.has(Weakness::WakesTheEarlier) => {
                return Poll::Pending;
            }
            State::In(join, number) => match join.poll(*number, context.waker().clone()) {
                Poll::Ready(told) => told,
                Poll::Pending => return Poll::Pending,
            },
            State::New => {
                let waker = context.waker().clone();
                match waiting.shard.enter(&waiting.ticket, waker) {
                    Entered::Told(told) => told,
                    Entered::Waits(join, number) => {
                        waiting.state = State::In(join, number);
                        return Poll::Pending;
                    }
                }
            }
        };
        waiting.state = State::Told(told.clone());
        Poll::Ready(told)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let State::In(join, number) = &self.state {
            self.shard.leave(&self.ticket, join, *number);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("key", &self.ticket.key)
            .field("token", &self.ticket.token)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
