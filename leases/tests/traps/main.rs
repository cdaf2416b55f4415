//! The known ways in which leases and locks have gone wrong, one test each, named after the trap.

mod election;
mod fence;
mod holder;
mod table;
