//! One session with the cluster.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::http::request::Builder;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::outcome::{Failure, Outcome};
use crate::api::{Problem, ProblemKind, header as names};

/// How often one request is sent on to another node.
const MAX_REDIRECTS: usize = 4;

/// Which node to ask. A node is named by its place in the list that the client was made with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    /// Whoever led when last heard of.
    Leader,
    /// This node, and wherever it redirects to.
    Node(usize),
    /// This node and no other. A redirect is [`Outcome::Failed`].
    Only(usize),
}

/// One session with the cluster: sends one request after the other.
///
/// ```no_run
/// use quorate::client::{Client, Route, WriteOptions};
/// use quorate_consistency::Level;
/// use std::time::Duration;
///
/// # async fn example() {
/// let mut client = Client::new(["127.0.0.1:8101", "127.0.0.1:8102"], Duration::from_secs(1));
/// let written = client.put("colour", "blue", &WriteOptions::default()).await;
/// let read = client.get("colour", Level::Session, Route::Node(1)).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    nodes: Vec<String>,
    leader: usize,
    timeout: Duration,
    session: Option<HeaderValue>,
}

/// An answer that says what came of a request: done, or refused.
pub(super) struct Answer {
    pub(super) node: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Client {
    /// A session with the nodes at these `host:port`, that waits for each answer so long.
    pub fn new<N: Into<String>>(nodes: impl IntoIterator<Item = N>, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        Self {
            http: Http::builder(TokioExecutor::new()).build(connector),
            nodes: nodes.into_iter().map(Into::into).collect(),
            leader: 0,
            timeout,
            session: None,
        }
    }

    /// How many nodes it knows.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The session token that the next request carries.
    pub fn session_token(&self) -> Option<&str> {
        self.session.as_ref()?.to_str().ok()
    }

    pub(super) async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        route: Route,
        dress: impl Fn(Builder) -> Builder,
    ) -> Outcome<Answer> {
        let timeout = self.timeout;
        let outcome = tokio::time::timeout(timeout, self.follow(method, path, body, route, dress));
        let outcome = match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown(Failure::Timeout(timeout)),
        };
        if route == Route::Leader && !outcome.is_definite() && !self.nodes.is_empty() {
            // Whoever did not answer may no longer lead; the next one knows, or is the next.
            self.leader = (self.leader + 1) % self.nodes.len();
        }
        outcome
    }

    /// Sends a request, and sends it again to wherever the answer says.
    async fn follow(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        route: Route,
        dress: impl Fn(Builder) -> Builder,
    ) -> Outcome<Answer> {
        let mut at = match route {
            Route::Leader => self.leader,
            Route::Node(node) | Route::Only(node) => node,
        };
        for redirects in 0.. {
            let node = self.nodes.get(at).cloned().unwrap_or_default();
            let mut request = Request::builder()
                .method(method.clone())
                .uri(format!("http://{node}{path}"));
            if let Some(session) = &self.session {
                request = request.header(names::SESSION_TOKEN, session);
            }
            let request = match dress(request).body(Full::new(body.clone())) {
                Ok(request) => request,
                Err(error) => return Outcome::Failed(Failure::Unsendable(error)),
            };
            let answer = match self.once(node, request).await {
                Outcome::Ok(answer) => answer,
                other => return other,
            };
            if let Some(session) = answer.headers.get(names::SESSION_TOKEN) {
                self.session = Some(session.clone());
            }
            if answer.status != StatusCode::TEMPORARY_REDIRECT {
                if route == Route::Leader {
                    self.leader = at;
                }
                return judge(answer);
            }
            let location = answer.headers.get(LOCATION).and_then(|l| l.to_str().ok());
            let location = location.unwrap_or_default().to_owned();
            let target = location.parse::<Uri>().ok();
            let target = target.as_ref().and_then(Uri::authority);
            let target = target.and_then(|t| self.nodes.iter().position(|n| n == t.as_str()));
            let detail = match target {
                _ if matches!(route, Route::Only(_)) => "the answer was to come from this node",
                _ if redirects >= MAX_REDIRECTS => "the request was sent on too often already",
                None => "it is none of the nodes that this client knows",
                Some(target) => {
                    at = target;
                    continue;
                }
            };
            return Outcome::Failed(Failure::Redirect {
                node: answer.node,
                location,
                detail,
            });
        }
        // The loop ends only by returning; this is what the compiler cannot see.
        Outcome::Unknown(Failure::Timeout(self.timeout))
    }

    /// Sends a request to one node.
    async fn once(&self, node: String, request: Request<Full<Bytes>>) -> Outcome<Answer> {
        let response = match self.http.request(request).await {
            Ok(response) => response,
            Err(source) if source.is_connect() => {
                return Outcome::Failed(Failure::Connect { node, source });
            }
            Err(source) => {
                return Outcome::Unknown(Failure::ConnectionLost {
                    node,
                    source: source.into(),
                });
            }
        };
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Outcome::Ok(Answer {
                node,
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            }),
            Err(source) => Outcome::Unknown(Failure::ConnectionLost {
                node,
                source: source.into(),
            }),
        }
    }
}

/// What an answer's status says of what was done.
fn judge(answer: Answer) -> Outcome<Answer> {
    if answer.status.is_success() || answer.status.is_client_error() {
        return Outcome::Ok(answer);
    }
    let problem = match answer.problem() {
        Ok(problem) => problem,
        // A proxy, or another service: it may have passed the request on.
        Err(failure) => return Outcome::Unknown(failure),
    };
    match problem.kind() {
        // Full, and nothing was written: no retry helps, just as with any other refusal.
        Some(ProblemKind::StorageFull) => Outcome::Refused(Box::new(problem)),
        // A node that stops may have handed the write to the others before.
        Some(ProblemKind::UnknownOutcome | ProblemKind::Stopped) | None => {
            Outcome::Unknown(Failure::Unavailable(Box::new(problem)))
        }
        Some(_) if problem.status == 503 => {
            Outcome::Failed(Failure::Unavailable(Box::new(problem)))
        }
        Some(_) => Outcome::Unknown(Failure::Unavailable(Box::new(problem))),
    }
}

impl Answer {
    /// The problem in the body.
    pub(super) fn problem(&self) -> Result<Problem, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| self.unintelligible(error))
    }

    pub(super) fn unintelligible(&self, detail: impl ToString) -> Failure {
        Failure::Unintelligible {
            node: self.node.clone(),
            status: self.status.as_u16(),
            detail: detail.to_string(),
        }
    }
}
