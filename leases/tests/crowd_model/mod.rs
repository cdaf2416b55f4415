//! The lease table as one would write it down: exact, slow, and without an end to its memory.

use std::collections::BTreeMap;

use super::Ask;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Granted(u64, u64),
    Queued(usize, u64),
    Held(u64),
    Ended(u64),
    Waiting(usize),
    Delayed(u64),
    Session(u64),
    Expired(Vec<(u64, u64)>),
    Done,
    No,
}

type Who = (usize, u128);

#[derive(Clone, Copy, Debug)]
enum Term {
    Until(u64),
    Session(u64),
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    who: Who,
    token: u64,
    is_shared: bool,
    term: Term,
    delay: u64,
    /// Whether it is the one that the name itself remembers when it has ended.
    is_own: bool,
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    number: u64,
    who: Who,
    is_shared: bool,
    ttl: u64,
    session: Option<u64>,
    delay: u64,
    until: u64,
}

#[derive(Clone, Debug, Default)]
struct Name {
    holders: Vec<Holder>,
    queue: Vec<Waiter>,
    /// Until when, and its number.
    delayed: Option<(u64, u64)>,
    has_own: bool,
    own_ended: Option<(Who, u64, bool)>,
    ended: BTreeMap<Who, (u64, bool)>,
    /// Holders up to this token were asked to yield.
    asked: u64,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    ttl: u64,
    deadline: u64,
    is_closed: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    names: Vec<Name>,
    /// Those that have not been taken note of to have ended.
    sessions: BTreeMap<u64, Session>,
    pub(crate) last_token: u64,
    pub(crate) last_session: u64,
    drawn: u64,
}

/// What is due first.
enum Due {
    Lease(usize, u64),
    Session(u64),
    Leaves(usize, u64),
    DelayOver(usize),
}

impl Model {
    pub(crate) fn new(names: usize) -> Self {
        Self {
            names: vec![Name::default(); names],
            sessions: BTreeMap::new(),
            last_token: 0,
            last_session: 0,
            drawn: 0,
        }
    }

    fn deadline(&self, term: Term) -> (u64, bool) {
        match term {
            Term::Until(until) => (until, false),
            Term::Session(session) => {
                let session = self.sessions[&session];
                (session.deadline, session.is_closed)
            }
        }
    }

    fn is_live(&self, term: Term, now: u64) -> bool {
        now < self.deadline(term).0
    }

    pub(crate) fn holders(&self, now: u64, name: usize) -> Vec<(u64, u64, bool)> {
        let holders = self.names[name].holders.iter();
        let live = holders.filter(|holder| self.is_live(holder.term, now));
        let mut live: Vec<_> = live
            .map(|holder| {
                let asked = holder.token <= self.names[name].asked;
                (holder.token, self.deadline(holder.term).0, asked)
            })
            .collect();
        live.sort_unstable();
        live
    }

