//! What vectors need not carry any more.

use alloc::vec::Vec;
use core::fmt;

use super::{Dot, PrunedVector, VersionVector};
use crate::wire::{DecodeError, Reader, put_varint};
use crate::{Actor, StabilityCertificate};

/// The actors that are gone for good and whose events everybody has seen: what vectors can leave out.
///
/// A version vector has an entry for everybody who ever wrote, and stores that cut old or small
/// entries off to save space compared what was cut with what was not: values came back from the dead,
/// and old ones looked newer (riak_core #613, riak_kv #283). Leaving an entry out is sound if all
/// agree what a missing one means. This is that agreement: of an actor in here, missing means *all*,
/// and a [`PrunedVector`] says which table it was made with. Only a [`StabilityCertificate`] puts
/// actors in, so what is cut from every vector of the group is the same.
///
/// A table is a list and not a set, and only equal ones compare. So
/// [retire in the order](Self::retire_in_order) in which the group removed its members, which is the same
/// everywhere: then vectors that others pruned can be [restored](Self::restore) here too, also those of
/// earlier tables. Two tables are told apart by a name of 64 bits that is made of their actors; it is
/// no protection against members who choose these so that two names are equal.
///
/// ```
/// use quorate_clocks::{
///     Actor, Causality, Incarnation, MatrixClock, NodeId, Relation, Retired, VersionVector,
/// };
///
/// let [ann, bob, old] = [1, 2, 3].map(|node| Actor::new(NodeId(node), Incarnation(1)));
/// let mut seen = VersionVector::new();
/// seen.increment(old)?;
/// let early = seen.clone(); // a value that `old` wrote
/// seen.increment(old)?;
/// seen.increment(ann)?;
///
/// // `old` leaves, and the others have seen all of it.
/// let mut matrix = MatrixClock::with_members([ann, bob, old])?;
/// matrix.record(ann, &seen)?;
/// matrix.record(bob, &seen)?;
/// matrix.remove(old, &seen)?;
/// let mut retired = Retired::new();
/// retired.retire(&matrix.certificate())?;
///
/// let pruned = retired.prune(&seen)?;
/// assert_eq!(pruned.len(), 1, "only Ann is left in it");
/// assert_eq!(retired.restore(&pruned)?, seen);
/// assert_eq!(retired.prune(&early)?.relate(&pruned), Some(Relation::Before));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bytes
///
/// How many actors are retired, then of each, **in the order of retirement**: node, incarnation, how
/// many events it had. All numbers are LEB128. These are for your own disk and for members that join:
/// like a snapshot, they are believed.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Dot>", into = "Vec<Dot>"))]
pub struct Retired {
    /// In the order of retirement, each with the name of the table that ends with it.
    order: Vec<(Dot, u64)>,
    /// The same, to look up.
    last: VersionVector,
}

impl Retired {
    /// Nobody is gone.
    pub const fn new() -> Self {
        Self {
            order: Vec::new(),
            last: VersionVector::EMPTY,
        }
    }

    /// Adds those that are gone according to a certificate, ascending, and says how many are new.
    ///
    /// That order goes with when one looks: two members whose certificates became complete in other steps
    /// have other tables, and what they prune does not compare. For one who prunes alone, or when the
    /// same certificates go to everybody. Otherwise, use [`retire_in_order`](Self::retire_in_order).
    ///
    /// # Errors
    ///
    /// When an actor had another number of events according to an earlier certificate: they are not
    /// of the same group. Nothing has changed then.
    pub fn retire(&mut self, proof: &StabilityCertificate) -> Result<usize, RetireError> {
        for (actor, last) in proof.gone().iter() {
            let known = self.last.get(actor);
            if known != 0 && known != last {
                return Err(RetireError::Differs { actor, known, last });
            }
        }
        let before = self.order.len();
        for (actor, counter) in proof.gone().iter() {
            self.append(Dot { actor, counter });
        }
        Ok(self.order.len() - before)
    }

