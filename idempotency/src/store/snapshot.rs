//! A store as bytes.
//!
//! All numbers are little-endian; spans and instants are nanoseconds in a `u64`.
//!
//! ```text
//! version u8 = 2
//! limits: keys u64, keys_per_scope u64, key_bytes u64, response_bytes u64, all_response_bytes u64,
//!         scopes u64, tombstones u64, tombstones_per_scope u64, lease u64
//! policy: for success, rejection, transient, indeterminate:
//!           0u8 replay: retain u64 | 1u8 applied: retain u64 | 2u8 resume | 3u8 free | 4u8 in doubt
//!         lease u64, abandoned u64, key_age u64, key_skew u64, pressure u8 (0 refuse, 1 drop responses)
//! now u64, floor u64, next_token u64, next_order u64
//! count u64, and so many records, strictly ascending by (scope, name):
//!   scope_len u8, scope, name_len u8, name, fingerprint u128, token u64, number u32, reached u64,
//!   born u8 (0 or 1), with 1: born_at u64
//!   expires_at u64
//!   0u8 running: until u64, takeover u8 (0 or 1)
//!   1u8 stopped: doubt u8 (0 or 1)
//!   2u8 replayable: order u64, len u64, response
//!   3u8 applied: order u64
//! count u64, and so many remains of scopes, strictly ascending by scope, each with something in it:
//!   scope_len u8, scope, horizon u64 (0, or after floor)
//!   count u64, and so many tombstones with a time, which does not descend
//!   count u64, and so many tombstones with a birth, which does not descend
//!     tombstone: key digest 12 bytes, fingerprint u128, time or birth u64
//! ```
//!
//! What is over is left out, so that when it is forgotten does not show.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::KeyStore;
use super::record::{Record, State, Time};
use super::tombstones::{KeyDigest, Kind};
use super::weakness::Weakness;
use crate::limits::nanos;
use crate::{
    AttemptToken, Class, Fingerprint, Key, Limits, Policy, Pressure, Remember, RestoreError,
    SnapshotDigest,
};

const VERSION: u8 = 2;
/// The smallest record: no scope, a name of one byte, stopped.
const MIN_RECORD_BYTES: u64 = 1 + 1 + 1 + 16 + 8 + 4 + 8 + 1 + 8 + 1 + 1;
const MIN_REMAINS_BYTES: u64 = 1 + 8 + 8 + 8;
const TOMBSTONE_BYTES: u64 = 12 + 16 + 8;
const CLASSES: [Class; 4] = [
    Class::Success,
    Class::Rejection,
    Class::Transient,
    Class::Indeterminate,
];

impl KeyStore {
    /// The store as bytes, the same for all stores that answer alike: limits, policy, time, the next
    /// token and all that is not over.
    pub fn snapshot(&self) -> Bytes {
        let mut out = Vec::new();
        out.push(VERSION);
        self.put_settings(&mut out);
        let live = self.live();
        let floor = match self.weak.has(Weakness::SnapshotWithoutFloor) {
            true => self.time.now.saturating_sub(self.policy.key_age),
            false => self.time.floor,
        };
        let next_token = match self.weak.has(Weakness::TokensAgainAfterRestart) {
            true => live.iter().map(|(_, record)| record.token.0 + 1).max(),
            false => None,
        };
        for number in [
            self.time.now.as_nanos(),
            floor.as_nanos(),
            next_token.unwrap_or(self.next_token),
            self.next_order,
            live.len() as u64,
        ] {
            put_u64(&mut out, number);
        }
        for (key, record) in live {
            put_record(&mut out, key, record);
        }
        let mut remains = self.remains();
        if self.weak.has(Weakness::SnapshotWithoutTombstones) {
            remains.clear();
        }
        if self.weak.has(Weakness::SnapshotWithoutHorizons) {
            for remains in &mut remains {
                remains.horizon = Instant::ORIGIN;
            }
        }
        put_u64(&mut out, remains.len() as u64);
        for remains in remains {
            put_text(&mut out, remains.scope);
            put_u64(&mut out, remains.horizon.as_nanos());
            for stones in [remains.opaque, remains.aged] {
                put_u64(&mut out, stones.len() as u64);
                for (digest, fingerprint, at) in stones {
                    for word in digest.0 {
                        out.extend_from_slice(&word.to_le_bytes());
                    }
                    out.extend_from_slice(&fingerprint.0.to_le_bytes());
                    put_u64(&mut out, at.as_nanos());
                }
            }
        }
        out.into()
    }

