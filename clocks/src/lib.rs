//! Order without a global now.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod identity;
mod instant;
mod manual;
#[cfg(feature = "system-clock")]
mod system;
mod wall;

pub use identity::{Incarnation, NodeId};
pub use instant::Instant;
pub use manual::ManualClock;
#[cfg(feature = "system-clock")]
pub use system::SystemClock;
pub use wall::WallTime;
