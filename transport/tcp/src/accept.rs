//! The incoming half: strangers become peers, and their frames become messages.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_clocks::NodeId;
use quorate_transport::{
    FRAME_HEADER_BYTES, Frame, FrameDecoder, FrameError, Hello, LaneGroup, Received, Wire,
    WireError,
};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::dial::closed;
use crate::handshake::{HandshakeError, Identity};
use crate::inbox::{Allowance, Arrivals};
use crate::presence::Presence;
use crate::registry::{Admission, Registry};
use crate::socket;
use crate::stats::{TcpStats, count};

/// How long to wait when the system cannot accept, as when it is out of file descriptors: the
/// connection stays in the backlog, and trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens, and runs one task per inbound connection.
pub(crate) struct Acceptor<M> {
    pub(crate) listener: TcpListener,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) handshakes: Arc<Semaphore>,
    pub(crate) inbound: Arc<Inbound<M>>,
}

/// What all inbound connections share.
pub(crate) struct Inbound<M> {
    pub(crate) identity: Arc<Identity>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) peers: BTreeMap<NodeId, KnownPeer>,
    pub(crate) prompt: Arrivals<M>,
    pub(crate) bulk: Arrivals<M>,
    pub(crate) max_frame_bytes: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) stats: TcpStats,
}

/// Whether the error is about the connection that would have been accepted, and says nothing about
/// the next one. After any other a pause is due: what the system has run out of it still lacks.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted,
        NetworkDown, NetworkUnreachable, TimedOut,
    };
    // Linux reports what had already happened to the new connection: see accept(2).
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

/// What the connections of one peer share.
pub(crate) struct KnownPeer {
    /// Tells those who dial it that it is there.
    pub(crate) presence: Arc<Presence>,
    pub(crate) prompt: Allowance,
    pub(crate) bulk: Allowance,
}

impl<M: Wire + Send + 'static> Acceptor<M> {
    pub(crate) async fn run(mut self) {
        // Dropped with this task, and all connections with it.
        let mut connections = JoinSet::new();
        loop {
            let (stream, address) = tokio::select! {
                biased;
                () = closed(&mut self.closing) => return,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) if of_one_connection(&error) => {
                        debug!(%error, "a connection ended before it was accepted");
                        continue;
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let Ok(permit) = Arc::clone(&self.handshakes).try_acquire_owned() else {
                count(&self.inbound.stats.counters().connections_refused, 1);
                warn!(%address, "closed a connection: too many are in their handshake");
                continue;
            };
            let inbound = Arc::clone(&self.inbound);
            connections.spawn(async move {
                let limit = inbound.handshake_timeout;
                let mut stream = stream;
                let greeted = timeout(limit, inbound.greet(&mut stream))
                    .await
                    .unwrap_or(Err(HandshakeError::Timeout(limit)));
                drop(permit);
                match greeted {
                    Ok(greeted) => inbound.serve(stream, address, greeted).await,
                    Err(error) => {
                        count(&inbound.stats.counters().connections_refused, 1);
                        warn!(%address, %error, "closed a connection in its handshake");
                    }
                }
            });
        }
    }
}

/// A connection that passed the handshake.
struct Greeted<'a> {
    hello: Hello,
    known: &'a KnownPeer,
    admission: Admission,
}

impl<M: Wire> Inbound<M> {
    async fn greet(&self, stream: &mut TcpStream) -> Result<Greeted<'_>, HandshakeError> {
        // Only the answer to the hello is ever sent. Whether a peer that says nothing more is still
        // there, the kernel has to ask.
        socket::prepare(stream, self.write_timeout).map_err(HandshakeError::Io)?;
        let hello = self.identity.listen(stream).await?;
        let known = self
            .peers
            .get(&hello.node)
            .ok_or(HandshakeError::UnknownPeer(hello.node))?;
        let admission = self
            .registry
            .admit(hello.node, hello.incarnation, hello.group)
            .map_err(|known| HandshakeError::OlderLife {
                node: hello.node,
                found: hello.incarnation,
                known,
            })?;
        self.identity.answer(stream, &hello).await?;
        count(&self.stats.counters().connections_accepted, 1);
        known.presence.greeted(hello.incarnation);
        Ok(Greeted {
            hello,
            known,
            admission,
        })
    }

    async fn serve(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        Greeted {
            hello,
            known,
            mut admission,
        }: Greeted<'_>,
    ) {
        let Hello {
            node: peer, group, ..
        } = hello;
        let end = tokio::select! {
            biased;
            () = admission.replaced() => Ok("another connection took its place"),
            end = self.receive(stream, peer, known, group) => end,
        };
        match end {
            Ok(end) => info!(%peer, %group, %address, "an inbound connection ended: {end}"),
            Err(error) => {
                count(&self.stats.counters().frames_bad, 1);
                warn!(%peer, %group, %address, %error, "closed an inbound connection");
            }
        }
    }

    /// Delivers messages until the connection ends, or sends what is not a message.
    async fn receive(
        &self,
        mut stream: TcpStream,
        peer: NodeId,
        known: &KnownPeer,
        group: LaneGroup,
    ) -> Result<&'static str, BadFrame> {
        let (inbox, allowance) = match group {
            LaneGroup::Prompt => (&self.prompt, &known.prompt),
            LaneGroup::Bulk => (&self.bulk, &known.bulk),
        };
        let mut decoder = FrameDecoder::new(self.max_frame_bytes);
        loop {
            match stream.read_buf(decoder.read_buffer()).await {
                Ok(0) if decoder.buffered_bytes() > 0 => {
                    return Ok("the peer closed it within a frame");
                }
                Ok(0) => return Ok("the peer closed it"),
                Ok(read) => count(&self.stats.counters().bytes_received, read),
                Err(_) => return Ok("it broke"),
            }
            while let Some(frame) = decoder.next_frame()? {
                let bytes = frame.body.len() + FRAME_HEADER_BYTES;
                let message = Self::decode(frame, group)?;
                // While it waits for either, the socket is not read, and the peer is slowed down.
                let Some(held) = allowance.take(bytes).await else {
                    return Ok("this node closes");
                };
                count(&self.stats.counters().frames_received, 1);
                let received = Received {
                    from: peer,
                    message,
                };
                if inbox.put(received, held).await.is_err() {
                    return Ok("this node closes");
                }
            }
        }
    }

    fn decode(frame: Frame, group: LaneGroup) -> Result<M, BadFrame> {
        if LaneGroup::of(frame.lane) != group || frame.channel != 0 {
            return Err(BadFrame::Astray {
                lane: frame.lane.to_byte(),
                channel: frame.channel,
            });
        }
        let (version, kind) = (frame.version, frame.kind);
        frame.decode().map_err(|source| BadFrame::Message {
            version,
            kind,
            source,
        })
    }
}

/// Why a connection that passed the handshake was closed by this side.
#[derive(Debug, thiserror::Error)]
enum BadFrame {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("a frame of lane {lane} and channel {channel} does not belong on this connection")]
    Astray { lane: u8, channel: u8 },
    #[error("a frame of version {version} and kind {kind} is not a message: {source}")]
    Message {
        version: u8,
        kind: u8,
        source: WireError,
    },
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_what_the_system_lacks_makes_others_wait() {
        let of_one = |errno: Errno| of_one_connection(&errno.into());
        for errno in [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::INTR,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::NETDOWN,
            Errno::TIMEDOUT,
        ] {
            assert!(of_one(errno), "{errno}");
        }
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            // These may stay as they are, and would spin.
            Errno::ACCESS,
            Errno::INVAL,
        ] {
            assert!(!of_one(errno), "{errno}");
        }
    }
}
