//! The bounds of hybrid clocks, on clocks that lie.

use std::time::Duration;

use quorate_clocks::{
    ClockFault, ClockMischief, DriftRate, HybridStamp, LyingClock, LyingClocks, NodeId, WallTime,
};

use crate::hybrid_world::{Event, HybridWorld};
use crate::network::Network;

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const COUNT: u64 = 5;
const SEEDS: u64 = 25;

fn nodes() -> impl Iterator<Item = NodeId> {
    (1..=COUNT).map(NodeId)
}

/// Clocks that are set, drift and are skewed, and a daemon that keeps the wall clocks within `error`.
fn disciplined(error: Duration) -> ClockMischief {
    ClockMischief::new()
        .with_every(40 * MILLI)
        .with_skew(error * 3)
        .with_drift(DriftRate::from_ppm(1_000).unwrap())
        .with_steps(error * 3)
        .with_wall_within(error)
}

fn network(seed: u64) -> Network<(HybridStamp, usize)> {
    Network::new(seed, Duration::ZERO, MILLI)
}

fn lead(event: &Event) -> Duration {
    event.stamp.wall().since(event.wall)
}

/// If every wall clock is within half of a bound of the true time, then at every event the stamp leads
/// the true time by no more than half of it, and the node's own clock by no more than all of it; and no
/// stamp is refused by a clock that allows just that (Kulkarni et al. 2014, Corollary 1).
#[test]
fn trap_03_no_stamp_leads_by_more_than_the_clocks_are_apart() {
    let error = 20 * MILLI;
    let mut furthest = Duration::ZERO;
    for seed in 0..SEEDS {
        let clocks = LyingClocks::seeded(NOON, nodes(), &disciplined(error), seed);
        let mut world = HybridWorld::new(clocks, error * 2, network(seed));
        world.run(300);
        for event in &world.events {
            assert!(event.stamp.wall() <= event.truth.saturating_add(error));
            assert!(event.stamp.millis() >= event.wall.as_millis());
            assert!(lead(event) <= error * 2, "seed {seed}: {:?}", lead(event));
            furthest = furthest.max(lead(event));
        }
        assert_eq!(world.refused, 0, "seed {seed}");
        assert_eq!(world.clocks.worst_skew(), error * 2);
    }
    // The worst that is allowed does happen.
    assert!(furthest > error * 19 / 10, "{furthest:?}");
}

/// Nobody disciplines these clocks. The bound is how far they have truly been apart.
#[test]
fn trap_03_the_lead_is_bounded_by_the_skew_that_there_was() {
    for seed in 0..SEEDS {
        let mischief = ClockMischief::new()
            .with_every(40 * MILLI)
            .with_skew(SECOND * (seed as u32 % 4))
            .with_drift(DriftRate::from_ppm(10_000).unwrap())
            .with_steps(100 * MILLI);
        let clocks = LyingClocks::seeded(NOON, nodes(), &mischief, seed);
        let mut world = HybridWorld::new(clocks, Duration::MAX, network(seed));
        world.run(300);
        let worst = world.clocks.worst_skew();
        let widest = world.events.iter().map(lead).max().unwrap();
        assert!(widest <= worst, "seed {seed}: {widest:?} of {worst:?}");
    }
}

/// The millisecond of a stamp is its node's own, or that of the wall clock of a node that was heard of
/// (Theorem 3); and its counter is no larger than the number of causes in that millisecond (Corollary 2).
#[test]
fn trap_03_stamps_show_a_wall_clock_and_counters_count_causes() {
    let mut largest = 0;
    for seed in 0..SEEDS {
        let clocks = LyingClocks::seeded(NOON, nodes(), &disciplined(10 * MILLI), seed);
        let mut world = HybridWorld::new(clocks, 20 * MILLI, network(seed));
        world.every = MILLI / 4;
        world.run(300);
        for event in &world.events {
            let causes = || event.causes.iter().map(|cause| &world.events[*cause]);
            let millis = event.stamp.millis();
            if millis > event.wall.as_millis() {
                assert!(causes().any(|cause| cause.wall.as_millis() == millis));
            }
            let peers = causes().filter(|cause| cause.stamp.millis() == millis);
            assert!(event.stamp.counter() as usize <= peers.count());
            largest = largest.max(event.stamp.counter());
        }
    }
    assert!(largest > 20, "counters were not at work: {largest}");
}

