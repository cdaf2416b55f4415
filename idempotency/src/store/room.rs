//! Making room: what may be forgotten, in which order, and what never is.
//!
//! 1. What is over.
//! 2. Responses of the same scope: acknowledged ones are dropped already, then the oldest goes first.
//!    That the request was applied stays known: in its record when there is no room for responses, in a
//!    tombstone when there is none for records.
//! 3. The oldest tombstone of the same scope whose key says when it was made. Then nothing of the scope
//!    that is as old, and unknown, runs any more.
//! 4. Nothing else: the new key is refused.
//!
//! What runs, what is in doubt, and recorded steps are never touched.

use alloc::boxed::Box;

use quorate_clocks::Instant;

use super::KeyStore;
use super::records::{Forgetting, Place};
use super::scopes::Listed;
use super::tombstones::{KeyDigest, Kind};
use super::weakness::Weakness;
use crate::{ClaimError, Forgotten, Key, Pressure, Resource};

/// What there is too little of.
#[derive(Clone, Copy)]
struct Shortage {
    resource: Resource,
    used: u64,
    limit: u64,
}

impl KeyStore {
    /// Makes sure that an attempt at `key` fits. Says where the key is after that.
    pub(super) fn make_room(&mut self, key: &Key, place: Place) -> Result<Place, ClaimError> {
        let mut place = place;
        // A key that is over is new, and its scope too if that is over, forgotten or not. This matters when
        // limits were lowered: what is known needs less room.
        let known = self.records.at(place);
        if known.is_some_and(|record| !record.is_live(self.time)) {
            self.records.remove(place, self.time);
            place = self.records.find_hashed(key, place.hash());
        }
        while self.records.scopes.len() > self.limits.scopes
            && self.records.forget_one(self.time) != Forgetting::Idle
        {
            place = self.records.find_hashed(key, place.hash());
        }
        while let Some(shortage) = self.shortage(key, place) {
            // All that is over goes first: which of it is forgotten already must decide nothing.
            let hasty = self.weak.has(Weakness::EvictsBeforeForgetting);
            if hasty || self.records.forget_one(self.time) == Forgetting::Idle {
                self.relieve(key.scope(), shortage)
                    .map_err(|shortage| ClaimError::Full {
                        resource: shortage.resource,
                        used: shortage.used,
                        limit: shortage.limit,
                    })?;
            }
            place = self.records.find_hashed(key, place.hash());
        }
        Ok(place)
    }

    /// What an attempt at `key` would take too much of.
    fn shortage(&self, key: &Key, place: Place) -> Option<Shortage> {
        let (limits, records) = (&self.limits, &self.records);
        let check = |resource, used: u64, more: u64, limit: u64| {
            (more > 0 && used.saturating_add(more) > limit).then_some(Shortage {
                resource,
                used,
                limit,
            })
        };
        let known = records.at(place);
        let held = known.map_or(0, |record| record.response_bytes(limits.response_bytes));
        let more = limits.response_bytes.saturating_sub(held);
        let of_responses = || {
            check(
                Resource::ResponseBytes,
                self.response_bytes(),
                more,
                limits.all_response_bytes,
            )
        };
        if place.is_known() {
            return of_responses();
        }
        let scope = records.scopes.find(key.scope());
        let scope = scope.and_then(|at| records.scopes.get(at));
        let of_scope = scope.map_or(0, |scope| scope.keys);
        let new_scope = u64::from(scope.is_none());
        let key_bytes = key.len_bytes() as u64;
        check(Resource::Keys, records.len() as u64, 1, limits.keys)
            .or_else(|| check(Resource::KeysOfScope, of_scope, 1, limits.keys_per_scope))
            .or_else(|| {
                check(
                    Resource::KeyBytes,
                    records.key_bytes(),
                    key_bytes,
                    limits.key_bytes,
                )
            })
            .or_else(|| {
                check(
                    Resource::Scopes,
                    records.scopes.len(),
                    new_scope,
                    limits.scopes,
                )
            })
            .or_else(of_responses)
    }

    /// Forgets of the scope what can be spared, a little of it.
    fn relieve(&mut self, scope: &str, shortage: Shortage) -> Result<(), Shortage> {
        if self.policy.pressure == Pressure::Refuse {
            return Err(shortage);
        }
        let other = self.other_scope();
        let scope = other.as_deref().unwrap_or(scope);
        match shortage.resource {
            Resource::ResponseBytes => {
                let oldest = self.records.oldest(scope, Listed::Replayable);
                let (place, ..) = oldest.ok_or(shortage)?;
                self.drop_response(place);
                Ok(())
            }
            Resource::Keys | Resource::KeysOfScope | Resource::KeyBytes => {
                self.bury_oldest(scope, shortage)
            }
            Resource::Scopes | Resource::Tombstones | Resource::TombstonesOfScope => Err(shortage),
        }
    }

