//! Vector clocks and version vectors.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proptest::prelude::*;
use quorate_clocks::laws::{Plan, Subject, check_histories, check_merge, check_relation};
use quorate_clocks::{
    Actor, Amnesia, Applied, CausalContext, Causality, DecodeError, Dot, Incarnation, NodeId,
    Relation, VectorClock, VectorReceiveError, VersionVector,
};

fn actor(node: u64) -> Actor {
    Actor::new(NodeId(node), Incarnation(1))
}

fn vector(entries: &[(u64, u64)]) -> VersionVector {
    let dots = entries.iter();
    dots.map(|(node, counter)| Dot::new(actor(*node), *counter))
        .collect()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// `crdts` 7.3.2 has a clock with an entry of zero that is greater than the empty one, and the other
/// way round.
#[test]
fn trap_23_missing_is_zero_in_equality_order_hash_and_bytes() {
    let (zero, empty) = (vector(&[(1, 0)]), VersionVector::new());
    assert_eq!(zero, empty);
    assert_eq!(hash(&zero), hash(&empty));
    assert_eq!(zero.relation(&empty), Relation::Equal);
    assert_eq!(empty.relation(&zero), Relation::Equal);
    assert_eq!(zero.to_bytes(), empty.to_bytes());
    assert_eq!((zero.len(), zero.get(actor(1))), (0, 0));

    // Neither does a meet leave a zero behind, nor where it is kept make a difference.
    let many: Vec<_> = (1..=20).map(|node| (node, 1)).collect();
    let (on_heap, in_place) = (vector(&many).meet(&vector(&[(3, 7)])), vector(&[(3, 1)]));
    assert_eq!(on_heap, in_place);
    assert_eq!(hash(&on_heap), hash(&in_place));
    assert_eq!(on_heap.to_bytes(), in_place.to_bytes());

    // A peer cannot make one either.
    for (bytes, what) in [
        (&[1, 1, 1, 0][..], "an entry of zero"),
        (&[2, 2, 1, 5, 1, 1, 5], "entries out of order"),
        (&[2, 1, 1, 5, 1, 1, 6], "an actor twice"),
        (&[2, 1, 2, 5, 1, 1, 6], "lives out of order"),
    ] {
        assert!(VersionVector::from_bytes(bytes).is_err(), "{what}");
    }
    assert_eq!(
        VersionVector::from_bytes(&[2, 1, 1, 5, 2, 1, 6]),
        Ok(vector(&[(1, 5), (2, 6)]))
    );
}

fn small_vector() -> impl Strategy<Value = VersionVector> {
    // Few actors and small numbers, so that all relations are common; and up to twelve actors, so
    // that both ways of keeping them are.
    prop_oneof![
        prop::collection::vec((1..4_u64, 0..3_u64), 0..4),
        prop::collection::vec((1..13_u64, 0..3_u64), 0..12),
    ]
    .prop_map(|entries| vector(&entries))
}

/// What a version vector is, said in the simplest way.
fn slow_relation(a: &VersionVector, b: &VersionVector) -> Relation {
    let surplus =
        |a: &VersionVector, b: &VersionVector| a.iter().any(|(of, seen)| seen > b.get(of));
    Relation::from_surplus(surplus(a, b), surplus(b, a))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn trap_24_laws_of_order_and_bounds(
        a in small_vector(),
        b in small_vector(),
        c in small_vector(),
        node in 1..13_u64,
    ) {
        // An order: reflexive, antisymmetric, transitive, and the same from both sides.
        prop_assert_eq!(a.relation(&a), Relation::Equal);
        prop_assert_eq!(a.relation(&b), b.relation(&a).reverse());
        prop_assert_eq!(a.relation(&b), slow_relation(&a, &b));
        prop_assert_eq!(a.relation(&b) == Relation::Equal, a == b);
        prop_assert_eq!(a.includes(&b), a.relation(&b).includes());
        prop_assert!(!(a.includes(&b) && b.includes(&c)) || a.includes(&c));
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
        }

        // The least upper bound.
        let merge = |a: &VersionVector, b: &VersionVector| {
            let mut merged = a.clone();
            merged.merge(b);
            merged
        };
        let both = merge(&a, &b);
        prop_assert_eq!(&both, &merge(&b, &a));
        prop_assert_eq!(&merge(&both, &c), &merge(&a, &merge(&b, &c)));
        prop_assert_eq!(&merge(&a, &a), &a);
        prop_assert!(both.includes(&a) && both.includes(&b));
        prop_assert!(!(c.includes(&a) && c.includes(&b)) || c.includes(&both));
        for (of, seen) in both.iter() {
            prop_assert_eq!(seen, a.get(of).max(b.get(of)));
        }

        // The greatest lower bound, and what the two have to do with each other.
        let common = a.meet(&b);
        prop_assert_eq!(&common, &b.meet(&a));
        prop_assert_eq!(&common.meet(&c), &a.meet(&b.meet(&c)));
        prop_assert!(a.includes(&common) && b.includes(&common));
        prop_assert!(!(a.includes(&c) && b.includes(&c)) || common.includes(&c));
        prop_assert_eq!(&merge(&a, &common), &a);
        prop_assert_eq!(&a.meet(&both), &a);

        // Counting makes it larger.
        let mut more = a.clone();
        let dot = more.increment(actor(node)).unwrap();
        prop_assert_eq!(more.relation(&a), Relation::After);
        prop_assert!(more.contains(dot) && !a.contains(dot));
    }
}

