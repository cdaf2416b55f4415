//! Time with its error: intervals that hold the true time.

mod agreement;
mod clock;
mod commit_wait;
mod drift;
mod time_interval;

pub use clock::{ClockStatus, Disagreement, IntervalClock, NotSynchronised};
pub use commit_wait::{CommitProgress, CommitWait};
pub use drift::DriftRate;
pub use time_interval::{InvertedInterval, TimeInterval};
