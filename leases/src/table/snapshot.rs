//! A table as bytes.
//!
//! All numbers are little-endian, instants and spans are nanoseconds in a u64, and a text is its length
//! in a u16 and its bytes.
//!
//! ```text
//! version u8 = 3 | now | last token u64 | last session u64 | last number drawn u64
//! sessions u32, ascending by id:
//!   id u64 | time to live | ends at | closed 1 + told 2 u8 | watched names u32, texts that ascend
//! names u32, ascending by their bytes:
//!   text | asked to yield up to token u64 | nobody gets it before | number drawn for that u64
//!   grants u32, ascending by token:
//!     owner text | request u128 | token u64 | kind u8 | ends at, session u64, or forget at | lock-delay
//!     kind: 0 held, 1 of a session, 2 expired, 3 released; + 4 shared; + 8 beside the name's own
//!   waiting u32, ascending by number drawn:
//!     number u64 | owner text | request u128 | shared 1 + of a session 2 u8
//!       | time to live or session u64 | lock-delay | waits until
//! tokens u64 of the grants that expired or were released, the first to be forgotten first
//! ```

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::{Instant, TimingWheel};

use super::crowd::{Crowd, Life, Waiter};
use super::entry::{Entry, Hold, List};
use super::index::Secret;
use super::records::{New, Term};
use super::session::Session;
use super::weakness::Weakness;
use super::{LeaseTable, Limits, SessionId};
use crate::{FencingToken, Mode};

const VERSION: u8 = 3;
/// About what a name with a grant takes besides its texts.
const RECORD_BYTES: usize = 80;

impl LeaseTable {
    /// The whole state but the limits and the events that were not polled, in canonical bytes: equal
    /// tables have equal bytes, on every machine. The layout is stable within its version, which is
    /// the first byte.
    pub fn snapshot(&self) -> Vec<u8> {
        let names = self.records.sorted();
        let mut out = Vec::with_capacity((names.len() + 1) * RECORD_BYTES);
        out.push(VERSION);
        push_instant(&mut out, self.now);
        push_u64(&mut out, self.last_token.0);
        push_u64(&mut out, self.last_session.0);
        push_u64(&mut out, self.last_number);
        let mut sessions: Vec<_> = self.records.sessions.unordered().collect();
        sessions.sort_unstable_by_key(|(_, session)| session.id);
        push_count(&mut out, sessions.len());
        for (_, session) in sessions {
            push_u64(&mut out, session.id.0);
            push_span(&mut out, session.ttl);
            push_instant(&mut out, session.deadline);
            out.push(u8::from(session.closed) + 2 * u8::from(session.told));
            push_count(&mut out, session.watched.len());
            for name in &session.watched {
                push_text(&mut out, name);
            }
        }
        push_count(&mut out, names.len());
        for (anchor, entry) in names {
            push_text(&mut out, entry.name.as_str());
            self.push_name(&mut out, anchor, entry);
        }
        for entry in self.records.ended() {
            push_u64(&mut out, entry.token.0);
        }
        out
    }

