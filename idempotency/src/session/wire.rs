//! Sessions as bytes.
//!
//! All numbers are little-endian; spans and instants are nanoseconds in a `u64`. An `option` is `0u8`,
//! or `1u8` and the value.
//!
//! ```text
//! version u8 = 1
//! limits: sessions u64, idle u64, window u64, requests u64, responses_per_session u64,
//!         response_bytes_per_session u64, response_bytes u64
//! now u64, next_id u64, count u64
//! count sessions, strictly ascending by id:
//!   id u64, deadline u64, queued option u64, replaced option u64, first_unacknowledged u64
//!   running u64: that many (sequence u64, fingerprint option u128), strictly ascending
//!   replied u64: that many (sequence u64, fingerprint option u128, len u64, response), likewise
//!   dropped u64: that many sequence u64, likewise
//! ```
//!
//! Sessions that are over and not yet freed are written too: they take up room, which others are refused
//! for.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::record::{Reply, Session};
use super::weakness::Weakness;
use crate::{ClientSessions, Fingerprint, SessionId, SessionLimits, SnapshotDigest};

const VERSION: u8 = 1;
/// Bytes of the smallest session and of the smallest entries of its lists.
const MIN_SESSION: u64 = 8 + 8 + 1 + 1 + 8 + 3 * 8;
const MIN_RUNNING: u64 = 8 + 1;
const MIN_REPLIED: u64 = 8 + 1 + 8;
const MIN_DROPPED: u64 = 8;

impl ClientSessions {
    /// The sessions as bytes: limits, time, the next id, and all that is remembered. Replicas that
    /// applied the same commands write the same bytes.
    pub fn snapshot(&self) -> Bytes {
        let mut out = Vec::new();
        out.push(VERSION);
        let limits = &self.limits;
        for number in [
            limits.sessions,
            limits.idle_nanos(),
            limits.window,
            limits.requests,
            limits.responses_per_session,
            limits.response_bytes_per_session,
            limits.response_bytes,
            self.now.as_nanos(),
            self.next_id,
            self.table.len(),
        ] {
            put_u64(&mut out, number);
        }
        for session in self.table.sorted() {
            put_u64(&mut out, session.id.0);
            put_u64(&mut out, session.deadline.as_nanos());
            put_option(&mut out, session.queued, |at| at.as_nanos().to_le_bytes());
            put_option(&mut out, session.replaced, |id| id.0.to_le_bytes());
            put_u64(&mut out, session.first_unacknowledged);
            let fingerprint = |fingerprint: Fingerprint| fingerprint.0.to_le_bytes();
            put_u64(&mut out, session.running.len());
            for (sequence, stored) in session.running.iter() {
                put_u64(&mut out, sequence);
                put_option(&mut out, *stored, fingerprint);
            }
            put_u64(&mut out, session.replied.len());
            for (sequence, reply) in session.replied.iter() {
                put_u64(&mut out, sequence);
                put_option(&mut out, reply.fingerprint, fingerprint);
                put_u64(&mut out, reply.response.len() as u64);
                out.extend_from_slice(&reply.response);
            }
            if self.weak.has(Weakness::SnapshotWithoutDropped) {
                put_u64(&mut out, 0);
                continue;
            }
            put_u64(&mut out, session.dropped.len());
            for (sequence, ()) in session.dropped.iter() {
                put_u64(&mut out, sequence);
            }
        }
        out.into()
    }

    /// BLAKE3 of the [`snapshot`](Self::snapshot): replicas that compare it after the same command
    /// notice one that has gone astray.
    pub fn digest(&self) -> SnapshotDigest {
        SnapshotDigest::of(&self.snapshot())
    }

