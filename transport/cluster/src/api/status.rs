//! What a node says of itself.

use serde::{Deserialize, Serialize};

/// The answer to `GET /v1/status`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// The node that answers.
    pub id: u64,
    /// How many times it was started on its data directory.
    pub incarnation: u64,
    /// The cluster's name.
    pub cluster: String,
    /// `leader`, `follower`, `candidate` or `pre-candidate`.
    pub role: String,
    /// Its term.
    pub term: u64,
    /// The leader of that term, when known.
    pub leader: Option<u64>,
    /// The leader's HTTP address, when known.
    pub leader_http: Option<String>,
    /// The last index of its log.
    pub last: u64,
    /// How far it knows the log to be committed.
    pub commit: u64,
    /// How far its state goes.
    pub applied: u64,
    /// How far its own log is durable.
    pub durable: u64,
    /// On a leader, every other member's progress.
    pub peers: Vec<PeerProgress>,
    /// Keys with a value.
    pub keys: u64,
    /// Counters.
    pub counters: u64,
    /// Leases that have not ended.
    pub leases: u64,
    /// Idempotency keys that are remembered.
    pub idempotency_keys: u64,
    /// The log's time, in milliseconds: it stands still while there is no leader.
    pub log_time_ms: u64,
    /// Whether the node was started with `--allow-faults`.
    pub allow_faults: bool,
}

impl Status {
    /// Whether the node that answers leads.
    pub fn is_leader(&self) -> bool {
        self.role == "leader"
    }
}

/// What a leader knows of another member.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PeerProgress {
    /// The member.
    pub id: u64,
    /// The last index that it is known to hold.
    pub matched: u64,
    /// The next index to send to it.
    pub next: u64,
    /// Whether it has answered within the last election timeout.
    pub active: bool,
}
