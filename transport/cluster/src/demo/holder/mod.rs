//! Lease holders that are processes of their own, so that they can really be stopped.
//!
//! A holder that is stopped past its lease, by a garbage collector, a hypervisor or SIGSTOP, does not
//! know it when it goes on: its next write is sent in good faith. To see what becomes of that write,
//! the demo needs holders whose clock, sockets and program counter all stand still, and only a
//! process has these to itself. [`hold()`] is what such a process does, [`Holder`] how the demo starts
//! it, stops it, lets it go on, and writes down what it did.

mod hold;
mod lines;
mod process;

pub use hold::hold;
pub(super) use process::{Begin, Holder};
