//! Version vectors with the same entries: a few actors, and many.

use crdts::{CmRDT, CvRDT};
use quorate_clocks::{Actor, Dot, Incarnation, NodeId, Relation, VersionVector};

use crate::table::{Table, peer};

// The same actors for all.
type Crdts = crdts::VClock<Actor>;
type Vclock = vclock::VClock<Actor, u64>;

/// The same vector, three times.
#[derive(Clone)]
struct Vectors {
    quorate: VersionVector,
    crdts: Crdts,
    vclock: Vclock,
}

impl Vectors {
    /// `counter` tells what each actor has counted, at least one.
    fn new(actors: u64, counter: impl Fn(u64) -> u64) -> Self {
        let counters = (0..actors).map(|actor| (actor_of(actor), counter(actor)));
        let mut crdts = Crdts::new();
        let mut vclock = Vclock::default();
        for (actor, counter) in counters.clone() {
            crdts.apply(crdts::Dot::new(actor, counter));
            // Its first count is zero.
            for _ in 0..=counter {
                vclock.incr(&actor);
            }
        }
        Self {
            quorate: counters
                .map(|(actor, counter)| Dot::new(actor, counter))
                .collect(),
            crdts,
            vclock,
        }
    }
}

fn actor_of(actor: u64) -> Actor {
    Actor::new(NodeId(actor), Incarnation(1))
}

pub(super) fn tables() -> Vec<Table> {
    [3, 16, 128].into_iter().flat_map(of_actors).collect()
}

fn of_actors(actors: u64) -> Vec<Table> {
    let full = move || Vectors::new(actors, |actor| 2 + actor % 5);
    // Differs in the last actor.
    let newer = move || Vectors::new(actors, move |actor| 2 + actor % 5 + actor / (actors - 1));
    // Two writers, each of which has counted an event that the other has not seen: the first actor
    // here, the last there.
    let ours = move || Vectors::new(actors, |actor| 2 + actor % 5 + u64::from(actor == 0));
    let theirs = newer;
    let mut tables = vec![
        compare(actors, "equal", (full(), full()), Relation::Equal),
        compare(actors, "before", (full(), newer()), Relation::Before),
        compare(
            actors,
            "concurrent",
            (ours(), theirs()),
            Relation::Concurrent,
        ),
    ];
    tables.extend([
        merge(actors, ours(), theirs()),
        count(actors, full()),
        copy(actors, full()),
    ]);
    tables
}

fn compare(actors: u64, name: &str, pair: (Vectors, Vectors), expected: Relation) -> Table {
    let (a, b) = pair;
    // All three have to mean the same.
    let ordering = expected.to_ordering();
    assert_eq!(a.quorate.relation(&b.quorate), expected);
    assert_eq!(a.crdts.partial_cmp(&b.crdts), ordering);
    assert_eq!(a.vclock.partial_cmp(&b.vclock), ordering);
    let (quorate, crdts, vclock) = (
        (a.quorate, b.quorate),
        (a.crdts, b.crdts),
        (a.vclock, b.vclock),
    );
    Table {
        title: format!("vector of {actors} compared: {name}"),
        peers: vec![
            peer(
                "quorate VersionVector",
                move || quorate.clone(),
                |(a, b)| a.relation(b),
            ),
            peer(
                "crdts 7.3 VClock",
                move || crdts.clone(),
                |(a, b)| Crdts::partial_cmp(a, b),
            ),
            peer(
                "vclock 0.4",
                move || vclock.clone(),
                |(a, b)| Vclock::partial_cmp(a, b),
            ),
        ],
    }
}

fn merge(actors: u64, a: Vectors, b: Vectors) -> Table {
    let (quorate, crdts, vclock) = (
        (a.quorate, b.quorate),
        (a.crdts, b.crdts),
        (a.vclock, b.vclock),
    );
    Table {
        title: format!("vector of {actors} merged in place (crdts takes a copy)"),
        peers: vec![
            peer(
                "quorate VersionVector",
                move || quorate.clone(),
                |(a, b)| a.merge(b),
            ),
            peer(
                "crdts 7.3 VClock",
                move || crdts.clone(),
                |(a, b)| a.merge(b.clone()),
            ),
            peer("vclock 0.4", move || vclock.clone(), |(a, b)| a.merge(b)),
        ],
    }
}

fn count(actors: u64, vectors: Vectors) -> Table {
    let Vectors {
        quorate,
        crdts,
        vclock,
    } = vectors;
    Table {
        title: format!("vector of {actors}: an event is counted"),
        peers: vec![
            peer(
                "quorate VersionVector",
                move || quorate.clone(),
                |vector| vector.increment(std::hint::black_box(actor_of(1))),
            ),
            peer(
                "crdts 7.3 VClock",
                move || crdts.clone(),
                |vector| {
                    let dot = vector.inc(std::hint::black_box(actor_of(1)));
                    vector.apply(dot);
                },
            ),
            peer(
                "vclock 0.4",
                move || vclock.clone(),
                |vector| {
                    vector.incr(std::hint::black_box(&actor_of(1)));
                },
            ),
        ],
    }
}

fn copy(actors: u64, vectors: Vectors) -> Table {
    let Vectors {
        quorate,
        crdts,
        vclock,
    } = vectors;
    Table {
        title: format!("vector of {actors}: copied"),
        peers: vec![
            peer(
                "quorate VersionVector",
                move || quorate.clone(),
                |vector| vector.clone(),
            ),
            peer(
                "crdts 7.3 VClock",
                move || crdts.clone(),
                |vector| vector.clone(),
            ),
            peer(
                "vclock 0.4",
                move || vclock.clone(),
                |vector| vector.clone(),
            ),
        ],
    }
}
