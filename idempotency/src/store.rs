//! The store: which requests run, which wait and which have run.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::record::{Record, State};
use crate::records::{Place, Records, Secret};
use crate::{
    Attempt, AttemptToken, Begin, BeginError, CompleteError, ExtendError, FailError, Fingerprint,
    Key, Limits, Resource, StepError,
};

/// Remembers which requests run and how they were answered.
///
/// A state machine: what it answers depends on nothing but the calls made on it, in their order.
/// Replicas that make the same calls, with the time that stands in the log, decide alike and have
/// equal [`snapshot`](Self::snapshot)s.
///
/// # Promises
///
/// * Of the attempts at one key only the latest can complete, and once one has, every
///   [`begin`](Self::begin) with the same fingerprint answers its response, byte for byte, until
///   the end of its retention.
/// * While a lease lasts nobody else is told to run.
/// * Nothing is forgotten to make room: at a limit, new keys are refused.
/// * Time never goes back: `now` before an earlier call's counts as that call's. Every deadline
///   holds while `now` is before it, and is over from it on. A time that is far ahead by mistake
///   therefore stays; take it from a clock that is checked.
///
/// ```
/// use core::time::Duration;
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{Begin, Fingerprint, Key, KeyStore, Limits};
///
/// let mut store = KeyStore::new(Limits::default());
/// let key = Key::new("tenant-7", "pay-rent-2026-03")?;
/// let fingerprint = Fingerprint::of([("body", &b"amount=900"[..])]);
/// let lease = Duration::from_secs(30);
/// let now = Instant::from_millis(1_000);
///
/// let Begin::Run(attempt) = store.begin(now, &key, fingerprint, lease)? else { panic!("new key") };
/// // The client did not wait. Its retry must not pay twice.
/// assert_eq!(store.begin(now, &key, fingerprint, lease)?, Begin::InProgress { until: attempt.until });
///
/// let response = Bytes::from_static(b"paid, receipt 17");
/// store.complete(now, &key, attempt.token, response.clone(), Duration::from_secs(86_400))?;
/// assert_eq!(store.begin(now, &key, fingerprint, lease)?, Begin::Replay(response));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyStore {
    pub(crate) limits: Limits,
    /// The latest time that any call brought.
    pub(crate) now: Instant,
    pub(crate) next_token: u64,
    records: Records,
}

