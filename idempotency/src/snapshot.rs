//! A store as bytes.
//!
//! All numbers are little-endian; spans and instants are nanoseconds in a `u64`.
//!
//! ```text
//! version u8 = 1
//! limits: keys u64, keys_per_scope u64, key_bytes u64, response_bytes u64, all_response_bytes u64,
//!         lease u64, retain u64, abandoned u64
//! now u64, next_token u64, count u64
//! count records, strictly ascending by (scope, name):
//!   scope_len u8, scope, name_len u8, name, fingerprint u128, token u64, number u32, reached u64,
//!   expires_at u64
//!   0u8 running: until u64, takeover u8 (0 or 1)
//!   1u8 stopped: doubt u8 (0 or 1), which is 1 when reached is 0
//!   2u8 completed: len u64, response
//! ```
//!
//! A record that is over is left out, so that when it is forgotten does not show.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::limits::nanos;
use crate::record::{Record, State};
use crate::{AttemptToken, Fingerprint, Key, KeyStore, Limits, RestoreError};

const VERSION: u8 = 1;
/// The smallest record: no scope, a name of one byte, stopped.
const MIN_RECORD_BYTES: u64 = 1 + 1 + 1 + 16 + 8 + 4 + 8 + 8 + 1 + 1;

impl KeyStore {
    /// The store as bytes, the same for all stores that answer alike: limits, time, the next token
    /// and every key that is not over.
    pub fn snapshot(&self) -> Bytes {
        let mut out = Vec::new();
        out.push(VERSION);
        let limits = &self.limits;
        let live = self.live();
        for number in [
            limits.keys,
            limits.keys_per_scope,
            limits.key_bytes,
            limits.response_bytes,
            limits.all_response_bytes,
            nanos(limits.lease),
            nanos(limits.retain),
            nanos(limits.abandoned),
            self.now.as_nanos(),
            self.next_token,
            live.len() as u64,
        ] {
            put_u64(&mut out, number);
        }
        for (key, record) in live {
            for part in [key.scope(), key.name()] {
                // A part has at most 255 bytes, or it would not be in a key.
                out.push(part.len() as u8);
                out.extend_from_slice(part.as_bytes());
            }
            out.extend_from_slice(&record.fingerprint.0.to_le_bytes());
            put_u64(&mut out, record.token.0);
            out.extend_from_slice(&record.number.to_le_bytes());
            put_u64(&mut out, record.reached);
            put_u64(&mut out, record.expires_at.as_nanos());
            match &record.state {
                State::Running { until, takeover } => {
                    out.push(0);
                    put_u64(&mut out, until.as_nanos());
                    out.push(u8::from(*takeover));
                }
                State::Stopped { doubt } => out.extend([1, u8::from(*doubt)]),
                State::Completed { response } => {
                    out.push(2);
                    put_u64(&mut out, response.len() as u64);
                    out.extend_from_slice(response);
                }
            }
        }
        out.into()
    }

    /// The store that [`snapshot`](Self::snapshot) was taken of. Its limits come with it.
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
        let mut store = Self::new(Limits {
            keys: reader.u64()?,
            keys_per_scope: reader.u64()?,
            key_bytes: reader.u64()?,
            response_bytes: reader.u64()?,
            all_response_bytes: reader.u64()?,
            lease: Duration::from_nanos(reader.u64()?),
            retain: Duration::from_nanos(reader.u64()?),
            abandoned: Duration::from_nanos(reader.u64()?),
        });
        store.now = Instant::from_nanos(reader.u64()?);
        store.next_token = reader.u64()?;
        if store.next_token == 0 {
            return Err(reader.invalid("tokens start at 1"));
        }
        let count = reader.u64()?;
        reader.check(count.saturating_mul(MIN_RECORD_BYTES))?;
        let mut last: Option<Key> = None;
        let mut tokens = BTreeSet::new();
        for _ in 0..count {
            let key = reader.key()?;
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(reader.invalid("keys ascend strictly"));
            }
            let record = reader.record()?;
            if record.token.0 == 0 || record.token.0 >= store.next_token {
                return Err(reader.invalid("a token is at least 1 and below the next one"));
            }
            if !tokens.insert(record.token) {
                return Err(reader.invalid("a token is of one key"));
            }
            if !record.is_live(store.now) {
                return Err(reader.invalid("a record ends after the snapshot's time"));
            }
            store.put(&key, record);
            last = Some(key);
        }
        match snapshot.len() - reader.at {
            0 => Ok(store),
            left => Err(RestoreError::Trailing { left }),
        }
    }
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
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

    fn u64(&mut self) -> Result<u64, RestoreError> {
        self.array().map(u64::from_le_bytes)
    }

    fn part(&mut self) -> Result<&'a str, RestoreError> {
        let len = self.u8()?;
        let bytes = self.take(len.into())?;
        core::str::from_utf8(bytes).map_err(|_| self.invalid("a key is ASCII"))
    }

    fn key(&mut self) -> Result<Key, RestoreError> {
        let scope = self.part()?;
        let name = self.part()?;
        Key::new(scope, name).map_err(|_| self.invalid("a key is visible ASCII with a name"))
    }

    fn record(&mut self) -> Result<Record, RestoreError> {
        let fingerprint = Fingerprint(u128::from_le_bytes(self.array()?));
        let token = AttemptToken(self.u64()?);
        let number = u32::from_le_bytes(self.array()?);
        let reached = self.u64()?;
        let expires_at = Instant::from_nanos(self.u64()?);
        let state = match self.u8()? {
            0 => State::Running {
                until: Instant::from_nanos(self.u64()?),
                takeover: self.flag("takeover is 0 or 1")?,
            },
            1 => State::Stopped {
                doubt: self.flag("doubt is 0 or 1")?,
            },
            2 => {
                let len = self.u64()?;
                State::Completed {
                    response: Bytes::copy_from_slice(self.take(len)?),
                }
            }
            _ => return Err(self.invalid("a record is running, stopped or completed")),
        };
        if number == 0 {
            return Err(self.invalid("attempts are counted from 1"));
        }
        if reached == 0 && state == (State::Stopped { doubt: false }) {
            return Err(self.invalid("what stopped without a doubt or a step is not remembered"));
        }
        Ok(Record {
            fingerprint,
            token,
            number,
            reached,
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
