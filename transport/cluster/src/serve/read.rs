//! Reads: at the level that the client asks for, or elsewhere.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quorate_clocks::Instant;
use quorate_consistency::Level;
use quorate_consistency::session::{Admit, Op, Session};
use quorate_raft_core::{Index, Role};
use quorate_raft_node::{ReadAt, ReadFailed, ReadLevel};

use serde::Serialize;

use super::app::{App, SHARD};
use super::request::Asked;
use super::write::{revision_headers, revision_mismatch, stopped};
use super::{Failure, Replica};
use crate::api::{CounterValue, LeaseState, ProblemKind, header as names};
use crate::planted::PlantedBug;
use crate::service::millis_up;

type Answered = Result<Response, Failure>;

pub(super) async fn get_value(State(app): State<Arc<App>>, asked: Asked) -> Answered {
    let key = asked.name.clone();
    let known = asked.known()?;
    let (found, seen) = read(&app, asked, move |replica| replica.service().get(&key)).await?;
    let mut response = match found {
        found if known.is_refused(revision_of(&found)) => {
            revision_mismatch(revision_of(&found).unwrap_or(0)).into_response()
        }
        Some((revision, _)) if known.is_up_to_date(revision) => not_modified(revision),
        Some((revision, value)) => {
            let mut response = Response::new(Body::from(value));
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            );
            revision_headers(headers, revision);
            response
        }
        None => Failure::new(ProblemKind::NotFound, "the key has no value").into_response(),
    };
    seen.tell(response.headers_mut());
    Ok(response)
}

pub(super) async fn get_counter(State(app): State<Arc<App>>, asked: Asked) -> Answered {
    let name = asked.name.clone();
    let known = asked.known()?;
    let (counter, seen) =
        read(&app, asked, move |replica| replica.service().counter(&name)).await?;
    let mut response = match counter {
        counter if known.is_refused(revision_of(&counter)) => {
            revision_mismatch(revision_of(&counter).unwrap_or(0)).into_response()
        }
        Some((revision, _)) if known.is_up_to_date(revision) => not_modified(revision),
        Some((revision, value)) => {
            let mut response = json(&CounterValue { value, revision });
            revision_headers(response.headers_mut(), revision);
            response
        }
        // Nothing that could be named by a tag; the next one may be of any value.
        None => {
            let mut response = json(&CounterValue {
                value: 0,
                revision: 0,
            });
            let revision = HeaderName::from_static(names::REVISION);
            response
                .headers_mut()
                .insert(revision, HeaderValue::from(0));
            response
        }
    };
    seen.tell(response.headers_mut());
    Ok(response)
}

fn revision_of<T>(found: &Option<(u64, T)>) -> Option<u64> {
    found.as_ref().map(|(revision, _)| *revision)
}

/// The client has what it would get.
fn not_modified(revision: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    revision_headers(response.headers_mut(), revision);
    response
}

pub(super) async fn get_lease(State(app): State<Arc<App>>, asked: Asked) -> Answered {
    let name = asked.name.clone();
    let wanted = name.clone();
    let (found, seen) = read(&app, asked, move |replica| {
        let service = replica.service();
        (service.lease(&wanted), service.now())
    })
    .await?;
    let mut response = match found {
        (Some((owner, token, expires_at)), log_time) => {
            let body = LeaseState {
                name,
                owner,
                token,
                remaining_ms: millis_up(expires_at.since(log_time_now(&app, log_time))),
            };
            json(&body)
        }
        (None, _) => Failure::new(ProblemKind::NotFound, "nobody holds the lease").into_response(),
    };
    seen.tell(response.headers_mut());
    Ok(response)
}

/// The log's time, which the state tells only up to the last write. A leader knows how it went on: as
/// the stamp of a command would tell it that is proposed now.
fn log_time_now(app: &App, applied: Instant) -> Instant {
    let raft = app.node.status().raft;
    if raft.role != Role::Leader {
        return applied;
    }
    let now = app.system_clock.now();
    applied.max(app.log_clock.stamp(raft.term.0, now))
}

