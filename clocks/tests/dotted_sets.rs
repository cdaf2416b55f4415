//! Dotted version vector sets against plain sets of events, and against sizes that only an attacker has.

// The tests of cost look at a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use quorate_clocks::{Actor, Dot, DottedSet, Incarnation, NodeId, Relation, VersionVector};

const fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

/// What a set means: the events that are known, and the values of those that were not replaced.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    known: BTreeSet<Dot>,
    alive: BTreeMap<Dot, u64>,
}

impl Model {
    fn of(set: &DottedSet<u64>) -> Self {
        let context = set.context();
        let known = context.iter().flat_map(|(actor, counter)| {
            (1..=counter).map(move |counter| Dot::new(actor, counter))
        });
        Self {
            known: known.collect(),
            alive: set.dots().map(|(dot, value)| (dot, *value)).collect(),
        }
    }

    fn replace(&mut self, seen: &VersionVector) {
        for (actor, counter) in seen.iter() {
            self.known
                .extend((1..=counter).map(|counter| Dot::new(actor, counter)));
        }
        self.alive.retain(|dot, _| !seen.contains(*dot));
    }

    fn sync(&mut self, other: &Self) {
        let both: BTreeMap<_, _> = self.alive.iter().chain(&other.alive).collect();
        let keep = |dot: &Dot| {
            (self.alive.contains_key(dot) || !self.known.contains(dot))
                && (other.alive.contains_key(dot) || !other.known.contains(dot))
        };
        let alive = both.into_iter().filter(|(dot, _)| keep(dot));
        let alive: BTreeMap<_, _> = alive.map(|(dot, value)| (*dot, *value)).collect();
        self.alive = alive;
        self.known.extend(&other.known);
    }

    /// Everything that happened to the key as far as this state knows: events, and replacements.
    fn knowledge(&self) -> (BTreeSet<Dot>, BTreeSet<Dot>) {
        let replaced = self
            .known
            .iter()
            .filter(|dot| !self.alive.contains_key(dot));
        (self.known.clone(), replaced.copied().collect())
    }

    fn relation(&self, other: &Self) -> Relation {
        let (mine, theirs) = (self.knowledge(), other.knowledge());
        let more = !mine.0.is_subset(&theirs.0) || !mine.1.is_subset(&theirs.1);
        let less = !theirs.0.is_subset(&mine.0) || !theirs.1.is_subset(&mine.1);
        Relation::from_surplus(more, less)
    }
}

/// A state as bytes can have it: of each actor so many events, of which so many have a value. The value
/// of an event is a function of it, as where no two count as one.
fn decoded() -> impl Strategy<Value = DottedSet<u64>> {
    prop::collection::btree_map(1..5_u64, (1..7_u8, 0..4_u8), 0..4).prop_map(|histories| {
        let mut bytes = vec![histories.len() as u8];
        for (node, (counter, alive)) in histories {
            let alive = alive.min(counter);
            bytes.extend([node as u8, 1, counter, alive]);
            for counter in counter - alive + 1..=counter {
                bytes.extend([1, node as u8 * 10 + counter]);
            }
        }
        let set = DottedSet::from_bytes(&bytes).expect("any such state is one");
        set.map(|value| u64::from(value[0]))
    })
}

fn synced(a: &DottedSet<u64>, b: &DottedSet<u64>) -> DottedSet<u64> {
    let mut both = a.clone();
    both.sync(b).expect("no event has two values");
    both
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_states_are_brought_together_as_sets_are(a in decoded(), b in decoded(), c in decoded()) {
        let both = synced(&a, &b);
        let mut model = Model::of(&a);
        model.sync(&Model::of(&b));
        prop_assert_eq!(Model::of(&both), model);
        prop_assert_eq!(&both, &synced(&b, &a));
        prop_assert_eq!(&synced(&both, &b), &both);
        prop_assert_eq!(synced(&both, &c), synced(&a, &synced(&b, &c)));
        prop_assert_eq!(a.relation(&b), Model::of(&a).relation(&Model::of(&b)));
        prop_assert!(both.relation(&a).includes() && both.relation(&b).includes());
    }

    #[test]
    fn replicas_keep_what_sets_keep(
        steps in prop::collection::vec((0..4_u8, 0..3_usize, 0..3_usize, any::<bool>()), 1..60),
    ) {
        let mut replicas = vec![(DottedSet::new(), Model::default()); 3];
        let mut contexts = vec![VersionVector::new(); 3];
        for (value, (kind, at, other, keep)) in steps.into_iter().enumerate() {
            let (from, server) = (replicas[other].clone(), actor(at as u64));
            let (set, model) = &mut replicas[at];
            match kind {
                0 => contexts[other] = set.context(),
                // A client comes with what it has read somewhere, maybe long ago.
                1 => {
                    if let Ok(dot) = set.put(&contexts[other], server, value as u64) {
                        model.replace(&contexts[other]);
                        model.known.insert(dot);
                        model.alive.insert(dot, value as u64);
                    }
                }
                2 if keep => {
                    if set.delete(&contexts[other], server).is_ok() {
                        model.replace(&contexts[other]);
                    }
                }
                _ => {
                    set.sync(&from.0).expect("every event has one value");
                    model.sync(&from.1);
                }
            }
            prop_assert_eq!(&Model::of(set), &*model);
        }
    }
}

/// Far more than any of these take when they go along both once, and far less than when they do not.
const LINEAR: Duration = Duration::from_secs(10);

#[test]
fn a_hundred_thousand_actors_take_no_quadratic_time() {
    let many = |from: u64| -> VersionVector {
        (0..100_000)
            .map(|node| Dot::new(actor(2 * node + from), 1))
            .collect()
    };
    let (low, high) = (many(1), many(1_000_000));
    let start = Instant::now();
    let mut set = DottedSet::new();
    set.put(&high, actor(0), 1_u64).unwrap();
    let high = set.clone();
    // Every actor of these comes before all that there are.
    set.put(&low, actor(0), 2).unwrap();
    assert_eq!(set.context().len(), 200_001);
    let mut other = DottedSet::new();
    other.put(&low, actor(2), 3_u64).unwrap();
    let mut both = high;
    both.sync(&other).unwrap();
    assert_eq!(both.context().len(), 200_002);
    assert!(start.elapsed() < LINEAR, "{:?}", start.elapsed());
}

#[test]
fn a_vector_of_dots_in_any_order_takes_no_quadratic_time() {
    let start = Instant::now();
    let dots = || {
        (0..200_000_u64)
            .rev()
            .map(|node| Dot::new(actor(node), 1 + node % 7))
    };
    let vector: VersionVector = dots().collect();
    assert_eq!(vector.len(), 200_000);
    assert!(dots().all(|dot| vector.get(dot.actor) == dot.counter));
    let mut more: VersionVector = dots().take(100).collect();
    more.extend(
        dots()
            .map(|dot| Dot::new(dot.actor, dot.counter + 1))
            .chain(dots()),
    );
    assert!(dots().all(|dot| more.get(dot.actor) == dot.counter + 1));
    assert!(start.elapsed() < LINEAR, "{:?}", start.elapsed());
}
