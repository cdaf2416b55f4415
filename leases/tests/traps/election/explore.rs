//! Every schedule of a small election: a candidate that may stand still at any time, a rival who takes the
//! lease whenever it is free, the lease table, news of the record that come late, messages that are lost, late
//! and reordered, and clocks that run apart as far as is allowed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{
    Ask, Candidate, CandidateConfig, Drift, ElectionEvent, FencingToken, HolderConfig,
    HolderRequest, LeaseTable, Limits, Refusal,
};

/// What the world is made of. True time passes in steps of a second.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// For so long.
    pub(crate) seconds: u64,
    /// At most so many messages are on their way. With one more the oldest is lost.
    pub(crate) messages: usize,
    /// So often it resigns, yields or campaigns.
    pub(crate) changes: u8,
    /// So often it hears of the record.
    pub(crate) news: u8,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    /// In how many it leads, in how many of these not for the first time, and in how many the rival does.
    pub(crate) leads: usize,
    pub(crate) again: usize,
    pub(crate) rival: usize,
}

const TTL: Duration = Duration::from_millis(4_000);
const NAME: &str = "leader";
const RIVAL: &str = "rival";
/// The candidate's clock counts so much in a second, and the table's so much: as slow, and as fast, as is allowed.
const SLOW: u64 = 800;
const FAST: u64 = 1_200;

#[derive(Clone, Hash)]
struct State {
    second: u64,
    table: LeaseTable,
    rivals: u128,
    candidate: Candidate,
    /// The term in which it works, or has not stopped to.
    working: Option<FencingToken>,
    /// It was told to stop.
    told_to_stop: bool,
    newest_led: FencingToken,
    terms_led: u8,
    newest_told: FencingToken,
    on_the_way: Vec<Message>,
    /// The record as somebody saw it.
    seen: Option<(FencingToken, bool)>,
    changes: u8,
    news: u8,
}

#[derive(Clone, Copy, Hash)]
struct Message {
    request: HolderRequest,
    /// Nothing, on its way to the table.
    answer: Option<Answer>,
}

#[derive(Clone, Copy, Hash)]
enum Answer {
    Granted(FencingToken, Duration),
    Refused(Refusal),
}

impl State {
    fn now(&self) -> Instant {
        Instant::from_millis(10_000 + SLOW * self.second)
    }

    fn table_now(&self) -> Instant {
        Instant::from_millis(FAST * self.second)
    }

    fn record(&self) -> Option<(FencingToken, bool)> {
        let lease = self.table.get(self.table_now(), NAME)?;
        Some((lease.token, lease.owner == RIVAL))
    }

    /// If it believes that it leads, it holds the lease, and works in that term and no other.
    fn check(&self, explored: &mut Explored) {
        explored.states += 1;
        let record = self.record();
        if let Some(standing) = self.candidate.standing(self.now()) {
            let term = standing.token;
            assert_eq!(record, Some((term, false)), "after {} s", self.second);
            assert_eq!((self.working, self.told_to_stop), (Some(term), false));
            explored.leads += 1;
            explored.again += usize::from(self.terms_led > 1);
        }
        explored.rival += usize::from(record.is_some_and(|(_, rival)| rival));
    }

    /// The candidate runs: it is told the time, tells its events, and sends what is due.
    fn turn(&mut self, bounds: Bounds) {
        let now = self.now();
        self.candidate.handle_timeout(now);
        while let Some(event) = self.candidate.poll_event() {
            match event {
                ElectionEvent::Elected { term, .. } => {
                    assert_eq!(self.working, None, "it works in the term before");
                    assert!(term > self.newest_led, "{term} is led again");
                    (self.working, self.newest_led) = (Some(term), term);
                    self.terms_led += 1;
                }
                ElectionEvent::Deposed { term, .. } => {
                    assert_eq!((self.working, self.told_to_stop), (Some(term), false));
                    self.told_to_stop = true;
                }
                ElectionEvent::LeaderChanged { term, .. } => {
                    assert!(term > self.newest_told);
                    self.newest_told = term;
                }
                ElectionEvent::Vacant { after } => {
                    assert!(after >= self.newest_told);
                    self.newest_told = after;
                }
                _ => {}
            }
        }
        for _ in 0..2 {
            let Some(request) = self.candidate.poll_transmit(now) else {
                break;
            };
            if let Ask::Release { token } = request.ask {
                assert_ne!(self.working, Some(token), "it releases what it works under");
            }
            if self.on_the_way.len() >= bounds.messages {
                self.on_the_way.remove(0);
            }
            let answer = None;
            self.on_the_way.push(Message { request, answer });
        }
    }

    fn stop(&mut self) {
        let now = self.now();
        if let Some(term) = self.working.take() {
            self.told_to_stop = false;
            self.candidate.handle_stopped(term, now);
        }
    }

