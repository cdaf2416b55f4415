//! Whether two replicas agree, in a few bytes.

use core::fmt;

use crate::fingerprint::first_half;

/// A short stand-in for a snapshot: replicas that agree have the same.
///
/// It is BLAKE3 in its key derivation mode with the context `quorate-idempotency 2026 snapshot v1` over
/// the bytes of the snapshot, cut to its first 16 bytes, little-endian.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{Fingerprint, Key, KeyStore, Limits, Request};
///
/// let mut one = KeyStore::new(Limits::default());
/// let mut other = one.clone();
/// let key = Key::new("tenant-7", "order-4711")?;
/// one.claim(Instant::from_millis(1), Request::new(&key, Fingerprint(7)))?;
/// assert_ne!(one.digest(), other.digest());
/// other.claim(Instant::from_millis(1), Request::new(&key, Fingerprint(7)))?;
/// assert_eq!(one.digest(), other.digest());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SnapshotDigest(pub u128);

impl SnapshotDigest {
    /// The digest of the bytes of a snapshot, of a [`KeyStore`](crate::KeyStore) or of
    /// [`ClientSessions`](crate::ClientSessions).
    pub fn of(snapshot: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("quorate-idempotency 2026 snapshot v1");
        hasher.update(snapshot);
        Self(u128::from_le_bytes(first_half(&hasher)))
    }
}

impl fmt::Display for SnapshotDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