    /// Adds those that are gone according to a certificate in the order of `removals`, as far as there
    /// is no gap, and says how many are new.
    ///
    /// A removal is a member and how many of its events count, as the group agreed on them: the log of
    /// these is the same for all, and so are then the tables, whoever looks when. Those that are in the
    /// table already may be left out. A member without events needs no place in it, and gets none.
    ///
    /// ```
    /// use quorate_clocks::{Actor, Dot, Incarnation, MatrixClock, NodeId, Retired, VersionVector};
    ///
    /// let [ann, old, older] = [1, 2, 3].map(|node| Actor::new(NodeId(node), Incarnation(1)));
    /// let log = [Dot::new(older, 7), Dot::new(old, 2)];
    /// let seen: VersionVector = log.into_iter().collect();
    /// let mut matrix = MatrixClock::with_members([ann, old, older])?;
    /// matrix.record(ann, &seen)?;
    /// for removal in log {
    ///     matrix.remove(removal.actor, &seen)?;
    /// }
    /// let mut retired = Retired::new();
    /// assert_eq!(retired.retire_in_order(&matrix.certificate(), log)?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an actor had another number of events according to the table, or to the certificate.
    /// Nothing has changed then.
    pub fn retire_in_order(
        &mut self,
        proof: &StabilityCertificate,
        removals: impl IntoIterator<Item = Dot>,
    ) -> Result<usize, RetireError> {
        let mut new = Vec::new();
        for removal in removals.into_iter().filter(|removal| removal.counter > 0) {
            let Dot { actor, counter } = removal;
            let (known, gone) = (self.last.get(actor), proof.gone().get(actor));
            for last in [known, gone] {
                if last != 0 && last != counter {
                    let known = counter;
                    return Err(RetireError::Differs { actor, known, last });
                }
            }
            match (known, gone) {
                (0, 0) => break,
                (0, _) => new.push(removal),
                _ => {}
            }
        }
        let before = self.order.len();
        for removal in new {
            self.append(removal);
        }
        Ok(self.order.len() - before)
    }

    /// Leaves out of a vector what it has of the retired.
    ///
    /// # Errors
    ///
    /// When it has more events of a retired actor than that had.
    pub fn prune(&self, vector: &VersionVector) -> Result<PrunedVector, PruneError> {
        let beyond = vector.iter().find_map(|(actor, seen)| {
            let last = self.last.get(actor);
            (last != 0 && seen > last).then_some(PruneError::Beyond { actor, seen, last })
        });
        if let Some(beyond) = beyond {
            return Err(beyond);
        }
        let left = vector
            .iter()
            .filter(|(actor, _)| self.last.get(*actor) == 0);
        let left = left.map(|(actor, seen)| Dot::new(actor, seen)).collect();
        let lacking = self.last.iter().map(|(actor, last)| {
            let seen = vector.get(actor);
            Dot::new(actor, last.saturating_sub(seen))
        });
        Ok(PrunedVector::new(self.name(), left, lacking.collect()))
    }

    /// The whole vector again, of what was pruned with this table or an earlier state of it.
    ///
    /// # Errors
    ///
    /// When it was pruned with another table, or does not fit the one it claims.
    pub fn restore(&self, pruned: &PrunedVector) -> Result<VersionVector, RestoreError> {
        let table = pruned.table();
        let len = match table {
            0 => 0,
            name => match self.order.iter().position(|(_, of)| *of == name) {
                Some(at) => at + 1,
                None => return Err(RestoreError::OtherTable { table }),
            },
        };
        let table = self.order.iter().take(len).map(|(last, _)| *last);
        let mut seen = Vec::new();
        let mut lacking = 0;
        for Dot { actor, counter } in table.clone() {
            let lack = pruned.lacking().get(actor);
            lacking += usize::from(lack > 0);
            let (Some(counter), 0) = (counter.checked_sub(lack), pruned.left().get(actor)) else {
                return Err(RestoreError::Contradicts { actor });
            };
            seen.push(Dot { actor, counter });
        }
        if lacking < pruned.lacking().len() {
            // It lacks events of somebody who is not in the table.
            let table: VersionVector = table.collect();
            let mut actors = pruned.lacking().iter().map(|(actor, _)| actor);
            if let Some(actor) = actors.find(|actor| table.get(*actor) == 0) {
                return Err(RestoreError::Contradicts { actor });
            }
        }
        let mut vector = pruned.left().clone();
        vector.extend(seen);
        Ok(vector)
    }

