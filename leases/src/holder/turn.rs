//! What a holder sends and tells, and when.

use core::time::Duration;

use quorate_clocks::Instant;

use super::machine::{Attempt, LeaseHolder, Release, Told};
use super::weakness::Weakness;
use super::{Ask, HolderEvent, HolderRequest, RequestId, Ticket};

impl LeaseHolder {
    /// Something to send, **after** this returned: it counts as sent at `now`. Time that it spends in a queue
    /// of the caller is taken off the lease, and does no other harm.
    ///
    /// Changed by every other call, and by time. If nothing is handled, it is empty after at most two.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<HolderRequest> {
        self.advance(now);
        if let Some(request) = self.poll_release() {
            return Some(request);
        }
        if !self.wanted || self.now < self.next_at.max(self.not_before()) {
            return None;
        }
        let ttl = self.config.ttl;
        if self.token.is_none() && self.weak.has(Weakness::RetryIsANewRequest) {
            self.wish = self.wish.wrapping_add(1);
        }
        let ask = match self.token {
            Some(token) => Ask::Renew { token, ttl },
            None => Ask::Acquire {
                request: RequestId {
                    incarnation: self.incarnation,
                    number: self.wish,
                },
                ttl,
            },
        };
        let left = self.held.map(|held| held.standing.safe.remaining(self.now));
        self.next_at = self.now + self.wait(self.failures, left);
        self.failures = self.failures.saturating_add(1);
        self.last_sent = Some(self.now);
        Some(self.send(ask))
    }

    /// The next event. Changed by every other call; empty after at most two.
    pub fn poll_event(&mut self) -> Option<HolderEvent> {
        let held = self.held.map(|held| held.standing);
        if let Some(told) = self.told {
            let why = told.ended?;
            self.told = None;
            self.before = Some(told.token);
            return Some(HolderEvent::Ended {
                stretch: told.stretch,
                token: told.token,
                why,
            });
        }
        let standing = held?;
        self.told = Some(Told {
            stretch: standing.stretch,
            token: standing.token,
            ended: None,
        });
        self.working = Some(standing.stretch);
        if self.before == Some(standing.token) {
            return Some(HolderEvent::Resumed(standing));
        }
        Some(HolderEvent::Acquired(standing))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) again,
    /// if nothing else happens. In the past when something waits to be sent. Changed by every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ask = self.wanted.then(|| self.next_at.max(self.not_before()));
        let end = self.held.map(|held| held.standing.safe.deadline());
        let release = self.release.map(|release| match self.may_release() {
            true => release.next_at.min(release.until),
            false => release.until,
        });
        [ask, end, self.stalls_at(), release]
            .into_iter()
            .flatten()
            .min()
    }

    /// The earliest that anything may be sent after the last.
    fn not_before(&self) -> Instant {
        match self.last_sent {
            Some(sent) if !self.weak.has(Weakness::NoPause) => sent + self.config.min_pause,
            _ => Instant::ORIGIN,
        }
    }

    fn may_release(&self) -> bool {
        self.working.is_none() || self.weak.has(Weakness::ReleasesBeforeStopped)
    }

    fn poll_release(&mut self) -> Option<HolderRequest> {
        let due = self.release.filter(|it| self.now >= it.next_at)?;
        if !self.may_release() {
            return None;
        }
        let next_at = self.now + self.wait(due.failures, None);
        let failures = due.failures.saturating_add(1);
        self.release = Some(Release {
            next_at,
            failures,
            ..due
        });
        Some(self.send(Ask::Release { token: due.token }))
    }

    fn send(&mut self, ask: Ask) -> HolderRequest {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        self.attempts.rotate_right(1);
        self.attempts[0] = Some(Attempt {
            ticket,
            ask,
            sent_at: self.read,
            back: Duration::ZERO,
            clocks: self.clocks,
        });
        HolderRequest { ticket, ask }
    }
}
