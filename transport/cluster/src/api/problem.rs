//! Errors as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// What every `type` begins with.
const TYPE_PREFIX: &str = "urn:quorate:problem:";

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The request cannot be understood. Nothing was done.
    MalformedRequest,
    /// A key or a name is longer than it may be, or empty.
    BadName,
    /// The value is larger than it may be.
    ValueTooLarge,
    /// There is no such key, or no such route.
    NotFound,
    /// The route does not take that method.
    MethodNotAllowed,
    /// `If-Match` or `If-None-Match` does not hold. Nothing was done.
    RevisionMismatch,
    /// The fencing token is older than the newest that the key has seen or may have seen, or its
    /// lease was granted again. Nothing was written.
    StaleToken,
    /// The fencing token is not known to have been granted under that lease's name. Nothing was
    /// written.
    UnknownToken,
    /// Somebody else holds the lease.
    LeaseHeld,
    /// The token's lease has ended.
    LeaseLost,
    /// The sum does not fit into 64 bits. Nothing was added.
    CounterOverflow,
    /// A request with the same idempotency key is still running.
    KeyInFlight,
    /// The idempotency key was used for another request.
    KeyReused,
    /// The service holds as much as it may. Nothing was written.
    StorageFull,
    /// This node does not lead; `Location` says who does.
    NotLeader,
    /// No leader is known right now. Nothing was done.
    NoLeader,
    /// Another node leads, and this one was not told where clients reach it. Nothing was done, and
    /// asking this node again is in vain until it is started with the address.
    LeaderAddressUnknown,
    /// Too much is waiting already. Nothing was done.
    Overloaded,
    /// The write certainly did not happen. Send it again.
    NotApplied,
    /// The write may have happened or not. Send it again with the same idempotency key.
    UnknownOutcome,
    /// The read did not finish in time.
    ReadTimeout,
    /// This node has not yet seen what the session has.
    SessionBehind,
    /// This node's state may be older than asked for.
    TooStale,
    /// Faults were not allowed when the node was started.
    FaultsNotAllowed,
    /// The node is shutting down, or its disk has failed.
    Stopped,
}

/// Every kind with its `type`, title and status.
const KINDS: [(ProblemKind, &str, &str, u16); 25] = {
    use ProblemKind as K;
    [
        (
            K::MalformedRequest,
            "malformed-request",
            "The request cannot be understood",
            400,
        ),
        (K::BadName, "bad-name", "The name cannot be used", 400),
        (
            K::ValueTooLarge,
            "value-too-large",
            "The value is too large",
            413,
        ),
        (K::NotFound, "not-found", "There is no such thing", 404),
        (
            K::MethodNotAllowed,
            "method-not-allowed",
            "The route does not take that method",
            405,
        ),
        (
            K::RevisionMismatch,
            "revision-mismatch",
            "The key is not at that revision",
            412,
        ),
        (
            K::StaleToken,
            "stale-token",
            "A newer fencing token was seen",
            412,
        ),
        (
            K::UnknownToken,
            "unknown-token",
            "The fencing token is not known",
            400,
        ),
        (K::LeaseHeld, "lease-held", "Somebody holds the lease", 409),
        (K::LeaseLost, "lease-lost", "The lease has ended", 409),
        (
            K::CounterOverflow,
            "counter-overflow",
            "The sum does not fit",
            409,
        ),
        (
            K::KeyInFlight,
            "key-in-flight",
            "A request with the same idempotency key is still running",
            409,
        ),
        (
            K::KeyReused,
            "key-reused",
            "The idempotency key was used for another request",
            422,
        ),
        (
            K::StorageFull,
            "storage-full",
            "The service holds as much as it may",
            507,
        ),
        (K::NotLeader, "not-leader", "Another node leads", 307),
        (K::NoLeader, "no-leader", "No leader is known", 503),
        (
            K::LeaderAddressUnknown,
            "leader-address-unknown",
            "Another node leads, and its address is not known",
            503,
        ),
        (K::Overloaded, "overloaded", "Too much is waiting", 503),
        (
            K::NotApplied,
            "not-applied",
            "The write did not happen",
            503,
        ),
        (
            K::UnknownOutcome,
            "unknown-outcome",
            "The write may have happened or not",
            504,
        ),
        (
            K::ReadTimeout,
            "read-timeout",
            "The read did not finish in time",
            503,
        ),
        (
            K::SessionBehind,
            "session-behind",
            "This node is behind the session",
            503,
        ),
        (
            K::TooStale,
            "too-stale",
            "This node may be behind by more than asked for",
            503,
        ),
        (
            K::FaultsNotAllowed,
            "faults-not-allowed",
            "Faults are not allowed on this node",
            403,
        ),
        (K::Stopped, "stopped", "The node is shutting down", 503),
    ]
};

impl ProblemKind {
    fn row(self) -> &'static (Self, &'static str, &'static str, u16) {
        KINDS
            .iter()
            .find(|row| row.0 == self)
            .unwrap_or(const { &KINDS[0] })
    }

    /// The last part of the problem's `type`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The short summary.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().3
    }

    /// Whether the same request may succeed a little later. A write must carry an idempotency key
    /// to be safe to send again after [`Self::UnknownOutcome`].
    pub fn is_worth_a_retry(self) -> bool {
        match self {
            Self::LeaderAddressUnknown => false,
            _ => matches!(self.status(), 503 | 504) || self == Self::KeyInFlight,
        }
    }

    /// The kind that a `type` names.
    pub fn from_type(problem_type: &str) -> Option<Self> {
        let name = problem_type.strip_prefix(TYPE_PREFIX)?;
        KINDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// The body of every answer that is not a success.
///
/// ```
/// use quorate::api::{Problem, ProblemKind};
///
/// let problem = Problem::new(ProblemKind::NoLeader, "an election is going on; try again");
/// let json = serde_json::to_string(&problem).unwrap();
/// assert!(json.contains("\"status\":503"));
/// let read: Problem = serde_json::from_str(&json).unwrap();
/// assert_eq!(read.kind(), Some(ProblemKind::NoLeader));
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// `urn:quorate:problem:<name>`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The short summary, the same for every problem of a type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Who, what, how much, which limit, and what to do.
    pub detail: String,
    /// With `revision-mismatch`: the key's revision, 0 when it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// With `stale-token`: the newest token that was seen, or may have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_token: Option<u64>,
    /// With `lease-held`: who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// With `lease-held`: for how long still, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u64>,
    /// With `not-leader` and `leader-address-unknown`: who leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<u64>,
}

impl Problem {
    /// The media type of the body.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A problem of a kind, with what is particular to it.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            problem_type: format!("{TYPE_PREFIX}{}", kind.name()),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// Which kind it is, when it is one that is known here.
    pub fn kind(&self) -> Option<ProblemKind> {
        ProblemKind::from_type(&self.problem_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_is_found_by_its_type() {
        for (kind, name, _, status) in KINDS {
            assert_eq!(kind.name(), name);
            assert_eq!(kind.status(), status);
            let problem = Problem::new(kind, "x");
            assert_eq!(problem.kind(), Some(kind));
        }
        assert_eq!(ProblemKind::Stopped.name(), "stopped");
        assert_eq!(ProblemKind::from_type("about:blank"), None);
    }
}
