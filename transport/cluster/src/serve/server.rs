//! One node, from an empty process to one that serves.

use std::collections::BTreeMap;
use std::fs;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use quorate_clocks::{NodeId, SystemClock};
use quorate_raft_core::{Config, HardState, Message, Persist, Recovered, Term};
use quorate_raft_log::{Log, LogOptions, WriteError};
use quorate_raft_node::{Node, NodeOptions};
use quorate_tcp::{TcpOptions, TcpTransport};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::app::App;
use super::identity::{Identity, LOG_DIRECTORY};
use super::places::Places;
use super::router::router;
use super::{FaultSwitch, Faulty, Replica, ServeError, ServeOptions};
use crate::service::{LogClock, MAX_COMMAND_BYTES};

/// How long requests may still run when the node is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A node that runs and serves.
pub struct Server {
    app: Arc<App>,
    raft_address: SocketAddr,
    http_address: SocketAddr,
    http: JoinHandle<io::Result<()>>,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Opens everything, in an order in which a failure leaves nothing changed: the data directory
    /// is not touched when an address is taken.
    ///
    /// Must be called on a tokio runtime with I/O and time enabled.
    pub async fn start(options: ServeOptions) -> Result<Self, ServeError> {
        let raft = TcpListener::bind(options.listen).map_err(|source| ServeError::Listen {
            address: options.listen,
            source,
        })?;
        let http = TcpListener::bind(options.http).map_err(|source| ServeError::Http {
            address: options.http,
            source,
        })?;
        Self::start_on(options, raft, http).await
    }

    /// As [`start`](Self::start), on sockets that listen already: for nodes of one test, which must
    /// know each other's ports first, and for socket activation.
    pub async fn start_on(
        options: ServeOptions,
        raft: TcpListener,
        http: TcpListener,
    ) -> Result<Self, ServeError> {
        options.check()?;
        let (http, http_address) = http_listener(http).map_err(|source| ServeError::Http {
            address: options.http,
            source,
        })?;
        warn_of_unreachable(&options);
        let (log, opened, identity) = open(&options)?;
        let transport = TcpTransport::<Message>::bind(tcp_options(&options, &identity, raft))
            .await
            .map_err(|source| ServeError::Transport { source })?;
        let raft_address = transport.local_addr();
        let tcp = transport.stats();

        let log_clock = Arc::new(LogClock::default());
        let replica = Replica::new(log_clock.clone());
        let node_options = node_options(&options, &identity);
        let (node, faults) = if options.allow_faults {
            let switch = FaultSwitch::default();
            let transport = Faulty::new(transport, switch.clone());
            let node = Node::start(node_options, log, opened, transport, replica);
            (node, Some(switch))
        } else {
            let node = Node::start(node_options, log, opened, transport, replica);
            (node, None)
        };
        let node = node.map_err(|source| ServeError::Start { source })?;

        let app = Arc::new(App {
            id: options.id,
            incarnation: identity.incarnation,
            cluster: options.cluster.clone(),
            node,
            log_clock,
            system_clock: SystemClock::new(),
            http_addresses: http_addresses(&options, http_address),
            peers: options.peers.keys().copied().collect(),
            in_flight: Default::default(),
            request_timeout: options.request_timeout,
            session_wait: options.session_wait,
            faults,
            metrics: Default::default(),
            tcp,
            requests: Places::new(options.max_requests),
            bodies: Places::new(options.max_bodies),
        });
        let (stop, mut stopping) = watch::channel(false);
        let service = router(app.clone());
        let stop_http = async move {
            // An error means that the server was dropped, which is a stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        // Small answers must not wait for acknowledgements of earlier ones (Nagle's algorithm).
        let http = http.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot switch Nagle's algorithm off");
            }
        });
        let http = tokio::spawn(async move {
            axum::serve(http, service)
                .with_graceful_shutdown(stop_http)
                .await
        });
        tracing::info!(
            id = options.id.0,
            incarnation = identity.incarnation.0,
            raft = %raft_address,
            http = %http_address,
            "ready"
        );
        Ok(Self {
            app,
            raft_address,
            http_address,
            http,
            stop,
        })
    }

    /// This node.
    pub fn id(&self) -> NodeId {
        self.app.id
    }

    /// Where it listens for the other nodes.
    pub fn raft_address(&self) -> SocketAddr {
        self.raft_address
    }

    /// Where it listens for clients.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// The member of the Raft group.
    pub fn node(&self) -> &Node<Replica> {
        &self.app.node
    }

    /// Waits until the node fails. It does not end while all is well.
    pub async fn failed(&mut self) -> ServeError {
        tokio::select! {
            fault = self.app.node.failed() => match fault {
                Some(source) => ServeError::Failed { source },
                None => pending().await,
            },
            ended = &mut self.http => ServeError::HttpFailed {
                source: match ended {
                    Ok(Ok(())) => io::Error::other("it ended"),
                    Ok(Err(error)) => error,
                    Err(error) => io::Error::other(error),
                },
            },
        }
    }

    /// Stops taking requests, lets the running ones finish for a moment, and stops the node.
    pub async fn shutdown(mut self) -> Result<(), ServeError> {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.http).await.is_err() {
            tracing::warn!("requests are still running, and are cut off");
            self.http.abort();
        }
        self.app
            .node
            .clone()
            .shutdown()
            .await
            .map_err(|source| ServeError::Failed { source })
    }
}

