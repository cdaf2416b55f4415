//! What belongs to one scope: its quota, and what it can make room with.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_clocks::{Instant, TimerId};

use super::secret::Secret;
use super::tombstones::{Kind, Queue};
use crate::index::Index;

pub(super) const NONE: u32 = u32::MAX;

/// Records that are linked with each other, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl List {
    const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };
}

/// Which list a record is in, if it can make room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Listed {
    /// It has completed, and its response is not kept.
    Applied,
    /// It has completed, and its response is kept.
    Replayable,
}

#[derive(Clone)]
pub(super) struct Scope {
    pub(super) name: Box<str>,
    /// How many records it has.
    pub(super) keys: u64,
    applied: List,
    replayable: List,
    opaque: Queue,
    aged: Queue,
    /// A request of it that was born before this and is not known does not run.
    pub(super) horizon: Instant,
    /// When to look for something to forget, if there may be something.
    pub(super) timer: Option<TimerId>,
}

impl Scope {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            keys: 0,
            applied: List::EMPTY,
            replayable: List::EMPTY,
            opaque: Queue::EMPTY,
            aged: Queue::EMPTY,
            horizon: Instant::ORIGIN,
            timer: None,
        }
    }

    pub(super) const fn tombstones(&self) -> u64 {
        self.opaque.len + self.aged.len
    }

    pub(super) const fn list(&self, listed: Listed) -> &List {
        match listed {
            Listed::Applied => &self.applied,
            Listed::Replayable => &self.replayable,
        }
    }

    pub(super) const fn list_mut(&mut self, listed: Listed) -> &mut List {
        match listed {
            Listed::Applied => &mut self.applied,
            Listed::Replayable => &mut self.replayable,
        }
    }

    pub(super) const fn queue(&self, kind: Kind) -> &Queue {
        match kind {
            Kind::Opaque => &self.opaque,
            Kind::Aged => &self.aged,
        }
    }

    pub(super) const fn queue_mut(&mut self, kind: Kind) -> &mut Queue {
        match kind {
            Kind::Opaque => &mut self.opaque,
            Kind::Aged => &mut self.aged,
        }
    }
}

/// The scopes of which something is remembered, found by name.
#[derive(Clone)]
pub(super) struct Scopes {
    secret: Secret,
    index: Index,
    slots: Vec<Option<Scope>>,
    free: Vec<u32>,
    /// The latest that was looked for to be changed: it is mostly the next one too.
    latest: u32,
}

impl Scopes {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            secret,
            index: Index::new(),
            slots: Vec::new(),
            free: Vec::new(),
            latest: NONE,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.index.len() as u64
    }

    /// Every scope is below this.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(NONE)
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let same = |at| self.get(at).is_some_and(|scope| *scope.name == *name);
        if same(self.latest) {
            return Some(self.latest);
        }
        self.index.find(self.secret.hash(name), same)
    }

    pub(super) fn find_or_insert(&mut self, name: &str) -> u32 {
        if let Some(found) = self.find(name) {
            self.latest = found;
            return found;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // There is a record, or a part of a snapshot, for each: fewer than four billion.
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        if let Some(free) = self.slots.get_mut(at as usize) {
            *free = Some(Scope::new(name));
        }
        self.index.insert(self.secret.hash(name), at);
        at
    }

    pub(super) fn get(&self, at: u32) -> Option<&Scope> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Scope> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, at: u32) {
        let Some(scope) = self.slots.get_mut(at as usize).and_then(Option::take) else {
            return;
        };
        let hash = self.secret.hash(&*scope.name);
        self.index.remove(hash, at);
        self.free.push(at);
    }

    /// In no order that means anything.
    pub(super) fn unordered(&self) -> impl Iterator<Item = &Scope> {
        self.slots.iter().flatten()
    }
}
