//! The whole in one world: holders that run the real loop, a lease table that is handed from leader to leader, a
//! resource with a fence, a bad network, and for everybody a clock of their own that lies. Only the test knows the
//! true time.
//!
//! First everything breaks, and nothing may go wrong. Then the faults stop, and everybody has to get their turn.

mod holder;
mod leaders;

use std::collections::BTreeMap;
use std::time::Duration;

use holder::{Player, Said};
use leaders::Leaders;
use quorate_clocks::{ClockFault, Hands, Instant, LyingClock, SplitMix64, WallTime};
use quorate_leases::{Drift, Fence, FencingToken, HolderConfig};

const NAME: &str = "accounts";
const START: u64 = 1_700_000_000_000_000_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
/// What is declared of every clock: a hundredth.
const DECLARED_PPM: u32 = 10_000;
const STEP: u64 = 20 * MILLI;
const BROKEN: u64 = 40 * SECOND;
const SOUND: u64 = 400 * SECOND;

/// A clock that began at some time of its own, and runs so many parts per million too fast.
fn clock(random: &mut SplitMix64, ppm: i32) -> LyingClock {
    let start = WallTime::from_nanos(START);
    let origin = Instant::from_nanos(random.below(1_000_000 * SECOND));
    let mut clock = LyingClock::new(start).with_now(start, origin);
    clock.strike(start, ClockFault::Drift { ppb: ppm * 1_000 });
    clock
}

fn read(clock: &LyingClock, truth: u64) -> Instant {
    clock.read(WallTime::from_nanos(START + truth)).now
}

/// From the slowest to the fastest that a clock may be.
fn any_drift(random: &mut SplitMix64, most_ppm: u32) -> i32 {
    match random.below(4) {
        0 => -(most_ppm as i32),
        1 => most_ppm as i32,
        _ => random.below(2 * u64::from(most_ppm) + 1) as i32 - most_ppm as i32,
    }
}

/// How much happened, so that nobody takes a quiet run for a proof.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    grants: u64,
    failovers: u64,
    /// Of them, those while somebody held the lease.
    failovers_while_held: u64,
    lost: u64,
    doubled: u64,
    pauses: u64,
    sleeps: u64,
    written: u64,
    refused: u64,
    /// Steps in which two believed that they may act.
    both: u64,
}

enum Message {
    Ask(quorate_leases::HolderRequest),
    Said(quorate_leases::HolderRequest, Said),
    Write(FencingToken),
}

struct World {
    truth: u64,
    random: SplitMix64,
    leaders: Leaders,
    players: Vec<Player>,
    fence: Fence,
    newest_write: FencingToken,
    on_the_way: BTreeMap<(u64, u64), (usize, Message)>,
    sent: u64,
    broken: bool,
    /// Whether clocks keep to what is declared.
    within_the_bound: bool,
    seen: Seen,
}

impl World {
    fn new(seed: u64, drift_ppm: u32) -> Self {
        let mut random = SplitMix64::new(seed);
        let leaders = Leaders::new(&mut random, drift_ppm);
        let config = HolderConfig {
            drift: Drift::from_ppm(DECLARED_PPM).expect("a hundredth"),
            margin: Duration::ZERO,
            ..HolderConfig::new(Duration::from_secs(2))
        };
        let players = (0..3)
            .map(|number| Player::new(&mut random, config, number, drift_ppm))
            .collect();
        Self {
            truth: 0,
            random,
            leaders,
            players,
            fence: Fence::new(),
            newest_write: FencingToken::NONE,
            on_the_way: BTreeMap::new(),
            sent: 0,
            broken: true,
            within_the_bound: drift_ppm <= DECLARED_PPM,
            seen: Seen::default(),
        }
    }

    fn run(&mut self, for_long: u64) {
        let end = self.truth + for_long;
        while self.truth < end {
            self.truth += STEP;
            if self.broken {
                self.break_something();
            }
            self.deliver_all();
            for at in 0..self.players.len() {
                self.turn(at);
            }
            self.leaders.step(self.truth);
            self.check();
        }
    }

