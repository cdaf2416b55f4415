//! The traps that earlier clocks fell into, one test each.

mod tree;
