//! Nodes on real sockets of this host, and strangers that knock on their ports.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]
// why: tests of sockets have sockets; not every test file uses every helper.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use quorate_clocks::{Incarnation, NodeId};
use quorate_tcp::{TcpOptions, TcpTransport};
use quorate_transport::{
    HELLO_BYTES, Hello, Lane, LaneGroup, Received, Refused, Transmit, Transport, Wire, WireError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const CLUSTER: u128 = 77;

/// Far longer than anything takes, so that only a real failure fails a test on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A number, and so many bytes of filling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    pub number: u64,
    pub filling: Bytes,
}

impl Wire for Note {
    const VERSION: u8 = 1;

    fn kind(&self) -> u8 {
        0
    }

    fn encoded_len(&self) -> usize {
        8 + self.filling.len()
    }

    fn encode(&self, out: &mut BytesMut) {
        out.put_u64_le(self.number);
        out.put_slice(&self.filling);
    }

    fn decode(version: u8, kind: u8, body: Bytes) -> Result<Self, WireError> {
        let Some(number) = body.first_chunk::<8>() else {
            return Err(WireError::Truncated {
                needed: 8,
                left: body.len(),
            });
        };
        if kind != 0 {
            return Err(WireError::UnknownKind { kind, version });
        }
        Ok(Self {
            number: u64::from_le_bytes(*number),
            filling: body.slice(8..),
        })
    }
}

pub type Node = TcpTransport<Note>;

pub fn note(to: u64, lane: Lane, number: u64) -> Transmit<Note> {
    filled(to, lane, number, 0)
}

pub fn filled(to: u64, lane: Lane, number: u64, bytes: usize) -> Transmit<Note> {
    let filling = Bytes::from(vec![0xAB; bytes]);
    Transmit {
        to: NodeId(to),
        lane,
        message: Note { number, filling },
    }
}

/// Ports of this host on which nothing listens yet but the test, one per node from 1.
pub struct Ports {
    listeners: BTreeMap<u64, TcpListener>,
    pub table: BTreeMap<NodeId, String>,
}

impl Ports {
    pub fn new(nodes: u64) -> Self {
        let host = own_host();
        let listeners: BTreeMap<_, _> = (1..=nodes)
            .map(|id| (id, TcpListener::bind((host, 0)).unwrap()))
            .collect();
        let table = listeners
            .iter()
            .map(|(id, listener)| (NodeId(*id), listener.local_addr().unwrap().to_string()))
            .collect();
        Self { listeners, table }
    }

    pub fn address(&self, id: u64) -> SocketAddr {
        self.table[&NodeId(id)].parse().unwrap()
    }

    /// The socket that already listens on the port of that node.
    pub fn listener(&mut self, id: u64) -> TcpListener {
        self.listeners.remove(&id).unwrap()
    }

    pub fn options(&mut self, id: u64) -> TcpOptions {
        let mut options =
            TcpOptions::new(NodeId(id), CLUSTER, self.address(id), self.table.clone());
        options.listener = self.listeners.remove(&id);
        options
    }

    pub async fn node(&mut self, id: u64) -> Node {
        let options = self.options(id);
        bind(options).await
    }
}

/// A loopback address that no other test uses. A test that frees a port and binds it again then
/// cannot lose it to a test beside it, nor to an outgoing connection, which comes from 127.0.0.1.
/// Only Linux has all of 127.0.0.0/8 without being asked.
fn own_host() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, high | 0x80, low, next)
}

pub async fn bind(options: TcpOptions) -> Node {
    TcpTransport::bind(options).await.unwrap()
}

/// All nodes of a table, connected with each other in both groups.
pub async fn cluster(nodes: u64) -> (Ports, Vec<Node>) {
    let mut ports = Ports::new(nodes);
    let mut cluster = Vec::new();
    for id in 1..=nodes {
        cluster.push(ports.node(id).await);
    }
    for node in &cluster {
        let others = nodes as usize - 1;
        eventually("all are connected", || fully_connected(node) == others).await;
    }
    (ports, cluster)
}

