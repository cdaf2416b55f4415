//! `quorate check`: says whether a recorded history is linearizable, or shows where it is not.

mod describe;
pub(crate) mod explain;
mod run;

pub use run::run;
