//! The Raft core in a simulated world: many seeds, every fault, all invariants, then liveness.
//!
//! `QUORATE_SIM_SEEDS=1000 cargo test -p quorate-raft-core --test simulation` runs more of them,
//! `QUORATE_SIM_FROM=17` starts elsewhere, and `QUORATE_SIM_TRACE=1` prints every step.
// How many seeds is said by the environment.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod sim;

use quorate_sim::{Failure, Faults, Link, Schedule, Span, shrink};
use sim::cluster::Plant;
use sim::run::{Outcome, Plan, run};

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let from = number("QUORATE_SIM_FROM", 0);
    from..from + number("QUORATE_SIM_SEEDS", default)
}

/// Runs every seed; at the first failure, says which faults it takes.
fn hold(nodes: u64, seeds: impl Iterator<Item = u64>) -> Outcome {
    let mut sum = Outcome::default();
    for seed in seeds {
        let plan = Plan::swarm(seed, nodes);
        match run(seed, plan) {
            Ok(outcome) => {
                sum.stats.add(&outcome.stats);
                sum.elections += outcome.elections;
                sum.acknowledged += outcome.acknowledged;
                sum.refuted += outcome.refuted;
                sum.reads += outcome.reads;
                sum.lease_reads += outcome.lease_reads;
                sum.restored += outcome.restored;
                sum.changes += outcome.changes;
                sum.handed_over += outcome.handed_over;
                sum.forwarded += outcome.forwarded;
            }
            Err(failure) => {
                // Another failure than this one would lead away from it.
                let kind = |failure: &Failure| failure.what.split(':').next().map(str::to_owned);
                let needed = shrink(plan.faults, |faults| {
                    let again = run(
                        seed,
                        Plan {
                            faults: *faults,
                            ..plan
                        },
                    )
                    .err();
                    again.is_some_and(|again| kind(&again) == kind(&failure))
                });
                let faults = needed;
                let failure = run(seed, Plan { faults, ..plan }).err().unwrap_or(failure);
                panic!("{nodes} nodes: {failure}");
            }
        }
    }
    println!("{nodes} nodes: {sum:?}");
    sum
}

/// A run in which nothing happened proves nothing.
fn must_not_be_vacuous(sum: &Outcome) {
    for (name, count) in sum.stats.iter() {
        let never = name == "lying_syncs";
        assert_eq!(count == 0, never, "{name}: {}", sum.stats);
    }
    for count in [
        sum.elections,
        sum.acknowledged,
        sum.refuted,
        sum.reads,
        sum.lease_reads,
        sum.restored,
        sum.changes,
        sum.handed_over,
        sum.forwarded,
    ] {
        assert!(count > 0, "{sum:?}");
    }
}

#[test]
fn three_nodes_are_safe_and_recover() {
    must_not_be_vacuous(&hold(3, seeds(250)));
}

#[test]
fn five_nodes_are_safe_and_recover() {
    must_not_be_vacuous(&hold(5, seeds(250)));
}

#[test]
fn one_seed_is_one_run() {
    for seed in 0..3 {
        let hash = || run(seed, Plan::swarm(seed, 3)).unwrap().trace_hash;
        assert_eq!(hash(), hash());
    }
}

/// Crashes on a disk that is slow enough to be caught at it, partitions, and a network on which
/// messages are late.
const STORM: Faults = Faults {
    link: Link {
        loss_ppm: 20_000,
        delay: Span::millis(1, 20),
        slow_ppm: 20_000,
        slow_delay: Span::millis(100, 2_000),
        ..Link::CLEAN
    },
    sync_delay: Span::millis(1, 20),
    crash: Some(Schedule {
        every: Span::millis(200, 3_000),
        lasts: Span::millis(1, 500),
    }),
    partition: Some(Schedule {
        every: Span::millis(500, 6_000),
        lasts: Span::millis(100, 3_000),
    }),
    ..Faults::NONE
};

/// The first seed with which one invariant alone fails.
fn caught(
    plant: Plant,
    only: &'static str,
    faults: Faults,
    mut seeds: impl Iterator<Item = u64>,
) -> Option<Failure> {
    seeds.find_map(|seed| {
        let plan = Plan {
            faults,
            plant,
            only: Some(only),
            operated: false,
            ..Plan::swarm(seed, 3)
        };
        run(seed, plan)
            .err()
            .filter(|failure| failure.what.starts_with(only))
    })
}

/// An invariant that was never seen to fail may be one that cannot.
#[test]
fn every_invariant_catches_a_planted_bug() {
    let lying = Faults {
        lying_sync_ppm: 1_000_000,
        ..STORM
    };
    // A vote is only asked for twice when the first question comes late, and only given twice by
    // who forgot it in between.
    let late = Faults {
        link: Link {
            slow_ppm: 300_000,
            slow_delay: Span::millis(300, 1_500),
            ..Link::CLEAN
        },
        crash: Some(Schedule {
            every: Span::millis(100, 1_500),
            lasts: Span::millis(1, 20),
        }),
        ..Faults::NONE
    };
    for (plant, only, faults) in [
        (Plant::ForgetsVote, "one vote", late),
        (Plant::GrantsEveryVote, "election safety", STORM),
        (Plant::AltersCommand, "log matching", STORM),
        (Plant::Nothing, "leader completeness", lying),
        (Plant::SkipsCommand, "state machine safety", STORM),
        (Plant::AppliesUncommitted, "state machine safety", STORM),
        (Plant::GoesBack, "monotony", STORM),
        (Plant::Nothing, "acknowledged", lying),
        (Plant::AcknowledgesEarly, "acknowledged", STORM),
        (Plant::RefutesEarly, "refuted", STORM),
        (Plant::ReadsAtOnce, "reads", STORM),
        (Plant::CountsLaggardsAsCurrent, "currency", STORM),
    ] {
        let caught = caught(plant, only, faults, 0..400);
        assert!(caught.is_some(), "{only} never caught {plant:?}");
    }
}

/// The same storm, without a bug.
#[test]
fn the_storm_itself_is_survived() {
    for seed in seeds(20) {
        let plan = Plan {
            faults: STORM,
            ..Plan::swarm(seed, 3 + seed % 2 * 2)
        };
        if let Err(failure) = run(seed, plan) {
            panic!("{failure}");
        }
    }
}

/// Leases rest on clocks that run at most so much apart; rounds rest on nothing.
#[test]
fn a_lease_is_only_as_good_as_the_clocks() {
    let skewed = Faults {
        clock_drift_ppm: 600_000,
        partition: Some(Schedule {
            every: Span::millis(500, 2_500),
            lasts: Span::millis(500, 2_500),
        }),
        ..Faults::NONE
    };
    let stale = caught(Plant::Nothing, "reads", skewed, 0..400).unwrap();
    assert!(stale.what.contains("a lease read"), "{stale}");
    // Within the bound that the settings name, never.
    let within = Faults {
        clock_drift_ppm: 10_000,
        ..skewed
    };
    if let Some(failure) = caught(Plant::Nothing, "reads", within, 0..40) {
        panic!("{failure}");
    }
}
