//! Clocks that lie, and the true time to hold them against.

mod clock;
mod clocks;
mod fault;
mod hand;
mod mischief;

pub use clock::{ClockReading, LyingClock};
pub use clocks::{LyingClocks, StruckFault};
pub use fault::{ClockFault, Hands};
pub use mischief::ClockMischief;
