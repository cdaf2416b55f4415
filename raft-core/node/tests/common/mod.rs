//! A cluster in one process, with real logs, for the tests of the driver.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, Index, Message, Role};
use quorate_raft_log::{Log, LogOptions};
use quorate_raft_node::{
    Applied, Node, NodeOptions, NodeStatus, ProposeFailed, ReadLevel, RestoreError, StateMachine,
};
use quorate_transport::{Memory, Received, Refused, Transmit, Transport};
use tempfile::TempDir;

/// Nothing in these tests takes nearly as long, even on a machine that is busy with others.
pub const LONG: Duration = Duration::from_secs(30);

/// Ends a test that hangs.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(LONG, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Every command that was ever applied, in order.
#[derive(Debug, Default)]
pub struct Ledger(pub Vec<Bytes>);

impl StateMachine for Ledger {
    type Response = usize;

    fn apply(&mut self, _: Index, command: &Bytes) -> usize {
        assert_ne!(command, "panic", "as it was asked to");
        self.0.push(command.clone());
        self.0.len()
    }

    fn snapshot(&self) -> Bytes {
        let mut data = BytesMut::new();
        for command in &self.0 {
            data.put_u32_le(command.len() as u32);
            data.put_slice(command);
        }
        data.freeze()
    }

    fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError> {
        let mut data = data.clone();
        self.0.clear();
        while data.has_remaining() {
            let length = data.get_u32_le() as usize;
            if data.len() < length {
                return Err(RestoreError::new("cut off"));
            }
            self.0.push(data.split_to(length));
        }
        Ok(())
    }
}

/// A transport whose cable can be pulled.
pub struct Cable {
    inner: Memory<Message>,
    cut: Arc<AtomicBool>,
}

impl Transport for Cable {
    type Message = Message;

    fn send(&mut self, transmit: Transmit<Message>) -> Result<(), Refused<Message>> {
        if self.cut.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.send(transmit)
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<Message>> {
        loop {
            let received = self.inner.poll_recv(cx);
            if received.is_pending() || !self.cut.load(Ordering::Relaxed) {
                return received;
            }
        }
    }
}

pub struct Cluster {
    pub dir: TempDir,
    ids: Vec<NodeId>,
    /// Not a member: it lets members join again after they were stopped.
    control: Memory<Message>,
    pub nodes: Vec<Option<Node<Ledger>>>,
    cables: Vec<Arc<AtomicBool>>,
    adjust: fn(&mut NodeOptions),
    pub log_options: LogOptions,
}

impl Cluster {
    pub fn start(size: u64) -> Self {
        Self::start_with(size, |_| {})
    }

    pub fn start_with(size: u64, adjust: fn(&mut NodeOptions)) -> Self {
        let ids: Vec<_> = (0..size).map(NodeId).collect();
        let mut mesh = Memory::mesh(ids.iter().copied().chain([NodeId(size)]), 1_024);
        let control = mesh.pop().unwrap();
        let mut cluster = Self {
            dir: tempfile::tempdir().unwrap(),
            control,
            nodes: ids.iter().map(|_| None).collect(),
            cables: ids.iter().map(|_| Arc::default()).collect(),
            ids,
            adjust,
            log_options: LogOptions {
                segment_bytes: 4 << 10,
                ..LogOptions::default()
            },
        };
        drop(mesh);
        for at in 0..cluster.nodes.len() {
            cluster.start_node(at);
        }
        cluster
    }

    pub fn options(&self, at: usize) -> NodeOptions {
        let mut raft = Config::new(self.ids[at], self.ids.iter().copied());
        raft.election_timeout = Duration::from_millis(400);
        raft.heartbeat_interval = Duration::from_millis(50);
        let mut options = NodeOptions::new(raft);
        (self.adjust)(&mut options);
        options
    }

    pub fn log_dir(&self, at: usize) -> std::path::PathBuf {
        self.dir.path().join(at.to_string())
    }

    pub fn start_node(&mut self, at: usize) {
        let (log, opened) = Log::open(&self.log_dir(at), self.log_options.clone()).unwrap();
        let transport = Cable {
            inner: self.control.rejoin(self.ids[at]).unwrap(),
            cut: Arc::clone(&self.cables[at]),
        };
        let options = self.options(at);
        let node = Node::start(options, log, opened, transport, Ledger::default()).unwrap();
        self.nodes[at] = Some(node);
    }

    pub async fn stop_node(&mut self, at: usize) {
        let node = self.nodes[at].take().unwrap();
        soon("a shutdown", node.shutdown()).await.unwrap();
    }

    pub fn cut(&self, at: usize, cut: bool) {
        self.cables[at].store(cut, Ordering::Relaxed);
    }

    pub fn node(&self, at: usize) -> &Node<Ledger> {
        self.nodes[at].as_ref().unwrap()
    }

    pub fn running(&self) -> impl Iterator<Item = (usize, &Node<Ledger>)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(at, node)| Some((at, node.as_ref()?)))
    }

    /// Waits until a running node that is not cut off leads, and gives its place.
    pub async fn leader(&self) -> usize {
        soon("a leader", async {
            loop {
                for (at, node) in self.running() {
                    let leads = node.status().raft.role == Role::Leader;
                    if leads && !self.cables[at].load(Ordering::Relaxed) {
                        return at;
                    }
                }
                // Any change of any role may have made a leader.
                let (_, some) = self.running().next().unwrap();
                let mut status = some.subscribe();
                status.borrow_and_update();
                let _ = status.changed().await;
            }
        })
        .await
    }

    /// Proposes to whoever leads, until it is applied.
    pub async fn propose(&self, command: impl Into<Bytes>) -> Applied<usize> {
        let command = command.into();
        soon("a proposal", async {
            loop {
                let leader = self.leader().await;
                match self.node(leader).propose(command.clone()).await {
                    Ok(applied) => return applied,
                    Err(ProposeFailed::NotLeader { .. } | ProposeFailed::Lost) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        })
        .await
    }

    /// What a node has applied, once that is at least up to `index`.
    pub async fn ledger(&self, at: usize, index: Index) -> Vec<Bytes> {
        let node = self.node(at);
        soon("an entry to be applied", node.wait_applied(index))
            .await
            .unwrap();
        let read = node.read(ReadLevel::Local, |ledger, _| ledger.0.clone());
        soon("a local read", read).await.unwrap()
    }

    pub async fn wait_status(
        &self,
        at: usize,
        what: &str,
        is: impl FnMut(&NodeStatus) -> bool,
    ) -> NodeStatus {
        let mut status = self.node(at).subscribe();
        soon(what, status.wait_for(is)).await.unwrap().clone()
    }
}

/// Some commands, each different.
pub fn commands(count: usize) -> Vec<Bytes> {
    let command = |number| Bytes::from(format!("command {number}"));
    (0..count).map(command).collect()
}
