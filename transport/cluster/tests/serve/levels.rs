//! Consistency levels on one node. What followers do is in `cluster.rs`.

use axum::http::Method;
use quorate::api::ProblemKind;
use quorate_consistency::SessionToken;

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
    let required = |text: &str| text.parse::<SessionToken>().unwrap().required(0);
    assert_eq!(required(answer.header("session-token")), required(&session));
}
