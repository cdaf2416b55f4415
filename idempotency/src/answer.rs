//! What a store says to a request.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::Fingerprint;

/// What to do with a request that came with a key: the answer of
/// [`KeyStore::claim`](crate::KeyStore::claim).
///
/// ```
/// use quorate_idempotency::Claim;
///
/// fn http_status(claim: &Claim) -> u16 {
///     match claim {
///         Claim::Run(_) | Claim::TakeOver(_) => 200, // or whatever running it gives
///         Claim::Replay(_) => 200,                   // whatever it gave the first time
///         Claim::AlreadyApplied => 204,
///         Claim::InProgress { .. } => 409, // with `Retry-After`
///         Claim::Mismatch { .. } => 422,
///         Claim::TooOld { .. } => 410,
///     }
/// }
/// # let _ = http_status;
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Claim {
    /// Run it, then [`complete`](crate::KeyStore::complete) with the attempt's token.
    Run(Attempt),
    /// Run it, but with care: an earlier attempt was never heard of again, and may have had its effect.
    TakeOver(InDoubt),
    /// It has run: answer with these bytes, the same for every retry.
    Replay(Bytes),
    /// It has run, and its response is not kept. It must not run again. Say that it was done; if the
    /// client needs more, it has to read it.
    AlreadyApplied,
    /// Another attempt runs it now.
    InProgress {
        /// The other attempt.
        token: AttemptToken,
        /// When the other attempt's lease runs out, if it is not extended.
        until: Instant,
        /// From now to then: ask again then at the latest. The first answer may come sooner.
        retry_after: Duration,
    },
    /// The key is taken by a request that asks for something else. Nothing of that request's
    /// response is told.
    Mismatch {
        /// What the key was claimed with.
        stored: Fingerprint,
        /// Whether that request has been applied. If not, it is not known whether it took effect.
        applied: bool,
    },
    /// The store does not know the key, and its request is older than what it is sure to remember: it
    /// may have run. It must not run now. Only for keys that [say when they were
    /// made](crate::Request::born_at).
    TooOld {
        /// The oldest that may still run.
        horizon: Instant,
    },
}

/// Leave to run a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Attempt {
    /// Proves to [`complete`](crate::KeyStore::complete) that this attempt is the latest. Also a
    /// fencing token for what the request changes elsewhere: later attempts have larger ones.
    pub token: AttemptToken,
    /// Which attempt at this key it is, counted from 1 and from the time that the key was free.
    pub number: u32,
    /// The furthest step that earlier attempts recorded with [`step`](crate::KeyStore::step), or zero.
    /// Go on after it: up to there the work is done.
    pub reached: u64,
    /// When the lease runs out. From then on another request with the key may take over.
    pub until: Instant,
}

/// Leave to run a request that is *in doubt*: an earlier attempt ran out of its lease, or said that it
/// did not know. It may have taken effect wholly, in part beyond the recorded step, or not at all, and
/// may still be at it.
///
/// So the attempt is not handed out as it is. [`accept`](Self::accept) says that running it once more
/// does no harm, for one of three reasons:
///
/// * every call that it makes elsewhere has an idempotency key of its own, the same in every attempt,
///   such as [`Key::downstream`](crate::Key::downstream);
/// * what it changes is fenced by the attempt's token: the other one comes too late with its smaller
///   one;
/// * you have looked, and the effect is not there, and the other attempt is certainly at an end.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{Claim, Fingerprint, Key, KeyStore, Limits, Request};
///
/// let mut store = KeyStore::new(Limits::default());
/// let key = Key::new("tenant-7", "order-4711")?;
/// let request = Request::new(&key, Fingerprint(7)).lease(Duration::from_secs(10));
/// assert!(matches!(store.claim(Instant::from_millis(0), request)?, Claim::Run(_)));
///
/// // It vanishes, and its lease runs out.
/// let Claim::TakeOver(in_doubt) = store.claim(Instant::from_millis(10_000), request)? else {
///     panic!("nobody else runs it")
/// };
/// // The bank is given the same key by every attempt, and does not charge twice.
/// let bank_key = key.downstream(1);
/// let attempt = in_doubt.accept();
/// assert_eq!(attempt.number, 2);
/// # let _ = bank_key;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[must_use]
pub struct InDoubt {
    pub(crate) attempt: Attempt,
}

impl InDoubt {
    /// Runs it after all: doing it twice does no harm. See the type for when that is so.
    pub const fn accept(self) -> Attempt {
        self.attempt
    }

    /// The furthest step that earlier attempts recorded, or zero: what is certain. The doubt is about
    /// all after it.
    pub const fn reached(&self) -> u64 {
        self.attempt.reached
    }

    /// The attempt's token, to fence the earlier ones with before [`accept`](Self::accept), or to let
    /// this one [fail](crate::KeyStore::fail).
    pub const fn token(&self) -> AttemptToken {
        self.attempt.token
    }
}

/// What came of a [`complete`](crate::KeyStore::complete).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Completion {
    /// The outcome is kept, and answers retries.
    Kept {
        /// Until when, at least.
        until: Instant,
    },
    /// The attempt had completed before, and nothing has changed. If the two differ, the first counts:
    /// [claim](crate::KeyStore::claim) it to have it.
    Repeated,
    /// A retry runs at once, after the steps that were recorded.
    Resumes,
    /// The key is free.
    Freed,
    /// A retry may take over at once, in doubt.
    InDoubt,
}

/// What a call of [`expire_some`](crate::KeyStore::expire_some) did.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Forgotten {
    /// How many keys are forgotten, tombstones included.
    pub forgotten: u64,
    /// Whether nothing is left that is over. If not, call again.
    pub is_done: bool,
}

/// The number of an attempt: larger for every later attempt of a store, never used twice, through
/// restarts too.
///
/// ```
/// use quorate_idempotency::AttemptToken;
///
/// assert!(AttemptToken(7) < AttemptToken(8));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptToken(pub u64);

impl fmt::Display for AttemptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}", self.0)
    }
}
