//! What a store says to a request.

use core::fmt;

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::Fingerprint;

/// What to do with a request that came with a key: the answer of
/// [`KeyStore::begin`](crate::KeyStore::begin).
///
/// ```
/// use quorate_idempotency::Begin;
///
/// fn http_status(begin: &Begin) -> u16 {
///     match begin {
///         Begin::Run(_) => 200, // or whatever running it gives
///         Begin::Replay(_) => 200, // whatever it gave the first time
///         Begin::InProgress { .. } => 409,
///         Begin::Mismatch { .. } => 422,
///     }
/// }
/// # let _ = http_status;
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Begin {
    /// Run it, then [`complete`](crate::KeyStore::complete) with the attempt's token.
    Run(Attempt),
    /// It has run: answer with these bytes, the same for every retry.
    Replay(Bytes),
    /// Another attempt runs it now. Ask again at `until` at the latest.
    InProgress {
        /// When the other attempt's lease runs out.
        until: Instant,
    },
    /// The key is taken by a request that asks for something else. Nothing of that request's
    /// response is told.
    Mismatch {
        /// What the key was begun with.
        stored: Fingerprint,
        /// Whether that request has completed. If not, it is not known whether it took effect.
        completed: bool,
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
    /// Whether an earlier attempt ran out of its lease and was never heard of again. Then the
    /// request is *in doubt*: it may have taken effect wholly, in part or not at all, and may still
    /// be at it. Look before you run: ask the downstream service with a key of its own, or fence it
    /// with the token.
    pub takeover: bool,
    /// The furthest step that earlier attempts recorded with [`step`](crate::KeyStore::step), or zero.
    /// Go on after it: up to there the work is done.
    pub reached: u64,
    /// When the lease runs out. From then on another request with the key may take over.
    pub until: Instant,
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
