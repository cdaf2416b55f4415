//! The vector clock of one process.

use core::fmt;

use super::{Amnesia, CounterExhausted, Dot, VersionVector};
use crate::Actor;

/// A vector clock: counts the events of one process, and knows what each of them could know.
///
/// Fidge 1988 and Mattern 1989. Count what happens with [`tick`](Self::tick), send the
/// [`vector`](Self::vector) with every message, and hand what arrives to [`receive`](Self::receive).
/// The vectors of two events then tell with certainty whether one happened before the other.
///
/// It never counts backwards, and notices when somebody knows more of its own events than it does:
/// see [`Amnesia`].
///
/// ```
/// use quorate_clocks::{Actor, Incarnation, NodeId, Relation, VectorClock};
///
/// let clock = |node| VectorClock::new(Actor::new(NodeId(node), Incarnation(1)));
/// let (mut ann, mut bob, mut cid) = (clock(1), clock(2), clock(3));
///
/// ann.tick()?; // Ann asks
/// let question = ann.vector().clone();
/// bob.receive(&question)?; // Bob hears it
/// cid.tick()?; // Cid does something else
/// assert_eq!(bob.vector().relation(&question), Relation::After);
/// assert_eq!(cid.vector().relation(&question), Relation::Concurrent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct VectorClock {
    actor: Actor,
    vector: VersionVector,
}

impl VectorClock {
    /// A clock that has seen nothing. After a restart, use this with the
    /// [next life](Actor::next_life), or [`resume`](Self::resume).
    pub fn new(actor: Actor) -> Self {
        Self::resume(actor, VersionVector::new())
    }

    /// The clock after a restart that lost nothing: `vector` was made durable before anything that
    /// it counts was let out.
    pub const fn resume(actor: Actor, vector: VersionVector) -> Self {
        Self { actor, vector }
    }

    /// Whose events it counts.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// What was seen up to now: the stamp of the latest event.
    pub const fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// Counts an event: something happened, or a message leaves.
    ///
    /// # Errors
    ///
    /// When there is no larger number. Nothing has changed then.
    pub fn tick(&mut self) -> Result<Dot, CounterExhausted> {
        self.vector.increment(self.actor)
    }

    /// Takes in what the sender of a message had seen, and counts the arrival as an event.
    ///
    /// # Errors
    ///
    /// When the sender knows more of our events than we do, or there is no larger number. Nothing
    /// has changed then.
    pub fn receive(&mut self, seen: &VersionVector) -> Result<Dot, VectorReceiveError> {
        let ours = self.vector.get(self.actor);
        Amnesia::check(self.actor, ours, seen.get(self.actor))
            .map_err(VectorReceiveError::Amnesia)?;
        // First, because it can be refused.
        let dot = self.tick().map_err(VectorReceiveError::Exhausted)?;
        self.vector.merge(seen);
        Ok(dot)
    }

    /// Takes in what somebody else has seen, without counting that as an event: replicas that
    /// synchronise their state do this.
    ///
    /// # Errors
    ///
    /// When the other knows more of our events than we do. Nothing has changed then.
    pub fn merge(&mut self, seen: &VersionVector) -> Result<(), Amnesia> {
        let ours = self.vector.get(self.actor);
        Amnesia::check(self.actor, ours, seen.get(self.actor))?;
        self.vector.merge(seen);
        Ok(())
    }
}

/// Why a vector clock does not take a message in. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum VectorReceiveError {
    /// The sender knows more of our events than we do.
    Amnesia(Amnesia),
    /// There is no larger number for its arrival.
    Exhausted(CounterExhausted),
}

impl fmt::Display for VectorReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amnesia(amnesia) => amnesia.fmt(f),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
        }
    }
}

impl core::error::Error for VectorReceiveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            Self::Amnesia(amnesia) => amnesia,
            Self::Exhausted(exhausted) => exhausted,
        })
    }
}
