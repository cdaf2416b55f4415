//! Answers that are not a success.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{Problem, ProblemKind};

/// How long a client is asked to wait when there is no leader. An election takes less.
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
        if failure.problem.status == 503 {
            failure = failure.with(
                header::RETRY_AFTER,
                HeaderValue::from(RETRY_AFTER.as_secs()),
            );
        }
        failure
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
