//! What every handler shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Uri, header};
use quorate_clocks::{Incarnation, NodeId, SystemClock};
use quorate_consistency::SessionToken;
use quorate_raft_node::Node;
use quorate_tcp::TcpStats;

use super::faults::FaultSwitch;
use super::in_flight::InFlight;
use super::metrics::Metrics;
use super::{Failure, Replica};
use crate::api::{Problem, ProblemKind, header as names};
use crate::service::LogClock;

/// The cluster is one group: the only shard that session tokens speak of.
pub(super) const SHARD: u64 = 0;

/// Requests that are worked on at once. Further ones are refused. Each may hold a whole value.
const MAX_REQUESTS: usize = 4_096;

/// What every handler shares.
pub(super) struct App {
    pub(super) id: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) cluster: String,
    pub(super) node: Node<Replica>,
    pub(super) log_clock: Arc<LogClock>,
    pub(super) system_clock: SystemClock,
    /// Where clients reach the other nodes.
    pub(super) http_addresses: BTreeMap<NodeId, String>,
    pub(super) peers: Vec<NodeId>,
    pub(super) in_flight: InFlight,
    pub(super) request_timeout: Duration,
    pub(super) session_wait: Duration,
    /// There when faults are allowed.
    pub(super) faults: Option<FaultSwitch>,
    pub(super) metrics: Metrics,
    pub(super) tcp: TcpStats,
    pub(super) requests: AtomicUsize,
}

/// Counts a request while it is worked on.
pub(super) struct Admitted<'a>(&'a AtomicUsize);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    /// Lets a request in, unless too many are.
    pub(super) fn admit(&self) -> Option<Admitted<'_>> {
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let admitted = Admitted(&self.requests);
        (before < MAX_REQUESTS).then_some(admitted)
    }

    /// Sends the client to the leader, or asks it to come back when there is one.
    pub(super) fn elsewhere(&self, leader: Option<NodeId>, uri: &Uri) -> Failure {
        let Some(leader) = leader.filter(|leader| *leader != self.id) else {
            return Failure::new(
                ProblemKind::NoLeader,
                "no node is known to lead right now, and nothing was done; try again",
            );
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let location = self
            .http_addresses
            .get(&leader)
            .and_then(|address| HeaderValue::try_from(format!("http://{address}{path}")).ok());
        let Some(location) = location else {
            return Failure::of(Problem {
                leader: Some(leader.0),
                ..Problem::new(
                    ProblemKind::LeaderAddressUnknown,
                    format!(
                        "node {0} leads, and this node was not told where clients reach it, so \
                         nothing was done; ask node {0} itself, or start this one with \
                         --peer {0}=ADDR,HTTP_ADDR",
                        leader.0
                    ),
                )
            });
        };
        Failure::of(Problem {
            leader: Some(leader.0),
            ..Problem::new(
                ProblemKind::NotLeader,
                format!("node {} leads; ask it", leader.0),
            )
        })
        .with(header::LOCATION, location)
    }

    /// The headers of an answer that tells what the session has seen.
    pub(super) fn session_header(session: &SessionToken) -> (HeaderName, HeaderValue) {
        let name = HeaderName::from_static(names::SESSION_TOKEN);
        // A token is short visible ASCII; an empty one asks for nothing, so it is always safe.
        let value = HeaderValue::try_from(session.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        (name, value)
    }
}
