//! What to do with a request.

use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use super::ConsistencyModel;

/// What a replica should do with a request now, as [`Policy::decide`](super::Policy::decide) says.
///
/// ```
/// use quorate_consistency::choose::{ConsistencyModel, Decision};
///
/// let decision: Decision = Decision::Serve {
///     achieved: ConsistencyModel::Eventual,
///     staleness: None,
/// };
/// // Tell the client what it got, which may be less than what it asked for.
/// assert_eq!(decision.to_string(), "serve eventual, of unknown age");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Decision<R = u64> {
    /// Answer out of what is here.
    Serve {
        /// What the answer keeps: the model that was declared, or what the policy allows in its place.
        achieved: ConsistencyModel,
        /// How old the answer may be at most, if that is known.
        staleness: Option<Duration>,
    },
    /// Decide again when the replica's view has changed, or else at this instant.
    Wait {
        /// When to decide again at the latest.
        until: Instant,
    },
    /// Send the client on to this replica.
    Redirect {
        /// The replica.
        to: R,
    },
    /// Answer with an error.
    Refuse(Refusal),
}

impl<R> Decision<R> {
    /// Whether it is to answer.
    pub const fn is_serve(&self) -> bool {
        matches!(self, Self::Serve { .. })
    }
}

impl<R: fmt::Debug> fmt::Display for Decision<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serve {
                achieved,
                staleness: Some(staleness),
            } => write!(f, "serve {achieved}, at most {staleness:?} old"),
            Self::Serve {
                achieved,
                staleness: None,
            } => write!(f, "serve {achieved}, of unknown age"),
            Self::Wait { until } => write!(f, "wait until {until}"),
            Self::Redirect { to } => write!(f, "redirect to {to:?}"),
            Self::Refuse(refusal) => write!(f, "refuse: {refusal}"),
        }
    }
}

/// Why a request is refused.
///
/// ```
/// use core::time::Duration;
/// use quorate_consistency::choose::{ConsistencyModel, Refusal};
///
/// let refusal = Refusal::CutOff { declared: ConsistencyModel::Linearizable };
/// assert_eq!(
///     refusal.to_string(),
///     "this replica is cut off from the majority, and linearizable cannot be kept without it: ask a \
///      replica on the other side, or ask for less"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The replica is cut off, and the policy says to refuse then.
    CutOff {
        /// What was asked for.
        declared: ConsistencyModel,
    },
    /// The replica is cut off, and does not even keep what the policy would settle for.
    CannotDegrade {
        /// What the policy would settle for.
        to: ConsistencyModel,
    },
    /// The replica is cut off, and what it has is older than the policy allows, or of unknown age.
    TooStale {
        /// How old it may be at most, if that is known.
        staleness: Option<Duration>,
        /// How old it was allowed to be.
        bound: Duration,
    },
    /// The request has waited for as long as the policy allows.
    Waited {
        /// What was asked for.
        declared: ConsistencyModel,
        /// For how long it was allowed to wait.
        limit: Duration,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { declared } => write!(
                f,
                "this replica is cut off from the majority, and {declared} cannot be kept without it: \
                 ask a replica on the other side, or ask for less"
            ),
            Self::CannotDegrade { to } => write!(
                f,
                "this replica is cut off from the majority and does not have what this client saw, so \
                 that not even {to} can be kept: ask the replica that answered before"
            ),
            Self::TooStale {
                staleness: Some(staleness),
                bound,
            } => write!(
                f,
                "this replica is cut off from the majority, and what it has may be {staleness:?} old, \
                 which is more than {bound:?}: ask another, or allow more"
            ),
            Self::TooStale {
                staleness: None,
                bound,
            } => write!(
                f,
                "this replica is cut off from the majority and cannot tell how old it is, and not more \
                 than {bound:?} is allowed: ask another"
            ),
            Self::Waited { declared, limit } => write!(
                f,
                "{declared} could not be had within {limit:?}: try again, ask another replica, or ask \
                 for less"
            ),
        }
    }
}

impl core::error::Error for Refusal {}