impl KeyStore {
    /// An empty store.
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
        Self::empty(limits, Secret(secret))
    }

    fn empty(limits: Limits, secret: Secret) -> Self {
        Self {
            limits: limits.cut(),
            now: Instant::ORIGIN,
            next_token: 1,
            records: Records::new(secret),
        }
    }

    /// A request came with `key`: says whether to run it.
    ///
    /// `lease` is how long the attempt may run before another request with the key may take over;
    /// give it the longest that the work takes when all is well.
    ///
    /// # Errors
    ///
    /// When there is no room, or the lease is zero or over [`Limits::lease`]. Nothing runs then.
    pub fn begin(
        &mut self,
        now: Instant,
        key: &Key,
        fingerprint: Fingerprint,
        lease: Duration,
    ) -> Result<Begin, BeginError> {
        let now = self.advance(now);
        if lease.is_zero() {
            return Err(BeginError::ZeroLease);
        }
        if lease > self.limits.lease {
            return Err(BeginError::LeaseTooLong {
                lease,
                limit: self.limits.lease,
            });
        }
        let mut place = self.records.find(key);
        let earlier = self.records.at(place).filter(|record| record.is_live(now));
        let (earlier_attempts, takeover, reached) = match earlier {
            Some(record) if record.fingerprint != fingerprint => {
                return Ok(Begin::Mismatch {
                    stored: record.fingerprint,
                    completed: matches!(record.state, State::Completed { .. }),
                });
            }
            Some(record) => match &record.state {
                State::Completed { response } => return Ok(Begin::Replay(response.clone())),
                State::Running { until, .. } if now < *until => {
                    return Ok(Begin::InProgress { until: *until });
                }
                State::Running { .. } => (record.number, true, record.reached),
                State::Stopped { doubt } => (record.number, *doubt, record.reached),
            },
            None => (0, false, 0),
        };
        if self.make_room(key, place)? {
            place = self.records.find(key);
        }
        let token = AttemptToken(self.next_token);
        self.next_token = token.0.checked_add(1).ok_or(BeginError::TokensExhausted)?;
        let until = now + lease;
        let number = earlier_attempts.saturating_add(1);
        self.records.put(
            place,
            key,
            Record {
                fingerprint,
                token,
                number,
                reached,
                state: State::Running { until, takeover },
                expires_at: until + self.limits.abandoned,
            },
        );
        Ok(Begin::Run(Attempt {
            token,
            number,
            takeover,
            reached,
            until,
        }))
    }

    /// The attempt has run: keeps `response` for every retry within `retain` from now.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    /// Taken again, from the same attempt, it changes nothing: the first response stays.
    ///
    /// # Errors
    ///
    /// [`CompleteError::Superseded`] when a later attempt took over, [`CompleteError::Unknown`] when
    /// the store knows of no such attempt, and others when `response` or `retain` is out of bounds.
    pub fn complete(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        response: Bytes,
        retain: Duration,
    ) -> Result<(), CompleteError> {
        let now = self.advance(now);
        let place = self.records.find(key);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(CompleteError::Superseded { by }),
            Latest::Unknown => return Err(CompleteError::Unknown { token }),
        };
        match record.state {
            // Before all other checks: the retry of a completion is a success, whatever it brings.
            State::Completed { .. } => return Ok(()),
            State::Stopped { .. } => return Err(CompleteError::Unknown { token }),
            State::Running { .. } => {}
        }
        if retain.is_zero() {
            return Err(CompleteError::ZeroRetain);
        }
        if retain > self.limits.retain {
            return Err(CompleteError::RetainTooLong {
                retain,
                limit: self.limits.retain,
            });
        }
        if response.len() as u64 > self.limits.response_bytes {
            return Err(CompleteError::ResponseTooLarge {
                limit: self.limits.response_bytes,
                response,
            });
        }
        let completed = Record {
            state: State::Completed { response },
            expires_at: now + retain,
            ..record.clone()
        };
        self.records.put(place, key, completed);
        Ok(())
    }

    /// The attempt has certainly had no effect, or none but the [steps](Self::step) that it recorded:
    /// frees the key, so that a retry runs at once, after those steps.
    ///
    /// When the attempt may have had another effect, do not call this: let the lease run out, and the
    /// next attempt is told of the doubt. A doubt that this attempt itself took over outlives it:
    /// the next attempt's [`takeover`](Attempt::takeover) is set then too.
    ///
    /// # Errors
    ///
    /// [`FailError::Superseded`] when a later attempt took over, [`FailError::Completed`] when the
    /// attempt has completed, [`FailError::Unknown`] when the store knows of no such attempt.
    pub fn fail(&mut self, now: Instant, key: &Key, token: AttemptToken) -> Result<(), FailError> {
        let now = self.advance(now);
        let place = self.records.find(key);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(FailError::Superseded { by }),
            Latest::Unknown => return Err(FailError::Unknown { token }),
        };
        match record.state {
            State::Completed { .. } => Err(FailError::Completed),
            State::Stopped { .. } => Err(FailError::Unknown { token }),
            State::Running { takeover, .. } if takeover || record.reached > 0 => {
                let stopped = Record {
                    state: State::Stopped { doubt: takeover },
                    expires_at: now + self.limits.abandoned,
                    ..record.clone()
                };
                self.records.put(place, key, stopped);
                Ok(())
            }
            State::Running { .. } => {
                self.records.remove(place);
                Ok(())
            }
        }
    }

    /// The attempt has done a step of its work, and all before it: a **recovery point**, from which the
    /// next attempt goes on if this one does not come to the end ([`Attempt::reached`]).
    ///
    /// For work of several parts that cannot be one transaction, such as a charge at a bank and then an
    /// order at a shop. Number the parts, and record each when its effect is durable. Steps only go
    /// forward. One that was recorded already is taken again and changes nothing.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    ///
    /// # Errors
    ///
    /// [`StepError::Superseded`] when a later attempt took over and this one should stop, and others
    /// when it is not running, or further already. Nothing has changed then.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_idempotency::{Begin, Fingerprint, Key, KeyStore, Limits, StepError};
    ///
    /// let mut store = KeyStore::new(Limits::default());
    /// let key = Key::new("tenant-7", "order-4711")?;
    /// let lease = Duration::from_secs(10);
    /// let at = |seconds: u64| Instant::from_millis(1_000 * seconds);
    /// let print = Fingerprint(7);
    ///
    /// let Begin::Run(first) = store.begin(at(0), &key, print, lease)? else { panic!("new") };
    /// store.step(at(1), &key, first.token, 1)?; // charged
    /// // It vanishes. Whoever takes over does not charge again.
    /// let Begin::Run(second) = store.begin(at(10), &key, print, lease)? else { panic!("free") };
    /// assert!(second.takeover && second.reached == 1);
    /// // The first was only slow, and may go no further.
    /// assert_eq!(
    ///     store.step(at(11), &key, first.token, 2),
    ///     Err(StepError::Superseded { by: second.token }),
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        step: u64,
    ) -> Result<(), StepError> {
        self.advance(now);
        let place = self.records.find(key);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(StepError::Superseded { by }),
            Latest::Unknown => return Err(StepError::Unknown { token }),
        };
        let reached = record.reached;
        match record.state {
            State::Completed { .. } => return Err(StepError::Completed),
            State::Stopped { .. } => return Err(StepError::Unknown { token }),
            State::Running { .. } if step < reached => {
                return Err(StepError::Back { step, reached });
            }
            State::Running { .. } => {}
        }
        let further = Record {
            reached: step,
            ..record.clone()
        };
        self.records.put(place, key, further);
        Ok(())
    }

    /// The attempt is still at it: its lease now lasts until `lease` from now, or as long as it did
    /// if that is longer. Returns when it runs out.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    ///
    /// # Errors
    ///
    /// [`ExtendError::Superseded`] when a later attempt took over and this one should stop; others
    /// when it is not running or the lease is out of bounds.
    pub fn extend(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        lease: Duration,
    ) -> Result<Instant, ExtendError> {
        let now = self.advance(now);
        if lease.is_zero() {
            return Err(ExtendError::ZeroLease);
        }
        if lease > self.limits.lease {
            return Err(ExtendError::LeaseTooLong {
                lease,
                limit: self.limits.lease,
            });
        }
        let place = self.records.find(key);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(ExtendError::Superseded { by }),
            Latest::Unknown => return Err(ExtendError::Unknown { token }),
        };
        let (until, takeover) = match record.state {
            State::Completed { .. } => return Err(ExtendError::Completed),
            State::Stopped { .. } => return Err(ExtendError::Unknown { token }),
            State::Running { until, takeover } => (until.max(now + lease), takeover),
        };
        let extended = Record {
            state: State::Running { until, takeover },
            expires_at: record.expires_at.max(until + self.limits.abandoned),
            ..record.clone()
        };
        self.records.put(place, key, extended);
        Ok(until)
    }

    /// Forgets every key whose time is over and says how many there were.
    ///
    /// This frees memory and changes no answer: a key counts as absent from its end on, forgotten
    /// or not.
    pub fn expire(&mut self, now: Instant) -> usize {
        self.expire_some(now, usize::MAX)
    }

    /// As [`expire`](Self::expire), but forgets `most` keys at most, those first whose time was
    /// over first: for a bounded pause after a long silence.
    pub fn expire_some(&mut self, now: Instant, most: usize) -> usize {
        let now = self.advance(now);
        let mut forgotten = 0;
        while forgotten < most && self.records.expire_one(now) {
            forgotten += 1;
        }
        forgotten
    }

    /// When to look again whether [`expire`](Self::expire) has something to forget: not before. Later,
    /// maybe: ends are sorted finely only as they come near.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.records.next_end()
    }

    /// Changes the limits. What is remembered stays, even when it is more than they allow.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.cut();
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The latest time that any call brought.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How many keys take up room, those included that are over and not yet forgotten.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no key takes up room.
    pub fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// How many attempts have neither completed nor failed.
    pub fn running(&self) -> u64 {
        self.records.running()
    }

    /// Bytes of scopes and names.
    pub fn key_bytes(&self) -> u64 {
        self.records.key_bytes()
    }

    /// Bytes of responses, with [`Limits::response_bytes`] set aside for each running attempt.
    pub fn response_bytes(&self) -> u64 {
        let set_aside = self.running().saturating_mul(self.limits.response_bytes);
        set_aside.saturating_add(self.records.response_bytes())
    }

    /// Records that are not over, by key.
    pub(crate) fn live(&self) -> Vec<(&Key, &Record)> {
        let mut live: Vec<_> = self
            .records
            .unordered()
            .filter(|(_, record)| record.is_live(self.now))
            .collect();
        live.sort_unstable_by_key(|(key, _)| *key);
        live
    }

    /// Puts a record in the place of the key's earlier one.
    pub(crate) fn put(&mut self, key: &Key, record: Record) {
        let place = self.records.find(key);
        self.records.put(place, key, record);
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Finds the record whose latest attempt is `token`.
    fn latest(&self, place: Place, token: AttemptToken) -> Latest<'_> {
        match self.records.at(place) {
            Some(record) if !record.is_live(self.now) => Latest::Unknown,
            Some(record) if record.token == token => Latest::This(record),
            Some(record) if token < record.token => Latest::Superseded { by: record.token },
            _ => Latest::Unknown,
        }
    }

    /// Makes sure that an attempt at `key` fits, forgetting what is over only when it must. Says whether
    /// it did.
    fn make_room(&mut self, key: &Key, place: Place) -> Result<bool, BeginError> {
        if self.lacking(key, place).is_none() {
            return Ok(false);
        }
        self.expire(self.now);
        match self.lacking(key, self.records.find(key)) {
            None => Ok(true),
            Some((resource, used, limit)) => Err(BeginError::Full {
                resource,
                used,
                limit,
            }),
        }
    }

    /// What an attempt at `key` would take too much of, with what is taken and the limit.
    fn lacking(&self, key: &Key, place: Place) -> Option<(Resource, u64, u64)> {
        let known = self.records.at(place);
        let (new_keys, new_key_bytes) = match known {
            Some(_) => (0, 0),
            None => (1, key.len_bytes() as u64),
        };
        let held = known.map_or(0, |record| {
            record.response_bytes(self.limits.response_bytes)
        });
        let of_scope = match known {
            Some(_) => 0,
            None => self.records.of_scope(key.scope()),
        };
        [
            (
                Resource::Keys,
                self.records.len() as u64,
                new_keys,
                self.limits.keys,
            ),
            (
                Resource::KeysOfScope,
                of_scope,
                new_keys,
                self.limits.keys_per_scope,
            ),
            (
                Resource::KeyBytes,
                self.key_bytes(),
                new_key_bytes,
                self.limits.key_bytes,
            ),
            (
                Resource::ResponseBytes,
                self.response_bytes(),
                self.limits.response_bytes.saturating_sub(held),
                self.limits.all_response_bytes,
            ),
        ]
        .into_iter()
        .find(|(_, used, more, limit)| *more > 0 && used.saturating_add(*more) > *limit)
        .map(|(resource, used, _, limit)| (resource, used, limit))
    }
}

/// Equal if they answer alike from now on: what is over and not forgotten does not count, nor does the
/// secret.
impl PartialEq for KeyStore {
    fn eq(&self, other: &Self) -> bool {
        (self.limits, self.now, self.next_token) == (other.limits, other.now, other.next_token)
            && self.live() == other.live()
    }
}

impl Eq for KeyStore {}

impl Hash for KeyStore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.limits, self.now, self.next_token, self.live()).hash(state);
    }
}

enum Latest<'a> {
    This(&'a Record),
    Superseded { by: AttemptToken },
    Unknown,
}
