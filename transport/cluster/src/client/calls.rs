//! What can be asked of the service.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use quorate_consistency::Level;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{Answer, Client, Route};
use super::options::{WriteOptions, percent_encoded};
use super::outcome::Outcome;
use crate::api::{
    AcquireLease, Add, CounterValue, Deleted, Faults, LeaseGranted, LeaseReleased, ReleaseLease,
    RenewLease, Status, Written, header as names,
};

/// What a read found, and how fresh it is.
///
/// ```
/// use quorate::client::{Found, Read};
/// use quorate_consistency::Level;
///
/// let read = Read { found: None, served: Some(Level::Eventual), staleness: None, node: Some(2) };
/// assert!(read.found.map(|found: Found| found.value).is_none());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read<T = Found> {
    /// What is there; `None` when nothing is.
    pub found: Option<T>,
    /// The level that was really served.
    pub served: Option<Level>,
    /// It shows everything that was acknowledged longer ago than this, says the node.
    pub staleness: Option<Duration>,
    /// The node that answered, when it says so.
    pub node: Option<u64>,
}

/// A key's value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// The value.
    pub value: Bytes,
    /// The index in the log of the write that made it.
    pub revision: u64,
}

impl Client {
    /// Reads a key.
    pub async fn get(&mut self, key: &str, level: Level, route: Route) -> Outcome<Read> {
        let path = format!("/v1/kv/{}?consistency={level}", percent_encoded(key));
        let answer = self
            .exchange(Method::GET, &path, Bytes::new(), route, |request| request)
            .await;
        answer.and_then(|answer| {
            if answer.status == StatusCode::NOT_FOUND {
                return Outcome::Ok(seen(&answer.headers, None));
            }
            refused_or(answer, |answer| {
                match number(&answer.headers, names::REVISION) {
                    Some(revision) => Outcome::Ok(seen(
                        &answer.headers,
                        Some(Found {
                            value: answer.body.clone(),
                            revision,
                        }),
                    )),
                    None => Outcome::Unknown(answer.unintelligible("there is no Revision")),
                }
            })
        })
    }

    /// Reads a counter.
    pub async fn counter(
        &mut self,
        name: &str,
        level: Level,
        route: Route,
    ) -> Outcome<Read<CounterValue>> {
        let path = format!("/v1/counters/{}?consistency={level}", percent_encoded(name));
        let answer = self
            .exchange(Method::GET, &path, Bytes::new(), route, |request| request)
            .await;
        answer.and_then(|answer| {
            refused_or(answer, |answer| {
                json(&answer).map(|value| seen(&answer.headers, Some(value)))
            })
        })
    }

    /// Writes a key.
    pub async fn put(
        &mut self,
        key: &str,
        value: impl Into<Bytes>,
        options: &WriteOptions,
    ) -> Outcome<Written> {
        let path = format!("/v1/kv/{}", percent_encoded(key));
        self.write(Method::PUT, &path, value.into(), None, options)
            .await
    }

    /// Removes a key.
    pub async fn delete(&mut self, key: &str, options: &WriteOptions) -> Outcome<Deleted> {
        let path = format!("/v1/kv/{}", percent_encoded(key));
        self.write(Method::DELETE, &path, Bytes::new(), None, options)
            .await
    }

    /// Adds to a counter.
    pub async fn add(
        &mut self,
        name: &str,
        amount: i64,
        options: &WriteOptions,
    ) -> Outcome<CounterValue> {
        let path = format!("/v1/counters/{}", percent_encoded(name));
        let body = Add { add: amount };
        self.write_json(Method::POST, &path, &body, options).await
    }

    /// Asks for a lease.
    pub async fn acquire(
        &mut self,
        name: &str,
        asked: &AcquireLease,
        options: &WriteOptions,
    ) -> Outcome<LeaseGranted> {
        let path = format!("/v1/leases/{}", percent_encoded(name));
        self.write_json(Method::POST, &path, asked, options).await
    }

    /// Asks for more of a lease that is held.
    pub async fn renew(
        &mut self,
        name: &str,
        asked: &RenewLease,
        options: &WriteOptions,
    ) -> Outcome<LeaseGranted> {
        let path = format!("/v1/leases/{}", percent_encoded(name));
        self.write_json(Method::PUT, &path, asked, options).await
    }

    /// Gives a lease back.
    pub async fn release(
        &mut self,
        name: &str,
        asked: &ReleaseLease,
        options: &WriteOptions,
    ) -> Outcome<LeaseReleased> {
        let path = format!("/v1/leases/{}", percent_encoded(name));
        self.write_json(Method::DELETE, &path, asked, options).await
    }

    /// What a node says of itself.
    pub async fn status(&mut self, node: usize) -> Outcome<Status> {
        self.exchange(
            Method::GET,
            "/v1/status",
            Bytes::new(),
            Route::Only(node),
            |request| request,
        )
        .await
        .and_then(|answer| refused_or(answer, |answer| json(&answer)))
    }

    /// Replaces what is wrong with a node's links on purpose.
    pub async fn set_faults(&mut self, node: usize, faults: &Faults) -> Outcome<Faults> {
        let body = serde_json::to_vec(faults).unwrap_or_default();
        self.exchange(
            Method::PUT,
            "/v1/faults",
            body.into(),
            Route::Only(node),
            |request| request.header(CONTENT_TYPE, "application/json"),
        )
        .await
        .and_then(|answer| refused_or(answer, |answer| json(&answer)))
    }

    async fn write_json<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        options: &WriteOptions,
    ) -> Outcome<T> {
        // A plain struct of numbers and text always has a JSON form.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let json = HeaderValue::from_static("application/json");
        self.write(method, path, body.into(), Some(json), options)
            .await
    }

    async fn write<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        content_type: Option<HeaderValue>,
        options: &WriteOptions,
    ) -> Outcome<T> {
        self.exchange(method, path, body, Route::Leader, |request| {
            let request = options.apply(request);
            match &content_type {
                Some(content_type) => request.header(CONTENT_TYPE, content_type),
                None => request,
            }
        })
        .await
        .and_then(|answer| refused_or(answer, |answer| json(&answer)))
    }
}

/// Reads an answer that is a success; any other is a refusal.
fn refused_or<T>(answer: Answer, read: impl FnOnce(Answer) -> Outcome<T>) -> Outcome<T> {
    if answer.status.is_success() {
        return read(answer);
    }
    match answer.problem() {
        Ok(problem) => Outcome::Refused(Box::new(problem)),
        Err(failure) => Outcome::Unknown(failure),
    }
}

fn json<T: DeserializeOwned>(answer: &Answer) -> Outcome<T> {
    match serde_json::from_slice(&answer.body) {
        Ok(value) => Outcome::Ok(value),
        // It was done; but not what the caller needs to know of it.
        Err(error) => Outcome::Unknown(answer.unintelligible(error)),
    }
}

fn seen<T>(headers: &HeaderMap, found: Option<T>) -> Read<T> {
    let served = headers.get(names::CONSISTENCY_SERVED);
    Read {
        found,
        served: served.and_then(|level| level.to_str().ok()?.parse().ok()),
        staleness: number(headers, names::STALENESS_MS).map(Duration::from_millis),
        node: number(headers, names::NODE),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
