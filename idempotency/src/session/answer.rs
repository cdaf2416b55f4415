//! What sessions are asked and say.

use core::fmt;

use bytes::Bytes;

use crate::Fingerprint;

/// The name of a session: an epoch, given out in order and never again.
///
/// Of two sessions of a client the later one has the larger id, so it can fence what the sessions
/// change elsewhere, too.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionLimits};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let first = sessions.open(Instant::ORIGIN)?;
/// sessions.close(Instant::ORIGIN, first)?;
/// assert!(first < sessions.open(Instant::ORIGIN)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// What a client sends along with a request, the same in every retry of it.
///
/// ```
/// use quorate_idempotency::{Fingerprint, SessionId, SessionRequest};
///
/// // The client waits for the answers to 4 and 6, has all others, and sends its next request.
/// let request = SessionRequest {
///     session: SessionId(17),
///     sequence: 7,
///     first_unacknowledged: 4,
///     fingerprint: Some(Fingerprint::of([("body", &b"add 3"[..])])),
/// };
/// assert!(request.first_unacknowledged <= request.sequence);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionRequest {
    /// Whose request it is.
    pub session: SessionId,
    /// Its number, which the client gives to no other request of the session. The first is 0 or
    /// whatever the client likes.
    pub sequence: u64,
    /// The lowest number whose answer the client still waits for, this request's included: below
    /// it, it will never ask again. A retry may carry the one that it was first sent with.
    pub first_unacknowledged: u64,
    /// What is asked for, to notice a client that uses a number twice. `None` if it is trusted.
    pub fingerprint: Option<Fingerprint>,
}

/// What to do with a request: the answer of [`ClientSessions::begin`](crate::ClientSessions::begin).
///
/// ```
/// use bytes::Bytes;
/// use quorate_idempotency::SessionBegin;
///
/// /// `None` if the client is told nothing now, and asks again.
/// fn answer(begin: SessionBegin, run: impl FnOnce() -> Bytes) -> Option<Result<Bytes, &'static str>> {
///     match begin {
///         SessionBegin::Run => Some(Ok(run())),
///         SessionBegin::Replay(response) => Some(Ok(response)),
///         SessionBegin::InProgress => None,
///         SessionBegin::AlreadyApplied => Some(Err("done, and the answer is gone")),
///         SessionBegin::TooOld { .. } => Some(Err("you said that you have the answer")),
///     }
/// }
/// assert_eq!(answer(SessionBegin::Run, || Bytes::new()), Some(Ok(Bytes::new())));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SessionBegin {
    /// Run it, then [`complete`](crate::ClientSessions::complete). This is said once at most for
    /// each number of a session.
    Run,
    /// It has run: answer with these bytes, the same for every retry.
    Replay(Bytes),
    /// It runs now.
    InProgress,
    /// It has run, and its response was dropped to keep within the limits.
    AlreadyApplied,
    /// The client has acknowledged the number, or given it up: it may have run or not, and never
    /// will from now on.
    TooOld {
        /// The lowest number that the client waits for.
        first_unacknowledged: u64,
    },
}

/// What became of a response: the answer of
/// [`ClientSessions::complete`](crate::ClientSessions::complete).
///
/// ```
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionCompleted, SessionLimits, SessionRequest};
///
/// let limits = SessionLimits { response_bytes_per_session: 4, ..SessionLimits::default() };
/// let mut sessions = ClientSessions::new(limits);
/// let now = Instant::ORIGIN;
/// let session = sessions.open(now)?;
/// for sequence in [0, 1] {
///     let request =
///         SessionRequest { session, sequence, first_unacknowledged: 0, fingerprint: None };
///     sessions.begin(now, &request)?;
/// }
/// sessions.complete(now, session, 0, Bytes::from_static(b"abc"))?;
/// let completed = sessions.complete(now, session, 1, Bytes::from_static(b"xyz"))?;
/// assert_eq!(completed, SessionCompleted { kept: true, dropped: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionCompleted {
    /// Whether a retry will be given the response, and not just [`SessionBegin::AlreadyApplied`].
    pub kept: bool,
    /// How many earlier responses of the session were dropped for it.
    pub dropped: u64,
}
