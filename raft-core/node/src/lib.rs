//! Raft for your own state machine, on tokio: the driver of `quorate-raft-core`.
//!
//! # The problem
//!
//! You have a state, such as a table, a queue or a catalogue, and want it on several machines so
//! that it outlives any minority of them. A Raft core decides what happens in which order; somebody
//! must still sync the log before the answer leaves, feed the state machine, take snapshots, answer
//! each caller once, and end well. That is this crate. You bring a [`StateMachine`]: how a command
//! changes the state, and the state as bytes.
//!
//! ```
//! use bytes::Bytes;
//! use quorate_clocks::NodeId;
//! use quorate_raft_core::{Config, Index};
//! use quorate_raft_log::{Log, LogOptions};
//! use quorate_raft_node::{
//!     Node, NodeOptions, ProposeFailed, ReadLevel, RestoreError, StateMachine,
//! };
//! use quorate_transport::Memory;
//!
//! #[derive(Default)]
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Response = u64;
//!
//!     fn apply(&mut self, _: Index, _add_one: &Bytes) -> u64 {
//!         self.0 += 1;
//!         self.0
//!     }
//!
//!     fn snapshot(&self) -> Bytes {
//!         Bytes::from(self.0.to_string())
//!     }
//!
//!     fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError> {
//!         let number = str::from_utf8(data).ok().and_then(|text| text.parse().ok());
//!         self.0 = number.ok_or_else(|| RestoreError::new("not a number"))?;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! // Three members in one process; with quorate-tcp they are three processes.
//! let ids = [NodeId(0), NodeId(1), NodeId(2)];
//! let mut nodes = Vec::new();
//! for (id, transport) in ids.into_iter().zip(Memory::mesh(ids, 1_024)) {
//!     let (log, opened) = Log::open(&dir.path().join(id.to_string()), LogOptions::default())?;
//!     let options = NodeOptions::new(Config::new(id, ids));
//!     nodes.push(Node::start(options, log, opened, transport, Counter::default())?);
//! }
//!
//! let (leader, applied) = loop {
//!     let leader = &nodes[nodes[0].leader().await?.0 as usize];
//!     match leader.propose(Bytes::from("add one")).await {
//!         Err(ProposeFailed::NotLeader { .. }) => {} // It has changed: ask again.
//!         answer => break (leader, answer?),
//!     }
//! };
//! assert_eq!(applied.response, 1);
//!
//! // Every member gets there.
//! for node in &nodes {
//!     node.wait_applied(applied.position.index).await?;
//!     assert_eq!(node.read(ReadLevel::Local, |counter, _| counter.0).await?, 1);
//! }
//! # let _ = leader;
//! for node in &nodes {
//!     node.shutdown().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What runs
//!
//! * **A tokio task** owns the core and the transport. It never waits for a disk or for your code.
//! * **A disk thread** owns the log. It takes every write that waits and makes them durable with
//!   one sync, so that many proposals share one: group commit.
//! * **An apply thread** owns your state: it applies commands in order, answers proposals, runs the
//!   closures of reads, takes and restores snapshots. Your code may take its time there, but
//!   everything that needs the state waits meanwhile.
//!
//! All queues between them are bounded. When the state machine is slow, committed entries wait in
//! the log and not in memory; when too many callers wait, the next is told
//! [`Overloaded`](ProposeFailed::Overloaded).
//!
//! # Proposing
//!
//! [`Node::propose`] ends exactly once, with what your state machine answered or with a
//! [`ProposeFailed`] that says whether the command can have happened. Most failures mean *certainly
//! not*, and the command may be proposed again, here or to the leader. After
//! [`Unknown`](ProposeFailed::Unknown), as after a timeout of your own, it may have happened or may
//! happen later. Then propose it again only if the state machine can tell that it has seen it: give
//! commands a key, as `quorate-idempotency` does.
//!
//! A proposal on a leader that loses its office stays open until its fate is known, which may take
//! until a majority is back. Put a timeout around it.
//!
//! # Reading
//!
//! [`Node::read`] at [`ReadLevel::Linearizable`] sees all that was answered before it began.
//! [`ReadLevel::Lease`] does too, faster, if clocks keep their rate. Both are for the leader.
//! [`ReadLevel::Local`] is for every node and promises nothing, but [`ReadAt`] says what is known:
//! wait with [`Node::wait_applied`] for a client's own last write, or look at how stale the state
//! can be at most.
//!
//! # When it ends
//!
//! [`Node::shutdown`] answers everyone, and frees the log's directory and the transport. Dropping
//! the last handle does the same without waiting. A [`Fault`] (a disk that fails, a state machine
//! that panics) ends the node, too, since going on could break a promise to its peers:
//! [`Node::failed`] waits for that. Proposals that were under way end as `Unknown`, everything else
//! as `Stopped`. A node that was ended by a fault can be started again from its log.
//!
//! # Three questions
//!
//! * *What does it assume about the network?* What the core does: nothing, for safety, and nothing
//!   for [`ReadAt::staleness`] either.
//! * *Where does it spend its consistency budget?* A proposal costs one sync on a majority, shared
//!   with all that came meanwhile. A linearizable read costs a round trip, shared too. A lease read
//!   and a local read cost a hop to the apply thread.
//! * *What happens when the cluster is cut in half?* On the smaller side proposals stay open,
//!   linearizable and lease reads fail as `NotLeader` once the leader there has stepped down, and
//!   local reads go on and say how stale they may be.
// why: a driver reads the clock, and owns threads. The machine that it drives does neither.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod apply;
mod command;
mod disk;
mod driver;
mod error;
mod machine;
mod node;
mod options;
mod read;
mod staleness;
mod status;

pub use error::{Fault, ProposeFailed, ReadFailed, StartError, Stopped};
pub use machine::{RestoreError, StateMachine};
pub use node::{Applied, Node};
pub use options::NodeOptions;
pub use read::{ReadAt, ReadLevel};
pub use status::{Counters, NodeStatus};
