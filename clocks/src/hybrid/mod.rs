//! Order that respects cause and stays close to the date.
//!
//! S. Kulkarni, M. Demirbas, D. Madappa, B. Avva and M. Leone, "Logical Physical Clocks and
//! Consistent Snapshots in Globally Distributed Databases", OPODIS 2014: the algorithm of Figure 5.

mod advance;
#[cfg(target_has_atomic = "64")]
mod atomic;
#[cfg(target_has_atomic = "64")]
mod atomic_durable;
#[cfg(target_has_atomic = "64")]
mod bound;
mod clock;
mod durable;
mod error;
#[cfg(target_has_atomic = "64")]
mod handle;
mod look_ahead;
mod node_stamp;
mod overflow;
#[cfg(target_has_atomic = "64")]
mod sharded;
mod share;
mod stamp;

#[cfg(target_has_atomic = "64")]
pub use atomic::AtomicHybridClock;
#[cfg(target_has_atomic = "64")]
pub use atomic_durable::AtomicDurableHybridClock;
pub use clock::HybridClock;
pub use durable::DurableHybridClock;
pub use error::{HybridNowError, HybridReceiveError};
#[cfg(target_has_atomic = "64")]
pub use handle::{HandlesTaken, HybridHandle};
pub use node_stamp::NodeStamp;
pub use overflow::Overflow;
#[cfg(target_has_atomic = "64")]
pub use sharded::ShardedHybridClock;
pub use stamp::{HybridStamp, PackedStamp};
