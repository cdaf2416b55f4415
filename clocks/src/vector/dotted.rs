//! The values of one key, and what each replaced.

use alloc::vec::Vec;
use core::fmt;

use super::{Amnesia, CounterExhausted, Dot, VersionVector};
use crate::{Actor, Causality, Relation};

/// The concurrent values of one key in a replicated store: a dotted version vector set.
///
/// A client reads a key, gets its values and their [`context`](Self::context), and writes back with
/// that context: the write replaces what the client has seen, and stands beside what it has not. With
/// a plain version vector a store cannot keep those apart when clients write through the same server:
/// every write counts at the server, so that each looks concurrent to the next, and the values pile
/// up. Here every value has a [dot](Dot) of its own, so they do not: two clients that read and write
/// in turns never see more than two values, however long they go on.
///
/// A deletion is a write without a value. What it leaves is the knowledge that the values existed,
/// so that a replica that was away and still has them cannot bring them back.
///
/// R. Preguiça, C. Baquero, P. S. Almeida, V. Fonte, R. Gonçalves, "Dotted Version Vectors: Logical
/// Clocks for Optimistic Replication" (arXiv 1011.5808, 2010), in the compact form of Almeida,
/// Baquero, Gonçalves, Preguiça, Fonte, "Scalable and Accurate Causality Tracking for Eventually
/// Consistent Stores" (DAIS 2014, §5).
///
/// ```
/// use quorate_clocks::{Actor, DottedSet, Incarnation, NodeId};
///
/// let server = Actor::new(NodeId(1), Incarnation(1));
/// let mut cart = DottedSet::new();
///
/// // Two clients read the empty cart, and both write to it.
/// let empty = cart.context();
/// cart.put(&empty, server, "apples")?;
/// cart.put(&empty, server, "bread")?;
/// assert!(cart.values().eq([&"apples", &"bread"]));
///
/// // A third reads both and writes what it makes of them.
/// let both = cart.context();
/// cart.put(&both, server, "apples and bread")?;
/// assert!(cart.values().eq([&"apples and bread"]));
///
/// // Somebody deletes what the third client saw before. Too late: it was replaced.
/// cart.delete(&both, server)?;
/// assert!(cart.values().eq([&"apples and bread"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Contexts are believed
///
/// A context says "replace all of this", so whoever can make one up can delete values of every
/// server, also those that are not written yet, and use up the counters. Noticed is only one that
/// counts events of the server it comes to that this has not done. Where clients are not trusted, keep
/// contexts at the server, or authenticate their [bytes](VersionVector#bytes), which are canonical.
///
/// # When a key is forgotten
///
/// Dropping the set of a deleted key forgets its counters. If the key is created again by the same
/// actor, it counts from one again, and a replica that was away takes the new values for old ones
/// that were deleted: data loss that has happened (riak_kv, pull request 1094). So create a key that
/// is not there as a **new life** of the actor, [`Actor::next_life`], or drop sets only with a
/// stability certificate. [`put`](Self::put) notices when a client knows of more than the server.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "Vec<super::dotted_wire::Part<V>>",
        into = "Vec<super::dotted_wire::Part<V>>",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: serde::Deserialize<'de>"
        )
    )
)]
pub struct DottedSet<V> {
    // Ascending by actor. No counter is zero.
    pub(super) histories: Vec<History<V>>,
}

/// Of the events of an actor, the values of the latest are alive: older ones were replaced.
// The context of a write is a vector, which has all events of an actor up to some. What it replaces
// is therefore always the oldest, and what is left is the latest without a gap.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct History<V> {
    pub(super) actor: Actor,
    /// How many events are known.
    pub(super) counter: u64,
    /// The values of the last of them, oldest first.
    pub(super) alive: Vec<V>,
}

impl<V> History<V> {
    /// Of an actor of whom nothing is known yet: the caller makes it count.
    fn of(actor: Actor) -> Self {
        Self {
            actor,
            counter: 0,
            alive: Vec::new(),
        }
    }

    /// How many events have no value any more.
    fn replaced(&self) -> u64 {
        self.counter.saturating_sub(self.alive.len() as u64)
    }

    /// Knows of this many events, and drops the values of as many as were seen by who replaces them.
    fn replace(&mut self, seen: u64) {
        let dead = seen.saturating_sub(self.replaced());
        let dead = usize::try_from(dead).unwrap_or(usize::MAX);
        self.alive.drain(..dead.min(self.alive.len()));
        self.counter = self.counter.max(seen);
    }

    fn dots(&self) -> impl Iterator<Item = (Dot, &V)> {
        let first = self.replaced().saturating_add(1);
        let dots = (first..=self.counter).map(|counter| Dot::new(self.actor, counter));
        dots.zip(&self.alive)
    }
}

impl<V> DottedSet<V> {
    /// A key that was never written.
    pub const fn new() -> Self {
        Self {
            histories: Vec::new(),
        }
    }

