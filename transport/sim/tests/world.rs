//! Every fault does what it says, and only that.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Bug, Cluster, GOSSIP, NODES, nothing_told_is_forgotten, offer_numbers};
use expect_test::expect;
use proptest::prelude::*;
use quorate_clocks::{Instant, NodeId};
use quorate_sim::{Clock, Fault, Faults, Link, Schedule, Span, Stats, World, shrink};

const A: NodeId = NODES[0];
const B: NodeId = NODES[1];
const C: NodeId = NODES[2];

fn calm_world(faults: Faults) -> World<Cluster> {
    World::new(Cluster::new(Bug::None), 1, faults, NODES)
}

fn run(world: &mut World<Cluster>, until_millis: u64) {
    let until = Instant::from_millis(until_millis);
    world.run_until(until, |_| Ok(())).unwrap();
}

fn value(world: &World<Cluster>, id: NodeId) -> u64 {
    world.machine(id).unwrap().value
}

fn offer(world: &mut World<Cluster>, id: NodeId, value: u64) {
    world
        .call(id, |machine, _| machine.offer(value))
        .expect("the node runs");
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut world = World::new(Cluster::new(Bug::None), seed, Faults::swarm(seed), NODES);
        world.record_trace();
        offer_numbers(&mut world, 5_000, |_| Ok(())).unwrap();
        (world.trace_hash(), *world.stats(), world.trace().to_vec())
    };
    let mut hashes = BTreeSet::new();
    for seed in 0..30 {
        let first = run(seed);
        assert_eq!(first, run(seed));
        hashes.insert(first.0);
    }
    assert_eq!(hashes.len(), 30);
}

/// A mix that never fires tests nothing.
#[test]
fn every_kind_of_fault_fires_in_some_run() {
    let mut sum = Stats::default();
    for seed in 0..60 {
        let faults = Faults {
            lying_sync_ppm: if seed == 0 { 500_000 } else { 0 },
            ..Faults::swarm(seed)
        };
        let mut world = World::new(Cluster::new(Bug::None), seed, faults, NODES);
        offer_numbers(&mut world, 10_000, |_| Ok(())).unwrap();
        sum.add(world.stats());
    }
    for (name, count) in sum.iter() {
        assert!(count > 0, "{name} never fired: {sum}");
    }
}

#[test]
fn without_faults_nothing_goes_wrong() {
    let mut world = calm_world(Faults::NONE);
    offer_numbers(&mut world, 10_000, nothing_told_is_forgotten).unwrap();
    run(&mut world, 10_150);
    let stats = *world.stats();
    let quiet = Stats {
        steps: stats.steps,
        calls: 200,
        sent: stats.sent,
        delivered: stats.delivered,
        timeouts: 303,
        writes: stats.writes,
        syncs: stats.syncs,
        ..Stats::default()
    };
    assert_eq!(stats, quiet);
    for node in NODES {
        assert_eq!(value(&world, node), 9_950);
    }
}

#[test]
fn a_crash_loses_what_was_not_durable() {
    let mut world = calm_world(Faults {
        sync_delay: Span::millis(10, 10),
        ..Faults::NONE
    });
    offer(&mut world, A, 5);
    run(&mut world, 9);
    world.crash(A);
    assert_eq!(world.call(A, |_, _| ()), None);
    assert!(world.machine(A).is_none());
    // What the disk was at when the node died is not done later either.
    run(&mut world, 30);
    world.restart(A);
    assert_eq!(value(&world, A), 0);

    offer(&mut world, A, 6);
    run(&mut world, 41);
    world.crash(A);
    world.restart(A);
    assert_eq!(value(&world, A), 6);
    assert_eq!((world.stats().lost_writes, world.stats().syncs), (1, 1));
}

