//! The clock of one process.

use core::fmt;

use super::BloomStamp;
use super::counters::Counters;
use crate::Actor;

/// A clock whose stamps have a fixed size, however many nodes there are, and tell newer from
/// conflicting with a chance of error that they know.
///
/// A version vector has an entry for every actor that ever wrote, and cannot be smaller if it is never
/// to be wrong (Charron-Bost, 1991). With ten thousand clients that write, each stamp has ten thousand
/// entries. A Bloom clock counts all events in `ROWS` × `WIDTH` counters, each event in one of each
/// row, and takes the larger of each counter when it hears of others. What that loses:
///
/// - That two events are **concurrent** is certain when it is said. A conflict that is reported is one.
/// - That one event **knew of the other** is not. It can be a conflict that looks like an order, and
///   the [verdict](BloomStamp::verdict) says with what chance conflicts look so. Do not throw a
///   version away on that, unless you can live with that chance.
///
/// # How large
///
/// What counts is by how many events the later one is ahead: how many it knew of that the earlier one
/// did not know of. The more these are, the more counters are higher anyway, and beyond some distance
/// nothing can be told. The chance that two concurrent events look ordered, on average:
///
/// | `ROWS` × `WIDTH` | bytes, at least | 1 ahead | 10 | 30 | 100 | 300 |
/// |---|---|---|---|---|---|---|
/// | 2 × 64 | 134 | 0.0002 | 0.021 | 0.14 | 0.63 | 0.98 |
/// | 4 × 64, the default | 262 | 6 × 10⁻⁸ | 0.0004 | 0.020 | 0.39 | 0.96 |
/// | 4 × 256 | 1,031 | 2 × 10⁻¹⁰ | 2 × 10⁻⁶ | 0.0002 | 0.011 | 0.23 |
/// | 8 × 256 | 2,055 | 5 × 10⁻²⁰ | 5 × 10⁻¹² | 2 × 10⁻⁸ | 0.0001 | 0.052 |
///
/// The counters lie in the clock and in each stamp, eight bytes each, and nothing on the heap: box them
/// if they are many. Use it for a window of recent events among many writers:
/// to find concurrent updates, to debug a run. Up to a hundred actors,
/// [`VersionVector`](crate::VersionVector) is as small and always right.
///
/// # Trust
///
/// A peer that may lie can use the counters up, for everyone who hears of it, and one that can choose
/// the identity of an actor can choose its places, so that its events look like old ones. The chance is
/// for identities that are not chosen with regard to them.
///
/// ```
/// use quorate_clocks::{Actor, BloomClock, Incarnation, NodeId, Relation};
///
/// let clock = |node| -> BloomClock { BloomClock::new(Actor::new(NodeId(node), Incarnation(1))) };
/// let (mut ann, mut bob) = (clock(1), clock(2));
/// let draft = ann.tick()?;
/// bob.receive(&draft)?;
///
/// // Both go on from the draft, without knowing of each other.
/// let (anns, bobs) = (ann.tick()?, bob.tick()?);
/// assert_eq!(anns.verdict(&bobs).within(0.001), Some(Relation::Concurrent));
/// assert_eq!(bobs.verdict(&draft).within(0.001), Some(Relation::After));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BloomClock<const ROWS: usize = 4, const WIDTH: usize = 64> {
    actor: Actor,
    number: u64,
    known: Counters<ROWS, WIDTH>,
}

impl<const ROWS: usize, const WIDTH: usize> BloomClock<ROWS, WIDTH> {
    /// A clock that has seen nothing. After a restart, use this with the
    /// [next life](Actor::next_life), or [`resume`](Self::resume).
    ///
    /// No rows or no width does not compile.
    pub const fn new(actor: Actor) -> Self {
        Self {
            actor,
            number: 0,
            known: Counters::zero(),
        }
    }

    /// The clock after a restart that lost nothing: `last` is its latest stamp, which was made durable
    /// before it was let out.
    pub fn resume(last: &BloomStamp<ROWS, WIDTH>) -> Self {
        Self {
            actor: last.actor(),
            number: last.number(),
            known: last.with_itself(),
        }
    }

    /// Whose events it counts.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// The stamp of an event: something happened, or a message leaves.
    ///
    /// # Errors
    ///
    /// When there is no larger number. Nothing has changed then.
    pub fn tick(&mut self) -> Result<BloomStamp<ROWS, WIDTH>, BloomExhausted> {
        self.tick_knowing(self.known.clone())
    }

