//! [`Transport`](quorate_transport::Transport) over TCP, on tokio.
//!
//! # The problem
//!
//! A socket carries bytes to whoever listens there. A machine needs messages carried to a certain
//! node, without ever blocking, without a queue that grows while that node is away, and without a
//! heartbeat that waits behind a snapshot. And a port that is open to a network gets visits from
//! port scanners, from nodes of other clusters, and from peers that stopped in the middle of a
//! message.
//!
//! # What it does
//!
//! * Every node dials every peer, twice: one connection for the urgent and the log lane, one for
//!   the bulk lane. A connection carries messages in one direction, from who dialed.
//! * Both sides begin with a [`Hello`](quorate_transport::Hello). A node of another cluster, a node
//!   that is not the one that was dialed, a stranger, and a node of another protocol version are
//!   turned away, with one line in the log that says why.
//! * Each peer has a bounded queue per lane. What does not fit is refused at once, and so is
//!   everything while there is no connection: old heartbeats must not pile up for a node that is
//!   away. What was taken and not yet written when a connection breaks is lost.
//! * Urgent frames overtake log frames that are still queued, and what is queued goes out in one
//!   write.
//! * A peer that hangs, a link that is cut and a host that loses its power close nothing. The kernel
//!   is told to give up on what is not acknowledged within
//!   [`TcpOptions::write_timeout`], and to probe a connection without traffic.
//! * A connection that breaks is dialed again after a capped, jittered backoff, or at once when the
//!   peer itself dials.
//! * A restarted peer announces its new life, which replaces the connections of the old one: those
//!   that it dialed end, and those to it are dialed anew at once.
//! * What arrives waits in a queue that is bounded in messages, and in bytes per peer; what is full
//!   is no longer read from its sockets, and TCP slows the sender down.
//!
//! It never sends a message again, so a message arrives at most once per `send`. It does not
//! encrypt, and does not authenticate: whoever reaches the port can claim to be a peer. Run it in a
//! network that only the nodes can reach.
//!
//! # Two nodes
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::future::poll_fn;
//! use std::net::TcpListener;
//!
//! use bytes::{Bytes, BytesMut};
//! use quorate_clocks::NodeId;
//! use quorate_tcp::{TcpOptions, TcpTransport};
//! use quorate_transport::{Lane, Transmit, Transport, Wire, WireError};
//!
//! /// A message that is nothing but bytes.
//! struct Note(Bytes);
//!
//! impl Wire for Note {
//!     const VERSION: u8 = 1;
//!     fn kind(&self) -> u8 { 0 }
//!     fn encoded_len(&self) -> usize { self.0.len() }
//!     fn encode(&self, out: &mut BytesMut) { out.extend_from_slice(&self.0) }
//!     fn decode(_: u8, _: u8, body: Bytes) -> Result<Self, WireError> { Ok(Note(body)) }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Ports that the system picks: listen first, then tell everyone. In production the addresses
//! // are known, and `TcpOptions::new` is enough.
//! let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
//! let mut peers = BTreeMap::new();
//! for (listener, id) in listeners.iter().zip(1..) {
//!     peers.insert(NodeId(id), listener.local_addr()?.to_string());
//! }
//! let mut nodes = Vec::new();
//! for (listener, id) in listeners.into_iter().zip(1..) {
//!     let mut options = TcpOptions::new(NodeId(id), 77, listener.local_addr()?, peers.clone());
//!     options.listener = Some(listener);
//!     nodes.push(TcpTransport::<Note>::bind(options).await?);
//! }
//! let [mut one, mut two] = <[_; 2]>::try_from(nodes).ok().unwrap();
//!
//! while one.connected().is_empty() {
//!     tokio::task::yield_now().await;
//! }
//! let note = Transmit { to: NodeId(2), lane: Lane::Log, message: Note("hello".into()) };
//! one.send(note).map_err(|refused| refused.to_string())?;
//!
//! let received = poll_fn(|cx| two.poll_recv(cx)).await;
//! assert_eq!((received.from, &received.message.0[..]), (NodeId(1), &b"hello"[..]));
//! one.close().await;
//! two.close().await;
//! # Ok(())
//! # }
//! ```
// why: this is the package that has the sockets.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod accept;
mod dial;
mod handshake;
mod inbox;
mod options;
mod outbox;
mod presence;
mod registry;
mod socket;
mod stats;
mod transport;

pub use options::{BindError, TcpOptions};
pub use stats::{TcpCounts, TcpStats};
pub use transport::TcpTransport;
