//! What two stamps say, and how sure that is.

use crate::Relation;

/// What two Bloom stamps say of their events.
///
/// ```
/// use quorate_clocks::{BloomVerdict, Relation};
///
/// let verdict = BloomVerdict::Ordered { relation: Relation::Before, chance: 0.004 };
/// assert_eq!(verdict.within(0.01), Some(Relation::Before));
/// assert_eq!(verdict.within(0.001), None);
/// // What is certain does not depend on what one accepts.
/// let certain = BloomVerdict::Certain(Relation::Concurrent);
/// assert_eq!(certain.within(0.0), Some(Relation::Concurrent));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BloomVerdict {
    /// It is so.
    Certain(Relation),
    /// They are in this order, or concurrent. It is certain that they are not in the opposite order,
    /// and not one event.
    Ordered {
        /// `Before` or `After`.
        relation: Relation,
        /// How likely it would be that they look so if they were concurrent: above 0, at most 1.
        ///
        /// Of all concurrent pairs, at most a fraction `c` gets a verdict with a chance of `c` or less,
        /// whatever the history. That is not the fraction of wrong ones among these verdicts: where a
        /// thousand pairs are concurrent for each one that is ordered, most of what passes a limit of
        /// 0.01 is wrong.
        ///
        /// It is computed by one division and one multiplication for each row, and off by less than
        /// 3 × 10⁻¹⁶ of itself for each.
        chance: f64,
    },
    /// No events can have these stamps: they are of one actor, and neither knows what the other knew.
    /// Somebody else counts as that actor, or the actor has lost its memory, or a stamp is forged.
    Contradiction,
}

impl BloomVerdict {
    /// The relation, if it is certain, or if events that are concurrent look so with a chance of
    /// `limit` at most.
    #[must_use]
    pub fn within(self, limit: f64) -> Option<Relation> {
        match self {
            Self::Certain(relation) => Some(relation),
            Self::Ordered { relation, chance } if chance <= limit => Some(relation),
            Self::Ordered { .. } | Self::Contradiction => None,
        }
    }

    /// What the stamps say the other way round.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Certain(relation) => Self::Certain(relation.reverse()),
            Self::Ordered { relation, chance } => Self::Ordered {
                relation: relation.reverse(),
                chance,
            },
            Self::Contradiction => Self::Contradiction,
        }
    }
}