    /// Takes in what the event of a message knew of, and that event, and stamps the arrival.
    ///
    /// # Errors
    ///
    /// When it is a stamp of our own actor that is not ours, or there is no larger number. Nothing has
    /// changed then.
    pub fn receive(
        &mut self,
        stamp: &BloomStamp<ROWS, WIDTH>,
    ) -> Result<BloomStamp<ROWS, WIDTH>, BloomReceiveError> {
        let mut known = stamp.with_itself();
        known.merge(&self.known);
        // What we have stamped, we know of.
        if stamp.actor() == self.actor && (stamp.number() > self.number || known != self.known) {
            return Err(BloomReceiveError::NotOurs {
                actor: self.actor,
                ours: self.number,
                theirs: stamp.number(),
            });
        }
        let stamp = self.tick_knowing(known);
        stamp.map_err(BloomReceiveError::Exhausted)
    }

    /// The stamp of an event that knows of this, which includes what is known.
    fn tick_knowing(
        &mut self,
        known: Counters<ROWS, WIDTH>,
    ) -> Result<BloomStamp<ROWS, WIDTH>, BloomExhausted> {
        let actor = self.actor;
        let number = self.number.checked_add(1);
        let stamp = number.and_then(|number| BloomStamp::new(actor, number, known));
        let stamp = stamp.ok_or(BloomExhausted { actor })?;
        *self = Self::resume(&stamp);
        Ok(stamp)
    }
}

/// A counter of a Bloom clock is at the largest number there is. Nothing has changed.
///
/// Counting cannot get there: a peer sent a stamp that it did not count to.
///
/// ```
/// use quorate_clocks::{Actor, BloomClock, BloomReceiveError, BloomStamp, Incarnation, NodeId};
///
/// // One row of one counter, and it has counted to 2⁶⁴ - 2 before the event.
/// let bytes = [1, 1, 9, 1, 1, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0];
/// let forged = BloomStamp::<1, 1>::from_bytes(&bytes)?;
/// let mut clock = BloomClock::new(Actor::new(NodeId(1), Incarnation(1)));
/// assert!(matches!(clock.receive(&forged), Err(BloomReceiveError::Exhausted(_))));
/// assert_eq!(clock.tick()?.number(), 1); // the clock is unharmed
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BloomExhausted {
    /// Whose clock it is.
    pub actor: Actor,
}

impl fmt::Display for BloomExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the Bloom clock of {} cannot count past {}: a peer sent a stamp that it did not count to; \
             drop the message",
            self.actor,
            u64::MAX
        )
    }
}

impl core::error::Error for BloomExhausted {}

/// Why a Bloom clock does not take a message in. Nothing has changed.
///
/// ```
/// use quorate_clocks::{Actor, BloomClock, BloomReceiveError, Incarnation, NodeId};
///
/// let actor = Actor::new(NodeId(3), Incarnation(1));
/// let mut before: BloomClock = BloomClock::new(actor);
/// let stamp = before.tick()?;
///
/// // The disk is lost, and somebody forgot to begin a new life.
/// let mut after: BloomClock = BloomClock::new(actor);
/// let refused = after.receive(&stamp).unwrap_err();
/// assert_eq!(refused, BloomReceiveError::NotOurs { actor, ours: 0, theirs: 1 });
/// let mut after: BloomClock = BloomClock::new(actor.next_life().expect("not the last"));
/// assert!(after.receive(&stamp).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BloomReceiveError {
    /// It is a stamp of our own actor, and we have not stamped it: we have lost our memory, or
    /// somebody else counts as us. Go on counting and the events of the two cannot be told apart.
    NotOurs {
        /// Who we are.
        actor: Actor,
        /// How many events we have stamped.
        ours: u64,
        /// Which event the stamp says it is.
        theirs: u64,
    },
    /// There is no larger number for its arrival.
    Exhausted(BloomExhausted),
}

impl fmt::Display for BloomReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs {
                actor,
                ours,
                theirs,
            } => write!(
                f,
                "{actor} has stamped {ours} events and got a stamp of its event {theirs} that is not \
                 its own: it has lost its memory, or another counts as it; continue as the next \
                 incarnation"
            ),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
        }
    }
}

impl core::error::Error for BloomReceiveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NotOurs { .. } => None,
            Self::Exhausted(exhausted) => Some(exhausted),
        }
    }
}