fn json(body: &impl Serialize) -> Response {
    // Plain data with string keys always has a JSON form.
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// What an answer says of how fresh it is.
struct Seen {
    served: Level,
    /// `None` while none is proved.
    staleness: Option<Duration>,
    session: Session,
}

impl Seen {
    fn tell(self, headers: &mut HeaderMap) {
        if let Ok(level) = HeaderValue::try_from(self.served.to_string()) {
            headers.insert(HeaderName::from_static(names::CONSISTENCY_SERVED), level);
        }
        let staleness = match self.staleness {
            // Rounded up: it is a bound.
            Some(staleness) => HeaderValue::from(
                u64::try_from(staleness.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
            ),
            None => HeaderValue::from_static("unknown"),
        };
        headers.insert(HeaderName::from_static(names::STALENESS_MS), staleness);
        let (name, value) = App::session_header(self.session);
        headers.insert(name, value);
    }
}

/// Reads this node's state at the level that was asked for, or says who can.
async fn read<R: Send + 'static>(
    app: &App,
    asked: Asked,
    view: impl Fn(&Replica) -> R + Clone + Send + 'static,
) -> Result<(R, Seen), Failure> {
    let asked_level = asked.level()?;
    let _place = app.admit()?;
    let work = async {
        match asked_level {
            Level::Linearizable if PlantedBug::StaleLinearizableReads.is_planted() => {
                let (found, at) = local(app, ReadLevel::Local, &asked, &view).await?;
                Ok((found, at, Level::Linearizable, Some(Duration::ZERO)))
            }
            Level::Linearizable | Level::Lease => fresh(app, asked_level, &asked, &view).await,
            Level::Session => {
                if !PlantedBug::IgnoreSession.is_planted() && !catch_up(app, &asked).await? {
                    return fresh(app, Level::Linearizable, &asked, &view).await;
                }
                let (found, at) = local(app, ReadLevel::Local, &asked, &view).await?;
                let staleness = at.staleness;
                Ok((found, at, Level::Session, staleness))
            }
            Level::Bounded(bound) => {
                let (found, at) = local(app, ReadLevel::Local, &asked, &view).await?;
                match at.staleness {
                    any if PlantedBug::IgnoreBound.is_planted() => {
                        Ok((found, at, asked_level, any))
                    }
                    Some(staleness) if staleness <= bound => {
                        Ok((found, at, asked_level, Some(staleness)))
                    }
                    _ if leader(app).is_none() => Err(too_stale(bound, at.staleness)),
                    _ => fresh(app, Level::Linearizable, &asked, &view).await,
                }
            }
            Level::Eventual => {
                let (found, at) = local(app, ReadLevel::Local, &asked, &view).await?;
                let staleness = at.staleness;
                Ok((found, at, Level::Eventual, staleness))
            }
        }
    };
    let (found, at, served, staleness) = tokio::time::timeout(app.request_timeout, work)
        .await
        .map_err(|_| {
        Failure::new(
            ProblemKind::ReadTimeout,
            format!(
                "the read was not confirmed within {} ms; try again",
                app.request_timeout.as_millis()
            ),
        )
    })??;
    let mut session = asked.session;
    session.observe_read(SHARD, at.applied.0);
    Ok((
        found,
        Seen {
            served,
            staleness,
            session,
        },
    ))
}

/// Reads with proof that nothing newer was acknowledged: only on the leader.
async fn fresh<R: Send + 'static>(
    app: &App,
    level: Level,
    asked: &Asked,
    view: &(impl Fn(&Replica) -> R + Clone + Send + 'static),
) -> Result<(R, ReadAt, Level, Option<Duration>), Failure> {
    let leader = leader(app);
    if leader != Some(app.id) {
        return Err(app.elsewhere(leader, &asked.uri));
    }
    let wanted = match level {
        Level::Lease => ReadLevel::Lease,
        _ => ReadLevel::Linearizable,
    };
    let (found, at) = local(app, wanted, asked, view).await?;
    let served = match at.level_served {
        ReadLevel::Lease => Level::Lease,
        _ => Level::Linearizable,
    };
    Ok((found, at, served, Some(Duration::ZERO)))
}

/// Reads this node's state.
async fn local<R: Send + 'static>(
    app: &App,
    level: ReadLevel,
    asked: &Asked,
    view: &(impl Fn(&Replica) -> R + Clone + Send + 'static),
) -> Result<(R, ReadAt), Failure> {
    let view = view.clone();
    app.node
        .read(level, move |replica, at| (view(replica), at))
        .await
        .map_err(|failed| match failed {
            ReadFailed::NotLeader { leader } => app.elsewhere(leader, &asked.uri),
            ReadFailed::Stopped => stopped(),
            other => Failure::new(ProblemKind::Overloaded, other.to_string()),
        })
}

/// Waits until this node has seen what the session has. False if the token cannot tell what that is: a
/// linearizable read shows all of it.
async fn catch_up(app: &App, asked: &Asked) -> Result<bool, Failure> {
    let required = match asked.session.admit(Op::Read, SHARD, 0) {
        Admit::Serve => return Ok(true),
        Admit::Wait { until_index } => until_index,
        // A group that replaces its log only by a longer one has a single epoch. A token with another, or
        // one that was made very small, says nothing of which index will do.
        Admit::Redirect | Admit::EpochChanged { .. } => return Ok(false),
    };
    let wait = app.node.wait_applied(Index(required));
    match tokio::time::timeout(app.session_wait.min(app.request_timeout), wait).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(_)) => Err(stopped()),
        Err(_) => match leader(app) {
            Some(leader) if leader != app.id => Err(app.elsewhere(Some(leader), &asked.uri)),
            _ => Err(Failure::new(
                ProblemKind::SessionBehind,
                format!(
                    "the session has seen index {required}, and this node has not after waiting \
                     {} ms; try again, or another node",
                    app.session_wait.as_millis()
                ),
            )),
        },
    }
}

fn leader(app: &App) -> Option<quorate_clocks::NodeId> {
    app.node.status().raft.leader
}

fn too_stale(bound: Duration, proved: Option<Duration>) -> Failure {
    let known = match proved {
        Some(proved) => format!(
            "it is only proved to hold what was acknowledged {} ms ago",
            proved.as_millis()
        ),
        None => "nothing is proved of how current it is since it started".to_owned(),
    };
    Failure::new(
        ProblemKind::TooStale,
        format!(
            "this node may be behind by more than {} ms: {known}, and no leader is known; try again",
            bound.as_millis()
        ),
    )
}
