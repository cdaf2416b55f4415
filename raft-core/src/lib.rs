//! Raft without I/O: a deterministic state machine to embed in your own system.
//!
//! # The problem
//!
//! Several machines shall agree on one sequence of commands, although messages get lost, delayed,
//! doubled and reordered, and although any minority of the machines may be down. Raft (Ongaro and
//! Ousterhout, *In Search of an Understandable Consensus Algorithm*, USENIX ATC 2014; Ongaro's
//! thesis, Stanford 2014) does it with an elected leader and a majority for every decision.
//!
//! What makes Raft hard to embed is not the algorithm but its edges: what must be durable before
//! which message leaves, which late answer still counts, what a restart may forget. This crate
//! keeps all of these rules inside:
//!
//! * **It does no I/O.** There is no clock, no socket, no file, no thread and no randomness but the
//!   seed that it is given. The code that runs in production is the code that is simulated.
//! * **It holds back what must wait.** A vote or an acknowledgement comes out of
//!   [`Raft::poll_transmit`] only after [`Raft::handle_written`] said that what it stands on is
//!   durable. A driver may drain the polls in any order, and write and send at its own pace.
//! * **It never reads the disk.** Matching, elections and commits need only terms, and a log has few
//!   of them. The newest payloads stay in a window of memory; older ones are asked for with
//!   [`Event::Load`], and nothing waits for them but who needs them.
//! * **No input panics.** A stale, unknown, malformed or lying message is dropped and counted.
//!
//! # The loop
//!
//! One thread, no network, three members: every driver is this loop with real sockets and disks.
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use bytes::Bytes;
//! use quorate_clocks::{Instant, NodeId};
//! use quorate_raft_core::{Config, Event, Payload, Raft, Recovered, Role};
//!
//! let ids = [NodeId(0), NodeId(1), NodeId(2)];
//! let start = |id| Raft::new(Config::new(id, ids), Recovered::default(), id.0, Instant::ORIGIN);
//! let mut members = ids.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
//! let mut network = VecDeque::new();
//! let mut applied = vec![Vec::new(); 3];
//! let mut proposed = false;
//! for millis in 0..5_000 {
//!     let now = Instant::from_millis(millis);
//!     for (at, raft) in members.iter_mut().enumerate() {
//!         if raft.poll_timeout().is_some_and(|due| due <= now) {
//!             raft.handle_timeout(now);
//!         }
//!         if raft.role() == Role::Leader && !proposed {
//!             raft.propose(Bytes::from("x = 1"), now)?;
//!             proposed = true;
//!         }
//!         while let Some(write) = raft.poll_write() {
//!             // A real driver writes `write.what` to its log and syncs it, then says so.
//!             raft.handle_written(write.receipt, now);
//!         }
//!         while let Some(transmit) = raft.poll_transmit() {
//!             network.push_back((ids[at], transmit));
//!         }
//!         while let Some(event) = raft.poll_event() {
//!             if let Event::Committed { entries } = event {
//!                 applied[at].extend(entries.iter().filter_map(|entry| match entry.payload {
//!                     Payload::Command(command) => Some(command.clone()),
//!                     _ => None,
//!                 }));
//!             }
//!         }
//!     }
//!     while let Some((from, transmit)) = network.pop_front() {
//!         members[transmit.to.0 as usize].handle_message(from, transmit.message, now);
//!     }
//! }
//! assert_eq!(applied, vec![vec![Bytes::from("x = 1")]; 3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Drain all three polls until each is empty: draining one may make work for another.
//! `quorate-raft-node` is this loop on tokio, with a durable log and group commit.
//!
//! # Reading
//!
//! [`Raft::read`] asks a majority whether this node still leads, with one round of heartbeats for
//! all reads that came before it. [`Raft::lease_read`] asks nobody while a lease holds, and is
//! sound only as far as clocks keep to [`Config::clock_drift_ppm`]. Both tell the index that must
//! be applied before the application's state may be read.
//!
//! A member that does not lead reads its own state with [`Raft::read_anywhere`]: it asks the leader for the
//! index, and gives it no other work.
//!
//! # Who the members are
//!
//! A cluster begins with its [`founders`](Config::founders) and changes by [`Raft::change_membership`]: to
//! any other [`Membership`], with learners that only listen, witnesses that vote and hold no commands, and
//! voters of different weights or in zones, as a [`QuorumSet`] says. The change is against the membership
//! that somebody has looked at, and one at a time. One voter comes or goes in a single step; everything else
//! goes through a joint membership (Raft §6), which the leader leaves on its own.
//!
//! ```
//! # use quorate_clocks::{Instant, NodeId};
//! # use quorate_raft_core::{ChangeError, Config, Raft, Recovered};
//! # let config = Config::new(NodeId(1), [1, 2, 3].map(NodeId));
//! # let now = Instant::ORIGIN;
//! # let mut raft = Raft::new(config, Recovered::default(), 0, now)?;
//! // n4 listens, until it may vote in the place of n3.
//! let change = raft.change().learner(NodeId(4));
//! let refused = raft.change_membership(&change, now);
//! # assert_eq!(refused, Err(ChangeError::NotLeader { leader: None }));
//! let change = raft.change().voter(NodeId(4)).remove(NodeId(3));
//! let refused = raft.change_membership(&change, now);
//! # Ok::<(), quorate_raft_core::StartError>(())
//! ```
//!
//! A membership holds from the moment that a member has its entry, committed or not (thesis §4.1): the
//! reasons are where the crate keeps them, and what it costs is that an entry which is removed takes its
//! membership with it. [`Event::MembershipChanged`] tells the driver whom to connect to. A leader hands over
//! with [`Raft::transfer_leadership`], also one that is removed.
//!
//! # Three questions
//!
//! * *What does it assume about the network?* Nothing but that some messages arrive some day, and
//!   that `from` is true. Time matters only for progress, and for lease reads.
//! * *Where does it spend its consistency budget?* Every command waits for a majority's disks: one
//!   round trip and one sync. Reads wait for one round trip, or for none on a lease.
//! * *What happens when the cluster is cut in half?* The side with a majority elects a leader and
//!   goes on. On the other side the leader steps down within two election timeouts. Its reads end
//!   and say so; what becomes of its commands is told when the halves meet again.
//!
//! # Limits
//!
//! There are at most 1,024 members. A witness still stores the position of each entry.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod cause;
mod change;
mod config;
mod counters;
mod election;
mod entries;
mod entry;
mod error;
mod event;
mod explain;
mod follower;
mod forward;
mod gate;
mod log;
mod marks;
mod members;
mod membership;
mod message;
mod progress;
mod proposals;
mod quorum;
mod raft;
mod reads;
mod reconfigure;
mod replication;
mod snapshot;
mod transfer;
pub mod wire;

pub use cause::Cause;
pub use change::{ChangeError, MembershipChange, Transition};
pub use config::{Config, Recovered};
pub use counters::Counters;
pub use entries::{Entries, EntriesIter, EntryRef};
pub use entry::{Entry, HardState, Index, Payload, Position, Snapshot, Term};
pub use error::{ProposeError, ReadError, StartError};
pub use event::{Event, Fate, LeasePermit, PeerStatus, Persist, ReadTicket, Role, Status};
pub use explain::{Commitment, Explanation, Leadership, PeerState};
pub use membership::Membership;
pub use message::{
    Append, AppendOutcome, AppendReply, Commit, Heartbeat, HeartbeatReply, Message, ReadReply,
    ReadRequest, SnapshotChunk, SnapshotReply, TimeoutNow, VoteReply, VoteRequest,
};
pub use quorum::{MembershipError, QuorumSet};
pub use raft::Raft;
pub use transfer::TransferError;
