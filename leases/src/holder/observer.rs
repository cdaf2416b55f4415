//! One who only watches.

use core::fmt::Debug;
use core::time::Duration;

use quorate_clocks::Instant;

use super::weakness::{Weakness, Weaknesses};
use crate::Drift;

/// Watches the record of a lease that somebody else holds, and says when it may be over.
///
/// # The problem
///
/// In many systems there is no grantor: the lease is a row or an object that its holder writes again and
/// again, and whoever finds it too old takes it (Kubernetes' `Lease`, DynamoDB's lock client). Too old by
/// which clock? The record says when it was written, on a clock of another machine, and who compares that
/// with its own takes the lease as early as the two are apart (`kube-leader-election` 0.44 does).
///
/// # The cure
///
/// Not to look at any time in the record. The observer counts on its own clock from when *it* saw the
/// record change last. The holder wrote it before that, so when the observer has counted
///
/// ```text
/// T (1 + r) / (1 - r)
/// ```
///
/// the holder, whose clock may be slow where the observer's is fast, has counted `T`. This is the dual of
/// what a [`SafeUntil`](crate::SafeUntil) allows to the holder.
///
/// # What it does not say
///
/// That the record can be taken. The holder may be writing it at this moment. So take it by a compare-and-set
/// against the [`version`](Self::version) that was seen, and never by a plain write.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{Drift, Observer};
///
/// let ttl = Duration::from_secs(10);
/// let mut observer = Observer::new(Drift::SLEWED);
/// // `now` is read after the read has returned.
/// observer.handle_record("v7", ttl, Instant::from_millis(2_000));
/// observer.handle_record("v8", ttl, Instant::from_millis(9_000)); // it was renewed
/// observer.handle_record("v8", ttl, Instant::from_millis(12_000));
///
/// assert!(!observer.is_over(Instant::from_millis(19_000)));
/// assert!(observer.is_over(Instant::from_millis(19_013))); // 10 s and 12.01 ms of drift
/// assert_eq!(observer.version(), Some(&"v8")); // compare with this, and set
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Observer<V> {
    drift: Drift,
    seen: Option<Seen<V>>,
    pub(super) weak: Weaknesses,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Seen<V> {
    version: V,
    ttl: Duration,
    since: Instant,
}

impl<V: Clone + Debug + Eq> Observer<V> {
    /// One that has seen nothing.
    pub const fn new(drift: Drift) -> Self {
        Self {
            drift,
            seen: None,
            weak: Weaknesses::NONE,
        }
    }

    /// The record was read, with this version and time to live. `now` is read **after** the read has
    /// returned: what it returns may have been written a moment before.
    ///
    /// The version is whatever changes at every write: a revision, a random number that the holder draws.
    pub fn handle_record(&mut self, version: V, ttl: Duration, now: Instant) {
        let weak = self.weak;
        match &mut self.seen {
            Some(seen) if seen.version == version => {
                // A record that contradicts itself is believed where it is slower.
                seen.ttl = seen.ttl.max(ttl);
            }
            Some(seen) if weak.has(Weakness::ObserverGoesOnAfterChange) => seen.version = version,
            _ => {
                let since = match weak.has(Weakness::ObserverCountsFromTheRecord) {
                    true => weak.written_at(),
                    false => now,
                };
                self.seen = Some(Seen {
                    version,
                    ttl,
                    since,
                });
            }
        }
    }

    /// There is no record: the lease was released. Nothing is observed any more.
    pub fn handle_absent(&mut self) {
        self.seen = None;
    }

    /// The clock has jumped, or may have: the machine was restored from a snapshot. It counts anew.
    pub fn handle_disruption(&mut self, now: Instant) {
        if let Some(seen) = &mut self.seen {
            seen.since = now;
        }
    }

    /// May the lease that was seen last be over at `now`? Never before anything was seen: who knows of no
    /// record has not looked.
    pub fn is_over(&self, now: Instant) -> bool {
        self.over_at().is_some_and(|at| now >= at)
    }

    /// From when on it may be over, unless it changes before.
    pub fn over_at(&self) -> Option<Instant> {
        let seen = self.seen.as_ref()?;
        let wait = match self.weak.has(Weakness::ObserverIgnoresDrift) {
            true => seen.ttl,
            false => self.drift.at_most(seen.ttl),
        };
        Some(seen.since + wait)
    }

    /// The version that was seen last.
    pub fn version(&self) -> Option<&V> {
        Some(&self.seen.as_ref()?.version)
    }
}
