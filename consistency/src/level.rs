//! How fresh a read must be.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::choose::{ConsistencyModel, Models};

/// How fresh a read must be: what the client asks for, and what it is told that it got.
///
/// Each step down the list is cheaper and keeps working in more failures. *CAP* says that during a
/// partition a store can either refuse or answer with less. *PACELC* adds that, without a partition,
/// it trades latency for consistency all the same. Both choices are made here, read by read.
///
/// | Level | What it buys | What it costs, all well | Cut off from the majority |
/// |---|---|---|---|
/// | `linearizable` | shows every write that was acknowledged before the read began | a round of messages to a majority | refuses (PC/EC) |
/// | `lease` | the same, **if** clocks run at nearly the same rate | nothing while the leader's lease lasts | serves until the lease ends, then refuses (PC/EL) |
/// | `session` | what this session wrote and saw is never unseen: read your writes, monotonic reads | a token in each request; a replica that is behind waits or passes the read on | serves what the session has not outrun, else refuses (between PA and PC, per session) |
/// | `bounded-<ms>` | shows every write acknowledged longer ago than the bound | replicas hear from the leader often enough | serves until the bound has passed since the last contact, then refuses |
/// | `eventual` | some state that the store was in once | nothing | serves (PA/EL) |
///
/// `session` and `bounded` are not comparable: the first may show another client's writes
/// arbitrarily late, the second may show an older state than the last read of the same client.
///
/// ```
/// use core::time::Duration;
/// use quorate_consistency::Level;
///
/// let level: Level = "bounded-250".parse()?;
/// assert_eq!(level, Level::Bounded(Duration::from_millis(250)));
/// assert_eq!(Level::Session.to_string(), "session");
/// // What was asked for is met by what is stronger.
/// assert!(Level::Linearizable.satisfies(level));
/// assert!(!Level::Session.satisfies(level));
/// # Ok::<(), quorate_consistency::LevelParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Level {
    /// The read takes effect at one moment between its call and its answer (Herlihy and Wing,
    /// 1990). The safe choice, and the default.
    #[default]
    Linearizable,
    /// Linearizable as long as the clocks of leader and followers drift apart by less than the
    /// configured bound. A clock that breaks the bound makes reads stale without anybody noticing.
    Lease,
    /// Read your writes and monotonic reads (Terry et al., 1994) for whoever carries the
    /// [`Token`](crate::session::Token) along.
    Session,
    /// Missing at most the writes that were acknowledged within this span before the read. Written
    /// in whole milliseconds; a fraction is dropped, which asks for slightly more.
    Bounded(Duration),
    /// Whatever the asked replica has. Successive reads may go back in time.
    Eventual,
}

impl Level {
    /// Whether a read that was served at this level meets a demand for `asked`.
    ///
    /// `Lease` does not meet a demand for `Linearizable`, as it rests on clocks. It is taken to meet
    /// the weaker ones, as whoever allows leases has accepted that. The relation is a partial order.
    pub fn satisfies(self, asked: Self) -> bool {
        match (self, asked) {
            (Self::Linearizable, _) | (_, Self::Eventual) => true,
            (_, Self::Linearizable) => false,
            (Self::Lease, _) => true,
            (Self::Session, Self::Session) => true,
            (Self::Bounded(served), Self::Bounded(asked)) => served <= asked,
            _ => false,
        }
    }

    /// Whether the level promises what a linearizability check demands: `Linearizable` and `Lease`.
    pub const fn is_linearizable(self) -> bool {
        matches!(self, Self::Linearizable | Self::Lease)
    }

    /// Which consistency models a read at this level keeps, on the map of all of them.
    ///
    /// ```
    /// use quorate_consistency::{Level, choose::ConsistencyModel};
    ///
    /// assert!(Level::Session.models().contains(ConsistencyModel::ReadYourWrites));
    /// assert!(!Level::Session.models().contains(ConsistencyModel::BoundedStaleness));
    /// ```
    pub const fn models(self) -> Models {
        match self {
            Self::Linearizable | Self::Lease => Models::of(&[ConsistencyModel::Linearizable]),
            Self::Session => Models::of(&[
                ConsistencyModel::ReadYourWrites,
                ConsistencyModel::MonotonicReads,
            ]),
            Self::Bounded(_) => Models::of(&[ConsistencyModel::BoundedStaleness]),
            Self::Eventual => Models::of(&[ConsistencyModel::Eventual]),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::Lease => f.write_str("lease"),
            Self::Session => f.write_str("session"),
            Self::Bounded(bound) => {
                let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
                write!(f, "bounded-{millis}")
            }
            Self::Eventual => f.write_str("eventual"),
        }
    }
}