    /// What a client has seen that reads all the values now, to be sent back with its write.
    pub fn context(&self) -> VersionVector {
        let dots = self.histories.iter();
        dots.map(|history| Dot::new(history.actor, history.counter))
            .collect()
    }

    /// The values, in the order of their dots. More than one are concurrent.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.histories.iter().flat_map(|history| &history.alive)
    }

    /// The values with the events that wrote them.
    pub fn dots(&self) -> impl Iterator<Item = (Dot, &V)> {
        self.histories.iter().flat_map(History::dots)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.histories
            .iter()
            .map(|history| history.alive.len())
            .sum()
    }

    /// Whether there is no value: never written, or deleted.
    pub fn is_empty(&self) -> bool {
        self.histories
            .iter()
            .all(|history| history.alive.is_empty())
    }

    /// Writes a value in the place of those that the client has seen, as an event of `actor`, which
    /// is the server and not the client.
    ///
    /// # Errors
    ///
    /// Gives the value back when the client has seen more events of `actor` than are known here, or
    /// when `actor` cannot count on. Nothing has changed then.
    pub fn put(
        &mut self,
        seen: &VersionVector,
        actor: Actor,
        value: V,
    ) -> Result<Dot, DottedPutError<V>> {
        let known = self.known(actor);
        if let Err(amnesia) = Amnesia::check(actor, known, seen.get(actor)) {
            return Err(DottedPutError::Amnesia { value, amnesia });
        }
        let Some(counter) = known.checked_add(1) else {
            let exhausted = CounterExhausted::of(actor);
            return Err(DottedPutError::Exhausted { value, exhausted });
        };
        self.replace(seen);
        let history = self.history(actor);
        history.counter = counter;
        history.alive.push(value);
        Ok(Dot { actor, counter })
    }

    /// Deletes the values that the client has seen. Those that it has not stay.
    ///
    /// # Errors
    ///
    /// When the client has seen more events of `actor`, the server, than are known here. Nothing has
    /// changed then.
    pub fn delete(&mut self, seen: &VersionVector, actor: Actor) -> Result<(), Amnesia> {
        Amnesia::check(actor, self.known(actor), seen.get(actor))?;
        self.replace(seen);
        Ok(())
    }

    /// The same set with another form of the values.
    pub fn map<W>(self, mut change: impl FnMut(V) -> W) -> DottedSet<W> {
        let histories = self.histories.into_iter();
        DottedSet {
            histories: histories
                .map(|history| History {
                    actor: history.actor,
                    counter: history.counter,
                    alive: history.alive.into_iter().map(&mut change).collect(),
                })
                .collect(),
        }
    }

    /// How this state of the key stands to another: `After` if it is what a [`sync`](Self::sync) of
    /// the two would give. It looks at events and not at values: of states whose values contradict each
    /// other ([`SkewedDots`]) it says nothing of use.
    pub fn relation(&self, other: &Self) -> Relation {
        Relation::from_surplus(!other.includes(self), !self.includes(other))
    }

    /// A state knows of events, and of those that were replaced. Both only grow.
    fn includes(&self, other: &Self) -> bool {
        let mut mine = self.histories.iter().peekable();
        other.histories.iter().all(|theirs| {
            while mine
                .next_if(|history| history.actor < theirs.actor)
                .is_some()
            {}
            mine.peek().is_some_and(|mine| {
                mine.actor == theirs.actor
                    && mine.counter >= theirs.counter
                    && mine.replaced() >= theirs.replaced()
            })
        })
    }

    fn replace(&mut self, seen: &VersionVector) {
        let histories = self.histories_of(seen.iter().map(|(actor, _)| actor));
        for (history, (_, counter)) in histories.zip(seen.iter()) {
            history.replace(counter);
        }
    }

    /// The histories of these actors, which are ascending. The caller makes those count that are new.
    ///
    /// In one pass: contexts and states come from others, who choose how many actors are in them.
    fn histories_of(
        &mut self,
        actors: impl Iterator<Item = Actor> + Clone,
    ) -> impl Iterator<Item = &mut History<V>> {
        let mut mine = self.histories.iter().map(|mine| mine.actor).peekable();
        let new = actors.clone().filter(|actor| {
            while mine.next_if(|mine| mine < actor).is_some() {}
            mine.peek() != Some(actor)
        });
        let new = new.count();
        if new > 0 {
            let mut all = Vec::with_capacity(self.histories.len().saturating_add(new));
            let mut mine = core::mem::take(&mut self.histories).into_iter().peekable();
            for actor in actors.clone() {
                while let Some(before) = mine.next_if(|mine| mine.actor < actor) {
                    all.push(before);
                }
                let same = mine.next_if(|mine| mine.actor == actor);
                all.push(same.unwrap_or_else(|| History::of(actor)));
            }
            all.extend(mine);
            self.histories = all;
        }
        let mut actors = actors.peekable();
        let histories = self.histories.iter_mut();
        histories.filter(move |history| actors.next_if_eq(&history.actor).is_some())
    }

    fn known(&self, actor: Actor) -> u64 {
        let place = self.place(actor).ok();
        let history = place.and_then(|at| self.histories.get(at));
        history.map_or(0, |history| history.counter)
    }

    /// The history of an actor, which is new if it was not there. The caller makes it count.
    fn history(&mut self, actor: Actor) -> &mut History<V> {
        let at = self.place(actor).unwrap_or_else(|at| {
            self.histories.insert(at, History::of(actor));
            at
        });
        &mut self.histories[at]
    }

    fn place(&self, actor: Actor) -> Result<usize, usize> {
        self.histories
            .binary_search_by(|history| history.actor.cmp(&actor))
    }
}

