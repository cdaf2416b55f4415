//! The models: against objects that are too simple to be wrong, against the search that tries every
//! order, and on the histories that people know.

mod classics;
mod differential;
mod leases;
mod nondeterministic;
mod oracle;
mod scale;
mod sequential;
