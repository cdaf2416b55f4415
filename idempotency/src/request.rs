//! What a store is asked.

use core::time::Duration;

use quorate_clocks::Instant;

use crate::{Fingerprint, Key};

/// A request that has come: may it run? See [`KeyStore::claim`](crate::KeyStore::claim).
///
/// ```
/// use core::time::Duration;
/// use quorate_idempotency::{Fingerprint, Key, Request};
///
/// let key = Key::new("tenant-7", "pay-rent-2026-03")?;
/// let fingerprint = Fingerprint::of([("body", &b"amount=900"[..])]);
/// // With the lease of the policy, or one of its own.
/// let request = Request::new(&key, fingerprint);
/// let slow = request.lease(Duration::from_secs(120));
/// # let _ = slow;
/// # Ok::<(), quorate_idempotency::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Request<'a> {
    pub(crate) key: &'a Key,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) lease: Option<Duration>,
    pub(crate) born_at: Option<Instant>,
}

impl<'a> Request<'a> {
    /// The request that `key` names and `fingerprint` stands for.
    pub const fn new(key: &'a Key, fingerprint: Fingerprint) -> Self {
        Self {
            key,
            fingerprint,
            lease: None,
            born_at: None,
        }
    }

    /// What it is named by.
    pub const fn key(&self) -> &'a Key {
        self.key
    }

    /// How long the attempt may run before another request with the key may take over. Give it the
    /// longest that the work takes when all is well. Without, it is [`Policy::lease`](crate::Policy::lease).
    #[must_use]
    pub const fn lease(self, lease: Duration) -> Self {
        Self {
            lease: Some(lease),
            ..self
        }
    }

    /// When the client made the key, on the scale of the `now` that the store is told.
    ///
    /// With it, forgetting is safe: a request that the store does not know, and that is older than what
    /// it is sure to remember, is [`TooOld`](crate::Claim::TooOld) and does not run. Without it, what is
    /// forgotten runs again.
    ///
    /// It must be a part of the key, so that every retry says the same: [`Key::born_at`] reads it from
    /// a UUID of version 7 or a ULID. A client that lies about it harms itself only: it may be refused,
    /// or run its own request twice.
    #[must_use]
    pub const fn born_at(self, born_at: Instant) -> Self {
        Self {
            born_at: Some(born_at),
            ..self
        }
    }
}
