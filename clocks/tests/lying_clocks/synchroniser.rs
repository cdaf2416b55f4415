//! Time synchronisers on clocks that lie: machines whose own clocks drift ask sources, some of which are
//! wrong, over a network that loses, delays and doubles; and others ask them.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_clocks::{
    ClockFault, ClockMischief, ClockStatus, DriftRate, Hands, LyingClock, LyingClocks, NodeId,
    NotSynchronised, TimeEvent, TimeInterval, TimeMessage, TimeSyncConfig, TimeSynchroniser,
    WallTime,
};

use crate::network::{Letter, Network, up_to};

const NOON: WallTime = WallTime::from_millis(1_700_000_000_000);
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// How far off the sources say that they are.
const ERROR: Duration = Duration::from_millis(2);
/// Sources have a date, and no machine.
const SOURCES: [NodeId; 5] = [NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)];
/// They ask the sources.
const MIDDLE: [NodeId; 3] = [NodeId(11), NodeId(12), NodeId(13)];
/// They ask those.
const EDGE: [NodeId; 2] = [NodeId(21), NodeId(22)];

/// Crystals, and clocks so bad that every rounding of a rate shows.
const DRIFTS_PPM: [u32; 2] = [250, 50_000];

struct World {
    drift: DriftRate,
    clocks: LyingClocks,
    machines: BTreeMap<NodeId, TimeSynchroniser>,
    network: Network<TimeMessage>,
    events: Vec<(NodeId, TimeEvent)>,
}

impl World {
    /// Sources of which the first are right by their own account, and so many of the last are anywhere.
    fn new(seed: u64, wrong: usize, drift_ppm: u32) -> Self {
        let drift = DriftRate::from_ppm(drift_ppm).unwrap();
        let good = ClockMischief::new()
            .with_every(SECOND)
            .with_drift(drift)
            .with_steps(ERROR)
            .with_wall_within(ERROR);
        let machines = MIDDLE.into_iter().chain(EDGE);
        let mut clocks =
            LyingClocks::seeded(NOON, SOURCES.into_iter().chain(machines), &good, seed);
        // The liars agree, or are close enough to the truth to be believed, or are anywhere at all.
        let bad = ClockMischief::new()
            .with_every(SECOND)
            .with_skew([ERROR * 2, SECOND * 3_600][seed as usize % 2])
            .with_steps([Duration::ZERO, ERROR * 3, SECOND * 86_400][seed as usize % 3]);
        let liars = SOURCES[SOURCES.len() - wrong..].iter();
        let lies = LyingClocks::seeded(NOON, liars.clone().copied(), &bad, seed / 2);
        for liar in liars {
            clocks.insert(*liar, lies.clock(*liar).unwrap().clone());
            for second in 0..200 {
                // They are set now and then.
                let at = NOON.saturating_add(SECOND * second);
                let fault = [
                    ClockFault::WallForward(ERROR),
                    ClockFault::WallBack(ERROR * 2),
                ];
                clocks.schedule(at, *liar, fault[(second + seed as u32) as usize % 2]);
            }
        }
        let mut machines = BTreeMap::new();
        for node in MIDDLE {
            machines.insert(node, machine(SOURCES, wrong, drift, seed ^ node.0));
        }
        for node in EDGE {
            machines.insert(node, machine(MIDDLE, 1, drift, seed ^ node.0));
        }
        let mut network = Network::new(seed, MILLI / 10, MILLI * 3);
        // Some answers come after the next question was asked.
        network.slow = 2_000;
        Self {
            drift,
            clocks,
            machines,
            network,
            events: Vec::new(),
        }
    }

    /// Lets so much true time pass, and looks at all machines all the time.
    fn run(&mut self, span: Duration, mut look: impl FnMut(&Self, NodeId)) {
        let end = self.clocks.truth().saturating_add(span);
        while self.clocks.truth() < end {
            let rest = up_to(&mut self.network.random, SECOND / 2);
            let until = end.min(self.clocks.truth().saturating_add(rest));
            while let Some(due) = self.network.due().filter(|due| *due <= until) {
                self.clocks.advance(due.since(self.clocks.truth()));
                while let Some(letter) = self.network.arrived(due) {
                    self.deliver(letter);
                }
            }
            self.clocks.advance(until.since(self.clocks.truth()));
            let nodes: Vec<_> = self.machines.keys().copied().collect();
            for node in nodes {
                let now = self.clocks.read(node).unwrap().now;
                self.machines.get_mut(&node).unwrap().handle_timeout(now);
                self.drain(node);
                look(self, node);
            }
        }
    }

    fn deliver(&mut self, letter: Letter<TimeMessage>) {
        let reading = self.clocks.read(letter.to).unwrap();
        if let Some(machine) = self.machines.get_mut(&letter.to) {
            machine.handle_message(letter.from, letter.message, reading.now);
            self.drain(letter.to);
        } else if let TimeMessage::Request { nonce } = letter.message {
            // A source. It allows for its resolution, and for that of the clock of who asks.
            let sent = TimeInterval::around(reading.wall, ERROR + Duration::from_nanos(4));
            let held = Duration::ZERO;
            let response = TimeMessage::Response { nonce, sent, held };
            self.post(letter.to, letter.from, response);
        }
    }

