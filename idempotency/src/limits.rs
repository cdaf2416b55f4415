//! How much a store may remember.

use core::time::Duration;

/// The bounds of a [`KeyStore`](crate::KeyStore).
///
/// They take part in its decisions, so every replica must have the same: they travel in the
/// snapshot, and change by [`KeyStore::set_limits`](crate::KeyStore::set_limits) at the same place
/// in the log everywhere. Spans above 584 years are cut to it.
///
/// ```
/// use quorate_idempotency::{KeyStore, Limits};
///
/// let store = KeyStore::new(Limits { keys: 1_000, keys_per_scope: 100, ..Limits::default() });
/// assert_eq!(store.limits().keys, 1_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Limits {
    /// Keys that are remembered at once, without tombstones. Default 1,000,000.
    pub keys: u64,
    /// Keys of one scope that are remembered at once, so that one tenant cannot take all of
    /// [`keys`](Self::keys). Default 100,000.
    pub keys_per_scope: u64,
    /// Bytes of all scopes and names together. Default 128 MiB.
    pub key_bytes: u64,
    /// Bytes of the largest response. Every attempt that runs has so many set aside for it.
    /// Default 64 KiB.
    pub response_bytes: u64,
    /// Bytes of all responses together, those set aside included. Default 256 MiB.
    pub all_response_bytes: u64,
    /// Scopes that something is remembered of. Default 1,000,000.
    pub scopes: u64,
    /// Tombstones: requests of which nothing is left but that they were applied. Default 4,000,000.
    pub tombstones: u64,
    /// Tombstones of one scope. Default 400,000.
    pub tombstones_per_scope: u64,
    /// The longest lease of an attempt. Default 1 hour.
    pub lease: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: 1_000_000,
            keys_per_scope: 100_000,
            key_bytes: 128 << 20,
            response_bytes: 64 << 10,
            all_response_bytes: 256 << 20,
            scopes: 1_000_000,
            tombstones: 4_000_000,
            tombstones_per_scope: 400_000,
            lease: Duration::from_secs(60 * 60),
        }
    }
}

impl Limits {
    /// The same with every span short enough to be told in nanoseconds, as a snapshot tells it.
    pub(crate) fn cut(self) -> Self {
        Self {
            lease: cut(self.lease),
            ..self
        }
    }
}

/// The span, or the longest that is told in nanoseconds.
pub(crate) fn cut(span: Duration) -> Duration {
    Duration::from_nanos(nanos(span))
}

/// A span in nanoseconds, at most `u64::MAX` of them.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