    fn push_name(&self, out: &mut Vec<u8>, anchor: u32, entry: &Entry) {
        let none = Crowd::default();
        let crowd = self
            .records
            .crowds
            .get(&anchor)
            .map_or(&none, |crowd| crowd);
        push_u64(out, crowd.asked.0);
        let delayed = crowd
            .delayed
            .filter(|_| !self.weak(Weakness::SnapshotWithoutDelay));
        let (until, number) = delayed.unwrap_or_default();
        push_instant(out, until);
        push_u64(out, number);
        let further = crowd.requests.values().filter_map(|seat| match seat {
            super::crowd::Seat::At(at) => Some((self.records.entries.get(*at)?, true)),
            super::crowd::Seat::Waiting(_) => None,
        });
        let mut grants: Vec<_> = further.collect();
        if entry.owner().is_some() {
            grants.push((entry, false));
        }
        grants.sort_unstable_by_key(|(entry, _)| entry.token);
        push_count(out, grants.len());
        for (entry, is_further) in grants {
            push_text(out, self.records.owner(entry));
            out.extend(entry.request().to_le_bytes());
            push_u64(out, entry.token.0);
            let (kind, at) = match entry.hold {
                Hold::Until { until, .. } => (0, until.as_nanos()),
                Hold::Session { session, .. } => {
                    let session = self.records.sessions.get(session);
                    (1, session.map_or(0, |session| session.id.0))
                }
                Hold::Ended {
                    released,
                    forget_at,
                    ..
                } => (2 + u8::from(released), forget_at.as_nanos()),
                Hold::Vacant => (2, 0),
            };
            let shared = u8::from(entry.mode() == Mode::Shared);
            out.push(kind + 4 * shared + 8 * u8::from(is_further));
            push_u64(out, at);
            push_span(
                out,
                crowd
                    .lock_delays
                    .get(&entry.token)
                    .copied()
                    .unwrap_or_default(),
            );
        }
        push_count(out, crowd.waiting.len());
        for (number, waiter) in &crowd.waiting {
            push_u64(out, *number);
            push_text(out, self.records.owners.name(waiter.owner));
            out.extend(waiter.request.to_le_bytes());
            let (of_session, life) = match waiter.life {
                Life::For(ttl) => (0, nanos(ttl)),
                Life::With(session) => {
                    let session = self.records.sessions.get(session);
                    (2, session.map_or(0, |session| session.id.0))
                }
            };
            out.push(u8::from(waiter.mode == Mode::Shared) + of_session);
            push_u64(out, life);
            push_span(out, waiter.lock_delay);
            push_instant(out, waiter.until);
        }
    }

    /// The table whose [`snapshot`](Self::snapshot) these bytes are: it answers as that one would.
    ///
    /// Allocates in proportion to `bytes`, whatever they claim.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when no table has these bytes.
    pub fn restore(limits: Limits, bytes: &[u8]) -> Result<Self, RestoreError> {
        Self::restore_with(limits, bytes, Secret::random())
    }

    pub(super) fn restore_with(
        limits: Limits,
        bytes: &[u8],
        secret: Secret,
    ) -> Result<Self, RestoreError> {
        let mut reader = Reader { left: bytes };
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(RestoreError::UnknownVersion {
                version,
                newest: VERSION,
            });
        }
        let mut table = Self::empty(limits, FencingToken::NONE, secret);
        table.now = reader.instant()?;
        table.last_token = FencingToken(reader.u64()?);
        table.last_session = SessionId(reader.u64()?);
        table.last_number = reader.u64()?;
        let mut restoring = Restoring {
            table,
            grants: Vec::new(),
            numbers: BTreeSet::new(),
        };
        let count = reader.u32()?;
        let mut last = SessionId(0);
        for record in 0..count {
            last = restoring.session(&mut reader, record, last)?;
        }
        let count = reader.u32()?;
        let mut last = None;
        for record in 0..count {
            last = Some(restoring.name(&mut reader, record, last)?);
        }
        let ended = restoring.put_grants_in()?;
        restoring.put_ended_in(&mut reader, ended, count)?;
        if !reader.left.is_empty() {
            return Err(RestoreError::Trailing {
                left: reader.left.len(),
            });
        }
        Ok(restoring.table)
    }
}

/// A table on its way back.
struct Restoring {
    table: LeaseTable,
    grants: Vec<Granted>,
    /// The numbers that were drawn.
    numbers: BTreeSet<u64>,
}

/// A grant that is not in the table yet: they are put in by their tokens.
struct Granted {
    record: u32,
    anchor: u32,
    is_further: bool,
    new: New,
    /// Whether it was released and when it is forgotten, if it has ended.
    ended: Option<(bool, Instant)>,
}

