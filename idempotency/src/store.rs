//! The store: which requests run, which wait and which have run.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::record::{Record, State};
use crate::{
    Attempt, AttemptToken, Begin, BeginError, CompleteError, ExtendError, FailError, Fingerprint,
    Key, Limits, Resource,
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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyStore {
    pub(crate) limits: Limits,
    /// The latest time that any call brought.
    pub(crate) now: Instant,
    pub(crate) next_token: u64,
    records: BTreeMap<Key, Record>,
    /// Every record by its end. A token is the latest of one record only.
    expiry: BTreeSet<(Instant, AttemptToken, Key)>,
    keys_of_scope: BTreeMap<Arc<str>, u64>,
    key_bytes: u64,
    running: u64,
    stored_response_bytes: u64,
}

impl KeyStore {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: limits.cut(),
            now: Instant::ORIGIN,
            next_token: 1,
            records: BTreeMap::new(),
            expiry: BTreeSet::new(),
            keys_of_scope: BTreeMap::new(),
            key_bytes: 0,
            running: 0,
            stored_response_bytes: 0,
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
        let earlier = self.records.get(key).filter(|record| record.is_live(now));
        let (earlier_attempts, takeover) = match earlier {
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
                State::Running { .. } | State::Doubtful => (record.number, true),
            },
            None => (0, false),
        };
        self.make_room(key)?;
        let token = AttemptToken(self.next_token);
        self.next_token = token.0.checked_add(1).ok_or(BeginError::TokensExhausted)?;
        let until = now + lease;
        let number = earlier_attempts.saturating_add(1);
        self.put(
            key,
            Record {
                fingerprint,
                token,
                number,
                state: State::Running { until, takeover },
                expires_at: until + self.limits.abandoned,
            },
        );
        Ok(Begin::Run(Attempt {
            token,
            number,
            takeover,
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
        let record = match self.latest(key, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(CompleteError::Superseded { by }),
            Latest::Unknown => return Err(CompleteError::Unknown { token }),
        };
        match record.state {
            // Before all other checks: the retry of a completion is a success, whatever it brings.
            State::Completed { .. } => return Ok(()),
            State::Doubtful => return Err(CompleteError::Unknown { token }),
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
        self.put(key, completed);
        Ok(())
    }

    /// The attempt has certainly had no effect: frees the key, so that a retry runs at once.
    ///
    /// When the attempt may have had an effect, do not call this: let the lease run out, and the
    /// next attempt is told of the doubt. A doubt that this attempt itself took over outlives it:
    /// the next attempt's [`takeover`](Attempt::takeover) is set then too.
    ///
    /// # Errors
    ///
    /// [`FailError::Superseded`] when a later attempt took over, [`FailError::Completed`] when the
    /// attempt has completed, [`FailError::Unknown`] when the store knows of no such attempt.
    pub fn fail(&mut self, now: Instant, key: &Key, token: AttemptToken) -> Result<(), FailError> {
        let now = self.advance(now);
        let record = match self.latest(key, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(FailError::Superseded { by }),
            Latest::Unknown => return Err(FailError::Unknown { token }),
        };
        match record.state {
            State::Completed { .. } => Err(FailError::Completed),
            State::Doubtful => Err(FailError::Unknown { token }),
            State::Running { takeover: true, .. } => {
                let doubtful = Record {
                    state: State::Doubtful,
                    expires_at: now + self.limits.abandoned,
                    ..record.clone()
                };
                self.put(key, doubtful);
                Ok(())
            }
            State::Running {
                takeover: false, ..
            } => {
                self.remove(key);
                Ok(())
            }
        }
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
        let record = match self.latest(key, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(ExtendError::Superseded { by }),
            Latest::Unknown => return Err(ExtendError::Unknown { token }),
        };
        let (until, takeover) = match record.state {
            State::Completed { .. } => return Err(ExtendError::Completed),
            State::Doubtful => return Err(ExtendError::Unknown { token }),
            State::Running { until, takeover } => (until.max(now + lease), takeover),
        };
        let extended = Record {
            state: State::Running { until, takeover },
            expires_at: record.expires_at.max(until + self.limits.abandoned),
            ..record.clone()
        };
        self.put(key, extended);
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
        while forgotten < most {
            match self.expiry.first() {
                Some((at, _, key)) if *at <= now => {
                    let key = key.clone();
                    self.remove(&key);
                    forgotten += 1;
                }
                _ => break,
            }
        }
        forgotten
    }

    /// When [`expire`](Self::expire) has something to forget, if ever.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiry.first().map(|(at, _, _)| *at)
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
        self.records.is_empty()
    }

    /// How many attempts have neither completed nor failed.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// Bytes of scopes and names.
    pub fn key_bytes(&self) -> u64 {
        self.key_bytes
    }

    /// Bytes of responses, with [`Limits::response_bytes`] set aside for each running attempt.
    pub fn response_bytes(&self) -> u64 {
        self.running
            .saturating_mul(self.limits.response_bytes)
            .saturating_add(self.stored_response_bytes)
    }

    /// Records that are not over, by key.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.records
            .iter()
            .filter(|(_, record)| record.is_live(self.now))
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Finds the record whose latest attempt is `token`.
    fn latest(&self, key: &Key, token: AttemptToken) -> Latest<'_> {
        match self.records.get(key) {
            Some(record) if !record.is_live(self.now) => Latest::Unknown,
            Some(record) if record.token == token => Latest::This(record),
            Some(record) if token < record.token => Latest::Superseded { by: record.token },
            _ => Latest::Unknown,
        }
    }

    /// Makes sure that an attempt at `key` fits, forgetting what is over only when it must.
    fn make_room(&mut self, key: &Key) -> Result<(), BeginError> {
        let Some(_) = self.lacking(key) else {
            return Ok(());
        };
        self.expire(self.now);
        match self.lacking(key) {
            None => Ok(()),
            Some((resource, used, limit)) => Err(BeginError::Full {
                resource,
                used,
                limit,
                retry_at: self.next_expiry(),
            }),
        }
    }

    /// What an attempt at `key` would take too much of, with what is taken and the limit.
    fn lacking(&self, key: &Key) -> Option<(Resource, u64, u64)> {
        let known = self.records.get(key);
        let (new_keys, new_key_bytes) = match known {
            Some(_) => (0, 0),
            None => (1, key.len_bytes() as u64),
        };
        let held = known.map_or(0, |record| {
            record.response_bytes(self.limits.response_bytes)
        });
        let of_scope = self
            .keys_of_scope
            .get(key.scope())
            .copied()
            .unwrap_or_default();
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
                self.key_bytes,
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

    /// Puts a record in the place of the key's earlier one, and keeps the sums and the index.
    pub(crate) fn put(&mut self, key: &Key, record: Record) {
        self.remove(key);
        match self.keys_of_scope.get_mut(key.scope()) {
            Some(count) => *count += 1,
            None => {
                self.keys_of_scope.insert(key.scope().into(), 1);
            }
        }
        self.key_bytes += key.len_bytes() as u64;
        match &record.state {
            State::Running { .. } => self.running += 1,
            State::Doubtful => {}
            State::Completed { response } => self.stored_response_bytes += response.len() as u64,
        }
        self.expiry
            .insert((record.expires_at, record.token, key.clone()));
        self.records.insert(key.clone(), record);
    }

    fn remove(&mut self, key: &Key) {
        let Some((key, record)) = self.records.remove_entry(key) else {
            return;
        };
        self.key_bytes -= key.len_bytes() as u64;
        match &record.state {
            State::Running { .. } => self.running -= 1,
            State::Doubtful => {}
            State::Completed { response } => self.stored_response_bytes -= response.len() as u64,
        }
        if let Some(count) = self.keys_of_scope.get_mut(key.scope()) {
            *count -= 1;
            if *count == 0 {
                self.keys_of_scope.remove(key.scope());
            }
        }
        self.expiry.remove(&(record.expires_at, record.token, key));
    }
}

enum Latest<'a> {
    This(&'a Record),
    Superseded { by: AttemptToken },
    Unknown,
}
