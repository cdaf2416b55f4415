//! Contexts and dotted sets against sets of events, and the bytes of all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_clocks::{
    Actor, CausalContext, Dot, DottedSet, Incarnation, NodeId, Relation, VersionVector,
};

fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn dots() -> impl Strategy<Value = Vec<Dot>> {
    prop::collection::vec((0..3_u64, 1..8_u64), 0..20).prop_map(|dots| {
        let dots = dots.into_iter();
        dots.map(|(node, counter)| Dot::new(actor(node), counter))
            .collect()
    })
}

fn context(dots: &[Dot]) -> CausalContext {
    let mut context = CausalContext::new();
    for dot in dots {
        context.observe(*dot);
    }
    context
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_context_is_the_set_of_its_events(a in dots(), b in dots()) {
        let (set_a, set_b): (BTreeSet<_>, BTreeSet<_>) = (a.iter().collect(), b.iter().collect());
        let (mut context_a, context_b) = (context(&a), context(&b));
        for node in 0..3 {
            for counter in 1..9 {
                let dot = Dot::new(actor(node), counter);
                prop_assert_eq!(context_a.contains(dot), set_a.contains(&dot));
            }
        }
        let expected = Relation::from_surplus(
            !set_a.is_subset(&set_b),
            !set_b.is_subset(&set_a),
        );
        prop_assert_eq!(context_a.relation(&context_b), expected);
        let in_runs: u64 = context_a.runs().map(|run| run.count()).sum();
        prop_assert_eq!(in_runs, set_a.len() as u64);
        for gap in context_a.gaps() {
            for counter in gap.first()..=gap.last() {
                prop_assert!(!context_a.contains(Dot::new(gap.actor(), counter)));
            }
        }
        prop_assert_eq!(context_a.gaps().count() == 0, context_a == CausalContext::from(&context_a.floor()));
        prop_assert_eq!(CausalContext::from_bytes(&context_a.to_bytes()), Ok(context_a.clone()));

        // Many at once are one after the other.
        let nothing = Dot::new(actor(1), 0);
        prop_assert_eq!(&a.iter().copied().chain([nothing]).collect::<CausalContext>(), &context_a);
        let mut extended = context_a.clone();
        extended.extend(b.iter().copied());
        prop_assert_eq!(&extended, &context(&a.iter().chain(&b).copied().collect::<Vec<_>>()));

        context_a.merge(&context_b);
        let all: Vec<Dot> = a.iter().chain(&b).copied().collect();
        prop_assert_eq!(context_a, context(&all));
    }

    #[test]
    fn bytes_are_a_vector_exactly_if_they_are_its_bytes(
        bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..24),
    ) {
        if let Ok(vector) = VersionVector::from_bytes(&bytes) {
            prop_assert_eq!(vector.to_bytes(), bytes.clone());
        }
        if let Ok(context) = CausalContext::from_bytes(&bytes) {
            prop_assert_eq!(context.to_bytes(), bytes.clone());
        }
        if let Ok(dot) = Dot::from_bytes(&bytes) {
            prop_assert_eq!(dot.to_bytes(), bytes.clone());
        }
        if let Ok(set) = DottedSet::from_bytes(&bytes) {
            prop_assert_eq!(set.to_bytes(), bytes.clone());
        }
    }

    #[test]
    fn vectors_survive_their_bytes(dots in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..20)) {
        let dots = dots.into_iter().map(|(node, life, counter)| {
            Dot::new(Actor::new(NodeId(node), Incarnation(life)), counter)
        });
        let vector: VersionVector = dots.collect();
        prop_assert_eq!(VersionVector::from_bytes(&vector.to_bytes()), Ok(vector));
    }
}

#[test]
fn golden_bytes() {
    let vector: VersionVector = [Dot::new(actor(3), 5), Dot::new(actor(300), 1)]
        .into_iter()
        .collect();
    assert_eq!(vector.to_bytes(), [2, 3, 1, 5, 0xAC, 2, 1, 1]);
    let context = context(&[
        Dot::new(actor(3), 1),
        Dot::new(actor(3), 2),
        Dot::new(actor(3), 9),
    ]);
    assert_eq!(context.to_bytes(), [2, 3, 1, 1, 1, 3, 1, 9, 0]);
    let mut set = DottedSet::new();
    set.put(&VersionVector::new(), actor(3), *b"x").unwrap();
    set.put(&set.context(), actor(3), *b"y").unwrap();
    set.put(&VersionVector::new(), actor(4), *b"z").unwrap();
    assert_eq!(
        set.to_bytes(),
        [2, 3, 1, 2, 1, 1, b'y', 4, 1, 1, 1, 1, b'z']
    );
    let read = DottedSet::from_bytes(&set.to_bytes())
        .unwrap()
        .map(|value| [value[0]]);
    assert_eq!(read, set);
}

/// A set of a few replicas, beside a model that keeps every value with the set of dots that its
/// writer had seen: a value is alive unless another's writer had seen it, or a deletion.
#[derive(Clone, Default)]
struct Model {
    alive: BTreeMap<Dot, u32>,
    seen: BTreeSet<Dot>,
}

impl Model {
    fn replace(&mut self, seen: &BTreeSet<Dot>) {
        self.alive.retain(|dot, _| !seen.contains(dot));
        self.seen.extend(seen);
    }

    fn sync(&mut self, other: &Self) {
        let theirs = other
            .alive
            .iter()
            .filter(|(dot, _)| !self.seen.contains(dot));
        let theirs: Vec<_> = theirs.map(|(dot, value)| (*dot, *value)).collect();
        self.alive
            .retain(|dot, _| other.alive.contains_key(dot) || !other.seen.contains(dot));
        self.alive.extend(theirs);
        self.seen.extend(&other.seen);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_dotted_set_is_its_model(
        steps in prop::collection::vec((0..4_u8, 0..3_usize, 0..3_usize, any::<prop::sample::Index>()), 1..40),
    ) {
        let mut sets = vec![DottedSet::new(); 3];
        let mut models = vec![Model::default(); 3];
        // What clients have read, as the store tells it and as the model does.
        let mut reads = vec![(VersionVector::new(), BTreeSet::new())];
        for (number, (kind, at, from, read)) in steps.into_iter().enumerate() {
            let (context, seen) = &reads[read.index(reads.len())];
            match kind {
                0 => {
                    let dot = sets[at].put(context, actor(at as u64), number as u32);
                    // Clients may have seen a later state of this server than it has: never here.
                    let dot = dot.unwrap();
                    models[at].replace(seen);
                    models[at].seen.insert(dot);
                    models[at].alive.insert(dot, number as u32);
                }
                1 => {
                    sets[at].delete(context, actor(at as u64)).unwrap();
                    models[at].replace(seen);
                }
                _ if from == at => {}
                _ => {
                    let (other, their_model) = (sets[from].clone(), models[from].clone());
                    let before = sets[at].clone();
                    sets[at].sync(&other).unwrap();
                    models[at].sync(&their_model);
                    prop_assert!(sets[at].relation(&before).includes());
                    prop_assert!(sets[at].relation(&other).includes());
                    let mut back = other.clone();
                    back.sync(&before).unwrap();
                    prop_assert_eq!(&back, &sets[at]);
                }
            }
            let alive: BTreeMap<Dot, u32> = sets[at].dots().map(|(dot, value)| (dot, *value)).collect();
            prop_assert_eq!(&alive, &models[at].alive);
            prop_assert_eq!(sets[at].len(), alive.len());
            reads.push((sets[at].context(), models[at].seen.clone()));
        }
    }
}
