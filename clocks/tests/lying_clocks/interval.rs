//! Interval clocks on clocks that lie: right while what they assume holds, and noticed where it does not.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_clocks::{
    ClockFault, ClockMischief, ClockReading, CommitProgress, CommitWait, DriftRate, Hands,
    HybridClock, Instant, IntervalClock, LyingClock, LyingClocks, NodeId, SplitMix64, TimeInterval,
    WallTime,
};

use crate::network::up_to;

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const NODES: [NodeId; 4] = [NodeId(1), NodeId(2), NodeId(3), NodeId(4)];

fn drift() -> DriftRate {
    DriftRate::from_ppm(400).unwrap()
}

/// Crystals at the edge of what is assumed, and dates that are anywhere.
fn assumed() -> ClockMischief {
    ClockMischief::new()
        .with_every(SECOND)
        .with_skew(SECOND * 3_600)
        .with_drift(drift())
        .with_steps(SECOND * 86_400)
}

/// Monotonic clocks that are paused besides, which nothing allows for.
fn paused() -> ClockMischief {
    assumed().with_freezes(Hands::Monotonic, SECOND)
}

/// Machines with an interval clock each, which are told the time now and then.
struct World {
    clocks: LyingClocks,
    intervals: BTreeMap<NodeId, IntervalClock>,
    random: SplitMix64,
}

impl World {
    fn new(mischief: &ClockMischief, seed: u64) -> Self {
        let mut world = Self {
            clocks: LyingClocks::seeded(NOON, NODES, mischief, seed),
            intervals: BTreeMap::new(),
            random: SplitMix64::new(seed),
        };
        for node in NODES {
            let mut clock = IntervalClock::new(drift());
            let told = world.source(10 * MILLI);
            clock.synchronise(world.read(node).now, told).unwrap();
            world.intervals.insert(node, clock);
        }
        world
    }

    fn read(&self, node: NodeId) -> ClockReading {
        self.clocks.read(node).unwrap()
    }

    fn now(&self, node: NodeId) -> TimeInterval {
        self.intervals[&node].now(self.read(node).now).unwrap()
    }

    /// An interval around the truth, which allows for clocks that count whole nanoseconds.
    fn source(&mut self, error: Duration) -> TimeInterval {
        let nanos = Duration::from_nanos(2);
        let truth = self.clocks.truth();
        let earliest = truth.saturating_sub(nanos + up_to(&mut self.random, error));
        let latest = truth.saturating_add(nanos + up_to(&mut self.random, error));
        TimeInterval::new(earliest, latest).unwrap()
    }

    /// Whether a machine's monotonic clock has only done what is allowed for.
    fn promised(&self, node: NodeId) -> bool {
        let kept = self.clocks.clock(node).unwrap().kept(self.clocks.truth());
        kept.is_some_and(|kept| kept <= drift())
    }

    fn any(&mut self) -> NodeId {
        NODES[self.random.below(NODES.len() as u64) as usize]
    }
}

#[test]
fn the_true_time_is_inside_whatever_the_date_is() {
    for seed in 0..40 {
        let mut world = World::new(&assumed(), seed);
        for _ in 0..400 {
            let rest = up_to(&mut world.random, SECOND);
            world.clocks.advance(rest);
            let node = world.any();
            let now = world.read(node).now;
            assert!(world.promised(node));
            assert!(
                world.now(node).contains(world.clocks.truth()),
                "seed {seed}"
            );
            let told = world.source(10 * MILLI);
            let clock = world.intervals.get_mut(&node).unwrap();
            clock.synchronise(now, told).expect("both are right");
            assert!(world.now(node).contains(world.clocks.truth()));
        }
    }
}

/// Where what it assumes does not hold, the truth does get lost; whenever it is, the next exact source is a
/// disagreement, and none is when it is not.
#[test]
fn outside_of_its_assumptions_it_is_wrong_and_says_so() {
    let (mut wrong, mut right) = (0, 0);
    for seed in 0..40 {
        let mut world = World::new(&paused(), seed);
        for _ in 0..200 {
            let rest = up_to(&mut world.random, SECOND);
            world.clocks.advance(rest);
            let node = world.any();
            let (now, truth) = (world.read(node).now, world.clocks.truth());
            let inside = world.now(node).contains(truth);
            assert!(inside || !world.promised(node), "seed {seed}");
            let told = world.source(Duration::ZERO);
            let excluded = world.now(node).intersect(told).is_none();
            let clock = world.intervals.get_mut(&node).unwrap();
            match clock.synchronise(now, told) {
                Err(disagreement) => {
                    assert!(excluded && !inside, "seed {seed}: a false alarm");
                    assert_eq!(disagreement.theirs, told);
                    clock.step(now, told);
                    wrong += 1;
                }
                Ok(()) => {
                    // Wrong by the nanoseconds that the source allows for is not wrong enough.
                    assert!(!excluded);
                    right += 1;
                }
            }
            assert!(world.now(node).intersect(told) == Some(world.now(node)));
        }
    }
    assert!(wrong > 500 && right > 500, "{wrong} wrong, {right} right");
}

