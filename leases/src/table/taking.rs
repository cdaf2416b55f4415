//! Commands of those who want others to give a lease up.

use quorate_clocks::Instant;

use super::crowd::{Life, Seat};
use super::ending::End;
use super::records::{New, Term};
use super::weakness::Weakness;
use super::{
    Acquire, Acquired, Grant, LeaseEvent, LeaseTable, RevokeError, StealError, StealPolicy, grant,
};
use crate::FencingToken;

impl LeaseTable {
    /// Asks all who hold `name` to give it up when they can, and returns the newest of them. They are
    /// told by an [event](Self::poll_event), once, and whoever looks [sees it](super::Lease). Nothing
    /// else happens: it is up to them.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// let now = Instant::from_millis(0);
    /// let ann = table.acquire(now, "disk", "ann", Duration::from_secs(10), 1)?;
    /// assert_eq!(table.request_yield(now, "disk"), Some(ann.token));
    /// assert!(table.get(now, "disk").is_some_and(|lease| lease.asked_to_yield));
    /// # Ok::<(), quorate_leases::AcquireError>(())
    /// ```
    pub fn request_yield(&mut self, now: Instant, name: &str) -> Option<FencingToken> {
        let now = self.advance(now);
        let anchor = self.records.find(name)?;
        self.settle(anchor, now);
        let asked = self.records.crowds.get(&anchor);
        let asked = asked.map_or(FencingToken::NONE, |crowd| crowd.asked);
        let holders = self.records.holders(anchor, now);
        let holders: alloc::vec::Vec<_> = holders
            .filter_map(|(entry, _)| Some((entry.token, entry.owner()?)))
            .collect();
        let newest = holders.iter().map(|(token, _)| *token).max();
        for (token, owner) in holders {
            if token > asked {
                self.event(|table| LeaseEvent::YieldRequested {
                    name: table.records.name(anchor).into(),
                    owner: table.records.owners.name(owner).into(),
                    token,
                });
            }
        }
        if let Some(newest) = newest {
            self.records.crowd(anchor).asked = newest;
        }
        self.records.tidy(anchor);
        newest
    }

    /// Takes the lease from who holds it by `seen`, and grants it to whoever asks, ahead of the queue:
    /// for an operator, or an owner that was restarted and will not wait for its former self. Nothing
    /// is stolen unless the grant that was seen is the one that holds the lease.
    ///
    /// The delay that the former holder may have asked for is not kept: who may steal knows. Only the
    /// [`Fence`](crate::Fence) keeps the former holder, which does not know that it is one, from
    /// acting. The request is answered the same when it comes again.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{Acquire, LeaseTable, Limits, StealError, StealPolicy};
    ///
    /// let limits = Limits { steal: StealPolicy::SameOwner, ..Limits::default() };
    /// let mut table = LeaseTable::new(limits);
    /// let (now, ttl) = (Instant::from_millis(0), Duration::from_secs(10));
    /// let former = table.acquire(now, "disk", "ann", ttl, 1)?;
    ///
    /// // Ann was restarted, and does not wait for her former self; others may not do that.
    /// let refused = table.steal(now, former.token, &Acquire::new("disk", "bob", 7, ttl));
    /// assert!(matches!(refused, Err(StealError::NotAllowed { .. })));
    /// let stolen = table.steal(now, former.token, &Acquire::new("disk", "ann", 2, ttl))?;
    /// assert!(stolen.token > former.token);
    /// // It was not the grant that holds the lease now.
    /// let refused = table.steal(now, former.token, &Acquire::new("disk", "ann", 3, ttl));
    /// assert!(matches!(refused, Err(StealError::NotHeldBy { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StealError::NotAllowed`] by the [policy](super::Limits::steal), [`StealError::NotHeldBy`]
    /// when another grant holds it or none does, and what [`acquire_with`](Self::acquire_with)
    /// refuses. Nothing has changed then.
    pub fn steal(
        &mut self,
        now: Instant,
        seen: FencingToken,
        request: &Acquire<'_>,
    ) -> Result<Grant, StealError> {
        let now = self.advance(now);
        let life = self.check(now, request).map_err(StealError::Refused)?;
        let Some(anchor) = self.records.find(request.name) else {
            return Err(self.not_held_by(now, None, request.name, seen));
        };
        self.settle(anchor, now);
        let stolen = self.take_over(now, anchor, seen, request, life);
        self.records.tidy(anchor);
        stolen
    }