    /// A short stand-in for the [`snapshot`](Self::snapshot): replicas that agree have the same. Compare
    /// it from time to time, to learn early that they do not.
    pub fn digest(&self) -> SnapshotDigest {
        SnapshotDigest::of(&self.snapshot())
    }

    fn put_settings(&self, out: &mut Vec<u8>) {
        let (limits, policy) = (&self.limits, &self.policy);
        for number in [
            limits.keys,
            limits.keys_per_scope,
            limits.key_bytes,
            limits.response_bytes,
            limits.all_response_bytes,
            limits.scopes,
            limits.tombstones,
            limits.tombstones_per_scope,
            nanos(limits.lease),
        ] {
            put_u64(out, number);
        }
        for class in CLASSES {
            match policy.of(class) {
                Remember::Replay { retain } => {
                    out.push(0);
                    put_u64(out, nanos(retain));
                }
                Remember::Applied { retain } => {
                    out.push(1);
                    put_u64(out, nanos(retain));
                }
                Remember::Resume => out.push(2),
                Remember::Free => out.push(3),
                Remember::InDoubt => out.push(4),
            }
        }
        for span in [
            policy.lease,
            policy.abandoned,
            policy.key_age,
            policy.key_skew,
        ] {
            put_u64(out, nanos(span));
        }
        out.push(match policy.pressure {
            Pressure::Refuse => 0,
            Pressure::DropResponses => 1,
        });
    }