    fn break_something(&mut self) {
        let truth = self.truth;
        if self.random.one_in(150) {
            self.leaders
                .fail_over(&mut self.random, truth, &mut self.seen);
        }
        let at = self.random.below(self.players.len() as u64) as usize;
        if self.random.one_in(60) {
            self.seen.pauses += 1;
            let for_long = self.random.below(4 * SECOND);
            self.players[at].pause(truth + for_long);
        }
        if self.random.one_in(200) {
            self.seen.sleeps += 1;
            let for_long = SECOND + self.random.below(4 * SECOND);
            self.players[at].sleep(truth, for_long);
        }
    }

    /// The heart of it.
    fn check(&mut self) {
        let acting: Vec<_> = self
            .players
            .iter()
            .filter_map(|player| player.may_act(self.truth))
            .collect();
        self.seen.both += u64::from(acting.len() > 1);
        if self.within_the_bound {
            assert!(
                acting.len() < 2,
                "two may act: {acting:?}, at {}",
                self.truth
            );
            for token in acting {
                assert_eq!(
                    self.leaders.held(self.truth),
                    Some(token),
                    "it may act, and does not hold the lease"
                );
            }
        }
    }

    fn turn(&mut self, at: usize) {
        let requests = self.players[at].turn(self.truth);
        for request in requests {
            self.send(at, Message::Ask(request));
        }
        // Whoever may act raises the fence, and writes then. The write is on its way as long as it likes.
        if let Some(token) = self.players[at].may_act(self.truth)
            && self.random.one_in(5)
        {
            if self.players[at].raised == Some(token) {
                self.send(at, Message::Write(token));
            } else if self.fence.raise(token).is_ok() {
                self.players[at].raised = Some(token);
            }
        }
    }

    fn send(&mut self, at: usize, message: Message) {
        if self.broken && self.random.one_in(8) {
            self.seen.lost += 1;
            return;
        }
        let often = match message {
            Message::Write(_) => 2,
            _ => 8,
        };
        let slow = match self.broken && self.random.one_in(often) {
            true => 4 * SECOND,
            false => 100 * MILLI,
        };
        let arrives = self.truth + self.random.below(slow);
        self.sent += 1;
        if self.broken
            && self.random.one_in(8)
            && let Message::Ask(request) = message
        {
            self.seen.doubled += 1;
            let again = self.truth + self.random.below(2 * SECOND);
            let copy = Message::Ask(request);
            self.on_the_way.insert((again, self.sent), (at, copy));
            self.sent += 1;
        }
        self.on_the_way.insert((arrives, self.sent), (at, message));
    }

    fn deliver_all(&mut self) {
        while let Some(first) = self.on_the_way.first_entry() {
            if first.key().0 > self.truth {
                return;
            }
            let (at, message) = first.remove();
            match message {
                Message::Ask(request) => {
                    let said = self.leaders.decide(self.truth, at, request, &mut self.seen);
                    if let Some(said) = said {
                        self.send(at, Message::Said(request, said));
                    }
                }
                // What comes to one who stands still waits for it.
                Message::Said(..) if self.players[at].is_paused(self.truth) => {
                    self.sent += 1;
                    let later = self.truth + STEP;
                    self.on_the_way.insert((later, self.sent), (at, message));
                }
                Message::Said(request, said) => self.players[at].hear(self.truth, request, said),
                Message::Write(token) => self.write(token),
            }
        }
    }

    /// A write arrives at the resource. What is written under older tokens after newer ones is the harm that all
    /// of this is there to prevent, whatever the clocks do.
    fn write(&mut self, token: FencingToken) {
        if self.fence.check_and_raise(token).is_err() {
            self.seen.refused += 1;
            return;
        }
        self.seen.written += 1;
        assert!(token >= self.newest_write, "an older one wrote");
        for player in &self.players {
            let ready = player
                .may_act(self.truth)
                .filter(|_| player.raised.is_some());
            if let Some(holds) = ready.filter(|holds| player.raised == Some(*holds)) {
                assert!(token >= holds, "{token} changed what {holds} had read");
            }
        }
        self.newest_write = token;
    }
}

