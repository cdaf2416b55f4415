//! Holders and a grantor, each with a clock of its own, a network that loses, delays, doubles and reorders,
//! and the true time, which none of them knows.

use std::collections::BTreeMap;
use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{ClockFault, Hands, Incarnation, Instant, LyingClock, SplitMix64, WallTime};
use quorate_leases::{
    Ask, FencingToken, HolderConfig, HolderEvent, HolderRequest, LeaseHolder, LeaseTable, Limits,
    Refusal,
};

use super::cases::Make;

const NAME: &str = "accounts";
const START: u64 = 1_700_000_000_000_000_000;

/// True time: nanoseconds since the beginning.
pub(crate) type Truth = u64;

pub(crate) const MILLI: Truth = 1_000_000;
pub(crate) const SECOND: Truth = 1_000 * MILLI;

/// What a clock shows at a true time.
pub(crate) fn read(clock: &LyingClock, truth: Truth) -> Instant {
    clock.read(WallTime::from_nanos(START + truth)).now
}

/// A clock that runs so many parts per billion too fast.
pub(crate) fn clock(origin: Truth, ppb: i32) -> LyingClock {
    let start = WallTime::from_nanos(START);
    let mut clock = LyingClock::new(start).with_now(start, Instant::from_nanos(origin));
    clock.strike(start, ClockFault::Drift { ppb });
    clock
}

/// What the network does to a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// The longest that it is on its way.
    pub(crate) slowest: Truth,
    /// One in so many is lost, and one in so many is doubled.
    pub(crate) loses: u64,
}

#[derive(Clone, Debug)]
enum Message {
    Ask(HolderRequest),
    Granted(HolderRequest, FencingToken, Duration),
    Refused(HolderRequest, Refusal),
}

/// One who wants the lease, and works under it.
pub(crate) struct Player {
    pub(crate) holder: LeaseHolder,
    pub(crate) clock: LyingClock,
    /// One that counts suspended time, if it looks at one.
    pub(crate) other: Option<LyingClock>,
    pub(crate) events: Vec<HolderEvent>,
    /// True times at which it asked.
    pub(crate) asked: Vec<Truth>,
    /// While it is paused nothing of it runs, and its clock goes on.
    paused_until: Truth,
    /// It says at once that it has stopped when it is told to stop.
    pub(crate) stops: bool,
}

pub(crate) struct World {
    pub(crate) truth: Truth,
    pub(crate) random: SplitMix64,
    pub(crate) table: LeaseTable,
    pub(crate) grantor: LyingClock,
    pub(crate) players: Vec<Player>,
    pub(crate) network: Network,
    on_the_way: BTreeMap<(Truth, u64), (usize, Message)>,
    sent: u64,
}

