//! The known ways in which leases and locks have gone wrong, one test each, named after the trap.

mod holder;
mod table;
