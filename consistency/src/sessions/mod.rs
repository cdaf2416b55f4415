//! Did each session see what it was promised?

mod check;
mod key_value;

pub use check::{Access, Guarantee, SessionAccess, SessionViolation, check_sessions};
pub use key_value::key_value_accesses;
