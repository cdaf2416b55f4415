//! The store: which requests run, which wait and which have run.

mod record;
mod records;
mod room;
mod scopes;
mod secret;
mod settle;
#[cfg(feature = "shared")]
mod shard;
mod snapshot;
mod tombstones;
mod view;
mod weakness;

#[cfg(test)]
mod kill_matrix;

use core::time::Duration;

use quorate_clocks::Instant;

use crate::{
    Attempt, AttemptToken, Claim, ClaimError, InDoubt, Key, Limits, Policy, PolicyError, Request,
};
use record::{Record, State, Time};
use records::{Place, Records};
use secret::Secret;
use tombstones::KeyDigest;
use weakness::{Weakness, Weaknesses};

#[cfg(feature = "shared")]
pub(crate) use {secret::Secret as HashSecret, shard::Standing};

/// Remembers which requests run and how they were answered.
///
/// A state machine: what it answers depends on nothing but the calls made on it, in their order.
/// Replicas that make the same calls, with the time that stands in the log, decide alike and have
/// equal [`snapshot`](Self::snapshot)s.
///
/// # Promises
///
/// * Of the attempts at one key only the latest can complete, and once one has, every
///   [`claim`](Self::claim) with the same fingerprint answers its response, byte for byte, until
///   the end of its retention; or, if room had to be made, that it was applied.
/// * While a lease lasts nobody else is told to run.
/// * To make room, nothing is forgotten that could run again: responses are, and that a request was
///   applied stays known. When nothing can be spared, new keys are refused.
/// * What one scope does takes nothing from another but room that nobody has.
/// * Time never goes back: `now` before an earlier call's counts as that call's. Every deadline
///   holds while `now` is before it, and is over from it on. A time that is far ahead by mistake
///   therefore stays; take it from a clock that is checked.
///
/// ```
/// use core::time::Duration;
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{Claim, Class, Fingerprint, Key, KeyStore, Limits, Request};
///
/// let mut store = KeyStore::new(Limits::default());
/// let key = Key::new("tenant-7", "pay-rent-2026-03")?;
/// let request = Request::new(&key, Fingerprint::of([("body", &b"amount=900"[..])]));
/// let now = Instant::from_millis(1_000);
///
/// let Claim::Run(attempt) = store.claim(now, request)? else { panic!("new key") };
/// // The client did not wait. Its retry must not pay twice.
/// let Claim::InProgress { retry_after, .. } = store.claim(now, request)? else { panic!("it runs") };
/// assert_eq!(retry_after, Duration::from_secs(30));
///
/// let response = Bytes::from_static(b"paid, receipt 17");
/// store.complete(now, &key, attempt.token, Class::Success, response.clone())?;
/// assert_eq!(store.claim(now, request)?, Claim::Replay(response));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyStore {
    limits: Limits,
    policy: Policy,
    /// Of the policy.
    shortest_retain: Duration,
    time: Time,
    next_token: u64,
    /// Of the next completion or drop of a response.
    next_order: u64,
    records: Records,
    weak: Weaknesses,
}

impl KeyStore {
    /// An empty store, with the default [`Policy`].
    ///
    /// The keys, which strangers choose, are hashed with a secret from the operating system, or,
    /// without the feature `std`, with one that everybody knows: use
    /// [`with_hash_secret`](Self::with_hash_secret) then.
    pub fn new(limits: Limits) -> Self {
        Self::empty(limits, Secret::random())
    }

    /// An empty store that hashes keys with this secret. It decides nothing: replicas need not have
    /// the same, and should not.
    pub fn with_hash_secret(limits: Limits, secret: [u64; 2]) -> Self {
        Self::empty(limits, Secret::Given(secret))
    }

    fn empty(limits: Limits, secret: Secret) -> Self {
        let policy = Policy::default();
        Self {
            limits: limits.cut(),
            policy,
            shortest_retain: policy.shortest_retain(),
            time: Time {
                now: Instant::ORIGIN,
                floor: Instant::ORIGIN,
            },
            next_token: 1,
            next_order: 0,
            records: Records::new(secret, policy.key_age),
            weak: Weaknesses::NONE,
        }
    }

