//! Clocks that lie, and what the other clocks promise in spite of them. What hybrid clocks promise is in
//! `tests/traps/lying.rs`.

mod interval;
mod network;
mod simulator;
mod synchroniser;
mod watch;
