//! The outgoing half: one task per peer and lane group, which dials, writes, and dials again.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use quorate_clocks::Incarnation;
use quorate_transport::{Backoff, Wire, encode_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::handshake::{HandshakeError, Identity};
use crate::outbox::Outbox;
use crate::presence::{Lives, Presence};
use crate::socket;
use crate::stats::{TcpStats, count};

/// A write begins when this much is encoded, or nothing more is queued. Small enough that an urgent
/// frame does not wait long behind it.
const BATCH_BYTES: usize = 64 << 10;

pub(crate) struct Dialer<M> {
    pub(crate) identity: Arc<Identity>,
    pub(crate) address: String,
    pub(crate) outbox: Arc<Outbox<M>>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) backoff: Backoff,
    /// A connection that lived this long was not one of a row of failures.
    pub(crate) settled: Duration,
    pub(crate) max_frame_bytes: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) stats: TcpStats,
}

/// A connection that passed the handshake.
struct Connection {
    stream: TcpStream,
    /// The version that both sides speak.
    version: u8,
    /// Which life of the peer answered.
    life: Incarnation,
}

/// How a connection ended.
enum End {
    /// This node closes.
    Closing,
    /// The peer closed it.
    Closed,
    /// The peer spoke on a connection on which it only listens.
    Spoke,
    /// The peer said elsewhere that it has begun a new life: this connection is to the one before.
    Reborn,
    /// The kernel took no byte of a write for so long. When it took them all and none arrived, it
    /// breaks the connection itself.
    Stuck(Duration),
    /// The system says that it is broken.
    Broken(io::Error),
}

impl<M: Wire> Dialer<M> {
    pub(crate) async fn run(mut self) {
        self.dial().await;
    }

    async fn dial(&mut self) {
        let (peer, group) = (self.outbox.peer(), self.outbox.group());
        let mut closing = self.closing.clone();
        loop {
            // Made before the try, so that a peer that comes up meanwhile is not missed.
            let mut dialed = pin!(self.presence.dialed());
            let lives = self.presence.lives();
            let connected = tokio::select! {
                biased;
                () = closed(&mut closing) => return,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(connection) => {
                    let version = connection.version;
                    let since = Instant::now();
                    count(&self.stats.counters().connections_opened, 1);
                    info!(%peer, %group, address = %self.address, version, "connected");
                    self.outbox.open();
                    let end = self.carry(connection, lives, &mut closing).await;
                    self.outbox.shut();
                    // A handshake alone is no success: who shares its id with another node, or
                    // sends what the peer refuses, gets through it every time.
                    if since.elapsed() >= self.settled {
                        self.backoff.reset();
                    }
                    // What the peer did while it was connected says nothing about now.
                    dialed.set(self.presence.dialed());
                    match end {
                        End::Closing => return,
                        End::Closed => info!(%peer, %group, "the peer closed the connection"),
                        End::Spoke => warn!(
                            %peer, %group,
                            "closed: the peer sent bytes on a connection that it only receives on"
                        ),
                        End::Reborn => {
                            info!(%peer, %group, "closed: the peer has begun a new life");
                            // It is there, and lives are begun too rarely to need a pause.
                            continue;
                        }
                        End::Stuck(span) => warn!(
                            %peer, %group,
                            "closed: no byte of a write was taken for {span:?}"
                        ),
                        End::Broken(error) => info!(%peer, %group, %error, "the connection broke"),
                    }
                }
                // Once is enough for an operator; what follows is for who asks for it.
                Err(error) => {
                    count(&self.stats.counters().connections_failed, 1);
                    let address = &self.address;
                    if self.backoff.attempts() == 0 {
                        warn!(%peer, %group, address, %error, "cannot connect, will go on trying");
                    } else {
                        debug!(%peer, %group, address, %error, "cannot connect");
                    }
                }
            }
            let delay = self.backoff.next_delay();
            tokio::select! {
                biased;
                () = closed(&mut closing) => return,
                () = dialed => {}
                () = sleep(delay) => {}
            }
        }
    }

    async fn connect(&self) -> Result<Connection, HandshakeError> {
        let attempt = async {
            let mut stream = TcpStream::connect(&self.address)
                .await
                .map_err(HandshakeError::Io)?;
            socket::prepare(&stream, self.write_timeout).map_err(HandshakeError::Io)?;
            let (version, life) = self
                .identity
                .introduce(&mut stream, self.outbox.peer(), self.outbox.group())
                .await?;
            Ok(Connection {
                stream,
                version,
                life,
            })
        };
        timeout(self.handshake_timeout, attempt)
            .await
            .unwrap_or(Err(HandshakeError::Timeout(self.handshake_timeout)))
    }