    /// A request has come: says whether to run it.
    ///
    /// # Errors
    ///
    /// When there is no room, the lease is zero or over [`Limits::lease`], or the key says that it was
    /// made in the future. Nothing runs then.
    pub fn claim(&mut self, now: Instant, request: Request<'_>) -> Result<Claim, ClaimError> {
        let hash = self.records.hash(request.key);
        self.claim_hashed(now, request, hash, |next| {
            let token = *next;
            *next = token.checked_add(1)?;
            Some(token)
        })
    }

    /// As [`claim`](Self::claim), with the key's hash, and a way to take the next token, from the
    /// store's own or elsewhere.
    pub(crate) fn claim_hashed(
        &mut self,
        now: Instant,
        request: Request<'_>,
        hash: u32,
        take_token: impl FnOnce(&mut u64) -> Option<u64>,
    ) -> Result<Claim, ClaimError> {
        let now = self.advance(now);
        let weak = self.weak;
        let Request {
            key,
            fingerprint,
            born_at,
            ..
        } = request;
        let unscoped = match weak.has(Weakness::NoScope) {
            true => Key::new("", key.name()).ok(),
            false => None,
        };
        let key = unscoped.as_ref().unwrap_or(key);
        let hash = unscoped.as_ref().map_or(hash, |key| self.records.hash(key));
        let lease = self.lease_of(request)?;
        if let Some(born_at) = born_at {
            let latest = now.saturating_add(self.policy.key_skew);
            if born_at > latest {
                return Err(ClaimError::BornInTheFuture { born_at, latest });
            }
        }
        let place = self.records.find_hashed(key, hash);
        let earlier = self.records.at(place);
        let earlier = earlier.filter(|record| record.is_live(self.time));
        let (earlier_attempts, doubt, reached, born_at) = match earlier {
            Some(record)
                if record.fingerprint != fingerprint
                    && !weak.has(Weakness::NoFingerprint)
                    && !weak.has(Weakness::MismatchIsInProgress) =>
            {
                return Ok(Claim::Mismatch {
                    stored: record.fingerprint,
                    applied: matches!(record.state, State::Completed { .. }),
                });
            }
            Some(record) => {
                let doubt = match &record.state {
                    State::Completed { response, .. } => {
                        let rewritten = weak.has(Weakness::PolicyRewritesStored)
                            && !matches!(self.policy.success, crate::Remember::Replay { .. });
                        return Ok(match response {
                            Some(response) if !rewritten => Claim::Replay(response.clone()),
                            _ => Claim::AlreadyApplied,
                        });
                    }
                    State::Running { until, .. }
                        if now < *until
                            || weak.has(Weakness::LeaseHoldsAtItsEnd) && now == *until =>
                    {
                        return Ok(Claim::InProgress {
                            token: record.token,
                            until: *until,
                            retry_after: until.since(now),
                        });
                    }
                    State::Running { .. } => !weak.has(Weakness::TakeoverWithoutDoubt),
                    State::Stopped { doubt } => *doubt,
                };
                let reached = match weak.has(Weakness::StepsForgotten) {
                    true => 0,
                    false => record.reached,
                };
                (record.number, doubt, reached, record.born_at)
            }
            None => {
                if let Some(answer) = self.forgotten(request) {
                    return Ok(answer);
                }
                let is_aged = !weak.has(Weakness::AgedIsForgottenEarly);
                (0, false, 0, born_at.filter(|_| is_aged))
            }
        };
        let place = self.make_room(key, place)?;
        let token = take_token(&mut self.next_token).ok_or(ClaimError::TokensExhausted)?;
        let token = AttemptToken(token);
        let until = now.saturating_add(lease);
        let attempt = Attempt {
            token,
            number: earlier_attempts.saturating_add(1),
            reached,
            until,
        };
        let record = Record {
            fingerprint,
            token,
            number: attempt.number,
            reached,
            born_at,
            state: State::Running {
                until,
                takeover: doubt,
            },
            expires_at: until.saturating_add(self.policy.abandoned),
        };
        // When it completes it is over no sooner than this, and need not be moved.
        let looked_at = now.saturating_add(self.shortest_retain);
        self.records.put(place, key, record, looked_at, self.time);
        Ok(match doubt {
            true => Claim::TakeOver(InDoubt { attempt }),
            false => Claim::Run(attempt),
        })
    }

