//! Commands of those who hold a lease.

use core::time::Duration;

use quorate_clocks::Instant;

use super::ending::End;
use super::entry::Hold;
use super::weakness::Weakness;
use super::{Grant, LeaseTable, ReleaseError, RenewError, grant};
use crate::FencingToken;

impl LeaseTable {
    /// Lets the grant `token` of `name` last until `ttl` from now. Never brings its end forward.
    ///
    /// A lease of a session is kept by [`keep_alive`](Self::keep_alive), and is refused here.
    ///
    /// # Errors
    ///
    /// [`RenewError`] when that grant does not hold the lease (any more). Then nothing is revived,
    /// not even when nobody else has taken the lease.
    pub fn renew(
        &mut self,
        now: Instant,
        name: &str,
        token: FencingToken,
        ttl: Duration,
    ) -> Result<Grant, RenewError> {
        let now = self.advance(now);
        let (min, max) = (self.limits.min_ttl, self.limits.max_ttl);
        if ttl < min || ttl > max {
            return Err(RenewError::Ttl { ttl, min, max });
        }
        // By the token, so that no name is hashed on the way that is always gone.
        let Some(at) = self.place_of(name, token, Weakness::RenewByName) else {
            return Err(self.not_renewed(now, name, token));
        };
        let Some(entry) = self.records.entries.get(at) else {
            return Err(self.not_renewed(now, name, token));
        };
        let token = entry.token;
        let expires_at = match self.records.deadline(entry) {
            Some(until) if now < until || self.weak(Weakness::ReviveOnRenew) => until,
            _ => return Err(self.not_renewed(now, name, token)),
        };
        if let Hold::Session { session, .. } = entry.hold {
            let session = self.records.sessions.get(session);
            return Err(RenewError::OfSession {
                name: name.into(),
                token,
                session: session.map_or(super::SessionId(0), |session| session.id),
            });
        }
        // An end that was promised is kept, when the time to live is shorter than before.
        let expires_at = match self.weak(Weakness::ShortenOnRenew) {
            true => now.saturating_add(ttl),
            false => expires_at.max(now.saturating_add(ttl)),
        };
        self.records.extend(at, expires_at);
        Ok(grant(token, expires_at, now))
    }

    /// Ends the grant `token` of `name`: the name is free at once, or the next in the queue has it.
    /// Releasing again is no error while the table remembers the first time, so that a retry after a
    /// lost answer is answered the same.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`] when that grant did not hold the lease (any more). Whoever holds it now
    /// keeps it.
    pub fn release(
        &mut self,
        now: Instant,
        name: &str,
        token: FencingToken,
    ) -> Result<(), ReleaseError> {
        let now = self.advance(now);
        if let Some(at) = self.place_of(name, token, Weakness::ReleaseByName) {
            if self.records.is_held(at, now) {
                let anchor = self.records.anchor(at);
                self.end(at, End::Released, now);
                self.settle(anchor, now);
                self.records.tidy(anchor);
                return Ok(());
            }
            if self.was_released(at) {
                return Ok(());
            }
        }
        let holder = self.records.find(name);
        let holder = holder.and_then(|anchor| self.first_holder(anchor, now));
        Err(match holder {
            Some(holder) => ReleaseError::Superseded {
                name: name.into(),
                token,
                holder,
            },
            None => ReleaseError::Ended {
                name: name.into(),
                token,
            },
        })
    }

    /// Whether the grant, which has ended, was given up: by itself or with its session.
    fn was_released(&self, at: u32) -> bool {
        match self.records.entries.get(at).map(|entry| entry.hold) {
            Some(Hold::Ended { released, .. }) => released,
            Some(Hold::Session { session, .. }) => {
                let session = self.records.sessions.get(session);
                session.is_some_and(|session| session.closed)
            }
            _ => false,
        }
    }

    /// Where the grant is, if it is of that name.
    pub(super) fn place_of(&self, name: &str, token: FencingToken, weak: Weakness) -> Option<u32> {
        if self.weak(weak) {
            return self.records.find(name);
        }
        let place = self.records.find_token(token);
        place.filter(|at| self.records.is_named(*at, name))
    }

    fn not_renewed(&self, now: Instant, name: &str, token: FencingToken) -> RenewError {
        let anchor = self.records.find(name);
        match anchor.and_then(|anchor| self.first_holder(anchor, now)) {
            Some(holder) => RenewError::Superseded {
                name: name.into(),
                token,
                holder,
            },
            None => RenewError::Ended {
                name: name.into(),
                token,
            },
        }
    }
}
