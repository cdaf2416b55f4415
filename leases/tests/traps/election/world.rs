//! Candidates and a grantor, each with a clock of its own, a resource with a fence, and a network that
//! loses, delays, doubles and reorders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{Incarnation, Instant, SplitMix64};
use quorate_leases::{
    Ask, Candidate, CandidateConfig, ElectionEvent, Fenced, FencingToken, HolderRequest,
    LeaderEvent, LeaderView, LeaseTable, Limits, Mode, Refusal, ResourceId,
};

const NAMES: [&str; 3] = ["ann", "bob", "cid"];
const ELECTION: &str = "leader";
const TTL: Duration = Duration::from_secs(5);
/// Nanoseconds of true time from step to step.
const STEP: u64 = 20_000_000;
/// Clocks are wrong by so many millionths, and [`quorate_leases::Drift::SLEWED`] allows for more.
const DRIFT: [u64; 4] = [1_000_400, 999_600, 1_000_000, 999_700];

#[derive(Clone, Debug)]
enum Message {
    Ask(Incarnation, HolderRequest),
    Granted(Incarnation, HolderRequest, FencingToken, Duration),
    Refused(Incarnation, HolderRequest, Refusal),
    /// The record, as it was when it was sent.
    Record(FencingToken, usize),
    Vacant(FencingToken),
    HandOver(FencingToken, usize),
}

struct Player {
    candidate: Candidate,
    life: Incarnation,
    paused_until: u64,
    /// The term in which it works, and from when on it does not any more.
    working: Option<(FencingToken, Option<u64>)>,
    /// A write that it has decided on, in this term.
    about_to_write: Option<FencingToken>,
}

struct World {
    truth: u64,
    random: SplitMix64,
    table: LeaseTable,
    players: Vec<Player>,
    views: Vec<(LeaderView, FencingToken)>,
    resource: Fenced<Vec<FencingToken>>,
    on_the_way: BTreeMap<(u64, u64), (usize, Message)>,
    sent: u64,
    terms: BTreeSet<FencingToken>,
    /// Writes of former leaders that came too late.
    refused: usize,
    calm: bool,
}

/// How a clock shows the true time.
fn clock(number: usize, truth: u64) -> Instant {
    let offset = 1_000_000_000 * (7 + 13 * number as u64);
    Instant::from_nanos(offset + truth / 1_000_000 * DRIFT[number])
}

const GRANTOR: usize = 3;

fn candidate(number: usize, life: Incarnation, seed: u64) -> Candidate {
    let config = CandidateConfig::new(NAMES[number], TTL);
    Candidate::new(config, life, seed).expect("a sound configuration")
}

/// Two minutes of trouble, and one without: then somebody leads. Returns how many terms there were, and how
/// many writes came too late.
pub(crate) fn run(seed: u64) -> (usize, usize) {
    let mut random = SplitMix64::new(seed);
    let players = (0..NAMES.len())
        .map(|number| Player {
            candidate: candidate(number, Incarnation(1), random.next_u64()),
            life: Incarnation(1),
            paused_until: 0,
            working: None,
            about_to_write: None,
        })
        .collect();
    let mut world = World {
        truth: 0,
        random,
        table: LeaseTable::new(Limits::default()),
        players,
        views: [(); 2]
            .map(|()| (LeaderView::new(8), FencingToken::NONE))
            .into(),
        resource: Fenced::new(ResourceId(1), Vec::new()),
        on_the_way: BTreeMap::new(),
        sent: 0,
        terms: BTreeSet::new(),
        refused: 0,
        calm: false,
    };
    for number in 0..NAMES.len() {
        world.players[number].candidate.campaign(clock(number, 0));
    }
    for step in 0..9_000 {
        world.calm = step >= 6_000;
        world.step();
        world.check(seed);
    }
    let leads = |number: usize| {
        let now = clock(number, world.truth);
        world.players[number].candidate.standing(now).is_some()
    };
    assert!((0..NAMES.len()).any(leads), "seed {seed}: nobody leads");
    assert!(world.resource.parts().1.is_sorted(), "seed {seed}");
    let newest = world.terms.last().copied();
    for (view, _) in &world.views {
        assert_eq!(Some(view.newest_term()), newest, "seed {seed}");
    }
    (world.terms.len(), world.refused)
}

