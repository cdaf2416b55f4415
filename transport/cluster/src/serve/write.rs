//! Writes: from a request through the log to an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_raft_core::Role;
use quorate_raft_node::ProposeFailed;
use serde::Serialize;

use super::Failure;
use super::app::{App, SHARD};
use super::request::{self, Asked};
use crate::api::{
    AcquireLease, Add, CounterValue, Deleted, LeaseGranted, LeaseReleased, MAX_LEASE_TTL_MS,
    MAX_OWNER_BYTES, MIN_LEASE_TTL_MS, Problem, ProblemKind, ReleaseLease, RenewLease, Written,
    header as names,
};
use crate::service::{
    Answer, Command, MAX_GONE_FENCES, MAX_HELD_BYTES, MAX_IDEMPOTENCY_KEYS, Operation, Outcome,
    RETENTION,
};

type Answered = Result<Response, Failure>;

pub(super) async fn put_value(State(app): State<Arc<App>>, asked: Asked, body: Body) -> Answered {
    let condition = asked.condition()?;
    let guard = asked.guard()?;
    let value = request::value(&app, body).await?;
    let operation = condition.guarding(|condition| Operation::Put {
        key: asked.name.clone(),
        value,
        condition,
        guard,
    });
    write(&app, asked, operation).await
}

pub(super) async fn delete_value(State(app): State<Arc<App>>, asked: Asked) -> Answered {
    let guard = asked.guard()?;
    let operation = asked.condition()?.guarding(|condition| Operation::Delete {
        key: asked.name.clone(),
        condition,
        guard,
    });
    write(&app, asked, operation).await
}

pub(super) async fn add(State(app): State<Arc<App>>, asked: Asked, body: Body) -> Answered {
    asked.no_condition()?;
    let guard = asked.guard()?;
    let Add { add: amount } = request::json(&app, body).await?;
    let operation = Operation::Add {
        name: asked.name.clone(),
        amount,
        guard,
    };
    write(&app, asked, operation).await
}

pub(super) async fn acquire(State(app): State<Arc<App>>, asked: Asked, body: Body) -> Answered {
    asked.no_condition()?;
    let AcquireLease { owner, ttl_ms } = request::json(&app, body).await?;
    if owner.is_empty() || owner.len() > MAX_OWNER_BYTES {
        return Err(Failure::malformed(format!(
            "owner has {} bytes; it may have 1 to {MAX_OWNER_BYTES}",
            owner.len()
        )));
    }
    let operation = Operation::Acquire {
        name: asked.name.clone(),
        owner,
        ttl_ms: checked_ttl(ttl_ms)?,
    };
    write(&app, asked, operation).await
}

pub(super) async fn renew(State(app): State<Arc<App>>, asked: Asked, body: Body) -> Answered {
    asked.no_condition()?;
    let RenewLease { token, ttl_ms } = request::json(&app, body).await?;
    let operation = Operation::Renew {
        name: asked.name.clone(),
        token,
        ttl_ms: checked_ttl(ttl_ms)?,
    };
    write(&app, asked, operation).await
}

pub(super) async fn release(State(app): State<Arc<App>>, asked: Asked, body: Body) -> Answered {
    asked.no_condition()?;
    let in_query = asked.token()?;
    let in_body: Option<ReleaseLease> = request::optional_json(&app, body).await?;
    let token = match (in_query, in_body) {
        (Some(token), None) | (None, Some(ReleaseLease { token })) => token,
        (Some(_), Some(_)) => {
            return Err(Failure::malformed(
                "the token is in the query and in the body; it goes into one of them",
            ));
        }
        (None, None) => {
            return Err(Failure::malformed(
                "the token is missing: send ?token=N, or the body {\"token\":N}",
            ));
        }
    };
    let operation = Operation::Release {
        name: asked.name.clone(),
        token,
    };
    write(&app, asked, operation).await
}

fn checked_ttl(ttl_ms: u64) -> Result<u64, Failure> {
    if (MIN_LEASE_TTL_MS..=MAX_LEASE_TTL_MS).contains(&ttl_ms) {
        return Ok(ttl_ms);
    }
    Err(Failure::malformed(format!(
        "ttl_ms is {ttl_ms}; it may be {MIN_LEASE_TTL_MS} to {MAX_LEASE_TTL_MS}"
    )))
}

