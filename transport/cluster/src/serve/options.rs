//! What a node is started with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use quorate_clocks::NodeId;

use super::ServeError;
use crate::cli::{Peer, ServeArgs};

/// What a node is started with: [`ServeArgs`], checked.
///
/// ```
/// use quorate::serve::ServeOptions;
///
/// let alone = ServeOptions::new(1, "/var/lib/quorate");
/// assert_eq!(alone.voters().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// This node.
    pub id: NodeId,
    /// Where everything durable lives.
    pub data: PathBuf,
    /// Where to listen for the other nodes. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen for clients. Port 0 takes a free one.
    pub http: SocketAddr,
    /// The other nodes: `host:port` for nodes, and for clients where known.
    pub peers: BTreeMap<NodeId, PeerAddresses>,
    /// The cluster's name, at most 255 bytes on one line.
    pub cluster: String,
    /// Whether `PUT /v1/faults` is taken.
    pub allow_faults: bool,
    /// Every request is answered within this time.
    pub request_timeout: Duration,
    /// How long a follower waits until it has seen what a session has, before it sends the client
    /// to the leader.
    pub session_wait: Duration,
    /// Reads and writes that are worked on at once. Further ones are refused with 503.
    pub max_requests: usize,
    /// Bodies that are on their way at once, each of which may be as large as a value. Requests
    /// with further ones are refused with 503; those without a body are not.
    pub max_bodies: usize,
    /// A node that hears nothing from a leader for one to two of these stands for election.
    pub election_timeout: Duration,
    /// A snapshot is written after this many entries.
    pub snapshot_every: u64,
}

/// Where another node is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerAddresses {
    /// `host:port` for nodes.
    pub raft: String,
    /// `host:port` for clients.
    pub http: Option<String>,
}

impl ServeOptions {
    /// A node of its own, on free ports of the loopback interface, with the defaults of the command.
    pub fn new(id: u64, data: impl Into<PathBuf>) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            id: NodeId(id),
            data: data.into(),
            listen: loopback,
            http: loopback,
            peers: BTreeMap::new(),
            cluster: "quorate".to_owned(),
            allow_faults: false,
            request_timeout: Duration::from_secs(5),
            session_wait: Duration::from_secs(1),
            max_requests: 4_096,
            max_bodies: 1_024,
            election_timeout: Duration::from_millis(500),
            snapshot_every: 20_000,
        }
    }

    /// Checks what the command line says.
    pub fn from_args(args: ServeArgs) -> Result<Self, ServeError> {
        let mut options = Self {
            listen: args.listen,
            http: args.http,
            cluster: args.cluster,
            allow_faults: args.allow_faults,
            request_timeout: Duration::from_millis(args.request_timeout_ms),
            election_timeout: Duration::from_millis(args.election_timeout_ms),
            snapshot_every: args.snapshot_every,
            ..Self::new(args.id, args.data)
        };
        for peer in args.peers {
            options.add_peer(peer)?;
        }
        options.check()?;
        Ok(options)
    }

    /// Adds another node, unless it is named already.
    pub fn add_peer(&mut self, peer: Peer) -> Result<(), ServeError> {
        let id = NodeId(peer.id);
        if id == self.id {
            return Err(ServeError::usage(format!(
                "--peer {}=… is this node itself; name only the others",
                peer.id
            )));
        }
        let addresses = PeerAddresses {
            raft: peer.raft,
            http: peer.http,
        };
        if self.peers.insert(id, addresses).is_some() {
            return Err(ServeError::usage(format!(
                "--peer {}=… is given twice; each node has one number",
                peer.id
            )));
        }
        Ok(())
    }

    /// Every member of the cluster, this one too.
    pub fn voters(&self) -> BTreeSet<NodeId> {
        self.peers.keys().copied().chain([self.id]).collect()
    }

    pub(super) fn check(&self) -> Result<(), ServeError> {
        if self.cluster.is_empty() || self.cluster.len() > 255 {
            return Err(ServeError::usage(format!(
                "--cluster has {} bytes; it may have 1 to 255",
                self.cluster.len()
            )));
        }
        if self.cluster.contains(['\n', '\r']) {
            return Err(ServeError::usage("--cluster has more than one line"));
        }
        Ok(())
    }

    /// The cluster's name as the number that nodes show each other: FNV-1a of 128 bits.
    pub(super) fn cluster_number(&self) -> u128 {
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.cluster.bytes().fold(OFFSET, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(PRIME)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_once_and_does_not_name_itself() {
        let mut options = ServeOptions::new(1, "x");
        options.add_peer("2=a:1,a:2".parse().unwrap()).unwrap();
        let twice = options.add_peer("2=b:1".parse().unwrap()).unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
        let itself = options.add_peer("1=b:1".parse().unwrap()).unwrap_err();
        assert!(itself.to_string().contains("itself"), "{itself}");
    }

    #[test]
    fn cluster_numbers_differ() {
        let number = |name: &str| {
            let mut options = ServeOptions::new(1, "x");
            options.cluster = name.to_owned();
            options.cluster_number()
        };
        assert_ne!(number("a"), number("b"));
        // The published test vector of FNV-1a 128 for "a".
        assert_eq!(number("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
