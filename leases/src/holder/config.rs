//! What a holder is told: how long, how often, how careful.

use core::fmt;
use core::time::Duration;

use crate::Drift;

/// How a [`LeaseHolder`](crate::LeaseHolder) asks for its lease and keeps it.
///
/// [`new`](Self::new) takes the one number that has to be chosen, and fills in the others. All can be
/// set.
///
/// # How to choose the time to live
///
/// It is what everybody waits when a holder dies, so it should be short; and it is what a holder can be
/// cut off, so it should be long. Of the time to live `T` this is left to act in:
///
/// ```text
/// safe = T (1 - drift) / (1 + drift) - margin
/// ```
///
/// A renewal is sent after a third of it, so two thirds are left for whatever goes wrong. Make them as
/// long as the longest of these that a holder should survive: a change of leader at the lease service
/// (its clock stands still meanwhile, the holder's does not), a pause of the holder (a collection, a
/// full disk, a live migration: often a second), and three lost messages with their back-off. As a rule:
///
/// | Where | Time to live |
/// |---|---|
/// | one data centre, pauses below a second | 5 to 10 s |
/// | several, or virtual machines that are moved | 15 to 30 s |
/// | who holds it does so for hours, and nobody waits for it | a minute |
///
/// Below a second every pause loses the lease, and what is below four times `min_pause` is refused.
///
/// # How to choose the share of the safe time
///
/// With `renew_percent` the cost is `1 / (safe × share)` renewals a second, and `safe × (1 - share)` is
/// how long the lease service may be away. A third is what most use (etcd; Kubernetes renews after
/// 2 s of 15). A half is cheaper, and leaves time for fewer attempts. From 90 percent on there is no time for a
/// second one, and it is refused.
///
/// ```
/// use core::time::Duration;
/// use quorate_leases::{Drift, HolderConfig};
///
/// let config = HolderConfig {
///     drift: Drift::QUARTZ,
///     margin: Duration::from_millis(200),
///     ..HolderConfig::new(Duration::from_secs(10))
/// };
/// assert_eq!(config.safe_time(), Duration::from_nanos(9_798_000_199));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct HolderConfig {
    /// The time to live that is asked for.
    pub ttl: Duration,
    /// How wrong the speed of the holder's and of the grantor's clock may be.
    pub drift: Drift,
    /// The longest time from a check to its effect at the resource. For operations that take longer,
    /// see [`SafeUntil::guarded`](crate::SafeUntil::guarded).
    pub margin: Duration,
    /// After which part of the safe time the lease is renewed, in percent, from 1 to 89. The actual moment
    /// is drawn from the last quarter before that, so that holders that began together do not renew
    /// together for ever.
    pub renew_percent: u8,
    /// Two requests are never closer than this, whatever is answered; and how long the first attempt is
    /// waited for.
    pub min_pause: Duration,
    /// What the time between attempts, which doubles, grows to. While there is a lease to lose it is never
    /// more than half of what is left.
    pub max_pause: Duration,
    /// How far `now` may go back between two calls, and how far the two clocks of
    /// [`handle_clocks`](crate::LeaseHolder::handle_clocks) may disagree, before the lease is given up. A
    /// suspension or a step back that is shorter only shortens it, by as much.
    pub clock_tolerance: Duration,
    /// If set, a holder that has shown no [`Progress`](crate::Progress) for so long lets go: it stops, gives
    /// the lease back once the work has stopped, and does not want it any more until it is told to
    /// [acquire](crate::LeaseHolder::acquire) it again.
    pub progress_within: Option<Duration>,
}

impl HolderConfig {
    /// A lease of `ttl`, renewed after a third of its safe time: clocks that NTP [slews](Drift::SLEWED), a
    /// margin of a twentieth of `ttl`, attempts from a hundredth of it apart up to a half, clocks that may
    /// disagree by a fiftieth, and no proof of progress.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            drift: Drift::SLEWED,
            margin: ttl / 20,
            renew_percent: 33,
            min_pause: ttl / 100,
            max_pause: ttl / 2,
            clock_tolerance: ttl / 50,
            progress_within: None,
        }
    }

    /// How long a holder may act after it has sent its request, if the grantor grants what is asked.
    pub fn safe_time(&self) -> Duration {
        self.drift.at_least(self.ttl).saturating_sub(self.margin)
    }

    pub(super) fn check(&self) -> Result<(), HolderConfigError> {
        if !(1..90).contains(&self.renew_percent) {
            let percent = self.renew_percent;
            return Err(HolderConfigError::RenewPercent { percent });
        }
        let (min, max) = (self.min_pause, self.max_pause);
        if min.is_zero() || min > max {
            return Err(HolderConfigError::Pauses { min, max });
        }
        let (safe, least) = (self.safe_time(), min.saturating_mul(4));
        if safe < least {
            let ttl = self.ttl;
            return Err(HolderConfigError::SafeTime { ttl, safe, least });
        }
        match self.progress_within {
            Some(within) if within < min => Err(HolderConfigError::Progress { within, min }),
            _ => Ok(()),
        }
    }
}

/// Why a [`HolderConfig`] is no good.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::Incarnation;
/// use quorate_leases::{HolderConfig, LeaseHolder};
///
/// // Half a second for an operation, of a lease of half a second.
/// let half = Duration::from_millis(500);
/// let config = HolderConfig { margin: half, ..HolderConfig::new(half) };
/// let refused = LeaseHolder::new(config, Incarnation(1), 7).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "a lease of 500ms leaves 0ns to act in, and `min_pause` needs 20ms: ask for a longer one, or lower \
///      `margin` or `min_pause`",
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HolderConfigError {
    /// Drift and margin leave too little of the time to live.
    SafeTime {
        /// The time to live.
        ttl: Duration,
        /// What is left to act in.
        safe: Duration,
        /// Four times `min_pause`.
        least: Duration,
    },
    /// `renew_percent` is not between 1 and 89.
    RenewPercent {
        /// What it is.
        percent: u8,
    },
    /// `min_pause` is zero, or longer than `max_pause`.
    Pauses {
        /// `min_pause`.
        min: Duration,
        /// `max_pause`.
        max: Duration,
    },
    /// `progress_within` is shorter than `min_pause`: nobody could keep it.
    Progress {
        /// `progress_within`.
        within: Duration,
        /// `min_pause`.
        min: Duration,
    },
}

impl fmt::Display for HolderConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SafeTime { ttl, safe, least } => write!(
                f,
                "a lease of {ttl:?} leaves {safe:?} to act in, and `min_pause` needs {least:?}: ask for a \
                 longer one, or lower `margin` or `min_pause`"
            ),
            Self::RenewPercent { percent } => write!(
                f,
                "a renewal after {percent} % of the safe time is out of bounds: choose 1 to 89"
            ),
            Self::Pauses { min, max } => write!(
                f,
                "`min_pause` is {min:?} and `max_pause` {max:?}: the first has to be more than nothing and \
                 no longer than the second"
            ),
            Self::Progress { within, min } => write!(
                f,
                "`progress_within` is {within:?}, shorter than `min_pause`, {min:?}: allow more"
            ),
        }
    }
}

impl core::error::Error for HolderConfigError {}
