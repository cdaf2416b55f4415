//! The holder's deadline, from the moment it asked.

use core::fmt;
use core::time::Duration;

use quorate_clocks::Instant;

use crate::Drift;

/// Until when a holder may act on its lease, on the holder's own clock.
///
/// The only way to get one is [`new`](Self::new), which counts from the moment the request was
/// **sent**. Counting from when the answer arrived is the classic mistake: the answer may have been
/// on its way for longer than the lease lasts.
///
/// # Where the formula comes from
///
/// Let both clocks run at a rate between `1 - r` and `1 + r`. The grantor starts to count the time to
/// live `T` after the request was sent, at real time `s`, and its clock runs fast at most by `r`, so
/// it frees the lease no earlier than `s + T / (1 + r)`. The holder stops when its own clock, which
/// may be slow by `r`, has counted `d` since `s`: no later than `s + d / (1 - r)`. The holder stops
/// first, whatever the two clocks do within the bound, exactly when
///
/// ```text
/// d <= T * (1 - r) / (1 + r)
/// ```
///
/// and `margin` is taken off for the time between a check and its effect. The time that the messages
/// take is *not* taken off: it is already spent, since counting begins before the first of them.
///
/// The bound is tight: with clocks that are one percent worse than `r` says, there are two holders.
///
/// D. Ongaro's dissertation
/// ("Consensus: Bridging Theory and Practice", 2014, Section 6.4.1) counts a Raft leader's lease from
/// the sending of the heartbeats too, and divides it by a bound on clock drift; so do C. Gray and
/// D. Cheriton, "Leases", SOSP 1989, with an allowance for the clocks' uncertainty.
///
/// No margin helps a holder that is paused between the check and the effect. Only a
/// [`Fence`](crate::Fence) does.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Instant;
/// use quorate_leases::{Drift, SafeUntil};
///
/// let sent_at = Instant::from_millis(5_000);
/// // Ten seconds remain by the grantor's answer; the clocks are wrong by at most 200 parts per
/// // million; an operation takes at most 50 ms.
/// let drift = Drift::from_ppm(200).expect("less than 100 %");
/// let safe = SafeUntil::new(sent_at, Duration::from_secs(10), drift, Duration::from_millis(50));
/// assert!(safe.is_safe(Instant::from_millis(14_945)));
/// assert!(!safe.is_safe(Instant::from_millis(14_947))); // 10 s - 4 ms of drift - 50 ms of margin
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SafeUntil {
    sent_at: Instant,
    deadline: Instant,
}

impl SafeUntil {
    /// The deadline of a lease that was asked for, or renewed, by a request sent at `sent_at`.
    ///
    /// - `sent_at`: when the request that was answered left, on the holder's clock. That clock has
    ///   to count time that the machine spends suspended.
    /// - `ttl`: [`Grant::remaining`](crate::Grant::remaining) of the answer. For the first answer it
    ///   is the time to live that was asked for. For the answer to a retry it is less, for the lease
    ///   has been running since the first attempt; then the time to live that was asked for would
    ///   be too long.
    /// - `drift`: how wrong the rate of either clock may be.
    /// - `margin`: the longest time from a check to its effect at the resource. Add the step of the
    ///   clock if it is coarse.
    pub fn new(sent_at: Instant, ttl: Duration, drift: Drift, margin: Duration) -> Self {
        let safe = drift.at_least(ttl).saturating_sub(margin);
        Self {
            sent_at,
            deadline: sent_at.saturating_add(safe),
        }
    }

    /// The same for an operation that may take so much longer than the margin allows for: a deadline
    /// by which it has to have *begun*.
    ///
    /// That it ends in time is still a guess. It narrows the gap between the check and the effect, and
    /// no check closes it: the pause may be longer than anybody thought of.
    ///
    /// ```
    /// use core::time::Duration;
    /// use quorate_clocks::Instant;
    /// use quorate_leases::{Drift, SafeUntil};
    ///
    /// let second = Duration::from_secs(1);
    /// let safe = SafeUntil::new(Instant::ORIGIN, 10 * second, Drift::NONE, Duration::ZERO);
    /// let late = Instant::from_millis(8_500);
    /// assert!(safe.is_safe(late)); // for a write
    /// assert!(!safe.guarded(3 * second).is_safe(late)); // not for an upload of three seconds
    /// ```
    #[must_use]
    pub fn guarded(self, op_margin: Duration) -> Self {
        let deadline = self.deadline.saturating_sub(op_margin).max(self.sent_at);
        Self { deadline, ..self }
    }

