//! What the table remembers of a grant.

use quorate_clocks::{Instant, TimerId};

use super::name::Name;
use super::owners::OwnerId;
use super::slab::{NONE, Slab};
use crate::{FencingToken, Mode};

/// A name and its latest grant, or a further grant of a name. There may be a million of them, so it is
/// kept small: a test counts.
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
        mode: Mode,
        until: Instant,
        timer: TimerId,
    },
    /// Granted, and over when the session is.
    Session {
        owner: OwnerId,
        mode: Mode,
        session: u32,
        links: Links,
    },
    /// Its holder gave it up, or its end was noticed.
    Ended {
        owner: OwnerId,
        mode: Mode,
        released: bool,
        forget_at: Instant,
        links: Links,
    },
    /// No grant: the name is here for others that hold it or wait for it.
    Vacant,
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

    pub(super) const fn owner(&self) -> Option<OwnerId> {
        match self.hold {
            Hold::Until { owner, .. } | Hold::Session { owner, .. } | Hold::Ended { owner, .. } => {
                Some(owner)
            }
            Hold::Vacant => None,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        match self.hold {
            Hold::Until { mode, .. } | Hold::Session { mode, .. } | Hold::Ended { mode, .. } => {
                mode
            }
            Hold::Vacant => Mode::Exclusive,
        }
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.as_bytes() == name.as_bytes()
    }

    pub(super) fn request(&self) -> u128 {
        let [low, high] = self.request;
        u128::from(low) | u128::from(high) << 64
    }

    /// Whether it was granted and its end was not noticed yet.
    pub(super) const fn is_granted(&self) -> bool {
        matches!(self.hold, Hold::Until { .. } | Hold::Session { .. })
    }

    const fn links(&mut self) -> Option<&mut Links> {
        match &mut self.hold {
            Hold::Session { links, .. } | Hold::Ended { links, .. } => Some(links),
            Hold::Until { .. } | Hold::Vacant => None,
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
            Hold::Session { links, .. } | Hold::Ended { links, .. } => Some(links.next),
            Hold::Until { .. } | Hold::Vacant => None,
        };
        core::iter::successors(Some(self.first), next).take_while(|at| *at != NONE)
    }
}

fn links(entries: &mut Slab<Entry>, at: u32) -> Option<&mut Links> {
    entries.get_mut(at)?.links()
}