/// Where the wall clock of a node ticks between any two events of it, no counter is above `N (ε + 1)`, ε
/// in ticks (Corollary 3). Not so where it is set back meanwhile, which the paper excludes.
#[test]
fn trap_03_the_counter_is_bounded_by_nodes_and_skew() {
    let error = 8 * MILLI;
    let mut largest = 0;
    for seed in 0..SEEDS {
        let mischief = ClockMischief::new()
            .with_every(40 * MILLI)
            .with_skew(error * 2)
            .with_drift(DriftRate::from_ppm(1_000).unwrap())
            .with_wall_within(error);
        let clocks = LyingClocks::seeded(NOON, nodes(), &mischief, seed);
        let mut world = HybridWorld::new(clocks, error * 2, network(seed));
        (world.busy_wall, world.every) = (MILLI, MILLI / 8);
        world.run(400);
        let bound = COUNT * (2 * error.as_millis() as u64 + 1);
        for event in &world.events {
            assert!(u64::from(event.stamp.counter()) <= bound);
            largest = largest.max(event.stamp.counter());
        }
    }
    assert!(largest >= 8, "counters were not at work: {largest}");
}

/// Where every event takes `δ` of true time, at its node or on its way, no counter is above
/// `(ε + 1 tick) / δ`, however many nodes there are and although their clocks are set back: the first
/// and the last event of a chain in one millisecond are no further apart than the wall clocks can be.
#[test]
fn trap_03_the_counter_is_bounded_by_skew_and_delay() {
    let (error, delay) = (20 * MILLI, 2 * MILLI);
    let bound = ((2 * error + MILLI).as_nanos() / delay.as_nanos()) as u32;
    let mut largest = 0;
    for seed in 0..SEEDS {
        let clocks = LyingClocks::seeded(NOON, nodes(), &disciplined(error), seed);
        let mut network = network(seed);
        network.fastest = delay;
        let mut world = HybridWorld::new(clocks, error * 2, network);
        (world.busy, world.every) = (delay, MILLI / 4);
        world.run(400);
        for event in &world.events {
            assert!(event.stamp.counter() <= bound, "seed {seed}");
            largest = largest.max(event.stamp.counter());
        }
    }
    assert!(largest > bound / 2, "{largest} of {bound}");
}

/// A node whose clock is anywhere cannot drag the others: it is refused, and what it can do to them is
/// bounded by what they allow.
#[test]
fn trap_03_one_clock_that_breaks_the_assumption_moves_the_others_by_no_more_than_they_allow() {
    let error = 20 * MILLI;
    let broken = NodeId(3);
    let mut refused = 0;
    for seed in 0..SEEDS {
        let mut clocks = LyingClocks::seeded(NOON, nodes(), &disciplined(error), seed);
        let ahead = SECOND * seed as u32 / 100;
        let mut clock = LyingClock::new(NOON);
        clock.strike(NOON, ClockFault::WallForward(ahead));
        clocks.insert(broken, clock);
        let mut world = HybridWorld::new(clocks, error * 2, network(seed));
        world.run(300);
        for event in world.events.iter().filter(|event| event.node != broken) {
            assert!(event.stamp.wall() <= event.truth.saturating_add(error * 3));
        }
        refused += world.refused;
        // Within what they allow it is a peer like any other; past that, and the others' errors, none.
        assert!(world.refused == 0 || ahead > error);
        assert!(world.refused > 0 || ahead <= error * 3, "seed {seed}");
    }
    assert!(refused > 300, "{refused}");
}
