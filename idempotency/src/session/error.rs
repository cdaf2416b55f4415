//! One error per command.

use core::fmt;

use bytes::Bytes;

use crate::{Fingerprint, SessionId};

/// Why [`ClientSessions::open`](crate::ClientSessions::open) opened none.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionLimits, SessionOpenError};
///
/// let mut sessions = ClientSessions::new(SessionLimits { sessions: 1, ..SessionLimits::default() });
/// assert!(sessions.open(Instant::ORIGIN).is_ok());
/// let full = Err(SessionOpenError::Full { used: 1, limit: 1 });
/// assert_eq!(sessions.open(Instant::ORIGIN), full);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionOpenError {
    /// There are as many sessions as may be. No live one is pushed out.
    Full {
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
    /// All ids are used up.
    IdsExhausted,
}

impl fmt::Display for SessionOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { used, limit } => full_of_sessions(f, *used, *limit),
            Self::IdsExhausted => ids_exhausted(f),
        }
    }
}

impl core::error::Error for SessionOpenError {}

/// Why [`ClientSessions::reopen`](crate::ClientSessions::reopen) opened none.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionLimits, SessionReopenError};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let session = sessions.open(Instant::ORIGIN)?;
/// let by = sessions.reopen(Instant::ORIGIN, session)?;
/// // Somebody else holds the same earlier id.
/// let fenced = Err(SessionReopenError::Fenced { session, by });
/// assert_eq!(sessions.reopen(Instant::ORIGIN, session), fenced);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionReopenError {
    /// Another one took the place of the earlier session before.
    Fenced {
        /// The session that was to be replaced.
        session: SessionId,
        /// The one that took its place.
        by: SessionId,
    },
    /// The earlier session was never opened here.
    NeverOpened {
        /// What was asked about.
        session: SessionId,
        /// The id that the next session gets.
        next: SessionId,
    },
    /// There are as many sessions as may be. No live one is pushed out.
    Full {
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
    /// All ids are used up.
    IdsExhausted,
}

impl From<SessionOpenError> for SessionReopenError {
    fn from(error: SessionOpenError) -> Self {
        match error {
            SessionOpenError::Full { used, limit } => Self::Full { used, limit },
            SessionOpenError::IdsExhausted => Self::IdsExhausted,
        }
    }
}

impl fmt::Display for SessionReopenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced { session, by } => fenced(f, *session, *by),
            Self::NeverOpened { session, next } => never_opened(f, *session, *next),
            Self::Full { used, limit } => full_of_sessions(f, *used, *limit),
            Self::IdsExhausted => ids_exhausted(f),
        }
    }
}

impl core::error::Error for SessionReopenError {}

/// Why [`ClientSessions::begin`](crate::ClientSessions::begin) gave no answer. The request must not
/// run.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionBeginError, SessionLimits, SessionRequest};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let session = sessions.open(Instant::ORIGIN)?;
/// let request =
///     SessionRequest { session, sequence: 512, first_unacknowledged: 0, fingerprint: None };
/// let rejected = SessionBeginError::Rejected { sequence: 512, max: 511, window: 512 };
/// assert_eq!(sessions.begin(Instant::ORIGIN, &request), Err(rejected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionBeginError {
    /// The session was closed or has ended. What it remembered is gone, so whether the request ran
    /// is not known.
    NoSession {
        /// Whose request it is.
        session: SessionId,
    },
    /// Another session took the place of this one.
    Fenced {
        /// Whose request it is.
        session: SessionId,
        /// The session that took its place.
        by: SessionId,
    },
    /// The session was never opened here.
    NeverOpened {
        /// Whose request it is.
        session: SessionId,
        /// The id that the next session gets.
        next: SessionId,
    },
    /// The request says that its own answer has come. Nothing was taken from it.
    AcknowledgesItself {
        /// Its number.
        sequence: u64,
        /// What it acknowledges up to.
        first_unacknowledged: u64,
    },
    /// The number is too far ahead of the first unacknowledged one.
    Rejected {
        /// The number.
        sequence: u64,
        /// The highest that is taken now.
        max: u64,
        /// [`SessionLimits::window`](crate::SessionLimits::window).
        window: u64,
    },
    /// The number is taken by a request that asks for something else.
    Mismatch {
        /// The number.
        sequence: u64,
        /// What the number was begun with.
        stored: Fingerprint,
        /// Whether that request has completed.
        completed: bool,
    },
    /// As many requests are remembered as may be.
    Full {
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl fmt::Display for SessionBeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession { session } => no_session(f, *session),
            Self::Fenced { session, by } => fenced(f, *session, *by),
            Self::NeverOpened { session, next } => never_opened(f, *session, *next),
            Self::AcknowledgesItself {
                sequence,
                first_unacknowledged,
            } => write!(
                f,
                "request {sequence} acknowledges all below {first_unacknowledged}, itself included; send the lowest number that is waited for"
            ),
            Self::Rejected {
                sequence,
                max,
                window,
            } => write!(
                f,
                "request {sequence} is beyond {max}, the highest that {window} requests in flight allow; acknowledge answers first"
            ),
            Self::Mismatch {
                sequence,
                stored,
                completed,
            } => write!(
                f,
                "request {sequence} asks for something else than {}, and {} already; use a number once only",
                Hex(*stored),
                if *completed { "has run" } else { "runs" }
            ),
            Self::Full { used, limit } => write!(
                f,
                "{used} of {limit} requests are remembered; try again when clients have acknowledged answers, or raise the limit"
            ),
        }
    }
}

