//! What a holder says: one line of JSON for each thing that it did.

use quorate_clocks::SystemClock;
use serde::{Deserialize, Serialize};

/// What a holder did. Times are those of [`machine_nanos`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// It sent a request once.
    Attempt {
        call_ns: u64,
        return_ns: u64,
        answered: bool,
    },
    /// It got the lease, which counts from `call_ns`.
    Granted {
        call_ns: u64,
        return_ns: u64,
        token: u64,
    },
    /// It has the lease for longer, counted from `call_ns`.
    Renewed { call_ns: u64 },
    /// It is going to write. Said before anything is sent: whatever becomes of the holder, what it
    /// may have written is known.
    Writing { call_ns: u64, value: u64 },
    /// The write was made.
    Written { return_ns: u64, revision: u64 },
    /// The write was refused. It is the last.
    Refused { return_ns: u64, problem: String },
    /// It gave the lease back.
    Released,
}

/// What the holder is told to do: give the lease back, and end.
pub(super) const RELEASE: &str = "release";

/// Nanoseconds on a clock that all processes of this machine read alike.
pub(super) fn machine_nanos() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let now = clock_gettime(CLOCK);
    // Neither is negative on a clock that starts with the machine.
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Turns readings of the machine's clock into those of the run's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    earliest: u64,
    latest: u64,
}

impl Origin {
    /// When the run's clock started, as the machine's clock tells it: somewhere between two
    /// readings around one of the run's clock.
    pub(super) fn of(clock: SystemClock) -> Self {
        let before = machine_nanos();
        let now = clock.now().as_nanos();
        let after = machine_nanos();
        Self {
            earliest: before.saturating_sub(now),
            latest: after.saturating_sub(now),
        }
    }

    /// When something began: not later than it did.
    pub(super) fn call(self, machine_ns: u64) -> u64 {
        machine_ns.saturating_sub(self.latest)
    }

    /// When something was over: not earlier than it was.
    pub(super) fn ret(self, machine_ns: u64) -> u64 {
        machine_ns.saturating_sub(self.earliest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_another_process_enclose_what_they_time() {
        let clock = SystemClock::new();
        let origin = Origin::of(clock);
        let (began, call) = (clock.now().as_nanos(), machine_nanos());
        let (ret, ended) = (machine_nanos(), clock.now().as_nanos());
        // Each reading lies between two of the run's clock, give or take how sure the origin is.
        let unsure = origin.latest - origin.earliest;
        assert!((began.saturating_sub(unsure)..=ended).contains(&origin.call(call)));
        assert!((began..=ended + unsure).contains(&origin.ret(ret)));
    }

    #[test]
    fn a_line_is_read_as_it_was_said() {
        let line = Line::Refused {
            return_ns: 7,
            problem: "stale-token".to_owned(),
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
