//! How much a store may remember, and for how long.

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
    /// Keys that are remembered at once. Default 1,000,000.
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
    /// The longest lease of an attempt. Default 1 hour.
    pub lease: Duration,
    /// The longest that a response is kept after its completion. Default 30 days.
    pub retain: Duration,
    /// How long a key is remembered whose lease has run out and that nobody took over: until then a
    /// retry learns that the work may have been done. Default 1 day.
    pub abandoned: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        Self {
            keys: 1_000_000,
            keys_per_scope: 100_000,
            key_bytes: 128 << 20,
            response_bytes: 64 << 10,
            all_response_bytes: 256 << 20,
            lease: HOUR,
            retain: HOUR * 24 * 30,
            abandoned: HOUR * 24,
        }
    }
}

impl Limits {
    /// The same with every span short enough to be told in nanoseconds, as a snapshot tells it.
    pub(crate) fn cut(self) -> Self {
        let cut = |span: Duration| Duration::from_nanos(nanos(span));
        Self {
            lease: cut(self.lease),
            retain: cut(self.retain),
            abandoned: cut(self.abandoned),
            ..self
        }
    }
}

/// A span in nanoseconds, at most `u64::MAX` of them.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
