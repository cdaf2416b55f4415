//! Whom to ask, how often, and whom to believe.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::{DriftRate, NodeId};

/// Whom a [`TimeSynchroniser`](crate::TimeSynchroniser) asks, and what it assumes.
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{DriftRate, NodeId, TimeSyncConfig};
///
/// let drift = DriftRate::from_ppm(200).expect("less than 100 %");
/// let config = TimeSyncConfig::new([1, 2, 3].map(NodeId), drift, 0xC0FFEE)?
///     .with_period(Duration::from_secs(16))
///     .with_faulty(1)?;
/// assert_eq!(config.faulty(), 1);
/// assert!(config.with_faulty(2).is_err(), "two of three would outvote the one that is right");
/// # Ok::<(), quorate_clocks::TimeSyncConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TimeSyncConfig {
    pub(super) sources: Vec<NodeId>,
    pub(super) drift: DriftRate,
    pub(super) seed: u64,
    pub(super) period: Duration,
    pub(super) faulty: usize,
    pub(super) forget_after: Duration,
    pub(super) step_after: Option<u32>,
    pub(super) max_error: Duration,
}

impl TimeSyncConfig {
    /// How many sources can be asked.
    pub const MAX_SOURCES: usize = 64;

    /// Asks these sources every eight seconds, assumes that fewer than half of them are wrong, and
    /// forgets what a source said after ten minutes without an answer. `drift` bounds how far off this
    /// machine's monotonic clock and the clocks of the sources run. The seed makes the nonces: give a
    /// different one after every start, so that an answer to an earlier life counts for nothing.
    ///
    /// # Errors
    ///
    /// When there is no source, when there are too many, or when one is named twice.
    pub fn new(
        sources: impl IntoIterator<Item = NodeId>,
        drift: DriftRate,
        seed: u64,
    ) -> Result<Self, TimeSyncConfigError> {
        let limit = Self::MAX_SOURCES;
        let mut list: Vec<NodeId> = Vec::new();
        for source in sources {
            if list.contains(&source) {
                return Err(TimeSyncConfigError::Twice { source });
            }
            if list.len() >= limit {
                return Err(TimeSyncConfigError::TooMany { limit });
            }
            list.push(source);
        }
        if list.is_empty() {
            return Err(TimeSyncConfigError::NoSource);
        }
        Ok(Self {
            faulty: (list.len() - 1) / 2,
            sources: list,
            drift,
            seed,
            period: Duration::from_secs(8),
            forget_after: Duration::from_secs(600),
            step_after: None,
            max_error: Duration::MAX,
        })
    }

    /// Asks this often. At least a millisecond, and longer than the way to a source and back takes: what
    /// was asked before the latest question is not waited for any more.
    #[must_use]
    pub fn with_period(mut self, period: Duration) -> Self {
        self.period = period.max(Duration::from_millis(1));
        self
    }

    /// Assumes that at most so many sources are wrong. The fewer, the narrower the result, and the
    /// sooner it is wrong itself.
    ///
    /// # Errors
    ///
    /// When that were half of the sources or more: they could outvote the ones that are right.
    pub fn with_faulty(mut self, faulty: usize) -> Result<Self, TimeSyncConfigError> {
        let sources = self.sources.len();
        if faulty > (sources - 1) / 2 {
            return Err(TimeSyncConfigError::TooManyFaulty { faulty, sources });
        }
        self.faulty = faulty;
        Ok(self)
    }

    /// Forgets what a source said when it has not answered for so long: several
    /// [periods](Self::with_period), since answers may be lost.
    #[must_use]
    pub const fn with_forget_after(mut self, after: Duration) -> Self {
        self.forget_after = after;
        self
    }

    /// When the sources exclude what the clock says, in so many rounds one after the other, believes
    /// the sources and lets the clock jump. Otherwise it never jumps, and only tells.
    #[must_use]
    pub const fn with_step_after(mut self, rounds: u32) -> Self {
        self.step_after = Some(rounds);
        self
    }

    /// Gives no time any more when its error is larger than this.
    #[must_use]
    pub const fn with_max_error(mut self, max_error: Duration) -> Self {
        self.max_error = max_error;
        self
    }

    /// Who is asked.
    pub fn sources(&self) -> &[NodeId] {
        &self.sources
    }

    /// How many of them may be wrong.
    pub const fn faulty(&self) -> usize {
        self.faulty
    }
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimeSyncConfigError {
    /// There is nobody to ask.
    NoSource,
    /// There are too many sources.
    TooMany {
        /// How many there can be.
        limit: usize,
    },
    /// A source is named twice: it would have two votes.
    Twice {
        /// Which.
        source: NodeId,
    },
    /// As many sources as may be wrong could outvote the others.
    TooManyFaulty {
        /// How many may be wrong.
        faulty: usize,
        /// How many there are.
        sources: usize,
    },
}

impl fmt::Display for TimeSyncConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource => f.write_str("there is no source to ask for the time"),
            Self::TooMany { limit } => write!(f, "at most {limit} sources can be asked"),
            Self::Twice { source } => {
                write!(f, "{source} is named twice, and would have two votes")
            }
            Self::TooManyFaulty { faulty, sources } => write!(
                f,
                "{faulty} wrong ones of {sources} sources could outvote the others: more than twice as many \
                 sources are needed"
            ),
        }
    }
}

impl core::error::Error for TimeSyncConfigError {}
