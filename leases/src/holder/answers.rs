//! What a holder makes of the grantor's answers.

use core::time::Duration;

use quorate_clocks::Instant;

use super::machine::{Attempt, LeaseHolder};
use super::weakness::Weakness;
use super::{Ask, EndReason, Refusal, Ticket, schedule};
use crate::{Drift, FencingToken, SafeUntil};

/// Each says whether the answer was of use. One is not when its ticket is unknown: it was answered already,
/// or is too old, or was sent before a clock jumped.
impl LeaseHolder {
    /// [`Ask::Acquire`] was granted. `remaining` is how long the lease lasts from the instant at which the
    /// grantor decided: [`Grant::remaining`](crate::Grant::remaining). For a request that it had granted
    /// before, that is less than what was asked for.
    pub fn handle_granted(
        &mut self,
        ticket: Ticket,
        token: FencingToken,
        remaining: Duration,
        now: Instant,
    ) -> bool {
        self.advance(now);
        let Some(attempt) = self.take(ticket) else {
            return false;
        };
        let Ask::Acquire { request, .. } = attempt.ask else {
            return false;
        };
        let again = self.token == Some(token);
        if token <= self.newest && !again {
            // An older grant than one that was heard of has ended.
            return false;
        }
        self.newest = self.newest.max(token);
        let current = request.number == self.wish && request.incarnation == self.incarnation;
        if !self.wanted || !current {
            // Nobody waits for it any more, and until it ends everybody else would.
            if !self.weak.has(Weakness::KeepsAbandoned) {
                self.give_back(token);
            }
            return true;
        }
        if !again {
            self.end(EndReason::Lost);
            self.token = Some(token);
        }
        self.extend(token, attempt, remaining);
        true
    }

    /// [`Ask::Renew`] was granted; `remaining` as for [`handle_granted`](Self::handle_granted).
    pub fn handle_renewed(&mut self, ticket: Ticket, remaining: Duration, now: Instant) -> bool {
        self.advance(now);
        let Some(attempt) = self.take(ticket) else {
            return false;
        };
        match attempt.ask {
            Ask::Renew { token, .. } if self.token == Some(token) => {
                self.extend(token, attempt, remaining);
                true
            }
            _ => false,
        }
    }

    /// [`Ask::Release`] was done, or there was nothing to do.
    pub fn handle_released(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.advance(now);
        let Some(attempt) = self.take(ticket) else {
            return false;
        };
        let done = matches!(
            (attempt.ask, self.release),
            (Ask::Release { token }, Some(release)) if release.token == token
        );
        if done {
            self.release = None;
        }
        done
    }

    /// It was refused, or nothing is known of it.
    pub fn handle_refused(&mut self, ticket: Ticket, refusal: Refusal, now: Instant) -> bool {
        self.advance(now);
        let Some(attempt) = self.take(ticket) else {
            return false;
        };
        match (attempt.ask, refusal) {
            // The next attempt is due when it is due.
            (_, Refusal::Unavailable) => true,
            (Ask::Acquire { request, .. }, refusal) => {
                if request.number != self.wish || self.token.is_some() {
                    return false;
                }
                let pause = match refusal {
                    Refusal::Held { remaining } => self.until_free(remaining),
                    _ => {
                        // What this request was granted has ended: the next is another one.
                        self.begin_wish();
                        self.wait(0, None)
                    }
                };
                self.failures = 0;
                self.next_at = self.now + pause;
                true
            }
            // Final, whatever else was answered: a lease does not come back to life.
            (Ask::Renew { token, .. }, _) => {
                let lost = self.token == Some(token) && !self.weak.has(Weakness::EndIgnored);
                if lost {
                    self.end(EndReason::Lost);
                    self.begin_wish();
                }
                lost
            }
            (Ask::Release { token }, _) => {
                let done = self.release.is_some_and(|it| it.token == token);
                if done {
                    self.release = None;
                }
                done
            }
        }
    }

    /// The grantor has let the grant go on until `remaining` after it got this attempt.
    fn extend(&mut self, token: FencingToken, attempt: Attempt, remaining: Duration) {
        let by_one_clock = self.safe_until(attempt.sent_at, remaining);
        let by_one_clock = by_one_clock.guarded(attempt.back);
        let safe = self.by_both_clocks(by_one_clock, attempt.clocks);
        // It is answered: what is due next is a renewal, if only as soon as is allowed.
        self.failures = 0;
        self.next_at = self.now;
        if !safe.is_safe(self.now) && !self.weak.has(Weakness::LateGrantIsHeld) {
            // It took too long, and says nothing on now. But the grantor knows the token, so the next
            // renewal may be in time.
            return;
        }
        match &mut self.held {
            Some(held) if held.standing.safe.deadline() < safe.deadline() => {
                held.standing.safe = safe;
                held.by_one_clock = by_one_clock;
                held.clocks = attempt.clocks;
            }
            Some(_) => {}
            None => self.begin(token, safe, by_one_clock, attempt.clocks),
        }
        if let Some(held) = self.held {
            let safe = held.standing.safe;
            self.next_at = schedule::renew_at(&self.config, safe, &mut self.random, self.weak);
        }
    }

    fn safe_until(&self, sent_at: Instant, remaining: Duration) -> SafeUntil {
        let weak = |weakness| self.weak.has(weakness);
        let sent_at = match weak(Weakness::DeadlineFromReceipt) {
            true => self.now,
            false => sent_at,
        };
        let drift = match weak(Weakness::DriftIgnored) {
            true => Drift::NONE,
            false => self.config.drift,
        };
        let margin = match weak(Weakness::MarginIgnored) {
            true => Duration::ZERO,
            false => self.config.margin,
        };
        SafeUntil::new(sent_at, remaining, drift, margin)
    }

    /// How long to wait for a lease that another holds for so long. It may be released earlier, so not for
    /// ever; and not all who wait for it ask at once.
    fn until_free(&mut self, remaining: Duration) -> Duration {
        let (min, max) = (self.config.min_pause, self.config.max_pause);
        let free = self.config.drift.at_most(remaining).clamp(min, max);
        free.saturating_add(schedule::up_to(&mut self.random, min))
    }

    /// Each attempt is answered once.
    fn take(&mut self, ticket: Ticket) -> Option<Attempt> {
        let place = match self.weak.has(Weakness::AnswerOfTheLatestAttempt) {
            true => self.attempts.iter_mut().find(|it| it.is_some()),
            false => self
                .attempts
                .iter_mut()
                .find(|it| it.is_some_and(|it| it.ticket == ticket)),
        };
        place?.take()
    }
}
