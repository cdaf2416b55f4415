//! The first exchange on a connection, from both sides.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use quorate_clocks::{Incarnation, NodeId};
use quorate_transport::{Expected, HELLO_BYTES, Hello, HelloError, LaneGroup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who this node says that it is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) versions: RangeInclusive<u8>,
    pub(crate) cluster: u128,
    pub(crate) id: NodeId,
    pub(crate) incarnation: Incarnation,
}

impl Identity {
    fn hello(&self, to: NodeId, group: LaneGroup) -> Hello {
        Hello {
            versions: self.versions.clone(),
            group,
            cluster: self.cluster,
            node: self.id,
            to,
            incarnation: self.incarnation,
        }
    }

    fn expected(&self, peer: Option<NodeId>) -> Expected {
        Expected {
            versions: self.versions.clone(),
            cluster: self.cluster,
            local: self.id,
            peer,
        }
    }

    /// The dialing side: says who it is, and hears whether it reached whom it meant. Returns the
    /// version that both speak, and which life of the peer answered.
    pub(crate) async fn introduce(
        &self,
        stream: &mut TcpStream,
        peer: NodeId,
        group: LaneGroup,
    ) -> Result<(u8, Incarnation), HandshakeError> {
        stream
            .write_all(&self.hello(peer, group).encode())
            .await
            .map_err(HandshakeError::Io)?;
        let answer = read_hello(stream).await?;
        let version = answer.verify(&self.expected(Some(peer)))?;
        Ok((version, answer.incarnation))
    }

    /// The dialed side, first half: hears who is there. An answer is due.
    pub(crate) async fn listen(&self, stream: &mut TcpStream) -> Result<Hello, HandshakeError> {
        let hello = read_hello(stream).await?;
        if let Err(error) = hello.verify(&self.expected(None)) {
            // The peer sees for itself what is wrong, and its operator reads it in both logs.
            let _ = self.answer(stream, &hello).await;
            return Err(error.into());
        }
        Ok(hello)
    }

    /// The dialed side, second half. Whoever is not answered is not welcome, and the dialing side
    /// goes on waiting longer between its tries.
    pub(crate) async fn answer(
        &self,
        stream: &mut TcpStream,
        hello: &Hello,
    ) -> Result<(), HandshakeError> {
        let answer = self.hello(hello.node, hello.group).encode();
        stream.write_all(&answer).await.map_err(HandshakeError::Io)
    }
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("{0}")]
    Io(io::Error),
    #[error("the peer closed the connection {0} bytes into its hello: its log says why")]
    Closed(usize),
    #[error("{0}")]
    Hello(#[from] HelloError),
    #[error("{0} is not in this node's list of peers")]
    UnknownPeer(NodeId),
    #[error(
        "{node} says that it is in {found}, and {known} was here before: a ghost, or its incarnation went back"
    )]
    OlderLife {
        node: NodeId,
        found: Incarnation,
        known: Incarnation,
    },
    #[error("there was no handshake within {0:?}")]
    Timeout(Duration),
}

async fn read_hello(stream: &mut TcpStream) -> Result<Hello, HandshakeError> {
    let mut bytes = [0; HELLO_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..)
        && !rest.is_empty()
    {
        match stream.read(rest).await.map_err(HandshakeError::Io)? {
            0 => return Err(HandshakeError::Closed(filled)),
            read => filled += read,
        }
        // A stranger that speaks first and then waits is told apart by its first bytes. The rest of
        // the decode fails on the missing ones, which is why only this error counts here.
        if filled >= 8
            && let Err(error @ HelloError::NotAHello { .. }) = Hello::decode(&bytes)
        {
            return Err(error.into());
        }
    }
    Ok(Hello::decode(&bytes)?)
}