impl core::error::Error for SessionBeginError {}

struct Hex(Fingerprint);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0.0)
    }
}

/// Why a completion was not taken. Nothing has changed, and the response comes back.
///
/// ```
/// use bytes::Bytes;
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionCompleteError, SessionLimits};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let session = sessions.open(Instant::ORIGIN)?;
/// let response = Bytes::from_static(b"done");
/// let not_begun = SessionCompleteError::NotBegun { sequence: 3, response: response.clone() };
/// assert_eq!(sessions.complete(Instant::ORIGIN, session, 3, response), Err(not_begun));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionCompleteError {
    /// The session was closed, or never had this request running and has ended.
    NoSession {
        /// Whose request it was.
        session: SessionId,
        /// The response.
        response: Bytes,
    },
    /// Another session took the place of this one. The answer must not be told to anybody as the
    /// new session's.
    Fenced {
        /// Whose request it was.
        session: SessionId,
        /// The session that took its place.
        by: SessionId,
        /// The response.
        response: Bytes,
    },
    /// The session was never opened here.
    NeverOpened {
        /// Whose request it was.
        session: SessionId,
        /// The id that the next session gets.
        next: SessionId,
        /// The response.
        response: Bytes,
    },
    /// The client no longer waits for the answer: it has it, or has given the request up.
    Acknowledged {
        /// The request.
        sequence: u64,
        /// The lowest number that the client waits for.
        first_unacknowledged: u64,
        /// The response.
        response: Bytes,
    },
    /// The request has completed before. To a completion that is repeated this means that it was
    /// taken.
    AlreadyCompleted {
        /// The request.
        sequence: u64,
        /// The response.
        response: Bytes,
    },
    /// The request was never told to run.
    NotBegun {
        /// The request.
        sequence: u64,
        /// The response.
        response: Bytes,
    },
}

impl fmt::Display for SessionCompleteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession { session, .. } => no_session(f, *session),
            Self::Fenced { session, by, .. } => fenced(f, *session, *by),
            Self::NeverOpened { session, next, .. } => never_opened(f, *session, *next),
            Self::Acknowledged {
                sequence,
                first_unacknowledged,
                ..
            } => write!(
                f,
                "the client waits for no answer below {first_unacknowledged}, so not for that to request {sequence}; drop it"
            ),
            Self::AlreadyCompleted { sequence, .. } => write!(
                f,
                "request {sequence} has completed; its first response stands"
            ),
            Self::NotBegun { sequence, .. } => write!(
                f,
                "request {sequence} was not begun; begin it and run it only if told so"
            ),
        }
    }
}

impl core::error::Error for SessionCompleteError {}

