//! Three members of a cluster in one process, with a counter as the application.
//!
//! Run it with `cargo run -p quorate-raft-node --example embed`. In production each member is a
//! process of its own, and `quorate_tcp::TcpTransport` takes the place of `Memory`.

use std::error::Error;
use std::path::Path;

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, Index, Message};
use quorate_raft_log::{Log, LogOptions};
use quorate_raft_node::{Node, NodeOptions, ProposeFailed, ReadLevel, RestoreError, StateMachine};
use quorate_transport::{Memory, Transport};

const MEMBERS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

#[derive(Default)]
struct Counter(u64);

impl StateMachine for Counter {
    type Response = u64;

    fn apply(&mut self, _: Index, _add_one: &Bytes) -> u64 {
        self.0 += 1;
        self.0
    }

    fn snapshot(&self) -> Bytes {
        Bytes::from(self.0.to_string())
    }

    fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError> {
        let number = str::from_utf8(data).ok().and_then(|text| text.parse().ok());
        self.0 = number.ok_or_else(|| RestoreError::new("not a number"))?;
        Ok(())
    }
}

fn start<T>(id: NodeId, dir: &Path, transport: T) -> Result<Node<Counter>, Box<dyn Error>>
where
    T: Transport<Message = Message> + Send + 'static,
{
    let (log, opened) = Log::open(dir, LogOptions::default())?;
    let options = NodeOptions::new(Config::new(id, MEMBERS));
    let node = Node::start(options, log, opened, transport, Counter::default())?;
    Ok(node)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut nodes = Vec::new();
    for (id, transport) in MEMBERS.into_iter().zip(Memory::mesh(MEMBERS, 1_024)) {
        nodes.push(start(id, &dir.path().join(id.to_string()), transport)?);
    }

    let (leader, applied) = loop {
        let leader = &nodes[nodes[0].leader().await?.0 as usize];
        match leader.propose(Bytes::from("add one")).await {
            Err(ProposeFailed::NotLeader { .. }) => {} // It has changed: ask again.
            answer => break (leader, answer?),
        }
    };
    println!("{} at log position {}", applied.response, applied.position);

    let read = leader.read(ReadLevel::Linearizable, |counter, _| counter.0);
    println!("read back: {}", read.await?);

    for node in &nodes {
        node.shutdown().await?;
    }
    Ok(())
}
