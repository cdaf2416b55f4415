//! The time synchroniser, over a network that loses, delays and doubles, with sources that lie.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_clocks::{
    DecodeError, DriftRate, Instant, NodeId, NotSynchronised, SplitMix64, TimeEvent, TimeInterval,
    TimeMessage, TimeSyncConfig, TimeSynchroniser, WallTime,
};

const EPOCH: u64 = 1_700_000_000_000_000_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
const DRIFT_PPM: u32 = 300;

/// What a source does that is asked for the time.
#[derive(Clone, Copy)]
enum Honesty {
    /// Tells an interval around the truth.
    Right,
    /// Tells what all the liars tell: the truth and this much.
    Lie(u64),
    /// Tells anything.
    Babble,
}

struct World {
    machine: TimeSynchroniser,
    sources: Vec<Honesty>,
    random: SplitMix64,
    truth: u64,
    counted: u64,
    flying: BTreeMap<(u64, u64), (NodeId, TimeMessage)>,
    sent: u64,
}

impl World {
    fn new(seed: u64, sources: Vec<Honesty>) -> Self {
        let nodes = (1..=sources.len() as u64).map(NodeId);
        let drift = DriftRate::from_ppm(DRIFT_PPM).unwrap();
        let config = TimeSyncConfig::new(nodes, drift, seed).unwrap();
        let config = config.with_period(Duration::from_secs(4));
        Self {
            machine: TimeSynchroniser::new(config),
            sources,
            random: SplitMix64::new(seed),
            truth: 0,
            counted: 90 * SECOND,
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.counted)
    }

    fn truth(&self) -> WallTime {
        WallTime::from_nanos(EPOCH + self.truth)
    }

    /// Lets true time pass: our oscillator counts more or less of it, as it likes.
    fn pass(&mut self, nanos: u64) {
        // A little less than its bound, which is of what it counts.
        let most = nanos * u64::from(DRIFT_PPM - 1) / 1_000_000;
        self.counted += nanos - most + self.random.below(2 * most + 1);
        self.truth += nanos;
    }

    fn answer(&mut self, from: NodeId, nonce: u64) -> TimeMessage {
        let around = |truth: u64, random: &mut SplitMix64| {
            let (before, after) = (random.below(2 * MILLI), random.below(2 * MILLI));
            let ends = (truth.saturating_sub(before), truth.saturating_add(after));
            TimeInterval::new(WallTime::from_nanos(ends.0), WallTime::from_nanos(ends.1)).unwrap()
        };
        let truth = EPOCH + self.truth;
        let random = &mut self.random;
        let (sent, held) = match self.sources[from.0 as usize - 1] {
            Honesty::Right => (around(truth, random), 0),
            Honesty::Lie(by) => (around(truth + by, random), 0),
            Honesty::Babble => {
                let truth = random.below(u64::MAX);
                (around(truth, random), random.below(u64::MAX))
            }
        };
        let held = Duration::from_nanos(held);
        TimeMessage::Response { nonce, sent, held }
    }

    fn fly(&mut self, to: NodeId, message: TimeMessage) {
        if self.random.one_in(5) {
            return;
        }
        let copies = if self.random.one_in(8) { 2 } else { 1 };
        for _ in 0..copies {
            // Mostly quick, sometimes later than the next round.
            let most = if self.random.one_in(6) {
                9 * SECOND
            } else {
                3 * MILLI
            };
            let arrives = self.truth + self.random.below(most);
            self.sent += 1;
            self.flying.insert((arrives, self.sent), (to, message));
        }
    }

    /// One thing happens.
    fn step(&mut self) {
        let sleep = self.random.below(300 * MILLI);
        let until = self.truth + sleep;
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        match arrival.filter(|at| *at <= until) {
            Some(at) => {
                self.pass(at.saturating_sub(self.truth));
                let (_, (to, message)) = self.flying.pop_first().unwrap();
                match message {
                    // At a source. The machine is node 0.
                    TimeMessage::Request { nonce } => {
                        let answer = self.answer(to, nonce);
                        self.fly(to, answer);
                    }
                    TimeMessage::Response { .. } => {
                        // `to` is who answers: responses fly to the machine.
                        self.machine.handle_message(to, message, self.now());
                    }
                }
            }
            None => self.pass(sleep),
        }
        if self.random.one_in(20) {
            // Somebody who guesses nonces.
            let from = NodeId(1 + self.random.below(9));
            let nonce = self.random.below(u64::MAX);
            let sent = TimeInterval::around(WallTime::from_nanos(nonce), Duration::ZERO);
            let forged = TimeMessage::Response {
                nonce,
                sent,
                held: Duration::ZERO,
            };
            self.machine.handle_message(from, forged, self.now());
        }
        self.machine.handle_timeout(self.now());
        while let Some((to, message)) = self.machine.poll_transmit() {
            self.fly(to, message);
        }
    }

