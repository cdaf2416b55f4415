//! How grants end, and who is next.

use alloc::string::String;
use alloc::vec::Vec;

use quorate_clocks::Instant;

use super::crowd::{Crowd, Seat, Waiter};
use super::entry::{Entry, Hold};
use super::records::{New, Term};
use super::timeline::{Due, Rank};
use super::weakness::Weakness;
use super::{Expired, LeaseEvent, LeaseTable};
use crate::{FencingToken, Mode};

/// How many ended leases that are due to be forgotten one call of `expire` forgets, so that its work is
/// bounded. The rest waits for the next one, and at the bound of the table they make room.
const FORGET_AT_ONCE: usize = 64;

/// How a grant ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// Its time passed, at this instant.
    Expired(Instant),
    Released,
    Revoked,
}

/// What was due first.
enum Done {
    Ended(Expired),
    Other,
    Nothing,
}

impl LeaseTable {
    /// Takes note that time has passed, and returns the leases that ended by it, the earliest first
    /// and then by token. Each is returned once.
    ///
    /// A lease is over when its time has passed, whether this is called or not; call it to learn of
    /// it, to let those who wait have their turn, and to free memory, for example at
    /// [`next_expiry`](Self::next_expiry). Not returned are leases whose place was needed before: by
    /// the next holder of the name, or by another name at the bound of the table. Of those too there
    /// is an [event](Self::poll_event).
    ///
    /// It is a command like the others, for it grants and forgets: replicas apply it at the same place of
    /// the log, with the same instant.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        core::iter::from_fn(|| self.expire_next(now)).collect()
    }

    /// As [`expire`](Self::expire), one lease per call, for callers that bound their work. `None`
    /// when no other lease has ended.
    pub fn expire_next(&mut self, now: Instant) -> Option<Expired> {
        loop {
            match self.do_next(now) {
                Done::Ended(expired) => return Some(expired),
                Done::Other => {}
                Done::Nothing => return None,
            }
        }
    }

    /// As [`expire`](Self::expire), and does at most so many things: a lease that ends, somebody who
    /// stops waiting, a delay that is over, a session whose last lease is gone. There may be more to
    /// do when it did as many.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// for name in ["disk", "tape", "drum"] {
    ///     table.acquire(Instant::ORIGIN, name, "ann", Duration::from_secs(10), 1)?;
    /// }
    /// let now = Instant::from_millis(10_000);
    /// assert_eq!(table.expire_some(now, 2).len(), 2);
    /// // The third is over as well, it was just not taken note of.
    /// assert!(table.get(now, "drum").is_none());
    /// assert_eq!(table.expire_some(now, 2)[0].name, "drum");
    /// # Ok::<(), quorate_leases::AcquireError>(())
    /// ```
    pub fn expire_some(&mut self, now: Instant, max: usize) -> Vec<Expired> {
        let mut ended = Vec::new();
        for _ in 0..max {
            match self.do_next(now) {
                Done::Ended(expired) => ended.push(expired),
                Done::Other => {}
                Done::Nothing => break,
            }
        }
        ended
    }

    /// Sorts up to `steps` of the leases whose time has passed, each step in constant time, so that
    /// [`expire_next`](Self::expire_next) finds them sorted. False when all are.
    ///
    /// No answer depends on it, and it is no command: a replica may call it whenever it is idle. It is
    /// for tables of many leases that end at one instant, to the nanosecond, or that were renewed and
    /// would have ended at one: the first call of `expire_next` would otherwise look at them all, at
    /// some tens of nanoseconds for each.
    pub fn sort_ended(&mut self, steps: usize) -> bool {
        let now = self.now;
        (0..steps).all(|_| self.records.sort(now))
    }

    /// When to call [`expire`](Self::expire) next: nothing ends before that, and the first lease may
    /// end somewhat later. In the past when something has ended and `expire` was not called since.
    /// Nothing when there is nothing to end. Changed by every command that succeeds, and by `expire`.
    ///
    /// A hint that may differ between replicas, so nothing that must be equal may depend on it.
    pub fn next_expiry(&self) -> Option<Instant> {
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        let ends = [
            self.records.ends.next(),
            self.records.session_ends.next(),
            alarm,
        ];
        ends.into_iter().flatten().min()
    }

    /// Does what is due first, if anything is by `now`.
    fn do_next(&mut self, now: Instant) -> Done {
        let now = self.advance(now);
        self.records.sort_first(now);
        let lease = self.records.ends.first();
        let session = self.first_session();
        let is_first = |at: Instant, rank: Rank| {
            lease.is_none_or(|(until, other, _)| (at, rank) < (until, other))
        };
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        let alarm = alarm.filter(|at| *at <= now);
        let is_before_alarm = |at: Instant| alarm.is_none_or(|alarm| at <= alarm);
        if let Some(due) = session
            && is_first(due.0, due.1)
            && is_before_alarm(due.0)
        {
            return self.do_session(now, due);
        }
        if let Some((until, _, at)) = lease
            && is_before_alarm(until)
        {
            return match self.end_and_pass_on(at, End::Expired(until), now) {
                Some(expired) => Done::Ended(expired),
                None => Done::Other,
            };
        }
        if alarm.is_some()
            && let Some(((_, number), anchor)) = self.alarms.pop_first()
        {
            let crowd = self.records.crowds.get_mut(&anchor);
            if let Some(crowd) = crowd
                && crowd.delayed.is_some_and(|(_, alarm)| alarm == number)
            {
                crowd.delayed = None;
            }
            self.leave(anchor, number);
            self.pass_on(anchor, now);
            self.records.tidy(anchor);
            return Done::Other;
        }
        for _ in 0..FORGET_AT_ONCE {
            self.records.forget_one(now);
        }
        Done::Nothing
    }

    /// The session that comes first of those that are over. A lease of it may have been taken since it
    /// was put into the order, so it may come later than it seemed.
    fn first_session(&mut self) -> Option<Due> {
        loop {
            let due = self.records.session_ends.first()?;
            let (_, seemed, at) = due;
            let rank = self.records.rank_of_session(at);
            if rank == seemed {
                return Some(due);
            }
            self.records.session_ends.rerank(due, rank);
        }
    }

    /// Frees the oldest lease of a session that is over, or the session when it has none.
    fn do_session(&mut self, now: Instant, due: Due) -> Done {
        let (deadline, rank, at) = due;
        let Some(session) = self.records.sessions.get_mut(at) else {
            return Done::Other;
        };
        let (id, closed) = (session.id, session.closed);
        let told = core::mem::replace(&mut session.told, true);
        let waiting = session.waiting.pop_first();
        let watched = match waiting {
            Some(_) => None,
            None => session.watched.pop_first(),
        };
        if !told {
            self.event(|_| LeaseEvent::SessionEnded {
                session: id,
                closed,
            });
        }
        if let Some((number, anchor)) = waiting {
            self.leave(anchor, number);
            self.pass_on(anchor, now);
            self.records.tidy(anchor);
            return Done::Other;
        }
        if let Some(name) = watched {
            self.forget_watcher(&name, id);
            return Done::Other;
        }
        let lease = self
            .records
            .sessions
            .get(at)
            .and_then(|session| session.leases.first());
        match lease {
            Some(lease) => {
                let end = match closed {
                    true => End::Released,
                    false => End::Expired(deadline),
                };
                let ended = self.end_and_pass_on(lease, end, now);
                let next = self.records.rank_of_session(at);
                self.records.session_ends.rerank(due, next);
                ended.map_or(Done::Other, Done::Ended)
            }
            None => {
                self.records.remove_session(at, (deadline, rank));
                Done::Other
            }
        }
    }

    fn end_and_pass_on(&mut self, at: u32, end: End, now: Instant) -> Option<Expired> {
        let anchor = self.records.anchor(at);
        let ended = self.end(at, end, now);
        self.pass_on(anchor, now);
        self.records.tidy(anchor);
        ended
    }

    /// Ends a grant, and says so.
    pub(super) fn end(&mut self, at: u32, end: End, now: Instant) -> Option<Expired> {
        let anchor = self.records.anchor(at);
        let entry = self.records.entries.get(at)?;
        let (token, owner) = (entry.token, entry.owner()?);
        let delay = self.records.crowds.get_mut(&anchor);
        let delay = delay.and_then(|crowd| crowd.lock_delays.remove(&token));
        let from = match end {
            End::Expired(until) => until,
            End::Released | End::Revoked => now,
        };
        let is_delayed = match end {
            End::Released => self.weak(Weakness::DelayAfterRelease),
            End::Expired(_) | End::Revoked => !self.weak(Weakness::NoDelay),
        };
        if let Some(delay) = delay.filter(|_| is_delayed) {
            self.delay(anchor, from.saturating_add(delay));
        }
        self.event(|table| {
            let name = String::from(table.records.name(at));
            let owner = String::from(table.records.owners.name(owner));
            match end {
                End::Expired(expired_at) => LeaseEvent::Expired {
                    name,
                    owner,
                    token,
                    expired_at,
                },
                End::Released => LeaseEvent::Released { name, owner, token },
                End::Revoked => LeaseEvent::Revoked { name, owner, token },
            }
        });
        let forget_at = now.saturating_add(self.limits.remember_for);
        self.records.end(at, end == End::Released, forget_at);
        let End::Expired(expired_at) = end else {
            return None;
        };
        Some(Expired {
            name: String::from(self.records.name(at)),
            owner: String::from(self.records.owners.name(owner)),
            token,
            expired_at,
        })
    }

    /// Nobody gets the name before `until`.
    fn delay(&mut self, anchor: u32, until: Instant) {
        let number = self.draw();
        let crowd = self.records.crowd(anchor);
        let earlier = crowd.delayed.filter(|(earlier, _)| *earlier >= until);
        if earlier.is_some() {
            return;
        }
        if let Some(replaced) = crowd.delayed.replace((until, number)) {
            self.alarms.remove(&replaced);
        }
        self.alarms.insert((until, number), anchor);
    }

    /// Ends the grants of the name whose time has passed, and gives it to those who wait for it.
    pub(super) fn settle(&mut self, anchor: u32, now: Instant) {
        // Up to the first that holds it still: each is looked at once and then gone.
        while let Some((at, deadline)) = self.lapsed(anchor, now) {
            self.end_of(at, deadline, now);
        }
        self.pass_on(anchor, now);
    }

    /// A grant of the name whose time has passed, and when that was.
    fn lapsed(&self, anchor: u32, now: Instant) -> Option<(u32, Instant)> {
        let crowd = self.records.crowds.get(&anchor);
        let further = crowd.and_then(|crowd| crowd.further.values().next().copied());
        [Some(anchor), further]
            .into_iter()
            .flatten()
            .find_map(|at| {
                let entry = self.records.entries.get(at)?;
                let deadline = self.records.deadline(entry)?;
                (deadline <= now).then_some((at, deadline))
            })
    }

    /// Gives the name to those who wait for it, unless the end of a holder is to be told before.
    fn pass_on(&mut self, anchor: u32, now: Instant) {
        while self.lapsed(anchor, now).is_none() && self.pass_on_once(anchor, now) {}
    }

    /// Ends a grant whose time has passed: as its session did, if it has one.
    pub(super) fn end_of(&mut self, at: u32, deadline: Instant, now: Instant) {
        let closed = match self.records.entries.get(at).map(|entry| entry.hold) {
            Some(Hold::Session { session, .. }) => {
                let session = self.records.sessions.get(session);
                session.is_some_and(|session| session.closed)
            }
            _ => false,
        };
        let end = match closed {
            true => End::Released,
            false => End::Expired(deadline),
        };
        self.end(at, end, now);
    }

    /// Looks at the first in the queue; false when it has to wait, or there is none.
    fn pass_on_once(&mut self, anchor: u32, now: Instant) -> bool {
        let Some(crowd) = self.records.crowds.get(&anchor) else {
            return false;
        };
        let Some((&number, &waiter)) = crowd.waiting.first_key_value() else {
            return false;
        };
        let may_go = self.weak(Weakness::GrantsToTheGone) || self.still_waits(&waiter, now);
        if !may_go {
            self.leave(anchor, number);
            return true;
        }
        if self.delayed_until(anchor, now).is_some()
            || !self.is_compatible(anchor, waiter.mode, now)
        {
            return false;
        }
        let Some(token) = self.last_token.next() else {
            return false;
        };
        // It keeps its use of the owner until it is in the entry.
        let request = (waiter.owner, waiter.request);
        self.records.owners.retain_id(waiter.owner);
        self.take_out(anchor, number);
        let new = New {
            owner: request.0,
            request: request.1,
            mode: waiter.mode,
            token,
            life: Term::starting(waiter.life, now),
        };
        self.put_in(anchor, new, waiter.lock_delay, true, now);
        self.queue_moved(anchor);
        true
    }

    /// Writes a grant down that may be made.
    pub(super) fn put_in(
        &mut self,
        anchor: u32,
        new: New,
        lock_delay: core::time::Duration,
        waited: bool,
        now: Instant,
    ) {
        self.last_token = new.token;
        let is_vacant = |entry: &Entry| matches!(entry.hold, Hold::Vacant);
        let has_room = self.records.entries.get(anchor).is_some_and(is_vacant);
        match new.mode {
            Mode::Shared if !has_room => self.records.grant_further(anchor, new),
            Mode::Shared | Mode::Exclusive => self.records.grant(anchor, new),
        }
        if !lock_delay.is_zero() {
            let crowd = self.records.crowd(anchor);
            crowd.lock_delays.insert(new.token, lock_delay);
        }
        self.event(|table| LeaseEvent::Granted {
            name: String::from(table.records.name(anchor)),
            owner: String::from(table.records.owners.name(new.owner)),
            request: new.request,
            token: new.token,
            mode: new.mode,
            expires_at: table.expires_at(new.token).unwrap_or(now),
            waited,
        });
    }

    /// Takes somebody out of the queue, if it is still there.
    pub(super) fn leave(&mut self, anchor: u32, number: u64) -> bool {
        let left = self.take_out(anchor, number);
        if left {
            self.queue_moved(anchor);
        }
        left
    }

    fn take_out(&mut self, anchor: u32, number: u64) -> bool {
        let Some(crowd) = self.records.crowds.get_mut(&anchor) else {
            return false;
        };
        let Some(waiter) = crowd.waiting.remove(&number) else {
            return false;
        };
        crowd.requests.remove(&(waiter.owner, waiter.request));
        self.waiting = self.waiting.saturating_sub(1);
        self.alarms.remove(&(waiter.until, number));
        if let super::crowd::Life::With(session) = waiter.life
            && let Some(session) = self.records.sessions.get_mut(session)
        {
            session.waiting.remove(&(number, anchor));
        }
        self.records.owners.release(waiter.owner);
        true
    }

    pub(super) fn queue_moved(&mut self, anchor: u32) {
        let waiting = self
            .records
            .crowds
            .get(&anchor)
            .map_or(0, |crowd| crowd.waiting.len());
        let told = if self.weak(Weakness::Herd) {
            waiting
        } else {
            1
        };
        for _ in 0..told {
            self.event(|table| LeaseEvent::QueueMoved {
                name: String::from(table.records.name(anchor)),
                token: table.last_token,
                waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            });
        }
    }

    /// Whether the one with that number waits no longer, and nobody noticed.
    pub(super) fn gave_up(&self, anchor: u32, number: u64, now: Instant) -> bool {
        let crowd = self.records.crowds.get(&anchor);
        let waiter = crowd.and_then(|crowd| crowd.waiting.get(&number));
        waiter.is_some_and(|waiter| !self.still_waits(waiter, now))
    }

    fn still_waits(&self, waiter: &Waiter, now: Instant) -> bool {
        let lives = match waiter.life {
            super::crowd::Life::For(_) => true,
            super::crowd::Life::With(session) => {
                let session = self.records.sessions.get(session);
                session.is_some_and(|session| session.is_open(now))
            }
        };
        lives && now < waiter.until
    }

    /// Until when nobody gets the name, if that is after `now`. Nothing while somebody holds it: the end
    /// of one who shared it delays those who come after all of them.
    pub(super) fn delayed_until(&self, anchor: u32, now: Instant) -> Option<Instant> {
        let (until, _) = self.records.crowds.get(&anchor)?.delayed?;
        let is_free = self.records.holders(anchor, now).next().is_none();
        (now < until && is_free).then_some(until)
    }

    /// Whether a holder of that mode goes with those who hold the name.
    pub(super) fn is_compatible(&self, anchor: u32, mode: Mode, now: Instant) -> bool {
        match self.records.holders(anchor, now).next() {
            Some((holder, _)) => holder.mode().goes_with(mode),
            None => true,
        }
    }

    /// Forgets a lease that has ended, or takes note of something that is over; false when there is
    /// neither.
    pub(super) fn forget_something(&mut self, now: Instant) -> bool {
        self.records.forget_first() || !matches!(self.do_next(now), Done::Nothing)
    }

    /// Entries, and those that there would be if all who wait had their turn.
    pub(super) fn room_taken(&self) -> usize {
        self.records.entries.len() + self.waiting as usize
    }

    /// When the grant ends, if it has not.
    pub(super) fn expires_at(&self, token: FencingToken) -> Option<Instant> {
        let entry = self.records.entries.get(self.records.find_token(token)?)?;
        self.records.deadline(entry)
    }

    /// A number that is drawn once.
    pub(super) fn draw(&mut self) -> u64 {
        self.last_number = self.last_number.saturating_add(1);
        self.last_number
    }

    pub(super) fn event(&mut self, event: impl FnOnce(&Self) -> LeaseEvent) {
        let mut events = core::mem::take(&mut self.events);
        events.push(self.limits.max_events, || event(self));
        self.events = events;
    }

    /// Where the request is, if the name knows it beside its own grant.
    pub(super) fn seat(&self, anchor: u32, owner: &str, request: u128) -> Option<Seat> {
        let crowd: &Crowd = self.records.crowds.get(&anchor)?;
        let owner = self.records.owners.find(owner)?;
        crowd.requests.get(&(owner, request)).copied()
    }
}