/// A clock that steps every 15 ms counts nothing for that long. What it is told has to allow for it.
#[test]
fn a_coarse_clock_is_right_if_what_it_is_told_allows_for_its_steps() {
    let step = 15 * MILLI;
    let outside = |allowed: Duration| {
        let clock = LyingClock::new(NOON).with_resolution(step);
        let after = |millis| NOON.saturating_add(MILLI * millis);
        (0..100).any(|told| {
            let mut interval = IntervalClock::new(drift());
            let reading = clock.read(after(told)).now;
            interval.step(reading, TimeInterval::around(after(told), allowed));
            (told..told + 100).any(|millis| {
                let now = interval.now(clock.read(after(millis)).now);
                !now.unwrap().contains(after(millis))
            })
        })
    };
    assert!(outside(Duration::ZERO));
    assert!(outside(step - 2 * MILLI));
    assert!(!outside(step));
}

/// The rate of drift is a part of what the clock counts, and not of what passes: a clock that is a tenth
/// slow needs more than a tenth.
#[test]
fn a_rate_of_drift_is_a_part_of_what_is_counted() {
    let mut clock = LyingClock::new(NOON);
    clock.strike(NOON, ClockFault::Drift { ppb: -100_000_000 });
    let later = NOON.saturating_add(SECOND * 100);
    let contains = |rate| {
        let mut interval = IntervalClock::new(rate);
        let exact = TimeInterval::around(NOON, Duration::from_nanos(2));
        interval.step(clock.read(NOON).now, exact);
        interval.now(clock.read(later).now).unwrap().contains(later)
    };
    assert!(!contains(DriftRate::from_ppm(100_000).unwrap()));
    assert!(contains(clock.kept(later).unwrap()));
}

/// A machine sleeps for an hour. Only a monotonic clock that counts that keeps the interval right.
#[test]
fn a_suspend_that_is_not_counted_is_an_hour_of_error() {
    let [counts, does_not] = [NodeId(1), NodeId(2)];
    let mut clocks = LyingClocks::new(NOON, [counts, does_not]);
    let tell = |clocks: &LyingClocks, node| {
        let mut interval = IntervalClock::new(drift());
        let told = TimeInterval::around(clocks.truth(), MILLI);
        interval.step(clocks.read(node).unwrap().now, told);
        interval
    };
    let intervals = [counts, does_not].map(|node| (node, tell(&clocks, node)));
    let wake = NOON.saturating_add(SECOND * 3_700);
    for node in [counts, does_not] {
        let sleep = NOON.saturating_add(SECOND * 100);
        clocks.schedule(sleep, node, ClockFault::Freeze(Hands::Both));
    }
    clocks.schedule(wake, counts, ClockFault::CatchUp(Hands::Both));
    clocks.schedule(wake, does_not, ClockFault::CatchUp(Hands::Wall));
    clocks.schedule(wake, does_not, ClockFault::Resume(Hands::Monotonic));
    clocks.advance(SECOND * 4_000);
    let truth = clocks.truth();
    for (node, interval) in intervals {
        let reading = clocks.read(node).unwrap();
        assert_eq!(
            reading.wall, truth,
            "the date was set by the battery's clock"
        );
        let now = interval.now(reading.now).unwrap();
        assert_eq!(now.contains(truth), node == counts);
    }
}

/// What a transaction of [`commits`] was: stamped, and shown at a true time.
struct Shown {
    stamp: WallTime,
    begun: WallTime,
    shown: WallTime,
}

