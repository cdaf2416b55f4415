//! What a clock can do wrong.

use core::fmt;
use core::time::Duration;

/// Something that happens to a [`LyingClock`](crate::LyingClock), and stays until the next of its kind.
///
/// Each is what a real machine does:
///
/// | Fault | Where it is seen |
/// |---|---|
/// | `Drift` | a crystal that is cold, hot or old: 20 to 50 parts per million, 200 on a bad day |
/// | `WallForward`, `WallBack` | an operator; NTP after a long time without an answer; a leap second |
/// | `Freeze(Both)`, then `Resume(Both)` | a virtual machine that its host stopped: neither clock knows |
/// | `Freeze(Both)`, then `Resume(Monotonic)` and `CatchUp(Wall)` | a laptop that slept, with a monotonic clock that does not count it |
/// | `Freeze(Both)`, then `CatchUp(Both)` | the same with one that does, as `SystemClock` |
/// | `Freeze(Wall)`, then `CatchUp(Wall)` | a leap second that is smeared or repeated; a date that is cached |
///
/// ```
/// use core::time::Duration;
/// use quorate_clocks::{ClockFault, Hands};
///
/// let fault = ClockFault::WallBack(Duration::from_secs(3_600));
/// assert_eq!(fault.to_string(), "the wall clock is set back by 3600s");
/// assert_eq!(ClockFault::Freeze(Hands::Both).to_string(), "each clock stopped");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClockFault {
    /// Both clocks run so many parts per billion of true time too fast, or too slow when negative. At
    /// -1,000,000,000 and below they stand still.
    Drift {
        /// How many.
        ppb: i32,
    },
    /// The wall clock is set forward.
    WallForward(Duration),
    /// The wall clock is set back, at most to 1970.
    WallBack(Duration),
    /// These stand still.
    Freeze(Hands),
    /// These go on from where they stood, so they stay behind.
    Resume(Hands),
    /// These jump to where they would be had they not stood still, and go on from there.
    CatchUp(Hands),
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drift { ppb } => write!(f, "both clocks run {ppb:+} ppb off"),
            Self::WallForward(by) => write!(f, "the wall clock is set forward by {by:?}"),
            Self::WallBack(by) => write!(f, "the wall clock is set back by {by:?}"),
            Self::Freeze(hands) => write!(f, "{hands} stopped"),
            Self::Resume(hands) => write!(f, "{hands} resumed from where it stood"),
            Self::CatchUp(hands) => write!(f, "{hands} resumed and caught up"),
        }
    }
}

/// Which of a machine's two clocks.
///
/// ```
/// use quorate_clocks::Hands;
///
/// assert!(Hands::Both.wall() && !Hands::Monotonic.wall());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hands {
    /// The one that tells [`Instant`](crate::Instant)s.
    Monotonic,
    /// The one that tells [`WallTime`](crate::WallTime)s.
    Wall,
    /// Both.
    Both,
}

impl Hands {
    /// Whether the monotonic clock is meant.
    pub const fn monotonic(self) -> bool {
        matches!(self, Self::Monotonic | Self::Both)
    }

    /// Whether the wall clock is meant.
    pub const fn wall(self) -> bool {
        matches!(self, Self::Wall | Self::Both)
    }
}

impl fmt::Display for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monotonic => "the monotonic clock",
            Self::Wall => "the wall clock",
            Self::Both => "each clock",
        })
    }
}
