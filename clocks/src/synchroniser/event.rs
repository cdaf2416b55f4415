//! What a synchroniser has to tell.

use core::fmt;

use crate::{Disagreement, NodeId, TimeInterval};

/// Something that an operator of a [`TimeSynchroniser`](crate::TimeSynchroniser) should know.
///
/// ```
/// use quorate_clocks::{NodeId, TimeEvent};
///
/// let event = TimeEvent::Lost { source: NodeId(3) };
/// assert!(event.to_string().contains("n3"));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TimeEvent {
    /// The clock has been told the time for the first time.
    Synchronised {
        /// What it is.
        interval: TimeInterval,
    },
    /// A source contradicts what enough others agree on: one of its clock and theirs is wrong. Told
    /// once, until it agrees again.
    Falseticker {
        /// Which.
        source: NodeId,
        /// What it says.
        says: TimeInterval,
        /// What the others agree on.
        agreed: TimeInterval,
    },
    /// A source contradicts what it said before: its clock was set, or drifts by more than was assumed.
    Inconsistent {
        /// Which, and by how much.
        source: NodeId,
        /// Both.
        disagreement: Disagreement,
    },
    /// More sources are wrong than was assumed: no date is allowed by enough of them. Told once, until
    /// enough agree again.
    NoAgreement {
        /// How many answered.
        answered: usize,
        /// How many of them may be wrong.
        faulty: usize,
    },
    /// The sources agree on what our clock excludes. It did not follow them.
    Disagreement(Disagreement),
    /// The sources agreed on what our clock excluded, for as many rounds as were configured, and it
    /// has jumped.
    Stepped(Disagreement),
    /// A source has not answered for so long that what it said is forgotten.
    Lost {
        /// Which.
        source: NodeId,
    },
}

impl fmt::Display for TimeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synchronised { interval } => write!(f, "synchronised: it is {interval}"),
            Self::Falseticker {
                source,
                says,
                agreed,
            } => write!(f, "{source} says {says}, and the others agree on {agreed}"),
            Self::Inconsistent {
                source,
                disagreement,
            } => write!(
                f,
                "{source} contradicts itself by {:?}: its clock was set, or drifts too much",
                disagreement.distance()
            ),
            Self::NoAgreement { answered, faulty } => write!(
                f,
                "{answered} sources answered, and more than {faulty} of them must be wrong"
            ),
            Self::Disagreement(disagreement) => disagreement.fmt(f),
            Self::Stepped(disagreement) => write!(
                f,
                "the clock has jumped by {:?}, to what the sources agree on",
                disagreement.distance()
            ),
            Self::Lost { source } => write!(f, "{source} does not answer any more"),
        }
    }
}
