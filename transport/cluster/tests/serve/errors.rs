//! Requests that are wrong.

use axum::http::Method;
use quorate::api::{MAX_LEASE_TTL_MS, ProblemKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{PATIENCE, directory, single};

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
    for token in ["x", "", "999:1:2", "\u{e9}"] {
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
