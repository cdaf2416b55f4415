//! What a store remembers: found by key, forgotten by time, and summed up.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::{Instant, TimerId, TimingWheel, WheelStep};

use super::record::{Record, State, Time};
use super::scopes::{Listed, NONE, Scope, Scopes};
use super::secret::Secret;
use super::tombstones::{Kind, Tombstones};
use crate::index::Index;
use crate::{AttemptToken, Key};

/// Marks an end that is of something in a scope, and not of a record.
const OF_SCOPE: u32 = 1 << 31;

/// Records by key, with their ends and their sums; and their scopes.
#[derive(Clone)]
pub(super) struct Records {
    secret: Secret,
    index: Index,
    entries: Vec<Option<Entry>>,
    /// Which entries are free.
    free: Vec<u32>,
    /// When a record, or something of a scope, may be over; not later.
    ends: TimingWheel<u32>,
    pub(super) scopes: Scopes,
    pub(super) tombstones: Tombstones,
    /// The policy's.
    key_age: Duration,
    /// Where attempts are, by the lowest bits of their tokens, unless later ones have taken the place: most
    /// are completed soon, and are found without looking for the key.
    recent: Vec<u32>,
    key_bytes: u64,
    running: u64,
    response_bytes: u64,
}

/// How many attempts are found by their tokens. A power of two.
const RECENT: usize = 1024;

/// Where a key is, or would be.
#[derive(Clone, Copy)]
pub(super) struct Place {
    hash: u32,
    at: Option<u32>,
}

impl Place {
    pub(super) const fn is_known(self) -> bool {
        self.at.is_some()
    }

    pub(super) const fn hash(self) -> u32 {
        self.hash
    }
}

#[derive(Clone)]
struct Entry {
    key: Key,
    hash: u32,
    scope: u32,
    /// Its neighbours in the list of its scope that it is in, if any.
    before: u32,
    after: u32,
    /// When it is looked at whether it is over, which is then or later.
    looked_at: Instant,
    end: TimerId,
    record: Record,
}

impl Entry {
    fn listed(&self) -> Option<Listed> {
        match self.record.state {
            State::Completed {
                response: Some(_), ..
            } => Some(Listed::Replayable),
            State::Completed { response: None, .. } => Some(Listed::Applied),
            State::Running { .. } | State::Stopped { .. } => None,
        }
    }
}

/// What a record adds to the sums.
#[derive(Clone, Copy)]
struct Weight {
    running: u64,
    response_bytes: u64,
}

impl Weight {
    fn of(record: &Record) -> Self {
        Self {
            running: u64::from(matches!(record.state, State::Running { .. })),
            response_bytes: record.response_bytes(0),
        }
    }
}

/// What a step of forgetting did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Forgetting {
    /// A record or a tombstone is forgotten.
    Forgot,
    /// Nothing is forgotten yet.
    Sorted,
    /// Nothing is over.
    Idle,
}

impl Records {
    pub(super) fn new(secret: Secret, key_age: Duration) -> Self {
        Self {
            scopes: Scopes::new(secret.clone()),
            tombstones: Tombstones::new(secret.clone()),
            secret,
            index: Index::new(),
            entries: Vec::new(),
            free: Vec::new(),
            ends: TimingWheel::new(),
            key_age,
            recent: Vec::new(),
            key_bytes: 0,
            running: 0,
            response_bytes: 0,
        }
    }

    /// What a key is found by.
    pub(super) fn hash(&self, key: &Key) -> u32 {
        self.secret.hash(key)
    }

    /// Where a key is. Holds until a record is inserted or removed.
    pub(super) fn find(&self, key: &Key) -> Place {
        self.find_hashed(key, self.hash(key))
    }

    /// As [`find`](Self::find), of a key whose hash is known.
    pub(super) fn find_hashed(&self, key: &Key, hash: u32) -> Place {
        let entries = &self.entries;
        let at = self.index.find(hash, |at| {
            let entry = entries.get(at as usize).and_then(Option::as_ref);
            entry.is_some_and(|entry| entry.key == *key)
        });
        Place { hash, at }
    }

