//! Nodes, and a client that shows answers as they are.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quorate::api::{Problem, ProblemKind, Status};
use quorate::cli::Peer;
use quorate::serve::{ServeOptions, Server};
use serde::de::DeserializeOwned;

/// Longer than anything takes that is going to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn problem(&self, kind: ProblemKind) -> Problem {
        assert_eq!(self.status.as_u16(), kind.status(), "{self:?}");
        assert_eq!(self.header("content-type"), Problem::CONTENT_TYPE);
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.kind(), Some(kind), "{problem:?}");
        assert_eq!(problem.status, kind.status());
        assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        problem
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self
    }

    pub(crate) fn revision(&self) -> u64 {
        self.header("revision").parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Follows no redirect.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    address: String,
}

impl Http {
    pub(crate) fn new(address: impl ToString) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address: address.to_string(),
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let exchange = async {
            let response = self.client.request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("no answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::PUT, path, &[], body).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[], body).await
    }

    pub(crate) async fn status(&self) -> Status {
        self.get("/v1/status").await.json()
    }
}

/// A node within this process.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) http: Http,
}

impl Running {
    pub(crate) fn id(&self) -> u64 {
        self.server.id().0
    }

    /// Waits until `holds` of the node's status.
    pub(crate) async fn wait_for(&self, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut changes = self.server.node().subscribe();
        loop {
            changes.mark_unchanged();
            let status = self.http.status().await;
            if holds(&status) {
                return status;
            }
            tokio::time::timeout_at(deadline, changes.changed())
                .await
                .unwrap_or_else(|_| panic!("waited for {what}, and it is {status:?}"))
                .unwrap();
        }
    }
}

/// A directory that is removed with its owner.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Options for tests: everything on loopback, and quick elections.
pub(crate) fn options(id: u64, data: impl Into<PathBuf>) -> ServeOptions {
    ServeOptions {
        election_timeout: Duration::from_millis(150),
        ..ServeOptions::new(id, data)
    }
}

/// One node that leads itself.
pub(crate) async fn single(dir: &Path) -> Running {
    single_with(options(1, dir)).await
}

pub(crate) async fn single_with(options: ServeOptions) -> Running {
    let server = Server::start(options).await.unwrap();
    let node = Running {
        http: Http::new(server.http_address()),
        server,
    };
    node.wait_for("leading itself", |status| {
        status.is_leader() && status.applied > 0
    })
    .await;
    node
}

/// Three nodes, of which the first of the answer leads.
pub(crate) async fn three(dir: &Path, change: impl Fn(&mut ServeOptions)) -> Vec<Running> {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let sockets: Vec<_> = (1..=3).map(|id| (id, listen(), listen())).collect();
    let peers: Vec<Peer> = sockets
        .iter()
        .map(|(id, raft, http)| Peer {
            id: *id,
            raft: raft.local_addr().unwrap().to_string(),
            http: Some(http.local_addr().unwrap().to_string()),
        })
        .collect();
    let mut nodes = Vec::new();
    for (id, raft, http) in sockets {
        let mut options = options(id, dir.join(id.to_string()));
        for peer in peers.iter().filter(|peer| peer.id != id) {
            options.add_peer(peer.clone()).unwrap();
        }
        change(&mut options);
        let server = Server::start_on(options, raft, http).await.unwrap();
        nodes.push(Running {
            http: Http::new(server.http_address()),
            server,
        });
    }
    settled(&mut nodes).await;
    nodes
}

/// Waits until all nodes agree on a leader that has applied something, and sorts it to the front.
pub(crate) async fn settled(nodes: &mut [Running]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut seen = Vec::new();
        for node in nodes.iter() {
            let status = node.http.status().await;
            seen.push((status.term, status.leader, status.applied > 0));
        }
        if let [(term, Some(leader), true), rest @ ..] = &seen[..]
            && rest
                .iter()
                .all(|seen| *seen == (*term, Some(*leader), true))
        {
            nodes.sort_by_key(|node| node.id() != *leader);
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no leader: {seen:?}"
        );
        let mut changes = nodes[0].server.node().subscribe();
        // Another node's change may be what is waited for, so look again after a while.
        let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
    }
}

/// An idempotency key that no other test uses.
pub(crate) fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
