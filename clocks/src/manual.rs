//! A clock that moves only when it is told to.

use core::time::Duration;

use crate::{Instant, WallTime};

/// A clock for tests and simulations: it stands still until its owner moves it.
///
/// It carries a monotonic reading and a calendar reading, as a machine does. [`advance`] moves both,
/// as the passing of time does; [`set_wall`] moves only the calendar, as an operator or an NTP step
/// does. It is a plain value: a clone is another machine's clock that shows the same time now and
/// goes its own way from here.
///
/// [`advance`]: Self::advance
/// [`set_wall`]: Self::set_wall
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{Instant, ManualClock, WallTime};
///
/// let mut clock = ManualClock::new(Instant::ORIGIN).with_wall(WallTime::from_millis(10_000));
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now(), Instant::from_millis(2_000));
/// assert_eq!(clock.wall(), WallTime::from_millis(12_000));
///
/// // Someone sets the calendar back. A timeout does not notice.
/// clock.set_wall(WallTime::from_millis(0));
/// assert_eq!(clock.now(), Instant::from_millis(2_000));
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ManualClock {
    now: Instant,
    wall: WallTime,
}

impl ManualClock {
    /// A clock that shows `now`, and the start of 1970 as its date.
    pub const fn new(now: Instant) -> Self {
        Self {
            now,
            wall: WallTime::UNIX_EPOCH,
        }
    }

    /// The same clock with another date.
    #[must_use]
    pub const fn with_wall(mut self, wall: WallTime) -> Self {
        self.wall = wall;
        self
    }

    /// The monotonic reading.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The calendar reading.
    pub const fn wall(&self) -> WallTime {
        self.wall
    }

    /// Lets time pass: both readings move forward by `by`, each at most to its last value.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        self.wall = self.wall.saturating_add(by);
    }

    /// Sets the calendar, forward or back, and leaves the monotonic reading alone.
    pub const fn set_wall(&mut self, wall: WallTime) {
        self.wall = wall;
    }
}
