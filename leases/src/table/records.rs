//! The entries of a table: found by name and by token, ended by time, and forgotten after that.

use alloc::vec::Vec;

use quorate_clocks::{Instant, TimerId};

use super::crowd::{Crowd, Crowds, Life, Seat};
use super::entry::{Entry, Hold, Links, List};
use super::index::{NameIndex, NumberIndex, Secret};
use super::name::Name;
use super::owners::{OwnerId, Owners};
use super::session::Session;
use super::slab::{NONE, Slab};
use super::timeline::{Look, Rank, Timeline};
use super::weakness::{Weakness, Weaknesses};
use crate::{FencingToken, Mode};

/// All entries and sessions, and what is due with them. An entry is in the timeline of ends, or in the
/// list of its session, or in the list of the ended ones, which ends with those to be forgotten last.
#[derive(Clone)]
pub(super) struct Records {
    pub(super) entries: Slab<Entry>,
    names: NameIndex,
    tokens: NumberIndex,
    pub(super) owners: Owners,
    pub(super) ends: Timeline,
    ended: List,
    pub(super) crowds: Crowds,
    pub(super) sessions: Slab<Session>,
    session_ids: NumberIndex,
    pub(super) session_ends: Timeline,
    pub(super) weak: Weaknesses,
}

/// A grant that is to be written down.
#[derive(Clone, Copy)]
pub(super) struct New {
    /// Counted as used by the entry.
    pub(super) owner: OwnerId,
    pub(super) request: u128,
    pub(super) mode: Mode,
    pub(super) token: FencingToken,
    pub(super) life: Term,
}

/// When a grant ends.
#[derive(Clone, Copy)]
pub(super) enum Term {
    At(Instant),
    With(u32),
}

impl Term {
    pub(super) fn starting(life: Life, now: Instant) -> Self {
        match life {
            Life::For(ttl) => Self::At(now.saturating_add(ttl)),
            Life::With(session) => Self::With(session),
        }
    }
}

impl Records {
    pub(super) fn new(secret: Secret) -> Self {
        Self {
            entries: Slab::new(),
            names: NameIndex::new(secret),
            tokens: NumberIndex::new(),
            owners: Owners::new(secret),
            ends: Timeline::new(),
            ended: List::EMPTY,
            crowds: Crowds::default(),
            sessions: Slab::new(),
            session_ids: NumberIndex::new(),
            session_ends: Timeline::new(),
            weak: Weaknesses::NONE,
        }
    }

