//! Clocks that lie, and what the other clocks promise in spite of them.

mod simulator;
