//! `quorate check`: says whether a recorded history is linearizable, or shows where it is not.

mod decide;
mod describe;
pub(crate) mod explain;
mod load;
mod picture;
mod report;
mod run;

pub use run::run;
