//! Keys and counters.

use axum::http::{Method, StatusCode};
use quorate::api::{CounterValue, Deleted, MAX_NAME_BYTES, MAX_VALUE_BYTES, ProblemKind, Written};

use super::support::{directory, fresh_key, single};

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
        &[("if-match", "x")][..],
        &[("if-match", "\"1")],
        &[("if-match", "")],
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
async fn tags_are_those_of_rfc_9110() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let old = http.put("/v1/kv/a", "1").await.ok();
    let old = old.header("etag");
    let new = http.put("/v1/kv/a", "2").await.ok();
    let new = new.header("etag");
    let put =
        async |headers: &[(&str, &str)]| http.send(Method::PUT, "/v1/kv/a", headers, "3").await;
    // Well-formed, and nothing that this key is at.
    for tags in [
        "\"x\"",
        "\"\"",
        old,
        &format!("W/{new}"),
        &format!("{old}, W/{new}, \"x\", \"99999\""),
    ] {
        put(&[("if-match", tags)])
            .await
            .problem(ProblemKind::RevisionMismatch);
    }
    let many: Vec<String> = (1..=65).map(|tag| format!("\"{tag}\"")).collect();
    put(&[("if-match", &many.join(","))])
        .await
        .problem(ProblemKind::MalformedRequest);
    assert_eq!(http.get("/v1/kv/a").await.text(), "2");
    // One of a list is enough, on one line or on several; a retry is answered the same.
    let key = fresh_key();
    let list = [
        ("if-match", &format!("{old}, {new}")[..]),
        ("if-match", "\"x\""),
        ("idempotency-key", &key),
    ];
    let third = put(&list).await.ok();
    let again = put(&list).await.ok();
    assert_eq!(again.body, third.body);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let list = format!("{old}, {}", third.header("etag"));
    let headers = [("if-match", &list[..])];
    http.send(Method::DELETE, "/v1/kv/a", &headers, "")
        .await
        .ok();
}

#[tokio::test]
async fn a_client_that_has_the_value_is_told_so() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let missing = http.get("/v1/counters/n").await.ok();
    assert!(!missing.headers.contains_key("etag"), "{missing:?}");
    let get = async |path: &str, name: &str, tags: &str| {
        http.send(Method::GET, path, &[(name, tags)], "").await
    };
    for path in ["/v1/kv/a", "/v1/counters/n"] {
        for (name, tags) in [("if-none-match", "*"), ("if-none-match", "\"0\"")] {
            let answer = get(path, name, tags).await;
            assert_ne!(answer.status, StatusCode::NOT_MODIFIED, "{answer:?}");
        }
        get(path, "if-match", "*")
            .await
            .problem(ProblemKind::RevisionMismatch);
    }
    http.put("/v1/kv/a", "1").await.ok();
    http.post("/v1/counters/n", "{\"add\":1}").await.ok();
    for path in ["/v1/kv/a", "/v1/counters/n"] {
        let first = http.get(path).await.ok();
        let tag = first.header("etag");
        assert!(!tag.is_empty());
        for tags in ["*", tag, &format!("\"x\", W/{tag}")] {
            let answer = get(path, "if-none-match", tags).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{answer:?}");
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(answer.header("consistency-served"), "linearizable");
            assert!(answer.body.is_empty());
        }
        let answer = get(path, "if-none-match", "\"x\"").await.ok();
        assert_eq!(answer.body, first.body);
        get(path, "if-match", tag).await.ok();
        get(path, "if-match", "\"x\"")
            .await
            .problem(ProblemKind::RevisionMismatch);
        get(path, "if-none-match", "x")
            .await
            .problem(ProblemKind::MalformedRequest);
    }
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
