//! When to renew, and how long to wait for an answer.

use core::time::Duration;

use quorate_clocks::{Instant, SplitMix64};

use super::HolderConfig;
use super::weakness::{Weakness, Weaknesses};
use crate::SafeUntil;

/// When to renew a lease that is safe until then: at its part of the safe time, or up to a quarter sooner.
pub(super) fn renew_at(
    config: &HolderConfig,
    safe: SafeUntil,
    random: &mut SplitMix64,
    weak: Weaknesses,
) -> Instant {
    let whole = safe.deadline().since(safe.sent_at());
    let latest = percent(whole, config.renew_percent);
    let sooner = match weak.has(Weakness::NoJitter) {
        true => Duration::ZERO,
        false => up_to(random, latest / 4),
    };
    safe.sent_at() + latest.saturating_sub(sooner)
}

/// How long to wait for an answer after so many attempts without one, if `left` is what is left of a lease.
///
/// It doubles, and half of it is drawn at random (M. Brooker, "Exponential Backoff And Jitter", 2015, calls
/// this equal jitter), so that a lease service which comes back is not met by everybody at once. With a
/// lease to lose no wait is longer than half of what is left, so that there is another attempt.
pub(super) fn wait(
    config: &HolderConfig,
    failures: u32,
    left: Option<Duration>,
    random: &mut SplitMix64,
    weak: Weaknesses,
) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    let doubled = config
        .min_pause
        .saturating_mul(factor)
        .min(config.max_pause);
    let drawn = doubled / 2 + up_to(random, doubled / 2);
    let within = match left {
        Some(left) if !weak.has(Weakness::BackOffPastTheEnd) => drawn.min(left / 2),
        _ => drawn,
    };
    match weak.has(Weakness::NoPause) {
        true => Duration::ZERO,
        false => within.max(config.min_pause),
    }
}

/// A span drawn from nothing to this.
pub(super) fn up_to(random: &mut SplitMix64, most: Duration) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random.below(nanos.saturating_add(1)))
}

fn percent(whole: Duration, percent: u8) -> Duration {
    // In hundredths, so that nothing overflows; what is lost is below a microsecond.
    (whole / 100).saturating_mul(u32::from(percent))
}