fn add(all: &mut Seen, one: Seen) {
    let Seen {
        grants,
        failovers,
        failovers_while_held,
        lost,
        doubled,
        pauses,
        sleeps,
        written,
        refused,
        both,
    } = one;
    all.grants += grants;
    all.failovers += failovers;
    all.failovers_while_held += failovers_while_held;
    all.lost += lost;
    all.doubled += doubled;
    all.pauses += pauses;
    all.sleeps += sleeps;
    all.written += written;
    all.refused += refused;
    all.both += both;
}

/// How many worlds there are. Each is another seed.
const SEEDS: u64 = 300;

/// Traps 7, 8, 14, 15 and 32: clocks that drift, sleep and stand still, leaders that change, messages that are lost,
/// late and doubled; and at no true time do two believe that they may act.
#[test]
fn trap_32_nobody_acts_beside_another() {
    let mut all = Seen::default();
    for seed in 0..SEEDS {
        let mut world = World::new(seed, DECLARED_PPM);
        world.run(BROKEN);
        // The faults stop, and everybody gets the lease, though whoever asks first when it is free does, and
        // their writes through.
        world.broken = false;
        let written = world.seen.written;
        let mut had = [false; 3];
        for _ in 0..SOUND / SECOND {
            if had == [true; 3] && world.seen.written > written {
                break;
            }
            world.run(SECOND);
            for (had, player) in had.iter_mut().zip(&mut world.players) {
                *had |= player.may_act(world.truth).is_some();
                player.let_others(world.truth);
            }
        }
        assert_eq!(had, [true; 3], "somebody never got it, with seed {seed}");
        assert!(world.seen.written > written, "no write, with seed {seed}");
        add(&mut all, world.seen);
    }
    let Seen {
        grants,
        failovers_while_held,
        lost,
        doubled,
        pauses,
        sleeps,
        written,
        refused,
        ..
    } = all;
    for (what, count) in [
        ("grants", grants),
        ("failovers while held", failovers_while_held),
        ("lost messages", lost),
        ("doubled messages", doubled),
        ("pauses", pauses),
        ("sleeps", sleeps),
        ("writes", written),
        ("refused writes", refused),
    ] {
        assert!(count > SEEDS, "only {count} {what}: {all:?}");
    }
}

/// Beyond the bound two do believe it, and the fence keeps the resource sound all the same.
#[test]
fn trap_01_beyond_the_bound_the_fence_still_holds() {
    let mut all = Seen::default();
    for seed in 0..SEEDS / 3 {
        let mut world = World::new(seed, 40 * DECLARED_PPM);
        world.run(BROKEN);
        add(&mut all, world.seen);
    }
    assert!(
        all.both > 0,
        "clocks that are so wrong have to show: {all:?}"
    );
    assert!(all.written > 0 && all.refused > 0, "{all:?}");
}

/// A clock that sleeps without anybody noticing is beyond any bound.
#[test]
fn trap_13_an_unnoticed_sleep_is_beyond_the_bound() {
    let mut both = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed, DECLARED_PPM);
        world.within_the_bound = false;
        for player in &mut world.players {
            player.boot_clock = None;
        }
        world.run(BROKEN);
        both += world.seen.both;
    }
    assert!(both > 0);
}

/// A machine that sleeps stops its monotonic clock, and not the one that counts suspended time.
fn put_to_sleep(clock: &mut LyingClock, truth: u64, for_long: u64) {
    let at = |truth| WallTime::from_nanos(START + truth);
    clock.strike(at(truth), ClockFault::Freeze(Hands::Monotonic));
    clock.strike(at(truth + for_long), ClockFault::Resume(Hands::Monotonic));
}
