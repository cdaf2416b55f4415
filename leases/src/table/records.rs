//! The entries of a table: found by name and by token, ended by time, and forgotten after that.

use alloc::vec::Vec;

use quorate_clocks::{Instant, TimerId};

use super::entry::{Entry, Hold, Links, List};
use super::index::{NameIndex, Secret, TokenIndex};
use super::name::Name;
use super::owners::{OwnerId, Owners};
use super::slab::{NONE, Slab};
use super::timeline::{Look, Timeline};
use crate::FencingToken;

/// All entries, and what is due with them. Each is either in the timeline of ends, or in the list of
/// the ended ones, which ends with those to be forgotten last.
#[derive(Clone)]
pub(super) struct Records {
    entries: Slab<Entry>,
    names: NameIndex,
    tokens: TokenIndex,
    owners: Owners,
    ends: Timeline,
    ended: List,
}

/// A grant that is to be written down.
pub(super) struct New<'a> {
    pub(super) owner: &'a str,
    pub(super) request: u128,
    pub(super) token: FencingToken,
    pub(super) until: Instant,
}

impl Records {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            entries: Slab::new(),
            names: NameIndex::new(secret),
            tokens: TokenIndex::new(),
            owners: Owners::new(secret),
            ends: Timeline::new(),
            ended: List::EMPTY,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.names.find(&self.entries, name)
    }

    pub(super) fn find_token(&self, token: FencingToken) -> Option<u32> {
        self.tokens.find(&self.entries, token)
    }

    pub(super) fn entry(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at)
    }

    pub(super) fn owner(&self, entry: &Entry) -> &str {
        self.owners.name(entry.owner())
    }

    /// Whether the grant at `at` was made for this request.
    pub(super) fn is_retry(&self, at: u32, owner: &str, request: u128) -> bool {
        self.entry(at)
            .is_some_and(|entry| entry.request() == request && self.owner(entry) == owner)
    }

    /// The place of the name if it is held at `now`, and until when.
    pub(super) fn held(&self, name: &str, now: Instant) -> Option<(&Entry, Instant)> {
        let entry = self.entry(self.find(name)?)?;
        Some((entry, entry.expires_after(now)?))
    }

    /// Writes a grant down, in the place of the name's earlier one.
    pub(super) fn grant(&mut self, name: &str, new: &New<'_>) {
        let owner = self.owners.retain(new.owner);
        let earlier = self.find(name);
        let at = match earlier {
            Some(at) => {
                self.unschedule(at);
                if let Some(entry) = self.entries.get(at) {
                    let (owner, token) = (entry.owner(), entry.token);
                    self.owners.release(owner);
                    self.tokens.remove(token, at);
                }
                at
            }
            None => {
                let hold = ended(owner, true, Instant::ORIGIN);
                let entry = Entry::new(Name::new(name), 0, FencingToken::NONE, hold);
                self.entries.insert(entry)
            }
        };
        let timer = self.ends.set(new.until, at);
        if let Some(entry) = self.entries.get_mut(at) {
            let hold = Hold::Until {
                owner,
                until: new.until,
                timer,
            };
            *entry = Entry::new(entry.name.clone(), new.request, new.token, hold);
        }
        if earlier.is_none() && at != NONE {
            self.names.insert(&self.entries, at);
        }
        self.tokens.insert(&self.entries, new.token, at);
    }

    /// Puts the end of a grant off.
    pub(super) fn extend(&mut self, at: u32, to: Instant) {
        if let Some(entry) = self.entries.get_mut(at)
            && let Hold::Until { until, .. } = &mut entry.hold
        {
            *until = to.max(*until);
        }
    }

    /// Ends a grant: it is remembered until `forget_at`, which must not be before that of others.
    pub(super) fn end(&mut self, at: u32, released: bool, forget_at: Instant) {
        self.unschedule(at);
        if let Some(entry) = self.entries.get_mut(at) {
            entry.hold = ended(entry.owner(), released, forget_at);
            self.ended.push(&mut self.entries, at);
        }
    }

    /// Takes the entry out of where it is due.
    fn unschedule(&mut self, at: u32) {
        let Some(entry) = self.entries.get(at) else {
            return;
        };
        match entry.hold {
            Hold::Until { until, timer, .. } => {
                self.ends.cancel(timer, until, entry.token.0, at);
            }
            Hold::Ended { .. } => self.ended.remove(&mut self.entries, at),
        }
    }

    fn remove(&mut self, at: u32) {
        self.unschedule(at);
        if let Some(entry) = self.entries.remove(at) {
            self.names.remove(&entry, at);
            self.tokens.remove(entry.token, at);
            self.owners.release(entry.owner());
        }
    }

    /// One step of a constant amount of work; false when all that has run out by `now` is known.
    pub(super) fn sort(&mut self, now: Instant) -> bool {
        self.ends.step(now, &mut Ends(&mut self.entries))
    }

    /// The grant whose time passed first, if any has by `now`: when, and where it is.
    pub(super) fn first_expired(&mut self, now: Instant) -> Option<(Instant, u32)> {
        while self.sort(now) {}
        self.ends.first().map(|(until, _, at)| (until, at))
    }

    /// Before this no grant ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// Forgets the ended grant that is to be forgotten first, if it is by `now`.
    pub(super) fn forget_one(&mut self, now: Instant) -> bool {
        let first = self.ended.first().and_then(|at| self.entry(at));
        let is_due = first
            .and_then(Entry::forget_at)
            .is_some_and(|forget_at| forget_at <= now);
        is_due && self.forget_first()
    }

    /// Forgets the ended grant that is to be forgotten first, early. False if there is none.
    pub(super) fn forget_first(&mut self) -> bool {
        match self.ended.first() {
            Some(at) => {
                self.remove(at);
                true
            }
            None => false,
        }
    }

    /// In the order of the names.
    pub(super) fn sorted(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.unordered().map(|(_, entry)| entry).collect();
        entries.sort_unstable_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
        entries
    }

    /// The ended ones, in the order in which they are forgotten.
    pub(super) fn ended(&self) -> impl Iterator<Item = &Entry> {
        let places = self.ended.iter(&self.entries);
        places.filter_map(|at| self.entry(at))
    }
}

/// Over, and not in the list of the ended ones yet.
const fn ended(owner: OwnerId, released: bool, forget_at: Instant) -> Hold {
    Hold::Ended {
        owner,
        released,
        forget_at,
        links: Links::NONE,
    }
}

struct Ends<'a>(&'a mut Slab<Entry>);

impl Look for Ends<'_> {
    fn deadline(&self, at: u32) -> Option<(Instant, u64)> {
        let entry = self.0.get(at)?;
        match entry.hold {
            Hold::Until { until, .. } => Some((until, entry.token.0)),
            Hold::Ended { .. } => None,
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
