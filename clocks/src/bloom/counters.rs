//! The filter: rows of counters, of which an event raises one in each.

use crate::Actor;
use crate::SplitMix64;

/// Which counter of each row an event raises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Places<const ROWS: usize>([usize; ROWS]);

impl<const ROWS: usize> Places<ROWS> {
    /// Those of the event that `actor` counts as `number`. They are part of what stamps mean, so they
    /// are the same in every version and on every machine.
    pub(super) fn of(actor: Actor, number: u64, width: usize) -> Self {
        let node = SplitMix64::new(actor.node.0).next_u64();
        let life = SplitMix64::new(node ^ actor.incarnation.0).next_u64();
        let mut event = SplitMix64::new(life ^ number);
        Self(core::array::from_fn(|_| event.index(width)))
    }
}

/// `ROWS` times `WIDTH` counters.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Counters<const ROWS: usize, const WIDTH: usize>([[u64; WIDTH]; ROWS]);

impl<const ROWS: usize, const WIDTH: usize> Counters<ROWS, WIDTH> {
    pub(super) const fn zero() -> Self {
        const {
            assert!(
                ROWS > 0 && WIDTH > 0,
                "a Bloom clock has a row and a counter at least"
            );
        }
        Self([[0; WIDTH]; ROWS])
    }

    #[cfg(feature = "alloc")]
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        self.0.iter().flatten().copied()
    }

    #[cfg(feature = "alloc")]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut u64> + '_ {
        self.0.iter_mut().flatten()
    }

    /// Whether an event can be counted at these places.
    pub(super) fn has_room_at(&self, places: Places<ROWS>) -> bool {
        let mut counters = self.0.iter().zip(places.0);
        counters.all(|(row, place)| row.get(place).is_some_and(|count| *count < u64::MAX))
    }

    /// Counts an event at these places.
    pub(super) fn raise(&mut self, places: Places<ROWS>) {
        for (row, place) in self.0.iter_mut().zip(places.0) {
            if let Some(count) = row.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Takes in what another filter holds.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = (*mine).max(*theirs);
            }
        }
    }

    /// Whether this, and above it an event at these places, can be in another filter: the chance
    /// that random places would look so too, or nothing if it is not there.
    pub(super) fn chance_within(&self, places: Places<ROWS>, other: &Self) -> Option<f64> {
        let rows = || self.0.iter().zip(&other.0);
        // Mostly this decides.
        for ((mine, theirs), place) in rows().zip(places.0) {
            if mine.get(place) >= theirs.get(place) {
                return None;
            }
        }
        let mut chance = 1.0;
        for (mine, theirs) in rows() {
            let (mut lower, mut higher) = (0_u64, false);
            for (mine, theirs) in mine.iter().zip(theirs) {
                lower += u64::from(mine < theirs);
                higher |= mine > theirs;
            }
            if higher {
                return None;
            }
            chance *= lower as f64 / WIDTH as f64;
        }
        Some(chance)
    }
}