/// Proposes an operation, waits until it is applied, and renders what came of it.
async fn write(app: &App, asked: Asked, operation: Operation) -> Answered {
    let _place = app.admit()?;
    let idempotency_key = asked.idempotency_key()?;
    let status = app.node.status();
    if status.raft.role != Role::Leader {
        return Err(app.elsewhere(status.raft.leader, &asked.uri));
    }
    let _guard = match idempotency_key.as_deref() {
        None => None,
        Some(key) => Some(app.in_flight.enter(key).ok_or_else(|| {
            Failure::new(
                ProblemKind::KeyInFlight,
                "the first request with this Idempotency-Key is still running; try again",
            )
        })?),
    };
    let stamp = app
        .log_clock
        .stamp(status.raft.term.0, app.system_clock.now());
    let command = Command {
        stamp,
        idempotency_key: idempotency_key.clone(),
        operation,
    };
    let proposal = app.node.propose(command.encode());
    let applied = match tokio::time::timeout(app.request_timeout, proposal).await {
        Ok(Ok(applied)) => applied,
        Ok(Err(failed)) => return Err(failure(app, &asked, failed)),
        Err(_) => return Err(unknown_outcome(app)),
    };
    let (outcome, replayed) = match applied.response {
        Answer::Ran(outcome) => (outcome, false),
        Answer::Replayed(outcome) => (outcome, true),
        Answer::KeyReused => {
            return Err(Failure::new(
                ProblemKind::KeyReused,
                "this Idempotency-Key was used for a request with another method, path, body or \
                 precondition; give every request a key of its own",
            ));
        }
        Answer::KeysFull { retry_after } => return Err(keys_full(retry_after)),
        Answer::Malformed(error) => return Err(Failure::malformed(error.to_string())),
    };
    let mut session = asked.session;
    match outcome.revision() {
        Some(revision) => session.observe_write(SHARD, revision),
        None => session.observe_read(SHARD, applied.position.index.0),
    }
    let mut response = render(outcome).into_response();
    let headers = response.headers_mut();
    let (name, value) = App::session_header(session);
    headers.insert(name, value);
    if replayed {
        headers.insert(
            HeaderName::from_static(names::IDEMPOTENT_REPLAYED),
            HeaderValue::from_static("true"),
        );
    }
    Ok(response)
}