    /// Where a key is that an attempt was made at.
    pub(super) fn find_attempt(&self, key: &Key, token: AttemptToken) -> Place {
        let recent = self.recent.get(token.0 as usize % RECENT);
        if let Some(&at) = recent
            && let Some(entry) = self.entry(at)
            && entry.record.token == token
            && entry.key == *key
        {
            return Place {
                hash: entry.hash,
                at: Some(at),
            };
        }
        self.find(key)
    }

    fn note_attempt(&mut self, token: AttemptToken, at: u32) {
        if self.recent.is_empty() {
            self.recent = alloc::vec![NONE; RECENT];
        }
        if let Some(recent) = self.recent.get_mut(token.0 as usize % RECENT) {
            *recent = at;
        }
    }

    pub(super) fn at(&self, place: Place) -> Option<&Record> {
        self.entry(place.at?).map(|entry| &entry.record)
    }

    /// Puts a record in the place of the key's earlier one. At `looked_at`, or at its end if that is
    /// sooner, it is looked at whether it is over.
    pub(super) fn put(
        &mut self,
        place: Place,
        key: &Key,
        record: Record,
        looked_at: Instant,
        time: Time,
    ) {
        match place.at {
            Some(at) => {
                self.note_attempt(record.token, at);
                self.update(place, time, |earlier| *earlier = record);
            }
            None => self.insert(place.hash, key, record, looked_at, time),
        }
    }

    /// Changes a record where it is.
    pub(super) fn update(&mut self, place: Place, time: Time, change: impl FnOnce(&mut Record)) {
        let Some(at) = place.at else { return };
        let key_age = self.key_age;
        let entry = self.entries.get_mut(at as usize).and_then(Option::as_mut);
        let Some(entry) = entry else { return };
        let (listed, less) = (entry.listed(), Weight::of(&entry.record));
        // A record that completes leaves no list, and others leave theirs.
        if listed.is_some() {
            self.unlink(at);
        }
        let entry = self.entries.get_mut(at as usize).and_then(Option::as_mut);
        let Some(entry) = entry else { return };
        change(&mut entry.record);
        let (listed, more) = (entry.listed(), Weight::of(&entry.record));
        let end = end(&entry.record, key_age, time);
        // Too early does no harm: it is put off when the time comes.
        if end < entry.looked_at {
            entry.looked_at = end;
            self.ends.reschedule(entry.end, end);
        }
        if let Some(listed) = listed {
            self.link(at, listed);
        }
        self.lighten(less);
        self.burden(more);
    }