/// Those that have ended: which record it is, and how and until when it is remembered.
type Ended = BTreeMap<FencingToken, (u32, bool, Instant)>;

impl Restoring {
    fn session(
        &mut self,
        reader: &mut Reader<'_>,
        record: u32,
        last: SessionId,
    ) -> Result<SessionId, RestoreError> {
        let invalid = |what| Err(RestoreError::Invalid { record, what });
        let id = SessionId(reader.u64()?);
        if id <= last || id > self.table.last_session {
            return invalid("its id does not ascend, or was never given");
        }
        let (ttl, deadline) = (reader.span()?, reader.instant()?);
        let [flags] = reader.array()?;
        if flags > 3 || (flags > 0 && self.table.now < deadline) {
            return invalid("its flags are of no session, or it is said to be over before it is");
        }
        let at = self.table.records.open_session(Session {
            id,
            ttl,
            deadline,
            closed: flags & 1 != 0,
            told: flags & 2 != 0,
            timer: TimingWheel::new().insert(Instant::ORIGIN, ()),
            leases: List::EMPTY,
            waiting: BTreeSet::new(),
            watched: BTreeSet::new(),
        });
        let count = reader.u32()?;
        let mut last = None;
        for _ in 0..count {
            let name = reader.text(record)?;
            if last.is_some_and(|last| last >= name) {
                return invalid("a name that it watches is not after the name before");
            }
            last = Some(name);
            self.table.add_watch(name, id, at);
        }
        Ok(id)
    }

