//! Messages to a group, delivered in the order of cause and effect.

mod error;
mod inbox;
mod kept;
mod limits;
mod machine;
mod membership;
mod message;

pub use error::{BroadcastAcknowledgeError, BroadcastError, BroadcastReceiveError, NotBroadcast};
pub use limits::{BroadcastCounts, BroadcastLimits};
pub use machine::{CausalBroadcast, Received};
pub use message::BroadcastMessage;
