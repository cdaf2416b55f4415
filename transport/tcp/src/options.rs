//! What a node must know to be reached and to reach others.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use quorate_clocks::{Incarnation, NodeId};
use quorate_transport::FRAME_BODY_LIMIT_BYTES;

/// Who a node is, where it listens, where its peers are, and every bound.
///
/// ```
/// use std::time::Duration;
///
/// use quorate_clocks::{Incarnation, NodeId};
/// use quorate_tcp::TcpOptions;
///
/// let peers = [(2, "quorate-2.internal:4000"), (3, "quorate-3.internal:4000")]
///     .map(|(id, address)| (NodeId(id), address.to_owned()));
/// let mut options = TcpOptions::new(NodeId(1), 77, "0.0.0.0:4000".parse()?, peers.into());
/// options.incarnation = Incarnation(5);
/// options.redial_cap = Duration::from_secs(5);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TcpOptions {
    /// This node.
    pub id: NodeId,
    /// Which life of this node it is: must not be smaller than in the life before, or peers that
    /// remember that one refuse this one. Zero unless set, which is right as long as it stays zero;
    /// a number that grows with every start lets peers drop the connections of the dead life at
    /// once.
    ///
    /// Nobody proves it. A stranger that reaches the port and claims a peer's id with the greatest
    /// incarnation is taken for the peer, and the real one is refused as a ghost for as long as this
    /// process runs: only a restart forgets what was claimed. So let only the nodes reach the port.
    pub incarnation: Incarnation,
    /// The cluster. Nodes of another cluster are turned away. It is not a secret.
    pub cluster: u128,
    /// Where to listen. Port 0 lets the system pick: see
    /// [`TcpTransport::local_addr`](crate::TcpTransport::local_addr).
    pub listen: SocketAddr,
    /// A socket that already listens, in place of [`listen`](Self::listen): for tests that must
    /// know every port before the first node starts, and for socket activation.
    pub listener: Option<TcpListener>,
    /// The peers, each as `host:port`. A host name is looked up at every dial. This node's own
    /// entry is skipped, so that all nodes may have the same table.
    pub peers: BTreeMap<NodeId, String>,
    /// The largest message, in bytes: 16 MiB unless set. The same on every node, or what one may
    /// send another refuses. At least 1, at most 1 GiB.
    pub max_frame_bytes: usize,
    /// How many messages may wait per peer and lane: 1,024 unless set. At least 1.
    pub queue_frames: usize,
    /// How many messages that arrived may wait to be received, for the urgent and log lane together
    /// and for the bulk lane: 1,024 unless set. At least 1.
    pub receive_frames: usize,
    /// How many bytes of messages that arrived may wait to be received, per peer, for the urgent and
    /// log lane together and for the bulk lane: 32 MiB unless set. A larger message is taken when it
    /// is the only one that waits. At least 1, at most 4 GiB - 1.
    ///
    /// Each connection has a message in the making beside them, so a node holds at most
    /// `2 * (receive_bytes + 2 * max_frame_bytes)` per peer, and a little for each read.
    pub receive_bytes: usize,
    /// How long a connection may take to be made, including both hellos: 3 s unless set.
    pub handshake_timeout: Duration,
    /// How many inbound connections may be in their handshake at once: 64 unless set. One more is
    /// closed at once. At least 1.
    pub max_handshakes: usize,
    /// How long a peer may be silent when it should not be before the connection is given up: 5 s
    /// unless set.
    ///
    /// A peer that hangs stops taking bytes; a cut link or a host without power stops acknowledging
    /// them. Either ends the connection about this long after the first byte that is not taken or
    /// not acknowledged, however few there are. A connection without traffic is probed by TCP
    /// keepalive, which counts whole seconds: it ends after this long rounded up, and 2 s at least.
    ///
    /// Only Linux can be told how long to wait for acknowledgements. On other systems a connection
    /// over a cut link ends when what is queued fills the send buffer, or when the system itself
    /// gives up, which may be minutes later: there, let the machines above have timeouts of their
    /// own.
    pub write_timeout: Duration,
    /// The first wait before a peer is dialed again is up to this: 20 ms unless set.
    pub redial_base: Duration,
    /// No wait before a peer is dialed again is longer than this: 1 s unless set. A connection that
    /// lives this long makes the waits short again; one that ends sooner counts as a failed try.
    pub redial_cap: Duration,
    /// How long [`close`](crate::TcpTransport::close) waits for what is queued to be written: 1 s
    /// unless set.
    pub close_timeout: Duration,
    /// The seed of the redial jitter: the id unless set.
    pub seed: u64,
}

impl TcpOptions {
    /// Options with the defaults that each field names.
    pub const fn new(
        id: NodeId,
        cluster: u128,
        listen: SocketAddr,
        peers: BTreeMap<NodeId, String>,
    ) -> Self {
        Self {
            id,
            incarnation: Incarnation(0),
            cluster,
            listen,
            listener: None,
            peers,
            max_frame_bytes: 16 << 20,
            queue_frames: 1_024,
            receive_frames: 1_024,
            receive_bytes: 32 << 20,
            handshake_timeout: Duration::from_secs(3),
            max_handshakes: 64,
            write_timeout: Duration::from_secs(5),
            redial_base: Duration::from_millis(20),
            redial_cap: Duration::from_secs(1),
            close_timeout: Duration::from_secs(1),
            seed: id.0,
        }
    }

    /// Finds what cannot work before a socket is opened.
    pub(crate) fn check(&self) -> Result<(), BindError> {
        let bounds = [
            (
                "max_frame_bytes",
                self.max_frame_bytes,
                FRAME_BODY_LIMIT_BYTES,
            ),
            ("queue_frames", self.queue_frames, MAX_QUEUE_FRAMES),
            ("receive_frames", self.receive_frames, MAX_QUEUE_FRAMES),
            ("receive_bytes", self.receive_bytes, MAX_RECEIVE_BYTES),
            ("max_handshakes", self.max_handshakes, MAX_QUEUE_FRAMES),
        ];
        for (option, value, max) in bounds {
            if !(1..=max).contains(&value) {
                return Err(BindError::OutOfRange { option, value, max });
            }
        }
        for (peer, address) in &self.peers {
            let port = address.rsplit_once(':').map(|(_, port)| port.parse());
            if !matches!(port, Some(Ok(1..=u16::MAX))) {
                return Err(BindError::PeerAddress {
                    peer: *peer,
                    address: address.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Far beyond any use, and far below what tokio's channels and semaphores panic at.
const MAX_QUEUE_FRAMES: usize = 1 << 24;

/// As many as a semaphore can be asked for at once.
const MAX_RECEIVE_BYTES: usize = u32::MAX as usize;

/// Why a node does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The system refuses the address: it is in use, not of this host, or needs a privilege.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A peer's address is not `host:port`.
    #[error(
        "the address of {peer} is \"{address}\", it must be host:port with a port from 1 to 65535"
    )]
    PeerAddress {
        /// The peer.
        peer: NodeId,
        /// Its address in the options.
        address: String,
    },
    /// An option is zero or far too large.
    #[error("{option} is {value}, it must be between 1 and {max}")]
    OutOfRange {
        /// The field of [`TcpOptions`].
        option: &'static str,
        /// What it is.
        value: usize,
        /// The most that it may be.
        max: usize,
    },
}
