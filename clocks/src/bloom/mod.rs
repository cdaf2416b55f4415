//! Bloom clocks: causality in a fixed size, with a chance of error that is known.
//!
//! L. Ramabaja, "The Bloom Clock", arXiv 1905.13064, 2019; A. Misra, A. D. Kshemkalyani, "The Bloom
//! Clock for Causality Testing", arXiv 2011.11744, 2020. A stamp is a counting Bloom filter of all
//! that its event knew of. Two things differ from the papers. A stamp names its event, so that the
//! filter can be asked for that very event, and its counters are those *before* the event, so that the
//! answer for two events that know nothing of each other is independent of the places the event has.
//! That makes the chance of error a bound for any history, where the papers estimate it from the sums
//! of the counters.

mod clock;
mod counters;
mod stamp;
mod verdict;
#[cfg(feature = "alloc")]
mod wire;

pub use clock::{BloomClock, BloomExhausted, BloomReceiveError};
pub use stamp::BloomStamp;
pub use verdict::BloomVerdict;
