//! How old is what a replica has?

use core::fmt;
use core::time::Duration;

use quorate_clocks::TimeInterval;

use super::Position;
use super::plant::{Plant, planted};

/// Whether something is so, where not everything is known.
///
/// ```
/// use quorate_consistency::session::Certainty;
///
/// // To serve what may be too old is a choice, and not what happens when nobody looks.
/// assert!(Certainty::Yes.is_yes() && !Certainty::Unknown.is_yes());
/// assert_eq!(Certainty::Unknown.to_string(), "unknown");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Certainty {
    /// It certainly is.
    Yes,
    /// It certainly is not.
    No,
    /// It may be.
    Unknown,
}

impl Certainty {
    /// Whether it certainly is.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        })
    }
}

/// The newest version of a shard that anybody has told of: bounded staleness by versions.
///
/// ```
/// use quorate_consistency::session::{Certainty, Newest, Position};
///
/// // Some replica has the log up to 100. There may be more.
/// let newest = Newest::AtLeast(100.into());
/// assert_eq!(newest.is_within(5, 94), Certainty::No);
/// assert_eq!(newest.is_within(5, 95), Certainty::Unknown);
/// // The leader, which leads for certain, has just committed up to 100.
/// let newest = Newest::Exactly(100.into());
/// assert_eq!(newest.is_within(5, 95), Certainty::Yes);
/// assert_eq!(newest.is_within(5, Position::new(1, 95)), Certainty::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Newest {
    /// There was nothing newer, at the moment as of which it is asked.
    Exactly(Position),
    /// There is this, and perhaps more.
    AtLeast(Position),
}

impl Newest {
    /// Whether a replica that has applied the log up to a position misses at most so many versions. Of
    /// positions of two epochs that is not known.
    pub fn is_within(self, versions: u64, have: impl Into<Position>) -> Certainty {
        let have: Position = have.into();
        let (Self::Exactly(newest) | Self::AtLeast(newest)) = self;
        if newest.epoch != have.epoch && !planted(Plant::VersionsOfAllEpochs) {
            return Certainty::Unknown;
        }
        match self {
            _ if newest.index.saturating_sub(have.index) > versions => Certainty::No,
            Self::AtLeast(_) if planted(Plant::NewestKnownIsNewest) => Certainty::Yes,
            Self::Exactly(_) => Certainty::Yes,
            Self::AtLeast(_) => Certainty::Unknown,
        }
    }
}

/// What a replica knows of how old its state is: bounded staleness by time.
///
/// A state is as old as the first write that it misses: **D old** at most, when it has every write that was
/// acknowledged longer ago than D. Two things can be known of that, both by clocks that are not exact, and
/// each can be known without the other.
///
/// What is `complete_until` comes from a leader, or a majority: it reads its clock, *then* asks how far the
/// log is acknowledged, and when the replica has applied that much, it has all that was acknowledged at the
/// time on the clock. CockroachDB calls these closed timestamps. Intervals come from an
/// [`IntervalClock`](quorate_clocks::IntervalClock).
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{TimeInterval, WallTime};
/// use quorate_consistency::session::{Age, Certainty};
///
/// let at = |millis| {
///     TimeInterval::around(WallTime::from_millis(millis), Duration::from_millis(5))
/// };
/// let replica = Age::unknown().complete_until(at(1_000));
/// let within = |millis, now| replica.is_within(Duration::from_millis(millis), at(now));
/// // Both clocks may be off by 5 ms.
/// assert_eq!(within(200, 1_190), Certainty::Yes);
/// assert_eq!(within(200, 1_191), Certainty::Unknown);
///
/// // It has heard of a write that it does not have yet.
/// let replica = replica.missing(at(1_050));
/// let within = |millis, now| replica.is_within(Duration::from_millis(millis), at(now));
/// assert_eq!(within(200, 1_260), Certainty::Unknown);
/// assert_eq!(within(200, 1_261), Certainty::No);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Age {
    complete_until: Option<TimeInterval>,
    missing: Option<TimeInterval>,
}

impl Age {
    /// Nothing is known.
    pub const fn unknown() -> Self {
        Self {
            complete_until: None,
            missing: None,
        }
    }

    /// The same, with every write that was acknowledged before some moment in this interval.
    #[must_use]
    pub const fn complete_until(mut self, moment: TimeInterval) -> Self {
        self.complete_until = Some(moment);
        self
    }

    /// The same, without some write that was acknowledged in this interval. The earliest says the most.
    #[must_use]
    pub const fn missing(mut self, acknowledged: TimeInterval) -> Self {
        self.missing = Some(acknowledged);
        self
    }

    /// Whether the state has every write that was acknowledged longer ago than this.
    pub fn is_within(self, age: Duration, now: TimeInterval) -> Certainty {
        // If its clock was at the end of the interval when it was complete, and ours is at the beginning of
        // ours, it is younger than that: what counts is the worst case, and then the best.
        let oldest = self
            .complete_until
            .map(|complete| match planted(Plant::OldestAtBest) {
                true => now.latest().since(complete.latest()),
                false => now.latest().since(complete.earliest()),
            });
        let youngest = self
            .missing
            .map(|missing| match planted(Plant::YoungestAtWorst) {
                true => now.latest().since(missing.latest()),
                false => now.earliest().since(missing.latest()),
            });
        if oldest.is_some_and(|oldest| oldest <= age) {
            Certainty::Yes
        } else if youngest.is_some_and(|youngest| youngest > age) {
            Certainty::No
        } else {
            Certainty::Unknown
        }
    }
}