    fn name<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        record: u32,
        last: Option<&'a str>,
    ) -> Result<&'a str, RestoreError> {
        let invalid = |what| Err(RestoreError::Invalid { record, what });
        let name = reader.text(record)?;
        if last.is_some_and(|last| last >= name) {
            return invalid("its name is not after the name before");
        }
        let anchor = self.table.records.add_name(name);
        let asked = FencingToken(reader.u64()?);
        let (until, number) = (reader.instant()?, reader.u64()?);
        if number != 0 {
            self.draw(record, number)?;
            self.table.records.crowd(anchor).delayed = Some((until, number));
            self.table.alarms.insert((until, number), anchor);
        } else if until != Instant::ORIGIN {
            return invalid("it has a delay without a number");
        }
        let grants = self.grants_of(reader, record, anchor)?;
        if asked != FencingToken::NONE {
            let is_one = |held: &Option<FencingToken>| held.is_some_and(|token| token <= asked);
            if asked > self.table.last_token || !is_one(&grants.oldest_held) {
                return invalid("nobody who was asked to yield holds it");
            }
            self.table.records.crowd(anchor).asked = asked;
        }
        let waiting = reader.u32()?;
        let mut last = 0;
        for _ in 0..waiting {
            last = self.waiter(reader, record, anchor, last)?;
        }
        if grants.count == 0 && waiting == 0 && number == 0 {
            return invalid("nothing is known of it");
        }
        if !grants.has_own && grants.count == 0 && waiting > 0 && number == 0 {
            // It would have been granted to the first.
            return invalid("it is waited for though it is free");
        }
        Ok(name)
    }

    fn grants_of(
        &mut self,
        reader: &mut Reader<'_>,
        record: u32,
        anchor: u32,
    ) -> Result<Grants, RestoreError> {
        let invalid = |what| Err(RestoreError::Invalid { record, what });
        let mut grants = Grants::default();
        let (mut last, mut exclusive, mut held) = (FencingToken::NONE, 0, 0);
        grants.count = reader.u32()?;
        for _ in 0..grants.count {
            let owner = reader.text(record)?;
            let request = u128::from_le_bytes(reader.array()?);
            let token = FencingToken(reader.u64()?);
            if token <= last || token > self.table.last_token {
                return invalid("its token does not ascend, or was never granted");
            }
            last = token;
            let [kind] = reader.array()?;
            let (phase, is_shared, is_further) = (kind & 3, kind & 4 != 0, kind & 8 != 0);
            if kind > 15 || (is_further && !is_shared) {
                return invalid("it has a grant of no kind");
            }
            let at = reader.u64()?;
            let life = match phase {
                1 => match self.table.records.find_session(at) {
                    Some(session) => Term::With(session),
                    None => return invalid("it is bound to a session that is not there"),
                },
                _ => Term::At(Instant::from_nanos(at)),
            };
            let lock_delay = reader.span()?;
            if phase < 2 {
                held += 1;
                exclusive += u32::from(!is_shared);
                grants.oldest_held = grants.oldest_held.or(Some(token));
            }
            if !lock_delay.is_zero() {
                if phase > 1 {
                    return invalid("a grant that has ended has a lock-delay");
                }
                let crowd = self.table.records.crowd(anchor);
                crowd.lock_delays.insert(token, lock_delay);
            }
            if (grants.has_own && !is_further) || (exclusive > 0 && held > 1) {
                return invalid("it is held by those who cannot hold it together");
            }
            grants.has_own |= !is_further;
            let owner_id = self.table.records.owners.retain(owner);
            let mode = match is_shared {
                true => Mode::Shared,
                false => Mode::Exclusive,
            };
            let new = New {
                owner: owner_id,
                request,
                mode,
                token,
                life,
            };
            let ended = (phase > 1).then_some((phase == 3, Instant::from_nanos(at)));
            self.grants.push(Granted {
                record,
                anchor,
                is_further,
                new,
                ended,
            });
        }
        Ok(grants)
    }

    fn waiter(
        &mut self,
        reader: &mut Reader<'_>,
        record: u32,
        anchor: u32,
        last: u64,
    ) -> Result<u64, RestoreError> {
        let invalid = |what| Err(RestoreError::Invalid { record, what });
        let number = reader.u64()?;
        if number <= last {
            return invalid("the numbers of those who wait do not ascend");
        }
        self.draw(record, number)?;
        let owner = reader.text(record)?;
        let request = u128::from_le_bytes(reader.array()?);
        let [flags] = reader.array()?;
        if flags > 3 {
            return invalid("somebody of no kind waits for it");
        }
        let life = reader.u64()?;
        let life = match flags & 2 {
            0 => Life::For(Duration::from_nanos(life)),
            _ => match self.table.records.find_session(life) {
                Some(session) => Life::With(session),
                None => return invalid("a session that is not there waits for it"),
            },
        };
        let lock_delay = reader.span()?;
        let until = reader.instant()?;
        if self.table.seat(anchor, owner, request).is_some() {
            return invalid("one request waits twice");
        }
        let mode = match flags & 1 {
            0 => Mode::Exclusive,
            _ => Mode::Shared,
        };
        let owner = self.table.records.owners.retain(owner);
        let waiter = Waiter {
            owner,
            request,
            mode,
            life,
            lock_delay,
            until,
        };
        self.table.put_waiter(anchor, number, waiter);
        Ok(number)
    }

    fn draw(&mut self, record: u32, number: u64) -> Result<(), RestoreError> {
        if number > self.table.last_number || !self.numbers.insert(number) {
            return Err(RestoreError::Invalid {
                record,
                what: "a number was never drawn, or twice",
            });
        }
        Ok(())
    }

    /// Puts the grants in, the oldest first, as they were made.
    fn put_grants_in(&mut self) -> Result<Ended, RestoreError> {
        let mut ended = Ended::new();
        let mut last = FencingToken::NONE;
        self.grants.sort_unstable_by_key(|grant| grant.new.token);
        for grant in core::mem::take(&mut self.grants) {
            let (record, token) = (grant.record, grant.new.token);
            let invalid = |what| Err(RestoreError::Invalid { record, what });
            if token == last {
                return invalid("its token is also another's");
            }
            last = token;
            match grant.is_further {
                true => {
                    let owner = self.table.records.owners.name(grant.new.owner);
                    if self
                        .table
                        .seat(grant.anchor, owner, grant.new.request)
                        .is_some()
                    {
                        return invalid("one request has a grant and waits");
                    }
                    self.table.records.grant_further(grant.anchor, grant.new);
                }
                false => self.table.records.grant(grant.anchor, grant.new),
            }
            if let Some((released, forget_at)) = grant.ended {
                ended.insert(token, (record, released, forget_at));
            }
        }
        Ok(ended)
    }

    fn put_ended_in(
        &mut self,
        reader: &mut Reader<'_>,
        mut ended: Ended,
        records: u32,
    ) -> Result<(), RestoreError> {
        let mut last = Instant::ORIGIN;
        while !ended.is_empty() {
            let token = FencingToken(reader.u64()?);
            let Some((record, released, forget_at)) = ended.remove(&token) else {
                return Err(RestoreError::Invalid {
                    record: records,
                    what: "a token in the list of those that ended has not, or is there twice",
                });
            };
            if forget_at < last {
                let what = "it is to be forgotten before others that ended before it";
                return Err(RestoreError::Invalid { record, what });
            }
            last = forget_at;
            if let Some(at) = self.table.records.find_token(token) {
                self.table.records.end(at, released, forget_at);
            }
        }
        Ok(())
    }
}

