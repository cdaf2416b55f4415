//! What a store remembers of one key.

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::{AttemptToken, Fingerprint};

/// One remembered key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Record {
    pub(crate) fingerprint: Fingerprint,
    /// The latest attempt.
    pub(crate) token: AttemptToken,
    /// How many attempts there were.
    pub(crate) number: u32,
    /// The furthest step that any attempt has done, if it was told of one.
    pub(crate) reached: u64,
    pub(crate) state: State,
    /// From this instant on the record counts as absent.
    pub(crate) expires_at: Instant,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum State {
    /// The latest attempt runs, or has vanished when its lease has run out.
    Running {
        until: Instant,
        /// Whether an earlier attempt vanished.
        takeover: bool,
    },
    /// The latest attempt failed cleanly, so the key is free. What went before is remembered: steps
    /// were done, or an earlier attempt vanished.
    Stopped {
        /// Whether one vanished, so that the request is in doubt.
        doubt: bool,
    },
    /// The latest attempt completed.
    Completed { response: Bytes },
}

impl Record {
    /// One rule for every deadline: it holds while `now` is before it.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        now < self.expires_at
    }

    /// Bytes of responses that the record takes, `reserve` when it may still need that many.
    pub(crate) fn response_bytes(&self, reserve: u64) -> u64 {
        match &self.state {
            State::Running { .. } => reserve,
            State::Stopped { .. } => 0,
            State::Completed { response } => response.len() as u64,
        }
    }
}
