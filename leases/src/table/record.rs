//! The records of a table, by name and by the instant at which something is due.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use quorate_clocks::Instant;

use crate::FencingToken;

/// The latest grant of a name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Record {
    pub(super) owner: Arc<str>,
    pub(super) request: u128,
    pub(super) token: FencingToken,
    pub(super) phase: Phase,
}

/// Where a grant is in its life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Phase {
    /// Granted. Over once `expires_at` has come, whether anybody noticed or not.
    Held { expires_at: Instant },
    /// Its end by time was noticed.
    Expired { forget_at: Instant },
    /// Its holder gave it up.
    Released { forget_at: Instant },
}

impl Record {
    /// The end of the lease, if that is after `now`.
    pub(super) fn expires_after(&self, now: Instant) -> Option<Instant> {
        match self.phase {
            Phase::Held { expires_at } if now < expires_at => Some(expires_at),
            _ => None,
        }
    }
}

/// Something is due at an instant for a name. Tokens are unique, so they make equal instants
/// distinct, and their order is that of the grants.
type Due = (Instant, FencingToken, Arc<str>);

/// All records, and two queues over them: which held lease ends next, and which ended one is
/// forgotten next. Each record is in exactly one queue.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Records {
    by_name: BTreeMap<Arc<str>, Record>,
    deadlines: BTreeSet<Due>,
    memories: BTreeSet<Due>,
}

impl Records {
    pub(super) const fn new() -> Self {
        Self {
            by_name: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            memories: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Record> {
        self.by_name.get(name)
    }

    pub(super) fn get_entry(&self, name: &str) -> Option<(&str, &Record)> {
        self.by_name
            .get_key_value(name)
            .map(|(name, record)| (&**name, record))
    }

    /// The record of a name that is held at `now`, and when that ends.
    pub(super) fn held(&self, name: &str, now: Instant) -> Option<(&Record, Instant)> {
        let record = self.by_name.get(name)?;
        record
            .expires_after(now)
            .map(|expires_at| (record, expires_at))
    }

    /// In the order of the names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Record)> {
        self.by_name.iter().map(|(name, record)| (&**name, record))
    }

    /// Puts a record in, in the place of the name's old one.
    pub(super) fn insert(&mut self, name: Arc<str>, record: Record) {
        self.remove(&name);
        self.enqueue(&name, record.token, record.phase);
        self.by_name.insert(name, record);
    }

    /// Moves the record of a name to another phase. A name without a record has none to move.
    pub(super) fn set_phase(&mut self, name: &str, phase: Phase) {
        if let Some((name, mut record)) = self.remove(name) {
            record.phase = phase;
            self.insert(name, record);
        }
    }

    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// The held lease whose time passed first, if any has by `now`.
    pub(super) fn first_expired(&self, now: Instant) -> Option<(Instant, Arc<str>)> {
        let (at, _, name) = self.deadlines.first()?;
        (*at <= now).then(|| (*at, Arc::clone(name)))
    }

    /// Forgets the ended leases that are due to be forgotten by `now`.
    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some((at, _, name)) = self.memories.first() {
            if *at > now {
                return;
            }
            let name = Arc::clone(name);
            self.remove(&name);
        }
    }

    /// Makes room for one: forgets an ended lease, one that was noticed to have ended if there is
    /// one. False when all are held at `now`.
    pub(super) fn forget_oldest_ended(&mut self, now: Instant) -> bool {
        let noticed = self.memories.first().map(|(_, _, name)| Arc::clone(name));
        let ended = noticed.or_else(|| self.first_expired(now).map(|(_, name)| name));
        ended.is_some_and(|name| self.remove(&name).is_some())
    }

    fn remove(&mut self, name: &str) -> Option<(Arc<str>, Record)> {
        let (name, record) = self.by_name.remove_entry(name)?;
        match record.phase {
            Phase::Held { expires_at: at } => {
                self.deadlines
                    .remove(&(at, record.token, Arc::clone(&name)));
            }
            Phase::Expired { forget_at: at } | Phase::Released { forget_at: at } => {
                self.memories.remove(&(at, record.token, Arc::clone(&name)));
            }
        }
        Some((name, record))
    }

    fn enqueue(&mut self, name: &Arc<str>, token: FencingToken, phase: Phase) {
        match phase {
            Phase::Held { expires_at: at } => {
                self.deadlines.insert((at, token, Arc::clone(name)));
            }
            Phase::Expired { forget_at: at } | Phase::Released { forget_at: at } => {
                self.memories.insert((at, token, Arc::clone(name)));
            }
        }
    }
}
