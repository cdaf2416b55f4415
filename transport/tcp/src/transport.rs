//! The transport itself: tasks around queues.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quorate_clocks::NodeId;
use quorate_transport::{Backoff, Lane, LaneGroup, Received, Refused, Transmit, Transport, Wire};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use crate::accept::{Acceptor, Inbound, KnownPeer};
use crate::dial::Dialer;
use crate::handshake::Identity;
use crate::inbox::{Allowance, Inbox, inbox};
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::registry::Registry;
use crate::stats::{TcpStats, count};
use crate::{BindError, TcpOptions};

/// After so many prompt messages in a row a bulk one gets its turn.
const PROMPT_RUN: u32 = 32;

/// [`Transport`] over TCP.
///
/// [`send`](Transport::send) never waits and needs no runtime; what it took is written by a task.
/// It refuses with [`Refused::Unreachable`] while there is no connection to the peer, with
/// [`Refused::Full`] when the queue of that lane is full, with [`Refused::TooLarge`] above
/// [`TcpOptions::max_frame_bytes`], and with [`Refused::UnknownPeer`] for who is not in
/// [`TcpOptions::peers`], this node included.
///
/// Dropping it stops everything at once; [`close`](Self::close) writes what is queued first. The
/// crate's documentation has an example.
pub struct TcpTransport<M> {
    local_addr: SocketAddr,
    peers: BTreeMap<NodeId, Peer<M>>,
    prompt: Inbox<M>,
    bulk: Inbox<M>,
    prompt_run: u32,
    max_frame_bytes: usize,
    close_timeout: Duration,
    /// Set by the first call of `poll_close`.
    close_by: Option<Pin<Box<Sleep>>>,
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
    stats: TcpStats,
}

struct Peer<M> {
    prompt: Arc<Outbox<M>>,
    bulk: Arc<Outbox<M>>,
}

impl<M: Wire + Send + 'static> TcpTransport<M> {
    /// Listens, and begins to dial the peers. Peers need not be there.
    ///
    /// Must be called within a tokio runtime that has I/O and time enabled.
    ///
    /// # Errors
    ///
    /// An option cannot work, or the system refuses the address, which the error names.
    pub async fn bind(options: TcpOptions) -> Result<Self, BindError> {
        options.check()?;
        let TcpOptions {
            id,
            incarnation,
            cluster,
            listen,
            listener,
            mut peers,
            max_frame_bytes,
            queue_frames,
            receive_frames,
            receive_bytes,
            handshake_timeout,
            max_handshakes,
            write_timeout,
            redial_base,
            redial_cap,
            close_timeout,
            seed,
        } = options;
        peers.remove(&id);

        let refused = |source| BindError::Listen {
            address: listen,
            source,
        };
        let listener = match listener {
            Some(listener) => {
                listener.set_nonblocking(true).map_err(refused)?;
                TcpListener::from_std(listener).map_err(refused)?
            }
            None => TcpListener::bind(listen).await.map_err(refused)?,
        };
        let local_addr = listener.local_addr().map_err(refused)?;

        let stats = TcpStats::new(peers.keys().copied());
        let identity = Arc::new(Identity {
            versions: M::OLDEST..=M::VERSION,
            cluster,
            id,
            incarnation,
        });
        let (closing, watch_closing) = watch::channel(false);
        let (prompt_arrivals, prompt) = inbox(receive_frames);
        let (bulk_arrivals, bulk) = inbox(receive_frames);
        let mut known = BTreeMap::new();

        let mut tasks = JoinSet::new();
        let mut outboxes = BTreeMap::new();
        for (peer, address) in peers {
            let presence = Arc::new(Presence::default());
            let [prompt, bulk] = LaneGroup::ALL.map(|group| {
                let outbox = Arc::new(Outbox::new(peer, group, queue_frames, stats.clone()));
                // Apart for every pair of nodes and group, so that they do not dial in step.
                let seed = seed
                    .rotate_left(32)
                    .wrapping_add(peer.0 << 1)
                    .wrapping_add(u64::from(group.to_byte()));
                tasks.spawn(
                    Dialer {
                        identity: Arc::clone(&identity),
                        address: address.clone(),
                        outbox: Arc::clone(&outbox),
                        presence: Arc::clone(&presence),
                        closing: watch_closing.clone(),
                        backoff: Backoff::new(redial_base, redial_cap, seed),
                        // Two who push each other out are apart by less than the longest wait.
                        settled: redial_cap,
                        max_frame_bytes,
                        handshake_timeout,
                        write_timeout,
                        stats: stats.clone(),
                    }
                    .run(),
                );
                outbox
            });
            outboxes.insert(peer, Peer { prompt, bulk });
            known.insert(
                peer,
                KnownPeer {
                    presence,
                    prompt: Allowance::new(receive_bytes),
                    bulk: Allowance::new(receive_bytes),
                },
            );
        }
        tasks.spawn(
            Acceptor {
                listener,
                closing: watch_closing,
                handshakes: Arc::new(Semaphore::new(max_handshakes)),
                inbound: Arc::new(Inbound {
                    identity,
                    registry: Arc::new(Registry::default()),
                    peers: known,
                    prompt: prompt_arrivals,
                    bulk: bulk_arrivals,
                    max_frame_bytes,
                    handshake_timeout,
                    write_timeout,
                    stats: stats.clone(),
                }),
            }
            .run(),
        );

        Ok(Self {
            local_addr,
            peers: outboxes,
            prompt,
            bulk,
            prompt_run: 0,
            max_frame_bytes,
            close_timeout,
            close_by: None,
            closing,
            tasks,
            stats,
        })
    }
}

