//! The guard of an attempt.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::SharedCompleteError;
use super::shard::{Inner, Shard, Ticket};
use super::weakness::Weakness;
use crate::sync::Arc;
use crate::{
    Attempt, AttemptToken, Class, CompleteError, Completion, ExtendError, FailError, Key, StepError,
};

/// What becomes of an attempt whose [guard](Running) is dropped: by a panic, by the cancellation of a
/// future, or by an early return.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum OnDrop {
    /// Nothing: it counts as running until its lease ends, as if the process had crashed. Then another takes
    /// over, in doubt. What a dropped guard's work is up to cannot be known, it may be on its way to a bank.
    #[default]
    Lease,
    /// It [fails](Running::fail): a retry runs at once. Say this only for as long as nothing has happened
    /// yet besides the recorded [steps](Running::step), such as while the request is checked, and take it
    /// back before something does.
    Free,
    /// A retry may take over at once, in doubt. Say this when the work certainly ends with the guard, and
    /// can be done twice: without it, clients wait for the end of the lease.
    InDoubt,
}

/// An attempt that runs, by the guard of it: leave to do the work, and the duty to say what came of it.
///
/// **To drop it does not free the key**: see [`OnDrop`]. It can be sent to another thread, and kept in a
/// future. A clone of the store is not needed with it.
///
/// ```
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{
///     Class, Fingerprint, Key, Limits, OnDrop, Policy, Request, Running, SharedClaim, SharedStore,
/// };
///
/// fn place(order: &str) -> Result<String, String> {
///     Ok(format!("placed {order}"))
/// }
///
/// fn handle(mut running: Running, order: &str, now: Instant) -> Result<(), Box<dyn std::error::Error>> {
///     // Until it is checked nothing has happened, whatever goes wrong.
///     running.on_drop(OnDrop::Free);
///     if order.is_empty() {
///         let response = Bytes::from_static(b"what do you want?");
///         running.complete(now, Class::Rejection, response)?;
///         return Ok(());
///     }
///     // From here on, nobody knows.
///     running.on_drop(OnDrop::Lease);
///     let placed = place(order)?;
///     running.complete(now, Class::Success, placed.into())?;
///     Ok(())
/// }
///
/// let store = SharedStore::new(Limits::default(), Policy::default(), 8)?;
/// let key = Key::new("tenant-7", "order-4711")?;
/// let now = Instant::from_millis(1_000);
/// let SharedClaim::Run(running) = store.claim(now, Request::new(&key, Fingerprint(7)))? else {
///     panic!("new")
/// };
/// handle(running, "two books", now)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropped, the attempt is left to its lease"]
pub struct Running {
    shard: Arc<Shard>,
    ticket: Ticket,
    attempt: Attempt,
    on_drop: Dropped,
}

/// What a drop means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Dropped {
    Is(OnDrop),
    /// It is not accepted yet, and has done nothing.
    Declined,
    /// The attempt is at an end.
    Nothing,
}

impl Running {
    pub(super) const fn new(shard: Arc<Shard>, ticket: Ticket, attempt: Attempt) -> Self {
        Self {
            shard,
            ticket,
            attempt,
            on_drop: Dropped::Is(OnDrop::Lease),
        }
    }

    /// The same, until it is accepted.
    pub(super) fn in_doubt(self) -> Self {
        let mut running = self;
        running.on_drop = Dropped::Declined;
        running
    }

    pub(super) fn accepted(self) -> Self {
        let mut running = self;
        running.on_drop = Dropped::Is(OnDrop::Lease);
        running
    }

    /// What the store gave leave for. Its lease is the one at first, without [extensions](Self::extend).
    pub const fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// The attempt's token, for what it changes elsewhere.
    pub const fn token(&self) -> AttemptToken {
        self.ticket.token
    }

    /// The key.
    pub const fn key(&self) -> &Key {
        &self.ticket.key
    }

    /// Says what a drop of this guard is to mean from now on.
    pub const fn on_drop(&mut self, on_drop: OnDrop) {
        self.on_drop = Dropped::Is(on_drop);
    }

