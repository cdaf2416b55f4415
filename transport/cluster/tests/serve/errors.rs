//! Requests that are wrong.

use std::net::SocketAddr;

use axum::http::{Method, StatusCode};
use quorate::api::{MAX_LEASE_TTL_MS, ProblemKind};
use quorate::serve::ServeOptions;
use quorate_consistency::session::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{PATIENCE, directory, options, single, single_with};

#[tokio::test]
async fn a_route_that_is_not_there_and_a_method_that_is_not_taken() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    for path in ["/", "/v1/kv", "/v1/kv/", "/v1/kv/a/b", "/v2/kv/a"] {
        http.get(path).await.problem(ProblemKind::NotFound);
    }
    let answer = http.post("/v1/kv/a", "1").await;
    answer.problem(ProblemKind::MethodNotAllowed);
    assert!(answer.header("allow").contains("PUT"), "{answer:?}");
    http.send(Method::DELETE, "/v1/status", &[], "")
        .await
        .problem(ProblemKind::MethodNotAllowed);
}

#[tokio::test]
async fn a_body_that_is_not_the_json_asked_for() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    for body in [
        "",
        "{",
        "5",
        "{}",
        "[5]",
        "{\"add\":\"5\"}",
        "{\"add\":5.5}",
        "{\"add\":9223372036854775808}",
        "{\"add\":5,\"sub\":1}",
        "\u{0}\u{1}",
    ] {
        let problem = http
            .post("/v1/counters/n", body)
            .await
            .problem(ProblemKind::MalformedRequest);
        assert!(problem.detail.contains("body"), "{problem:?}");
    }
    http.post("/v1/counters/n", vec![b' '; 20_000])
        .await
        .problem(ProblemKind::ValueTooLarge);
    let beyond = MAX_LEASE_TTL_MS + 1;
    let owner = "o".repeat(257);
    for body in [
        "{\"owner\":\"\",\"ttl_ms\":1000}".to_owned(),
        format!("{{\"owner\":\"{owner}\",\"ttl_ms\":1000}}"),
        "{\"owner\":\"ann\",\"ttl_ms\":0}".to_owned(),
        format!("{{\"owner\":\"ann\",\"ttl_ms\":{beyond}}}"),
        "{\"owner\":\"ann\"}".to_owned(),
    ] {
        http.post("/v1/leases/l", body)
            .await
            .problem(ProblemKind::MalformedRequest);
    }
}

#[tokio::test]
async fn a_query_or_header_that_means_nothing() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    http.put("/v1/kv/a", "1").await.ok();
    for query in [
        "consistency=strong",
        "consistency=bounded-",
        "consistency=bounded-x",
        "consistency=",
        "level=lease",
        "consistency=lease&consistency=session",
    ] {
        http.get(&format!("/v1/kv/a?{query}"))
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    for token in ["x", "", "999:1:2", "1.AgAAExE", "\u{e9}"] {
        let headers = [("session-token", token)];
        http.send(Method::GET, "/v1/kv/a", &headers, "")
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    // A condition that would be ignored is refused instead.
    let headers = [("if-match", "1")];
    http.send(Method::POST, "/v1/counters/n", &headers, "{\"add\":1}")
        .await
        .problem(ProblemKind::MalformedRequest);
}

#[tokio::test]
async fn bytes_that_are_not_http_do_not_disturb_the_others() {
    let dir = directory();
    let node = single(dir.path()).await;
    for bytes in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        &[b'A'; 200_000],
    ] {
        let mut stream = TcpStream::connect(node.server.http_address())
            .await
            .unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "the connection is not closed");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
    node.http.put("/v1/kv/a", "1").await.ok();
}

/// Begins a request and does not finish it.
async fn dribble(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"PUT /v1/kv/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab";
    stream.write_all(head).await.unwrap();
    stream
}

#[tokio::test]
async fn clients_that_never_finish_their_bodies_do_not_keep_the_others_out() {
    let dir = directory();
    let node = single_with(ServeOptions {
        max_bodies: 3,
        max_requests: 3,
        ..options(1, dir.path())
    })
    .await;
    let http = &node.http;
    http.put("/v1/kv/a", "1").await.ok();
    let mut slow = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        // One that comes while the write below is on its way may be refused.
        slow.push(dribble(node.server.http_address()).await);
        let answer = http.put("/v1/kv/a", "2").await;
        if !answer.status.is_success() {
            answer.problem(ProblemKind::Overloaded);
            assert_eq!(answer.header("retry-after"), "1");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never full");
    }
    // Operators see it, and what has no body is served.
    for path in ["/healthz", "/metrics", "/v1/status", "/v1/kv/a"] {
        http.get(path).await.ok();
    }
    http.send(Method::DELETE, "/v1/kv/a", &[], "").await.ok();
    let mut finished = 0;
    for mut stream in slow {
        let mut answer = [0; 12];
        // A connection whose request was refused may be closed.
        if stream.write_all(b"cd").await.is_ok() && stream.read_exact(&mut answer).await.is_ok() {
            finished += u32::from(&answer == b"HTTP/1.1 200");
        }
    }
    assert!(finished >= 3, "{finished}");
    http.put("/v1/kv/a", "3").await.ok();
    assert_eq!(http.get("/v1/kv/slow").await.text(), "abcd");
}

#[tokio::test]
async fn an_operator_is_answered_when_no_other_request_is() {
    let dir = directory();
    let node = single_with(ServeOptions {
        max_requests: 2,
        session_wait: PATIENCE * 2,
        request_timeout: PATIENCE * 2,
        ..options(1, dir.path())
    })
    .await;
    let mut waiting = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let http = node.http.clone();
        waiting.push(tokio::spawn(async move {
            let mut session = Session::default();
            session.observe_write(0, 1_000_000);
            let headers = [("session-token", &session.token().to_string()[..])];
            let path = "/v1/kv/a?consistency=session";
            http.send(Method::GET, path, &headers, "").await
        }));
        let answer = node.http.get("/v1/kv/b?consistency=eventual").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.problem(ProblemKind::Overloaded);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never full");
    }
    for path in ["/healthz", "/metrics", "/v1/status"] {
        node.http.get(path).await.ok();
    }
    for read in waiting {
        read.abort();
    }
}
