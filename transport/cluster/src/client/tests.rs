//! The client against servers that behave in every way that a server can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use quorate_consistency::Level;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Client, Failure, Outcome, Route, WriteOptions};
use crate::api::{Problem, ProblemKind, header as names};

const PATIENCE: Duration = Duration::from_secs(5);

/// Serves a router on a free port, and answers its `host:port`.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A node that answers everything with a problem.
async fn refusing(kind: ProblemKind) -> String {
    serve(Router::new().fallback(move || async move { problem(kind) })).await
}

fn problem(kind: ProblemKind) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap();
    let body = serde_json::to_string(&Problem::new(kind, "because")).unwrap();
    (status, body).into_response()
}

async fn put_at(address: &str) -> Outcome<crate::api::Written> {
    let mut client = Client::new([address], PATIENCE);
    client.put("a", "1", &WriteOptions::default()).await
}

#[tokio::test]
async fn an_answer_is_read_with_everything_it_says() {
    let router = Router::new().route(
        "/v1/kv/{key}",
        get(|request: Request| async move {
            assert_eq!(request.uri().query(), Some("consistency=bounded-250"));
            let mut headers = HeaderMap::new();
            headers.insert(names::REVISION, "17".parse().unwrap());
            headers.insert(names::CONSISTENCY_SERVED, "linearizable".parse().unwrap());
            headers.insert(names::STALENESS_MS, "3".parse().unwrap());
            headers.insert(names::NODE, "2".parse().unwrap());
            (headers, "blue")
        }),
    );
    let mut client = Client::new([serve(router).await], PATIENCE);
    let level = Level::Bounded(Duration::from_millis(250));
    let read = client
        .get("colour/dark", level, Route::Only(0))
        .await
        .ok()
        .unwrap();
    let found = read.found.unwrap();
    assert_eq!((found.value.as_ref(), found.revision), (&b"blue"[..], 17));
    assert_eq!(read.served, Some(Level::Linearizable));
    assert_eq!(read.staleness, Some(Duration::from_millis(3)));
    assert_eq!(read.node, Some(2));
}

#[tokio::test]
async fn a_key_without_a_value_is_an_answer() {
    let address = refusing(ProblemKind::NotFound).await;
    let mut client = Client::new([address], PATIENCE);
    let outcome = client.get("a", Level::Eventual, Route::Only(0)).await;
    assert_eq!(outcome.ok().unwrap().found, None);
}

#[tokio::test]
async fn each_problem_means_what_it_says_of_the_write() {
    for kind in [
        ProblemKind::RevisionMismatch,
        ProblemKind::StaleToken,
        ProblemKind::KeyInFlight,
        ProblemKind::KeyReused,
        ProblemKind::MalformedRequest,
        ProblemKind::StorageFull,
    ] {
        let outcome = put_at(&refusing(kind).await).await;
        assert_eq!(outcome.refusal(), Some(kind), "{outcome:?}");
    }
    for kind in [
        ProblemKind::NoLeader,
        ProblemKind::Overloaded,
        ProblemKind::NotApplied,
    ] {
        let outcome = put_at(&refusing(kind).await).await;
        assert!(
            matches!(&outcome, Outcome::Failed(failure) if failure.problem() == Some(kind)),
            "{outcome:?}"
        );
    }
    for kind in [ProblemKind::UnknownOutcome, ProblemKind::Stopped] {
        let outcome = put_at(&refusing(kind).await).await;
        assert!(
            matches!(&outcome, Outcome::Unknown(failure) if failure.problem() == Some(kind)),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_certainly_not_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let outcome = put_at(&address).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Connect { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_it_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(read > 0);
            // Half an answer.
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{")
                .await;
        }
    });
    let outcome = put_at(&address).await;
    assert!(
        matches!(outcome, Outcome::Unknown(Failure::ConnectionLost { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn silence_and_what_is_not_understood_leave_it_unknown() {
    let silent = Router::new().fallback(any(std::future::pending::<Response>));
    let mut client = Client::new([serve(silent).await], Duration::from_millis(50));
    let outcome = client.put("a", "1", &WriteOptions::default()).await;
    assert!(
        matches!(outcome, Outcome::Unknown(Failure::Timeout(_))),
        "{outcome:?}"
    );

    for status in [StatusCode::OK, StatusCode::BAD_GATEWAY] {
        let stranger = serve(Router::new().fallback(move || async move { (status, "<html>") }));
        let outcome = put_at(&stranger.await).await;
        assert!(
            matches!(&outcome, Outcome::Unknown(Failure::Unintelligible { status: s, .. }) if *s == status),
            "{outcome:?}"
        );
    }
}

/// Redirects everything to another node.
fn redirecting(to: &str) -> Router {
    let to = to.to_owned();
    Router::new().fallback(move |request: Request| {
        let path = request.uri().path_and_query().unwrap().to_string();
        let location = format!("http://{to}{path}");
        async move { (StatusCode::TEMPORARY_REDIRECT, [("location", location)]) }
    })
}

fn leading() -> Router {
    Router::new().route(
        "/v1/kv/{key}",
        put(|body: String| async move {
            assert_eq!(body, "1");
            "{\"revision\":9}"
        }),
    )
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_leader_remembered() {
    let leader = serve(leading()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let follower =
        redirecting(&leader).layer(axum::middleware::map_request(move |request: Request| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { request }
        }));
    let mut client = Client::new([serve(follower).await, leader], PATIENCE);
    for _ in 0..3 {
        let written = client.put("a", "1", &WriteOptions::default()).await;
        assert_eq!(written.ok().unwrap().revision, 9);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_redirect_to_nowhere_known_or_round_and_round_is_not_followed() {
    let mut away = Client::new([serve(redirecting("127.0.0.1:1")).await], PATIENCE);
    let outcome = away.put("a", "1", &WriteOptions::default()).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Redirect { .. })),
        "{outcome:?}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = redirecting(&address);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let outcome = put_at(&address).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Redirect { .. })),
        "{outcome:?}"
    );
    let mut only = Client::new([address], PATIENCE);
    let outcome = only.get("a", Level::Eventual, Route::Only(0)).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Redirect { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn after_a_failure_the_next_node_is_asked() {
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let mut client = Client::new([dead, serve(leading()).await], PATIENCE);
    let first = client.put("a", "1", &WriteOptions::default()).await;
    assert!(matches!(first, Outcome::Failed(_)), "{first:?}");
    let second = client.put("a", "1", &WriteOptions::default()).await;
    assert!(second.is_definite(), "{second:?}");
}

#[tokio::test]
async fn the_session_token_is_sent_back() {
    let router = Router::new().fallback(|headers: HeaderMap| async move {
        let sent = headers.get(names::SESSION_TOKEN).cloned();
        let next = match sent.as_ref().map(|token| token.to_str().unwrap()) {
            None => "first",
            Some("first") => "second",
            Some(other) => panic!("{other}"),
        };
        ([(names::SESSION_TOKEN, next), (names::REVISION, "1")], "x")
    });
    let mut client = Client::new([serve(router).await], PATIENCE);
    assert_eq!(client.session_token(), None);
    for expected in ["first", "second"] {
        let read = client.get("a", Level::Session, Route::Only(0)).await;
        assert!(read.is_definite(), "{read:?}");
        assert_eq!(client.session_token(), Some(expected));
    }
}