#[test]
fn writes_that_wait_together_become_durable_together_and_in_order() {
    let mut world = calm_world(Faults {
        sync_delay: Span::millis(10, 10),
        ..Faults::NONE
    });
    offer(&mut world, A, 1);
    run(&mut world, 1);
    for value in [2, 3, 4] {
        offer(&mut world, A, value);
    }
    run(&mut world, 10);
    assert_eq!(world.machine(A).unwrap().durable, 1);
    run(&mut world, 20);
    assert_eq!(world.machine(A).unwrap().durable, 4);
    assert_eq!((world.stats().writes, world.stats().syncs), (4, 2));
}

#[test]
fn a_crash_may_leave_what_nobody_was_told_to_be_durable() {
    let mut kept = BTreeSet::new();
    for seed in 0..40 {
        let faults = Faults {
            sync_delay: Span::millis(10, 10),
            keep_unsynced_ppm: 1_000_000,
            ..Faults::NONE
        };
        let mut world = World::new(Cluster::new(Bug::None), seed, faults, NODES);
        for value in [1, 2, 3] {
            offer(&mut world, A, value);
        }
        world.crash(A);
        kept.insert(*world.disk(A).unwrap());
    }
    assert_eq!(kept, BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn a_disk_that_lies_forgets_what_it_said_was_durable() {
    let mut world = calm_world(Faults {
        lying_sync_ppm: 1_000_000,
        ..Faults::NONE
    });
    offer(&mut world, A, 5);
    run(&mut world, 50);
    assert_eq!(world.machine(A).unwrap().durable, 5);
    assert_eq!(world.disk(A), Some(&5));
    world.crash(A);
    world.restart(A);
    assert_eq!(value(&world, A), 0);
    assert!(nothing_told_is_forgotten(&world).is_err());
}

#[test]
fn a_partition_lets_nothing_through_until_it_is_healed() {
    let mut world = calm_world(Faults::NONE);
    world.partition(&[&[A, B], &[C]]);
    offer(&mut world, A, 5);
    run(&mut world, 1_000);
    assert_eq!((value(&world, B), value(&world, C)), (5, 0));
    assert!(world.stats().cut > 0);
    world.heal();
    run(&mut world, 1_200);
    assert_eq!(value(&world, C), 5);
    // A node in no group is alone.
    world.partition(&[&[A, B]]);
    offer(&mut world, C, 6);
    run(&mut world, 2_000);
    assert_eq!((value(&world, A), value(&world, B)), (5, 5));
}

#[test]
fn a_cut_is_one_way() {
    let mut world = calm_world(Faults::NONE);
    world.cut(A, B);
    world.cut(A, C);
    offer(&mut world, A, 5);
    offer(&mut world, B, 3);
    run(&mut world, 1_000);
    assert_eq!((value(&world, B), value(&world, C)), (3, 3));
    assert!(world.machine(A).unwrap().heard.contains(&B));
    assert_eq!(world.stats().one_way_partitions, 2);
    world.mend(A, C);
    run(&mut world, 2_000);
    // By way of C.
    assert_eq!((value(&world, B), value(&world, C)), (5, 5));
    assert!(!world.machine(B).unwrap().heard.contains(&A));
}

#[test]
fn what_is_under_way_when_a_link_is_cut_is_lost() {
    let mut world = calm_world(Faults::NONE);
    let slow = Link {
        delay: Span::millis(50, 50),
        ..Link::CLEAN
    };
    world.set_link(A, B, Some(slow));
    run(&mut world, 120);
    assert!(!world.machine(B).unwrap().heard.contains(&A));
    world.cut(A, B);
    run(&mut world, 170);
    world.heal();
    run(&mut world, 190);
    assert!(!world.machine(B).unwrap().heard.contains(&A));
    run(&mut world, 260);
    assert!(world.machine(B).unwrap().heard.contains(&A));
}

#[test]
fn a_link_of_its_own_loses_in_its_direction_only() {
    let mut world = calm_world(Faults::NONE);
    let dead = Link {
        loss_ppm: 1_000_000,
        ..Link::CLEAN
    };
    world.set_link(A, B, Some(dead));
    run(&mut world, 1_050);
    assert!(!world.machine(B).unwrap().heard.contains(&A));
    assert!(world.machine(A).unwrap().heard.contains(&B));
    assert_eq!(world.stats().lost, 10);
}

#[test]
fn messages_come_twice_and_overtake_each_other() {
    let mut world = calm_world(Faults {
        link: Link {
            duplicate_ppm: 1_000_000,
            delay: Span::millis(1, 1_000),
            ..Link::CLEAN
        },
        ..Faults::NONE
    });
    run(&mut world, 20_000);
    let stats = world.stats();
    assert!(stats.delivered > stats.sent * 19 / 10, "{stats}");
    assert!(stats.duplicated > stats.sent * 9 / 10, "{stats}");
    assert!(stats.reordered > stats.sent / 2, "{stats}");
}

#[test]
fn a_paused_node_does_nothing_and_then_everything() {
    let mut world = calm_world(Faults {
        sync_delay: Span::millis(10, 10),
        ..Faults::NONE
    });
    run(&mut world, 150);
    offer(&mut world, A, 5);
    run(&mut world, 155);
    world.pause(A);
    assert!(world.is_paused(A));
    let before = world.machine(A).unwrap().clone();
    assert_eq!(world.call(A, |_, _| ()), None);
    offer(&mut world, B, 7);
    run(&mut world, 1_150);
    let paused = world.machine(A).unwrap();
    assert_eq!(
        (paused.timeouts, paused.heard.len(), paused.durable),
        (before.timeouts, before.heard.len(), 0)
    );
    // The disk did not stand still.
    assert_eq!(world.disk(A), Some(&5));
    world.resume(A);
    run(&mut world, 1_150);
    let woken = world.machine(A).unwrap();
    assert_eq!(woken.timeouts, before.timeouts + 1);
    assert_eq!(woken.heard.len(), before.heard.len() + 20);
    assert_eq!((woken.durable, woken.value), (5, 7));
    // A crash ends a pause, with all that waited.
    world.pause(A);
    world.crash(A);
    world.restart(A);
    assert!(!world.is_paused(A));
}

#[test]
fn clocks_run_apart_and_timers_with_them() {
    let mut world = calm_world(Faults::NONE);
    world.set_clock(A, Clock::new(Duration::ZERO, 100_000));
    world.set_clock(B, Clock::new(Duration::from_secs(3_600), -100_000));
    run(&mut world, 1_000_000);
    let timeouts = NODES.map(|id| world.machine(id).unwrap().timeouts);
    let expected = [1_100_000, 900_000, 1_000_000].map(|millis| millis / GOSSIP.as_millis() as u64);
    for (got, expected) in timeouts.into_iter().zip(expected) {
        assert!(got.abs_diff(expected) <= 1, "{timeouts:?}");
    }
    let clock = |world: &mut World<Cluster>, id| world.call(id, |_, now| now).unwrap();
    assert_eq!(clock(&mut world, A), Instant::from_millis(1_100_000));
    assert_eq!(
        clock(&mut world, B),
        Instant::from_millis(3_600_000 + 900_000)
    );
}

#[test]
fn drawn_clocks_stay_within_their_bounds() {
    let mut drifts = BTreeSet::new();
    for seed in 0..50 {
        let faults = Faults {
            clock_offset: Duration::from_secs(1),
            clock_drift_ppm: 1_000,
            ..Faults::NONE
        };
        let world = World::new(Cluster::new(Bug::None), seed, faults, NODES);
        for id in NODES {
            let clock = world.clock(id).unwrap();
            let start = clock.at(Instant::ORIGIN);
            assert!(start <= Instant::from_millis(1_000));
            let passed = clock.at(Instant::from_millis(1_000_000)).since(start);
            assert!((999_000..=1_001_000).contains(&passed.as_millis()));
            drifts.insert(passed);
        }
    }
    assert!(drifts.len() > 100);
}

#[test]
fn senders_are_told_of_peers_that_are_gone() {
    let mut world = calm_world(Faults {
        hint_ppm: 1_000_000,
        ..Faults::NONE
    });
    world.crash(C);
    world.cut(A, B);
    run(&mut world, 1_050);
    let told = |id| world.machine(id).unwrap().unreachable;
    assert_eq!((told(A), told(B)), (20, 10));
}

#[test]
fn the_nemesis_keeps_to_its_budget_and_ends_with_calm() {
    let mut world = calm_world(Faults {
        crash: Some(Schedule {
            every: Span::millis(10, 100),
            lasts: Span::millis(10, 500),
        }),
        most_down: 1,
        pause: Some(Schedule {
            every: Span::millis(10, 100),
            lasts: Span::millis(10, 500),
        }),
        partition: Some(Schedule {
            every: Span::millis(10, 100),
            lasts: Span::millis(10, 500),
        }),
        ..Faults::NONE
    });
    let budget = |world: &World<Cluster>| match world.machines().count() {
        2 | 3 => Ok(()),
        up => Err(format!("{up} nodes are up")),
    };
    offer_numbers(&mut world, 20_000, budget).unwrap();
    let stats = *world.stats();
    for fired in [
        stats.crashes,
        stats.restarts,
        stats.pauses,
        stats.resumes,
        stats.partitions,
    ] {
        assert!(fired > 50, "{stats}");
    }
    world.calm();
    assert_eq!(world.machines().count(), 3);
    let largest = NODES.map(|id| value(&world, id)).into_iter().max().unwrap();
    run(&mut world, 21_000);
    assert_eq!(NODES.map(|id| value(&world, id)), [largest; 3]);
    let after = *world.stats();
    run(&mut world, 30_000);
    assert_eq!(
        (after.crashes, after.pauses, after.partitions),
        (
            world.stats().crashes,
            world.stats().pauses,
            world.stats().partitions
        )
    );
}

/// What each message does, without how many steps came before it and what it says.
fn deliveries(faults: Faults, seed: u64) -> BTreeSet<String> {
    let mut world = World::new(Cluster::new(Bug::None), seed, faults, NODES);
    world.record_trace();
    run(&mut world, 10_000);
    let short = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[3] == "<-").then(|| [words[0], words[2], words[4]].join(" "))
    };
    world.trace().iter().filter_map(short).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Taking one fault away leaves the others as they were: here every message that arrived still
    /// arrives at the same nanosecond.
    #[test]
    fn without_loss_every_other_draw_is_the_same(seed in any::<u64>()) {
        let faults = Faults {
            link: Link {
                loss_ppm: 200_000,
                duplicate_ppm: 100_000,
                delay: Span::millis(1, 300),
                ..Link::CLEAN
            },
            clock_drift_ppm: 1_000,
            ..Faults::NONE
        };
        let all = deliveries(faults, seed);
        let lossless = deliveries(faults.without(Fault::Loss), seed);
        prop_assert!(all.is_subset(&lossless));
        prop_assert!(all.len() < lossless.len());
        let single = deliveries(faults.without(Fault::Duplicates), seed);
        prop_assert!(single.is_subset(&all));
    }

    /// Crashes do not move partitions, and the other way round.
    #[test]
    fn the_schedules_of_faults_are_independent(seed in any::<u64>()) {
        let schedule = Some(Schedule { every: Span::millis(10, 500), lasts: Span::millis(10, 500) });
        let both = Faults { crash: schedule, partition: schedule, ..Faults::NONE };
        let lines = |faults: Faults, word: &str| -> Vec<String> {
            let mut world = World::new(Cluster::new(Bug::None), seed, faults, NODES);
            world.record_trace();
            run(&mut world, 5_000);
            let lines = world.trace().iter().filter(|line| line.contains(word));
            lines.map(|line| line.split(' ').filter(|word| !word.starts_with('#')).collect()).collect()
        };
        let alone = both.without(Fault::Crashes);
        prop_assert_eq!(lines(both, "cut"), lines(alone, "cut"));
        let alone = both.without(Fault::Partitions);
        prop_assert_eq!(lines(both, "crashes"), lines(alone, "crashes"));
    }

    #[test]
    fn a_kept_world_goes_on_in_the_same_way(seed in any::<u64>()) {
        let mut world = World::new(Cluster::new(Bug::None), seed, Faults::swarm(seed), NODES);
        offer_numbers(&mut world, 1_000, |_| Ok(())).unwrap();
        let mut copy = world.clone();
        offer_numbers(&mut world, 1_000, |_| Ok(())).unwrap();
        offer_numbers(&mut copy, 1_000, |_| Ok(())).unwrap();
        prop_assert_eq!(world.trace_hash(), copy.trace_hash());
    }
}

