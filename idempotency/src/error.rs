//! One error per command.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use quorate_clocks::Instant;

use crate::AttemptToken;

/// Why [`KeyStore::claim`](crate::KeyStore::claim) gave no answer. The request must not run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClaimError {
    /// There is no room for another attempt. What could run again is never forgotten for it.
    Full {
        /// What there is no room for.
        resource: Resource,
        /// How much of it is taken.
        used: u64,
        /// How much of it there is.
        limit: u64,
    },
    /// The lease is zero, which is not a way to ask for the longest.
    ZeroLease,
    /// The lease is longer than the limit.
    LeaseTooLong {
        /// What was asked for.
        lease: Duration,
        /// The longest.
        limit: Duration,
    },
    /// The key says that it was made later than the clocks can be wrong. Correct the client's clock, or
    /// have it make a new key.
    BornInTheFuture {
        /// When it says it was made.
        born_at: Instant,
        /// The latest that is taken now.
        latest: Instant,
    },
    /// All 2^64 - 1 tokens are used up.
    TokensExhausted,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                resource,
                used,
                limit,
            } => write!(
                f,
                "{used} of {limit} {resource} are taken; try again when keys have been forgotten, or raise the limit"
            ),
            Self::ZeroLease => write!(
                f,
                "the lease is zero; say how long the request may run before another may take over"
            ),
            Self::LeaseTooLong { lease, limit } => write!(
                f,
                "the lease of {lease:?} is longer than the limit of {limit:?}; ask for less, and extend it"
            ),
            Self::BornInTheFuture { born_at, latest } => write!(
                f,
                "the key was made at {born_at}, and at {latest} at the latest is taken now; correct the client's clock"
            ),
            Self::TokensExhausted => write!(f, "all 2^64 - 1 attempt tokens are used up"),
        }
    }
}

impl core::error::Error for ClaimError {}

/// What a [`KeyStore`](crate::KeyStore) can run out of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resource {
    /// [`Limits::keys`](crate::Limits::keys).
    Keys,
    /// [`Limits::keys_per_scope`](crate::Limits::keys_per_scope).
    KeysOfScope,
    /// [`Limits::key_bytes`](crate::Limits::key_bytes).
    KeyBytes,
    /// [`Limits::all_response_bytes`](crate::Limits::all_response_bytes).
    ResponseBytes,
    /// [`Limits::scopes`](crate::Limits::scopes).
    Scopes,
    /// [`Limits::tombstones`](crate::Limits::tombstones).
    Tombstones,
    /// [`Limits::tombstones_per_scope`](crate::Limits::tombstones_per_scope).
    TombstonesOfScope,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "keys",
            Self::KeysOfScope => "keys of the scope",
            Self::KeyBytes => "bytes for keys",
            Self::ResponseBytes => "bytes for responses",
            Self::Scopes => "scopes",
            Self::Tombstones => "tombstones",
            Self::TombstonesOfScope => "tombstones of the scope",
        })
    }
}

/// Why a completion was not taken. Nothing has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CompleteError {
    /// A later attempt took over. Its outcome is the request's; this one's must not be told to the
    /// client.
    Superseded {
        /// The latest attempt.
        by: AttemptToken,
    },
    /// The store knows of no such attempt: it failed, was abandoned for longer than
    /// [`Policy::abandoned`](crate::Policy::abandoned), its response is forgotten, or it is of
    /// another key.
    Unknown {
        /// What was asked about.
        token: AttemptToken,
    },
    /// The request is applied, by this attempt or by another, and nothing else is known of it any more.
    Applied {
        /// What was asked about.
        token: AttemptToken,
    },
    /// The response is over the limit. Complete with a shorter one: the attempt still runs.
    ResponseTooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The response.
        response: Bytes,
    },
}

impl fmt::Display for CompleteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded { by } => superseded(f, *by),
            Self::Unknown { token } => unknown(f, *token),
            Self::Applied { token } => write!(
                f,
                "the request of {token} is applied, by it or by another attempt, and its response is not kept any more"
            ),
            Self::ResponseTooLarge { limit, response } => write!(
                f,
                "the response has {} bytes, and may have {limit}; complete with a shorter one",
                response.len()
            ),
        }
    }
}

impl core::error::Error for CompleteError {}