struct Vectors(Vec<VectorClock>);

impl Vectors {
    fn new(processes: usize) -> Self {
        Self(
            (0..processes as u64)
                .map(|node| VectorClock::new(actor(node)))
                .collect(),
        )
    }
}

impl Subject for Vectors {
    type Stamp = VersionVector;

    fn event(&mut self, process: usize) -> VersionVector {
        self.0[process].tick().unwrap();
        self.0[process].vector().clone()
    }

    fn receive(&mut self, process: usize, stamp: &VersionVector) -> VersionVector {
        self.0[process].receive(stamp).unwrap();
        self.0[process].vector().clone()
    }
}

/// The order of vectors is the inclusion of sets of causes, for few and for many processes.
#[test]
fn trap_25_vectors_are_ordered_exactly_as_sets_of_causes_are() {
    for seed in 0..40 {
        for processes in [2, 5, 8, 9, 20] {
            let plan = Plan {
                processes,
                exact: true,
                ..Plan::new(seed)
            };
            let report = check_histories(plan, Vectors::new(processes)).unwrap();
            assert_eq!(report.unknown, 0);
            assert!(report.concurrent > 0);
        }
    }
}

#[test]
fn trap_24_the_laws_hold_for_what_random_histories_make() {
    let mut clocks = Vectors::new(10);
    let mut samples = vec![VersionVector::new()];
    for step in 0..60_usize {
        let stamp = match step % 3 {
            0 => clocks.event(step % 10),
            _ => clocks.receive(step * 7 % 10, &samples[step / 2]),
        };
        samples.push(stamp);
    }
    check_relation(&samples).unwrap();
    let merge = |a: &VersionVector, b: &VersionVector| {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    };
    check_merge(&samples, merge).unwrap();
}

/// A sum that wraps makes a replica's newest write its oldest.
#[test]
fn trap_26_a_full_counter_is_an_error_and_so_is_a_larger_number_on_the_wire() {
    let mut full = vector(&[(1, u64::MAX), (2, 1)]);
    let before = full.clone();
    assert_eq!(full.increment(actor(1)).unwrap_err().actor, actor(1));
    assert_eq!(full, before);
    assert!(full.increment(actor(2)).is_ok());

    let mut clock = VectorClock::resume(actor(1), before.clone());
    assert!(clock.tick().is_err());
    assert!(matches!(
        clock.receive(&vector(&[(2, 9)])),
        Err(VectorReceiveError::Exhausted(_))
    ));
    assert_eq!(clock.vector(), &before, "a refused message changes nothing");

    // 2^64 - 1, and one more, as LEB128.
    let mut bytes = vec![1, 1, 1];
    bytes.extend([0xFF; 9]);
    bytes.push(1);
    assert_eq!(
        VersionVector::from_bytes(&bytes),
        Ok(vector(&[(1, u64::MAX)]))
    );
    bytes.truncate(3);
    bytes.extend([0x80; 9]);
    bytes.push(2);
    assert_eq!(
        VersionVector::from_bytes(&bytes),
        Err(DecodeError::Overflow)
    );
}