/// The grants of a name, in short.
#[derive(Default)]
struct Grants {
    count: u32,
    has_own: bool,
    oldest_held: Option<FencingToken>,
}

fn push_u64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

fn push_instant(out: &mut Vec<u8>, instant: Instant) {
    push_u64(out, instant.as_nanos());
}

/// A span longer than all of time does the same as one that is as long.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn push_span(out: &mut Vec<u8>, span: Duration) {
    push_u64(out, nanos(span));
}

/// The limits count in 32 bits, and a snapshot that is restored has no more either.
fn push_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // The limits count the bytes of a name and of an owner in 16 bits.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let Some((head, tail)) = self.left.split_first_chunk() else {
            return Err(self.truncated(N));
        };
        self.left = tail;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, RestoreError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn span(&mut self) -> Result<Duration, RestoreError> {
        Ok(Duration::from_nanos(self.u64()?))
    }

    fn instant(&mut self) -> Result<Instant, RestoreError> {
        Ok(Instant::from_nanos(self.u64()?))
    }

    fn text(&mut self, record: u32) -> Result<&'a str, RestoreError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let Some((head, tail)) = self.left.split_at_checked(length) else {
            return Err(self.truncated(length));
        };
        self.left = tail;
        match core::str::from_utf8(head) {
            Ok("") => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is empty",
            }),
            Ok(text) => Ok(text),
            Err(_) => Err(RestoreError::Invalid {
                record,
                what: "its name or its owner is not UTF-8",
            }),
        }
    }

    const fn truncated(&self, needed: usize) -> RestoreError {
        RestoreError::Truncated {
            needed,
            left: self.left.len(),
        }
    }
}

/// Why bytes are not the snapshot of a lease table.
///
/// ```
/// use quorate_leases::{LeaseTable, Limits, RestoreError};
///
/// let snapshot = LeaseTable::new(Limits::default()).snapshot();
/// let cut = LeaseTable::restore(Limits::default(), &snapshot[..34]);
/// assert_eq!(cut, Err(RestoreError::Truncated { needed: 4, left: 1 }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes end before the table does.
    Truncated {
        /// How many bytes the next field has.
        needed: usize,
        /// How many are left.
        left: usize,
    },
    /// Bytes are left over after the table.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A version that this crate does not know wrote the bytes.
    UnknownVersion {
        /// The version that the bytes claim.
        version: u8,
        /// The newest version that is known.
        newest: u8,
    },
    /// A record, which is a session or a name, holds what it may not hold.
    Invalid {
        /// Which record of its kind, from zero.
        record: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the snapshot of a lease table: ")?;
        match self {
            Self::Truncated { needed, left } => write!(
                f,
                "it ends early, the next field has {needed} bytes and {left} are left"
            ),
            Self::Trailing { left } => write!(f, "{left} bytes are left over"),
            Self::UnknownVersion { version, newest } => write!(
                f,
                "version {version} is not understood, the newest here is {newest}"
            ),
            Self::Invalid { record, what } => write!(f, "in record {record}, {what}"),
        }
    }
}

