//! One error per command.

use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;

use super::Running;
use crate::{AttemptToken, CompleteError, PolicyError};

/// Why there is no store.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SharedStoreError {
    /// The policy makes no sense.
    Policy(PolicyError),
    /// The first token is too large: not enough are left for a store that runs for centuries.
    FirstToken {
        /// What was asked for.
        first: AttemptToken,
        /// The largest.
        limit: AttemptToken,
    },
}

impl fmt::Display for SharedStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::FirstToken { first, limit } => write!(
                f,
                "the first token may be {} at most, and not {}",
                limit.0, first.0
            ),
        }
    }
}

impl core::error::Error for SharedStoreError {}

impl From<PolicyError> for SharedStoreError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

/// Why a completion was not taken. Nothing has changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SharedCompleteError {
    /// The response is over the limit. The attempt still runs: complete it with a shorter one.
    ResponseTooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The response.
        response: Bytes,
        /// The attempt.
        running: Box<Running>,
    },
    /// The attempt is at an end without it: it was superseded, or the store knows of it no more.
    Ended(CompleteError),
}

impl fmt::Display for SharedCompleteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseTooLarge {
                limit, response, ..
            } => write!(
                f,
                "the response has {} bytes, and may have {limit}; complete with a shorter one",
                response.len()
            ),
            Self::Ended(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SharedCompleteError {}