    /// Who is retired, and how many events each had.
    pub const fn last(&self) -> &VersionVector {
        &self.last
    }

    /// The name of this table: a number that is made of its actors, in their order. Zero is the empty
    /// one's.
    pub fn name(&self) -> u64 {
        self.order.last().map_or(0, |(_, name)| *name)
    }

    /// Its [bytes](Self#bytes).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(self.order.len() as u64, &mut out);
        for (last, _) in &self.order {
            last.encode(&mut out);
        }
        out
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut dots = Vec::new();
        // Three numbers each.
        for _ in 0..reader.count(3)? {
            dots.push(Dot::decode(&mut reader)?);
        }
        reader.end()?;
        Self::try_from(dots)
    }

    fn append(&mut self, last: Dot) {
        if self.last.get(last.actor) == 0 {
            self.order.push((last, name_after(self.name(), last)));
            self.last.observe(last);
        }
    }
}

/// The name of the table with one actor more.
fn name_after(before: u64, last: Dot) -> u64 {
    let parts = [last.actor.node.0, last.actor.incarnation.0, last.counter];
    parts.into_iter().fold(before, chain).max(1)
}

/// The finaliser of SplitMix64, over what was before and one number more.
fn chain(before: u64, number: u64) -> u64 {
    crate::SplitMix64::new(before.rotate_left(25) ^ number).next_u64()
}

impl TryFrom<Vec<Dot>> for Retired {
    type Error = DecodeError;

    fn try_from(dots: Vec<Dot>) -> Result<Self, DecodeError> {
        let last: VersionVector = dots.iter().copied().collect();
        if last.len() < dots.len() {
            let what = "a retired actor is there twice, or had no events";
            return Err(DecodeError::NotCanonical { what });
        }
        let mut order: Vec<(Dot, u64)> = Vec::with_capacity(dots.len());
        for dot in dots {
            let before = order.last().map_or(0, |(_, name)| *name);
            order.push((dot, name_after(before, dot)));
        }
        Ok(Self { order, last })
    }
}

impl From<Retired> for Vec<Dot> {
    fn from(retired: Retired) -> Self {
        retired.order.into_iter().map(|(last, _)| last).collect()
    }
}

/// Why nobody was retired. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RetireError {
    /// An actor had another number of events according to an earlier certificate.
    Differs {
        /// Who.
        actor: Actor,
        /// How many according to the earlier one.
        known: u64,
        /// How many according to this one.
        last: u64,
    },
}

impl fmt::Display for RetireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Differs { actor, known, last } = self;
        write!(
            f,
            "{actor} is retired with {known} events, and with {last} according to this certificate: use \
             certificates of one group only"
        )
    }
}

impl core::error::Error for RetireError {}

/// Why a vector is not pruned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PruneError {
    /// It has more events of a retired actor than that had: somebody goes on counting as it.
    Beyond {
        /// Who.
        actor: Actor,
        /// How many the vector has.
        seen: u64,
        /// How many there were.
        last: u64,
    },
}

impl fmt::Display for PruneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Beyond { actor, seen, last } = self;
        write!(
            f,
            "{actor} was retired with {last} events, and this vector has {seen} of it: whoever counts as \
             it has to begin a new incarnation"
        )
    }
}

impl core::error::Error for PruneError {}

/// Why a pruned vector is not restored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// It was pruned with a table that this one does not begin with.
    OtherTable {
        /// The name of that table.
        table: u64,
    },
    /// It says of an actor what cannot be, given the table.
    Contradicts {
        /// Of whom.
        actor: Actor,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherTable { table } => write!(
                f,
                "the vector was pruned with table {table:016x}, which this one does not begin with: get \
                 the table of who pruned it"
            ),
            Self::Contradicts { actor } => {
                write!(f, "the vector says of {actor} what its table excludes")
            }
        }
    }
}

impl core::error::Error for RestoreError {}
