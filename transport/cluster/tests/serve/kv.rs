//! Keys and counters.

use axum::http::{Method, StatusCode};
use quorate::api::{CounterValue, Deleted, MAX_NAME_BYTES, MAX_VALUE_BYTES, ProblemKind, Written};

use super::support::{directory, single};

#[tokio::test]
async fn a_value_is_written_read_replaced_and_removed() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    http.get("/v1/kv/a").await.problem(ProblemKind::NotFound);

    let value = [0_u8, 255, b'\n', 7];
    let put = http.put("/v1/kv/a", value.to_vec()).await.ok();
    let Written { revision } = put.json();
    assert!(revision > 0);
    assert_eq!(put.revision(), revision);
    assert_eq!(put.header("etag"), format!("\"{revision}\""));
    assert_eq!(put.header("quorate-node"), "1");

    let got = http.get("/v1/kv/a").await.ok();
    assert_eq!(&got.body[..], value);
    assert_eq!(got.revision(), revision);
    assert_eq!(got.header("etag"), format!("\"{revision}\""));
    assert_eq!(got.header("content-type"), "application/octet-stream");

    let again = http.put("/v1/kv/a", "").await.ok();
    assert!(again.revision() > revision);
    assert_eq!(http.get("/v1/kv/a").await.ok().body.len(), 0);

    let deleted: Deleted = http.send(Method::DELETE, "/v1/kv/a", &[], "").await.json();
    assert!(deleted.existed && deleted.revision > again.revision());
    let missing = http.get("/v1/kv/a").await;
    missing.problem(ProblemKind::NotFound);
    assert_eq!(missing.header("consistency-served"), "linearizable");
    assert_eq!(missing.header("revision"), "");
    let deleted: Deleted = http.send(Method::DELETE, "/v1/kv/a", &[], "").await.json();
    assert!(!deleted.existed);
}

#[tokio::test]
async fn compare_and_set_goes_by_the_revision() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let put = async |headers: &[(&str, &str)], value: &'static str| {
        http.send(Method::PUT, "/v1/kv/a", headers, value).await
    };
    let refused = put(&[("if-match", "*")], "x").await;
    let problem = refused.problem(ProblemKind::RevisionMismatch);
    assert_eq!(problem.revision, Some(0));

    let first = put(&[("if-none-match", "*")], "1").await.ok();
    let tag = first.header("etag").to_owned();
    let problem = put(&[("if-none-match", "*")], "x")
        .await
        .problem(ProblemKind::RevisionMismatch);
    assert_eq!(problem.revision, Some(first.revision()));

    let second = put(&[("if-match", &tag)], "2").await.ok();
    put(&[("if-match", &tag)], "x")
        .await
        .problem(ProblemKind::RevisionMismatch);
    // Without quotes too.
    put(&[("if-match", second.header("revision"))], "3")
        .await
        .ok();
    let third = put(&[("if-match", "*")], "4").await.ok();
    assert_eq!(http.get("/v1/kv/a").await.text(), "4");

    let delete = async |tag: &str| {
        http.send(Method::DELETE, "/v1/kv/a", &[("if-match", tag)], "")
            .await
    };
    delete(&tag).await.problem(ProblemKind::RevisionMismatch);
    delete(third.header("etag")).await.ok();

    for headers in [
        &[("if-match", "\"x\"")][..],
        &[("if-match", "\"1\", \"2\"")],
        &[("if-match", "W/\"1\"")],
        &[("if-match", "1"), ("if-match", "2")],
        &[("if-match", "1"), ("if-none-match", "*")],
        &[("if-none-match", "\"1\"")],
    ] {
        put(headers, "x")
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    http.get("/v1/kv/a").await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn names_and_values_have_limits_and_nothing_is_written_beyond_them() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let longest = "k".repeat(MAX_NAME_BYTES);
    http.put(&format!("/v1/kv/{longest}"), "1").await.ok();
    assert_eq!(http.get(&format!("/v1/kv/{longest}")).await.text(), "1");
    let problem = http
        .put(&format!("/v1/kv/{longest}k"), "1")
        .await
        .problem(ProblemKind::BadName);
    assert!(problem.detail.contains("513"), "{problem:?}");
    http.post(&format!("/v1/counters/{longest}k"), "{\"add\":1}")
        .await
        .problem(ProblemKind::BadName);
    http.get("/v1/kv/%ff%fe")
        .await
        .problem(ProblemKind::BadName);

    // A name may hold anything that is text.
    http.put("/v1/kv/a%2Fb%20%C3%A9", "slash").await.ok();
    assert_eq!(http.get("/v1/kv/a%2fb%20%c3%a9").await.text(), "slash");

    let largest = vec![7; MAX_VALUE_BYTES];
    http.put("/v1/kv/big", largest.clone()).await.ok();
    assert_eq!(http.get("/v1/kv/big").await.ok().body, largest);
    let more = vec![8; MAX_VALUE_BYTES + 1];
    http.put("/v1/kv/big", more)
        .await
        .problem(ProblemKind::ValueTooLarge);
    assert_eq!(http.get("/v1/kv/big").await.ok().body, largest);
}

#[tokio::test]
async fn a_counter_adds_up() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let none: CounterValue = http.get("/v1/counters/n").await.json();
    assert_eq!((none.value, none.revision), (0, 0));
    http.post("/v1/counters/n", "{\"add\":5}").await.ok();
    let added = http.post("/v1/counters/n", "{\"add\":-2}").await.ok();
    let sum: CounterValue = added.json();
    assert_eq!((sum.value, sum.revision), (3, added.revision()));
    let read: CounterValue = http.get("/v1/counters/n").await.json();
    assert_eq!(read, sum);
    http.post("/v1/counters/n", format!("{{\"add\":{}}}", i64::MAX))
        .await
        .problem(ProblemKind::CounterOverflow);
    let read: CounterValue = http.get("/v1/counters/n").await.json();
    assert_eq!(read, sum);
    // The key of the same name is another thing.
    http.get("/v1/kv/n").await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let dir = directory();
    let node = single(dir.path()).await;
    let put = node.http.put("/v1/kv/a", "1").await.ok();
    node.http.post("/v1/counters/n", "{\"add\":5}").await.ok();
    let before = node.http.status().await;
    node.server.shutdown().await.unwrap();

    let node = single(dir.path()).await;
    let got = node.http.get("/v1/kv/a").await.ok();
    assert_eq!((got.text(), got.revision()), ("1", put.revision()));
    let sum: CounterValue = node.http.get("/v1/counters/n").await.json();
    assert_eq!(sum.value, 5);
    let after = node.http.status().await;
    assert_eq!(after.incarnation, before.incarnation + 1);
    assert!(after.term > before.term);
}

#[tokio::test]
async fn a_snapshot_takes_the_place_of_the_log() {
    let dir = directory();
    let mut options = super::support::options(1, dir.path());
    options.snapshot_every = 10;
    let node = super::support::single_with(options.clone()).await;
    for value in 0..100 {
        let path = format!("/v1/kv/{}", value % 7);
        let answer = node.http.put(&path, value.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    node.server.shutdown().await.unwrap();
    let node = super::support::single_with(options).await;
    for value in 93..100 {
        let path = format!("/v1/kv/{}", value % 7);
        assert_eq!(node.http.get(&path).await.text(), value.to_string());
    }
}