/// Transactions on all machines, each stamped when it begins and shown to all when `done` says so.
fn commits(
    mischief: &ClockMischief,
    seed: u64,
    stamp: impl Fn(&World, NodeId) -> WallTime,
    done: impl Fn(&World, NodeId, WallTime) -> bool,
) -> Vec<Shown> {
    let mut world = World::new(mischief, seed);
    let mut open: BTreeMap<NodeId, (WallTime, WallTime)> = BTreeMap::new();
    let mut shown = Vec::new();
    for _ in 0..1_500 {
        let rest = up_to(&mut world.random, 3 * MILLI);
        world.clocks.advance(rest);
        let (node, truth) = (world.any(), world.clocks.truth());
        if world.random.one_in(40) {
            let told = world.source(10 * MILLI);
            let now = world.read(node).now;
            let clock = world.intervals.get_mut(&node).unwrap();
            if clock.synchronise(now, told).is_err() {
                clock.step(now, told);
            }
        }
        match open.get(&node).copied() {
            Some((stamp, begun)) if done(&world, node, stamp) => {
                open.remove(&node);
                shown.push(Shown {
                    stamp,
                    begun,
                    shown: truth,
                });
            }
            Some(_) => {}
            None => {
                open.insert(node, (stamp(&world, node), truth));
            }
        }
    }
    shown
}

/// How many pairs have stamps in another order than an observer saw them in, who saw one end before the
/// other began.
fn disordered(shown: &[Shown]) -> usize {
    let after = |first: &Shown| {
        let later = shown.iter().filter(|second| second.begun > first.shown);
        later.filter(|second| second.stamp <= first.stamp).count()
    };
    shown.iter().map(after).sum()
}

/// External consistency (Corbett et al. 2012, §4.1.2): who begins after another was shown has the larger
/// stamp, with no message between them. Take away the wait, or the interval, and it does not hold.
#[test]
fn commit_wait_orders_as_an_observer_with_a_true_clock_does() {
    let latest = |world: &World, node| world.now(node).latest();
    let waited = |world: &World, node: NodeId, stamp| {
        let mut wait = CommitWait::until_past(stamp);
        let now: Instant = world.read(node).now;
        wait.poll(&world.intervals[&node], now) == CommitProgress::Past
    };
    let (mut commit_count, mut without_wait, mut by_date) = (0, 0, 0);
    for seed in 0..20 {
        let shown = commits(&assumed(), seed, latest, waited);
        assert_eq!(disordered(&shown), 0, "seed {seed}");
        commit_count += shown.len();
        without_wait += disordered(&commits(&assumed(), seed, latest, |_, _, _| true));
        let wall = |world: &World, node| world.read(node).wall;
        by_date += disordered(&commits(&assumed(), seed, wall, |_, _, _| true));
    }
    assert!(commit_count > 1_000, "{commit_count}");
    assert!(
        without_wait > 100 && by_date > 100_000,
        "{without_wait}, {by_date}"
    );

    // Nor where clocks are paused: it is as good as what it assumes.
    let broken = |seed| {
        disordered(&commits(
            &paused().with_every(10 * MILLI),
            seed,
            latest,
            waited,
        ))
    };
    assert!((0..20).map(broken).sum::<usize>() > 0);
}

/// A hybrid stamp may lead the interval. Widened by it, the interval holds the stamp and the truth, and so
/// it does for whoever is told of both.
#[test]
fn an_interval_that_covers_a_leading_stamp_is_right_of_both() {
    let error = 30 * MILLI;
    let mut led = 0;
    for seed in 0..20 {
        let mut world = World::new(&assumed().with_wall_within(error), seed);
        let mut hybrids = NODES.map(|node| (node, HybridClock::new(error * 2)));
        let mut stamp = None;
        for _ in 0..300 {
            let rest = up_to(&mut world.random, MILLI);
            world.clocks.advance(rest);
            let place = world.random.below(NODES.len() as u64) as usize;
            let (node, hybrid) = &mut hybrids[place];
            let wall = world.read(*node).wall;
            let next = match stamp {
                Some(heard) => hybrid.receive(NodeId(9), heard, wall).unwrap(),
                None => hybrid.now(wall).unwrap(),
            };
            stamp = Some(next);
            let interval = world.now(*node);
            let widened = interval.covering(next.wall());
            led += usize::from(next.wall() > interval.latest());
            assert!(widened.contains(world.clocks.truth()) && widened.contains(next.wall()));
            assert!(widened.width() <= interval.width() + error * 2 + MILLI);
        }
    }
    assert!(led > 1_000, "{led}");
}