fn warn_of_unreachable(options: &ServeOptions) {
    for (id, addresses) in &options.peers {
        if addresses.http.is_none() {
            tracing::warn!(
                peer = id.0,
                "clients cannot be sent to this peer while it leads, and are refused with 503; \
                 give its HTTP address too: --peer {}={},HTTP_ADDR",
                id.0,
                addresses.raft
            );
        }
    }
}

/// Opens the log, which locks the directory, and claims the directory for this node. Somebody
/// else's directory is recognised before anything in it is opened for writing.
fn open(options: &ServeOptions) -> Result<(Log, quorate_raft_log::Opened, Identity), ServeError> {
    fs::create_dir_all(&options.data).map_err(|source| {
        // The system's word for it is that it exists.
        let is_file = options.data.is_file();
        let source = match source.kind() {
            ErrorKind::AlreadyExists if is_file => ErrorKind::NotADirectory.into(),
            _ => source,
        };
        let dir = options.data.clone();
        ServeError::DataDirectory { dir, source }
    })?;
    let identity = Identity::of(options);
    identity.check(&options.data)?;
    let dir = options.data.join(LOG_DIRECTORY);
    let (mut log, mut opened) =
        Log::open(&dir, LogOptions::default()).map_err(|source| ServeError::Log {
            dir: dir.clone(),
            source,
        })?;
    if opened.torn_bytes > 0 {
        // Mostly a write that a crash cut short. But damage to the very end of the log looks the
        // same, and only an operator can tell, by what became of the disk.
        tracing::warn!(
            file = %last_segment(&dir).display(),
            last_index = opened.recovered.last.0,
            bytes = opened.torn_bytes,
            "dropped an unfinished write at the log's end, and kept everything up to last_index; \
             no answer depended on it, unless the disk has lost what it had confirmed"
        );
    }
    let has_log = opened.recovered != Recovered::default();
    let mut identity = identity.claim(&options.data, has_log)?;
    if !has_log {
        // A node that votes or acknowledges must never start on an empty log again. So the log gets
        // something in it now: a term without a vote, which promises nothing.
        let first = HardState {
            term: Term(1),
            vote: None,
        };
        begin(&mut log, first).map_err(|source| ServeError::Begin { dir, source })?;
        opened.recovered.hard_state = first;
        identity.log_begun(&options.data)?;
    }
    Ok((log, opened, identity))
}

/// The file that the log ends in: the last one by name.
fn last_segment(log: &Path) -> PathBuf {
    let files = fs::read_dir(log).into_iter().flatten().flatten();
    let segments = files.map(|file| file.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("segment-"))
    });
    segments.max().unwrap_or_else(|| log.to_owned())
}

fn begin(log: &mut Log, first: HardState) -> Result<(), WriteError> {
    log.write(&Persist {
        hard_state: Some(first),
        ..Persist::default()
    })?;
    log.sync()
}

fn http_listener(listener: TcpListener) -> io::Result<(tokio::net::TcpListener, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}

fn tcp_options(options: &ServeOptions, identity: &Identity, listener: TcpListener) -> TcpOptions {
    let peers = options
        .peers
        .iter()
        .map(|(id, addresses)| (*id, addresses.raft.clone()))
        .collect();
    let mut tcp = TcpOptions::new(options.id, options.cluster_number(), options.listen, peers);
    tcp.listener = Some(listener);
    tcp.incarnation = identity.incarnation;
    tcp.seed = seed(options, identity);
    tcp
}

fn node_options(options: &ServeOptions, identity: &Identity) -> NodeOptions {
    let mut raft = Config::new(options.id, options.voters());
    raft.election_timeout = options.election_timeout;
    raft.heartbeat_interval = options.election_timeout / 5;
    raft.max_command_bytes = MAX_COMMAND_BYTES;
    let mut node = NodeOptions::new(raft);
    node.seed = seed(options, identity);
    node.snapshot_every = options.snapshot_every;
    node.keep_entries = options.snapshot_every / 4;
    node
}

/// Differs between nodes and between lives: it spreads election timeouts and redials.
fn seed(options: &ServeOptions, identity: &Identity) -> u64 {
    (options.id.0 << 32) ^ identity.incarnation.0
}

fn http_addresses(options: &ServeOptions, own: SocketAddr) -> BTreeMap<NodeId, String> {
    options
        .peers
        .iter()
        .filter_map(|(id, addresses)| Some((*id, addresses.http.clone()?)))
        .chain([(options.id, own.to_string())])
        .collect()
}
