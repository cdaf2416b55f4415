//! Raft without I/O: a deterministic state machine to embed.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod config;
mod election;
mod entry;
mod error;
mod event;
mod follower;
mod gate;
mod log;
mod message;
mod progress;
mod quorum;
mod raft;
mod random;
mod reads;
mod replication;
mod snapshot;
pub mod wire;

pub use config::{Config, Recovered};
pub use entry::{Entry, HardState, Index, Payload, Position, Snapshot, Term};
pub use error::{ProposeError, ReadError, StartError};
pub use event::{Event, Fate, LeasePermit, PeerStatus, Persist, ReadTicket, Role, Status};
pub use message::{
    Append, AppendOutcome, AppendReply, Heartbeat, HeartbeatReply, Message, SnapshotChunk,
    SnapshotReply, VoteReply, VoteRequest,
};
pub use raft::Raft;