impl FromStr for Level {
    type Err = LevelParseError;

    /// The forms that `Display` writes, in lower case, and nothing else.
    fn from_str(text: &str) -> Result<Self, LevelParseError> {
        match text {
            "linearizable" => return Ok(Self::Linearizable),
            "lease" => return Ok(Self::Lease),
            "session" => return Ok(Self::Session),
            "eventual" => return Ok(Self::Eventual),
            _ => {}
        }
        let Some(digits) = text.strip_prefix("bounded-") else {
            return Err(LevelParseError::Unknown {
                found: excerpt(text),
            });
        };
        // Only digits: `u64::from_str` would take a sign as well.
        let malformed = || LevelParseError::Bound {
            found: excerpt(digits),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let millis: u64 = digits.parse().map_err(|_| malformed())?;
        Ok(Self::Bounded(Duration::from_millis(millis)))
    }
}

/// Why a text is not a [`Level`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LevelParseError {
    /// The text names no level.
    Unknown {
        /// The text, cut to its first characters.
        found: String,
    },
    /// What follows `bounded-` is not a number of milliseconds that fits 64 bits.
    Bound {
        /// What follows, cut to its first characters.
        found: String,
    },
}

impl fmt::Display for LevelParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { found } => write!(f, "{found:?} is no consistency level")?,
            Self::Bound { found } => write!(
                f,
                "the bound {found:?} is not a number of milliseconds below 2^64"
            )?,
        }
        f.write_str(
            "; write linearizable, lease, session, bounded-<milliseconds> (such as bounded-500) or \
             eventual",
        )
    }
}

impl core::error::Error for LevelParseError {}

/// The beginning of a text that somebody sent, short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(feature = "serde")]
mod as_text {
    use super::Level;

    impl serde::Serialize for Level {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for Level {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const MILLIS: fn(u64) -> Level = |millis| Level::Bounded(Duration::from_millis(millis));

    fn levels() -> [Level; 7] {
        [
            Level::Linearizable,
            Level::Lease,
            Level::Session,
            MILLIS(0),
            MILLIS(500),
            MILLIS(u64::MAX),
            Level::Eventual,
        ]
    }

    #[test]
    fn every_level_survives_its_text() {
        for level in levels() {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
    }

    #[test]
    fn what_is_no_level_is_refused_and_the_forms_are_listed() {
        for text in [
            "",
            "Linearizable",
            " session",
            "strong",
            "bounded",
            "bounded-",
            "bounded-+5",
            "bounded--5",
            "bounded-1.5",
            "bounded-18446744073709551616",
        ] {
            let message = text.parse::<Level>().unwrap_err().to_string();
            for form in ["linearizable", "lease", "session", "bounded-<", "eventual"] {
                assert!(message.contains(form), "{text:?}: {message}");
            }
        }
        let long = "x".repeat(10_000).parse::<Level>().unwrap_err();
        assert!(long.to_string().len() < 250);
    }

    #[test]
    fn satisfies_is_a_partial_order() {
        for a in levels() {
            assert!(a.satisfies(a));
            assert!(a.satisfies(Level::Eventual) && Level::Linearizable.satisfies(a));
            for b in levels() {
                assert!(a == b || !(a.satisfies(b) && b.satisfies(a)), "{a} and {b}");
                for c in levels() {
                    assert!(!(a.satisfies(b) && b.satisfies(c)) || a.satisfies(c));
                }
            }
        }
        assert!(!Level::Session.satisfies(MILLIS(500)));
        assert!(!MILLIS(500).satisfies(Level::Session));
    }
}
