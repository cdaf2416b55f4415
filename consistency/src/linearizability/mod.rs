//! Could one client at a time have seen this?
//!
//! The algorithm is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with
//! Lowe's memoisation ("Testing for Linearizability", 2017): depth first, place any operation that no
//! remaining one precedes, and take it back when the model refuses all that could follow. A
//! configuration (which operations are placed, which state they lead to) that was seen before is not
//! tried again. Two additions are made for operations of unknown outcome, which are what makes
//! recorded histories hard:
//!
//! - They have no return, block nothing, and are tried last. A configuration is dropped as soon as
//!   one with the same answered operations, the same state and a **subset** of its unknown ones has
//!   been seen: whatever completes this one completes that one too.
//! - Of several with equal inputs, the one called first is placed first. Swapping the others in
//!   changes nothing.
//!
//! And one for those that change nothing, such as reads: where what they saw is the state, they are
//! placed at once, and no other choice is tried. An order that has them later can have them now.

mod bits;
mod budget;
mod certificate;
mod check;
mod checker;
mod deepest;
mod evidence;
mod fuel;
mod minimal;
mod partition;
pub mod quick;
mod refutation;
mod remaining;
mod search;
mod seen;
mod states;
mod transitions;
mod verdict;

pub use budget::Budget;
pub use certificate::{CertificateError, verify};
pub use check::check;
pub use checker::{Checker, Progress};
pub use fuel::Fuel;
pub use quick::Quick;
pub use refutation::{RefutationError, verify_violation};
pub(crate) use states::Mixer;
pub use verdict::{Blocked, Core, Explanation, Linearizability, Linearization, Violation};