    fn drain(&mut self, node: NodeId) {
        while let Some((to, message)) = self.machines.get_mut(&node).unwrap().poll_transmit() {
            self.post(node, to, message);
        }
        let machine = self.machines.get_mut(&node).unwrap();
        let told = std::iter::from_fn(|| machine.poll_event());
        self.events.extend(told.map(|event| (node, event)));
    }

    /// Messages travel as bytes.
    fn post(&mut self, from: NodeId, to: NodeId, message: TimeMessage) {
        let read = TimeMessage::from_bytes(&message.to_bytes());
        assert_eq!(read, Ok(message));
        self.network.send(self.clocks.truth(), from, to, message);
    }

    fn now(&self, node: NodeId) -> Result<TimeInterval, NotSynchronised> {
        self.machines[&node].now(self.clocks.read(node).unwrap().now)
    }

    /// Whether the clock of a machine has the truth inside, if it has anything.
    fn is_right(&self, node: NodeId) -> bool {
        let truth = self.clocks.truth();
        self.now(node).map_or(true, |now| now.contains(truth))
    }
}

fn machine<const COUNT: usize>(
    sources: [NodeId; COUNT],
    faulty: usize,
    drift: DriftRate,
    seed: u64,
) -> TimeSynchroniser {
    let config = TimeSyncConfig::new(sources, drift, seed).unwrap();
    let config = config.with_faulty(faulty).unwrap();
    TimeSynchroniser::new(config.with_period(SECOND * 2).with_step_after(2))
}

#[test]
fn all_machines_hold_the_true_time_while_a_minority_of_sources_lies() {
    let mut widths = Vec::new();
    for seed in 0..60 {
        for wrong in 0..=2 {
            let drift_ppm = DRIFTS_PPM[(seed % 7 == 0) as usize];
            let mut world = World::new(seed, wrong, drift_ppm);
            world.run(SECOND * 60, |world, node| {
                let kept = world.clocks.clock(node).unwrap().kept(world.clocks.truth());
                assert!(kept.is_some_and(|kept| kept <= world.drift));
                assert!(world.is_right(node), "seed {seed}, {wrong} wrong, {node}");
            });
            for node in MIDDLE.into_iter().chain(EDGE) {
                let width = world.now(node).expect("synchronised").width();
                if drift_ppm == DRIFTS_PPM[0] {
                    widths.push(width);
                }
            }
            let alarm = |(_, event): &(NodeId, TimeEvent)| {
                matches!(
                    event,
                    TimeEvent::Disagreement(_)
                        | TimeEvent::Stepped(_)
                        | TimeEvent::NoAgreement { .. }
                )
            };
            assert!(!world.events.iter().any(alarm), "{:?}", world.events);
        }
    }
    widths.sort();
    // Narrow too: the sources' errors, a round trip, and the drift since.
    assert!(
        widths[widths.len() / 2] < MILLI * 8,
        "{:?}",
        widths[widths.len() / 2]
    );
    assert!(widths[widths.len() - 1] < MILLI * 40, "{:?}", widths.last());
}

/// The oracle is not blind: three of five that lie alike are believed.
#[test]
fn a_majority_of_sources_that_lie_is_believed() {
    let lost = (0..12).filter(|seed| {
        let mut world = World::new(*seed, 2, DRIFTS_PPM[0]);
        for liar in &SOURCES[2..] {
            let mut fast = LyingClock::new(NOON);
            fast.strike(NOON, ClockFault::WallForward(SECOND * 60));
            world.clocks.insert(*liar, fast);
        }
        let mut lost = false;
        world.run(SECOND * 20, |world, node| lost |= !world.is_right(node));
        lost
    });
    assert!(lost.count() > 6);
}

/// A machine is paused for a minute, and its monotonic clock does not know. It is wrong until the sources
/// tell it so, and right again after two rounds; who asked it meanwhile is saved by those who were not.
#[test]
fn a_machine_that_was_paused_notices_and_recovers() {
    for seed in 0..15 {
        let mut world = World::new(seed, 1, DRIFTS_PPM[0]);
        let paused = MIDDLE[0];
        world.run(SECOND * 20, |world, node| assert!(world.is_right(node)));
        assert!(world.clocks.strike(paused, ClockFault::Freeze(Hands::Both)));
        world.clocks.advance(SECOND * 60);
        assert!(world.clocks.strike(paused, ClockFault::Resume(Hands::Both)));
        assert!(!world.is_right(paused), "it thinks that it is a minute ago");

        let mut wrong = 0;
        world.run(SECOND * 40, |world, node| {
            if node == paused {
                wrong += usize::from(!world.is_right(node));
            } else {
                assert!(world.is_right(node), "seed {seed}, {node}");
            }
        });
        assert!(world.is_right(paused), "seed {seed}");
        assert!(wrong > 0);
        let count = |kind: fn(&TimeEvent) -> bool| {
            let at_paused = world.events.iter().filter(|(node, _)| *node == paused);
            at_paused.filter(|(_, event)| kind(event)).count()
        };
        assert_eq!(
            count(|event| matches!(event, TimeEvent::Stepped(_))),
            1,
            "seed {seed}"
        );
        assert!(count(|event| matches!(event, TimeEvent::Disagreement(_))) >= 1);
        let now = world.clocks.read(paused).unwrap().now;
        let status = world.machines[&paused].clock().status(now);
        assert_eq!(status, ClockStatus::Synchronised);
    }
}
