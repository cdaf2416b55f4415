//! Three nodes: redirects, followers' reads, cut links.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use quorate::api::{CounterValue, ProblemKind};

use super::support::{Answer, Http, PATIENCE, Running, directory, fresh_key, settled, three};

fn everyone_but(node: &Running, nodes: &[Running]) -> String {
    let others: Vec<String> = nodes
        .iter()
        .map(Running::id)
        .filter(|id| *id != node.id())
        .map(|id| id.to_string())
        .collect();
    format!("{{\"cut\":[{}]}}", others.join(","))
}

async fn cut_off(node: &Running, nodes: &[Running]) {
    node.http
        .put("/v1/faults", everyone_but(node, nodes))
        .await
        .ok();
}

async fn heal(node: &Running) {
    node.http.put("/v1/faults", "{}").await.ok();
}

/// Waits until a node has applied something, and knows how stale it is at most.
async fn caught_up(node: &Running, index: u64) {
    node.wait_for("what was written", |status| status.applied >= index)
        .await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while node
        .http
        .get("/v1/counters/none?consistency=eventual")
        .await
        .header("staleness-ms")
        == "unknown"
    {
        assert!(tokio::time::Instant::now() < deadline, "nothing is proved");
    }
}

async fn keyed_add(http: &Http, key: &str) -> Answer {
    http.send(
        Method::POST,
        "/v1/counters/n",
        &[("idempotency-key", key)],
        "{\"add\":1}",
    )
    .await
}

#[tokio::test]
async fn a_follower_sends_to_the_leader_what_only_the_leader_may_answer() {
    let dir = directory();
    let nodes = three(dir.path(), |_| {}).await;
    let [leader, followers @ ..] = &nodes[..] else {
        unreachable!()
    };
    leader.http.put("/v1/kv/a", "1").await.ok();
    let address = leader.server.http_address();
    for follower in followers {
        let lease = "{\"owner\":\"ann\",\"ttl_ms\":60000}";
        for (method, path, body) in [
            (Method::PUT, "/v1/kv/a", "x"),
            (Method::DELETE, "/v1/kv/a", ""),
            (Method::POST, "/v1/counters/a%2Fb", "{\"add\":1}"),
            (Method::POST, "/v1/leases/l", lease),
            (Method::GET, "/v1/kv/a", ""),
            (Method::GET, "/v1/kv/a?consistency=linearizable", ""),
            (Method::GET, "/v1/counters/n?consistency=lease", ""),
        ] {
            let answer = follower.http.send(method, path, &[], body).await;
            let problem = answer.problem(ProblemKind::NotLeader);
            assert_eq!(problem.leader, Some(leader.id()));
            assert_eq!(answer.header("location"), format!("http://{address}{path}"));
        }
        let status = follower.http.status().await;
        assert_eq!(status.role, "follower");
        assert_eq!(status.leader_http, Some(address.to_string()));
    }
    assert_eq!(leader.http.get("/v1/kv/a").await.text(), "1");
    let status = leader.http.status().await;
    assert_eq!(status.peers.len(), 2);
}

#[tokio::test]
async fn a_session_reads_its_own_writes_on_a_follower() {
    let dir = directory();
    let nodes = three(dir.path(), |_| {}).await;
    let [leader, followers @ ..] = &nodes[..] else {
        unreachable!()
    };
    for round in 0..20 {
        let value = round.to_string();
        let put = leader.http.put("/v1/kv/a", value.clone()).await.ok();
        let session = put.header("session-token").to_owned();
        for follower in followers {
            let headers = [("session-token", &session[..])];
            let path = "/v1/kv/a?consistency=session";
            let got = follower.http.send(Method::GET, path, &headers, "").await;
            assert_eq!(got.ok().text(), value);
        }
    }
}

