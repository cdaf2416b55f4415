//! Commands of those who want a lease.

use core::time::Duration;

use quorate_clocks::Instant;

use super::crowd::{Life, Seat, Waiter};
use super::ending::End;
use super::entry::{Entry, Hold};
use super::records::{self, New};
use super::weakness::Weakness;
use super::{Acquire, AcquireError, Acquired, Cancelled, Grant, LeaseTable, Place, Term, grant};
use crate::{FencingToken, Mode};

impl LeaseTable {
    /// Grants `name` to `owner` alone for `ttl`, unless it is held.
    ///
    /// The same `owner` and `request` as those of the present holder are a retry: the answer is the
    /// grant that was made then, running since then, and `ttl` is not looked at but for its bounds.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Held`] says who holds it and for how long; the other variants say what is out
    /// of bounds. Nothing has changed then.
    pub fn acquire(
        &mut self,
        now: Instant,
        name: &str,
        owner: &str,
        ttl: Duration,
        request: u128,
    ) -> Result<Grant, AcquireError> {
        match self.acquire_with(now, &Acquire::new(name, owner, request, ttl))? {
            Acquired::Granted(grant) => Ok(grant),
            Acquired::Queued(Place { ahead, .. }) => Err(AcquireError::Waiting {
                name: name.into(),
                ahead,
            }),
        }
    }

    /// Grants a lease, or puts the request into the queue for it.
    ///
    /// The same owner and request again are a retry: they get the grant that was made, with the time
    /// that is left of it; or their place in the queue, which they keep, and in which they may stay
    /// for another [`Acquire::wait`]; or [`AcquireError::Ended`]. Of the requests for a name that have
    /// ended, the latest is remembered, and of those who shared it each.
    ///
    /// Who waits is granted the lease when it is free: by the command by which it becomes so, or by
    /// [`expire`](Self::expire). The first in the queue is, and if it wants to share, those behind it
    /// who want to share too. From then on the lease runs. The waiter hears of it by asking again or by
    /// an [event](Self::poll_event).
    ///
    /// # Errors
    ///
    /// [`AcquireError`]: held and not waiting, or what is out of bounds. Nothing has changed then.
    pub fn acquire_with(
        &mut self,
        now: Instant,
        request: &Acquire<'_>,
    ) -> Result<Acquired, AcquireError> {
        let now = self.advance(now);
        let life = self.check(now, request)?;
        let anchor = self.records.find(request.name);
        if let Some(anchor) = anchor {
            self.settle(anchor, now);
        }
        let answer = self.answer(now, request, anchor, life);
        if let Some(anchor) = anchor {
            self.records.tidy(anchor);
        }
        answer
    }

    fn answer(
        &mut self,
        now: Instant,
        request: &Acquire<'_>,
        anchor: Option<u32>,
        life: Life,
    ) -> Result<Acquired, AcquireError> {
        if let Some(anchor) = anchor
            && let Some(answer) = self.answered(now, request, anchor)?
        {
            return Ok(answer);
        }
        let name = request.name;
        self.next_token(name)?;
        let refused = anchor.and_then(|anchor| self.obstacle(now, request, anchor));
        let queue = match (refused, request.wait) {
            (Some(refused), None) => return Err(refused),
            (Some(_), Some(wait)) => Some(wait),
            (None, _) => None,
        };
        if queue.is_some() {
            self.check_queue(name, anchor)?;
        }
        self.make_room(now, name, request.mode, queue.is_some())?;
        // Making room may have granted what others waited for, and forgotten the name.
        let token = self.next_token(name)?;
        let found = self.records.find(name);
        let anchor = found.unwrap_or_else(|| self.records.add_name(name));
        let owner = self.records.owners.retain(request.owner);
        if let Some(wait) = queue {
            let waiter = Waiter {
                owner,
                request: request.request,
                mode: request.mode,
                life,
                lock_delay: request.lock_delay,
                until: now.saturating_add(wait),
            };
            return Ok(Acquired::Queued(self.enqueue(anchor, waiter)));
        }
        let new = New {
            owner,
            request: request.request,
            mode: request.mode,
            token,
            life: records::Term::starting(life, now),
        };
        self.put_in(anchor, new, request.lock_delay, false, now);
        let expires_at = self.expires_at(token).unwrap_or(now);
        Ok(Acquired::Granted(grant(token, expires_at, now)))
    }

    /// The token of the next grant. Any command may be the next, one that only makes room as well.
    pub(super) fn next_token(&self, name: &str) -> Result<FencingToken, AcquireError> {
        let next = match self.weak(Weakness::TokensWrap) {
            true => Some(FencingToken(self.last_token.0.wrapping_add(1))),
            false => self.last_token.next(),
        };
        next.ok_or_else(|| AcquireError::TokensExhausted { name: name.into() })
    }

