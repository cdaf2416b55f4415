//! What a store remembers of one key.

use bytes::Bytes;
use quorate_clocks::Instant;

use crate::{AttemptToken, Fingerprint};

/// One remembered key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Record {
    pub(super) fingerprint: Fingerprint,
    /// The latest attempt.
    pub(super) token: AttemptToken,
    /// How many attempts there were.
    pub(super) number: u32,
    /// The furthest step that any attempt has done, if it was told of one.
    pub(super) reached: u64,
    /// When the key was made, if it says so.
    pub(super) born_at: Option<Instant>,
    pub(super) state: State,
    /// From this instant on the record counts as absent, unless it was born too lately for that.
    pub(super) expires_at: Instant,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum State {
    /// The latest attempt runs, or has vanished when its lease has run out.
    Running {
        until: Instant,
        /// Whether an earlier attempt vanished.
        takeover: bool,
    },
    /// The latest attempt failed cleanly, so the key is free. What went before is remembered.
    Stopped {
        /// Whether an earlier attempt vanished, so that the request is in doubt.
        doubt: bool,
    },
    /// The latest attempt completed.
    Completed {
        /// Nothing, if it is not kept.
        response: Option<Bytes>,
        /// Of all completions and drops of responses, which this was: room is made in this order.
        order: u64,
    },
}

/// What time it is, for what is remembered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Time {
    /// The latest time that any call brought.
    pub(super) now: Instant,
    /// A request that was born before this and is not known does not run. Never goes back.
    pub(super) floor: Instant,
}

impl Record {
    /// One rule for every deadline: it holds while `now` is before it.
    pub(super) fn is_live(&self, time: Time) -> bool {
        time.now < self.expires_at || self.born_at.is_some_and(|born| born >= time.floor)
    }

    /// Bytes of responses that the record takes, `reserve` when it may still need that many.
    pub(super) fn response_bytes(&self, reserve: u64) -> u64 {
        match &self.state {
            State::Running { .. } => reserve,
            State::Stopped { .. } => 0,
            State::Completed { response, .. } => {
                response.as_ref().map_or(0, |response| response.len()) as u64
            }
        }
    }
}