impl<V: Clone + PartialEq> DottedSet<V> {
    /// Takes in what another replica has of the key: the values that neither knows to be replaced.
    ///
    /// Commutative, associative and idempotent: replicas that have exchanged everything, in any order
    /// and any number of times, are equal.
    ///
    /// # Errors
    ///
    /// When the two have different values for one event: two replicas count as the same actor, or one
    /// has lost its memory. Nothing has changed then.
    pub fn sync(&mut self, other: &Self) -> Result<(), SkewedDots> {
        for theirs in &other.histories {
            let Ok(at) = self.place(theirs.actor) else {
                continue;
            };
            let mut mine = self.histories[at].dots().peekable();
            for (dot, value) in theirs.dots() {
                while mine.next_if(|(before, _)| *before < dot).is_some() {}
                if mine
                    .next_if(|(same, _)| *same == dot)
                    .is_some_and(|(_, own)| own != value)
                {
                    return Err(SkewedDots { dot });
                }
            }
        }
        let actors = other.histories.iter().map(|theirs| theirs.actor);
        for (mine, theirs) in self.histories_of(actors).zip(&other.histories) {
            // Alive is what neither has seen replaced. Up to where we know, that is ours.
            let replaced = theirs.replaced().max(mine.replaced());
            let known = mine.counter.max(replaced) - theirs.replaced();
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            mine.replace(replaced);
            mine.alive.extend(theirs.alive.iter().skip(known).cloned());
            mine.counter = mine.counter.max(theirs.counter);
        }
        Ok(())
    }
}

impl<V> Default for DottedSet<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Causality for DottedSet<V> {
    fn relate(&self, other: &Self) -> Option<Relation> {
        Some(self.relation(other))
    }
}

/// Why a value is not written. Nothing has changed, and the value is given back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DottedPutError<V> {
    /// The client has seen more events of the server than the server knows of.
    Amnesia {
        /// The value.
        value: V,
        /// Who knows what.
        amnesia: Amnesia,
    },
    /// The server cannot count on.
    Exhausted {
        /// The value.
        value: V,
        /// Who cannot.
        exhausted: CounterExhausted,
    },
}

impl<V> DottedPutError<V> {
    /// The value that was not written.
    pub fn into_value(self) -> V {
        match self {
            Self::Amnesia { value, .. } | Self::Exhausted { value, .. } => value,
        }
    }
}

impl<V> fmt::Display for DottedPutError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amnesia { amnesia, .. } => amnesia.fmt(f),
            Self::Exhausted { exhausted, .. } => exhausted.fmt(f),
        }
    }
}

impl<V: fmt::Debug> core::error::Error for DottedPutError<V> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            Self::Amnesia { amnesia, .. } => amnesia,
            Self::Exhausted { exhausted, .. } => exhausted,
        })
    }
}

/// Two replicas have different values for one event. Nothing has changed.
///
/// Whichever were kept, a value would be lost without anybody noticing. Two replicas share an
/// identity, or one lost its memory and did not begin a new life: find out which, give one of them a
/// new [`Incarnation`](crate::Incarnation), and write its values again.
///
/// ```
/// use quorate_clocks::{Actor, DottedSet, Incarnation, NodeId, VersionVector};
///
/// let actor = Actor::new(NodeId(1), Incarnation(1));
/// let (mut ours, mut theirs) = (DottedSet::new(), DottedSet::new());
/// ours.put(&VersionVector::new(), actor, "mine")?;
/// theirs.put(&VersionVector::new(), actor, "also mine")?;
/// assert_eq!(ours.sync(&theirs).unwrap_err().dot.counter, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SkewedDots {
    /// The event.
    pub dot: Dot,
}

impl fmt::Display for SkewedDots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "two replicas have different values for {}: {} is the identity of two, or has lost its memory; \
             give one a new incarnation and write its values again",
            self.dot, self.dot.actor
        )
    }
}

impl core::error::Error for SkewedDots {}
