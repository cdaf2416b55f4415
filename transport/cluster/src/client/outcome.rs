//! What came of a request.

use std::time::Duration;

use crate::api::{Problem, ProblemKind};

/// What came of a request, as far as the client can know.
///
/// ```
/// use quorate::client::{Failure, Outcome};
/// use std::time::Duration;
///
/// let lost: Outcome<u64> = Outcome::Unknown(Failure::Timeout(Duration::from_secs(1)));
/// assert!(!lost.is_definite());
/// let done = Outcome::Ok(7_u64);
/// assert!(done.is_definite());
/// assert_eq!(done.ok(), Some(7));
/// ```
#[derive(Debug)]
#[must_use]
pub enum Outcome<T> {
    /// It was done, and this is the answer.
    Ok(T),
    /// It was understood and refused: nothing was changed, and sending it again is in vain unless
    /// the problem says otherwise.
    Refused(Box<Problem>),
    /// It may have been done, may be done later, or never.
    Unknown(Failure),
    /// It was certainly not done, and will not be.
    Failed(Failure),
}

impl<T> Outcome<T> {
    /// Whether the service said what came of it.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Ok(_) | Self::Refused(_))
    }

    /// The answer, when it was done.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(answer) => Some(answer),
            _ => None,
        }
    }

    /// The kind of problem for which it was refused.
    pub fn refusal(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused(problem) => problem.kind(),
            _ => None,
        }
    }

    /// Turns the answer into another.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Ok(answer) => Outcome::Ok(change(answer)),
            Self::Refused(problem) => Outcome::Refused(problem),
            Self::Unknown(failure) => Outcome::Unknown(failure),
            Self::Failed(failure) => Outcome::Failed(failure),
        }
    }

    /// Turns the answer into what it leads to.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
        match self {
            Self::Ok(answer) => change(answer),
            Self::Refused(problem) => Outcome::Refused(problem),
            Self::Unknown(failure) => Outcome::Unknown(failure),
            Self::Failed(failure) => Outcome::Failed(failure),
        }
    }
}

/// Why a request got no proper answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No connection could be made, so nothing was sent.
    #[error("{node} cannot be connected to: {source}")]
    Connect {
        /// `host:port` of the node.
        node: String,
        /// Why.
        source: hyper_util::client::legacy::Error,
    },
    /// The connection broke after something may have been sent.
    #[error("the connection to {node} broke before the answer was there: {source}")]
    ConnectionLost {
        /// `host:port` of the node.
        node: String,
        /// How.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client did not wait any longer.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The service says that it could not do it now.
    #[error("{} ({}): {}", .0.title, .0.status, .0.detail)]
    Unavailable(Box<Problem>),
    /// The answer is not one that this service gives.
    #[error("{node} answered {status} with what this client does not understand: {detail}")]
    Unintelligible {
        /// `host:port` of the node.
        node: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        detail: String,
    },
    /// One node sent the client to the next, too often, or to somewhere unknown. Nothing was done.
    #[error("{node} redirected to {location:?}, which was not followed: {detail}")]
    Redirect {
        /// `host:port` of the node.
        node: String,
        /// The `Location` that it gave.
        location: String,
        /// Why it was not followed.
        detail: &'static str,
    },
    /// The request cannot be put into HTTP. Nothing was sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(hyper::http::Error),
}

impl Failure {
    /// The kind of problem that the service gave as the reason.
    pub fn problem(&self) -> Option<ProblemKind> {
        match self {
            Self::Unavailable(problem) => problem.kind(),
            _ => None,
        }
    }
}
