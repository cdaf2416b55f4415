//! What the table remembers of a name: its latest grant.

use quorate_clocks::{Instant, TimerId};

use super::name::Name;
use super::owners::OwnerId;
use super::slab::{NONE, Slab};
use crate::FencingToken;

/// A name and its latest grant. There may be a million of them, so it is kept small: a test counts.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: Name,
    request: [u64; 2],
    pub(super) token: FencingToken,
    pub(super) hold: Hold,
}

/// Where a grant is in its life. The owner is in here because there is room beside the discriminant.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    /// Granted. Over once `until` has come, whether anybody noticed or not.
    Until {
        owner: OwnerId,
        until: Instant,
        timer: TimerId,
    },
    /// Its holder gave it up, or its end by time was noticed.
    Ended {
        owner: OwnerId,
        released: bool,
        forget_at: Instant,
        links: Links,
    },
}

/// The neighbours in a list.
#[derive(Clone, Copy)]
pub(super) struct Links {
    previous: u32,
    next: u32,
}

impl Links {
    pub(super) const NONE: Self = Self {
        previous: NONE,
        next: NONE,
    };
}

impl Entry {
    pub(super) const fn new(name: Name, request: u128, token: FencingToken, hold: Hold) -> Self {
        Self {
            name,
            // A `u128` would have the whole entry aligned to 16 bytes.
            request: [request as u64, (request >> 64) as u64],
            token,
            hold,
        }
    }

    pub(super) const fn owner(&self) -> OwnerId {
        match self.hold {
            Hold::Until { owner, .. } | Hold::Ended { owner, .. } => owner,
        }
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.as_bytes() == name.as_bytes()
    }

    pub(super) fn request(&self) -> u128 {
        let [low, high] = self.request;
        u128::from(low) | u128::from(high) << 64
    }

    /// The end of the lease, if that is after `now`.
    pub(super) fn expires_after(&self, now: Instant) -> Option<Instant> {
        match self.hold {
            Hold::Until { until, .. } if now < until => Some(until),
            _ => None,
        }
    }

    /// When it will be forgotten that the grant was there, if it has ended.
    pub(super) const fn forget_at(&self) -> Option<Instant> {
        match self.hold {
            Hold::Until { .. } => None,
            Hold::Ended { forget_at, .. } => Some(forget_at),
        }
    }

    const fn links(&mut self) -> Option<&mut Links> {
        match &mut self.hold {
            Hold::Until { .. } => None,
            Hold::Ended { links, .. } => Some(links),
        }
    }
}

/// Entries one after the other, linked through themselves.
#[derive(Clone, Copy)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn push(&mut self, entries: &mut Slab<Entry>, at: u32) {
        let last = self.last;
        if let Some(own) = links(entries, at) {
            own.previous = last;
            own.next = NONE;
            self.last = at;
            match links(entries, last) {
                Some(before) => before.next = at,
                None => self.first = at,
            }
        }
    }

    pub(super) fn remove(&mut self, entries: &mut Slab<Entry>, at: u32) {
        let Some(&mut Links { previous, next }) = links(entries, at) else {
            return;
        };
        match links(entries, previous) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match links(entries, next) {
            Some(after) => after.previous = previous,
            None => self.last = previous,
        }
    }

    /// The places in the list, in its order.
    pub(super) fn iter<'a>(&self, entries: &'a Slab<Entry>) -> impl Iterator<Item = u32> + 'a {
        let next = |at: &u32| match entries.get(*at)?.hold {
            Hold::Until { .. } => None,
            Hold::Ended { links, .. } => Some(links.next),
        };
        core::iter::successors(Some(self.first), next).take_while(|at| *at != NONE)
    }
}

fn links(entries: &mut Slab<Entry>, at: u32) -> Option<&mut Links> {
    entries.get_mut(at)?.links()
}