    /// The place of the entry that has the name.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.names.find(&self.entries, name)
    }

    /// The place of the entry of the grant.
    pub(super) fn find_token(&self, token: FencingToken) -> Option<u32> {
        self.tokens.find(&self.entries, token.0)
    }

    pub(super) fn find_session(&self, id: u64) -> Option<u32> {
        self.session_ids.find(&self.sessions, id)
    }

    /// The place of the entry that has the name of the one at this place.
    pub(super) fn anchor(&self, at: u32) -> u32 {
        match self.entries.get(at) {
            Some(Entry {
                name: Name::Of(anchor),
                ..
            }) => *anchor,
            _ => at,
        }
    }

    pub(super) fn name(&self, at: u32) -> &str {
        let anchor = self.entries.get(self.anchor(at));
        anchor.map_or("", |entry| entry.name.as_str())
    }

    pub(super) fn is_named(&self, at: u32, name: &str) -> bool {
        let anchor = self.entries.get(self.anchor(at));
        anchor.is_some_and(|entry| entry.is_named(name))
    }

    pub(super) fn owner(&self, entry: &Entry) -> &str {
        entry.owner().map_or("", |owner| self.owners.name(owner))
    }

    /// When the grant ends, or did although nobody noticed.
    pub(super) fn deadline(&self, entry: &Entry) -> Option<Instant> {
        match entry.hold {
            Hold::Until { .. } | Hold::Session { .. }
                if self.weak.has(Weakness::HeldUntilNoticed) =>
            {
                Some(Instant::MAX)
            }
            Hold::Until { until, .. } => Some(until),
            Hold::Session { .. } if self.weak.has(Weakness::SessionOutlives) => Some(Instant::MAX),
            Hold::Session { session, .. } => Some(self.sessions.get(session)?.deadline),
            Hold::Ended { .. } | Hold::Vacant => None,
        }
    }

    /// The end of the grant, if that is after `now`.
    pub(super) fn expires_after(&self, entry: &Entry, now: Instant) -> Option<Instant> {
        self.deadline(entry).filter(|deadline| now < *deadline)
    }

    pub(super) fn is_held(&self, at: u32, now: Instant) -> bool {
        let entry = self.entries.get(at);
        entry.is_some_and(|entry| self.expires_after(entry, now).is_some())
    }

    /// Those who hold the name at `now`, the oldest first.
    pub(super) fn holders(
        &self,
        anchor: u32,
        now: Instant,
    ) -> impl Iterator<Item = (&Entry, Instant)> {
        self.places(anchor).filter_map(move |at| {
            let entry = self.entries.get(at)?;
            Some((entry, self.expires_after(entry, now)?))
        })
    }

    /// The places of all grants of the name whose end was not noticed, and its own, the oldest first.
    pub(super) fn places(&self, anchor: u32) -> impl Iterator<Item = u32> {
        let own = self.entries.get(anchor).map(|entry| entry.token);
        let own = own.unwrap_or(FencingToken::NONE);
        // Who shares a name takes its own place, too, when that was left by another.
        let further = self.crowds.get(&anchor).map(|crowd| &crowd.further);
        let before = further.map(|further| further.range(..own));
        let after = further.map(|further| further.range(own..));
        let before = before.into_iter().flatten().map(|(_, at)| *at);
        let after = after.into_iter().flatten().map(|(_, at)| *at);
        before.chain(core::iter::once(anchor)).chain(after)
    }

    pub(super) fn crowd(&mut self, anchor: u32) -> &mut Crowd {
        self.crowds.entry(anchor).or_default()
    }

    /// A new name, without a grant yet.
    pub(super) fn add_name(&mut self, name: &str) -> u32 {
        let entry = Entry::new(Name::new(name), 0, FencingToken::NONE, Hold::Vacant);
        let at = self.entries.insert(entry);
        if at != NONE {
            self.names.insert(&self.entries, at);
        }
        at
    }

    /// Writes a grant down in the entry of the name, in the place of an earlier one.
    pub(super) fn grant(&mut self, at: u32, new: New) {
        self.clear(at);
        self.fill(at, new);
    }

    /// Writes a grant down that is not the only one of the name.
    pub(super) fn grant_further(&mut self, anchor: u32, new: New) {
        let entry = Entry::new(Name::Of(anchor), 0, FencingToken::NONE, Hold::Vacant);
        let at = self.entries.insert(entry);
        if at == NONE {
            return;
        }
        self.fill(at, new);
        let crowd = self.crowd(anchor);
        crowd.further.insert(new.token, at);
        crowd
            .requests
            .insert((new.owner, new.request), Seat::At(at));
    }

    fn fill(&mut self, at: u32, new: New) {
        let New { owner, mode, .. } = new;
        let hold = match new.life {
            Term::At(until) => Hold::Until {
                owner,
                mode,
                until,
                timer: self.ends.set(until, at),
            },
            Term::With(session) => Hold::Session {
                owner,
                mode,
                session,
                links: Links::NONE,
            },
        };
        if let Some(entry) = self.entries.get_mut(at) {
            let name = entry.name.clone();
            *entry = Entry::new(name, new.request, new.token, hold);
        }
        if let Term::With(session) = new.life
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.leases.push(&mut self.entries, at);
        }
        self.tokens.insert(&self.entries, new.token.0, at);
    }

    /// Puts the end of a grant off.
    pub(super) fn extend(&mut self, at: u32, to: Instant) {
        if let Some(entry) = self.entries.get_mut(at)
            && let Hold::Until { until, .. } = &mut entry.hold
        {
            *until = to;
        }
    }

    /// Ends a grant: it is remembered until `forget_at`, which must not be before that of others.
    pub(super) fn end(&mut self, at: u32, released: bool, forget_at: Instant) {
        self.unschedule(at);
        let anchor = self.anchor(at);
        if let Some(entry) = self.entries.get_mut(at)
            && let Some(owner) = entry.owner()
        {
            entry.hold = Hold::Ended {
                owner,
                mode: entry.mode(),
                released,
                forget_at,
                links: Links::NONE,
            };
            let token = entry.token;
            self.ended.push(&mut self.entries, at);
            if let Some(crowd) = self.crowds.get_mut(&anchor) {
                crowd.further.remove(&token);
            }
        }
    }

    /// Takes the entry out of where it is due.
    fn unschedule(&mut self, at: u32) {
        let Some(entry) = self.entries.get(at) else {
            return;
        };
        match entry.hold {
            Hold::Until { until, timer, .. } => {
                self.ends.cancel(timer, until, (entry.token.0, 0), at);
            }
            Hold::Session { session, .. } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.leases.remove(&mut self.entries, at);
                }
            }
            Hold::Ended { .. } => self.ended.remove(&mut self.entries, at),
            Hold::Vacant => {}
        }
    }

    /// Takes the grant out of an entry.
    fn clear(&mut self, at: u32) {
        self.unschedule(at);
        if let Some(entry) = self.entries.get_mut(at)
            && let Some(owner) = entry.owner()
        {
            let token = core::mem::replace(&mut entry.token, FencingToken::NONE);
            entry.hold = Hold::Vacant;
            self.tokens.remove(token.0, at);
            self.owners.release(owner);
        }
    }

    /// Forgets a grant that has ended.
    fn forget(&mut self, at: u32) {
        let anchor = self.anchor(at);
        if anchor == at {
            self.clear(at);
        } else if let Some(entry) = self.entries.get(at) {
            let seat = entry.owner().map(|owner| (owner, entry.request()));
            if let Some(crowd) = self.crowds.get_mut(&anchor)
                && let Some(seat) = seat
            {
                crowd.requests.remove(&seat);
            }
            self.clear(at);
            self.entries.remove(at);
        }
        self.tidy(anchor);
    }

    /// Drops what a name does not need any more, the name itself included.
    pub(super) fn tidy(&mut self, anchor: u32) {
        let own = self.entries.get(anchor).filter(|entry| entry.is_granted());
        let own = own.map(|entry| entry.token);
        if let Some(crowd) = self.crowds.get_mut(&anchor) {
            let further = crowd.further.keys().next().copied();
            let oldest = own.into_iter().chain(further).min();
            if oldest.is_none_or(|oldest| oldest > crowd.asked) {
                // Of those who were asked nobody is left.
                crowd.asked = FencingToken::NONE;
            }
            if crowd.is_needed() {
                return;
            }
            self.crowds.remove(&anchor);
        }
        if let Some(entry) = self.entries.get(anchor)
            && matches!(entry.hold, Hold::Vacant)
            && let Some(entry) = self.entries.remove(anchor)
        {
            self.names.remove(&entry, anchor);
        }
    }

    /// Forgets the ended grant that is to be forgotten first, if it is by `now`.
    pub(super) fn forget_one(&mut self, now: Instant) -> bool {
        let first = self.ended.first().and_then(|at| self.entries.get(at));
        let is_due = first.is_some_and(|entry| match entry.hold {
            Hold::Ended { forget_at, .. } => forget_at <= now,
            _ => false,
        });
        is_due && self.forget_first()
    }

    /// Forgets the ended grant that is to be forgotten first, early. False if there is none.
    pub(super) fn forget_first(&mut self) -> bool {
        let first = self.ended.first();
        if let Some(at) = first {
            self.forget(at);
        }
        first.is_some()
    }

    /// One step of a constant amount of work; false when all that has run out by `now` is known.
    pub(super) fn sort(&mut self, now: Instant) -> bool {
        let entries = &mut self.entries;
        self.ends.step(now, &mut Ends(entries))
            || self
                .session_ends
                .step(now, &mut SessionEnds(&mut self.sessions, &self.entries))
    }

    /// Sorts until it is known what ran out first by `now`, and no further: what runs out later is
    /// looked at when its time comes.
    pub(super) fn sort_first(&mut self, now: Instant) {
        loop {
            let firsts = [self.ends.first(), self.session_ends.first()];
            let first = firsts.into_iter().flatten().map(|(deadline, ..)| deadline);
            if !self.sort(first.min().map_or(now, |first| first.min(now))) {
                return;
            }
        }
    }

    /// Writes a session down.
    pub(super) fn open_session(&mut self, session: Session) -> u32 {
        let (number, deadline) = (session.id.0, session.deadline);
        let at = self.sessions.insert(session);
        let timer = self.session_ends.set(deadline, at);
        if let Some(session) = self.sessions.get_mut(at) {
            session.timer = timer;
        }
        self.session_ids.insert(&self.sessions, number, at);
        at
    }

    /// Ends a session now, though its time has not passed.
    pub(super) fn close_session(&mut self, at: u32, now: Instant) {
        let first = self.rank_of_session(at);
        if let Some(session) = self.sessions.get_mut(at) {
            self.session_ends
                .cancel(session.timer, session.deadline, first, at);
            (session.deadline, session.closed) = (now, true);
            self.session_ends.push_due(now, first, at);
        }
    }

    /// Forgets a session that has no leases any more.
    pub(super) fn remove_session(&mut self, at: u32, due: (Instant, Rank)) {
        if let Some(session) = self.sessions.remove(at) {
            let (deadline, rank) = due;
            self.session_ends.cancel(session.timer, deadline, rank, at);
            self.session_ids.remove(session.id.0, at);
        }
    }

    /// Where a session comes among what ends at the same instant: where its oldest lease does.
    pub(super) fn rank_of_session(&self, at: u32) -> Rank {
        let session = self.sessions.get(at);
        session.map_or((0, 0), |session| rank(session, &self.entries))
    }

    /// The entries that have the names, in the order of those.
    pub(super) fn sorted(&self) -> Vec<(u32, &Entry)> {
        let entries = self.entries.unordered();
        let mut names: Vec<_> = entries
            .filter(|(_, entry)| !matches!(entry.name, Name::Of(_)))
            .collect();
        names.sort_unstable_by(|(_, one), (_, other)| {
            one.name.as_bytes().cmp(other.name.as_bytes())
        });
        names
    }

    /// The ended ones, in the order in which they are forgotten.
    pub(super) fn ended(&self) -> impl Iterator<Item = &Entry> {
        let places = self.ended.iter(&self.entries);
        places.filter_map(|at| self.entries.get(at))
    }
}

