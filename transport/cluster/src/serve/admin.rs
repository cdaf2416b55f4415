//! What operators ask a node.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use quorate_raft_core::Role;
use quorate_raft_node::{NodeStatus, ReadLevel};
use serde::Serialize;

use super::app::App;
use super::metrics::{head, single};
use super::write::stopped;
use super::{Failure, request};
use crate::api::{Faults, MAX_FAULT_DELAY_MS, PeerProgress, ProblemKind, Status};
use crate::service::Sizes;

type Answered = Result<Response, Failure>;

pub(super) async fn status(State(app): State<Arc<App>>) -> Answered {
    let (node, sizes) = look(&app).await?;
    Ok(json(&status_of(&app, &node, &sizes)))
}

/// The node's loop and its state, asked one after the other: both answer.
async fn look(app: &App) -> Result<(NodeStatus, Sizes), Failure> {
    let sizes = app
        .node
        .read(ReadLevel::Local, |replica, at| {
            (at.applied, replica.service().sizes())
        })
        .await;
    let (applied, sizes) = sizes.map_err(|_| stopped())?;
    // The published status lags by some milliseconds.
    let mut node = app.node.fresh_status().await.map_err(|_| stopped())?;
    // As of when the sizes are: the state may have moved on since. And a client may have had its
    // answer before the loop heard that the command is applied.
    node.applied = applied;
    Ok((node, sizes))
}