    /// Puts a tombstone in the place of a completed record.
    fn bury_oldest(&mut self, scope: &str, shortage: Shortage) -> Result<(), Shortage> {
        let applied = self.records.oldest(scope, Listed::Applied);
        let oldest = applied.or_else(|| self.records.oldest(scope, Listed::Replayable));
        if oldest.is_none() && self.weak.has(Weakness::EvictsRunning) {
            let running = self.live().first().map(|(key, _)| self.records.find(key));
            self.records.remove(running.ok_or(shortage)?, self.time);
            return Ok(());
        }
        let (place, key, record) = oldest.ok_or(shortage)?;
        if self.weak.has(Weakness::EvictsWithoutTombstone) {
            self.records.remove(place, self.time);
            return Ok(());
        }
        let digest = KeyDigest::of(key);
        let fingerprint = record.fingerprint;
        let (kind, at) = match record.born_at {
            Some(born_at) => (Kind::Aged, born_at),
            None => (Kind::Opaque, record.expires_at),
        };
        self.make_room_for_tombstone(scope)?;
        self.records.remove(place, self.time);
        self.records.with_scope(scope, self.time, |scope, stones| {
            stones.push(scope.queue_mut(kind), kind, digest, fingerprint, at);
        });
        Ok(())
    }

    fn make_room_for_tombstone(&mut self, scope: &str) -> Result<(), Shortage> {
        loop {
            let at = self.records.scopes.find(scope);
            let at = at.and_then(|at| self.records.scopes.get(at));
            let (of_scope, aged) = at.map_or((0, 0), |scope| {
                (scope.tombstones(), scope.queue(Kind::Aged).len)
            });
            let all = self.records.tombstones.len();
            let shortage = if all >= self.limits.tombstones {
                Shortage {
                    resource: Resource::Tombstones,
                    used: all,
                    limit: self.limits.tombstones,
                }
            } else if of_scope >= self.limits.tombstones_per_scope {
                Shortage {
                    resource: Resource::TombstonesOfScope,
                    used: of_scope,
                    limit: self.limits.tombstones_per_scope,
                }
            } else {
                return Ok(());
            };
            if aged == 0 {
                return Err(shortage);
            }
            let weak = self.weak;
            self.records.with_scope(scope, self.time, |scope, stones| {
                if let Some(born) = stones.pop(scope.queue_mut(Kind::Aged)) {
                    let after = Instant::from_nanos(born.as_nanos().saturating_add(1));
                    if !weak.has(Weakness::HorizonNotRaised) {
                        scope.horizon = scope.horizon.max(after);
                    }
                }
            });
        }
    }

    /// The scope that makes room in place of the one that needs it: none.
    fn other_scope(&self) -> Option<Box<str>> {
        if !self.weak.has(Weakness::EvictsAcrossScopes) {
            return None;
        }
        let mut scopes = self.records.scopes.unordered().map(|scope| &scope.name);
        scopes
            .find(|name| self.records.oldest(name, Listed::Replayable).is_some())
            .cloned()
    }

    /// Forgets every key whose time is over and says how many there were, tombstones included.
    ///
    /// This frees memory and changes no answer: a key counts as absent from its end on, forgotten
    /// or not.
    pub fn expire(&mut self, now: Instant) -> u64 {
        self.expire_some(now, u64::MAX).forgotten
    }

    /// As [`expire`](Self::expire), but does `most` steps of work at most, each of constant time: for a
    /// bounded pause after a long silence. Most steps forget a key. Those first whose time was over
    /// first.
    pub fn expire_some(&mut self, now: Instant, most: u64) -> Forgotten {
        self.expire_steps(now, most).0
    }

    /// As [`expire_some`](Self::expire_some). Says how many steps it took too.
    pub(crate) fn expire_steps(&mut self, now: Instant, most: u64) -> (Forgotten, u64) {
        self.advance(now);
        let mut forgotten = 0;
        for steps in 0..most {
            match self.records.forget_one(self.time) {
                Forgetting::Forgot => forgotten += 1,
                Forgetting::Sorted => {}
                Forgetting::Idle => {
                    let is_done = true;
                    return (Forgotten { forgotten, is_done }, steps);
                }
            }
        }
        let is_done = false;
        (Forgotten { forgotten, is_done }, most)
    }

    /// When to look again whether [`expire`](Self::expire) has something to forget: not before. Later,
    /// maybe: ends are sorted finely only as they come near.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.records.next_end()
    }
}
