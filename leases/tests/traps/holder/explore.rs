//! Every schedule of a small world: a holder that may stand still at any time, a rival who may take the lease
//! whenever it is free, a grantor of a few lines, messages that are lost, doubled, late and reordered, and clocks
//! that run apart as far as is allowed.
//!
//! The rival is anybody, so what holds for this holder against it holds for any two.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use std::vec::Vec;

use quorate_clocks::{Incarnation, Instant};
use quorate_leases::{
    Ask, Drift, FencingToken, HolderConfig, HolderEvent, HolderRequest, LeaseHolder, Refusal,
    RequestId,
};

use super::cases::{Make, at};

/// What the world is made of. True time passes in steps of a second.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// For so long.
    pub(crate) seconds: u64,
    /// At most so many messages are on their way. With one more the oldest is lost.
    pub(crate) messages: usize,
    /// At most so many are doubled.
    pub(crate) doubled: u8,
    /// So often it may let go, or want it again.
    pub(crate) changes: u8,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    /// In how many it may act, in how many of these after a gap, and in how many a rival may.
    pub(crate) held: usize,
    pub(crate) resumed: usize,
    pub(crate) taken: usize,
}

const TTL: u64 = 4_000;
/// A holder's clock counts so much in a second, and the grantor's so much: as slow, and as fast, as is allowed.
const SLOW: u64 = 800;
const FAST: u64 = 1_200;

#[derive(Clone, Hash)]
struct State {
    second: u64,
    grantor: Grantor,
    holder: LeaseHolder,
    resumed: bool,
    on_the_way: Vec<Message>,
    doubled: u8,
    changes: u8,
}

#[derive(Clone, Copy, Hash)]
struct Message {
    request: HolderRequest,
    /// Nothing, on its way to the grantor.
    answer: Option<Answer>,
}

#[derive(Clone, Copy, Hash)]
enum Answer {
    Granted(FencingToken, Duration),
    Refused(Refusal),
}

/// At most one grant at a time, for as long as was asked, known by its token.
#[derive(Clone, Hash)]
struct Grantor {
    newest: u64,
    request: Option<RequestId>,
    until: u64,
}

impl Grantor {
    /// What holds the lease at this instant.
    fn holds(&self, now: u64) -> Option<FencingToken> {
        (now < self.until).then_some(FencingToken(self.newest))
    }

    /// The rival is granted the lease, and holds it for as long.
    fn take(&mut self, now: u64) {
        self.newest += 1;
        self.request = None;
        self.until = now + TTL;
    }

    fn decide(&mut self, ask: Ask, now: u64) -> Answer {
        let held = self.holds(now);
        let token = match (ask, held) {
            (Ask::Acquire { request, .. }, Some(token)) if self.request == Some(request) => token,
            (Ask::Acquire { request, .. }, _) if self.request == Some(request) => {
                return Answer::Refused(Refusal::Ended);
            }
            (Ask::Acquire { .. }, Some(_)) => {
                let remaining = Duration::from_millis(self.until - now);
                return Answer::Refused(Refusal::Held { remaining });
            }
            (Ask::Acquire { request, .. }, None) => {
                self.newest += 1;
                self.request = Some(request);
                self.until = now + TTL;
                FencingToken(self.newest)
            }
            (Ask::Renew { token, .. }, held) if held == Some(token) => {
                self.until = now + TTL;
                token
            }
            (Ask::Release { token }, held) if held == Some(token) => {
                self.until = now;
                token
            }
            _ => return Answer::Refused(Refusal::Ended),
        };
        Answer::Granted(token, Duration::from_millis(self.until.saturating_sub(now)))
    }
}

impl State {
    fn now(&self) -> Instant {
        at(10_000 + SLOW * self.second)
    }

    fn grantor_now(&self) -> u64 {
        FAST * self.second
    }

    /// If it believes that it may act, it holds the lease at the grantor.
    fn check(&self, explored: &mut Explored) {
        explored.states += 1;
        let held = self.grantor.holds(self.grantor_now());
        if let Some(standing) = self.holder.standing(self.now()) {
            assert_eq!(held, Some(standing.token), "after {} s", self.second);
            explored.held += 1;
            explored.resumed += usize::from(self.resumed);
        } else {
            explored.taken += usize::from(held.is_some() && self.grantor.request.is_none());
        }
    }

    /// The holder runs: it is told the time, tells its events, and sends what is due.
    fn turn(&mut self, bounds: Bounds) {
        let now = self.now();
        self.holder.handle_timeout(now);
        for _ in 0..2 {
            match self.holder.poll_event() {
                Some(HolderEvent::Ended { stretch, .. }) => {
                    self.holder.handle_stopped(stretch, now);
                }
                Some(HolderEvent::Resumed(_)) => self.resumed = true,
                _ => {}
            }
        }
        for _ in 0..2 {
            let Some(request) = self.holder.poll_transmit(now) else {
                break;
            };
            if self.on_the_way.len() >= bounds.messages {
                self.on_the_way.remove(0);
            }
            let answer = None;
            self.on_the_way.push(Message { request, answer });
        }
    }

    fn deliver(&mut self, message: Message) {
        let now = self.now();
        let Message { request, answer } = message;
        let (holder, ticket) = (&mut self.holder, request.ticket);
        match (answer, request.ask) {
            (None, ask) => {
                let grantor_now = self.grantor_now();
                let answer = Some(self.grantor.decide(ask, grantor_now));
                self.on_the_way.push(Message { request, answer });
            }
            (Some(Answer::Refused(refusal)), _) => {
                holder.handle_refused(ticket, refusal, now);
            }
            (Some(Answer::Granted(token, remaining)), Ask::Acquire { .. }) => {
                holder.handle_granted(ticket, token, remaining, now);
            }
            (Some(Answer::Granted(_, remaining)), Ask::Renew { .. }) => {
                holder.handle_renewed(ticket, remaining, now);
            }
            (Some(Answer::Granted(..)), Ask::Release { .. }) => {
                holder.handle_released(ticket, now);
            }
        }
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
        if self.grantor.holds(self.grantor_now()).is_none() {
            then(&|next| next.grantor.take(next.grantor_now()));
        }
        if self.changes < bounds.changes {
            let now = self.now();
            then(&|next| {
                next.changes += 1;
                match next.holder.is_wanted() {
                    true => next.holder.release(now),
                    false => next.holder.acquire(now),
                }
            });
        }
        for place in 0..self.on_the_way.len() {
            then(&|next| {
                let message = next.on_the_way.remove(place);
                next.deliver(message);
            });
            if self.doubled < bounds.doubled {
                then(&|next| {
                    next.doubled += 1;
                    next.deliver(next.on_the_way[place]);
                });
            }
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
pub(crate) fn explore(make: &dyn Make, bounds: Bounds) -> Explored {
    let config = HolderConfig {
        drift: Drift::from_ppm(200_000).unwrap(),
        margin: Duration::ZERO,
        min_pause: Duration::from_millis(600),
        max_pause: Duration::from_millis(600),
        renew_percent: 30,
        ..HolderConfig::new(Duration::from_millis(TTL))
    };
    let mut first = State {
        second: 0,
        grantor: Grantor {
            newest: 0,
            request: None,
            until: 0,
        },
        holder: make.holder(config, Incarnation(1), 7),
        resumed: false,
        on_the_way: Vec::new(),
        doubled: 0,
        changes: 0,
    };
    first.holder.acquire(first.now());
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
