//! Every schedule of a small world: a lease table, two holders on clocks that run apart as far as is allowed, and
//! a resource with a fence.
//!
//! At any time: a second passes; a holder asks, renews, gives up, or stands still for as long as it likes; a message
//! arrives, twice or never; a holder that may act sends a write, which arrives whenever it likes; the grantor is
//! restarted. So between the check and its effect any pause is possible. The table, the deadlines and the fence are
//! the real ones. The loop that a holder runs is a machine of its own, and explored by itself (`traps/holder`).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use quorate_clocks::Instant;
use quorate_leases::{Drift, Fence, FencingToken, Grant, LeaseTable, Limits, SafeUntil};

/// What the world is made of.
#[derive(Clone, Copy)]
struct Bounds {
    /// True time passes in steps of a second, so many.
    seconds: u64,
    /// What each holder sends, and how many messages are doubled in all.
    requests: [u8; 2],
    doubled: u8,
    /// Writes that are sent in all.
    writes: u8,
    /// How often the grantor is restarted from its snapshot.
    restarts: u8,
    planted: Planted,
}

/// A bug, to see that the explorer finds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Planted {
    Nothing,
    /// Holders count from the receipt of an answer.
    DeadlineFromReceipt,
    /// Holders count as if both clocks were right.
    DriftIgnored,
    /// The resource does not look at tokens.
    NoFence,
    /// The new holder writes without having raised the fence first.
    NoRaise,
    /// The grantor loses its state, and begins with token 1 again.
    TokensAgain,
}

const PLANTED: [Planted; 5] = [
    Planted::DeadlineFromReceipt,
    Planted::DriftIgnored,
    Planted::NoFence,
    Planted::NoRaise,
    Planted::TokensAgain,
];

/// How much was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Explored {
    states: usize,
    /// In how many somebody may act.
    held: usize,
    /// Writes that were let through, and refused.
    written: usize,
    refused: usize,
    /// Restarts of the grantor while somebody held the lease.
    restarted: usize,
}

const TTL: Duration = Duration::from_millis(2_000);
const NAME: &str = "disk";
const OWNERS: [&str; 2] = ["ann", "bob"];
/// What the grantor's clock and the holders' count in a second: as fast, and as slow, as is declared.
const FAST: u64 = 1_100;
const SLOW: u64 = 900;
const DECLARED: u32 = 100_000;

#[derive(Clone, Hash)]
struct State {
    second: u64,
    table: LeaseTable,
    fence: Fence,
    holders: [Holder; 2],
    on_the_way: Vec<Message>,
    /// Writes that were sent while their holder was sure that it may.
    writes: Vec<FencingToken>,
    /// The token of the newest write that was let through.
    newest_write: FencingToken,
    doubled: u8,
    written: u8,
    restarts: u8,
}

#[derive(Clone, Default, Hash)]
struct Holder {
    sent: u8,
    /// The number of its latest wish.
    wish: u128,
    held: Option<(FencingToken, SafeUntil)>,
    /// Whether it raised the fence with its token.
    raised: bool,
}

#[derive(Clone, Copy, Hash)]
struct Message {
    holder: usize,
    ask: Ask,
    /// When the request left, by the holder's clock.
    sent_at: Instant,
    /// Nothing, on its way to the grantor.
    answer: Option<(FencingToken, Duration)>,
}

#[derive(Clone, Copy, Hash)]
enum Ask {
    Acquire(u128),
    Renew(FencingToken),
    Release(FencingToken),
}

fn table(last: FencingToken) -> LeaseTable {
    let limits = Limits {
        min_ttl: Duration::from_millis(1),
        max_events: 0,
        ..Limits::default()
    };
    LeaseTable::with_tokens_after(limits, last)
}

impl State {
    fn start() -> Self {
        Self {
            second: 0,
            table: table(FencingToken::NONE),
            fence: Fence::new(),
            holders: [Holder::default(), Holder::default()],
            on_the_way: Vec::new(),
            writes: Vec::new(),
            newest_write: FencingToken::NONE,
            doubled: 0,
            written: 0,
            restarts: 0,
        }
    }

    fn holder_now(&self) -> Instant {
        Instant::from_millis(10_000 + SLOW * self.second)
    }

    fn grantor_now(&self) -> Instant {
        Instant::from_millis(FAST * self.second)
    }

    /// The token that a holder may act under, if it may.
    fn may_act(&self, at: usize) -> Option<FencingToken> {
        let (token, safe) = self.holders[at].held?;
        safe.is_safe(self.holder_now()).then_some(token)
    }

    /// What must hold whenever one looks.
    fn check(&self, explored: &mut Explored) -> Result<(), String> {
        explored.states += 1;
        for (at, owner) in OWNERS.into_iter().enumerate() {
            let Some(token) = self.may_act(at) else {
                continue;
            };
            explored.held += 1;
            let lease = self.table.get(self.grantor_now(), NAME);
            if !lease.is_some_and(|lease| lease.token == token && lease.owner == owner) {
                return Err(format!("{owner} may act, and {lease:?} holds"));
            }
        }
        Ok(())
    }

