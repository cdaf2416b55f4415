//! Three members of a cluster in one process, with a counter as the application.
//!
//! Run it with `cargo run -p quorate-raft-node --example embed`. In production each member is a
//! process of its own, and `quorate_tcp::TcpTransport` takes the place of `Memory`.

use bytes::Bytes;
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, Index};
use quorate_raft_log::{Log, LogOptions};
use quorate_raft_node::{Node, NodeOptions, ProposeFailed, ReadLevel, RestoreError, StateMachine};
use quorate_transport::Memory;

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let ids = [NodeId(0), NodeId(1), NodeId(2)];
    let mut nodes = Vec::new();
    for (id, transport) in ids.into_iter().zip(Memory::mesh(ids, 1_024)) {
        let (log, opened) = Log::open(&dir.path().join(id.to_string()), LogOptions::default())?;
        let options = NodeOptions::new(Config::new(id, ids));
        nodes.push(Node::start(
            options,
            log,
            opened,
            transport,
            Counter::default(),
        )?);
    }

    let (leader, applied) = loop {
        let leader = &nodes[nodes[0].leader().await?.0 as usize];
        match leader.propose(Bytes::from("add one")).await {
            Err(ProposeFailed::NotLeader { .. }) => {} // It has changed: ask again.
            answer => break (leader, answer?),
        }
    };
    println!("{} at log position {}", applied.response, applied.position);

    let read = leader.read(ReadLevel::Linearizable, |counter, at| {
        (counter.0, at.applied)
    });
    println!("{:?}", read.await?);

    for node in &nodes {
        node.shutdown().await?;
    }
    Ok(())
}