/// `retry_after` is in the log's time, which passes no faster than the client's.
fn keys_full(retry_after: Option<Duration>) -> Failure {
    let failure = Failure::new(
        ProblemKind::Overloaded,
        format!(
            "as many idempotency keys are remembered as may be, at most {MAX_IDEMPOTENCY_KEYS} and \
             each for {} s, and nothing was done; try again when the first of them is forgotten",
            RETENTION.as_secs()
        ),
    );
    match retry_after {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

fn failure(app: &App, asked: &Asked, failed: ProposeFailed) -> Failure {
    match failed {
        ProposeFailed::NotLeader { leader } => app.elsewhere(leader, &asked.uri),
        ProposeFailed::Overloaded => Failure::new(
            ProblemKind::Overloaded,
            "too many writes wait to be committed, and this one was not taken; try again",
        ),
        ProposeFailed::Lost => Failure::new(
            ProblemKind::NotApplied,
            "the leader changed, and the write certainly did not happen; send it again",
        ),
        ProposeFailed::Unknown => unknown_outcome(app),
        ProposeFailed::Stopped => stopped(),
        other => Failure::new(ProblemKind::ValueTooLarge, other.to_string()),
    }
}

pub(super) fn stopped() -> Failure {
    Failure::new(
        ProblemKind::Stopped,
        "this node is shutting down, or its disk has failed; ask another",
    )
}

fn unknown_outcome(app: &App) -> Failure {
    Failure::new(
        ProblemKind::UnknownOutcome,
        format!(
            "the write was not confirmed within {} ms: it may have happened, may happen later, or \
             never; send it again with the same Idempotency-Key, and it will happen only once",
            app.request_timeout.as_millis()
        ),
    )
}

/// The answer to a command: a pure function of its outcome, so that a replay is the same bytes.
fn render(outcome: Outcome) -> Result<Response, Failure> {
    Ok(match outcome {
        Outcome::Written { revision } => success(revision, &Written { revision }),
        Outcome::Deleted { revision, existed } => success(revision, &Deleted { revision, existed }),
        Outcome::Added { value, revision } => success(revision, &CounterValue { value, revision }),
        Outcome::Granted {
            name,
            owner,
            token,
            ttl_ms,
            revision,
        } => success(
            revision,
            &LeaseGranted {
                name,
                owner,
                token,
                ttl_ms,
                revision,
            },
        ),
        Outcome::Released {
            name,
            token,
            revision,
        } => success(
            revision,
            &LeaseReleased {
                name,
                token,
                revision,
            },
        ),
        Outcome::RevisionMismatch { revision } => {
            return Err(revision_mismatch(revision));
        }
        Outcome::StaleToken { newest } => {
            return Err(Failure::of(Problem {
                newest_token: Some(newest),
                ..Problem::new(
                    ProblemKind::StaleToken,
                    format!(
                        "token {newest} is newer than the one sent: the lease has passed on, and \
                         nothing was written; stop working under it"
                    ),
                )
            }));
        }
        Outcome::UnknownToken { newest } => {
            return Err(Failure::of(Problem {
                newest_token: Some(newest),
                ..Problem::new(
                    ProblemKind::UnknownToken,
                    format!(
                        "the newest token ever granted is {newest}, so the one sent was not; \
                         nothing was written"
                    ),
                )
            }));
        }
        Outcome::UnknownGrant => {
            return Err(Failure::new(
                ProblemKind::UnknownToken,
                "no grant with this token is known of a lease of this name: there was none, or it \
                 ended so long ago that it is forgotten; nothing was written; check the name, or \
                 acquire the lease again",
            ));
        }
        Outcome::ForgottenFence { floor } => {
            return Err(Failure::of(Problem {
                newest_token: Some(floor),
                ..Problem::new(
                    ProblemKind::StaleToken,
                    format!(
                        "this key may have seen a newer token: what keys saw that are long gone is \
                         forgotten up to token {floor}, and the one sent is older; nothing was \
                         written; acquire the lease again, and write with its new token"
                    ),
                )
            }));
        }
        Outcome::Held {
            holder,
            remaining_ms,
        } => {
            let detail = format!("{holder:?} holds the lease for {remaining_ms} ms more");
            return Err(Failure::of(Problem {
                holder: Some(holder),
                remaining_ms: Some(remaining_ms),
                ..Problem::new(ProblemKind::LeaseHeld, detail)
            }));
        }
        Outcome::Lost => {
            return Err(Failure::new(
                ProblemKind::LeaseLost,
                "the token's lease has ended: it expired, was given back, or was never granted \
                 under that name; stop working under it, and acquire it again",
            ));
        }
        Outcome::Overflow => {
            return Err(Failure::new(
                ProblemKind::CounterOverflow,
                "the sum would not fit into 64 bits, and nothing was added",
            ));
        }
        Outcome::Full => {
            return Err(Failure::new(
                ProblemKind::StorageFull,
                format!(
                    "the service holds {MAX_HELD_BYTES} bytes of names and values, which is as much \
                     as it may, and nothing was written; delete keys: that frees their bytes at \
                     once, but for the name of a key that was written under a lease, which is \
                     remembered until {MAX_GONE_FENCES} newer ones are gone too"
                ),
            ));
        }
    })
}

/// A key or counter is not at a revision that the client wants; 0 is no revision.
pub(super) fn revision_mismatch(revision: u64) -> Failure {
    let detail = match revision {
        0 => "there is no revision of it, for it does not exist; nothing was done".to_owned(),
        _ => format!(
            "it is at revision {revision}, which is none that was asked for; nothing was done"
        ),
    };
    Failure::of(Problem {
        revision: Some(revision),
        ..Problem::new(ProblemKind::RevisionMismatch, detail)
    })
}

fn success(revision: u64, body: &impl Serialize) -> Response {
    // Plain data with string keys always has a JSON form.
    let json = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    revision_headers(headers, revision);
    response
}

/// `ETag` and `Revision`.
pub(super) fn revision_headers(headers: &mut axum::http::HeaderMap, revision: u64) {
    headers.insert(
        HeaderName::from_static(names::REVISION),
        HeaderValue::from(revision),
    );
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        headers.insert(header::ETAG, tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_key_store_says_when_there_is_room_again() {
        for (wait, expected) in [
            (Some(Duration::from_millis(90_500)), "91"),
            (Some(Duration::ZERO), "1"),
            (None, "1"),
        ] {
            let response = keys_full(wait).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], expected);
        }
    }
}