    fn lease_of(&self, request: Request<'_>) -> Result<Duration, ClaimError> {
        let limit = self.limits.lease;
        match request.lease {
            Some(Duration::ZERO) if self.weak.has(Weakness::ZeroLeaseIsDefault) => {
                Ok(self.policy.lease.min(limit))
            }
            Some(Duration::ZERO) => Err(ClaimError::ZeroLease),
            Some(lease) if lease > limit && !self.weak.has(Weakness::NoLongestLease) => {
                Err(ClaimError::LeaseTooLong { lease, limit })
            }
            Some(lease) => Ok(lease),
            None => Ok(self.policy.lease.min(limit)),
        }
    }

    /// What to answer to a request of which no record is left, unless it is new.
    fn forgotten(&self, request: Request<'_>) -> Option<Claim> {
        if let Some(stored) = self.tombstone(request.key) {
            let is_same = stored == request.fingerprint
                || self.weak.has(Weakness::TombstoneWithoutFingerprint);
            return Some(match is_same {
                true => Claim::AlreadyApplied,
                false => Claim::Mismatch {
                    stored,
                    applied: true,
                },
            });
        }
        let born_at = request.born_at?;
        let horizon = self.horizon(request.key.scope());
        (born_at < horizon).then_some(Claim::TooOld { horizon })
    }

    /// What was asked with a key that is applied and of which nothing else is known.
    fn tombstone(&self, key: &Key) -> Option<crate::Fingerprint> {
        let stones = &self.records.tombstones;
        (stones.len() > 0).then(|| stones.find(KeyDigest::of(key), self.time))?
    }

    /// Changes the limits. What is remembered stays, even when it is more than they allow; then it is
    /// made room for when the next key is claimed.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.cut();
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Changes what is remembered of outcomes from now on.
    ///
    /// With another [`Policy::key_age`] this looks at every key once.
    ///
    /// # Errors
    ///
    /// When it makes no sense. Nothing has changed then.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), PolicyError> {
        let policy = policy.checked()?;
        self.policy = policy;
        self.shortest_retain = policy.shortest_retain();
        // Its age of keys holds at once.
        self.advance(self.time.now);
        self.records.set_key_age(policy.key_age, self.time);
        Ok(())
    }

    /// What is remembered of outcomes.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    fn advance(&mut self, now: Instant) -> Instant {
        let Time { now: last, floor } = self.time;
        let now = match self.weak {
            weak if weak.has(Weakness::TimeGoesBack) => now,
            weak if weak.has(Weakness::LocalTime) => last.max(now.saturating_add(weak.ahead())),
            _ => last.max(now),
        };
        let floor = match self.weak.has(Weakness::FloorGoesBack) {
            true => Instant::ORIGIN,
            false => floor,
        };
        let floor = floor.max(now.saturating_sub(self.policy.key_age));
        self.time = Time { now, floor };
        now
    }

    /// Finds the record whose latest attempt is `token`.
    fn latest(&self, place: Place, token: AttemptToken) -> Latest<'_> {
        match self.records.at(place) {
            Some(record) if !record.is_live(self.time) => Latest::Unknown,
            Some(record) if record.token == token => Latest::This(record),
            Some(record) if token < record.token && self.weak.has(Weakness::Unfenced) => {
                Latest::This(record)
            }
            Some(record) if token < record.token => Latest::Superseded { by: record.token },
            _ => Latest::Unknown,
        }
    }
}

enum Latest<'a> {
    This(&'a Record),
    Superseded { by: AttemptToken },
    Unknown,
}