fn hunt(bug: Bug, seed: u64, faults: Faults) -> Result<(), quorate_sim::Failure> {
    let mut world = World::new(Cluster::new(bug), seed, faults, NODES);
    offer_numbers(&mut world, 5_000, nothing_told_is_forgotten)
}

#[test]
fn a_planted_bug_is_caught_found_again_and_shrunk() {
    let seeds = 0..100;
    for seed in seeds.clone() {
        hunt(Bug::None, seed, Faults::swarm(seed)).unwrap();
    }
    let failures: Vec<_> = seeds
        .filter_map(|seed| hunt(Bug::TellsEarly, seed, Faults::swarm(seed)).err())
        .collect();
    assert!(failures.len() >= 5, "{} of 100", failures.len());
    let failure = &failures[0];
    let faults = *failure.faults;
    assert_eq!(
        hunt(Bug::TellsEarly, failure.seed, faults).as_ref(),
        Err(failure)
    );
    assert!(failure.to_string().contains("crashes"), "{failure}");

    // It takes a crash, and at the most a disk that is slow enough to be caught at it.
    let needed = shrink(faults, |faults| {
        hunt(Bug::TellsEarly, failure.seed, *faults).is_err()
    });
    let rest = needed.without(Fault::Crashes).without(Fault::SlowSyncs);
    assert_eq!(rest, Faults::NONE, "{needed:?}");
    hunt(
        Bug::TellsEarly,
        failure.seed,
        needed.without(Fault::Crashes),
    )
    .unwrap();
}

