//! What the transport did, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use quorate_clocks::NodeId;
use quorate_transport::LaneGroup;

/// A handle to the transport's counters and connections. It is cheap to clone, and stays when the
/// transport has moved into the task that drives it.
///
/// ```
/// # use quorate_tcp::{TcpOptions, TcpTransport};
/// # use quorate_transport::{Wire, WireError};
/// # struct Note(bytes::Bytes);
/// # impl Wire for Note {
/// #     const VERSION: u8 = 1;
/// #     fn kind(&self) -> u8 { 0 }
/// #     fn encoded_len(&self) -> usize { self.0.len() }
/// #     fn encode(&self, out: &mut bytes::BytesMut) { out.extend_from_slice(&self.0) }
/// #     fn decode(_: u8, _: u8, body: bytes::Bytes) -> Result<Self, WireError> { Ok(Note(body)) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let options = TcpOptions::new(quorate_clocks::NodeId(1), 1, "127.0.0.1:0".parse()?, [].into());
/// let transport = TcpTransport::<Note>::bind(options).await?;
/// let stats = transport.stats();
/// tokio::spawn(async move { transport.close().await });
/// println!("{:?} to {:?}", stats.counts(), stats.connected());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TcpStats(Arc<Shared>);

impl TcpStats {
    pub(crate) fn new(peers: impl Iterator<Item = NodeId>) -> Self {
        Self(Arc::new(Shared {
            links: peers.map(|peer| (peer, Links::default())).collect(),
            counters: Counters::default(),
        }))
    }

    /// The peers to which the urgent and the log lane are connected, in the order of their ids.
    pub fn connected(&self) -> Vec<NodeId> {
        let links = self.0.links.iter();
        links
            .filter(|(_, links)| links.prompt.load(Ordering::Acquire))
            .map(|(peer, _)| *peer)
            .collect()
    }

    /// Whether the connection to `peer` that carries the lanes of `group` is up.
    pub fn is_connected(&self, peer: NodeId, group: LaneGroup) -> bool {
        let links = self.0.links.get(&peer);
        links.is_some_and(|links| links.of(group).load(Ordering::Acquire))
    }

    /// The counters since the start.
    pub fn counts(&self) -> TcpCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        TcpCounts {
            frames_sent: read(&counters.frames_sent),
            bytes_sent: read(&counters.bytes_sent),
            writes: read(&counters.writes),
            frames_received: read(&counters.frames_received),
            bytes_received: read(&counters.bytes_received),
            frames_refused: read(&counters.frames_refused),
            frames_lost: read(&counters.frames_lost),
            frames_bad: read(&counters.frames_bad),
            connections_opened: read(&counters.connections_opened),
            connections_failed: read(&counters.connections_failed),
            connections_accepted: read(&counters.connections_accepted),
            connections_refused: read(&counters.connections_refused),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn set_connected(&self, peer: NodeId, group: LaneGroup, connected: bool) {
        if let Some(links) = self.0.links.get(&peer) {
            links.of(group).store(connected, Ordering::Release);
        }
    }
}

/// How often things happened, since the transport was bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpCounts {
    /// Frames that the kernel took. Whether they arrived, nobody knows.
    pub frames_sent: u64,
    /// Bytes of these frames, with their headers.
    pub bytes_sent: u64,
    /// Writes to sockets: `frames_sent / writes` is how well frames were batched.
    pub writes: u64,
    /// Messages that arrived.
    pub frames_received: u64,
    /// Bytes that arrived, with their headers.
    pub bytes_received: u64,
    /// Messages that `send` gave back, for whatever reason.
    pub frames_refused: u64,
    /// Messages that were taken and lost, because their connection broke before they were written.
    pub frames_lost: u64,
    /// Frames that arrived and were damaged or meaningless. Each closed its connection.
    pub frames_bad: u64,
    /// Connections that this node dialed and that passed the handshake.
    pub connections_opened: u64,
    /// Tries to connect to a peer that did not get through the handshake.
    pub connections_failed: u64,
    /// Connections that were accepted and passed the handshake.
    pub connections_accepted: u64,
    /// Connections that were turned away: strangers, silent ones, too many at once.
    pub connections_refused: u64,
}

/// Nothing is decided by these numbers, so their order among each other does not matter and all of
/// them are `Relaxed`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames_sent: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) frames_received: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) frames_refused: AtomicU64,
    pub(crate) frames_lost: AtomicU64,
    pub(crate) frames_bad: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
    pub(crate) connections_failed: AtomicU64,
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
}

/// Counts `by` more.
pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

#[derive(Debug)]
struct Shared {
    links: BTreeMap<NodeId, Links>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Links {
    prompt: AtomicBool,
    bulk: AtomicBool,
}

impl Links {
    const fn of(&self, group: LaneGroup) -> &AtomicBool {
        match group {
            LaneGroup::Prompt => &self.prompt,
            LaneGroup::Bulk => &self.bulk,
        }
    }
}