    fn send(&mut self, at: usize, ask: Ask) {
        self.holders[at].sent += 1;
        self.on_the_way.push(Message {
            holder: at,
            ask,
            sent_at: self.holder_now(),
            answer: None,
        });
    }

    fn deliver(&mut self, message: Message, bounds: Bounds) {
        let Message {
            holder: at,
            ask,
            sent_at,
            answer,
        } = message;
        let now = self.holder_now();
        let Some((token, remaining)) = answer else {
            if let Some(grant) = self.decide(at, ask) {
                let answer = Some((grant.token, grant.remaining));
                self.on_the_way.push(Message { answer, ..message });
            }
            return;
        };
        let (sent_at, drift) = match bounds.planted {
            Planted::DeadlineFromReceipt => (now, DECLARED),
            Planted::DriftIgnored => (sent_at, 0),
            _ => (sent_at, DECLARED),
        };
        let drift = Drift::from_ppm(drift).expect("less than all of the time");
        let safe = SafeUntil::new(sent_at, remaining, drift, Duration::ZERO);
        let holder = &mut self.holders[at];
        match (ask, holder.held) {
            // An answer to an earlier wish is none to this one.
            (Ask::Acquire(wish), None) if wish == holder.wish => {
                holder.held = Some((token, safe));
                holder.raised = false;
            }
            // Only the same grant's deadline is moved, and never back.
            (Ask::Acquire(_) | Ask::Renew(_), Some((held, until)))
                if held == token && until.deadline() < safe.deadline() =>
            {
                holder.held = Some((token, safe));
            }
            _ => {}
        }
    }

    fn decide(&mut self, at: usize, ask: Ask) -> Option<Grant> {
        let now = self.grantor_now();
        match ask {
            Ask::Acquire(wish) => self.table.acquire(now, NAME, OWNERS[at], TTL, wish).ok(),
            Ask::Renew(token) => self.table.renew(now, NAME, token, TTL).ok(),
            Ask::Release(token) => {
                let _ = self.table.release(now, NAME, token);
                None
            }
        }
    }

    /// A holder that may act raises the fence first, and writes after that.
    fn act(&mut self, at: usize, token: FencingToken, bounds: Bounds) {
        let ready = self.holders[at].raised || bounds.planted == Planted::NoRaise;
        if ready && self.written < bounds.writes {
            self.written += 1;
            self.writes.push(token);
        } else {
            self.holders[at].raised = self.fence.raise(token).is_ok();
        }
    }

    /// A write arrives, late or not. Says whether it was let through.
    fn write(&mut self, token: FencingToken, bounds: Bounds) -> Result<bool, String> {
        let refused = self.fence.check_and_raise(token).is_err();
        if refused && bounds.planted != Planted::NoFence {
            return Ok(false);
        }
        if token < self.newest_write {
            return Err(format!("{token} wrote after {}", self.newest_write));
        }
        // Who may act and has raised the fence reads what nobody older changes any more.
        for at in 0..2 {
            let ready = self.holders[at].raised || bounds.planted == Planted::NoRaise;
            if let Some(holds) = self.may_act(at).filter(|_| ready)
                && token < holds
            {
                return Err(format!("{token} wrote while {holds} held"));
            }
        }
        self.newest_write = token;
        Ok(true)
    }

