//! What becomes of an attempt.

use core::time::Duration;

use bytes::Bytes;
use quorate_clocks::Instant;

use super::record::{Record, State};
use super::records::Place;
use super::weakness::Weakness;
use super::{KeyStore, Latest};
use crate::{
    AcknowledgeError, AttemptToken, Class, CompleteError, Completion, ExtendError, FailError,
    Fingerprint, Key, Remember, StepError,
};

impl KeyStore {
    /// The attempt has run: remembers what came of it as the [`Policy`](crate::Policy) says for this
    /// class of outcome.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    /// Taken again, from the same attempt, it changes nothing: the first outcome stays.
    ///
    /// # Errors
    ///
    /// [`CompleteError::Superseded`] when a later attempt took over, [`CompleteError::Unknown`] when
    /// the store knows of no such attempt, [`CompleteError::Applied`] when it only knows that the
    /// request was applied, and [`CompleteError::ResponseTooLarge`], with which the attempt still runs.
    pub fn complete(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        class: Class,
        response: Bytes,
    ) -> Result<Completion, CompleteError> {
        let now = self.advance(now);
        let place = self.records.find_attempt(key, token);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(CompleteError::Superseded { by }),
            Latest::Unknown if self.tombstone(key).is_some() => {
                return Err(CompleteError::Applied { token });
            }
            Latest::Unknown => return Err(CompleteError::Unknown { token }),
        };
        let doubt = match record.state {
            // Before all other checks: the retry of a completion is a success, whatever it brings.
            State::Completed { .. } if self.weak.has(Weakness::RetryOfCompletionRefused) => {
                return Err(CompleteError::Unknown { token });
            }
            State::Completed { .. } => return Ok(Completion::Repeated),
            State::Stopped { .. } => return Err(CompleteError::Unknown { token }),
            State::Running { until, .. }
                if now >= until && self.weak.has(Weakness::LateCompletionRefused) =>
            {
                return Err(CompleteError::Unknown { token });
            }
            State::Running { takeover, .. } => takeover,
        };
        let class = match class {
            Class::Transient if self.weak.has(Weakness::TransientIsKept) => Class::Success,
            Class::Indeterminate if self.weak.has(Weakness::IndeterminateIsFailure) => {
                return Ok(self.free(place));
            }
            class => class,
        };
        let (response, retain) = match self.policy.of(class) {
            Remember::Replay { .. } if response.len() as u64 > self.limits.response_bytes => {
                return Err(CompleteError::ResponseTooLarge {
                    limit: self.limits.response_bytes,
                    response,
                });
            }
            Remember::Replay { retain } => (Some(response), retain),
            Remember::Applied { retain } => (None, retain),
            Remember::Resume => {
                self.stop(place, doubt);
                return Ok(Completion::Resumes);
            }
            Remember::Free => return Ok(self.free(place)),
            Remember::InDoubt => {
                self.doubt(place, now, doubt);
                return Ok(Completion::InDoubt);
            }
        };
        let until = now.saturating_add(retain);
        let order = self.take_order();
        let weak = self.weak;
        self.records.update(place, self.time, |record| {
            record.state = State::Completed { response, order };
            if !weak.has(Weakness::RetentionFromClaim) {
                record.expires_at = until;
            }
        });
        Ok(Completion::Kept { until })
    }

    /// The attempt has certainly had no effect, or none but the [steps](Self::step) that it recorded:
    /// frees the key, so that a retry runs at once, after those steps. What the policy says does not
    /// matter.
    ///
    /// When the attempt may have had another effect, do not call this: let the lease run out, or
    /// [complete](Self::complete) it as [`Class::Indeterminate`]. A doubt that this attempt itself took
    /// over outlives it: the next attempt [takes over](crate::Claim::TakeOver) too.
    ///
    /// # Errors
    ///
    /// [`FailError::Superseded`] when a later attempt took over, [`FailError::Completed`] when the
    /// attempt has completed, [`FailError::Unknown`] when the store knows of no such attempt.
    pub fn fail(&mut self, now: Instant, key: &Key, token: AttemptToken) -> Result<(), FailError> {
        self.advance(now);
        let place = self.records.find_attempt(key, token);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(FailError::Superseded { by }),
            Latest::Unknown => return Err(FailError::Unknown { token }),
        };
        match record.state {
            State::Completed { .. } => Err(FailError::Completed),
            State::Stopped { .. } => Err(FailError::Unknown { token }),
            State::Running { .. } => {
                self.free(place);
                Ok(())
            }
        }
    }

    /// The attempt has done a step of its work, and all before it: a **recovery point**, from which the
    /// next attempt goes on if this one does not come to the end ([`Attempt::reached`](crate::Attempt::reached)).
    ///
    /// For work of several parts that cannot be one transaction, such as a charge at a bank and then an
    /// order at a shop. Number the parts, and record each when its effect is durable. Steps only go
    /// forward. One that was recorded already is taken again and changes nothing.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    ///
    /// # Errors
    ///
    /// [`StepError::Superseded`] when a later attempt took over and this one should stop, and others
    /// when it is not running, or further already. Nothing has changed then.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_idempotency::{Claim, Fingerprint, Key, KeyStore, Limits, Request, StepError};
    ///
    /// let mut store = KeyStore::new(Limits::default());
    /// let key = Key::new("tenant-7", "order-4711")?;
    /// let request = Request::new(&key, Fingerprint(7)).lease(Duration::from_secs(10));
    /// let at = |seconds: u64| Instant::from_millis(1_000 * seconds);
    ///
    /// let Claim::Run(first) = store.claim(at(0), request)? else { panic!("new") };
    /// store.step(at(1), &key, first.token, 1)?; // charged
    /// // It vanishes. Whoever takes over does not charge again.
    /// let Claim::TakeOver(second) = store.claim(at(10), request)? else { panic!("free") };
    /// assert_eq!(second.reached(), 1);
    /// // The first was only slow, and may go no further.
    /// assert_eq!(
    ///     store.step(at(11), &key, first.token, 2),
    ///     Err(StepError::Superseded { by: second.token() }),
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        step: u64,
    ) -> Result<(), StepError> {
        self.advance(now);
        let place = self.records.find_attempt(key, token);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(StepError::Superseded { by }),
            Latest::Unknown => return Err(StepError::Unknown { token }),
        };
        let reached = record.reached;
        match record.state {
            State::Completed { .. } => return Err(StepError::Completed),
            State::Stopped { .. } => return Err(StepError::Unknown { token }),
            State::Running { .. } if step < reached => {
                return Err(StepError::Back { step, reached });
            }
            State::Running { .. } => {}
        }
        self.records
            .update(place, self.time, |record| record.reached = step);
        Ok(())
    }

    /// The attempt is still at it: its lease now lasts until `lease` from now, or as long as it did
    /// if that is longer. Returns when it runs out.
    ///
    /// Taken from the latest attempt only, also when its lease has run out but nobody took over.
    ///
    /// # Errors
    ///
    /// [`ExtendError::Superseded`] when a later attempt took over and this one should stop; others
    /// when it is not running or the lease is out of bounds.
    pub fn extend(
        &mut self,
        now: Instant,
        key: &Key,
        token: AttemptToken,
        lease: Duration,
    ) -> Result<Instant, ExtendError> {
        let now = self.advance(now);
        if lease.is_zero() {
            return Err(ExtendError::ZeroLease);
        }
        if lease > self.limits.lease {
            return Err(ExtendError::LeaseTooLong {
                lease,
                limit: self.limits.lease,
            });
        }
        let place = self.records.find_attempt(key, token);
        let record = match self.latest(place, token) {
            Latest::This(record) => record,
            Latest::Superseded { by } => return Err(ExtendError::Superseded { by }),
            Latest::Unknown => return Err(ExtendError::Unknown { token }),
        };
        let (until, takeover) = match record.state {
            State::Completed { .. } => return Err(ExtendError::Completed),
            State::Stopped { .. } => return Err(ExtendError::Unknown { token }),
            State::Running { takeover, .. } if self.weak.has(Weakness::ExtendShortens) => {
                (now.saturating_add(lease), takeover)
            }
            State::Running { until, takeover } => (until.max(now.saturating_add(lease)), takeover),
        };
        let expires_at = until.saturating_add(self.policy.abandoned);
        self.records.update(place, self.time, |record| {
            record.state = State::Running { until, takeover };
            record.expires_at = record.expires_at.max(expires_at);
        });
        Ok(until)
    }

    /// The client has the answer: its response is dropped, and a copy of the request that is still on
    /// its way is told [`AlreadyApplied`](crate::Claim::AlreadyApplied). Acknowledging again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the request has not completed, or the key is not known, or of another request.
    pub fn acknowledge(
        &mut self,
        now: Instant,
        key: &Key,
        fingerprint: Fingerprint,
    ) -> Result<(), AcknowledgeError> {
        self.advance(now);
        let place = self.records.find(key);
        let record = self.records.at(place);
        let Some(record) = record.filter(|record| record.is_live(self.time)) else {
            return match self.tombstone(key) {
                Some(stored) if stored == fingerprint => Ok(()),
                Some(_) => Err(AcknowledgeError::Mismatch),
                None => Err(AcknowledgeError::Unknown),
            };
        };
        if record.fingerprint != fingerprint {
            return Err(AcknowledgeError::Mismatch);
        }
        match record.state {
            State::Completed { response: None, .. } => Ok(()),
            State::Completed { .. } if self.weak.has(Weakness::AcknowledgedIsForgotten) => {
                self.records.remove(place, self.time);
                Ok(())
            }
            State::Completed { .. } => {
                self.drop_response(place);
                Ok(())
            }
            State::Running { .. } | State::Stopped { .. } => Err(AcknowledgeError::NotCompleted),
        }
    }

    /// Keeps of a completed record that it was applied.
    pub(super) fn drop_response(&mut self, place: Place) {
        let order = self.take_order();
        self.records.update(place, self.time, |record| {
            record.state = State::Completed {
                response: None,
                order,
            };
        });
    }

    /// A retry may take over at once, and is told of the doubt.
    pub(super) fn doubt(&mut self, place: Place, now: Instant, takeover: bool) {
        let expires_at = now.saturating_add(self.policy.abandoned);
        self.records.update(place, self.time, |record| {
            record.state = State::Running {
                until: now,
                takeover,
            };
            record.expires_at = expires_at;
        });
    }

    /// A retry may run at once, and knows what went before.
    fn stop(&mut self, place: Place, doubt: bool) {
        let expires_at = self.time.now.saturating_add(self.policy.abandoned);
        self.records.update(place, self.time, |record| {
            record.state = State::Stopped { doubt };
            record.expires_at = expires_at;
        });
    }

    /// A retry may run at once, and the key is forgotten if nothing went before.
    fn free(&mut self, place: Place) -> Completion {
        match self.records.at(place) {
            Some(Record {
                state: State::Running { takeover, .. },
                reached,
                ..
            }) if *takeover && !self.weak.has(Weakness::FailureForgetsDoubt) || *reached > 0 => {
                let doubt = *takeover;
                self.stop(place, doubt);
                Completion::Resumes
            }
            _ => {
                if self.weak.has(Weakness::TokenAgainAfterFailure) {
                    self.next_token -= 1;
                }
                self.records.remove(place, self.time);
                Completion::Freed
            }
        }
    }

    const fn take_order(&mut self) -> u64 {
        let order = self.next_order;
        // It is less than the number of calls.
        self.next_order = order.saturating_add(1);
        order
    }
}