#[test]
fn a_machine_that_breaks_its_contract_is_named() {
    let failure = hunt(Bug::KeepsDeadline, 1, Faults::NONE).unwrap_err();
    let complaint = "was given its timeout at 0.100000s, and asks for it again";
    assert!(failure.what.ends_with(complaint), "{failure}");
    let failure = hunt(Bug::NeverStops, 1, Faults::NONE).unwrap_err();
    assert!(failure.what.contains("does not stop"), "{failure}");
}

#[test]
fn an_idle_world_waits_for_nothing() {
    let mut world = World::new(Cluster::new(Bug::None), 1, Faults::NONE, []);
    run(&mut world, u64::MAX / 2_000_000);
    assert_eq!(world.now(), Instant::from_millis(u64::MAX / 2_000_000));
    assert!(!world.step());
}

#[test]
fn a_trace_reads_like_a_story() {
    let mut world = calm_world(Faults {
        sync_delay: Span::millis(30, 30),
        ..Faults::NONE
    });
    world.record_trace();
    offer(&mut world, A, 5);
    run(&mut world, 100);
    world.crash(A);
    world.cut(B, C);
    run(&mut world, 150);
    world.heal();
    world.restart(A);
    world.pause(B);
    world.resume(B);
    run(&mut world, 160);
    expect![[r#"
        0.000000s #0 n1 is called
        0.030000s #1 n1 written up to 1
        0.100000s #2 n2 timeout
        0.100000s #3 n1 timeout
        0.100000s #4 n3 timeout
        0.100000s #4 n1 crashes, 0 writes lost
        0.100000s #4 cut n2->n3
        0.100500s #5 n3 <- n1 5
        0.100500s #6 n2 <- n3 0
        0.100500s #7 n2 <- n1 5
        0.130500s #11 n2 written up to 1
        0.130500s #12 n3 written up to 1
        0.150000s #12 mended
        0.150000s #12 n1 starts, life 2
        0.150000s #12 n2 stands still
        0.150000s #12 n2 goes on"#]]
    .assert_eq(&world.trace().join("\n"));
}