    fn is_right(&self) -> Result<bool, String> {
        match self.machine.now(self.now()) {
            Ok(interval) if interval.contains(self.truth()) => Ok(true),
            Ok(interval) => Err(format!("{} is not in {interval}", self.truth())),
            Err(NotSynchronised::Never) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    fn events(&mut self) -> Vec<TimeEvent> {
        std::iter::from_fn(|| self.machine.poll_event()).collect()
    }
}

const RIGHT: Honesty = Honesty::Right;

#[test]
fn the_true_time_is_always_inside_while_a_minority_lies() {
    let crowds: [&[Honesty]; 6] = [
        &[RIGHT],
        &[RIGHT, RIGHT, RIGHT],
        &[RIGHT, Honesty::Lie(3_600 * SECOND), RIGHT],
        &[RIGHT, RIGHT, Honesty::Babble],
        // A lie that is small enough to be believed is the hard one.
        &[
            RIGHT,
            Honesty::Lie(MILLI),
            RIGHT,
            Honesty::Lie(MILLI),
            RIGHT,
        ],
        &[
            Honesty::Babble,
            RIGHT,
            Honesty::Lie(5 * MILLI),
            RIGHT,
            RIGHT,
        ],
    ];
    for seed in 0..60 {
        for (number, crowd) in crowds.iter().enumerate() {
            let mut world = World::new(seed, crowd.to_vec());
            let mut synchronised = false;
            for _ in 0..600 {
                world.step();
                match world.is_right() {
                    Ok(right) => {
                        assert!(right || !synchronised, "it forgot the time");
                        synchronised = right;
                    }
                    Err(wrong) => panic!("seed {seed}, crowd {number}: {wrong}"),
                }
            }
            assert!(
                synchronised,
                "seed {seed}, crowd {number}: never synchronised"
            );
            // Narrow, although the network lost, delayed and doubled.
            let width = world.machine.now(world.now()).unwrap().width();
            assert!(
                width < Duration::from_millis(60),
                "crowd {number}: {width:?}"
            );
        }
    }
}

/// The oracle is not blind: with more liars than were assumed, the truth is lost.
#[test]
fn a_majority_of_liars_is_not_survived() {
    let lost = (0..20).filter(|seed| {
        let lie = Honesty::Lie(3_600 * SECOND);
        let mut world = World::new(*seed, vec![RIGHT, lie, lie]);
        (0..300).any(|_| {
            world.step();
            world.is_right().is_err()
        })
    });
    assert!(lost.count() > 10);
}

#[test]
fn liars_are_named_and_sources_that_contradict_themselves_too() {
    let mut world = World::new(7, vec![RIGHT, Honesty::Lie(3_600 * SECOND), RIGHT]);
    let mut events = Vec::new();
    for _ in 0..600 {
        world.step();
        events.extend(world.events());
    }
    let named = |event: &&TimeEvent| {
        matches!(
            event,
            TimeEvent::Falseticker {
                source: NodeId(2),
                ..
            }
        )
    };
    assert_eq!(events.iter().filter(named).count(), 1, "{events:?}");
    let first = |event: &&TimeEvent| matches!(event, TimeEvent::Synchronised { .. });
    assert_eq!(events.iter().filter(first).count(), 1);
    assert_eq!(events.len(), 2, "{events:?}");

    // Its clock is set back by an hour: it contradicts itself, and agrees with the others again.
    world.sources[1] = RIGHT;
    let mut events = Vec::new();
    for _ in 0..300 {
        world.step();
        events.extend(world.events());
    }
    let source = NodeId(2);
    assert!(
        matches!(events[..], [TimeEvent::Inconsistent { source: of, .. }] if of == source),
        "{events:?}"
    );

    // It falls silent for good, and a new lie of it is a new event.
    world.sources[1] = Honesty::Lie(7_200 * SECOND);
    for _ in 0..300 {
        world.step();
    }
    let events = world.events();
    assert!(
        events.iter().any(
            |event| matches!(event, TimeEvent::Falseticker { source: of, .. } if *of == source)
        )
    );
}

fn config(sources: u64) -> TimeSyncConfig {
    let drift = DriftRate::from_ppm(DRIFT_PPM).unwrap();
    TimeSyncConfig::new((1..=sources).map(NodeId), drift, 1).unwrap()
}

/// Lets one round happen in which all sources answer at once, each with its own interval.
fn round(machine: &mut TimeSynchroniser, now: Instant, says: &[TimeInterval]) {
    machine.handle_timeout(now);
    while let Some((to, TimeMessage::Request { nonce })) = machine.poll_transmit() {
        let sent = says[to.0 as usize - 1];
        let held = Duration::ZERO;
        machine.handle_message(to, TimeMessage::Response { nonce, sent, held }, now);
    }
}

fn about(seconds: u64) -> TimeInterval {
    let date = WallTime::from_nanos(EPOCH + seconds * SECOND);
    TimeInterval::around(date, Duration::from_millis(1))
}

#[test]
fn a_clock_that_all_sources_contradict_steps_only_if_it_may() {
    let at = |seconds: u64| Instant::from_millis(1_000 * seconds);
    let mut stays = TimeSynchroniser::new(config(3));
    let mut steps = TimeSynchroniser::new(config(3).with_step_after(2));
    for machine in [&mut stays, &mut steps] {
        round(machine, at(0), &[about(0); 3]);
        // An hour is gone that the monotonic clock did not count: the machine was suspended.
        for later in [10, 20, 30] {
            round(machine, at(later), &[about(3_600 + later); 3]);
        }
    }
    assert!(
        stays
            .now(at(30))
            .unwrap()
            .contains(WallTime::from_nanos(EPOCH + 30 * SECOND))
    );
    assert!(
        steps
            .now(at(30))
            .unwrap()
            .contains(WallTime::from_nanos(EPOCH + 3_630 * SECOND))
    );
    let events = |machine: &mut TimeSynchroniser| -> Vec<_> {
        std::iter::from_fn(|| machine.poll_event()).collect()
    };
    let (stays, steps) = (events(&mut stays), events(&mut steps));
    let disagreements = |events: &[TimeEvent]| {
        events
            .iter()
            .filter(|event| matches!(event, TimeEvent::Disagreement(_)))
            .count()
    };
    assert_eq!(disagreements(&stays), 1, "told once: {stays:?}");
    assert_eq!(disagreements(&steps), 1);
    let stepped = |event: &&TimeEvent| matches!(event, TimeEvent::Stepped(by) if by.distance() > Duration::from_secs(3_599));
    assert_eq!(steps.iter().filter(stepped).count(), 1, "{steps:?}");
}

#[test]
fn more_liars_than_assumed_are_noticed_where_they_do_not_agree() {
    let mut machine = TimeSynchroniser::new(config(3));
    round(
        &mut machine,
        Instant::ORIGIN,
        &[about(0), about(100), about(200)],
    );
    assert!(
        std::iter::from_fn(|| machine.poll_event()).any(|event| event
            == TimeEvent::NoAgreement {
                answered: 3,
                faulty: 1
            })
    );
}

#[test]
fn a_source_that_falls_silent_is_forgotten() {
    let mut machine = TimeSynchroniser::new(config(1).with_forget_after(Duration::from_secs(60)));
    round(&mut machine, Instant::ORIGIN, &[about(0)]);
    for seconds in [30, 60, 61, 90] {
        machine.handle_timeout(Instant::from_millis(1_000 * seconds));
    }
    let lost = TimeEvent::Lost { source: NodeId(1) };
    let events: Vec<_> = std::iter::from_fn(|| machine.poll_event()).collect();
    assert_eq!(events.iter().filter(|event| **event == lost).count(), 1);
    // What the clock knew still holds.
    assert!(machine.now(Instant::from_millis(90_000)).is_ok());
}

#[test]
fn it_answers_who_asks_when_it_knows_and_is_not_flooded() {
    let mut machine = TimeSynchroniser::new(config(1));
    let (asker, request) = (NodeId(9), TimeMessage::Request { nonce: 5 });
    machine.handle_message(asker, request, Instant::ORIGIN);
    assert_eq!(machine.poll_transmit(), None, "it does not know");
    round(&mut machine, Instant::ORIGIN, &[about(0)]);
    for _ in 0..10_000 {
        machine.handle_message(asker, request, Instant::ORIGIN);
    }
    let answers: Vec<_> = std::iter::from_fn(|| machine.poll_transmit()).collect();
    assert!(answers.len() < 1_000);
    assert_eq!(
        answers[0],
        (
            asker,
            TimeMessage::Response {
                nonce: 5,
                sent: about(0),
                held: Duration::ZERO
            }
        )
    );
}

/// Somebody who asks as fast as it can must not keep the machine from asking itself.
#[test]
fn a_flood_of_requests_leaves_room_for_questions_of_our_own() {
    let mut machine = TimeSynchroniser::new(config(3));
    round(&mut machine, Instant::ORIGIN, &[about(0); 3]);
    for nonce in 0..10_000 {
        machine.handle_message(NodeId(9), TimeMessage::Request { nonce }, Instant::ORIGIN);
    }
    machine.handle_timeout(Instant::from_millis(60_000));
    let asked = std::iter::from_fn(|| machine.poll_transmit())
        .filter(|(_, message)| matches!(message, TimeMessage::Request { .. }));
    assert!(asked.map(|(to, _)| to).eq([1, 2, 3].map(NodeId)));
}

/// A source that says how long it held the question is believed more exactly: Cristian's bound.
#[test]
fn an_answer_counts_from_when_its_question_left_less_what_it_was_held() {
    let told = |held| {
        let mut machine = TimeSynchroniser::new(config(1));
        machine.handle_timeout(Instant::from_millis(1_000));
        let Some((source, TimeMessage::Request { nonce })) = machine.poll_transmit() else {
            panic!("it asks at once");
        };
        let (sent, held) = (about(0), Duration::from_millis(held));
        let answer = TimeMessage::Response { nonce, sent, held };
        machine.handle_message(source, answer, Instant::from_millis(11_000));
        machine.now(Instant::from_millis(11_000)).unwrap()
    };
    // Ten seconds by our count are at most three milliseconds more, at 300 ppm.
    let until = |millis| {
        let latest = about(0)
            .latest()
            .saturating_add(Duration::from_millis(millis));
        TimeInterval::new(about(0).earliest(), latest).unwrap()
    };
    assert_eq!(told(0), until(10_003));
    assert_eq!(told(9_000), until(1_003));
    assert_eq!(told(10_003), until(0));
}

/// A caller whose clock runs backwards has no exchange that took no time: the answer proves nothing.
#[test]
fn an_answer_from_before_its_question_does_not_count() {
    let mut machine = TimeSynchroniser::new(config(1));
    machine.handle_timeout(Instant::from_millis(1_000));
    let Some((source, TimeMessage::Request { nonce })) = machine.poll_transmit() else {
        panic!("it asks at once");
    };
    let (sent, held) = (about(0), Duration::ZERO);
    let answer = TimeMessage::Response { nonce, sent, held };
    machine.handle_message(source, answer, Instant::from_millis(999));
    assert!(machine.now(Instant::from_millis(1_000)).is_err());
}

/// A second answer, an answer to an older question, and one of somebody else count for nothing.
#[test]
fn only_the_first_answer_to_the_open_question_of_its_source_counts() {
    let mut machine = TimeSynchroniser::new(config(2));
    machine.handle_timeout(Instant::ORIGIN);
    let Some((first, TimeMessage::Request { nonce })) = machine.poll_transmit() else {
        panic!("it asks at once");
    };
    let answer = |nonce, seconds| TimeMessage::Response {
        nonce,
        sent: about(seconds),
        held: Duration::ZERO,
    };
    let other = NodeId(3 - first.0);
    machine.handle_message(other, answer(nonce, 500), Instant::ORIGIN);
    machine.handle_message(NodeId(77), answer(nonce, 500), Instant::ORIGIN);
    assert!(machine.now(Instant::ORIGIN).is_err());
    // Held for longer than the exchange took.
    let impossible = TimeMessage::Response {
        nonce,
        sent: about(500),
        held: Duration::from_secs(1),
    };
    machine.handle_message(first, impossible, Instant::ORIGIN);
    assert!(machine.now(Instant::ORIGIN).is_err());
    machine.handle_message(first, answer(nonce, 0), Instant::ORIGIN);
    let told = machine.clone();
    machine.handle_message(first, answer(nonce, 500), Instant::ORIGIN);
    assert_eq!(machine, told);
}

#[test]
fn golden_bytes_and_what_is_none() {
    let response = TimeMessage::Response {
        nonce: 0x0102_0304_0506_0708,
        sent: TimeInterval::new(WallTime::from_nanos(0x11), WallTime::from_nanos(0x12)).unwrap(),
        held: Duration::from_nanos(0x13),
    };
    let mut golden = [0; 33];
    golden[..9].copy_from_slice(&[2, 1, 2, 3, 4, 5, 6, 7, 8]);
    (golden[16], golden[24], golden[32]) = (0x11, 0x12, 0x13);
    assert_eq!(response.to_bytes(), golden);
    assert_eq!(TimeMessage::from_bytes(&golden), Ok(response));

    let read = TimeMessage::from_bytes;
    assert_eq!(read(&golden[..32]), Err(DecodeError::Truncated));
    assert_eq!(
        read(&[&golden[..], &[0]].concat()),
        Err(DecodeError::Trailing { left: 1 })
    );
    for (byte, value) in [(0, 0), (0, 3), (16, 0x14), (0, 1)] {
        let mut bytes = golden;
        bytes[byte] = value;
        assert!(read(&bytes).is_err(), "{bytes:?}");
    }
}