impl<M> TcpTransport<M> {
    /// Where it listens: with the port that the system picked, if it was asked to.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The peers to which the urgent and the log lane are connected, in the order of their ids.
    pub fn connected(&self) -> Vec<NodeId> {
        self.stats.connected()
    }

    /// A handle to the counters, to keep when the transport moves into its driver.
    pub fn stats(&self) -> TcpStats {
        self.stats.clone()
    }

    /// Stops listening, writes what is queued for connected peers, and closes all connections.
    ///
    /// Takes at most [`TcpOptions::close_timeout`]. What could not be written by then is lost; what
    /// was written may still be lost, as ever.
    pub async fn close(mut self) {
        poll_fn(|cx| self.poll_end(cx)).await;
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.close_timeout;
        let closing = &self.closing;
        let deadline = self.close_by.get_or_insert_with(|| {
            closing.send_replace(true);
            Box::pin(sleep(timeout))
        });
        if deadline.as_mut().poll(cx).is_ready() {
            // What is aborted is still waited for: it may hold a port until then.
            self.tasks.abort_all();
        }
        while ready!(self.tasks.poll_join_next(cx)).is_some() {}
        Poll::Ready(())
    }
}

impl<M: Wire + Send + 'static> Transport for TcpTransport<M> {
    type Message = M;

    fn send(&mut self, transmit: Transmit<M>) -> Result<(), Refused<M>> {
        let result = match self.peers.get(&transmit.to) {
            None => Err(Refused::UnknownPeer(transmit)),
            Some(_) if transmit.message.encoded_len() > self.max_frame_bytes => {
                Err(Refused::TooLarge(transmit))
            }
            Some(peer) => match transmit.lane {
                Lane::Urgent | Lane::Log => peer.prompt.push(transmit),
                Lane::Bulk => peer.bulk.push(transmit),
            },
        };
        if result.is_err() {
            count(&self.stats.counters().frames_refused, 1);
        }
        result
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<M>> {
        if self.prompt_run >= PROMPT_RUN {
            self.prompt_run = 0;
            if let Poll::Ready(Some(received)) = self.bulk.poll_recv(cx) {
                return Poll::Ready(received);
            }
        }
        // A closed queue gives `None`. The senders live as long as the acceptor, so that is a
        // runtime that shuts down: nothing will come.
        if let Poll::Ready(Some(received)) = self.prompt.poll_recv(cx) {
            self.prompt_run += 1;
            return Poll::Ready(received);
        }
        self.prompt_run = 0;
        if let Poll::Ready(Some(received)) = self.bulk.poll_recv(cx) {
            return Poll::Ready(received);
        }
        Poll::Pending
    }

    /// As [`TcpTransport::close`].
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_end(cx)
    }
}

impl<M> fmt::Debug for TcpTransport<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport")
            .field("local_addr", &self.local_addr)
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}
