//! Sessions: opened, kept alive and closed.

use alloc::collections::BTreeSet;
use core::time::Duration;

use quorate_clocks::{Instant, TimingWheel};

use super::entry::List;
use super::session::Session;
use super::weakness::Weakness;
use super::{LeaseTable, SessionError, SessionGrant, SessionId};

impl LeaseTable {
    /// Opens a session, which lasts for `ttl` and for as long as it is kept alive.
    ///
    /// Leases that are acquired [with it](super::Acquire::in_session) live and die with it: from its
    /// deadline on none of them is held. So a client with a thousand leases sends one message to keep
    /// them, and a million leases of a thousand clients cost a thousand messages.
    ///
    /// When the answer is lost the session is nobody's, and ends by itself.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{Acquire, LeaseTable, Limits};
    ///
    /// let mut table = LeaseTable::new(Limits::default());
    /// let at = Instant::from_millis;
    /// let session = table.open_session(at(0), Duration::from_secs(10))?.session;
    /// for (request, name) in (0..).zip(["disk", "tape", "drum"]) {
    ///     table.acquire_with(at(1), &Acquire::in_session(name, "ann", request, session))?;
    /// }
    /// table.keep_alive(at(9_000), session)?;
    /// assert_eq!(table.leases(at(18_999)).count(), 3);
    /// // And all at once they are over.
    /// assert_eq!(table.leases(at(19_000)).count(), 0);
    /// assert!(table.keep_alive(at(19_000), session).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError::Ttl`] when the time to live is out of the bounds of leases;
    /// [`SessionError::Full`] when there are as many sessions as there may be.
    pub fn open_session(
        &mut self,
        now: Instant,
        ttl: Duration,
    ) -> Result<SessionGrant, SessionError> {
        let now = self.advance(now);
        let (min, max) = (self.limits.min_ttl, self.limits.max_ttl);
        if ttl < min || ttl > max {
            return Err(SessionError::Ttl { ttl, min, max });
        }
        let max = self.limits.max_sessions as usize;
        if self.records.sessions.len() >= max {
            return Err(SessionError::Full { max });
        }
        let Some(id) = self.last_session.0.checked_add(1).map(SessionId) else {
            return Err(SessionError::Full { max });
        };
        self.last_session = id;
        let session = Session {
            id,
            ttl,
            deadline: now.saturating_add(ttl),
            closed: false,
            told: false,
            // It gets its own when it has a place.
            timer: TimingWheel::new().insert(Instant::ORIGIN, ()),
            leases: List::EMPTY,
            waiting: BTreeSet::new(),
            watched: BTreeSet::new(),
        };
        let expires_at = session.deadline;
        self.records.open_session(session);
        Ok(session_grant(id, expires_at, now))
    }

    /// Lets a session, and with it all its leases, last for its time to live from now. Takes the same
    /// time however many leases it has.
    ///
    /// # Errors
    ///
    /// [`SessionError::Ended`] when it is over. It does not come back, and neither do its leases.
    pub fn keep_alive(
        &mut self,
        now: Instant,
        session: SessionId,
    ) -> Result<SessionGrant, SessionError> {
        let now = self.advance(now);
        let revives = self.weak(Weakness::SessionRevives);
        let at = self.records.find_session(session.0);
        let found = at.and_then(|at| self.records.sessions.get_mut(at));
        let Some(open) = found.filter(|found| found.is_open(now) || revives) else {
            return Err(SessionError::Ended { session });
        };
        open.deadline = open.deadline.max(now.saturating_add(open.ttl));
        Ok(session_grant(session, open.deadline, now))
    }

    /// Ends a session. None of its leases is held any more, and each counts as released; they are
    /// freed by [`expire`](Self::expire), or when somebody asks for them.
    ///
    /// # Errors
    ///
    /// [`SessionError::Ended`] when it is over already, also when it was closed before.
    pub fn close_session(&mut self, now: Instant, session: SessionId) -> Result<(), SessionError> {
        let now = self.advance(now);
        match self.open_place(now, session) {
            Some(at) => {
                self.records.close_session(at, now);
                if self.weak(Weakness::SessionIdAgain) && self.last_session == session {
                    self.last_session.0 -= 1;
                }
                Ok(())
            }
            None => Err(SessionError::Ended { session }),
        }
    }

    /// When a session ends unless it is kept alive, if it is open at `now`.
    pub fn session(&self, now: Instant, session: SessionId) -> Option<SessionGrant> {
        let now = self.now.max(now);
        let found = self.records.sessions.get(self.open_place(now, session)?)?;
        Some(session_grant(session, found.deadline, now))
    }

    /// Where a session is, if it is open.
    pub(super) fn open_place(&self, now: Instant, session: SessionId) -> Option<u32> {
        let at = self.records.find_session(session.0)?;
        let found = self.records.sessions.get(at)?;
        found.is_open(now).then_some(at)
    }
}

const fn session_grant(session: SessionId, expires_at: Instant, now: Instant) -> SessionGrant {
    SessionGrant {
        session,
        expires_at,
        remaining: expires_at.since(now),
    }
}