    /// When the request was sent that it counts from.
    pub const fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// May the holder act at `now`, on the clock that `sent_at` was read from? From the deadline on
    /// it may not; nor before the request was sent, where only a clock that went back can be.
    pub fn is_safe(&self, now: Instant) -> bool {
        self.sent_at <= now && now < self.deadline
    }

    /// The first instant at which the holder may no longer act. Equal to the instant of sending when
    /// drift and margin leave nothing.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long the holder may still act at `now`; zero when it may not.
    pub fn remaining(&self, now: Instant) -> Duration {
        if self.is_safe(now) {
            self.deadline.since(now)
        } else {
            Duration::ZERO
        }
    }
}

impl fmt::Display for SafeUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "safe until {}", self.deadline)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLION: u128 = 1_000_000;

    fn ppm(drift: u32) -> Drift {
        Drift::from_ppm(drift).unwrap()
    }

    fn safe_nanos(ttl_nanos: u64, drift_ppm: u32) -> u128 {
        let ttl = Duration::from_nanos(ttl_nanos);
        let safe = SafeUntil::new(Instant::ORIGIN, ttl, ppm(drift_ppm), Duration::ZERO);
        u128::from(safe.deadline().as_nanos())
    }

    /// Does the holder, whose clock is slow, stop before the grantor, whose clock is fast, frees?
    /// Both rates are off by `drift` millionths. In real time: `d / (1 - r) <= T / (1 + r)`.
    fn holder_stops_first(safe_nanos: u128, ttl_nanos: u64, drift: u128) -> bool {
        safe_nanos * (MILLION + drift) <= u128::from(ttl_nanos) * (MILLION - drift)
    }

    proptest! {
        #[test]
        fn the_holder_stops_first_for_every_drift_within_the_bound(
            ttl in any::<u64>(), bound in 0..1_000_000_u32, part in 0..=100_u128
        ) {
            let actual = u128::from(bound) * part / 100;
            prop_assert!(holder_stops_first(safe_nanos(ttl, bound), ttl, actual));
        }

        #[test]
        fn the_bound_is_tight(
            ttl in 1_000_000_000..3_600_000_000_000_u64, bound in 100..100_000_u32
        ) {
            // Clocks that are one percent worse than was promised break it.
            let worse = u128::from(bound) * 101 / 100 + 1;
            prop_assert!(!holder_stops_first(safe_nanos(ttl, bound), ttl, worse));
        }

        #[test]
        fn no_input_panics_and_no_deadline_is_later_than_the_lease(
            sent in any::<u64>(), secs in any::<u64>(), nanos in 0..1_000_000_000_u32,
            drift in 0..1_000_000_u32, margin in any::<u64>(), now in any::<u64>(),
            operation in any::<u64>(),
        ) {
            let sent = Instant::from_nanos(sent);
            let ttl = Duration::new(secs, nanos);
            let safe = SafeUntil::new(sent, ttl, ppm(drift), Duration::from_nanos(margin));
            prop_assert!(safe.deadline() >= sent);
            prop_assert!(safe.deadline() <= sent.saturating_add(ttl));
            let now = Instant::from_nanos(now);
            prop_assert_eq!(safe.is_safe(now), safe.remaining(now) > Duration::ZERO);
            // An operation begins in time exactly when there is more left than it takes.
            let operation = Duration::from_nanos(operation);
            prop_assert_eq!(safe.guarded(operation).is_safe(now), safe.remaining(now) > operation);
        }
    }

    #[test]
    fn a_margin_or_a_drift_that_leaves_nothing_is_never_safe() {
        let sent = Instant::from_millis(100);
        let second = Duration::from_secs(1);
        for safe in [
            SafeUntil::new(sent, second, Drift::NONE, second),
            SafeUntil::new(sent, Duration::ZERO, Drift::NONE, Duration::ZERO),
            SafeUntil::new(sent, Duration::from_nanos(2), ppm(999_999), Duration::ZERO),
        ] {
            assert_eq!(safe.deadline(), sent);
            assert!(!safe.is_safe(sent));
        }
    }

    #[test]
    fn a_clock_that_went_back_is_not_safe() {
        let sent = Instant::from_millis(100);
        let safe = SafeUntil::new(sent, Duration::from_secs(1), Drift::NONE, Duration::ZERO);
        assert!(!safe.is_safe(Instant::from_millis(99)));
        assert!(safe.is_safe(sent));
    }
}
