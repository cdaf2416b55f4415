//! What can be seen of a store, and when two are equal.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use quorate_clocks::Instant;

use super::KeyStore;
use super::record::{Record, Time};
use super::records::Place;
use super::tombstones::{KeyDigest, Kind};
use super::weakness::Weakness;
use crate::{Fingerprint, Key};

/// What is left of a scope besides its records.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(super) struct Remains<'a> {
    pub(super) scope: &'a str,
    /// Or the beginning of time, if it refuses nothing that is not refused anyway.
    pub(super) horizon: Instant,
    pub(super) opaque: Vec<(KeyDigest, Fingerprint, Instant)>,
    pub(super) aged: Vec<(KeyDigest, Fingerprint, Instant)>,
}

impl KeyStore {
    /// The latest time that any call brought.
    pub const fn now(&self) -> Instant {
        self.time.now
    }

    /// A request of this scope that [says when it was made](crate::Request::born_at), and was made
    /// before this, does not run unless it is known.
    pub fn horizon(&self, scope: &str) -> Instant {
        let scopes = &self.records.scopes;
        let scope = scopes.find(scope).and_then(|at| scopes.get(at));
        let horizon = match self.weak.has(Weakness::HorizonOfAllScopes) {
            true => scopes.unordered().map(|scope| scope.horizon).max(),
            false => scope.map(|scope| scope.horizon),
        };
        horizon.map_or(self.time.floor, |horizon| horizon.max(self.time.floor))
    }

    /// How many keys take up room, those included that are over and not yet forgotten, and without
    /// tombstones.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing takes up room.
    pub fn is_empty(&self) -> bool {
        self.records.scopes.len() == 0
    }

    /// How many requests are known to be applied of which nothing else is left.
    pub const fn tombstones(&self) -> u64 {
        self.records.tombstones.len()
    }

    /// How many attempts have neither completed nor failed.
    pub const fn running(&self) -> u64 {
        self.records.running()
    }

    /// Bytes of scopes and names.
    pub const fn key_bytes(&self) -> u64 {
        self.records.key_bytes()
    }

    /// Bytes of responses, with [`Limits::response_bytes`](crate::Limits::response_bytes) set aside for
    /// each running attempt.
    pub fn response_bytes(&self) -> u64 {
        let running = match self.weak.has(Weakness::RoomNotSetAside) {
            true => 0,
            false => self.running(),
        };
        let set_aside = running.saturating_mul(self.limits.response_bytes);
        set_aside.saturating_add(self.records.response_bytes())
    }

    /// Records that are not over, by key.
    pub(super) fn live(&self) -> Vec<(&Key, &Record)> {
        let records = self.records.unordered();
        let mut live: Vec<_> = records
            .filter(|(_, record)| record.is_live(self.time))
            .collect();
        if !self.weak.has(Weakness::SnapshotUnsorted) {
            live.sort_unstable_by_key(|(key, _)| *key);
        }
        live
    }

    /// What is left of scopes that is not over, by scope.
    pub(super) fn remains(&self) -> Vec<Remains<'_>> {
        let scopes = self.records.scopes.unordered();
        let stones = |queue| {
            let live = self.records.tombstones.live(queue, self.time);
            live.collect::<Vec<_>>()
        };
        let mut remains: Vec<_> = scopes
            .map(|scope| Remains {
                scope: &scope.name,
                horizon: match scope.horizon > self.time.floor {
                    true => scope.horizon,
                    false => Instant::ORIGIN,
                },
                opaque: stones(scope.queue(Kind::Opaque)),
                aged: stones(scope.queue(Kind::Aged)),
            })
            .filter(|remains| !remains.is_empty())
            .collect();
        remains.sort_unstable_by_key(|remains| remains.scope);
        remains
    }

    /// Puts a record in the place of the key's earlier one.
    pub(super) fn put(&mut self, key: &Key, record: Record) {
        let place: Place = self.records.find(key);
        self.records
            .put(place, key, record, Instant::MAX, self.time);
    }

    fn decisive(&self) -> (&crate::Limits, &crate::Policy, Time, u64) {
        (&self.limits, &self.policy, self.time, self.next_token)
    }
}

impl Remains<'_> {
    fn is_empty(&self) -> bool {
        self.horizon == Instant::ORIGIN && self.opaque.is_empty() && self.aged.is_empty()
    }
}

/// Equal if they answer alike from now on: what is over and not forgotten does not count, nor does the
/// secret.
impl PartialEq for KeyStore {
    fn eq(&self, other: &Self) -> bool {
        self.decisive() == other.decisive()
            && self.next_order == other.next_order
            && self.live() == other.live()
            && self.remains() == other.remains()
    }
}

impl Eq for KeyStore {}

impl Hash for KeyStore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decisive().hash(state);
        self.next_order.hash(state);
        self.live().hash(state);
        self.remains().hash(state);
    }
}