/// A replica that lost its disk and counted from one again had its writes silently dropped
/// (riak_kv #679), as did two that had the same id (OpenRiak riak_kv #47).
#[test]
fn trap_27_a_lost_disk_is_noticed_and_a_new_life_counts_for_itself() {
    let node = actor(1);
    let mut before = VectorClock::new(node);
    for _ in 0..5 {
        before.tick().unwrap();
    }
    let backup = before.vector().clone();

    // With the old identity: the first contact tells, and changes nothing.
    let mut after = VectorClock::new(node);
    let write = after.tick().unwrap();
    assert!(
        backup.contains(write),
        "the others take this write for known"
    );
    let unchanged = after.clone();
    let amnesia = Amnesia::clone(&match after.receive(&backup) {
        Err(VectorReceiveError::Amnesia(amnesia)) => amnesia,
        other => panic!("{other:?}"),
    });
    assert_eq!((amnesia.actor, amnesia.ours, amnesia.theirs), (node, 1, 5));
    assert_eq!(after.merge(&backup), Err(amnesia));
    assert_eq!(after, unchanged);

    // With a new life its writes are its own.
    let mut after = VectorClock::new(node.next_life().unwrap());
    let write = after.tick().unwrap();
    assert!(!backup.contains(write));
    assert_eq!(after.vector().relation(&backup), Relation::Concurrent);
    assert!(after.receive(&backup).is_ok());
    assert_eq!(after.vector().relation(&backup), Relation::After);
}

/// As `validate_op` of `crdts` does, and as version vectors with exceptions (WinFS) go on.
#[test]
fn trap_29_a_gap_is_named_or_kept_as_an_exception_until_it_is_filled() {
    let dot = |counter| Dot::new(actor(1), counter);
    let mut strict = vector(&[(1, 3)]);
    let gap = strict.apply(dot(5)).unwrap_err();
    assert_eq!(
        (gap.missing.actor(), gap.missing.first(), gap.missing.last()),
        (actor(1), 4, 4)
    );
    assert_eq!(strict, vector(&[(1, 3)]), "nothing has changed");
    assert_eq!(strict.apply(dot(3)), Ok(Applied::Known));
    assert_eq!(strict.apply(dot(4)), Ok(Applied::New));
    assert_eq!(strict.apply(dot(5)), Ok(Applied::New));
    assert_eq!(strict.apply(dot(u64::MAX)).unwrap_err().missing.first(), 6);

    let mut loose = CausalContext::from(&vector(&[(1, 3)]));
    assert!(loose.observe(dot(5)));
    assert!(loose.contains(dot(5)) && !loose.contains(dot(4)));
    assert_eq!(loose.run_count(), 2);
    assert_eq!(loose.floor(), vector(&[(1, 3)]));
    assert!(loose.observe(dot(4)));
    assert_eq!(loose, CausalContext::from(&vector(&[(1, 5)])));
    assert_eq!(loose.run_count(), 1);
    assert!(!loose.observe(dot(4)));
    // The largest counter has no successor.
    assert!(loose.observe(dot(u64::MAX)) && loose.observe(dot(u64::MAX - 1)));
    assert_eq!(loose.run_count(), 2);
}

/// What a clock that orders less than it knows would answer.
#[test]
fn trap_23_there_is_always_an_answer() {
    let (a, b) = (vector(&[(1, 2), (2, 1)]), vector(&[(1, 1), (3, 1)]));
    assert_eq!(a.relate(&b), Some(Relation::Concurrent));
}
