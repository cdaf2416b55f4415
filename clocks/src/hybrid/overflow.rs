//! What to do when the counter of a millisecond is used up.

/// What a hybrid clock does when the counter of its millisecond is used up.
///
/// The counter of Kulkarni's algorithm has no end, that of a stamp of eight bytes has: 65,536 values
/// by default. More stamps than that in one millisecond, or a wall clock that was set back and left
/// the clock waiting in a millisecond of the future, use it up. The next stamp must then take a
/// millisecond that the wall clock has not shown, or wait for it. It never wraps around.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{HybridClock, HybridStamp, Overflow, WallTime};
///
/// let drift = Duration::from_millis(500);
/// let wall = WallTime::from_millis(1_000);
/// let full = |millis| HybridStamp::new(millis, HybridStamp::MAX_COUNTER).expect("it fits");
/// let clock = |millis, overflow| HybridClock::resume(full(millis), drift).with_overflow(overflow);
///
/// assert!(clock(1_000, Overflow::Wait).now(wall).is_err());
/// assert!(clock(1_000, Overflow::CarryWithinDrift).now(wall).is_ok());
/// assert!(clock(1_500, Overflow::CarryWithinDrift).now(wall).is_err());
/// assert!(clock(1_500, Overflow::CarryAlways).now(wall).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Overflow {
    /// Refuse until the wall clock shows the next millisecond. No stamp that the clock makes up
    /// itself is ever ahead of the largest wall time it was told of.
    Wait,
    /// Borrow from the next milliseconds as long as the stamp then leads the wall clock by no more
    /// than the clock's `max_drift`, which is what other nodes accept; past that, refuse. After the
    /// wall clock was set back by more than that, one counter is all there is until it has caught
    /// up.
    #[default]
    CarryWithinDrift,
    /// Borrow without a limit: the clock never refuses, not even when the wall clock was set back by
    /// an hour. A millisecond is borrowed for each counter that is used up, so the lead shrinks
    /// unless there are more stamps than the counter has values, every millisecond. Other nodes
    /// refuse what is too far ahead for them; watch the clock's `lead`.
    CarryAlways,
}