    /// The sessions that [`snapshot`](Self::snapshot) was taken of. Their limits come with them.
    ///
    /// Responses are copied, so that the snapshot's memory is not held by the last of them. No more
    /// is allocated than `snapshot` is long, times a constant.
    ///
    /// # Errors
    ///
    /// When the bytes are not what sessions write. What is taken is written back the same, byte for
    /// byte.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SessionRestoreError> {
        let mut reader = Reader {
            all: snapshot,
            at: 0,
        };
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(SessionRestoreError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let mut sessions = Self::new(SessionLimits {
            sessions: reader.u64()?,
            idle: Duration::from_nanos(reader.u64()?),
            window: reader.u64()?,
            requests: reader.u64()?,
            responses_per_session: reader.u64()?,
            response_bytes_per_session: reader.u64()?,
            response_bytes: reader.u64()?,
        });
        sessions.now = Instant::from_nanos(reader.u64()?);
        sessions.next_id = reader.u64()?;
        if sessions.next_id == 0 {
            return Err(reader.invalid("ids start at 1"));
        }
        let mut last = SessionId(0);
        let mut replaced = BTreeSet::new();
        for _ in 0..reader.count(MIN_SESSION)? {
            let session = reader.session()?;
            if session.id <= last || session.id.0 >= sessions.next_id {
                return Err(reader.invalid("ids ascend strictly from 1 to below the next one"));
            }
            last = session.id;
            if let Some(earlier) = session.replaced {
                let is_earlier = earlier.0 > 0 && earlier < session.id;
                if !is_earlier || sessions.table.get(earlier).is_some() {
                    return Err(reader.invalid("a replaced session is an earlier one that is gone"));
                }
                if !replaced.insert(earlier) {
                    return Err(reader.invalid("a session is replaced by one"));
                }
            }
            sessions.enter(session);
        }
        match snapshot.len() - reader.at {
            0 => Ok(sessions),
            left => Err(SessionRestoreError::Trailing { left }),
        }
    }
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_option<T, const N: usize>(out: &mut Vec<u8>, value: Option<T>, bytes: fn(T) -> [u8; N]) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            out.extend_from_slice(&bytes(value));
        }
    }
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], SessionRestoreError> {
        self.check(len)?;
        // What fits in the bytes that are left fits in a `usize`.
        let end = self.at + len as usize;
        let taken = self.all.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    fn check(&self, needed: u64) -> Result<(), SessionRestoreError> {
        let left = self.all.len() - self.at;
        match needed > left as u64 {
            true => Err(SessionRestoreError::Truncated {
                at: self.at,
                needed,
                left,
            }),
            false => Ok(()),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SessionRestoreError> {
        let taken = self.take(N as u64)?;
        Ok(taken.try_into().unwrap_or([0; N]))
    }

    fn u64(&mut self) -> Result<u64, SessionRestoreError> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many things follow that take `each` bytes at least.
    fn count(&mut self, each: u64) -> Result<u64, SessionRestoreError> {
        let count = self.u64()?;
        self.check(count.saturating_mul(each))?;
        Ok(count)
    }

    fn option<const N: usize>(&mut self) -> Result<Option<[u8; N]>, SessionRestoreError> {
        match self.array()? {
            [0] => Ok(None),
            [1] => self.array().map(Some),
            _ => Err(self.invalid("a value is there, 1, or not, 0")),
        }
    }

    fn fingerprint(&mut self) -> Result<Option<Fingerprint>, SessionRestoreError> {
        let bytes = self.option()?;
        Ok(bytes.map(|bytes| Fingerprint(u128::from_le_bytes(bytes))))
    }

    fn session(&mut self) -> Result<Session, SessionRestoreError> {
        let id = SessionId(self.u64()?);
        let mut session = Session::new(id, Instant::from_nanos(self.u64()?));
        let queued = self.option()?.map(u64::from_le_bytes);
        session.queued = queued.map(Instant::from_nanos);
        let replaced = self.option()?.map(u64::from_le_bytes);
        session.replaced = replaced.map(SessionId);
        session.first_unacknowledged = self.u64()?;

        let mut last = None;
        for _ in 0..self.count(MIN_RUNNING)? {
            let sequence = self.sequence(&session, &mut last)?;
            let fingerprint = self.fingerprint()?;
            session.running.insert(sequence, fingerprint);
        }
        let mut last = None;
        for _ in 0..self.count(MIN_REPLIED)? {
            let sequence = self.sequence(&session, &mut last)?;
            let fingerprint = self.fingerprint()?;
            let len = self.u64()?;
            let response = Bytes::copy_from_slice(self.take(len)?);
            let reply = Reply {
                fingerprint,
                response,
            };
            session.response_bytes += len;
            session.replied.insert(sequence, reply);
        }
        let mut last = None;
        for _ in 0..self.count(MIN_DROPPED)? {
            let sequence = self.sequence(&session, &mut last)?;
            session.dropped.insert(sequence, ());
        }
        match session.queued {
            Some(at) if at > session.deadline => {
                Err(self.invalid("a session is looked at by its deadline"))
            }
            None if session.running.is_empty() => {
                Err(self.invalid("a session of which no request runs is looked at"))
            }
            _ => Ok(session),
        }
    }

    /// The next sequence number of a list, in none of the lists before.
    fn sequence(
        &mut self,
        session: &Session,
        last: &mut Option<u64>,
    ) -> Result<u64, SessionRestoreError> {
        let sequence = self.u64()?;
        if sequence < session.first_unacknowledged {
            return Err(self.invalid("no request is remembered that is acknowledged"));
        }
        if last.is_some_and(|last| last >= sequence) {
            return Err(self.invalid("requests ascend strictly"));
        }
        *last = Some(sequence);
        let known =
            session.running.get(sequence).is_some() || session.replied.get(sequence).is_some();
        match known {
            true => Err(self.invalid("a request is running, replied or dropped")),
            false => Ok(sequence),
        }
    }

    fn invalid(&self, what: &'static str) -> SessionRestoreError {
        SessionRestoreError::Invalid { at: self.at, what }
    }
}

/// Why bytes are not a snapshot of [`ClientSessions`].
///
/// ```
/// use quorate_idempotency::{ClientSessions, SessionRestoreError};
///
/// let truncated = SessionRestoreError::Truncated { at: 0, needed: 1, left: 0 };
/// assert_eq!(ClientSessions::restore(&[]), Err(truncated));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionRestoreError {
    /// The version is not spoken here.
    UnknownVersion {
        /// The version that was found.
        version: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// The bytes end before the snapshot does.
    Truncated {
        /// Where something starts that does not fit.
        at: usize,
        /// How many bytes it needs at least.
        needed: u64,
        /// How many bytes are left.
        left: usize,
    },
    /// Bytes are left over after the snapshot.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field holds what no sessions write.
    Invalid {
        /// Where the field or the session ends.
        at: usize,
        /// What must hold of it.
        what: &'static str,
    },
}

impl fmt::Display for SessionRestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { version, newest } => write!(
                f,
                "the sessions have version {version}, and versions up to {newest} are understood"
            ),
            Self::Truncated { at, needed, left } => write!(
                f,
                "the sessions are cut off: {needed} bytes are needed at {at}, and {left} are left"
            ),
            Self::Trailing { left } => write!(f, "{left} bytes follow the end of the sessions"),
            Self::Invalid { at, what } => {
                write!(f, "the sessions are damaged before byte {at}: {what}")
            }
        }
    }
}

impl core::error::Error for SessionRestoreError {}
