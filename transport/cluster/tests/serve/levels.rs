//! Consistency levels on one node. What followers do is in `cluster.rs`.

use axum::http::Method;
use quorate::api::ProblemKind;
use quorate_consistency::session::{Op, Position, Session, Token};

use super::support::{directory, options, single, single_with};

#[tokio::test]
async fn a_leader_serves_every_level_and_says_which() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    http.put("/v1/kv/a", "1").await.ok();
    http.post("/v1/counters/n", "{\"add\":1}").await.ok();
    for path in ["/v1/kv/a", "/v1/counters/n"] {
        let unasked = http.get(path).await.ok();
        assert_eq!(unasked.header("consistency-served"), "linearizable");
        for level in [
            "linearizable",
            "lease",
            "session",
            "bounded-100",
            "eventual",
        ] {
            let got = http.get(&format!("{path}?consistency={level}")).await.ok();
            let served = got.header("consistency-served");
            match level {
                // Without a lease the read is linearizable, which is more.
                "lease" => assert!(["lease", "linearizable"].contains(&served), "{served}"),
                "bounded-100" => {
                    assert!(
                        ["bounded-100", "linearizable"].contains(&served),
                        "{served}"
                    );
                }
                _ => assert_eq!(served, level),
            }
            let staleness = got.header("staleness-ms");
            match served {
                "lease" | "linearizable" => assert_eq!(staleness, "0"),
                "bounded-100" => assert!(staleness.parse::<u64>().unwrap() <= 100),
                _ => assert!(staleness == "unknown" || staleness.parse::<u64>().is_ok()),
            }
            assert!(!got.header("session-token").is_empty());
        }
    }
}

/// What a session asks for that carries this token.
fn required(token: &str) -> Vec<Position> {
    let session = Session::default().with_token(token.parse().unwrap());
    session.requirement(Op::Read, 0).positions().collect()
}

#[tokio::test]
async fn a_session_whose_token_cannot_tell_is_shown_everything() {
    let dir = directory();
    let node = single(dir.path()).await;
    let http = &node.http;
    let put = http.put("/v1/kv/a", "1").await.ok();
    let mut token: Token = put.header("session-token").parse().unwrap();
    assert!(!token.fit(0).is_nothing());
    let path = "/v1/kv/a?consistency=session";
    let headers = [("session-token", &token.to_string()[..])];
    let got = http.send(Method::GET, path, &headers, "").await.ok();
    assert_eq!(got.header("consistency-served"), "linearizable");
    assert_eq!(got.text(), "1");
    // So is one that has seen another log than this one.
    let mut session = Session::default();
    session.observe_read(0, Position::new(3, 7));
    let headers = [("session-token", &session.token().to_string()[..])];
    let got = http.send(Method::GET, path, &headers, "").await.ok();
    assert_eq!(got.header("consistency-served"), "linearizable");
}

#[tokio::test]
async fn what_a_session_saw_elsewhere_comes_back_in_a_header_that_fits() {
    let dir = directory();
    let node = single(dir.path()).await;
    let mut session = Session::default().with_service(9);
    for shard in 0..800 {
        session.observe_read(shard, 1_000 + shard * shard);
    }
    let headers = [("session-token", &session.token().to_string()[..])];
    let put = node
        .http
        .send(Method::PUT, "/v1/kv/a", &headers, "1")
        .await
        .ok();
    let text = put.header("session-token");
    assert!(text.len() <= 4_096 && text.len() > 3_000, "{}", text.len());
    let token: Token = text.parse().unwrap();
    assert!(token.is_coarsened());
    // Nothing is asked of the other service that it could not be asked for before.
    let elsewhere = Session::default().with_service(9).with_token(token);
    for shard in 0..800 {
        let before = session.requirement(Op::Read, shard).positions().next();
        let now = elsewhere.requirement(Op::Read, shard).positions().next();
        assert!(
            now >= before && now.is_some(),
            "{shard}: {now:?}, {before:?}"
        );
    }
    // Here it is exact.
    assert_eq!(required(text).len(), 1);
}

#[tokio::test]
async fn a_session_that_has_seen_the_future_is_told_so() {
    let (near, far) = (directory(), directory());
    let node = single(near.path()).await;
    let other = single_with(quorate::serve::ServeOptions {
        session_wait: std::time::Duration::from_millis(30),
        ..options(1, far.path())
    })
    .await;
    let mut session = String::new();
    for _ in 0..20 {
        session = node
            .http
            .put("/v1/kv/a", "1")
            .await
            .ok()
            .header("session-token")
            .to_owned();
    }
    let headers = [("session-token", &session[..])];
    let path = "/v1/kv/a?consistency=session";
    node.http.send(Method::GET, path, &headers, "").await.ok();
    let answer = other.http.send(Method::GET, path, &headers, "").await;
    answer.problem(ProblemKind::SessionBehind);
    assert_eq!(answer.header("retry-after"), "1");
    // Other levels ask for nothing of the session, and do not forget what it has seen.
    let eventual = "/v1/kv/a?consistency=eventual";
    let answer = other.http.send(Method::GET, eventual, &headers, "").await;
    answer.problem(ProblemKind::NotFound);
    assert_eq!(required(answer.header("session-token")), required(&session));
}
