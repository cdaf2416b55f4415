//! How much client sessions may take.

use core::time::Duration;

/// The bounds of [`ClientSessions`](crate::ClientSessions).
///
/// They take part in its decisions, so every replica must have the same: they travel in the
/// snapshot, and change by [`ClientSessions::set_limits`](crate::ClientSessions::set_limits) at the
/// same place in the log everywhere. LogCabin left its timeout a constant of the program for want of
/// that.
///
/// ```
/// use quorate_idempotency::{ClientSessions, SessionLimits};
///
/// let limits = SessionLimits { sessions: 1_000, ..SessionLimits::default() };
/// assert_eq!(ClientSessions::new(limits).limits().window, 512);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionLimits {
    /// Sessions that are open at once. At the limit [`open`](crate::ClientSessions::open) refuses,
    /// and no live session is pushed out. Default 100,000.
    pub sessions: u64,
    /// How long a session lives of which nothing is heard. It must be longer than clients are
    /// silent and retry: a client whose session has ended does not learn what became of its last
    /// request. Spans above 584 years are cut to it. Default 1 hour.
    pub idle: Duration,
    /// How far the sequence number of a request may be ahead of the first unacknowledged one, which
    /// is also how many requests of a session are remembered at most. Default 512, as in RIFL.
    pub window: u64,
    /// Requests that are remembered at once, of all sessions together: running, with a response or
    /// without. At the limit no new ones run. Default 4,000,000.
    pub requests: u64,
    /// Responses that are kept at once for one session. Default 512.
    pub responses_per_session: u64,
    /// Bytes of the responses that are kept at once for one session. Default 1 MiB.
    pub response_bytes_per_session: u64,
    /// Bytes of all responses together. Default 256 MiB.
    pub response_bytes: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            sessions: 100_000,
            idle: Duration::from_secs(60 * 60),
            window: 512,
            requests: 4_000_000,
            responses_per_session: 512,
            response_bytes_per_session: 1 << 20,
            response_bytes: 256 << 20,
        }
    }
}

impl SessionLimits {
    pub(super) fn idle_nanos(&self) -> u64 {
        u64::try_from(self.idle.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The same with a span that can be told in nanoseconds, as a snapshot tells it.
    pub(super) fn cut(self) -> Self {
        Self {
            idle: Duration::from_nanos(self.idle_nanos()),
            ..self
        }
    }
}
