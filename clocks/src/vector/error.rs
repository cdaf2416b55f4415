//! What a version vector refuses, and how it took what it did not.

use core::fmt;

use super::DotRange;
use crate::Actor;

/// An actor has counted to the largest number there is. Nothing has changed.
///
/// ```
/// use quorate_clocks::{Actor, Dot, Incarnation, NodeId, VersionVector};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let mut vector = VersionVector::from(Dot { actor, counter: u64::MAX });
/// let refused = vector.increment(actor).unwrap_err();
/// assert_eq!(refused.actor, actor);
/// // The next life of the node counts for itself.
/// assert!(vector.increment(actor.next_life().expect("not the last")).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CounterExhausted {
    /// Who cannot count on.
    pub actor: Actor,
}

impl CounterExhausted {
    pub(super) const fn of(actor: Actor) -> Self {
        Self { actor }
    }
}

impl fmt::Display for CounterExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has counted {} events and cannot count on: continue as the next incarnation",
            self.actor,
            u64::MAX
        )
    }
}

impl core::error::Error for CounterExhausted {}

/// What became of an event that was applied.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Applied {
    /// It is the next one of its actor.
    New,
    /// It was known: a duplicate.
    Known,
}

/// An event that cannot be applied yet, because earlier ones of its actor are missing. Nothing has
/// changed.
///
/// ```
/// use quorate_clocks::{Actor, Dot, Incarnation, NodeId, VersionVector};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let mut vector = VersionVector::from(Dot { actor, counter: 3 });
/// let gap = vector.apply(Dot { actor, counter: 6 }).unwrap_err();
/// assert_eq!((gap.missing.first(), gap.missing.last()), (4, 5));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The events that are missing before this one: what to ask for.
    pub missing: DotRange,
}

impl Gap {
    pub(super) const fn before(missing: DotRange) -> Self {
        Self { missing }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "events are missing before this one, ask for them: {}",
            self.missing
        )
    }
}

impl core::error::Error for Gap {}

/// Somebody knows more of our events than we do: we have lost our memory, or somebody else counts
/// as us. Nothing has changed.
///
/// Go on counting and new events get the names of old ones, so that everybody takes them for known
/// and they vanish. Continue as the [next life](Actor::next_life), which has a counter of its own.
///
/// ```
/// use quorate_clocks::{Actor, Incarnation, NodeId, VectorClock};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let mut before = VectorClock::new(actor);
/// before.tick()?;
///
/// // The disk is lost, and somebody forgot to begin a new life.
/// let mut after = VectorClock::new(actor);
/// assert!(after.receive(before.vector()).is_err());
/// let mut after = VectorClock::new(actor.next_life().expect("not the last"));
/// assert!(after.receive(before.vector()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Amnesia {
    /// Who we are.
    pub actor: Actor,
    /// How many of our events we know of.
    pub ours: u64,
    /// How many somebody else knows of.
    pub theirs: u64,
}

impl Amnesia {
    /// Compares what we know of ourselves with what others do.
    pub(super) const fn check(actor: Actor, ours: u64, theirs: u64) -> Result<(), Self> {
        if theirs <= ours {
            return Ok(());
        }
        Err(Self {
            actor,
            ours,
            theirs,
        })
    }
}

impl fmt::Display for Amnesia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} knows of {} events of its own and somebody else of {}: it has lost its memory, or another \
             counts as it; continue as the next incarnation",
            self.actor, self.ours, self.theirs
        )
    }
}

impl core::error::Error for Amnesia {}