impl core::error::Error for RestoreError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Acquire;
    use proptest::prelude::*;

    /// A table with something of everything.
    fn sample() -> LeaseTable {
        let mut table = LeaseTable::with_tokens_after(Limits::default(), FencingToken(32));
        let at = Instant::from_nanos;
        let ttl = Duration::from_secs(1);
        table.acquire(at(0), "b", "ann", ttl, 7).unwrap();
        table.acquire(at(1), "a", "bob", ttl, 1 << 64).unwrap();
        table.acquire(at(2), "c", "c", ttl, 0).unwrap();
        table.release(at(3), "b", FencingToken(33)).unwrap();
        table
            .renew(at(500_000_000), "c", FencingToken(35), ttl)
            .unwrap();
        assert_eq!(table.expire(at(1_000_000_001)).len(), 1);
        table
    }

    /// And one with sessions, readers, a queue, a delay, a watch and somebody who was asked to yield.
    fn crowded() -> LeaseTable {
        let mut table = LeaseTable::new(Limits::default());
        let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
        let closed = table.open_session(at(0), ttl).unwrap().session;
        let session = table.open_session(at(0), ttl * 2).unwrap().session;
        table.watch(at(0), "d", session).unwrap();
        table.watch(at(0), "e", session).unwrap();
        let mut acquire = |millis, request: Acquire<'_>| {
            table.acquire_with(at(millis), &request).unwrap();
        };
        acquire(1, Acquire::in_session("a", "ann", 1, session));
        acquire(1, Acquire::new("b", "ann", 2, ttl).shared());
        acquire(2, Acquire::in_session("b", "bob", 3, session).shared());
        acquire(3, Acquire::in_session("b", "cid", 4, closed).shared());
        acquire(4, Acquire::new("b", "ann", 5, ttl).wait(ttl));
        acquire(
            5,
            Acquire::in_session("b", "cid", 6, session)
                .shared()
                .wait(ttl),
        );
        acquire(6, Acquire::new("c", "ann", 7, ttl).lock_delay(ttl));
        acquire(7, Acquire::new("d", "bob", 8, ttl).lock_delay(ttl));
        acquire(8, Acquire::in_session("e", "ann", 1, closed));
        acquire(8, Acquire::in_session("f", "ann", 1, closed));
        table.request_yield(at(9), "b").unwrap();
        table.revoke(at(10), "d", FencingToken(6)).unwrap();
        table.close_session(at(11), closed).unwrap();
        assert_eq!(table.expire_some(at(11), 2), []);
        table
    }

    #[test]
    fn golden_bytes() {
        let mut expected = Vec::new();
        let number = |number: u64| number.to_le_bytes();
        expected.push(3); // version
        expected.extend(number(1_000_000_001)); // now
        expected.extend([35, 0, 0, 0, 0, 0, 0, 0]); // last token
        expected.extend([number(0), number(0)].concat()); // last session, last number drawn
        expected.extend([0, 0, 0, 0]); // sessions
        expected.extend([3, 0, 0, 0]); // names

        let alone = [number(0), number(0), number(0)].concat(); // asked, delay, its number
        expected.extend([1, 0, b'a']);
        expected.extend(&alone);
        expected.extend([1, 0, 0, 0]); // grants
        expected.extend([3, 0, b'b', b'o', b'b']);
        expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]); // request
        expected.extend([34, 0, 0, 0, 0, 0, 0, 0]); // token
        expected.push(2); // expired
        expected.extend(number(61_000_000_001)); // forget at
        expected.extend(number(0)); // lock-delay
        expected.extend([0, 0, 0, 0]); // waiting

        expected.extend([1, 0, b'b']);
        expected.extend(&alone);
        expected.extend([1, 0, 0, 0]);
        expected.extend([3, 0, b'a', b'n', b'n']);
        expected.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
        expected.push(3); // released
        expected.extend(number(60_000_000_003));
        expected.extend(number(0));
        expected.extend([0, 0, 0, 0]);

        expected.extend([1, 0, b'c']);
        expected.extend(&alone);
        expected.extend([1, 0, 0, 0]);
        expected.extend([1, 0, b'c']);
        expected.extend([0; 16]);
        expected.extend([35, 0, 0, 0, 0, 0, 0, 0]);
        expected.push(0); // held
        expected.extend([0x00, 0x2F, 0x68, 0x59, 0, 0, 0, 0]); // 1.5 s: ends at
        expected.extend(number(0));
        expected.extend([0, 0, 0, 0]);

        // In the order in which they ended.
        expected.extend([33, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([34, 0, 0, 0, 0, 0, 0, 0]);

        assert_eq!(sample().snapshot(), expected);
        assert_eq!(
            LeaseTable::restore(Limits::default(), &expected),
            Ok(sample())
        );
    }

    /// The part of everything else: its length and a sum, which no change of the layout leaves alone.
    #[test]
    fn golden_sum_of_a_crowded_table() {
        let bytes = crowded().snapshot();
        let sum = bytes.iter().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte)
        });
        assert_eq!((bytes.len(), sum), (815, 2_881_856_943_224_178_106));
        let restored = LeaseTable::restore(Limits::default(), &bytes);
        assert_eq!(restored.unwrap().snapshot(), bytes);
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_refused() {
        for table in [sample(), crowded()] {
            let bytes = table.snapshot();
            for length in 0..bytes.len() {
                let cut = LeaseTable::restore(Limits::default(), &bytes[..length]);
                assert!(
                    matches!(cut, Err(RestoreError::Truncated { .. })),
                    "{length}"
                );
            }
            let mut longer = bytes;
            longer.push(0);
            let refused = LeaseTable::restore(Limits::default(), &longer);
            assert_eq!(refused, Err(RestoreError::Trailing { left: 1 }));
        }
    }

    #[test]
    fn a_count_of_four_billion_is_refused_at_the_first_missing_record() {
        let bytes = LeaseTable::new(Limits::default()).snapshot();
        for (at, needed) in [(33, 4), (37, 2)] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            let refused = LeaseTable::restore(Limits::default(), &bytes);
            assert!(
                matches!(refused, Err(RestoreError::Truncated { needed: found, .. }) if found >= needed),
                "{refused:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Bytes are refused, or they are the canonical bytes of the table that they make, which works.
        #[test]
        fn damaged_snapshots_are_refused_or_canonical(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            is_crowded in any::<bool>(),
        ) {
            let mut bytes = if is_crowded { crowded() } else { sample() }.snapshot();
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(mut table) = LeaseTable::restore(Limits::default(), &bytes) {
                prop_assert_eq!(table.snapshot(), bytes);
                let now = Instant::MAX;
                table.acquire_with(now, &Acquire::new("b", "z", 9, Duration::from_secs(1))).ok();
                table.expire_some(now, 100);
                prop_assert_eq!(table.leases(now).count(), 0);
                let bytes = table.snapshot();
                let again = LeaseTable::restore(Limits::default(), &bytes);
                prop_assert_eq!(again.map(|table| table.snapshot()), Ok(bytes));
            }
        }

        #[test]
        fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = noise;
            if let Some(version) = bytes.first_mut() {
                *version = VERSION;
            }
            if let Ok(table) = LeaseTable::restore(Limits::default(), &bytes) {
                prop_assert_eq!(table.snapshot(), bytes);
            }
        }
    }
}