    pub(crate) fn waiting(&self, name: usize) -> usize {
        self.names[name].queue.len()
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// Ends a grant. The delay counts from `from`, if there is one.
    fn end(&mut self, name: usize, token: u64, from: Option<u64>) {
        let holders = &mut self.names[name].holders;
        let found = holders
            .iter()
            .position(|holder| holder.token == token)
            .unwrap();
        let holder = holders.remove(found);
        if let Some(until) = from
            .filter(|_| holder.delay > 0)
            .map(|from| from + holder.delay)
        {
            let number = self.draw();
            let delayed = &mut self.names[name].delayed;
            if delayed.is_none_or(|(earlier, _)| earlier < until) {
                *delayed = Some((until, number));
            }
        }
        let name = &mut self.names[name];
        let released = from.is_none();
        if holder.is_own {
            name.own_ended = Some((holder.who, token, released));
        } else {
            name.ended.insert(holder.who, (token, released));
        }
    }

    fn end_lapsed(&mut self, name: usize, holder: Holder) {
        let (deadline, is_closed) = self.deadline(holder.term);
        self.end(name, holder.token, (!is_closed).then_some(deadline));
    }

    /// The name's own holder, or the oldest other one, if its time has passed.
    fn lapsed(&self, name: usize, now: u64) -> Option<Holder> {
        let holders = &self.names[name].holders;
        let own = holders.iter().find(|holder| holder.is_own);
        let others = holders.iter().filter(|holder| !holder.is_own);
        let oldest = others.min_by_key(|holder| holder.token);
        let mut found = own.into_iter().chain(oldest);
        found
            .find(|holder| !self.is_live(holder.term, now))
            .copied()
    }

    fn settle(&mut self, name: usize, now: u64) {
        while let Some(holder) = self.lapsed(name, now) {
            self.end_lapsed(name, holder);
        }
        self.pass_on(name, now);
    }

    fn goes_with_all(&self, name: usize, is_shared: bool, now: u64) -> bool {
        let holders = self.names[name].holders.iter();
        let mut live = holders.filter(|holder| self.is_live(holder.term, now));
        live.all(|holder| holder.is_shared && is_shared)
    }

    fn is_delayed(&self, name: usize, now: u64) -> Option<u64> {
        let delayed = self.names[name].delayed.map(|(until, _)| until);
        delayed.filter(|until| now < *until && self.holders(now, name).is_empty())
    }

    fn still_waits(&self, waiter: &Waiter, now: u64) -> bool {
        let session = waiter.session;
        let lives = session.is_none_or(|session| now < self.sessions[&session].deadline);
        lives && now < waiter.until
    }

    fn pass_on(&mut self, name: usize, now: u64) {
        while self.lapsed(name, now).is_none() {
            let Some(waiter) = self.names[name].queue.first().copied() else {
                return;
            };
            if !self.still_waits(&waiter, now) {
                self.names[name].queue.remove(0);
                continue;
            }
            if self.is_delayed(name, now).is_some()
                || !self.goes_with_all(name, waiter.is_shared, now)
            {
                return;
            }
            self.names[name].queue.remove(0);
            let term = waiter
                .session
                .map_or(Term::Until(now + waiter.ttl), Term::Session);
            self.grant(name, waiter.who, waiter.is_shared, term, waiter.delay);
        }
    }

    fn grant(&mut self, name: usize, who: Who, is_shared: bool, term: Term, delay: u64) -> Said {
        self.last_token += 1;
        let found = &mut self.names[name];
        let is_own = !is_shared || !found.has_own;
        if is_own {
            found.has_own = true;
            found.own_ended = None;
        }
        found.holders.push(Holder {
            who,
            token: self.last_token,
            is_shared,
            term,
            delay,
            is_own,
        });
        Said::Granted(self.last_token, self.deadline(term).0)
    }

    /// What a request that was granted before is answered.
    fn said_before(&self, now: u64, name: usize, who: Who) -> Option<Said> {
        let found = &self.names[name];
        let holder = found.holders.iter().find(|holder| holder.who == who);
        if let Some(holder) = holder {
            return Some(match self.is_live(holder.term, now) {
                true => Said::Granted(holder.token, self.deadline(holder.term).0),
                false => Said::Ended(holder.token),
            });
        }
        if let Some((token, _)) = found.ended.get(&who) {
            return Some(Said::Ended(*token));
        }
        let own = found.own_ended.filter(|(own, ..)| *own == who);
        own.map(|(_, token, _)| Said::Ended(token))
    }

    fn term(&self, now: u64, ask: &Ask, session: u64) -> Option<Term> {
        match ask.session {
            None => Some(Term::Until(now + ask.ttl)),
            Some(_) => {
                let found = self.sessions.get(&session)?;
                (now < found.deadline).then_some(Term::Session(session))
            }
        }
    }

    pub(crate) fn acquire(&mut self, now: u64, ask: &Ask, session: u64) -> Said {
        let Some(term) = self.term(now, ask, session) else {
            return Said::No;
        };
        let (name, who) = (ask.name, (ask.owner, ask.request));
        self.settle(name, now);
        let place = |model: &Self| {
            let mut queue = model.names[name].queue.iter();
            queue.position(|waiter| waiter.who == who)
        };
        if let Some(place) = place(self)
            && !self.still_waits(&self.names[name].queue[place], now)
        {
            self.names[name].queue.remove(place);
        }
        if let Some(ahead) = place(self) {
            let waiter = &mut self.names[name].queue[ahead];
            waiter.until = waiter.until.max(now + ask.wait.unwrap_or(0));
            return Said::Queued(ahead, waiter.until);
        }
        if let Some(said) = self.said_before(now, name, who) {
            return said;
        }
        let found = &self.names[name];
        let obstacle = if !self.goes_with_all(name, ask.is_shared, now) {
            Some(Said::Held(self.holders(now, name)[0].0))
        } else if let Some(until) = self.is_delayed(name, now) {
            Some(Said::Delayed(until))
        } else if !found.queue.is_empty() {
            Some(Said::Waiting(found.queue.len()))
        } else {
            None
        };
        match (obstacle, ask.wait) {
            (None, _) => self.grant(name, who, ask.is_shared, term, ask.delay),
            (Some(obstacle), None) => obstacle,
            (Some(_), Some(wait)) => {
                let number = self.draw();
                let queue = &mut self.names[name].queue;
                queue.push(Waiter {
                    number,
                    who,
                    is_shared: ask.is_shared,
                    ttl: ask.ttl,
                    session: ask.session.map(|_| session),
                    delay: ask.delay,
                    until: now + wait,
                });
                Said::Queued(queue.len() - 1, now + wait)
            }
        }
    }

    pub(crate) fn steal(&mut self, now: u64, ask: &Ask, session: u64, seen: u64) -> Said {
        let Some(term) = self.term(now, ask, session) else {
            return Said::No;
        };
        let (name, who) = (ask.name, (ask.owner, ask.request));
        self.settle(name, now);
        let mut all = self.names[name].holders.clone();
        all.sort_unstable_by_key(|holder| holder.token);
        let waits = self.names[name]
            .queue
            .iter()
            .position(|waiter| waiter.who == who);
        if let Some(said) = self.said_before(now, name, who).filter(|_| waits.is_none()) {
            return said;
        }
        match self.live(now, name, seen) {
            Some(victim) if victim.who.0 == ask.owner => {}
            _ => return Said::No,
        }
        if let Some(place) = waits {
            self.names[name].queue.remove(place);
        }
        for holder in all {
            if self.is_live(holder.term, now) {
                self.end(name, holder.token, None);
                self.mark_revoked(name, holder);
            } else {
                self.end_lapsed(name, holder);
            }
        }
        self.grant(name, who, ask.is_shared, term, ask.delay)
    }

    /// Ended without a delay, but not released either.
    fn mark_revoked(&mut self, name: usize, holder: Holder) {
        let name = &mut self.names[name];
        if holder.is_own {
            name.own_ended = Some((holder.who, holder.token, false));
        } else {
            name.ended.insert(holder.who, (holder.token, false));
        }
    }

    fn live(&self, now: u64, name: usize, token: u64) -> Option<Holder> {
        let holders = self.names[name].holders.iter();
        let mut live = holders.filter(|holder| self.is_live(holder.term, now));
        live.find(|holder| holder.token == token).copied()
    }

    pub(crate) fn renew(&mut self, now: u64, name: usize, token: u64, ttl: u64) -> Said {
        let Some(Holder {
            term: Term::Until(until),
            ..
        }) = self.live(now, name, token)
        else {
            return Said::No;
        };
        let until = until.max(now + ttl);
        let holders = self.names[name].holders.iter_mut();
        for holder in holders.filter(|holder| holder.token == token) {
            holder.term = Term::Until(until);
        }
        Said::Granted(token, until)
    }

    pub(crate) fn release(&mut self, now: u64, name: usize, token: u64) -> Said {
        if self.live(now, name, token).is_some() {
            self.end(name, token, None);
            self.settle(name, now);
            return Said::Done;
        }
        let found = &self.names[name];
        let own = found
            .own_ended
            .is_some_and(|(_, own, released)| own == token && released);
        let other = found.ended.values().any(|other| *other == (token, true));
        let mut holders = found.holders.iter();
        let closed = holders.any(|it| it.token == token && self.deadline(it.term).1);
        if own || other || closed {
            Said::Done
        } else {
            Said::No
        }
    }

    pub(crate) fn revoke(&mut self, now: u64, name: usize, token: u64) -> Said {
        if self.live(now, name, token).is_none() {
            return Said::No;
        }
        self.end(name, token, Some(now));
        self.settle(name, now);
        Said::Done
    }

    pub(crate) fn cancel(&mut self, now: u64, name: usize, who: Who) -> Said {
        self.settle(name, now);
        let queue = &mut self.names[name].queue;
        let mut said = Said::No;
        if let Some(found) = queue.iter().position(|waiter| waiter.who == who) {
            queue.remove(found);
            said = Said::Done;
        } else {
            let holders = self.names[name].holders.iter();
            let mut found = holders.filter(|holder| holder.who == who);
            if let Some(token) = found.next().map(|holder| holder.token)
                && self.live(now, name, token).is_some()
            {
                self.end(name, token, None);
                said = Said::Done;
            }
        }
        self.settle(name, now);
        said
    }

    pub(crate) fn request_yield(&mut self, now: u64, name: usize) -> Said {
        self.settle(name, now);
        match self.holders(now, name).last() {
            Some((newest, ..)) => {
                self.names[name].asked = *newest;
                Said::Held(*newest)
            }
            None => Said::No,
        }
    }

    pub(crate) fn open(&mut self, now: u64, ttl: u64) -> Said {
        self.last_session += 1;
        let session = Session {
            ttl,
            deadline: now + ttl,
            is_closed: false,
        };
        self.sessions.insert(self.last_session, session);
        Said::Session(self.last_session)
    }

    pub(crate) fn keep_alive(&mut self, now: u64, session: u64) -> Said {
        match self.sessions.get_mut(&session) {
            Some(session) if now < session.deadline => {
                session.deadline = session.deadline.max(now + session.ttl);
                Said::Done
            }
            _ => Said::No,
        }
    }

    pub(crate) fn close(&mut self, now: u64, session: u64) -> Said {
        match self.sessions.get_mut(&session) {
            Some(session) if now < session.deadline => {
                (session.deadline, session.is_closed) = (now, true);
                Said::Done
            }
            _ => Said::No,
        }
    }

    /// The oldest lease of a session, and its name.
    fn first_of(&self, session: u64) -> Option<(u64, usize)> {
        let names = self.names.iter().enumerate();
        let all =
            names.flat_map(|(name, found)| found.holders.iter().map(move |holder| (holder, name)));
        let own =
            all.filter(|(holder, _)| matches!(holder.term, Term::Session(of) if of == session));
        own.map(|(holder, name)| (holder.token, name)).min()
    }

    /// By time; of equal times leases and sessions by token, and then those who wait and delays.
    fn first_due(&self, now: u64) -> Option<Due> {
        let mut due = Vec::new();
        for (number, name) in self.names.iter().enumerate() {
            for holder in &name.holders {
                if let Term::Until(until) = holder.term {
                    due.push((
                        (until, 0, holder.token, 1),
                        Due::Lease(number, holder.token),
                    ));
                }
            }
            for waiter in &name.queue {
                due.push((
                    (waiter.until, 1, waiter.number, 0),
                    Due::Leaves(number, waiter.number),
                ));
            }
            if let Some((until, drawn)) = name.delayed {
                due.push(((until, 1, drawn, 0), Due::DelayOver(number)));
            }
        }
        for (id, session) in &self.sessions {
            let first = self.first_of(*id).map_or(u64::MAX, |(token, _)| token);
            due.push(((session.deadline, 0, first, 0), Due::Session(*id)));
        }
        due.retain(|((at, ..), _)| *at <= now);
        due.into_iter()
            .min_by_key(|(key, _)| *key)
            .map(|(_, due)| due)
    }

    pub(crate) fn expire(&mut self, now: u64, max: usize) -> Said {
        let mut expired = Vec::new();
        for _ in 0..max {
            match self.first_due(now) {
                None => break,
                Some(Due::Lease(name, token)) => {
                    let holder = self.names[name].holders.iter();
                    let holder = *holder.clone().find(|holder| holder.token == token).unwrap();
                    expired.push((token, self.deadline(holder.term).0));
                    self.end_lapsed(name, holder);
                    self.pass_on(name, now);
                }
                Some(Due::Leaves(name, number)) => {
                    self.names[name]
                        .queue
                        .retain(|waiter| waiter.number != number);
                    self.pass_on(name, now);
                }
                Some(Due::DelayOver(name)) => {
                    self.names[name].delayed = None;
                    self.pass_on(name, now);
                }
                Some(Due::Session(id)) => self.end_of_session(now, id, &mut expired),
            }
        }
        Said::Expired(expired)
    }

    /// One thing of a session that is over: a place in a queue, a lease, or itself.
    fn end_of_session(&mut self, now: u64, id: u64, expired: &mut Vec<(u64, u64)>) {
        let names = self.names.iter().enumerate();
        let waiting =
            names.flat_map(|(name, found)| found.queue.iter().map(move |waiter| (waiter, name)));
        let own = waiting.filter(|(waiter, _)| waiter.session == Some(id));
        let first = own.map(|(waiter, name)| (waiter.number, name)).min();
        if let Some((number, name)) = first {
            self.names[name]
                .queue
                .retain(|waiter| waiter.number != number);
            self.pass_on(name, now);
        } else if let Some((token, name)) = self.first_of(id) {
            let holders = &self.names[name].holders;
            let holder = *holders.iter().find(|holder| holder.token == token).unwrap();
            let (deadline, is_closed) = self.deadline(holder.term);
            if !is_closed {
                expired.push((token, deadline));
            }
            self.end_lapsed(name, holder);
            self.pass_on(name, now);
        } else {
            self.sessions.remove(&id);
        }
    }
}
