//! Waiting until a date is certainly past.

use super::{IntervalClock, NotSynchronised};
use crate::{Instant, WallTime};

/// Waits until a stamp is in the past of every clock that is right: Spanner's commit wait.
///
/// A write that is stamped with the end of the interval, and shown to nobody before that date is past,
/// is ordered for everyone as it was for an observer with a perfect clock: whoever starts after it was
/// shown gets a larger stamp, without a message (Corbett et al. 2012, §4.2.1, "Commit Wait"). The price
/// is a wait of about twice the clock's error.
///
/// A machine without I/O: [`poll`](Self::poll) it when it says, and whenever the clock was synchronised.
/// If the error grows meanwhile, the wait gets longer; while the clock is not synchronised it never
/// ends.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{
///     CommitProgress, CommitWait, DriftRate, Instant, IntervalClock, TimeInterval, WallTime,
/// };
///
/// let mut clock = IntervalClock::new(DriftRate::NONE);
/// let noon = WallTime::from_millis(1_700_000_000_000);
/// clock.synchronise(Instant::ORIGIN, TimeInterval::around(noon, Duration::from_millis(4)))?;
///
/// let mut wait = CommitWait::begin(&clock, Instant::ORIGIN)?;
/// assert_eq!(wait.stamp(), noon.saturating_add(Duration::from_millis(4)));
/// let CommitProgress::Waiting { until } = wait.poll(&clock, Instant::ORIGIN) else {
///     panic!("eight milliseconds are left");
/// };
/// assert_eq!(until, Instant::from_nanos(8_000_001));
/// assert_eq!(wait.poll(&clock, until), CommitProgress::Past);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CommitWait {
    stamp: WallTime,
    past: bool,
}

/// How far a [`CommitWait`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[must_use = "what waits is not committed"]
pub enum CommitProgress {
    /// The stamp is certainly past. This stays so.
    Past,
    /// Not before this instant, unless the clock is synchronised: poll again then.
    Waiting {
        /// When.
        until: Instant,
    },
    /// Nobody knows, because the clock does not: poll again when it was synchronised.
    Stuck(NotSynchronised),
}

impl CommitWait {
    /// Stamps something with the end of the interval, and begins to wait for that.
    ///
    /// # Errors
    ///
    /// When the clock is not synchronised.
    pub fn begin(clock: &IntervalClock, now: Instant) -> Result<Self, NotSynchronised> {
        Ok(Self::until_past(clock.now(now)?.latest()))
    }

    /// Begins to wait for any other date, such as a stamp that has to be above those of others.
    pub const fn until_past(stamp: WallTime) -> Self {
        Self { stamp, past: false }
    }

    /// The date that is waited for.
    pub const fn stamp(&self) -> WallTime {
        self.stamp
    }

    /// Looks at the clock: early, late and repeated looks are harmless.
    pub fn poll(&mut self, clock: &IntervalClock, now: Instant) -> CommitProgress {
        if self.past {
            return CommitProgress::Past;
        }
        match clock.now(now) {
            Err(error) => CommitProgress::Stuck(error),
            Ok(interval) if interval.earliest() > self.stamp => {
                self.past = true;
                CommitProgress::Past
            }
            Ok(_) => {
                let until = clock.past(self.stamp).unwrap_or(Instant::MAX);
                // Rounding must not make a driver spin.
                let soon = now.saturating_add(core::time::Duration::from_nanos(1));
                CommitProgress::Waiting {
                    until: until.max(soon),
                }
            }
        }
    }
}
