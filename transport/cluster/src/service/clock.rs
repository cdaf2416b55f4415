//! The log's time: what leases and idempotency keys expire by.

use std::sync::atomic::{AtomicU64, Ordering};

use quorate_clocks::Instant;
use quorate_leases::LeaseClock;

use crate::sync::{Lock, lock};

/// Reckons the log's time on a leader.
///
/// Replicas must agree on when a lease ends, so its end is a point in the *log's* time, which is
/// what the commands' stamps say. A leader stamps a command with the newest stamp that it had
/// applied when it first stamped one in its term, plus what has passed since on its own monotonic
/// clock. So
///
/// * the log's time never runs faster than a leader's clock: a lease lasts at least as long as
///   promised, and a holder who counts from when it asked stops in time;
/// * it stands still while there is no leader: a failover ends no lease early;
/// * wall clocks play no part.
///
/// The anchor must not move with each command that is applied: stamps lie a commit's latency in the
/// past by then, and under steady load the log's time would stand still.
///
/// ```
/// use std::time::Duration;
/// use quorate::service::LogClock;
/// use quorate_clocks::Instant;
///
/// let clock = LogClock::default();
/// clock.observe(Instant::from_millis(100));
/// // The first stamp of a term repeats the newest stamp applied, however long ago that was.
/// let first = clock.stamp(7, Instant::from_millis(9_000));
/// assert_eq!(first, Instant::from_millis(100));
/// let second = clock.stamp(7, Instant::from_millis(9_005));
/// assert_eq!(second.since(first), Duration::from_millis(5));
/// ```
#[derive(Debug, Default)]
pub struct LogClock {
    /// The newest stamp applied, in nanoseconds.
    newest: AtomicU64,
    anchor: Lock<Anchor>,
}

/// The log's time as this node continued it, and in which term.
#[derive(Debug)]
struct Anchor {
    term: u64,
    clock: LeaseClock,
}

impl Default for Anchor {
    fn default() -> Self {
        Self {
            term: 0,
            clock: LeaseClock::continue_from(Instant::ORIGIN, Instant::ORIGIN),
        }
    }
}

impl LogClock {
    /// A command with this stamp was applied, or a snapshot taken at it restored.
    pub fn observe(&self, stamp: Instant) {
        self.newest.fetch_max(stamp.as_nanos(), Ordering::AcqRel);
    }

    /// The stamp of a command that a leader of `term` proposes at `now`, its own monotonic clock.
    pub fn stamp(&self, term: u64, now: Instant) -> Instant {
        let newest = Instant::from_nanos(self.newest.load(Ordering::Acquire));
        let mut anchor = lock(&self.anchor);
        let reckoned = anchor.clock.at(now);
        if term > anchor.term || reckoned < newest {
            *anchor = Anchor {
                term: term.max(anchor.term),
                clock: LeaseClock::continue_from(newest, now),
            };
            return newest;
        }
        reckoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn time_passes_while_every_command_is_applied_late() {
        let clock = LogClock::default();
        let commit_latency = Duration::from_millis(10);
        for now in 0..1_000 {
            let stamp = clock.stamp(1, ms(now));
            assert_eq!(stamp, ms(now));
            clock.observe(stamp.saturating_sub(commit_latency));
        }
    }

    #[test]
    fn time_stands_still_between_leaders() {
        let clock = LogClock::default();
        assert_eq!(clock.stamp(1, ms(50)), ms(0));
        clock.observe(clock.stamp(1, ms(80)));
        // Another node led in between, for 5 ms, and wrote one command; then nobody led for long.
        clock.observe(ms(35));
        assert_eq!(clock.stamp(3, ms(100_000)), ms(35));
        assert_eq!(clock.stamp(3, ms(100_001)), ms(36));
    }

    #[test]
    fn a_newer_stamp_that_is_applied_late_moves_the_anchor_forward() {
        let clock = LogClock::default();
        assert_eq!(clock.stamp(2, ms(10)), ms(0));
        clock.observe(ms(500));
        assert_eq!(clock.stamp(2, ms(11)), ms(500));
        assert_eq!(clock.stamp(2, ms(13)), ms(502));
    }

    #[test]
    fn a_caller_that_still_names_an_older_term_gets_a_stamp_of_the_newer() {
        let clock = LogClock::default();
        assert_eq!(clock.stamp(5, ms(10)), ms(0));
        assert_eq!(clock.stamp(4, ms(12)), ms(2));
    }
}
