//! Order without a global now.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod identity;
mod instant;

pub use identity::{Incarnation, NodeId};
pub use instant::Instant;
