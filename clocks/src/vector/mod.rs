//! Version vectors: a counter for every actor, and what is built of them.
//!
//! D. S. Parker et al., "Detection of Mutual Inconsistency in Distributed Systems" (IEEE TSE 1983);
//! C. Fidge, "Timestamps in Message-Passing Systems That Preserve the Partial Ordering" (ACSC 1988);
//! F. Mattern, "Virtual Time and Global States of Distributed Systems" (1989).

mod clock;
mod context;
mod dot;
mod dotted;
mod dotted_wire;
mod error;
mod merge;
mod pruned;
mod range;
mod retired;
mod version;
mod walk;
mod wire;

pub use clock::{VectorClock, VectorReceiveError};
pub use context::CausalContext;
pub use dot::Dot;
pub use dotted::{DottedPutError, DottedSet, SkewedDots};
pub use error::{Amnesia, Applied, CounterExhausted, Gap};
pub use pruned::PrunedVector;
pub use range::DotRange;
pub use retired::{PruneError, RestoreError, RetireError, Retired};
pub use version::VersionVector;

/// Node, incarnation, counter. The counter is never zero.
///
/// Plain numbers, because whole vectors of them are compared at once.
type Entry = [u64; 3];
