//! The resource's side: the newest token seen.

mod armed;
#[cfg(target_has_atomic = "64")]
mod atomic;
mod bytes;
mod durable;
mod fenced;
pub mod guide;
#[cfg(all(test, not(loom)))]
mod kill_matrix;
mod mark;
mod set;
mod strict;
mod weakness;

pub use armed::{Armed, HasToken, NotArmed, Raised, ResourceId, WrongResource};
#[cfg(target_has_atomic = "64")]
pub use atomic::AtomicFence;
pub use bytes::FenceBytesError;
pub use durable::{DurableFence, DurableFenceError};
pub use fenced::{Fenced, UseError};
pub use mark::{Fence, Stale};
pub use set::{FenceSet, FenceSetError, FenceSetLimits};
pub use strict::{Operation, StrictError, StrictFence};