/// Why [`ClientSessions::keep_alive`](crate::ClientSessions::keep_alive) kept nothing alive.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionId, SessionKeepAliveError, SessionLimits};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let session = SessionId(7);
/// let never_opened = SessionKeepAliveError::NeverOpened { session, next: SessionId(1) };
/// assert_eq!(sessions.keep_alive(Instant::ORIGIN, session, 0), Err(never_opened));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionKeepAliveError {
    /// The session was closed or has ended.
    NoSession {
        /// What was asked about.
        session: SessionId,
    },
    /// Another session took the place of this one.
    Fenced {
        /// What was asked about.
        session: SessionId,
        /// The session that took its place.
        by: SessionId,
    },
    /// The session was never opened here.
    NeverOpened {
        /// What was asked about.
        session: SessionId,
        /// The id that the next session gets.
        next: SessionId,
    },
}

impl fmt::Display for SessionKeepAliveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession { session } => no_session(f, *session),
            Self::Fenced { session, by } => fenced(f, *session, *by),
            Self::NeverOpened { session, next } => never_opened(f, *session, *next),
        }
    }
}

impl core::error::Error for SessionKeepAliveError {}

/// Why [`ClientSessions::close`](crate::ClientSessions::close) closed nothing.
///
/// ```
/// use quorate_clocks::Instant;
/// use quorate_idempotency::{ClientSessions, SessionCloseError, SessionId, SessionLimits};
///
/// let mut sessions = ClientSessions::new(SessionLimits::default());
/// let session = SessionId(7);
/// let never_opened = SessionCloseError::NeverOpened { session, next: SessionId(1) };
/// assert_eq!(sessions.close(Instant::ORIGIN, session), Err(never_opened));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionCloseError {
    /// The session was closed before or has ended. To a close that is repeated this means that it
    /// was taken.
    NoSession {
        /// What was to be closed.
        session: SessionId,
    },
    /// Another session took the place of this one, which closed it.
    Fenced {
        /// What was to be closed.
        session: SessionId,
        /// The session that took its place.
        by: SessionId,
    },
    /// The session was never opened here.
    NeverOpened {
        /// What was to be closed.
        session: SessionId,
        /// The id that the next session gets.
        next: SessionId,
    },
}

impl fmt::Display for SessionCloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession { session } => no_session(f, *session),
            Self::Fenced { session, by } => fenced(f, *session, *by),
            Self::NeverOpened { session, next } => never_opened(f, *session, *next),
        }
    }
}

impl core::error::Error for SessionCloseError {}

/// Why there is no live session of that id.
#[derive(Clone, Copy)]
pub(super) enum Absent {
    NoSession,
    Fenced { by: SessionId },
    NeverOpened { next: SessionId },
}

macro_rules! from_absent {
    ($($error:ident),*) => {$(
        impl $error {
            pub(super) const fn absent(session: SessionId, absent: Absent) -> Self {
                match absent {
                    Absent::NoSession => Self::NoSession { session },
                    Absent::Fenced { by } => Self::Fenced { session, by },
                    Absent::NeverOpened { next } => Self::NeverOpened { session, next },
                }
            }
        }
    )*};
}

from_absent!(SessionBeginError, SessionKeepAliveError, SessionCloseError);

impl SessionCompleteError {
    pub(super) const fn absent(session: SessionId, absent: Absent, response: Bytes) -> Self {
        match absent {
            Absent::NoSession => Self::NoSession { session, response },
            Absent::Fenced { by } => Self::Fenced {
                session,
                by,
                response,
            },
            Absent::NeverOpened { next } => Self::NeverOpened {
                session,
                next,
                response,
            },
        }
    }
}

fn full_of_sessions(f: &mut fmt::Formatter<'_>, used: u64, limit: u64) -> fmt::Result {
    write!(
        f,
        "{used} of {limit} sessions are open; try again when some have ended, or raise the limit"
    )
}

fn ids_exhausted(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "all 2^64 - 2 session ids are used up")
}

fn no_session(f: &mut fmt::Formatter<'_>, session: SessionId) -> fmt::Result {
    write!(
        f,
        "{session} was closed or has ended, and what it asked for may have been done or not; open another, and find out before asking again"
    )
}

fn fenced(f: &mut fmt::Formatter<'_>, session: SessionId, by: SessionId) -> fmt::Result {
    write!(
        f,
        "{by} took the place of {session}; whoever still uses {session} must stop"
    )
}

fn never_opened(f: &mut fmt::Formatter<'_>, session: SessionId, next: SessionId) -> fmt::Result {
    write!(
        f,
        "{session} was never opened here, where the next one is {next}; open one, and ask where it was opened"
    )
}