struct Ends<'a>(&'a mut Slab<Entry>);

impl Look for Ends<'_> {
    fn deadline(&self, at: u32) -> Option<(Instant, Rank)> {
        let entry = self.0.get(at)?;
        match entry.hold {
            Hold::Until { until, .. } => Some((until, (entry.token.0, 0))),
            _ => None,
        }
    }

    fn set_timer(&mut self, at: u32, new: TimerId) {
        if let Some(Entry {
            hold: Hold::Until { timer, .. },
            ..
        }) = self.0.get_mut(at)
        {
            *timer = new;
        }
    }
}

/// Its oldest lease, and without one after all leases: so a session only moves back when it loses some,
/// and one that is in the order already is never found too late.
fn rank(session: &Session, entries: &Slab<Entry>) -> Rank {
    let first = session.leases.first().and_then(|at| entries.get(at));
    (first.map_or(u64::MAX, |entry| entry.token.0), session.id.0)
}

/// A session comes where its oldest lease does.
struct SessionEnds<'a>(&'a mut Slab<Session>, &'a Slab<Entry>);

impl Look for SessionEnds<'_> {
    fn deadline(&self, at: u32) -> Option<(Instant, Rank)> {
        let session = self.0.get(at)?;
        Some((session.deadline, rank(session, self.1)))
    }

    fn set_timer(&mut self, at: u32, new: TimerId) {
        if let Some(session) = self.0.get_mut(at) {
            session.timer = new;
        }
    }
}
