//! Status, health, metrics and faults.

use quorate::api::{Faults, ProblemKind};
use quorate::serve::ServeOptions;

use super::support::{directory, options, single, single_with, three};

#[tokio::test]
async fn status_tells_what_the_node_knows() {
    let dir = directory();
    let node = single(dir.path()).await;
    node.http.put("/v1/kv/a", "1").await.ok();
    node.http.post("/v1/counters/n", "{\"add\":1}").await.ok();
    node.http
        .post("/v1/leases/l", "{\"owner\":\"ann\",\"ttl_ms\":60000}")
        .await
        .ok();
    let status = node.http.status().await;
    assert_eq!((status.id, status.leader), (1, Some(1)));
    assert_eq!((status.incarnation, &status.cluster[..]), (1, "quorate"));
    assert!(status.is_leader() && !status.allow_faults);
    assert_eq!((status.keys, status.counters, status.leases), (1, 1, 1));
    let http = node.server.http_address().to_string();
    assert_eq!(status.leader_http.as_deref(), Some(&http[..]));
    assert!(status.applied >= 4 && status.commit >= status.applied);
    assert!(status.durable >= status.commit);
    assert!(status.peers.is_empty());
}

#[tokio::test]
async fn health_and_metrics_are_text() {
    let dir = directory();
    let node = single(dir.path()).await;
    node.http.put("/v1/kv/a", "1").await.ok();
    node.http
        .get("/v1/kv/b")
        .await
        .problem(ProblemKind::NotFound);
    assert_eq!(node.http.get("/healthz").await.ok().text(), "ok\n");
    let metrics = node.http.get("/metrics").await.ok();
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = metrics.text();
    for line in [
        "# TYPE quorate_http_requests_total counter",
        "quorate_http_requests_total{route=\"/v1/kv/{key}\",method=\"PUT\",status=\"200\"} 1",
        "quorate_http_requests_total{route=\"/v1/kv/{key}\",method=\"GET\",status=\"404\"} 1",
        "quorate_is_leader 1",
        "quorate_keys 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("quorate_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn faults_are_refused_unless_they_were_allowed() {
    let dir = directory();
    let node = single(dir.path()).await;
    node.http
        .put("/v1/faults", "{}")
        .await
        .problem(ProblemKind::FaultsNotAllowed);
    node.http
        .get("/v1/faults")
        .await
        .problem(ProblemKind::FaultsNotAllowed);
}

#[tokio::test]
async fn faults_name_peers_and_can_be_asked_for() {
    let dir = directory();
    let alone = single_with(ServeOptions {
        allow_faults: true,
        ..options(1, dir.path().join("alone"))
    })
    .await;
    assert!(alone.http.status().await.allow_faults);
    alone
        .http
        .put("/v1/faults", "{\"cut\":[2]}")
        .await
        .problem(ProblemKind::MalformedRequest);

    let nodes = three(dir.path(), |options| options.allow_faults = true).await;
    let node = nodes.iter().find(|node| node.id() == 1).unwrap();
    for body in [
        "{\"cut\":[4]}",
        "{\"cut\":[1]}",
        "{\"delay_ms\":{\"9\":5}}",
        "{\"delay_ms\":{\"2\":60001}}",
        "{\"drop\":[2]}",
        "[]",
    ] {
        node.http
            .put("/v1/faults", body)
            .await
            .problem(ProblemKind::MalformedRequest);
    }
    let none: Faults = node.http.get("/v1/faults").await.json();
    assert_eq!(none, Faults::default());
    let some: Faults = node
        .http
        .put("/v1/faults", "{\"cut\":[2],\"delay_ms\":{\"3\":5}}")
        .await
        .json();
    let told: Faults = node.http.get("/v1/faults").await.json();
    assert_eq!(told, some);
    assert_eq!((told.cut, told.delay_ms), ([2].into(), [(3, 5)].into()));
}
