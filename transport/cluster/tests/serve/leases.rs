//! Leases and fencing tokens.

use axum::http::Method;
use quorate::api::{LeaseGranted, LeaseReleased, LeaseState, ProblemKind, Written};

use super::support::{Answer, Http, PATIENCE, directory, single};

async fn acquire(http: &Http, owner: &str, ttl_ms: u64) -> Answer {
    let body = format!("{{\"owner\":\"{owner}\",\"ttl_ms\":{ttl_ms}}}");
    http.post("/v1/leases/disk", body).await
}

async fn put_under(http: &Http, token: &str, value: &'static str) -> Answer {
    http.send(Method::PUT, "/v1/kv/a", &[("fencing-token", token)], value)
        .await
}

#[tokio::test]
async fn a_lease_is_acquired_renewed_and_released() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let granted = acquire(http, "ann", 60_000).await.ok();
    let ann: LeaseGranted = granted.json();
    assert_eq!((&ann.name[..], &ann.owner[..]), ("disk", "ann"));
    assert_eq!(ann.ttl_ms, 60_000);
    assert_eq!(ann.revision, granted.revision());

    let problem = acquire(http, "bob", 60_000)
        .await
        .problem(ProblemKind::LeaseHeld);
    assert_eq!(problem.holder.as_deref(), Some("ann"));
    let remaining = problem.remaining_ms.unwrap();
    assert!((1..=60_000).contains(&remaining), "{remaining}");

    let renewed: LeaseGranted = http
        .put(
            "/v1/leases/disk",
            format!("{{\"token\":{},\"ttl_ms\":90000}}", ann.token),
        )
        .await
        .json();
    assert_eq!((renewed.token, renewed.ttl_ms), (ann.token, 90_000));

    let release = async |token: u64| {
        let body = format!("{{\"token\":{token}}}");
        http.send(Method::DELETE, "/v1/leases/disk", &[], body)
            .await
    };
    release(ann.token + 1).await.problem(ProblemKind::LeaseLost);
    let released: LeaseReleased = release(ann.token).await.json();
    assert_eq!(released.token, ann.token);
    let bob: LeaseGranted = acquire(http, "bob", 60_000).await.json();
    assert!(bob.token > ann.token);
    http.put(
        "/v1/leases/disk",
        format!("{{\"token\":{},\"ttl_ms\":90000}}", ann.token),
    )
    .await
    .problem(ProblemKind::LeaseLost);
}

#[tokio::test]
async fn an_expired_lease_goes_to_the_next_and_its_old_holder_is_fenced_off() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let ann: LeaseGranted = acquire(http, "ann", 20).await.json();
    let ann = format!("disk:{}", ann.token);
    let _: Written = put_under(http, &ann, "ann").await.json();
    // Ann is silent. The log's time passes by itself while there is a leader.
    let bob: LeaseGranted = loop {
        let answer = acquire(http, "bob", 60_000).await;
        if answer.status.is_success() {
            break answer.json();
        }
        answer.problem(ProblemKind::LeaseHeld);
    };
    // Bob has not written yet, and Ann is refused all the same.
    let problem = put_under(http, &ann, "late")
        .await
        .problem(ProblemKind::StaleToken);
    assert_eq!(problem.newest_token, Some(bob.token));
    let _: Written = put_under(http, &format!("disk:{}", bob.token), "bob")
        .await
        .json();
    put_under(http, &ann, "late")
        .await
        .problem(ProblemKind::StaleToken);
    let deleted = http
        .send(Method::DELETE, "/v1/kv/a", &[("fencing-token", &ann)], "")
        .await;
    deleted.problem(ProblemKind::StaleToken);
    assert_eq!(http.get("/v1/kv/a").await.text(), "bob");
}

#[tokio::test]
async fn a_fencing_token_that_is_none_is_refused() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    put_under(http, "disk:7", "x")
        .await
        .problem(ProblemKind::UnknownToken);
    for malformed in [
        "disk", "disk:", ":7", "disk:x", "disk:-1", "%zz:7", "disk:7:x",
    ] {
        let answer = put_under(http, malformed, "x").await;
        assert_eq!(answer.status.as_u16(), 400, "{malformed}: {answer:?}");
    }
    // A token of another lease is none of this one.
    let ann: LeaseGranted = acquire(http, "ann", 60_000).await.json();
    let problem = put_under(http, &format!("dsk:{}", ann.token), "x")
        .await
        .problem(ProblemKind::UnknownToken);
    assert!(problem.detail.contains("name"), "{problem:?}");
    http.get("/v1/kv/a").await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn a_name_in_a_fencing_token_is_percent_encoded() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let body = "{\"owner\":\"ann\",\"ttl_ms\":60000}";
    let granted: LeaseGranted = http.post("/v1/leases/a%3Ab%C3%A9", body).await.json();
    assert_eq!(granted.name, "a:bé");
    let token = format!("a:b%C3%A9:{}", granted.token);
    let _: Written = put_under(http, &token, "1").await.json();
}

#[tokio::test]
async fn who_holds_a_lease_can_be_asked() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let free = http.get("/v1/leases/disk").await;
    free.problem(ProblemKind::NotFound);
    assert_eq!(free.header("consistency-served"), "linearizable");
    let ann: LeaseGranted = acquire(http, "ann", 60_000).await.json();
    for level in ["linearizable", "lease", "session", "eventual"] {
        let path = format!("/v1/leases/disk?consistency={level}");
        let answer = http.get(&path).await;
        let held: LeaseState = answer.json();
        assert_eq!((&held.name[..], &held.owner[..]), ("disk", "ann"));
        assert_eq!(held.token, ann.token);
        assert!((1..=60_000).contains(&held.remaining_ms), "{held:?}");
        assert!(!answer.header("session-token").is_empty());
    }
    http.get("/v1/leases/disk?consistency=strong")
        .await
        .problem(ProblemKind::MalformedRequest);
    // Time passes also while nobody writes.
    let mut last = u64::MAX;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut falls = 0;
    while falls < 3 {
        let held: LeaseState = http.get("/v1/leases/disk").await.json();
        assert!(held.remaining_ms <= last);
        falls += u32::from(held.remaining_ms < last);
        last = held.remaining_ms;
        assert!(tokio::time::Instant::now() < deadline, "time stands still");
    }
}

#[tokio::test]
async fn a_token_may_be_given_in_the_query_of_a_release() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let ann: LeaseGranted = acquire(http, "ann", 60_000).await.json();
    let release = async |query: &str, body: &'static str| {
        let path = format!("/v1/leases/disk{query}");
        http.send(Method::DELETE, &path, &[], body).await
    };
    let query = format!("?token={}", ann.token);
    for (query, body) in [
        ("", ""),
        (&query[..], "{\"token\":1}"),
        ("?token=x", ""),
        ("?token=", ""),
        ("?tokens=1", ""),
    ] {
        release(query, body)
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    release("?token=99", "")
        .await
        .problem(ProblemKind::LeaseLost);
    let released: LeaseReleased = release(&query, "").await.json();
    assert_eq!(released.token, ann.token);
    http.get("/v1/leases/disk")
        .await
        .problem(ProblemKind::NotFound);
}
