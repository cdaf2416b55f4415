//! Peers that always have one more message do not keep a node from anything else.

mod common;

use std::task::{Context, Poll};

use bytes::Bytes;
use common::{Ledger, soon};
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, HeartbeatReply, Message, Term};
use quorate_raft_log::{Log, LogOptions};
use quorate_raft_node::{Node, NodeOptions};
use quorate_transport::{Received, Refused, Transmit, Transport};
use tokio::sync::mpsc;

/// Never empty. It uses a channel of tokio's, as one over sockets does, so tokio counts what it
/// gives.
struct Flood {
    full: mpsc::Sender<()>,
    queue: mpsc::Receiver<()>,
}

impl Transport for Flood {
    type Message = Message;

    fn send(&mut self, _: Transmit<Message>) -> Result<(), Refused<Message>> {
        Ok(())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<Message>> {
        let _ = self.full.try_send(());
        self.queue.poll_recv(cx).map(|_| Received {
            from: NodeId(2),
            message: Message::HeartbeatReply(HeartbeatReply {
                term: Term(0),
                round: 0,
                mark: 0,
            }),
        })
    }
}

#[tokio::test]
async fn a_flood_of_messages_does_not_starve_the_disk_the_callers_or_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (log, opened) = Log::open(dir.path(), LogOptions::default()).unwrap();
    let (full, queue) = mpsc::channel(1_024);
    let options = NodeOptions::new(Config::new(NodeId(1), [NodeId(1)]));
    let node = Node::start(
        options,
        log,
        opened,
        Flood { full, queue },
        Ledger::default(),
    )
    .unwrap();
    soon("a leader", node.leader()).await.unwrap();
    let applied = soon("a proposal", node.propose(Bytes::from("x"))).await;
    assert_eq!(applied.unwrap().response, 1);
    soon("a status", node.fresh_status()).await.unwrap();
    soon("a shutdown", node.shutdown()).await.unwrap();
}