    fn decide(&mut self, ask: Ask) -> Answer {
        let now = self.table_now();
        let granted = match ask {
            Ask::Acquire { request, ttl } => self
                .table
                .acquire(now, NAME, "ann", ttl, request.as_u128())
                .map_err(|error| Refusal::from(&error)),
            Ask::Renew { token, ttl } => self
                .table
                .renew(now, NAME, token, ttl)
                .map_err(|error| Refusal::from(&error)),
            Ask::Release { token } => {
                return match self.table.release(now, NAME, token) {
                    Ok(()) => Answer::Granted(token, Duration::ZERO),
                    Err(_) => Answer::Refused(Refusal::Ended),
                };
            }
        };
        match granted {
            Ok(grant) => Answer::Granted(grant.token, grant.remaining),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn deliver(&mut self, Message { request, answer }: Message) {
        let now = self.now();
        let (ticket, ask) = (request.ticket, request.ask);
        let Some(answer) = answer else {
            let answer = Some(self.decide(ask));
            return self.on_the_way.push(Message { request, answer });
        };
        let candidate = &mut self.candidate;
        match (answer, ask) {
            (Answer::Refused(refusal), _) => candidate.handle_refused(ticket, refusal, now),
            (Answer::Granted(term, remaining), Ask::Acquire { .. }) => {
                candidate.handle_granted(ticket, term, remaining, now)
            }
            (Answer::Granted(_, remaining), Ask::Renew { .. }) => {
                candidate.handle_renewed(ticket, remaining, now)
            }
            (Answer::Granted(..), Ask::Release { .. }) => candidate.handle_released(ticket, now),
        };
    }

    /// What was seen of the record is told now.
    fn hear(&mut self, (term, rival): (FencingToken, bool)) {
        self.news += 1;
        let name = if rival { RIVAL } else { "ann" };
        let _ = self.candidate.handle_leader(term, name, self.now());
    }

    /// That it has ended is told.
    fn hear_the_end(&mut self, (term, _): (FencingToken, bool)) {
        self.news += 1;
        self.candidate.handle_vacant(term, self.now());
    }

    /// All that can happen next. That a message is lost is that it is never delivered.
    fn next(&self, bounds: Bounds) -> Vec<Self> {
        let mut all = Vec::new();
        let mut then = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        if self.second < bounds.seconds {
            then(&|next| next.second += 1);
        }
        then(&|next| next.turn(bounds));
        if self.told_to_stop {
            then(&Self::stop);
        }
        let record = self.record();
        if record.is_none() {
            then(&|next| {
                next.rivals += 1;
                let now = next.table_now();
                let taken = next.table.acquire(now, NAME, RIVAL, TTL, next.rivals);
                assert!(taken.is_ok());
            });
        }
        if self.changes < bounds.changes {
            let now = self.now();
            then(&|next| {
                next.changes += 1;
                match next.candidate.is_running() {
                    true => next.candidate.resign(now),
                    false => next.candidate.campaign(now),
                }
            });
            then(&|next| {
                next.changes += 1;
                next.candidate.yield_to(RIVAL, now);
            });
        }
        if self.news < bounds.news {
            if record.is_some() && record != self.seen {
                then(&|next| next.seen = record);
            }
            if let Some(seen) = self.seen {
                then(&|next| next.hear(seen));
                if record != Some(seen) {
                    then(&|next| next.hear_the_end(seen));
                }
            }
        }
        for place in 0..self.on_the_way.len() {
            then(&|next| {
                let message = next.on_the_way.remove(place);
                next.deliver(message);
            });
        }
        all
    }

    fn fingerprint(&self) -> (u64, u64) {
        let hash = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.hash(&mut hasher);
            hasher.finish()
        };
        (hash(1), hash(2))
    }
}

/// Goes through every state that can be reached.
pub(crate) fn explore(bounds: Bounds) -> Explored {
    let config = CandidateConfig {
        holder: HolderConfig {
            drift: Drift::from_ppm(200_000).expect("less than 100 %"),
            margin: Duration::ZERO,
            min_pause: Duration::from_millis(600),
            max_pause: Duration::from_millis(600),
            renew_percent: 30,
            ..HolderConfig::new(TTL)
        },
        hold_back: Duration::from_millis(1_000),
        ..CandidateConfig::new("ann", TTL)
    };
    let mut first = State {
        second: 0,
        table: LeaseTable::new(Limits::default()),
        rivals: 0,
        candidate: Candidate::new(config, Incarnation(1), 7).expect("a sound configuration"),
        working: None,
        told_to_stop: false,
        newest_led: FencingToken::NONE,
        terms_led: 0,
        newest_told: FencingToken::NONE,
        on_the_way: Vec::new(),
        seen: None,
        changes: 0,
        news: 0,
    };
    first.candidate.campaign(first.now());
    let mut explored = Explored::default();
    let mut seen = BTreeSet::from([first.fingerprint()]);
    let mut left = std::vec![first];
    while let Some(state) = left.pop() {
        state.check(&mut explored);
        for next in state.next(bounds) {
            if seen.insert(next.fingerprint()) {
                left.push(next);
            }
        }
    }
    explored
}
