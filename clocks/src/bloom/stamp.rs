//! The stamp: which event it is, and a filter of what it knew of.

use core::cmp::Ordering;
use core::fmt;

use super::BloomVerdict;
use super::counters::{Counters, Places};
use crate::{Actor, Causality, Relation};

/// When an event happened on a [`BloomClock`](crate::BloomClock): which one of its actor it is, and a
/// fixed number of counters, which are all that is kept of what it knew of.
///
/// [`verdict`](Self::verdict) says how it stands to another, and how sure that is.
/// [`relate`](Causality::relate) says only what is certain.
///
/// ```
/// use quorate_clocks::{Actor, BloomClock, BloomVerdict, Causality, Incarnation, NodeId, Relation};
///
/// let clock = |node| BloomClock::<4, 64>::new(Actor::new(NodeId(node), Incarnation(1)));
/// let (mut ann, mut bob, mut cid) = (clock(1), clock(2), clock(3));
/// let asked = ann.tick()?;
/// let heard = bob.receive(&asked)?;
/// let other = cid.tick()?;
///
/// // Certain: if one had known of the other, its counters would be higher everywhere it matters.
/// assert_eq!(other.relate(&heard), Some(Relation::Concurrent));
/// // Nearly certain: Ann's event is in the filter of Bob's, with a chance of 1/64 in each of 4 rows
/// // that it only looks so.
/// assert_eq!(asked.relate(&heard), None);
/// let BloomVerdict::Ordered { relation, chance } = asked.verdict(&heard) else {
///     panic!("not certain")
/// };
/// assert_eq!(relation, Relation::Before);
/// assert!(chance < 1e-7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bytes
///
/// `ROWS`, `WIDTH`, the node, the incarnation, which of its events it is, from one, the least of all
/// counters, and then how much higher each of them is, row by row. All numbers are LEB128. There is
/// one encoding for each value. Bytes of another number of rows or another width are refused, and so
/// is a filter that is so full that the event itself does not fit in.
///
/// The places of an event are part of the format. With `next(s)`, the first number that SplitMix64
/// gives for the seed `s`: the generator with the seed
/// `next(next(node) xor incarnation) xor number` gives a number `x` for each row, from the first to the
/// last, and the event is counted at `x × WIDTH / 2⁶⁴`, rounded down.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BloomStamp<const ROWS: usize = 4, const WIDTH: usize = 64> {
    actor: Actor,
    // From one.
    number: u64,
    // Without the event itself, for which there is room.
    known: Counters<ROWS, WIDTH>,
}

impl<const ROWS: usize, const WIDTH: usize> BloomStamp<ROWS, WIDTH> {
    /// The stamp of an event that knew of this, or nothing when it has no number or there is no room
    /// for it.
    pub(super) fn new(actor: Actor, number: u64, known: Counters<ROWS, WIDTH>) -> Option<Self> {
        let is_stamp = number > 0 && known.has_room_at(Places::of(actor, number, WIDTH));
        is_stamp.then_some(Self {
            actor,
            number,
            known,
        })
    }

    /// Whose event it is.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// Which of its actor's events it is, from one.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What it knew of, without itself.
    #[cfg(feature = "alloc")]
    pub(super) const fn known(&self) -> &Counters<ROWS, WIDTH> {
        &self.known
    }

    /// What whoever has it knows of: what it knew of, and it.
    pub(super) fn with_itself(&self) -> Counters<ROWS, WIDTH> {
        let mut known = self.known.clone();
        known.raise(self.places());
        known
    }

    fn places(&self) -> Places<ROWS> {
        Places::of(self.actor, self.number, WIDTH)
    }

    /// How this event stands to the other's, and how sure that is.
    ///
    /// Certain are the order of two events of one actor, and that two events are concurrent. That one
    /// knew of the other is certain never.
    pub fn verdict(&self, other: &Self) -> BloomVerdict {
        use BloomVerdict::{Certain, Contradiction, Ordered};
        if self.actor == other.actor {
            return match self.number.cmp(&other.number) {
                Ordering::Equal if self.known == other.known => Certain(Relation::Equal),
                Ordering::Less if self.chance_before(other).is_some() => Certain(Relation::Before),
                Ordering::Greater if other.chance_before(self).is_some() => {
                    Certain(Relation::After)
                }
                _ => Contradiction,
            };
        }
        // At most one of the two, since it takes more in all places and something in some.
        if let Some(chance) = self.chance_before(other) {
            let relation = Relation::Before;
            return Ordered { relation, chance };
        }
        match other.chance_before(self) {
            Some(chance) => Ordered {
                relation: Relation::After,
                chance,
            },
            None => Certain(Relation::Concurrent),
        }
    }

    /// Nothing if this event did certainly not happen before the other. Otherwise the chance that it
    /// looks as if it did, if it did not.
    ///
    /// If the other knew of this event, it knew of all that this one knew of, and of it. If it did not,
    /// both filters are what they are without regard to the places of this event, which are as good as
    /// drawn after them: each is one where the other filter is higher with the chance that this is
    /// so for a place of its row. What else the two have in common does not matter.
    fn chance_before(&self, other: &Self) -> Option<f64> {
        self.known.chance_within(self.places(), &other.known)
    }
}

/// Only what is certain: two events of one actor, and two events that are concurrent.
impl<const ROWS: usize, const WIDTH: usize> Causality for BloomStamp<ROWS, WIDTH> {
    fn relate(&self, other: &Self) -> Option<Relation> {
        match self.verdict(other) {
            BloomVerdict::Certain(relation) => Some(relation),
            BloomVerdict::Ordered { .. } | BloomVerdict::Contradiction => None,
        }
    }
}

/// Which event it is.
impl<const ROWS: usize, const WIDTH: usize> fmt::Display for BloomStamp<ROWS, WIDTH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number, self.actor)
    }
}
