//! The contract of a machine that does no I/O, and of what carries its messages.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod machine;
mod transport;
mod wire;

pub use machine::{Machine, Receipt, Transmit, Write};
pub use transport::{Lane, Received, Refused, Transport};
pub use wire::{Wire, WireError};
