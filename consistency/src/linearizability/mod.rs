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

mod certificate;
mod check;
mod partition;
pub mod quick;
mod search;
mod seen;
mod states;
mod verdict;

pub use certificate::{CertificateError, verify};
pub use check::{Budget, check};
pub use quick::Quick;
pub use verdict::{Blocked, Explanation, Linearizability, Linearization, Violation};
