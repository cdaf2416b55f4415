//! The resource's side: the newest token seen.

#[cfg(target_has_atomic = "64")]
mod atomic;
mod mark;

#[cfg(target_has_atomic = "64")]
pub use atomic::AtomicFence;
pub use mark::{Fence, Stale};