impl World {
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        Self {
            truth: 0,
            random: SplitMix64::new(seed),
            table: LeaseTable::new(Limits::default()),
            grantor: clock(77 * SECOND, 0),
            players: Vec::new(),
            network,
            on_the_way: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn add(&mut self, make: &dyn Make, config: HolderConfig, ppb: i32) -> usize {
        let number = self.players.len() as u64;
        let clock = clock(5 * SECOND + 1_000 * SECOND * number, ppb);
        let mut holder = make.holder(config, Incarnation(number + 1), self.random.next_u64());
        holder.acquire(read(&clock, self.truth));
        self.players.push(Player {
            holder,
            clock,
            other: None,
            events: Vec::new(),
            asked: Vec::new(),
            paused_until: 0,
            stops: true,
        });
        self.players.len() - 1
    }

    pub(crate) fn now(&self, player: usize) -> Instant {
        read(&self.players[player].clock, self.truth)
    }

    /// Whether a player believes that it may act.
    pub(crate) fn believes(&self, player: usize) -> bool {
        let now = self.now(player);
        self.players[player].holder.standing(now).is_some()
    }

    /// Whose grant holds the lease by the grantor's clock.
    fn held_by(&self) -> Option<FencingToken> {
        let now = read(&self.grantor, self.truth);
        Some(self.table.get(now, NAME)?.token)
    }

    /// A machine stands still, and its clock goes on.
    pub(crate) fn pause(&mut self, player: usize, for_long: Truth) {
        let player = &mut self.players[player];
        player.paused_until = player.paused_until.max(self.truth + for_long);
    }

    /// A machine sleeps, and its clock does not count that.
    pub(crate) fn sleep_uncounted(&mut self, player: usize, for_long: Truth) {
        self.pause(player, for_long);
        let clock = &mut self.players[player].clock;
        let at = |truth| WallTime::from_nanos(START + truth);
        clock.strike(at(self.truth), ClockFault::Freeze(Hands::Monotonic));
        clock.strike(
            at(self.truth + for_long),
            ClockFault::Resume(Hands::Monotonic),
        );
    }

    /// Time passes. Whatever happens, whoever believes that it may act holds the lease at the grantor.
    pub(crate) fn run(&mut self, for_long: Truth, step: Truth) {
        let end = self.truth + for_long;
        while self.truth < end {
            self.step(step);
            self.check();
        }
    }

    pub(crate) fn step(&mut self, by: Truth) {
        self.truth += by;
        while let Some(first) = self.on_the_way.first_entry() {
            if first.key().0 > self.truth {
                break;
            }
            let (player, message) = first.remove();
            self.deliver(player, message);
        }
        for player in 0..self.players.len() {
            self.turn(player);
        }
    }

    pub(crate) fn check(&self) {
        for player in 0..self.players.len() {
            if self.truth < self.players[player].paused_until {
                continue; // it does not act
            }
            let now = self.now(player);
            let standing = self.players[player].holder.standing(now);
            if let Some(standing) = standing {
                assert_eq!(
                    self.held_by(),
                    Some(standing.token),
                    "player {player} believes that it may act, at {} ns of true time",
                    self.truth
                );
            }
        }
    }

    /// It reads both clocks.
    fn look(&mut self, number: usize) -> Instant {
        let now = self.now(number);
        let player = &mut self.players[number];
        if let Some(other) = &player.other {
            player.holder.handle_clocks(now, read(other, self.truth));
        }
        now
    }

    fn turn(&mut self, number: usize) {
        if self.truth < self.players[number].paused_until {
            return;
        }
        let now = self.look(number);
        let player = &mut self.players[number];
        player.holder.handle_timeout(now);
        while let Some(event) = player.holder.poll_event() {
            player.events.push(event);
            if let HolderEvent::Ended { stretch, .. } = event
                && player.stops
            {
                player.holder.handle_stopped(stretch, now);
            }
        }
        // Not more than a few: a machine that never pauses would go on for ever.
        let requests: Vec<_> =
            core::iter::from_fn(|| self.players[number].holder.poll_transmit(now))
                .take(5)
                .collect();
        for request in requests {
            self.players[number].asked.push(self.truth);
            self.send(number, Message::Ask(request));
        }
    }

    fn send(&mut self, player: usize, message: Message) {
        let copies = match self.network.loses {
            0 => 1,
            loses if self.random.one_in(loses) => 0,
            loses => 1 + u64::from(self.random.one_in(loses)),
        };
        for _ in 0..copies {
            // Now and then one is stuck for ten times as long as any other.
            let slowest = match self.network.loses > 0 && self.random.one_in(10) {
                true => 10 * self.network.slowest,
                false => self.network.slowest,
            };
            let at = self.truth + self.random.below(slowest + 1);
            self.sent += 1;
            self.on_the_way
                .insert((at, self.sent), (player, message.clone()));
        }
    }

    fn deliver(&mut self, number: usize, message: Message) {
        let paused = self.players[number].paused_until;
        match message {
            Message::Ask(request) => {
                let answer = self.decide(number, request);
                self.send(number, answer);
            }
            _ if self.truth < paused => {
                // It waits in a buffer.
                self.sent += 1;
                self.on_the_way
                    .insert((paused, self.sent), (number, message));
            }
            Message::Granted(request, token, remaining) => {
                let now = self.look(number);
                let holder = &mut self.players[number].holder;
                match request.ask {
                    Ask::Renew { .. } => holder.handle_renewed(request.ticket, remaining, now),
                    Ask::Release { .. } => holder.handle_released(request.ticket, now),
                    Ask::Acquire { .. } => {
                        holder.handle_granted(request.ticket, token, remaining, now)
                    }
                };
            }
            Message::Refused(request, refusal) => {
                let now = self.look(number);
                let holder = &mut self.players[number].holder;
                holder.handle_refused(request.ticket, refusal, now);
            }
        }
    }

    fn decide(&mut self, number: usize, request: HolderRequest) -> Message {
        let now = read(&self.grantor, self.truth);
        let owner = std::format!("player {number}");
        match request.ask {
            Ask::Acquire { request: id, ttl } => {
                match self.table.acquire(now, NAME, &owner, ttl, id.as_u128()) {
                    Ok(grant) => Message::Granted(request, grant.token, grant.remaining),
                    Err(error) => Message::Refused(request, (&error).into()),
                }
            }
            Ask::Renew { token, ttl } => match self.table.renew(now, NAME, token, ttl) {
                Ok(grant) => Message::Granted(request, token, grant.remaining),
                Err(error) => Message::Refused(request, (&error).into()),
            },
            Ask::Release { token } => match self.table.release(now, NAME, token) {
                Ok(()) => Message::Granted(request, token, Duration::ZERO),
                Err(_) => Message::Refused(request, Refusal::Ended),
            },
        }
    }
}
