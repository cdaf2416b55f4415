//! The traps that earlier clocks fell into, one test each.

mod bloom;
mod causal;
mod dotted;
mod hybrid;
mod interval;
mod lamport;
mod lying;
mod pruning;
mod sources;
mod tree;
mod vector;

// The worlds in which these happen, shared with the tests of the clocks that lie.
#[path = "../lying_clocks/hybrid.rs"]
mod hybrid_world;
#[path = "../lying_clocks/network.rs"]
mod network;