fn status_of(app: &App, node: &NodeStatus, sizes: &Sizes) -> Status {
    let raft = &node.raft;
    Status {
        id: app.id.0,
        incarnation: app.incarnation.0,
        cluster: app.cluster.clone(),
        role: match raft.role {
            Role::Leader => "leader",
            Role::Candidate => "candidate",
            Role::PreCandidate => "pre-candidate",
            Role::Follower => "follower",
        }
        .to_owned(),
        term: raft.term.0,
        leader: raft.leader.map(|leader| leader.0),
        leader_http: raft
            .leader
            .and_then(|leader| app.http_addresses.get(&leader).cloned()),
        last: raft.last.index.0,
        commit: raft.commit.0,
        applied: node.applied.0,
        durable: raft.durable.0,
        peers: raft
            .peers
            .iter()
            .map(|peer| PeerProgress {
                id: peer.id.0,
                matched: peer.matched.0,
                next: peer.next.0,
                active: peer.active,
            })
            .collect(),
        keys: sizes.keys,
        counters: sizes.counters,
        leases: sizes.leases,
        idempotency_keys: sizes.idempotency_keys,
        log_time_ms: sizes.log_time.as_nanos() / 1_000_000,
        allow_faults: app.faults.is_some(),
    }
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Answered {
    look(&app).await?;
    Ok(text("text/plain; charset=utf-8", "ok\n".to_owned()))
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Answered {
    let (node, sizes) = look(&app).await?;
    let status = status_of(&app, &node, &sizes);
    let counters = node.counters;
    let mut out = String::with_capacity(8 << 10);
    for (name, help, value) in [
        ("quorate_term", "Raft term.", status.term),
        (
            "quorate_is_leader",
            "1 on the leader, 0 elsewhere.",
            u64::from(status.is_leader()),
        ),
        (
            "quorate_has_leader",
            "1 while a leader is known.",
            u64::from(status.leader.is_some()),
        ),
        ("quorate_last_index", "Last index of the log.", status.last),
        (
            "quorate_commit_index",
            "Last committed index.",
            status.commit,
        ),
        (
            "quorate_applied_index",
            "Last applied index.",
            status.applied,
        ),
        (
            "quorate_durable_index",
            "Last index that is durable on this node.",
            status.durable,
        ),
        (
            "quorate_snapshot_index",
            "Last index in a durable snapshot.",
            node.snapshot.0,
        ),
        (
            "quorate_open_proposals",
            "Writes that are not answered yet.",
            node.open_proposals as u64,
        ),
        ("quorate_keys", "Keys with a value.", status.keys),
        ("quorate_counters", "Counters.", status.counters),
        (
            "quorate_leases",
            "Leases that have not ended.",
            status.leases,
        ),
        (
            "quorate_idempotency_keys",
            "Idempotency keys that are remembered.",
            status.idempotency_keys,
        ),
        (
            "quorate_state_bytes",
            "Bytes of names and values.",
            sizes.held_bytes,
        ),
        (
            "quorate_log_time_ms",
            "The log's time in milliseconds.",
            status.log_time_ms,
        ),
    ] {
        single(&mut out, name, "gauge", help, value);
    }
    let tcp = app.tcp.counts();
    for (name, help, value) in [
        (
            "quorate_raft_dropped_messages_total",
            "Messages dropped because they were stale, unknown or malformed.",
            node.raft.dropped_messages,
        ),
        (
            "quorate_log_entries_total",
            "Entries that were made durable.",
            counters.log_entries,
        ),
        (
            "quorate_log_syncs_total",
            "Syncs of the log. Fewer than entries is group commit at work.",
            counters.log_syncs,
        ),
        (
            "quorate_log_bytes_total",
            "Bytes of commands and snapshots that were made durable.",
            counters.log_bytes,
        ),
        (
            "quorate_reads_confirmed_total",
            "Reads served after asking a majority.",
            counters.reads_confirmed,
        ),
        (
            "quorate_snapshots_saved_total",
            "Snapshots of the own state that were saved.",
            counters.snapshots_saved,
        ),
        (
            "quorate_snapshots_restored_total",
            "Snapshots from a leader that replaced the state.",
            counters.snapshots_restored,
        ),
        (
            "quorate_tcp_frames_sent_total",
            "Frames handed to the system.",
            tcp.frames_sent,
        ),
        (
            "quorate_tcp_bytes_sent_total",
            "Bytes handed to the system.",
            tcp.bytes_sent,
        ),
        (
            "quorate_tcp_frames_received_total",
            "Frames that arrived whole.",
            tcp.frames_received,
        ),
        (
            "quorate_tcp_frames_lost_total",
            "Frames that were queued when their connection ended.",
            tcp.frames_lost,
        ),
        (
            "quorate_tcp_connections_opened_total",
            "Connections made to peers.",
            tcp.connections_opened,
        ),
    ] {
        single(&mut out, name, "counter", help, value);
    }
    head(
        &mut out,
        "quorate_peer_matched_index",
        "gauge",
        "On a leader, the last index that a member is known to hold.",
    );
    for peer in &status.peers {
        let _ = writeln!(
            out,
            "quorate_peer_matched_index{{peer=\"{}\"}} {}",
            peer.id, peer.matched
        );
    }
    app.metrics.render(&mut out);
    Ok(text("text/plain; version=0.0.4; charset=utf-8", out))
}

pub(super) async fn get_faults(State(app): State<Arc<App>>) -> Answered {
    match &app.faults {
        Some(switch) => Ok(json(&switch.get())),
        None => Err(not_allowed()),
    }
}

pub(super) async fn put_faults(State(app): State<Arc<App>>, body: Body) -> Answered {
    let Some(switch) = &app.faults else {
        return Err(not_allowed());
    };
    let faults: Faults = request::json(&app, body).await?;
    let named = faults.cut.iter().chain(faults.delay_ms.keys());
    for id in named {
        if !app.peers.iter().any(|peer| peer.0 == *id) {
            return Err(Failure::malformed(format!(
                "node {id} is not a peer of node {}; nothing was changed",
                app.id.0
            )));
        }
    }
    if let Some((id, delay)) = faults
        .delay_ms
        .iter()
        .find(|(_, delay)| **delay > MAX_FAULT_DELAY_MS)
    {
        return Err(Failure::malformed(format!(
            "a delay of {delay} ms for node {id}; it may be up to {MAX_FAULT_DELAY_MS}"
        )));
    }
    tracing::warn!(?faults, "links are broken on purpose");
    switch.set(faults.clone());
    Ok(json(&faults))
}

fn not_allowed() -> Failure {
    Failure::new(
        ProblemKind::FaultsNotAllowed,
        "this node was started without --allow-faults",
    )
}

fn json(body: &impl Serialize) -> Response {
    // Plain data with string keys always has a JSON form.
    let json = serde_json::to_string(body).unwrap_or_default();
    text("application/json", json)
}

fn text(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
