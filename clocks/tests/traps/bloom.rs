//! Bloom clocks.

use quorate_clocks::laws::{Plan, Subject, check_histories};
use quorate_clocks::{
    Actor, BloomClock, BloomStamp, BloomVerdict, Incarnation, NodeId, Relation, SplitMix64,
    VectorClock, VersionVector,
};

/// The events of processes that send each other messages, with a stamp and with the truth.
fn history<const ROWS: usize, const WIDTH: usize>(
    seed: u64,
    processes: usize,
    events: usize,
) -> Vec<(BloomStamp<ROWS, WIDTH>, VersionVector)> {
    let mut random = SplitMix64::new(seed);
    let mut clocks: Vec<_> = (0..processes)
        .map(|node| {
            let actor = Actor::new(NodeId(node as u64), Incarnation(seed));
            (BloomClock::new(actor), VectorClock::new(actor))
        })
        .collect();
    let mut stamped: Vec<(BloomStamp<ROWS, WIDTH>, VersionVector)> = Vec::new();
    for _ in 0..events {
        let (bloom, vector) = &mut clocks[random.index(processes)];
        let stamp = if stamped.is_empty() || random.index(2) == 0 {
            vector.tick().unwrap();
            bloom.tick().unwrap()
        } else {
            let late = random.index(stamped.len().min(2 * processes));
            let (message, truth) = &stamped[stamped.len() - 1 - late];
            vector.receive(truth).unwrap();
            bloom.receive(message).unwrap()
        };
        stamped.push((stamp, vector.vector().clone()));
    }
    stamped
}

#[derive(Default)]
struct Seen {
    concurrent: u64,
    certainly_concurrent: u64,
    /// How many of the concurrent pairs looked ordered with at most each of these chances.
    mistaken: [u64; LIMITS.len()],
}

const LIMITS: [f64; 7] = [0.5, 0.2, 0.1, 0.03, 0.01, 0.001, 0.000_1];

/// What is certain must be so; what is not is counted.
fn compare<const ROWS: usize, const WIDTH: usize>(seeds: u64, processes: usize) -> Seen {
    let mut seen = Seen::default();
    for seed in 0..seeds {
        let events = history::<ROWS, WIDTH>(seed, processes, 400);
        for (number, (a, truth_a)) in events.iter().enumerate() {
            for (b, truth_b) in &events[..number] {
                let truth = truth_a.relation(truth_b);
                let verdict = a.verdict(b);
                assert_eq!(b.verdict(a), verdict.reverse());
                let is_concurrent = truth == Relation::Concurrent;
                seen.concurrent += u64::from(is_concurrent);
                match verdict {
                    BloomVerdict::Certain(known) => {
                        assert_eq!(known, truth, "{a:?} and {b:?}");
                        seen.certainly_concurrent += u64::from(is_concurrent);
                    }
                    BloomVerdict::Ordered { relation, chance } => {
                        assert!(chance > 0.0 && chance <= 1.0);
                        assert!(relation == truth || is_concurrent, "{a:?} and {b:?}");
                        for (limit, mistaken) in LIMITS.iter().zip(&mut seen.mistaken) {
                            *mistaken += u64::from(is_concurrent && chance <= *limit);
                        }
                    }
                    impossible => panic!("{impossible:?} of {a:?} and {b:?}"),
                }
            }
        }
    }
    seen
}

#[test]
fn trap_40_what_is_certain_is_so_and_the_rate_of_mistakes_is_within_the_claim() {
    for (name, seen) in [
        ("2 × 16, 8 processes", compare::<2, 16>(10, 8)),
        ("2 × 64, 32 processes", compare::<2, 64>(3, 32)),
        ("4 × 64, 100 processes", compare::<4, 64>(2, 100)),
        ("1 × 32, 12 processes", compare::<1, 32>(6, 12)),
    ] {
        assert!(seen.concurrent >= 100_000, "{name}: {}", seen.concurrent);
        assert!(seen.certainly_concurrent > 0, "{name}");
        for (limit, mistaken) in LIMITS.iter().zip(seen.mistaken) {
            let rate = mistaken as f64 / seen.concurrent as f64;
            println!("{name}: {rate} of {limit}");
            assert!(rate <= *limit, "{name}: {rate} with at most {limit}");
        }
    }
}

/// A claim of 1 would always be within. Two events part from a common past, and one is ahead.
#[test]
fn trap_40_the_claim_is_as_large_as_the_rate_and_not_larger() {
    const TRIALS: u32 = 20_000;
    for (ahead, expected) in [(1, 0.000_24), (10, 0.021), (30, 0.14), (100, 0.63)] {
        let (mut claimed, mut mistaken) = (0.0, 0.0);
        for trial in 0..TRIALS {
            let clock = |node| {
                let actor = Actor::new(NodeId(node), Incarnation(u64::from(trial)));
                BloomClock::<2, 64>::new(actor)
            };
            let (mut ann, mut bob, mut cid) = (clock(1), clock(2), clock(3));
            let mut shared = cid.tick().unwrap();
            for _ in 0..trial % 50 {
                shared = cid.tick().unwrap();
            }
            // Both know the same, and then Bob is ahead. The last event is not in its own filter.
            let behind = ann.receive(&shared).unwrap();
            bob.receive(&shared).unwrap();
            for _ in 1..ahead {
                bob.tick().unwrap();
            }
            let front = bob.tick().unwrap();
            match behind.verdict(&front) {
                BloomVerdict::Certain(Relation::Concurrent) => {}
                BloomVerdict::Ordered {
                    relation: Relation::Before,
                    chance,
                } => {
                    mistaken += 1.0;
                    claimed += chance;
                }
                other => panic!("{other:?}"),
            }
        }
        let trials = f64::from(TRIALS);
        let (rate, claim) = (mistaken / trials, claimed / f64::max(mistaken, 1.0));
        println!("{ahead} ahead: {rate} of {claim}");
        // Three standard deviations, and the table in the documentation.
        let spread = 3.0 * f64::sqrt(expected / trials);
        assert!(
            (rate - expected).abs() < spread + 0.01 * expected,
            "{rate} of {expected}"
        );
        assert!(
            (claim - expected).abs() < spread + 0.1 * expected,
            "{claim} of {expected}"
        );
    }
}

/// A relation says only what is certain, so the oracle of histories finds nothing wrong.
#[test]
fn trap_40_a_relation_never_says_what_only_probably_is() {
    struct Bloom(Vec<BloomClock<2, 8>>);

    impl Subject for Bloom {
        type Stamp = BloomStamp<2, 8>;

        fn event(&mut self, process: usize) -> Self::Stamp {
            self.0[process].tick().unwrap()
        }

        fn receive(&mut self, process: usize, stamp: &Self::Stamp) -> Self::Stamp {
            self.0[process].receive(stamp).unwrap()
        }
    }

    for seed in 0..40 {
        let clocks = (0..4).map(|node| BloomClock::new(Actor::new(NodeId(node), Incarnation(1))));
        let report = check_histories(Plan::new(seed), Bloom(clocks.collect())).unwrap();
        assert!(report.known > 0 && report.unknown > 0 && report.concurrent > 0);
    }
}
