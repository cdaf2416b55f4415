//! The property run of the Raft core: clusters in a simulated world, clients, and invariants.

pub(crate) mod book;
pub(crate) mod cluster;
pub(crate) mod disk;
pub(crate) mod invariants;
pub(crate) mod operator;
pub(crate) mod run;
