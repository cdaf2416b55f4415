//! How sessions begin and end.

use quorate_clocks::Instant;

use super::error::Absent;
use super::machine::{SLICE, queue_again};
use super::record::Session;
use super::weakness::Weakness;
use crate::{ClientSessions, SessionCloseError, SessionId, SessionOpenError, SessionReopenError};

impl ClientSessions {
    /// Opens a session.
    ///
    /// A client that does not hear the answer opens another: the first one ends by itself.
    ///
    /// # Errors
    ///
    /// When there are [`SessionLimits::sessions`](crate::SessionLimits::sessions) already.
    pub fn open(&mut self, now: Instant) -> Result<SessionId, SessionOpenError> {
        let now = self.advance(now);
        self.make_room_for_session(now)?;
        self.start(now, None)
    }

    /// Opens a session in the place of `earlier`, which is closed: for a client that starts again,
    /// knows its earlier session from disk, and wants none of its delayed requests to run.
    ///
    /// Requests of `earlier` are told [`Fenced`](crate::SessionBeginError::Fenced) while the new session
    /// lives, and `NoSession` afterwards. Nothing is carried over. What `earlier` had in flight
    /// may have run or not, and the client must find out before it asks again.
    ///
    /// # Errors
    ///
    /// When `earlier` was replaced before: then two believe that they are the client, and this is the
    /// later one. When `earlier` was never opened, or there is no room.
    pub fn reopen(
        &mut self,
        now: Instant,
        earlier: SessionId,
    ) -> Result<SessionId, SessionReopenError> {
        let now = self.advance(now);
        let session = earlier;
        if self.live(earlier).is_none() {
            match self.absent(earlier) {
                Absent::NoSession => {}
                Absent::Fenced { by } => return Err(SessionReopenError::Fenced { session, by }),
                Absent::NeverOpened { next } => {
                    return Err(SessionReopenError::NeverOpened { session, next });
                }
            }
            // Either may be over, and its memory not yet freed.
            self.end(earlier);
            if let Some(by) = self.replaced.get(&earlier) {
                self.end(*by);
            }
            self.make_room_for_session(now)?;
        }
        let opened = self.start(now, Some(earlier))?;
        if !self.weak.has(Weakness::ReplacedGoesOn) {
            self.end(earlier);
        }
        Ok(opened)
    }

    /// The client has gone and asks about nothing any more. Returns how many of its requests still
    /// run; their completions will be refused.
    ///
    /// # Errors
    ///
    /// When there is no such session, as after a close that was taken.
    pub fn close(&mut self, now: Instant, session: SessionId) -> Result<u64, SessionCloseError> {
        self.advance(now);
        if self.live(session).is_none() {
            let absent = self.absent(session);
            return Err(SessionCloseError::absent(session, absent));
        }
        let ended = self.end(session);
        if self.weak.has(Weakness::IdAgainAfterClose) && session.0 + 1 == self.next_id {
            self.next_id -= 1;
        }
        Ok(ended.map_or(0, |session| session.running.len()))
    }

    /// Frees the memory of sessions that are over. It looks at `most` sessions at most (and at one at
    /// least), for a bounded pause, and says whether it has to be called again to look at all.
    ///
    /// A command like the others. It changes no answer but whether there is room.
    pub fn expire(&mut self, now: Instant, most: usize) -> bool {
        let now = self.advance(now);
        self.collect(now, most.max(1));
        self.is_due(now)
    }

    /// When to call [`expire`](Self::expire) next: no session is over before. It may find none then,
    /// as a session that is heard is not moved at once.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    fn make_room_for_session(&mut self, now: Instant) -> Result<(), SessionOpenError> {
        let limit = self.limits.sessions;
        if self.table.len() >= limit {
            self.collect(now, SLICE);
        }
        if self.table.len() >= limit && self.weak.has(Weakness::OpenPushesOut) {
            let oldest = self.queue.first().map(|(_, id)| *id);
            oldest.map(|id| self.end(id));
        }
        match self.table.len() {
            used if used >= limit => Err(SessionOpenError::Full { used, limit }),
            _ => Ok(()),
        }
    }

    /// Gives out the next id.
    fn start(
        &mut self,
        now: Instant,
        replaced: Option<SessionId>,
    ) -> Result<SessionId, SessionOpenError> {
        let id = SessionId(self.next_id);
        let next = self.next_id.checked_add(1);
        self.next_id = next.ok_or(SessionOpenError::IdsExhausted)?;
        let mut session = Session::new(id, now + self.limits.idle);
        session.replaced = replaced;
        session.queued = Some(session.deadline);
        self.enter(session);
        Ok(id)
    }

    /// Puts a session where it is found. Its id and the one that it replaced must be new.
    pub(super) fn enter(&mut self, session: Session) {
        session.join(&mut self.totals);
        if let Some(at) = session.queued {
            self.queue.insert((at, session.id));
        }
        if let Some(earlier) = session.replaced {
            self.replaced.insert(earlier, session.id);
        }
        self.table.insert(session);
    }

    fn end(&mut self, id: SessionId) -> Option<Session> {
        let session = self.table.remove(id)?;
        session.leave(&mut self.totals);
        if let Some(at) = session.queued {
            self.queue.remove(&(at, id));
        }
        if let Some(earlier) = session.replaced {
            self.replaced.remove(&earlier);
        }
        Some(session)
    }

    /// Whether the time has come to look at a session.
    fn is_due(&self, now: Instant) -> bool {
        self.queue.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Frees sessions that are over, of the first `most` whose time to be looked at has come.
    pub(super) fn collect(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            if !self.is_due(now) {
                return;
            }
            let Some((_, id)) = self.queue.pop_first() else {
                return;
            };
            let Some(session) = self.table.get_mut(id) else {
                continue;
            };
            session.queued = None;
            let anyway = self.weak.has(Weakness::EndsWhileRunning) && session.deadline <= now;
            if session.is_over(now) || anyway {
                self.end(id);
            } else {
                queue_again(&mut self.queue, session);
            }
        }
    }
}