    fn take_over(
        &mut self,
        now: Instant,
        anchor: u32,
        seen: FencingToken,
        request: &Acquire<'_>,
        life: Life,
    ) -> Result<Grant, StealError> {
        // What came before is answered as ever; but who waits may lose patience.
        let seat = self.seat(anchor, request.owner, request.request);
        if !matches!(seat, Some(Seat::Waiting(_))) {
            let answered = self.answered(now, request, anchor);
            if let Some(Acquired::Granted(grant)) = answered.map_err(StealError::Refused)? {
                return Ok(grant);
            }
        }
        self.may_steal(now, anchor, seen, request)?;
        let room = self.next_token(request.name);
        let room = room.and_then(|_| self.make_room(now, request.name, request.mode, false));
        // Making room may have granted what others waited for.
        let token = room.and_then(|()| self.next_token(request.name));
        let token = token.map_err(StealError::Refused)?;
        if let Some(Seat::Waiting(number)) = seat {
            self.leave(anchor, number);
        }
        // Whoever shares it with the one that is taken away loses it too.
        let places: alloc::vec::Vec<_> = self.records.places(anchor).collect();
        for at in places {
            let entry = self.records.entries.get(at);
            let granted =
                entry.and_then(|entry| Some((entry.token, self.records.deadline(entry)?)));
            match granted {
                Some((token, deadline)) if now < deadline => {
                    let crowd = self.records.crowds.get_mut(&anchor);
                    crowd.and_then(|crowd| crowd.lock_delays.remove(&token));
                    self.end(at, End::Revoked, now);
                }
                Some((_, deadline)) => self.end_of(at, deadline, now),
                None => {}
            }
        }
        let owner = self.records.owners.retain(request.owner);
        let new = New {
            owner,
            request: request.request,
            mode: request.mode,
            token,
            life: Term::starting(life, now),
        };
        self.put_in(anchor, new, request.lock_delay, false, now);
        let expires_at = self.expires_at(token).unwrap_or(now);
        Ok(grant(token, expires_at, now))
    }

    /// Whether that owner may steal that grant.
    fn may_steal(
        &self,
        now: Instant,
        anchor: u32,
        seen: FencingToken,
        request: &Acquire<'_>,
    ) -> Result<(), StealError> {
        let mut holders = self.records.holders(anchor, now);
        let victim = match self.weak(Weakness::StealBlindly) {
            true => holders.next(),
            false => holders.find(|(entry, _)| entry.token == seen),
        };
        let Some((victim, _)) = victim else {
            return Err(self.not_held_by(now, Some(anchor), request.name, seen));
        };
        let allowed = match self.limits.steal {
            StealPolicy::Nobody => false,
            StealPolicy::SameOwner => self.records.owner(victim) == request.owner,
            StealPolicy::Anybody => true,
        };
        if allowed || self.weak(Weakness::AnybodySteals) {
            return Ok(());
        }
        Err(StealError::NotAllowed {
            name: request.name.into(),
            owner: request.owner.into(),
            policy: self.limits.steal,
        })
    }

    fn not_held_by(
        &self,
        now: Instant,
        anchor: Option<u32>,
        name: &str,
        seen: FencingToken,
    ) -> StealError {
        StealError::NotHeldBy {
            name: name.into(),
            seen,
            holder: anchor.and_then(|anchor| self.first_holder(anchor, now)),
        }
    }

    /// Ends the grant `token` of `name` although its holder did not give it up: the delay that it asked
    /// for begins, and then the next in the queue has its turn. Who may do that is for the caller to
    /// say.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{Acquire, AcquireError, LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// let (at, ttl) = (Instant::from_millis, Duration::from_secs(10));
    /// let asked = Acquire::new("disk", "ann", 1, ttl).lock_delay(Duration::from_secs(5));
    /// let ann = table.acquire_with(at(0), &asked)?.grant().expect("it is free");
    /// table.revoke(at(1_000), "disk", ann.token)?;
    ///
    /// // What Ann sent before that may still be on its way, so nobody gets it at once.
    /// let refused = table.acquire(at(2_000), "disk", "bob", ttl, 1);
    /// assert!(matches!(refused, Err(AcquireError::Delayed { until, .. }) if until == at(6_000)));
    /// assert!(table.acquire(at(6_000), "disk", "bob", ttl, 1).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevokeError`] when that grant does not hold the lease (any more). Nothing has changed then.
    pub fn revoke(
        &mut self,
        now: Instant,
        name: &str,
        token: FencingToken,
    ) -> Result<(), RevokeError> {
        let now = self.advance(now);
        let place = self.place_of(name, token, Weakness::StealBlindly);
        let Some(at) = place.filter(|at| self.records.is_held(*at, now)) else {
            return Err(RevokeError {
                name: name.into(),
                token,
            });
        };
        let anchor = self.records.anchor(at);
        self.end(at, End::Revoked, now);
        self.settle(anchor, now);
        self.records.tidy(anchor);
        Ok(())
    }
}
