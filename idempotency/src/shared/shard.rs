//! One part of the store: a state machine behind a lock, and who waits for its attempts.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::task::Waker;

use super::Joined;
use super::join::Join;
use super::weakness::{Weakness, Weaknesses};
use crate::store::Standing;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::{AttemptToken, Key, KeyStore};

/// A key, its hash, and an attempt at it.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) token: AttemptToken,
}

/// Each is allocated by itself and counted by itself: who takes its lock has the line of its count already,
/// and a count for the whole would be one line that all threads fight for.
#[repr(align(64))]
pub(super) struct Shard {
    inner: Mutex<Inner>,
    crowd: Arc<Crowd>,
    pub(super) weak: Weaknesses,
}

pub(super) struct Inner {
    pub(super) store: KeyStore,
    /// Who waits for what runs here, by the key's hash and the attempt. Two keys with one hash do no harm:
    /// somebody is told to ask again.
    joins: BTreeMap<(u64, AttemptToken), Waited>,
}

#[cfg(all(test, loom))]
impl Inner {
    pub(super) fn waited_for(&self) -> u64 {
        self.joins.len() as u64
    }
}

/// An attempt that somebody waits for.
struct Waited {
    join: Arc<Join>,
    by: u64,
}

/// How many wait, in all parts.
pub(super) struct Crowd {
    pub(super) len: AtomicU64,
    pub(super) limit: u64,
}

impl Crowd {
    fn enter(&self, limit: u64) -> bool {
        let is_in = self.len.fetch_add(1, Ordering::AcqRel) < limit;
        if !is_in {
            self.leave(1);
        }
        is_in
    }

    fn leave(&self, count: u64) {
        self.len.fetch_sub(count, Ordering::AcqRel);
    }
}

/// What the one who wants to wait is told.
pub(super) enum Entered {
    /// It is in, with this number.
    Waits(Arc<Join>, u64),
    /// It need not wait, or cannot.
    Told(Joined),
}

/// Those who are told something as soon as the lock is released.
#[must_use]
pub(super) struct Telling {
    joins: Vec<Arc<Join>>,
    outcome: Joined,
}

impl Telling {
    /// Call it without holding a lock.
    pub(super) fn tell(self) {
        for join in self.joins {
            join.tell(self.outcome.clone());
        }
    }
}

impl Shard {
    pub(super) fn new(store: KeyStore, crowd: Arc<Crowd>, weak: Weaknesses) -> Self {
        Self {
            inner: Mutex::new(Inner {
                store,
                joins: BTreeMap::new(),
            }),
            crowd,
            weak,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Waits for an attempt that ran a moment ago. Whether it still does and being told when it does no more
    /// are one step, under the lock that it ends under: it cannot end in between.
    pub(super) fn enter(&self, ticket: &Ticket, waker: Waker) -> Entered {
        let mut inner = self.lock();
        match inner.store.standing(&ticket.key, ticket.token) {
            Standing::Runs => {}
            _ if self.weak.has(Weakness::WaitsUnchecked) => {}
            over => return Entered::Told(Joined::of(over)),
        }
        if self.weak.has(Weakness::WaitsInTwoSteps) {
            drop(inner);
            inner = self.lock();
        }
        let limit = match self.weak.has(Weakness::AnyNumberWaits) {
            true => u64::MAX,
            false => self.crowd.limit,
        };
        if !self.crowd.enter(limit) {
            return Entered::Told(Joined::Crowded { limit });
        }
        let waited = inner.joins.entry((ticket.hash, ticket.token));
        let waited = waited.or_insert_with(|| Waited {
            join: Arc::new(Join::new()),
            by: 0,
        });
        waited.by += 1;
        let number = waited.join.enter(waker);
        Entered::Waits(Arc::clone(&waited.join), number)
    }

    /// One waits no more, told or not.
    pub(super) fn leave(&self, ticket: &Ticket, join: &Arc<Join>, number: u64) {
        let place = (ticket.hash, ticket.token);
        let mut inner = self.lock();
        // If the attempt has ended it is not there, and nobody of its waiters is counted any more.
        if let Some(waited) = inner.joins.get_mut(&place)
            && Arc::ptr_eq(&waited.join, join)
            && !self.weak.has(Weakness::GoneIsCounted)
        {
            waited.by -= 1;
            if waited.by == 0 {
                inner.joins.remove(&place);
            }
            self.crowd.leave(1);
        }
        drop(inner);
        if !self.weak.has(Weakness::GoneLeavesWaker) {
            join.leave(number);
        }
    }

    /// An attempt has ended: tells those who wait for it what came of it.
    pub(super) fn end(&self, inner: &mut Inner, ticket: &Ticket) -> Option<Telling> {
        if inner.joins.is_empty() {
            return None;
        }
        let waited = inner.joins.remove(&(ticket.hash, ticket.token))?;
        self.crowd.leave(waited.by);
        if self.weak.has(Weakness::EndsWithoutTelling) {
            return None;
        }
        Some(Telling {
            joins: alloc::vec![waited.join],
            outcome: Joined::of(inner.store.standing(&ticket.key, ticket.token)),
        })
    }

    /// An attempt has begun: those who wait for earlier ones at the key are to ask again.
    pub(super) fn begin(&self, inner: &mut Inner, ticket: &Ticket) -> Option<Telling> {
        if inner.joins.is_empty() || self.weak.has(Weakness::TakesOverWithoutTelling) {
            return None;
        }
        let mut joins = Vec::new();
        let earlier = (ticket.hash, AttemptToken(0))..(ticket.hash, ticket.token);
        while let Some((&place, _)) = inner.joins.range(earlier.clone()).next() {
            if let Some(waited) = inner.joins.remove(&place) {
                self.crowd.leave(waited.by);
                joins.push(waited.join);
            }
        }
        Some(Telling {
            joins,
            outcome: Joined::AskAgain,
        })
    }
}