    /// All that can happen next. That a message is lost is that it is never delivered.
    fn next(&self, bounds: Bounds, explored: &mut Explored) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        let mut then = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        if self.second < bounds.seconds {
            then(&|next| next.second += 1);
        }
        for at in 0..2 {
            let holder = &self.holders[at];
            let can_send = holder.sent < bounds.requests[at];
            match holder.held {
                None if can_send => {
                    // A retry, and a new wish.
                    then(&|next| next.send(at, Ask::Acquire(next.holders[at].wish)));
                    then(&|next| {
                        next.holders[at].wish += 1;
                        next.send(at, Ask::Acquire(next.holders[at].wish));
                    });
                }
                Some((token, _)) => {
                    if can_send {
                        then(&|next| next.send(at, Ask::Renew(token)));
                    }
                    // It stops, and then gives up, which may be heard or not.
                    then(&|next| {
                        next.holders[at].held = None;
                        next.holders[at].wish += 1;
                        next.send(at, Ask::Release(token));
                    });
                }
                None => {}
            }
            if let Some(token) = self.may_act(at)
                && (self.written < bounds.writes || !holder.raised)
            {
                then(&|next| next.act(at, token, bounds));
            }
        }
        if self.restarts < bounds.restarts {
            then(&|next| {
                next.restarts += 1;
                let bytes = next.table.snapshot();
                next.table = match bounds.planted {
                    Planted::TokensAgain => table(FencingToken::NONE),
                    _ => LeaseTable::restore(next.table.limits(), &bytes)
                        .expect("a snapshot that was taken"),
                };
            });
            let held = self.table.get(self.grantor_now(), NAME).is_some();
            explored.restarted += usize::from(held);
        }
        for place in 0..self.on_the_way.len() {
            then(&|next| {
                let message = next.on_the_way.remove(place);
                next.deliver(message, bounds);
            });
            if self.doubled < bounds.doubled {
                then(&|next| {
                    next.doubled += 1;
                    next.deliver(next.on_the_way[place], bounds);
                });
            }
        }
        for place in 0..self.writes.len() {
            let mut next = self.clone();
            let token = next.writes.remove(place);
            match next.write(token, bounds)? {
                true => explored.written += 1,
                false => explored.refused += 1,
            }
            all.push(next);
        }
        Ok(all)
    }

    /// A message that will change nothing, whenever it arrives, may as well be lost.
    fn lose_what_changes_nothing(&mut self, bounds: Bounds) {
        let (now, grantor_now) = (self.holder_now(), self.grantor_now());
        let current = self.table.get(grantor_now, NAME).map(|lease| lease.token);
        let holders = self.holders.clone();
        self.on_the_way.retain(|message| {
            let holder = &holders[message.holder];
            match (message.answer, message.ask) {
                (None, Ask::Acquire(_)) => true,
                (None, Ask::Renew(token) | Ask::Release(token)) => current == Some(token),
                (Some(_), Ask::Acquire(wish)) if wish != holder.wish => false,
                (Some((token, _)), Ask::Renew(_))
                    if holder.held.is_none_or(|(held, _)| held != token) =>
                {
                    false
                }
                (Some((_, remaining)), _) => {
                    let drift = Drift::from_ppm(DECLARED).expect("less than all of the time");
                    let safe = SafeUntil::new(message.sent_at, remaining, drift, Duration::ZERO);
                    safe.is_safe(now) || bounds.planted != Planted::Nothing
                }
            }
        });
        // So does a deadline that is over: only a renewal makes another.
        for (holder, requests) in self.holders.iter_mut().zip(bounds.requests) {
            if holder.sent >= requests
                && holder.held.is_some_and(|(_, safe)| !safe.is_safe(now))
                && bounds.planted == Planted::Nothing
            {
                holder.held = None;
            }
        }
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

/// Goes through every state that can be reached, or up to the first in which something is wrong.
fn explore(bounds: Bounds) -> Result<Explored, String> {
    let first = State::start();
    let mut explored = Explored::default();
    let mut seen = BTreeSet::from([first.fingerprint()]);
    let mut left = vec![first];
    while let Some(state) = left.pop() {
        state.check(&mut explored)?;
        for mut next in state.next(bounds, &mut explored)? {
            next.lose_what_changes_nothing(bounds);
            // What is on its way has no order.
            next.on_the_way.sort_unstable_by_key(|message| {
                let mut hasher = DefaultHasher::new();
                message.hash(&mut hasher);
                hasher.finish()
            });
            if seen.insert(next.fingerprint()) {
                left.push(next);
            }
        }
    }
    Ok(explored)
}

/// Small enough to be gone through with every build. More of anything multiplies the states by ten.
const BOUNDS: Bounds = Bounds {
    seconds: 3,
    requests: [2, 1],
    doubled: 0,
    writes: 1,
    restarts: 0,
    planted: Planted::Nothing,
};

fn no_schedule_breaks(bounds: Bounds) -> Explored {
    let explored = explore(bounds).unwrap_or_else(|wrong| panic!("{wrong}"));
    // Otherwise nothing was at stake.
    assert!(
        explored.held > 0 && explored.written > 0 && explored.refused > 0,
        "{explored:?}"
    );
    explored
}

#[test]
fn no_schedule_lets_two_act_or_an_older_one_write() {
    let explored = no_schedule_breaks(BOUNDS);
    assert_eq!(explored.states, 117_019);
}

#[test]
fn nor_one_in_which_the_grantor_restarts_and_messages_are_doubled() {
    let explored = no_schedule_breaks(Bounds {
        requests: [1, 1],
        doubled: 1,
        restarts: 1,
        ..BOUNDS
    });
    assert!(explored.restarted > 0);
    assert_eq!(explored.states, 136_784);
}

#[test]
fn a_planted_bug_is_found() {
    for planted in PLANTED {
        let restarts = u8::from(planted == Planted::TokensAgain);
        let found = explore(Bounds {
            planted,
            restarts,
            requests: [1, 1],
            writes: 2,
            ..BOUNDS
        });
        assert!(found.is_err(), "{planted:?} is not found: {found:?}");
    }
}
