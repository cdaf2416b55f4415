//! What the store says to a request.

use core::fmt;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::{Running, Waiting};
use crate::{AttemptToken, Fingerprint, Key};

/// What to do with a request that came with a key: the answer of
/// [`SharedStore::claim`](crate::SharedStore::claim). As [`Claim`](crate::Claim), with a guard in the place of
/// the attempt, and a future in the place of the refusal.
#[derive(Debug)]
#[must_use = "dropped, a request that may run is left to its lease"]
pub enum SharedClaim {
    /// Run it, then [`complete`](Running::complete) the attempt.
    Run(Running),
    /// Run it, but with care: an earlier attempt was never heard of again, and may have had its effect.
    TakeOver(SharedInDoubt),
    /// It has run: answer with these bytes, the same for every retry.
    Replay(Bytes),
    /// It has run, and its response is not kept. It must not run again. Say that it was done; if the
    /// client needs more, it has to read it.
    AlreadyApplied,
    /// Another attempt runs it now. Wait for its answer, or have the client ask again.
    InProgress(Waiting),
    /// The key is taken by a request that asks for something else. Nothing of that request's
    /// response is told.
    Mismatch {
        /// What the key was claimed with.
        stored: Fingerprint,
        /// Whether that request has been applied. If not, it is not known whether it took effect.
        applied: bool,
    },
    /// The store does not know the key, and its request is older than what it is sure to remember. It
    /// must not run now. See [`Claim::TooOld`](crate::Claim::TooOld).
    TooOld {
        /// The oldest that may still run.
        horizon: Instant,
    },
}

/// Leave to run a request that is *in doubt*: an earlier attempt ran out of its lease, or said that it did
/// not know. It may have taken effect, and may still be at it. See [`InDoubt`](crate::InDoubt) for when
/// running it once more does no harm.
///
/// Dropped without [`accept`](Self::accept), nothing has run: the next request may take over at once, and is
/// as much in doubt.
///
/// ```
/// use core::time::Duration;
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{
///     Class, Fingerprint, Key, Limits, Policy, Request, SharedClaim, SharedStore,
/// };
///
/// let store = SharedStore::new(Limits::default(), Policy::default(), 8)?;
/// let key = Key::new("tenant-7", "order-4711")?;
/// let request = Request::new(&key, Fingerprint(7)).lease(Duration::from_secs(10));
/// let at = |seconds: u64| Instant::from_millis(1_000 * seconds);
///
/// let SharedClaim::Run(slow) = store.claim(at(0), request)? else { panic!("new") };
/// let SharedClaim::TakeOver(in_doubt) = store.claim(at(10), request)? else {
///     panic!("its lease has run out")
/// };
/// // The bank is given the same key by every attempt, and does not charge twice.
/// let bank_key = in_doubt.key().downstream(1);
/// let second = in_doubt.accept();
/// second.complete(at(11), Class::Success, Bytes::from_static(b"charged"))?;
/// // The first was only slow, and changes nothing any more.
/// assert!(slow.complete(at(12), Class::Success, Bytes::new()).is_err());
/// # let _ = bank_key;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropped, nothing runs, and the next request takes over"]
pub struct SharedInDoubt {
    /// Nothing, once it is accepted.
    running: Running,
}

impl SharedInDoubt {
    pub(super) const fn new(running: Running) -> Self {
        Self { running }
    }

    /// Runs it after all: doing it twice does no harm. See [`InDoubt`](crate::InDoubt) for when that is so.
    pub fn accept(self) -> Running {
        self.running.accepted()
    }

    /// The furthest step that earlier attempts recorded, or zero: what is certain. The doubt is about
    /// all after it.
    pub const fn reached(&self) -> u64 {
        self.running.attempt().reached
    }

    /// The attempt's token, to fence the earlier ones with before [`accept`](Self::accept).
    pub const fn token(&self) -> AttemptToken {
        self.running.token()
    }

    /// The key.
    pub const fn key(&self) -> &Key {
        self.running.key()
    }
}

impl fmt::Debug for SharedInDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedInDoubt")
            .field("key", self.key())
            .field("token", &self.token())
            .field("reached", &self.reached())
            .finish()
    }
}
