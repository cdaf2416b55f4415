//! The traps that earlier clocks fell into, one test each.

mod causal;
mod dotted;
mod hybrid;
mod interval;
mod lamport;
mod pruning;
mod sources;
mod tree;
mod vector;