    /// The store that [`snapshot`](Self::snapshot) was taken of. Its limits and its policy come with it.
    ///
    /// Responses are copied, so that the snapshot's memory is not held by the last of them. No more
    /// is allocated than `snapshot` is long, times a constant.
    ///
    /// # Errors
    ///
    /// When the bytes are not what a store writes. What is taken is written back the same, byte for
    /// byte.
    pub fn restore(snapshot: &Bytes) -> Result<Self, RestoreError> {
        let mut reader = Reader {
            all: snapshot,
            at: 0,
        };
        let version = reader.u8()?;
        if version != VERSION {
            return Err(RestoreError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let mut store = Self::new(reader.limits()?);
        let policy = reader.policy()?;
        if store.set_policy(policy).is_err() {
            return Err(reader.invalid("the policy makes sense"));
        }
        store.time = Time {
            now: reader.instant()?,
            floor: reader.instant()?,
        };
        let least = store.time.now.saturating_sub(policy.key_age);
        if store.time.floor > store.time.now || store.time.floor < least {
            return Err(reader.invalid("the floor is at the age of keys, or between that and now"));
        }
        store.next_token = reader.u64()?;
        if store.next_token == 0 {
            return Err(reader.invalid("tokens start at 1"));
        }
        store.next_order = reader.u64()?;
        store.read_records(&mut reader)?;
        store.read_remains(&mut reader)?;
        match snapshot.len() - reader.at {
            0 => Ok(store),
            left => Err(RestoreError::Trailing { left }),
        }
    }

    fn read_records(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let count = reader.count(MIN_RECORD_BYTES)?;
        let mut last: Option<Key> = None;
        let mut tokens = BTreeSet::new();
        // Completed ones are put in their order, which is the one in which they make room.
        let mut completed = Vec::new();
        for _ in 0..count {
            let key = reader.key()?;
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(reader.invalid("keys ascend strictly"));
            }
            let record = reader.record()?;
            if record.token.0 == 0 || record.token.0 >= self.next_token {
                return Err(reader.invalid("a token is at least 1 and below the next one"));
            }
            if !tokens.insert(record.token) {
                return Err(reader.invalid("a token is of one key"));
            }
            if !record.is_live(self.time) {
                return Err(reader.invalid("a record ends after the snapshot's time"));
            }
            last = Some(key.clone());
            match record.state {
                State::Completed { order, .. } if order >= self.next_order => {
                    return Err(reader.invalid("the order of a completion is below the next one"));
                }
                State::Completed { order, .. } => completed.push((order, key, record)),
                _ => self.put(&key, record),
            }
        }
        completed.sort_unstable_by_key(|(order, ..)| *order);
        if completed
            .windows(2)
            .any(|pair| matches!(pair, [(one, ..), (other, ..)] if one == other))
        {
            return Err(reader.invalid("an order is of one completion"));
        }
        for (_, key, record) in completed {
            self.put(&key, record);
        }
        Ok(())
    }

    fn read_remains(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        let mut last: Option<&str> = None;
        let mut digests = BTreeSet::new();
        for _ in 0..reader.count(MIN_REMAINS_BYTES)? {
            let scope = reader.text()?;
            if last.is_some_and(|last| last >= scope) {
                return Err(reader.invalid("scopes ascend strictly"));
            }
            if !Key::is_scope(scope) {
                return Err(reader.invalid("a scope is printable ASCII"));
            }
            last = Some(scope);
            let horizon = reader.instant()?;
            if horizon != Instant::ORIGIN && horizon <= self.time.floor {
                return Err(reader.invalid("a horizon is after the floor"));
            }
            let mut stones = Vec::new();
            for kind in [Kind::Opaque, Kind::Aged] {
                let mut earlier = Instant::ORIGIN;
                for _ in 0..reader.count(TOMBSTONE_BYTES)? {
                    let digest = KeyDigest([reader.u32()?, reader.u32()?, reader.u32()?]);
                    let fingerprint = Fingerprint(u128::from_le_bytes(reader.array()?));
                    let at = reader.instant()?;
                    let is_over = match kind {
                        Kind::Opaque => at <= self.time.now,
                        Kind::Aged => at < self.time.floor,
                    };
                    if is_over || at < earlier {
                        return Err(reader.invalid("tombstones are not over, and do not descend"));
                    }
                    if !digests.insert(digest) {
                        return Err(reader.invalid("a tombstone is of one key"));
                    }
                    earlier = at;
                    stones.push((kind, digest, fingerprint, at));
                }
            }
            if stones.is_empty() && horizon == Instant::ORIGIN {
                return Err(reader.invalid("of a scope something remains"));
            }
            self.records.with_scope(scope, self.time, |scope, all| {
                scope.horizon = horizon;
                for (kind, digest, fingerprint, at) in stones {
                    all.push(scope.queue_mut(kind), kind, digest, fingerprint, at);
                }
            });
        }
        Ok(())
    }
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // A part of a key has at most 255 bytes, or it would not be in a key.
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn put_record(out: &mut Vec<u8>, key: &Key, record: &Record) {
    put_text(out, key.scope());
    put_text(out, key.name());
    out.extend_from_slice(&record.fingerprint.0.to_le_bytes());
    put_u64(out, record.token.0);
    out.extend_from_slice(&record.number.to_le_bytes());
    put_u64(out, record.reached);
    match record.born_at {
        None => out.push(0),
        Some(born_at) => {
            out.push(1);
            put_u64(out, born_at.as_nanos());
        }
    }
    put_u64(out, record.expires_at.as_nanos());
    match &record.state {
        State::Running { until, takeover } => {
            out.push(0);
            put_u64(out, until.as_nanos());
            out.push(u8::from(*takeover));
        }
        State::Stopped { doubt } => out.extend([1, u8::from(*doubt)]),
        State::Completed {
            response: Some(response),
            order,
        } => {
            out.push(2);
            put_u64(out, *order);
            put_u64(out, response.len() as u64);
            out.extend_from_slice(response);
        }
        State::Completed {
            response: None,
            order,
        } => {
            out.push(3);
            put_u64(out, *order);
        }
    }
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Whether so many bytes are left.
    fn check(&self, needed: u64) -> Result<(), RestoreError> {
        let left = self.all.len() - self.at;
        if needed > left as u64 {
            return Err(RestoreError::Truncated {
                at: self.at,
                needed,
                left,
            });
        }
        Ok(())
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], RestoreError> {
        self.check(len)?;
        // What fits in the bytes that are left fits in a `usize`.
        let end = self.at + len as usize;
        let taken = self.all.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let taken = self.take(N as u64)?;
        Ok(taken.try_into().unwrap_or([0; N]))
    }

    fn u8(&mut self) -> Result<u8, RestoreError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RestoreError> {
        self.array().map(u64::from_le_bytes)
    }

    fn instant(&mut self) -> Result<Instant, RestoreError> {
        self.u64().map(Instant::from_nanos)
    }

    fn span(&mut self) -> Result<Duration, RestoreError> {
        self.u64().map(Duration::from_nanos)
    }

    /// How many things follow of at least so many bytes each.
    fn count(&mut self, least_bytes: u64) -> Result<u64, RestoreError> {
        let count = self.u64()?;
        self.check(count.saturating_mul(least_bytes))?;
        Ok(count)
    }

    fn text(&mut self) -> Result<&'a str, RestoreError> {
        let len = self.u8()?;
        let bytes = self.take(len.into())?;
        core::str::from_utf8(bytes).map_err(|_| self.invalid("a key is ASCII"))
    }

    fn key(&mut self) -> Result<Key, RestoreError> {
        let scope = self.text()?;
        let name = self.text()?;
        Key::new(scope, name).map_err(|_| self.invalid("a key is visible ASCII with a name"))
    }

    fn limits(&mut self) -> Result<Limits, RestoreError> {
        Ok(Limits {
            keys: self.u64()?,
            keys_per_scope: self.u64()?,
            key_bytes: self.u64()?,
            response_bytes: self.u64()?,
            all_response_bytes: self.u64()?,
            scopes: self.u64()?,
            tombstones: self.u64()?,
            tombstones_per_scope: self.u64()?,
            lease: self.span()?,
        })
    }

    fn policy(&mut self) -> Result<Policy, RestoreError> {
        Ok(Policy {
            success: self.remember()?,
            rejection: self.remember()?,
            transient: self.remember()?,
            indeterminate: self.remember()?,
            lease: self.span()?,
            abandoned: self.span()?,
            key_age: self.span()?,
            key_skew: self.span()?,
            pressure: match self.flag("the answer to pressure is 0 or 1")? {
                false => Pressure::Refuse,
                true => Pressure::DropResponses,
            },
        })
    }

    fn remember(&mut self) -> Result<Remember, RestoreError> {
        Ok(match self.u8()? {
            0 => Remember::Replay {
                retain: self.span()?,
            },
            1 => Remember::Applied {
                retain: self.span()?,
            },
            2 => Remember::Resume,
            3 => Remember::Free,
            4 => Remember::InDoubt,
            _ => return Err(self.invalid("what is remembered is one of five things")),
        })
    }

    fn record(&mut self) -> Result<Record, RestoreError> {
        let fingerprint = Fingerprint(u128::from_le_bytes(self.array()?));
        let token = AttemptToken(self.u64()?);
        let number = self.u32()?;
        let reached = self.u64()?;
        let born_at = match self.flag("born is 0 or 1")? {
            true => Some(self.instant()?),
            false => None,
        };
        let expires_at = self.instant()?;
        let state = match self.u8()? {
            0 => State::Running {
                until: self.instant()?,
                takeover: self.flag("takeover is 0 or 1")?,
            },
            1 => State::Stopped {
                doubt: self.flag("doubt is 0 or 1")?,
            },
            2 => {
                let order = self.u64()?;
                let len = self.u64()?;
                State::Completed {
                    response: Some(Bytes::copy_from_slice(self.take(len)?)),
                    order,
                }
            }
            3 => State::Completed {
                response: None,
                order: self.u64()?,
            },
            _ => return Err(self.invalid("a record is running, stopped or completed")),
        };
        if number == 0 {
            return Err(self.invalid("attempts are counted from 1"));
        }
        Ok(Record {
            fingerprint,
            token,
            number,
            reached,
            born_at,
            state,
            expires_at,
        })
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, RestoreError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.invalid(what)),
        }
    }

    fn invalid(&self, what: &'static str) -> RestoreError {
        RestoreError::Invalid { at: self.at, what }
    }
}