#[tokio::test]
async fn a_follower_serves_what_it_has_and_says_how_old_it_may_be() {
    let dir = directory();
    let nodes = three(dir.path(), |_| {}).await;
    let [leader, follower, _] = &nodes[..] else {
        unreachable!()
    };
    let put = leader.http.put("/v1/kv/a", "1").await.ok();
    caught_up(follower, put.revision()).await;
    let got = follower
        .http
        .get("/v1/kv/a?consistency=eventual")
        .await
        .ok();
    assert_eq!(got.text(), "1");
    assert_eq!(got.header("consistency-served"), "eventual");
    assert_eq!(got.header("quorate-node"), follower.id().to_string());
    let got = follower
        .http
        .get("/v1/kv/a?consistency=bounded-30000")
        .await
        .ok();
    assert_eq!(got.header("consistency-served"), "bounded-30000");
    assert!(got.header("staleness-ms").parse::<u64>().unwrap() <= 30_000);
    // Nothing is proved to a follower in no time at all.
    follower
        .http
        .get("/v1/kv/a?consistency=bounded-0")
        .await
        .problem(ProblemKind::NotLeader);
    let got = leader.http.get("/v1/kv/a?consistency=bounded-0").await.ok();
    assert_eq!(got.header("staleness-ms"), "0");
}

