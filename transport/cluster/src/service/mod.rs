//! The replicated state: keys, counters, leases, fences, and what was answered to whom.
//!
//! [`Service`] is a deterministic state machine without a clock: the same commands in the same order
//! give the same state, byte for byte, on every node. A [`Command`] is one entry of the log; an
//! [`Outcome`] is what came of it. [`LogClock`] reckons the stamps that leases and idempotency keys
//! expire by.
//! Everything in it has a bound, and says what happens there: names and values
//! ([`MAX_HELD_BYTES`]), leases, fences of keys that are gone ([`MAX_GONE_FENCES`]), and idempotency
//! keys: an answer is kept for [`RETENTION`], 600 s of the log's time, and at most
//! [`MAX_IDEMPOTENCY_KEYS`], 1,000,000, are. That is 1,666 keyed writes per second for ever; beyond
//! it, writes with new keys are refused until the oldest answers are forgotten, because forgetting
//! one early would let a retry run twice.
//!
//! ```
//! use quorate::service::{Answer, Command, Condition, Operation, Outcome, Service};
//! use quorate_clocks::Instant;
//!
//! let put = Command {
//!     stamp: Instant::from_millis(1),
//!     idempotency_key: Some("3f0c".into()),
//!     operation: Operation::Put {
//!         key: "a".into(),
//!         value: "1".into(),
//!         condition: Condition::Absent,
//!         guard: None,
//!     },
//! };
//! let mut service = Service::new();
//! let written = Outcome::Written { revision: 7 };
//! assert_eq!(service.apply(7, &put.encode()), Answer::Ran(written.clone()));
//! // A retry gets the first answer, although the key exists by now.
//! assert_eq!(service.apply(8, &put.encode()), Answer::Replayed(written));
//! assert_eq!(service.get("a"), Some((7, "1".into())));
//!
//! let copy = Service::restore(&service.snapshot()).unwrap();
//! assert_eq!(copy, service);
//! ```

mod clock;
mod codec;
mod command;
mod fencing;
mod outcome;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub use clock::LogClock;
pub use codec::CodecError;
pub use command::{Command, Condition, Guard, MAX_COMMAND_BYTES, MAX_REVISIONS, Operation};
pub use fencing::MAX_GONE_FENCES;
pub use outcome::{Answer, Outcome};
pub(crate) use state::millis_up;
pub use state::{MAX_HELD_BYTES, MAX_IDEMPOTENCY_KEYS, RETENTION, Service, Sizes};
