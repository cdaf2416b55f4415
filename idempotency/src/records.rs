//! What a store remembers: found by key, forgotten by time, and summed up.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{HashMap, HashTable};
use quorate_clocks::{Instant, TimerId, TimingWheel};

use crate::Key;
use crate::record::{Record, State};

/// Records by key, with their ends and their sums.
///
/// Clients choose the keys, so they are hashed with a secret: whoever does not know it cannot choose
/// keys that collide. In which order a hash puts them is never seen.
#[derive(Clone)]
pub(crate) struct Records {
    secret: Secret,
    index: HashTable<Slot>,
    entries: Vec<Option<Entry>>,
    /// Which entries are free.
    free: Vec<u32>,
    /// When each record is over.
    ends: TimingWheel<u32>,
    keys_of_scope: HashMap<String, u64, Secret>,
    key_bytes: u64,
    running: u64,
    response_bytes: u64,
}

/// Where a key is, or would be.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    hash: u64,
    at: Option<u32>,
}

/// With the hash, so that a growing index does not have to look at every key again.
#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    at: u32,
}

#[derive(Clone)]
struct Entry {
    key: Key,
    hash: u64,
    record: Record,
    end: TimerId,
}

/// What a record adds to the sums.
#[derive(Clone, Copy)]
struct Weight {
    running: u64,
    response_bytes: u64,
}

impl Weight {
    fn of(record: &Record) -> Self {
        let (running, response_bytes) = match &record.state {
            State::Running { .. } => (1, 0),
            State::Stopped { .. } => (0, 0),
            State::Completed { response } => (0, response.len() as u64),
        };
        Self {
            running,
            response_bytes,
        }
    }
}

impl Records {
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            secret,
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            ends: TimingWheel::new(),
            keys_of_scope: HashMap::with_hasher(secret),
            key_bytes: 0,
            running: 0,
            response_bytes: 0,
        }
    }

    /// Where a key is. Holds until a record is put or removed.
    pub(crate) fn find(&self, key: &Key) -> Place {
        let hash = self.secret.hash_one(key);
        let entries = &self.entries;
        let same = |slot: &Slot| {
            let entry = entries.get(slot.at as usize).and_then(Option::as_ref);
            slot.hash == hash && entry.is_some_and(|entry| entry.key == *key)
        };
        let at = self.index.find(hash, same).map(|slot| slot.at);
        Place { hash, at }
    }

    pub(crate) fn at(&self, place: Place) -> Option<&Record> {
        self.entry(place.at?).map(|entry| &entry.record)
    }

    /// Puts a record in the place of the key's earlier one.
    pub(crate) fn put(&mut self, place: Place, key: &Key, record: Record) {
        let earlier = place
            .at
            .and_then(|at| self.entries.get_mut(at as usize)?.as_mut());
        let Some(entry) = earlier else {
            self.insert(place.hash, key, record);
            return;
        };
        if entry.record.expires_at != record.expires_at {
            self.ends.reschedule(entry.end, record.expires_at);
        }
        let (less, more) = (Weight::of(&entry.record), Weight::of(&record));
        entry.record = record;
        self.lighten(less);
        self.burden(more);
    }

    fn insert(&mut self, hash: u64, key: &Key, record: Record) {
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                // A store of four billion keys is over any limit of memory long before.
                let Ok(at) = u32::try_from(self.entries.len()) else {
                    return;
                };
                self.entries.push(None);
                at
            }
        };
        self.burden(Weight::of(&record));
        self.key_bytes += key.len_bytes() as u64;
        match self.keys_of_scope.get_mut(key.scope()) {
            Some(count) => *count += 1,
            None => {
                self.keys_of_scope.insert(key.scope().into(), 1);
            }
        }
        let entry = Entry {
            key: key.clone(),
            hash,
            end: self.ends.insert(record.expires_at, at),
            record,
        };
        if let Some(free) = self.entries.get_mut(at as usize) {
            *free = Some(entry);
        }
        self.index
            .insert_unique(hash, Slot { hash, at }, |slot| slot.hash);
    }

    pub(crate) fn remove(&mut self, place: Place) {
        let Some(at) = place.at else { return };
        if let Some(entry) = self.entry(at) {
            let end = entry.end;
            self.ends.cancel(end);
            self.forget(at);
        }
    }

    /// Forgets the record that was over first, if one is by now, and says whether there was one.
    pub(crate) fn expire_one(&mut self, now: Instant) -> bool {
        match self.ends.pop(now) {
            Some((_, at)) => {
                self.forget(at);
                true
            }
            None => false,
        }
    }

    /// Before this no record is over.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// Takes an entry out that has no end any more.
    fn forget(&mut self, at: u32) {
        let entry = self.entries.get_mut(at as usize).and_then(Option::take);
        let Some(entry) = entry else { return };
        let found = self.index.find_entry(entry.hash, |slot| slot.at == at);
        if let Ok(slot) = found {
            slot.remove();
        }
        self.free.push(at);
        self.lighten(Weight::of(&entry.record));
        self.key_bytes -= entry.key.len_bytes() as u64;
        if let Some(count) = self.keys_of_scope.get_mut(entry.key.scope()) {
            *count -= 1;
            if *count == 0 {
                self.keys_of_scope.remove(entry.key.scope());
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

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn of_scope(&self, scope: &str) -> u64 {
        self.keys_of_scope.get(scope).copied().unwrap_or_default()
    }

    pub(crate) const fn key_bytes(&self) -> u64 {
        self.key_bytes
    }

    pub(crate) const fn running(&self) -> u64 {
        self.running
    }

    pub(crate) const fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// All records, in no order that means anything: sort before anybody sees it.
    pub(crate) fn unordered(&self) -> impl Iterator<Item = (&Key, &Record)> {
        let entries = self.entries.iter().flatten();
        entries.map(|entry| (&entry.key, &entry.record))
    }

    fn entry(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at as usize)?.as_ref()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut records: Vec<_> = self.unordered().collect();
        records.sort_unstable_by_key(|(key, _)| *key);
        f.debug_map().entries(records).finish()
    }
}

/// What keys are hashed with: SipHash (Aumasson, Bernstein 2012) under a secret of the store.
#[derive(Clone, Copy)]
pub(crate) struct Secret(pub(crate) [u64; 2]);

impl Secret {
    /// A new one from the operating system, where there is one.
    pub(crate) fn random() -> Self {
        #[cfg(feature = "std")]
        // It differs from run to run, as it must, and nothing that is seen depends on it.
        #[allow(clippy::disallowed_types)]
        {
            let random = std::hash::RandomState::new();
            Self([0, 1].map(|number: u64| random.hash_one(number)))
        }
        #[cfg(not(feature = "std"))]
        Self([0x7175_6f72_6174_6521, 0x6964_656d_706f_7465])
    }
}

// Deprecated in favour of a type of `std` that takes no key. It is what is left without `std`, does what
// is needed here, and saves a dependency.
#[allow(deprecated)]
impl BuildHasher for Secret {
    type Hasher = core::hash::SipHasher;

    fn build_hasher(&self) -> Self::Hasher {
        let Self([first, second]) = *self;
        core::hash::SipHasher::new_with_keys(first, second)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The length of the scope keeps its text and the name's apart.
        let (text, scope_len) = self.text_and_scope_len();
        state.write(text.as_bytes());
        state.write_u8(scope_len);
    }
}