impl World {
    fn step(&mut self) {
        self.truth += STEP;
        while let Some(first) = self.on_the_way.first_entry() {
            if first.key().0 > self.truth {
                break;
            }
            let (to, message) = first.remove();
            self.deliver(to, message);
        }
        if !self.calm {
            self.trouble();
        }
        for number in 0..NAMES.len() {
            if self.truth >= self.players[number].paused_until {
                self.turn(number);
            }
        }
        self.watch();
    }

    fn trouble(&mut self) {
        let number = self.random.below(NAMES.len() as u64) as usize;
        let now = clock(number, self.truth);
        let other = NAMES[self.random.below(NAMES.len() as u64) as usize];
        let seed = self.random.next_u64();
        let player = &mut self.players[number];
        match self.random.below(400) {
            0 => {
                player.paused_until = self.truth + self.random.below(12_000_000_000);
            }
            1 => {
                // What it was about to write is still on its way.
                player.life = Incarnation(player.life.0 + 1);
                player.candidate = candidate(number, player.life, seed);
                player.candidate.campaign(now);
                player.working = None;
            }
            2 => player.candidate.resign(now),
            3 | 4 => drop(player.candidate.yield_to(other, now)),
            5 => {
                player.life = Incarnation(player.life.0 + 1);
                player.candidate.handle_disruption(player.life, now);
            }
            _ => player.candidate.campaign(now),
        }
    }

    fn turn(&mut self, number: usize) {
        let now = clock(number, self.truth);
        // What was checked before the pause is written after it.
        if let Some(term) = self.players[number].about_to_write.take() {
            self.write(term);
        }
        let player = &mut self.players[number];
        player.candidate.campaign(now);
        player.candidate.handle_timeout(now);
        if let Some((term, Some(until))) = player.working
            && self.truth >= until
        {
            player.candidate.handle_stopped(term, now);
            player.working = None;
        }
        while let Some(event) = self.players[number].candidate.poll_event() {
            self.told(number, event);
        }
        let player = &mut self.players[number];
        if let Some(standing) = player.candidate.standing(now) {
            assert_eq!(player.working, Some((standing.token, None)));
            player.about_to_write = Some(standing.token);
        }
        for _ in 0..4 {
            let player = &mut self.players[number];
            let Some(request) = player.candidate.poll_transmit(now) else {
                return;
            };
            if let Ask::Release { token } = request.ask {
                let works = player.working.map(|(term, _)| term);
                assert_ne!(works, Some(token), "it releases what it works under");
            }
            let life = player.life;
            self.send(number, Message::Ask(life, request));
        }
        panic!("it asks without a pause");
    }

