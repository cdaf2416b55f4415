//! Idempotency keys.

use axum::http::Method;
use quorate::api::{CounterValue, ProblemKind};

use super::support::{Answer, Http, directory, fresh_key, single};

async fn add(http: &Http, key: &str, amount: i64) -> Answer {
    http.send(
        Method::POST,
        "/v1/counters/n",
        &[("idempotency-key", key)],
        format!("{{\"add\":{amount}}}"),
    )
    .await
}

#[tokio::test]
async fn a_retry_is_answered_with_the_same_bytes_and_counted_once() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let key = fresh_key();
    let first = add(http, &key, 2).await.ok();
    assert_eq!(first.header("idempotent-replayed"), "");
    add(http, &fresh_key(), 5).await.ok();
    // A key may be quoted, as the draft of the header wants it, or not.
    for key in [key.clone(), format!("\"{key}\"")] {
        let again = add(http, &key, 2).await.ok();
        assert_eq!(again.body, first.body);
        assert_eq!(again.revision(), first.revision());
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
    let sum: CounterValue = http.get("/v1/counters/n").await.json();
    assert_eq!(sum.value, 7);
}

#[tokio::test]
async fn every_kind_of_write_is_replayed() {
    let dir = directory();
    let node = single(dir.path()).await;
    let lease = "{\"owner\":\"ann\",\"ttl_ms\":60000}";
    for (method, path, body) in [
        (Method::PUT, "/v1/kv/a", "1"),
        (Method::DELETE, "/v1/kv/a", ""),
        (Method::POST, "/v1/counters/n", "{\"add\":1}"),
        (Method::POST, "/v1/leases/l", lease),
        (Method::POST, "/v1/leases/l", lease), // held: a refusal is an answer too
        (
            Method::PUT,
            "/v1/leases/l",
            "{\"token\":1,\"ttl_ms\":60000}",
        ),
        (Method::DELETE, "/v1/leases/l", "{\"token\":1}"),
    ] {
        let key = fresh_key();
        let headers = [("idempotency-key", &key[..])];
        let first = node.http.send(method.clone(), path, &headers, body).await;
        let again = node.http.send(method.clone(), path, &headers, body).await;
        assert_eq!(again.status, first.status, "{method} {path}");
        assert_eq!(again.body, first.body, "{method} {path}");
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let key = fresh_key();
    add(http, &key, 2).await.ok();
    add(http, &key, 3).await.problem(ProblemKind::KeyReused);
    let headers = [("idempotency-key", &key[..])];
    http.send(Method::POST, "/v1/counters/m", &headers, "{\"add\":2}")
        .await
        .problem(ProblemKind::KeyReused);
    http.send(Method::PUT, "/v1/kv/n", &headers, "2")
        .await
        .problem(ProblemKind::KeyReused);

    let key = fresh_key();
    let put = async |condition: &[(&str, &str)]| {
        let headers = [condition, &[("idempotency-key", &key[..])]].concat();
        http.send(Method::PUT, "/v1/kv/a", &headers, "1").await
    };
    put(&[]).await.ok();
    put(&[("if-none-match", "*")])
        .await
        .problem(ProblemKind::KeyReused);
    let sum: CounterValue = http.get("/v1/counters/n").await.json();
    assert_eq!(sum.value, 2);
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_nothing_runs() {
    let dir = directory();
    let node = single(dir.path()).await;
    let long = "k".repeat(256);
    for key in [
        "",
        "\"\"",
        "\"open",
        "a b",
        "\"a\";p=1",
        "\"a\", \"b\"",
        &long,
    ] {
        add(&node.http, key, 1)
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    node.http
        .send(Method::POST, "/v1/counters/n", &twice, "{\"add\":1}")
        .await
        .problem(ProblemKind::MalformedRequest);
    let sum: CounterValue = node.http.get("/v1/counters/n").await.json();
    assert_eq!(sum.value, 0);
}

#[tokio::test]
async fn answers_are_remembered_over_a_restart() {
    let dir = directory();
    let key = fresh_key();
    let node = single(dir.path()).await;
    let first = add(&node.http, &key, 2).await.ok();
    node.server.shutdown().await.unwrap();
    let node = single(dir.path()).await;
    let again = add(&node.http, &key, 2).await.ok();
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), "true");
}
