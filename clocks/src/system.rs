//! The machine's own clocks, read. The only file of the crate that touches the outside.
// why: every other crate is told the time; here is where drivers get the time that they tell.
#![allow(clippy::disallowed_methods)]

use crate::{Instant, WallTime};

/// The operating system's clocks: a monotonic one that counts suspended time, and the calendar.
///
/// [`now`](Self::now) is `CLOCK_BOOTTIME` on Linux. The usual monotonic clock stands still while a
/// laptop sleeps or a virtual machine is suspended, so a holder that slept for an hour would still
/// believe in a lease of ten seconds. Other Unix systems answer with `CLOCK_MONOTONIC`, where whether sleep
/// counts is the system's choice, and the rest with [`std::time::Instant`].
///
/// The origin is the moment of creation. A copy keeps the origin, so its instants compare with those
/// of the original; two clocks created apart have different origins and theirs do not. Create one
/// per process and copy it.
///
/// ```
/// use quorate_clocks::{Instant, SystemClock};
///
/// let clock = SystemClock::new();
/// let copy = clock;
/// let first = clock.now();
/// assert!(first >= Instant::ORIGIN);
/// assert!(copy.now() >= first);
/// assert!(SystemClock::wall().as_millis() > 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Raw,
}

impl SystemClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: raw_now() }
    }

    /// How long ago the clock was created, as an instant. Never goes back, within the process.
    pub fn now(self) -> Instant {
        Instant::from_nanos(nanos_between(self.origin, raw_now()))
    }

    /// What the machine's calendar shows. May jump, forward and back.
    pub fn wall() -> WallTime {
        WallTime::from(std::time::SystemTime::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(unix)]
type Raw = rustix::time::Timespec;

#[cfg(unix)]
fn raw_now() -> Raw {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    rustix::time::clock_gettime(CLOCK)
}

#[cfg(unix)]
fn nanos_between(origin: Raw, now: Raw) -> u64 {
    let seconds = i128::from(now.tv_sec) - i128::from(origin.tv_sec);
    let nanos = i128::from(now.tv_nsec) - i128::from(origin.tv_nsec);
    u64::try_from((seconds * 1_000_000_000 + nanos).max(0)).unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
type Raw = std::time::Instant;

#[cfg(not(unix))]
fn raw_now() -> Raw {
    std::time::Instant::now()
}

#[cfg(not(unix))]
fn nanos_between(origin: Raw, now: Raw) -> u64 {
    let span = now.saturating_duration_since(origin);
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn instants_of_one_clock_and_of_its_copies_never_go_back() {
        let clock = SystemClock::new();
        let mut last = Instant::ORIGIN;
        for _ in 0..1_000 {
            let copy = clock;
            let now = copy.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn the_calendar_is_past_2020() {
        assert!(SystemClock::wall() > WallTime::from_millis(1_577_836_800_000));
    }

    #[cfg(unix)]
    #[test]
    fn spans_cross_the_second_and_never_underflow() {
        let at = |tv_sec, tv_nsec| rustix::time::Timespec { tv_sec, tv_nsec };
        assert_eq!(nanos_between(at(1, 999_999_999), at(2, 1)), 2);
        assert_eq!(nanos_between(at(2, 1), at(1, 999_999_999)), 0);
    }
}