    fn told(&mut self, number: usize, event: ElectionEvent) {
        let slow = self.random.below(2_000_000_000);
        let player = &mut self.players[number];
        match event {
            ElectionEvent::Elected { term, .. } => {
                assert!(self.terms.insert(term), "{term} is led twice");
                assert_eq!(player.working, None, "it works in the term before");
                player.working = Some((term, None));
                let _ = self.resource.raise(term, Mode::Exclusive);
            }
            ElectionEvent::Deposed { term, .. } => {
                assert_eq!(player.working, Some((term, None)));
                player.working = Some((term, Some(self.truth + slow)));
                player.about_to_write = None;
            }
            ElectionEvent::Resigned { term, preferred } => {
                let preferred =
                    preferred.and_then(|it| NAMES.iter().position(|name| **name == *it));
                for other in 0..NAMES.len() {
                    if let Some(preferred) = preferred {
                        self.send(other, Message::HandOver(term, preferred));
                    }
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, term: FencingToken) {
        let Ok(receipt) = self.resource.raise(term, Mode::Exclusive) else {
            self.refused += 1;
            return;
        };
        let armed = receipt.arm(term).expect("it is the same");
        let data = self.resource.write(&armed).expect("it was raised");
        data.push(term);
    }

    /// All are told of the record, late and out of order.
    fn watch(&mut self) {
        let now = clock(GRANTOR, self.truth);
        if !self.random.one_in(10) {
            return;
        }
        let newest = self.terms.last().copied();
        let message = match (self.table.get(now, ELECTION), newest) {
            (Some(lease), _) => {
                let leader = NAMES.iter().position(|name| *name == lease.owner);
                leader.map(|leader| Message::Record(lease.token, leader))
            }
            (None, Some(newest)) => Some(Message::Vacant(newest)),
            (None, None) => None,
        };
        for to in 0..NAMES.len() + self.views.len() {
            if let Some(message) = message.clone() {
                self.send(to, message);
            }
        }
    }

    fn send(&mut self, to: usize, message: Message) {
        let copies = match self.random.below(12) {
            0 if !self.calm => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let slowest = match !self.calm && self.random.one_in(10) {
                true => 6_000_000_000,
                false => 100_000_000,
            };
            let at = self.truth + 1 + self.random.below(slowest);
            self.sent += 1;
            self.on_the_way
                .insert((at, self.sent), (to, message.clone()));
        }
    }

    fn deliver(&mut self, to: usize, message: Message) {
        if let Message::Ask(life, request) = message {
            let answer = self.decide(to, life, request);
            return self.send(to, answer);
        }
        if let Some(observer) = to.checked_sub(NAMES.len()) {
            return self.observe(observer, message);
        }
        let now = clock(to, self.truth);
        let player = &mut self.players[to];
        if self.truth < player.paused_until {
            // It waits in a buffer.
            self.sent += 1;
            let at = player.paused_until;
            self.on_the_way.insert((at, self.sent), (to, message));
            return;
        }
        let (candidate, own) = (&mut player.candidate, player.life);
        match message {
            Message::Granted(life, request, term, remaining) if life == own => {
                let ticket = request.ticket;
                match request.ask {
                    Ask::Acquire { .. } => candidate.handle_granted(ticket, term, remaining, now),
                    Ask::Renew { .. } => candidate.handle_renewed(ticket, remaining, now),
                    Ask::Release { .. } => candidate.handle_released(ticket, now),
                };
            }
            Message::Refused(life, request, refusal) if life == own => {
                candidate.handle_refused(request.ticket, refusal, now);
            }
            Message::Record(term, leader) => {
                let _ = candidate.handle_leader(term, NAMES[leader], now);
            }
            Message::Vacant(after) => candidate.handle_vacant(after, now),
            Message::HandOver(after, preferred) => {
                candidate.handle_hand_over(after, NAMES[preferred], now);
            }
            _ => {} // of a former life
        }
    }

    fn observe(&mut self, observer: usize, message: Message) {
        let (view, newest) = &mut self.views[observer];
        match message {
            Message::Record(term, leader) => drop(view.handle_leader(term, NAMES[leader])),
            Message::Vacant(after) => drop(view.handle_vacant(after)),
            _ => {}
        }
        let term = match view.poll_event() {
            Some(LeaderEvent::Changed { term, .. }) => {
                assert!(
                    term > *newest,
                    "it has seen {newest}, and is told of {term}"
                );
                term
            }
            Some(LeaderEvent::Vacant { after }) => after,
            _ => return,
        };
        assert!(
            term >= *newest,
            "it has seen {newest}, and is told of {term}"
        );
        *newest = term;
    }

    fn decide(&mut self, number: usize, life: Incarnation, request: HolderRequest) -> Message {
        let now = clock(GRANTOR, self.truth);
        let table = &mut self.table;
        match request.ask {
            Ask::Acquire { request: id, ttl } => {
                match table.acquire(now, ELECTION, NAMES[number], ttl, id.as_u128()) {
                    Ok(grant) => Message::Granted(life, request, grant.token, grant.remaining),
                    Err(error) => Message::Refused(life, request, (&error).into()),
                }
            }
            Ask::Renew { token, ttl } => match table.renew(now, ELECTION, token, ttl) {
                Ok(grant) => Message::Granted(life, request, token, grant.remaining),
                Err(error) => Message::Refused(life, request, (&error).into()),
            },
            Ask::Release { token } => match table.release(now, ELECTION, token) {
                Ok(()) => Message::Granted(life, request, token, Duration::ZERO),
                Err(_) => Message::Refused(life, request, Refusal::Ended),
            },
        }
    }

    /// Whoever runs and believes that it leads holds the lease at the grantor.
    fn check(&self, seed: u64) {
        let now = clock(GRANTOR, self.truth);
        let held = self.table.get(now, ELECTION).map(|lease| lease.token);
        for (number, player) in self.players.iter().enumerate() {
            if self.truth < player.paused_until {
                continue;
            }
            if let Some(standing) = player.candidate.standing(clock(number, self.truth)) {
                assert_eq!(held, Some(standing.token), "seed {seed}: {number} leads");
            }
        }
    }
}
