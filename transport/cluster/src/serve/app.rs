//! What every handler shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Uri, header};
use quorate_clocks::{Incarnation, NodeId, SystemClock};
use quorate_consistency::session::Session;
use quorate_raft_node::Node;
use quorate_tcp::TcpStats;

use super::faults::FaultSwitch;
use super::in_flight::InFlight;
use super::metrics::Metrics;
use super::places::{Place, Places};
use super::{Failure, Replica};
use crate::api::{Problem, ProblemKind, header as names};
use crate::service::LogClock;

/// The cluster is one group: the only shard that session tokens speak of.
pub(super) const SHARD: u64 = 0;
/// The longest session token that is given out. Many servers and proxies take no more than 8 KiB of headers.
const MAX_TOKEN_BYTES: usize = 4 << 10;

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
    /// Of reads and writes that are worked on.
    pub(super) requests: Places,
    /// Of bodies that are on their way. Clients choose how long that takes, so what operators ask
    /// for and what has arrived must not need one.
    pub(super) bodies: Places,
}

impl App {
    /// Lets a read or a write in, unless too many are worked on. Call it when all of the request is
    /// there: nothing but this node's work keeps the place then.
    pub(super) fn admit(&self) -> Result<Place<'_>, Failure> {
        self.requests.take().ok_or_else(|| {
            Failure::new(
                ProblemKind::Overloaded,
                "too many requests are worked on already, and nothing was done; try again",
            )
        })
    }

    /// Lets a body in, unless too many are on their way.
    pub(super) fn admit_body(&self) -> Result<Place<'_>, Failure> {
        self.bodies.take().ok_or_else(|| {
            Failure::new(
                ProblemKind::Overloaded,
                "too many bodies are on their way already, and nothing was done; try again",
            )
        })
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
    pub(super) fn session_header(session: Session) -> (HeaderName, HeaderValue) {
        let name = HeaderName::from_static(names::SESSION_TOKEN);
        let mut token = session.into_token();
        // What the client saw here is a few bytes. It may have brought what it saw elsewhere.
        let _ = token.fit_text(MAX_TOKEN_BYTES);
        // A token is visible ASCII. No request is served with an empty one, so none would be lost by it.
        let value = HeaderValue::try_from(token.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        (name, value)
    }
}
