//! Answers that are not a success.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{Problem, ProblemKind};

/// How long a client is asked to wait when nothing better is known, as when there is no leader. An
/// election takes less.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A problem on its way to the client, and the headers that go with it.
#[derive(Debug)]
pub(super) struct Failure {
    problem: Box<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self::of(Problem::new(kind, detail))
    }

    pub(super) fn of(problem: Problem) -> Self {
        let mut failure = Self {
            problem: Box::new(problem),
            headers: Vec::new(),
        };
        let kind = failure.problem.kind();
        if failure.problem.status == 503 && kind.is_some_and(ProblemKind::is_worth_a_retry) {
            failure = failure.retry_after(RETRY_AFTER);
        }
        failure
    }

    /// Asks the client to wait for so long, in whole seconds and at least one.
    pub(super) fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.headers
            .retain(|(name, _)| *name != header::RETRY_AFTER);
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::MalformedRequest, detail)
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // A problem is plain data with string keys: it always has a JSON form.
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(Problem::CONTENT_TYPE),
        );
        headers.extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(failure: Failure) -> Option<String> {
        let response = failure.into_response();
        let value = response.headers().get(header::RETRY_AFTER)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_wait_is_told_once_and_rounded_up() {
        let overloaded = || Failure::new(ProblemKind::Overloaded, "x");
        assert_eq!(retry_after(overloaded()).as_deref(), Some("1"));
        for (millis, seconds) in [
            (0, "1"),
            (1, "1"),
            (1_000, "1"),
            (1_001, "2"),
            (600_000, "600"),
        ] {
            let failure = overloaded().retry_after(Duration::from_millis(millis));
            assert_eq!(failure.headers.len(), 1);
            assert_eq!(retry_after(failure).as_deref(), Some(seconds));
        }
    }

    #[test]
    fn nobody_is_asked_to_wait_for_what_waiting_does_not_help() {
        for kind in [ProblemKind::LeaderAddressUnknown, ProblemKind::KeyReused] {
            assert_eq!(retry_after(Failure::new(kind, "x")), None);
        }
    }
}