#[tokio::test]
async fn a_node_that_is_cut_off_serves_only_what_may_be_old() {
    let dir = directory();
    let nodes = three(dir.path(), |options| options.allow_faults = true).await;
    let [leader, follower, _] = &nodes[..] else {
        unreachable!()
    };
    let put = leader.http.put("/v1/kv/a", "1").await.ok();
    caught_up(follower, put.revision()).await;
    cut_off(follower, &nodes).await;
    follower
        .wait_for("no leader", |status| status.leader.is_none())
        .await;
    for level in ["linearizable", "lease", "bounded-1"] {
        let path = format!("/v1/kv/a?consistency={level}");
        let answer = follower.http.get(&path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let answer = follower.http.put("/v1/kv/a", "x").await;
    answer.problem(ProblemKind::NoLeader);
    assert_eq!(answer.header("retry-after"), "1");
    let got = follower
        .http
        .get("/v1/kv/a?consistency=eventual")
        .await
        .ok();
    assert_eq!(got.text(), "1");
    assert!(got.header("staleness-ms").parse::<u64>().unwrap() > 0);

    // The others go on, and when the links heal this one catches up.
    let put = leader.http.put("/v1/kv/a", "2").await.ok();
    heal(follower).await;
    follower
        .wait_for("the second write", |status| {
            status.applied >= put.revision()
        })
        .await;
    let got = follower
        .http
        .get("/v1/kv/a?consistency=eventual")
        .await
        .ok();
    assert_eq!(got.text(), "2");
}

#[tokio::test]
async fn a_write_of_unknown_fate_is_said_to_be_so_and_its_retry_counts_once() {
    let dir = directory();
    let mut nodes = three(dir.path(), |options| {
        options.allow_faults = true;
        // So long that the leader does not notice before the request has timed out.
        options.election_timeout = Duration::from_secs(4);
        options.request_timeout = Duration::from_millis(1_500);
    })
    .await;
    let key = fresh_key();
    let leader = &nodes[0];
    cut_off(leader, &nodes).await;
    let (one, other) = tokio::join!(keyed_add(&leader.http, &key), keyed_add(&leader.http, &key));
    // Whichever came first is on its way; the second is told so.
    let (waited, refused) = if one.status == StatusCode::CONFLICT {
        (other, one)
    } else {
        (one, other)
    };
    refused.problem(ProblemKind::KeyInFlight);
    let problem = waited.problem(ProblemKind::UnknownOutcome);
    assert!(problem.detail.contains("Idempotency-Key"), "{problem:?}");

    heal(leader).await;
    settled(&mut nodes).await;
    let retried = loop {
        let answer = keyed_add(&nodes[0].http, &key).await;
        if answer.status.is_success() {
            break answer;
        }
        assert!(
            [503, 504, 307].contains(&answer.status.as_u16()),
            "{answer:?}"
        );
        settled(&mut nodes).await;
    };
    let sum: CounterValue = retried.json();
    assert_eq!(sum.value, 1);
    let read: CounterValue = nodes[0].http.get("/v1/counters/n").await.json();
    assert_eq!(read, sum);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_leading_and_the_others_go_on() {
    let dir = directory();
    let nodes = three(dir.path(), |options| options.allow_faults = true).await;
    let [leader, rest @ ..] = &nodes[..] else {
        unreachable!()
    };
    leader.http.put("/v1/kv/a", "1").await.ok();
    cut_off(leader, &nodes).await;
    rest[0]
        .wait_for("another leader", |status| {
            status.leader.is_some_and(|id| id != leader.id())
        })
        .await;
    leader
        .wait_for("having stepped down", |status| !status.is_leader())
        .await;
    let answer = leader.http.get("/v1/kv/a").await;
    assert!(!answer.status.is_success(), "{answer:?}");
    let mut rest: Vec<&Running> = rest.iter().collect();
    let id = rest[0].http.status().await.leader;
    rest.sort_by_key(|node| Some(node.id()) != id);
    rest[0].http.put("/v1/kv/a", "2").await.ok();
    heal(leader).await;
    let after = rest[0].http.status().await.applied;
    leader
        .wait_for("catching up", |status| status.applied >= after)
        .await;
    let got = leader.http.get("/v1/kv/a?consistency=eventual").await.ok();
    assert_eq!(got.text(), "2");
}

#[tokio::test]
async fn a_follower_that_was_away_for_long_is_sent_the_whole_state() {
    let dir = directory();
    let nodes = three(dir.path(), |options| {
        options.allow_faults = true;
        options.snapshot_every = 20;
    })
    .await;
    let [leader, follower, _] = &nodes[..] else {
        unreachable!()
    };
    cut_off(follower, &nodes).await;
    let key = fresh_key();
    keyed_add(&leader.http, &key).await.ok();
    let lease = "{\"owner\":\"ann\",\"ttl_ms\":60000}";
    leader.http.post("/v1/leases/l", lease).await.ok();
    let mut last = 0;
    for value in 0..120 {
        let path = format!("/v1/kv/{}", value % 10);
        last = leader
            .http
            .put(&path, value.to_string())
            .await
            .ok()
            .revision();
    }
    heal(follower).await;
    let status = follower
        .wait_for("the whole state", |status| status.applied >= last)
        .await;
    let of_leader = leader.http.status().await;
    assert_eq!((status.keys, status.counters, status.leases), (10, 1, 1));
    assert_eq!(status.idempotency_keys, of_leader.idempotency_keys);
    assert_eq!(status.log_time_ms, of_leader.log_time_ms);
    let metrics = follower.http.get("/metrics").await.ok();
    assert!(
        metrics
            .text()
            .lines()
            .any(|line| line == "quorate_snapshots_restored_total 1"),
        "{}",
        metrics.text()
    );
    for key in 0..10 {
        let path = format!("/v1/kv/{key}?consistency=eventual");
        let got = follower.http.get(&path).await.ok();
        assert_eq!(got.text(), (110 + key).to_string());
    }
}

#[tokio::test]
async fn a_node_without_peers_http_address_does_not_send_into_the_void() {
    let dir = directory();
    let nodes = three(dir.path(), |options| {
        for peer in options.peers.values_mut() {
            peer.http = None;
        }
    })
    .await;
    let leader = nodes[0].id();
    for (method, body) in [(Method::PUT, "1"), (Method::GET, "")] {
        let answer = nodes[1].http.send(method, "/v1/kv/a", &[], body).await;
        let problem = answer.problem(ProblemKind::LeaderAddressUnknown);
        assert_eq!(problem.leader, Some(leader));
        for told in [
            format!("node {leader} leads"),
            format!("--peer {leader}=ADDR,HTTP_ADDR"),
        ] {
            assert!(problem.detail.contains(&told), "{problem:?}");
        }
        // Waiting would not help.
        assert_eq!(answer.header("retry-after"), "");
    }
}