    /// The attempt has run: remembers what came of it as the policy says for this class of outcome, and
    /// tells those who [wait](crate::Waiting) for it. See [`KeyStore::complete`](crate::KeyStore::complete).
    ///
    /// Taken also when the lease has run out, but nobody took over.
    ///
    /// # Errors
    ///
    /// [`SharedCompleteError::ResponseTooLarge`] gives the attempt back, which still runs. With any other it
    /// is at an end, and the response must not be told to the client: [claim](crate::SharedStore::claim)
    /// again to have the one that counts.
    pub fn complete(
        mut self,
        now: Instant,
        class: Class,
        response: Bytes,
    ) -> Result<Completion, SharedCompleteError> {
        let Ticket { key, token, .. } = &self.ticket;
        let mut inner = self.shard.lock();
        let completed = inner.store.complete(now, key, *token, class, response);
        if let Err(CompleteError::ResponseTooLarge { limit, response }) = completed {
            let telling = match self.shard.weak.has(Weakness::TooLargeIsTheEnd) {
                true => self.shard.end(&mut inner, &self.ticket),
                false => None,
            };
            drop(inner);
            if let Some(telling) = telling {
                telling.tell();
            }
            return Err(SharedCompleteError::ResponseTooLarge {
                limit,
                response,
                running: Box::new(self),
            });
        }
        let telling = self.shard.end(&mut inner, &self.ticket);
        drop(inner);
        self.on_drop = Dropped::Nothing;
        if let Some(telling) = telling {
            telling.tell();
        }
        completed.map_err(SharedCompleteError::Ended)
    }

    /// The attempt has certainly had no effect, or none but the [steps](Self::step) that it recorded: frees
    /// the key, so that a retry runs at once, and those who wait ask again. See
    /// [`KeyStore::fail`](crate::KeyStore::fail).
    ///
    /// # Errors
    ///
    /// When the attempt was at an end already.
    pub fn fail(mut self, now: Instant) -> Result<(), FailError> {
        self.end(|inner, ticket| inner.store.fail(now, &ticket.key, ticket.token))
    }

    /// The attempt has done a step of its work, and all before it: whoever takes over goes on after it. See
    /// [`KeyStore::step`](crate::KeyStore::step).
    ///
    /// # Errors
    ///
    /// [`StepError::Superseded`] when a later attempt took over and this one should stop, and others
    /// when it is not running, or further already. Nothing has changed then.
    pub fn step(&self, now: Instant, step: u64) -> Result<(), StepError> {
        let Ticket { key, token, .. } = &self.ticket;
        self.shard.lock().store.step(now, key, *token, step)
    }

    /// The attempt is still at it: its lease now lasts until `lease` from now, or as long as it did if that
    /// is longer. Returns when it runs out. See [`KeyStore::extend`](crate::KeyStore::extend).
    ///
    /// # Errors
    ///
    /// [`ExtendError::Superseded`] when a later attempt took over and this one should stop; others
    /// when it is not running or the lease is out of bounds.
    pub fn extend(&self, now: Instant, lease: Duration) -> Result<Instant, ExtendError> {
        let Ticket { key, token, .. } = &self.ticket;
        self.shard.lock().store.extend(now, key, *token, lease)
    }

    /// What a drop does when a rule is broken.
    fn broken(&self, dropped: Dropped) -> Dropped {
        let weak = self.shard.weak;
        match dropped {
            Dropped::Is(OnDrop::Lease) if weak.has(Weakness::FreedOnDrop) => {
                Dropped::Is(OnDrop::Free)
            }
            Dropped::Is(OnDrop::InDoubt) if weak.has(Weakness::DoubtForgottenOnDrop) => {
                Dropped::Is(OnDrop::Free)
            }
            Dropped::Is(_) if weak.has(Weakness::DropsAreIgnored) => Dropped::Nothing,
            Dropped::Declined if weak.has(Weakness::DeclinedStays) => Dropped::Nothing,
            dropped => dropped,
        }
    }

    /// Ends the attempt, and tells those who wait once the lock is released.
    fn end<T>(&mut self, end: impl FnOnce(&mut Inner, &Ticket) -> T) -> T {
        self.on_drop = Dropped::Nothing;
        let mut inner = self.shard.lock();
        let ended = end(&mut inner, &self.ticket);
        let telling = self.shard.end(&mut inner, &self.ticket);
        drop(inner);
        if let Some(telling) = telling {
            telling.tell();
        }
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.broken(self.on_drop) {
            Dropped::Nothing | Dropped::Is(OnDrop::Lease) => {}
            // A doubt that it took over stays, and so do its steps. It is as late as the store knows.
            Dropped::Declined | Dropped::Is(OnDrop::Free) => {
                let fail = |inner: &mut Inner, ticket: &Ticket| {
                    inner.store.fail(Instant::ORIGIN, &ticket.key, ticket.token)
                };
                // At an end already, it has nothing to give up.
                let _ = self.end(fail);
            }
            Dropped::Is(OnDrop::InDoubt) => {
                self.end(|inner, ticket| inner.store.abandon(&ticket.key, ticket.token));
            }
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("key", &self.ticket.key)
            .field("attempt", &self.attempt)
            .field("on_drop", &self.on_drop)
            .finish_non_exhaustive()
    }
}
