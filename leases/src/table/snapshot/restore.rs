//! A table from its bytes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use quorate_clocks::{Instant, TimingWheel};

use super::VERSION;
use super::wire::{Reader, RestoreError};
use crate::table::crowd::{Life, Waiter};
use crate::table::entry::List;
use crate::table::index::Secret;
use crate::table::records::{New, Term};
use crate::table::session::Session;
use crate::table::{LeaseTable, Limits, SessionId};
use crate::{FencingToken, Mode};

impl LeaseTable {
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

    pub(in crate::table) fn restore_with(
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
        let can_be_granted = self.table.last_token.next().is_some();
        if grants.count == 0 && waiting > 0 && number == 0 && can_be_granted {
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