/// To how many peers both groups are connected.
pub fn fully_connected(node: &Node) -> usize {
    let stats = node.stats();
    let connected = stats.connected().into_iter();
    connected
        .filter(|peer| stats.is_connected(*peer, LaneGroup::Bulk))
        .count()
}

pub async fn connected(node: &Node, peers: &[u64]) {
    let peers: Vec<_> = peers.iter().map(|peer| NodeId(*peer)).collect();
    eventually("the right ones are connected", || node.connected() == peers).await;
}

pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn receive(node: &mut Node) -> Received<Note> {
    tokio::time::timeout(PATIENCE, poll_fn(|cx| node.poll_recv(cx)))
        .await
        .expect("a message arrives")
}

/// Sends until it is taken.
pub async fn send(node: &mut Node, mut transmit: Transmit<Note>) {
    let start = Instant::now();
    while let Err(refused) = node.send(transmit) {
        assert!(
            matches!(refused, Refused::Full(_) | Refused::Unreachable(_)),
            "{refused}"
        );
        assert!(start.elapsed() < PATIENCE, "refused for long: {refused}");
        transmit = refused.into_transmit();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One message each way, in every lane.
pub async fn exchange(one: (u64, &mut Node), other: (u64, &mut Node)) {
    let ((one_id, one), (other_id, other)) = (one, other);
    for lane in Lane::ALL {
        let number = u64::from(lane.to_byte());
        send(one, note(other_id, lane, number)).await;
        let received = receive(other).await;
        assert_eq!(
            (received.from, received.message.number),
            (NodeId(one_id), number)
        );
        send(other, note(one_id, lane, number)).await;
        let received = receive(one).await;
        assert_eq!(
            (received.from, received.message.number),
            (NodeId(other_id), number)
        );
    }
}

/// A peer that is dialed and answers the hello, as node 2 to node 1. What it does then is up to the
/// test.
pub struct Puppet(tokio::net::TcpListener);

impl Puppet {
    pub fn new(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self(tokio::net::TcpListener::from_std(listener).unwrap())
    }

    /// The next connection, which reaches the life of that number.
    pub async fn accept(&self, life: u64) -> (LaneGroup, TcpStream) {
        let accepted = async {
            let (mut stream, _) = self.0.accept().await.unwrap();
            let mut bytes = [0; HELLO_BYTES];
            stream.read_exact(&mut bytes).await.unwrap();
            let group = Hello::decode(&bytes).unwrap().group;
            let answer = Hello {
                group,
                ..hello(2, 1, life)
            };
            stream.write_all(&answer.encode()).await.unwrap();
            (group, stream)
        };
        tokio::time::timeout(PATIENCE, accepted)
            .await
            .expect("it is dialed")
    }
}

/// A hello as node `from` of the right cluster says it to node `to`.
pub fn hello(from: u64, to: u64, life: u64) -> Hello {
    Hello {
        versions: 1..=1,
        group: LaneGroup::Prompt,
        cluster: CLUSTER,
        node: NodeId(from),
        to: NodeId(to),
        incarnation: Incarnation(life),
    }
}

/// A connection that says hello, and what it hears: nothing when it was closed without an answer.
pub async fn knock(address: SocketAddr, hello: &Hello) -> (TcpStream, Option<Hello>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&hello.encode()).await.unwrap();
    let mut answer = [0; HELLO_BYTES];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer))
        .await
        .expect("an answer or a close");
    let heard = read.is_ok().then(|| Hello::decode(&answer).unwrap());
    (stream, heard)
}

/// Returns when the other side has closed the connection. What it sends before is skipped.
pub async fn closed(stream: &mut TcpStream) {
    let mut skipped = [0; 256];
    let end = async { while stream.read(&mut skipped).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(PATIENCE, end)
        .await
        .expect("the other side closes");
}