    /// What the request is answered because it came before.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        request: &Acquire<'_>,
        anchor: u32,
    ) -> Result<Option<Acquired>, AcquireError> {
        let seat = self.seat(anchor, request.owner, request.request);
        let at = match seat {
            Some(Seat::Waiting(_)) if self.weak(Weakness::QueuedTwice) => return Ok(None),
            Some(Seat::Waiting(number)) if self.weak(Weakness::RetryLosesPlace) => {
                self.leave(anchor, number);
                return Ok(None);
            }
            // It has given up, though nobody noticed: it comes anew.
            Some(Seat::Waiting(number)) if self.gave_up(anchor, number, now) => {
                self.leave(anchor, number);
                return Ok(None);
            }
            Some(Seat::Waiting(number)) => {
                return Ok(Some(Acquired::Queued(
                    self.stay(now, request, anchor, number),
                )));
            }
            Some(Seat::At(at)) => at,
            None => anchor,
        };
        let Some(entry) = self.records.entries.get(at) else {
            return Ok(None);
        };
        let is_retry = entry.request() == request.request
            && entry.owner().is_some()
            && self.records.owner(entry) == request.owner;
        if !is_retry {
            return Ok(None);
        }
        match self.records.expires_after(entry, now) {
            Some(_) if self.weak(Weakness::HolderIsStranger) => Ok(None),
            None if self.weak(Weakness::EndedIsGranted) => Ok(None),
            Some(expires_at) => Ok(Some(Acquired::Granted(grant(entry.token, expires_at, now)))),
            None => Err(AcquireError::Ended {
                name: request.name.into(),
                token: entry.token,
            }),
        }
    }

    /// Why a new request cannot have the name at once.
    fn obstacle(&self, now: Instant, request: &Acquire<'_>, anchor: u32) -> Option<AcquireError> {
        let name = || request.name.into();
        if !self.is_compatible(anchor, request.mode, now) {
            let holder = self.first_holder(anchor, now)?;
            return Some(AcquireError::Held {
                name: name(),
                holder,
            });
        }
        if let Some(until) = self.delayed_until(anchor, now) {
            let entry = self.records.entries.get(anchor);
            let is_same = entry.is_some_and(|entry| self.records.owner(entry) == request.owner);
            if !(is_same && self.weak(Weakness::NoDelayForTheSame)) {
                return Some(AcquireError::Delayed {
                    name: name(),
                    until,
                    remaining: until.since(now),
                });
            }
        }
        let crowd = self.records.crowds.get(&anchor)?;
        let passes = self.weak(Weakness::ReadersPass) && request.mode == Mode::Shared;
        let ahead = u32::try_from(crowd.waiting.len()).unwrap_or(u32::MAX);
        (ahead > 0 && !passes).then(|| AcquireError::Waiting {
            name: name(),
            ahead,
        })
    }

    /// Sees to it that there is room for the request: forgets leases that have ended, those that were
    /// noticed to have first.
    pub(super) fn make_room(
        &mut self,
        now: Instant,
        name: &str,
        mode: Mode,
        waits: bool,
    ) -> Result<(), AcquireError> {
        let max = self.limits.max_leases as usize;
        // Looked at again after each: what is forgotten may leave its name to others that hold it, and
        // then there is no more room than before, but for those who want that name.
        while self.room_taken() >= max && self.needs_room(name, mode, waits) {
            if !self.forget_something(now) {
                let name = name.into();
                return Err(AcquireError::Full { name, max });
            }
        }
        Ok(())
    }

    /// Whether one more entry is needed for the request.
    fn needs_room(&self, name: &str, mode: Mode, waits: bool) -> bool {
        let anchor = self.records.find(name);
        let entry = anchor.and_then(|anchor| self.records.entries.get(anchor));
        let has_own = |entry: &Entry| mode == Mode::Exclusive || matches!(entry.hold, Hold::Vacant);
        waits || !entry.is_some_and(has_own)
    }

    fn check_queue(&self, name: &str, anchor: Option<u32>) -> Result<(), AcquireError> {
        let crowd = anchor.and_then(|anchor| self.records.crowds.get(&anchor));
        let of_name = crowd.map_or(0, |crowd| crowd.waiting.len());
        let limits = &self.limits;
        for (waiting, max) in [
            (of_name, limits.max_waiting_per_name),
            (self.waiting as usize, limits.max_waiting),
        ] {
            if waiting >= max as usize {
                return Err(AcquireError::QueueFull {
                    name: name.into(),
                    waiting,
                    max: max as usize,
                });
            }
        }
        Ok(())
    }

    /// Puts a new one at the end of the queue.
    pub(super) fn enqueue(&mut self, anchor: u32, waiter: Waiter) -> Place {
        let number = self.draw();
        let crowd = self.records.crowd(anchor);
        let ahead = u32::try_from(crowd.waiting.len()).unwrap_or(u32::MAX);
        self.put_waiter(anchor, number, waiter);
        self.queue_moved(anchor);
        Place {
            ahead,
            until: waiter.until,
        }
    }

    pub(super) fn put_waiter(&mut self, anchor: u32, number: u64, waiter: Waiter) {
        let crowd = self.records.crowd(anchor);
        crowd.waiting.insert(number, waiter);
        let seat = (waiter.owner, waiter.request);
        crowd.requests.insert(seat, Seat::Waiting(number));
        self.waiting += 1;
        self.alarms.insert((waiter.until, number), anchor);
        if let Life::With(session) = waiter.life
            && let Some(session) = self.records.sessions.get_mut(session)
        {
            session.waiting.insert((number, anchor));
        }
    }

    /// Somebody who waits asks again: it keeps its place, and may stay in it for longer.
    fn stay(&mut self, now: Instant, request: &Acquire<'_>, anchor: u32, number: u64) -> Place {
        let crowd = self.records.crowd(anchor);
        let ahead = crowd.waiting.range(..number).count();
        let mut until = now;
        if let Some(waiter) = crowd.waiting.get_mut(&number) {
            let wait = request.wait.unwrap_or_default();
            let earlier = waiter.until;
            until = earlier.max(now.saturating_add(wait));
            waiter.until = until;
            self.alarms.remove(&(earlier, number));
            self.alarms.insert((until, number), anchor);
        }
        Place {
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
            until,
        }
    }

    /// Undoes a request, wherever it has got to: who waits leaves the queue, and a grant is released.
    /// The next in the queue has its turn. Cancelling again does nothing more.
    ///
    /// For a client that gave up, which cannot know whether its turn came in between: otherwise the
    /// lease would be held by somebody who has gone, until its time has passed (CURATOR-62).
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{Acquire, Cancelled, LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
    /// let ann = table.acquire(at(0), "disk", "ann", ttl, 1)?;
    /// table.acquire_with(at(0), &Acquire::new("disk", "bob", 1, ttl).wait(ttl))?;
    /// table.release(at(1), "disk", ann.token)?;
    ///
    /// // Bob gives up, and does not know yet that it was his turn.
    /// let cancelled = table.cancel(at(2), "disk", "bob", 1);
    /// assert!(matches!(cancelled, Cancelled::Released(token) if token > ann.token));
    /// assert_eq!(table.cancel(at(3), "disk", "bob", 1), Cancelled::Nothing);
    /// assert!(table.get(at(3), "disk").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self, now: Instant, name: &str, owner: &str, request: u128) -> Cancelled {
        let now = self.advance(now);
        let Some(anchor) = self.records.find(name) else {
            return Cancelled::Nothing;
        };
        self.settle(anchor, now);
        let cancelled = match self.seat(anchor, owner, request) {
            Some(Seat::Waiting(number)) => {
                self.leave(anchor, number);
                Cancelled::Left
            }
            Some(Seat::At(at)) => self.release_at(now, at),
            None => {
                let entry = self.records.entries.get(anchor);
                let is_it = entry.is_some_and(|entry| {
                    entry.request() == request && self.records.owner(entry) == owner
                });
                match is_it {
                    true => self.release_at(now, anchor),
                    false => Cancelled::Nothing,
                }
            }
        };
        self.settle(anchor, now);
        self.records.tidy(anchor);
        cancelled
    }

    fn release_at(&mut self, now: Instant, at: u32) -> Cancelled {
        let token = self.records.entries.get(at).map(|entry| entry.token);
        match token {
            Some(token) if self.records.is_held(at, now) => {
                self.end(at, End::Released, now);
                Cancelled::Released(token)
            }
            _ => Cancelled::Nothing,
        }
    }

    /// Whether the request is within its bounds, and how long what it wants is to last.
    pub(super) fn check(&self, now: Instant, request: &Acquire<'_>) -> Result<Life, AcquireError> {
        let limits = self.limits;
        let (bytes, max) = (request.name.len(), usize::from(limits.max_name_bytes));
        if bytes == 0 || bytes > max {
            return Err(AcquireError::Name { bytes, max });
        }
        let (bytes, max) = (request.owner.len(), usize::from(limits.max_owner_bytes));
        if bytes == 0 || bytes > max {
            return Err(AcquireError::Owner { bytes, max });
        }
        let (asked, max) = (request.lock_delay, limits.max_lock_delay);
        if asked > max {
            return Err(AcquireError::LockDelay { asked, max });
        }
        let (asked, max) = (request.wait.unwrap_or_default(), limits.max_wait);
        if asked > max {
            return Err(AcquireError::Wait { asked, max });
        }
        match request.term {
            Term::Ttl(ttl) => {
                let (min, max) = (limits.min_ttl, limits.max_ttl);
                if ttl < min || ttl > max {
                    return Err(AcquireError::Ttl { ttl, min, max });
                }
                Ok(Life::For(ttl))
            }
            Term::Session(session) => match self.open_place(now, session) {
                Some(at) => Ok(Life::With(at)),
                None => Err(AcquireError::NoSession {
                    name: request.name.into(),
                    session,
                }),
            },
        }
    }
}