/// Why a failure was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FailError {
    /// A later attempt took over, and the key is its.
    Superseded {
        /// The latest attempt.
        by: AttemptToken,
    },
    /// The store knows of no such attempt. After a failure that was taken, this is the answer to
    /// its retry.
    Unknown {
        /// What was asked about.
        token: AttemptToken,
    },
    /// The attempt has completed, and its response may have been told already.
    Completed,
}

impl fmt::Display for FailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded { by } => superseded(f, *by),
            Self::Unknown { token } => unknown(f, *token),
            Self::Completed => write!(f, "the attempt has completed; it can no longer fail"),
        }
    }
}

impl core::error::Error for FailError {}

/// Why a step was not recorded. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StepError {
    /// A later attempt took over. Stop: the work is its.
    Superseded {
        /// The latest attempt.
        by: AttemptToken,
    },
    /// The store knows of no such attempt.
    Unknown {
        /// What was asked about.
        token: AttemptToken,
    },
    /// The attempt has completed.
    Completed,
    /// A later step was recorded already.
    Back {
        /// The step.
        step: u64,
        /// The furthest that was recorded.
        reached: u64,
    },
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded { by } => superseded(f, *by),
            Self::Unknown { token } => unknown(f, *token),
            Self::Completed => write!(f, "the attempt has completed; there are no more steps"),
            Self::Back { step, reached } => write!(
                f,
                "step {step} is before step {reached}, which is done; go on after that"
            ),
        }
    }
}

impl core::error::Error for StepError {}

/// Why a lease was not extended. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ExtendError {
    /// A later attempt took over. Stop: the work is its.
    Superseded {
        /// The latest attempt.
        by: AttemptToken,
    },
    /// The store knows of no such attempt.
    Unknown {
        /// What was asked about.
        token: AttemptToken,
    },
    /// The attempt has completed.
    Completed,
    /// The lease is zero. To end an attempt, complete it or let it fail.
    ZeroLease,
    /// The lease is longer than the limit.
    LeaseTooLong {
        /// What was asked for.
        lease: Duration,
        /// The longest.
        limit: Duration,
    },
}

impl fmt::Display for ExtendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded { by } => superseded(f, *by),
            Self::Unknown { token } => unknown(f, *token),
            Self::Completed => write!(f, "the attempt has completed; it needs no lease"),
            Self::ZeroLease => write!(f, "the lease is zero; complete the attempt or let it fail"),
            Self::LeaseTooLong { lease, limit } => write!(
                f,
                "the lease of {lease:?} is longer than the limit of {limit:?}; ask for less"
            ),
        }
    }
}

impl core::error::Error for ExtendError {}

/// Why an acknowledgement was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AcknowledgeError {
    /// The request has not completed, so nobody can have its answer.
    NotCompleted,
    /// The key is that of another request.
    Mismatch,
    /// The key is not known (any more).
    Unknown,
}

impl fmt::Display for AcknowledgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCompleted => "the request has not completed; there is no answer yet",
            Self::Mismatch => "the key is that of another request",
            Self::Unknown => "the key is not known: it was never claimed, or is forgotten",
        })
    }
}

impl core::error::Error for AcknowledgeError {}

/// Why bytes are not a snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The version is not spoken here.
    UnknownVersion {
        /// The version that was found.
        version: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// The bytes end before the snapshot does.
    Truncated {
        /// Where the field starts that does not fit.
        at: usize,
        /// How many bytes it needs.
        needed: u64,
        /// How many bytes are left.
        left: usize,
    },
    /// Bytes are left over after the snapshot.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field holds what no store writes.
    Invalid {
        /// Where the record or the field ends.
        at: usize,
        /// What must hold of it.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion { version, newest } => write!(
                f,
                "the snapshot has version {version}, and versions up to {newest} are understood"
            ),
            Self::Truncated { at, needed, left } => write!(
                f,
                "the snapshot is cut off: {needed} bytes are needed at {at}, and {left} are left"
            ),
            Self::Trailing { left } => write!(f, "{left} bytes follow the end of the snapshot"),
            Self::Invalid { at, what } => {
                write!(f, "the snapshot is damaged before byte {at}: {what}")
            }
        }
    }
}

impl core::error::Error for RestoreError {}

fn superseded(f: &mut fmt::Formatter<'_>, by: AttemptToken) -> fmt::Result {
    write!(
        f,
        "{by} took over; its outcome is the request's, not this one"
    )
}

fn unknown(f: &mut fmt::Formatter<'_>, token: AttemptToken) -> fmt::Result {
    write!(
        f,
        "{token} is not known for this key: it failed, was abandoned or is forgotten"
    )
}