    fn insert(&mut self, hash: u32, key: &Key, record: Record, looked_at: Instant, time: Time) {
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                // A store of two billion keys is over any limit of memory long before.
                let at = u32::try_from(self.entries.len()).unwrap_or(OF_SCOPE);
                if at >= OF_SCOPE {
                    return;
                }
                self.entries.push(None);
                at
            }
        };
        self.note_attempt(record.token, at);
        self.burden(Weight::of(&record));
        self.key_bytes += key.len_bytes() as u64;
        let scope = self.scopes.find_or_insert(key.scope());
        if let Some(scope) = self.scopes.get_mut(scope) {
            scope.keys += 1;
        }
        let looked_at = end(&record, self.key_age, time).min(looked_at);
        let entry = Entry {
            key: key.clone(),
            hash,
            scope,
            before: NONE,
            after: NONE,
            looked_at,
            end: self.ends.insert(looked_at, at),
            record,
        };
        let listed = entry.listed();
        if let Some(free) = self.entries.get_mut(at as usize) {
            *free = Some(entry);
        }
        self.index.insert(hash, at);
        if let Some(listed) = listed {
            self.link(at, listed);
        }
    }

    /// Forgets a record before its end.
    pub(super) fn remove(&mut self, place: Place, time: Time) {
        if let Some(at) = place.at {
            self.remove_at(at, time);
        }
    }

    fn remove_at(&mut self, at: u32, time: Time) {
        if let Some(entry) = self.entry(at) {
            let end = entry.end;
            self.ends.cancel(end);
            self.forget(at, time);
        }
    }

    /// Does a constant amount of work towards forgetting what is over.
    pub(super) fn forget_one(&mut self, time: Time) -> Forgetting {
        match self.ends.step(time.now) {
            WheelStep::Idle => Forgetting::Idle,
            WheelStep::Sorted => Forgetting::Sorted,
            WheelStep::Expired { item, .. } if item & OF_SCOPE == 0 => {
                let Some(entry) = self.entry(item) else {
                    return Forgetting::Sorted;
                };
                if !entry.record.is_live(time) {
                    self.forget(item, time);
                    return Forgetting::Forgot;
                }
                let end = end(&entry.record, self.key_age, time);
                // At the end of all time there is no later.
                if end > time.now {
                    let timer = self.ends.insert(end, item);
                    let entry = self.entries.get_mut(item as usize).and_then(Option::as_mut);
                    if let Some(entry) = entry {
                        entry.end = timer;
                        entry.looked_at = end;
                    }
                }
                Forgetting::Sorted
            }
            WheelStep::Expired { item, .. } => {
                let at = item & !OF_SCOPE;
                if let Some(scope) = self.scopes.get_mut(at) {
                    scope.timer = None;
                }
                let forgot = self.forget_tombstone(at, time);
                self.settle_scope(at, time);
                match forgot {
                    true => Forgetting::Forgot,
                    false => Forgetting::Sorted,
                }
            }
        }
    }

    /// Before this nothing is over.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// Takes an entry out that has no end any more.
    fn forget(&mut self, at: u32, time: Time) {
        if self.entry(at).is_some_and(|entry| entry.listed().is_some()) {
            self.unlink(at);
        }
        let entry = self.entries.get_mut(at as usize).and_then(Option::take);
        let Some(entry) = entry else { return };
        self.index.remove(entry.hash, at);
        self.free.push(at);
        self.lighten(Weight::of(&entry.record));
        self.key_bytes -= entry.key.len_bytes() as u64;
        if let Some(scope) = self.scopes.get_mut(entry.scope) {
            scope.keys -= 1;
            if scope.keys == 0 {
                self.settle_scope(entry.scope, time);
            }
        }
    }

    /// Forgets the first tombstone of a scope that is over, if there is one.
    fn forget_tombstone(&mut self, at: u32, time: Time) -> bool {
        let Some(scope) = self.scopes.get_mut(at) else {
            return false;
        };
        let Some(kind) = self.tombstones.over(scope, time) else {
            return false;
        };
        self.tombstones.pop(scope.queue_mut(kind));
        true
    }

    /// Forgets a scope of which nothing is left; otherwise sees to it that it is looked at in time.
    fn settle_scope(&mut self, at: u32, time: Time) {
        let Some(scope) = self.scopes.get_mut(at) else {
            return;
        };
        let has_horizon = scope.horizon > time.floor;
        if scope.keys == 0 && scope.tombstones() == 0 && !has_horizon {
            if let Some(timer) = scope.timer {
                self.ends.cancel(timer);
            }
            self.scopes.remove(at);
            return;
        }
        let opaque = self.tombstones.first(scope.queue(Kind::Opaque));
        let aged = self.tombstones.first(scope.queue(Kind::Aged));
        let horizon = has_horizon.then_some(scope.horizon);
        let next = opaque
            .into_iter()
            .chain(aged.map(|born| too_old_at(born, self.key_age, time)))
            .chain(horizon.map(|horizon| horizon.saturating_add(self.key_age)))
            .min();
        // At the end of all time there is no later.
        let has_come = time.now == Instant::MAX && self.tombstones.over(scope, time).is_none();
        let Some(next) = next.filter(|_| !has_come) else {
            return;
        };
        match scope.timer {
            None => scope.timer = Some(self.ends.insert(next, at | OF_SCOPE)),
            // Too early does no harm: it is put off when the time comes.
            Some(timer) => {
                if self.ends.get(timer).is_some_and(|(at, _)| next < at) {
                    self.ends.reschedule(timer, next);
                }
            }
        }
    }

    /// The record of a scope that makes room first.
    pub(super) fn oldest(&self, scope: &str, listed: Listed) -> Option<(Place, &Key, &Record)> {
        let scope = self.scopes.get(self.scopes.find(scope)?)?;
        let at = scope.list(listed).first;
        let entry = self.entry(at)?;
        let place = Place {
            hash: entry.hash,
            at: Some(at),
        };
        Some((place, &entry.key, &entry.record))
    }

    /// Changes a scope. It is remembered as long as there is something in it.
    pub(super) fn with_scope(
        &mut self,
        name: &str,
        time: Time,
        change: impl FnOnce(&mut Scope, &mut Tombstones),
    ) {
        let at = self.scopes.find_or_insert(name);
        let Some(scope) = self.scopes.get_mut(at) else {
            return;
        };
        change(scope, &mut self.tombstones);
        self.settle_scope(at, time);
    }

    /// From now on, aged keys are remembered for so long.
    pub(super) fn set_key_age(&mut self, key_age: Duration, time: Time) {
        if self.key_age == key_age {
            return;
        }
        self.key_age = key_age;
        self.ends = TimingWheel::new();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if let Some(entry) = entry {
                entry.looked_at = end(&entry.record, key_age, time);
                entry.end = self.ends.insert(entry.looked_at, at as u32);
            }
        }
        for at in 0..self.scopes.slots() {
            if let Some(scope) = self.scopes.get_mut(at) {
                scope.timer = None;
            }
            self.settle_scope(at, time);
        }
    }

    fn link(&mut self, at: u32, listed: Listed) {
        let Some(scope) = self.entry(at).map(|entry| entry.scope) else {
            return;
        };
        let Some(scope) = self.scopes.get_mut(scope) else {
            return;
        };
        let list = scope.list_mut(listed);
        let last = core::mem::replace(&mut list.last, at);
        if list.first == NONE {
            list.first = at;
        }
        if let Some(entry) = self.entry_mut(last) {
            entry.after = at;
        }
        if let Some(entry) = self.entry_mut(at) {
            entry.before = last;
            entry.after = NONE;
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some(entry) = self.entry_mut(at) else {
            return;
        };
        let Some(listed) = entry.listed() else { return };
        let (scope, before, after) = (entry.scope, entry.before, entry.after);
        if let Some(entry) = self.entry_mut(before) {
            entry.after = after;
        }
        if let Some(entry) = self.entry_mut(after) {
            entry.before = before;
        }
        if let Some(scope) = self.scopes.get_mut(scope) {
            let list = scope.list_mut(listed);
            if list.first == at {
                list.first = after;
            }
            if list.last == at {
                list.last = before;
            }
        }
    }

    const fn burden(&mut self, more: Weight) {
        self.running += more.running;
        self.response_bytes += more.response_bytes;
    }

    const fn lighten(&mut self, less: Weight) {
        self.running -= less.running;
        self.response_bytes -= less.response_bytes;
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) const fn key_bytes(&self) -> u64 {
        self.key_bytes
    }

    pub(super) const fn running(&self) -> u64 {
        self.running
    }

    pub(super) const fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// All records, in no order that means anything: sort before anybody sees it.
    pub(super) fn unordered(&self) -> impl Iterator<Item = (&Key, &Record)> {
        let entries = self.entries.iter().flatten();
        entries.map(|entry| (&entry.key, &entry.record))
    }

    fn entry(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at as usize)?.as_ref()
    }

    fn entry_mut(&mut self, at: u32) -> Option<&mut Entry> {
        self.entries.get_mut(at as usize)?.as_mut()
    }
}

/// From when on a record may be over.
fn end(record: &Record, key_age: Duration, time: Time) -> Instant {
    let too_old = record.born_at.map(|born| too_old_at(born, key_age, time));
    too_old.map_or(record.expires_at, |at| at.max(record.expires_at))
}

/// From when on a request that was born at an instant is too old to run.
fn too_old_at(born: Instant, key_age: Duration, time: Time) -> Instant {
    if born < time.floor {
        // It is already, also when the age of keys has been less before.
        return time.now;
    }
    born.saturating_add(key_age)
        .saturating_add(Duration::from_nanos(1))
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut records: Vec<_> = self.unordered().collect();
        records.sort_unstable_by_key(|(key, _)| *key);
        f.debug_map().entries(records).finish()
    }
}
