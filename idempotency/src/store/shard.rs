//! What a store that threads share asks of its parts.

use bytes::Bytes;
use quorate_clocks::Instant;

use super::record::State;
use super::secret::Secret;
use super::{KeyStore, Latest};
use crate::{AttemptToken, Key, Limits, Policy, PolicyError};

/// How it stands with an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// It runs, and nobody may take over yet.
    Runs,
    /// It has completed, and this is the response if it is kept.
    Completed(Option<Bytes>),
    /// Neither: whoever asks again is told more.
    Ended,
}

impl KeyStore {
    /// A part of a larger store, which hashes keys with the secret of the whole.
    pub(crate) fn part(
        limits: Limits,
        policy: Policy,
        secret: Secret,
    ) -> Result<Self, PolicyError> {
        let mut store = Self::empty(limits, secret);
        store.set_policy(policy)?;
        Ok(store)
    }

    pub(crate) fn standing(&self, key: &Key, token: AttemptToken) -> Standing {
        let place = self.records.find_attempt(key, token);
        let Latest::This(record) = self.latest(place, token) else {
            return Standing::Ended;
        };
        match &record.state {
            State::Running { until, .. } if self.time.now < *until => Standing::Runs,
            State::Running { .. } | State::Stopped { .. } => Standing::Ended,
            State::Completed { response, .. } => Standing::Completed(response.clone()),
        }
    }

    /// The attempt is not heard of again, and the next may take over at once: in doubt, whatever the
    /// policy says. Nothing, if it does not run.
    pub(crate) fn abandon(&mut self, key: &Key, token: AttemptToken) {
        let now = self.advance(Instant::ORIGIN);
        let place = self.records.find_attempt(key, token);
        if let Latest::This(record) = self.latest(place, token)
            && let State::Running { takeover, .. } = record.state
        {
            self.doubt(place, now, takeover);
        }
    }
}