    /// Writes what is queued until the connection ends.
    async fn carry(
        &self,
        Connection {
            stream,
            version,
            life,
        }: Connection,
        mut lives: Lives,
        closing: &mut watch::Receiver<bool>,
    ) -> End {
        let (mut reader, mut writer) = stream.into_split();
        let mut batch = BytesMut::with_capacity(BATCH_BYTES);
        loop {
            let frames = self.fill(&mut batch, version);
            if batch.is_empty() {
                tokio::select! {
                    biased;
                    () = self.outbox.filled() => {}
                    end = silence(&mut reader) => return end,
                    () = lives.newer_than(life) => return End::Reborn,
                    () = closed(closing) => break,
                }
                continue;
            }
            tokio::select! {
                biased;
                written = write(&mut writer, &mut batch, self.write_timeout, &self.stats) => {
                    if let Err(end) = written {
                        count(&self.stats.counters().frames_lost, frames);
                        return end;
                    }
                }
                end = silence(&mut reader) => {
                    count(&self.stats.counters().frames_lost, frames);
                    return end;
                }
                () = lives.newer_than(life) => {
                    count(&self.stats.counters().frames_lost, frames);
                    return End::Reborn;
                }
            }
            count(&self.stats.counters().frames_sent, frames);
            // One huge message must not hold its memory forever.
            if batch.capacity() > 4 * BATCH_BYTES {
                batch = BytesMut::with_capacity(BATCH_BYTES);
            }
        }
        // Everything that was taken before the close is written: `filled` comes first above, and
        // nobody sends any more.
        let _ = writer.shutdown().await;
        End::Closing
    }

    /// Encodes what is queued, up to a batch. Says how many frames that were.
    fn fill(&self, batch: &mut BytesMut, version: u8) -> usize {
        let mut frames = 0;
        while batch.len() < BATCH_BYTES
            && let Some((lane, message)) = self.outbox.pop()
        {
            match encode_frame(&message, version, 0, lane, self.max_frame_bytes, batch) {
                Ok(_) => frames += 1,
                Err(error) => {
                    // `send` looked at the newest version's length; this is an older one.
                    count(&self.stats.counters().frames_lost, 1);
                    warn!(peer = %self.outbox.peer(), %lane, version, %error, "dropped a message");
                }
            }
        }
        frames
    }
}

async fn write(
    writer: &mut OwnedWriteHalf,
    batch: &mut BytesMut,
    limit: Duration,
    stats: &TcpStats,
) -> Result<(), End> {
    while !batch.is_empty() {
        match timeout(limit, writer.write_buf(batch)).await {
            Err(_) => return Err(End::Stuck(limit)),
            Ok(Err(error)) => return Err(End::Broken(error)),
            Ok(Ok(0)) => return Err(End::Broken(io::ErrorKind::WriteZero.into())),
            Ok(Ok(written)) => {
                count(&stats.counters().writes, 1);
                count(&stats.counters().bytes_sent, written);
            }
        }
    }
    Ok(())
}

/// Returns when the peer does anything but listen. Reading is the only way to hear of a close while
/// there is nothing to write.
async fn silence(reader: &mut OwnedReadHalf) -> End {
    match reader.read(&mut [0; 1]).await {
        Ok(0) => End::Closed,
        Ok(_) => End::Spoke,
        Err(error) => End::Broken(error),
    }
}

/// Returns when the transport closes, or is gone.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use quorate_clocks::NodeId;
    use quorate_transport::{HELLO_BYTES, Hello, LaneGroup, WireError};
    use tokio::net::TcpListener;

    use super::*;

    const CONNECTIONS: u32 = 8;

    struct Nothing;

    impl Wire for Nothing {
        const VERSION: u8 = 1;

        fn kind(&self) -> u8 {
            0
        }

        fn encoded_len(&self) -> usize {
            0
        }

        fn encode(&self, _: &mut BytesMut) {}

        fn decode(_: u8, _: u8, _: bytes::Bytes) -> Result<Self, WireError> {
            Ok(Self)
        }
    }

    /// How many waits in a row were drawn when a peer has answered so many hellos, and has closed
    /// each connection right after.
    async fn waits_drawn(settled: Duration) -> u32 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (id, peer) = (NodeId(1), NodeId(2));
        let identity = |id| Identity {
            versions: 1..=1,
            cluster: 7,
            id,
            incarnation: Incarnation(0),
        };
        let stats = TcpStats::new([peer].into_iter());
        let (close, closing) = watch::channel(false);
        let mut dialer = Dialer::<Nothing> {
            identity: Arc::new(identity(id)),
            address: listener.local_addr().unwrap().to_string(),
            outbox: Arc::new(Outbox::new(peer, LaneGroup::Prompt, 1, stats.clone())),
            presence: Arc::default(),
            closing,
            backoff: Backoff::new(Duration::from_micros(10), Duration::from_millis(1), 3),
            settled,
            max_frame_bytes: 1,
            handshake_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            stats,
        };
        let answer = async {
            for _ in 0..CONNECTIONS {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut hello = [0; HELLO_BYTES];
                stream.read_exact(&mut hello).await.unwrap();
                let hello = Hello::decode(&hello).unwrap();
                let peer = identity(peer);
                peer.answer(&mut stream, &hello).await.unwrap();
            }
            // It dials once more, so the end of the last connection was seen too.
            let _connection = listener.accept().await.unwrap();
            close.send_replace(true);
        };
        tokio::join!(dialer.dial(), answer);
        dialer.backoff.attempts()
    }

    #[tokio::test]
    async fn connections_that_break_at_once_are_dialed_ever_more_slowly() {
        assert_eq!(waits_drawn(Duration::from_secs(3_600)).await, CONNECTIONS);
    }

    #[tokio::test]
    async fn a_connection_that_has_settled_starts_the_waits_over() {
        assert_eq!(waits_drawn(Duration::ZERO).await, 1);
    }
}
