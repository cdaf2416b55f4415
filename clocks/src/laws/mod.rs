//! The laws of clocks, as checks that you can run on your own.
//!
//! A clock that breaks a law works in every test that one writes by hand, and loses updates in
//! production: two stamps that are each after the other, a merge that depends on the order. Make
//! some stamps, or better let [`check_histories`] make them, and ask.
//!
//! - [`check_relation`]: `relate` is reflexive, turns around with its arguments, and is transitive.
//! - [`check_merge`]: a merge is the least upper bound: commutative, associative, idempotent.
//! - [`check_histories`]: random events and messages, against an oracle that keeps for each event
//!   the set of all that can have influenced it. What a clock claims to know must be so.
//!
//! ```
//! use quorate_clocks::laws::{Plan, Subject, check_histories, check_relation};
//! use quorate_clocks::{LamportClock, LamportStamp, NodeId};
//!
//! struct Lamport(Vec<LamportClock>);
//!
//! impl Subject for Lamport {
//!     type Stamp = LamportStamp;
//!
//!     fn event(&mut self, process: usize) -> LamportStamp {
//!         self.0[process].tick().expect("few events")
//!     }
//!
//!     fn receive(&mut self, process: usize, stamp: &LamportStamp) -> LamportStamp {
//!         self.0[process].receive(*stamp).expect("few events")
//!     }
//! }
//!
//! let plan = Plan { processes: 3, ..Plan::new(42) };
//! let clocks = (0..3).map(|id| LamportClock::new(NodeId(id))).collect();
//! let report = check_histories(plan, Lamport(clocks))?;
//! assert!(report.known > 0 && report.unknown > 0);
//! # Ok::<(), quorate_clocks::laws::Broken>(())
//! ```

mod histories;
mod merge;
mod relation;

use alloc::string::String;
use core::fmt;

pub use histories::{Plan, Report, Subject, check_histories};
pub use merge::check_merge;
pub use relation::check_relation;

/// A law that does not hold, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Broken {
    /// The name of the law.
    pub law: &'static str,
    /// The values that break it.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not hold: {}", self.law, self.what)
    }
}

impl core::error::Error for Broken {}
