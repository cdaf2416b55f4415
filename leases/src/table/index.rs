//! Where an entry is, by its name and by its number.

use core::hash::Hasher;

use hashbrown::HashTable;

use super::entry::Entry;
use super::session::Session;
use super::slab::{NONE, Slab};

/// Places of entries by name.
///
/// Clients choose the names, so they are hashed with a secret: whoever does not know it cannot choose
/// names that collide. In which order a hash puts them is never seen.
#[derive(Clone)]
pub(super) struct NameIndex {
    secret: Secret,
    places: HashTable<u32>,
}

impl NameIndex {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            secret,
            places: HashTable::new(),
        }
    }

    pub(super) fn find(&self, entries: &Slab<Entry>, name: &str) -> Option<u32> {
        let is_it = |at: &u32| entries.get(*at).is_some_and(|entry| entry.is_named(name));
        let hash = self.secret.hash(name.as_bytes());
        self.places.find(hash, is_it).copied()
    }

    /// Puts in the place of an entry whose name is not in yet.
    pub(super) fn insert(&mut self, entries: &Slab<Entry>, at: u32) {
        let secret = self.secret;
        let hash = |at: &u32| match entries.get(*at) {
            Some(entry) => secret.hash(entry.name.as_bytes()),
            None => 0,
        };
        self.places.insert_unique(hash(&at), at, hash);
    }

    pub(super) fn remove(&mut self, entry: &Entry, at: u32) {
        let hash = self.secret.hash(entry.name.as_bytes());
        if let Ok(found) = self.places.find_entry(hash, |place| *place == at) {
            found.remove();
        }
    }
}

/// What has a number that nothing else of its kind has.
pub(super) trait Numbered {
    fn number(&self) -> u64;
}

impl Numbered for Entry {
    fn number(&self) -> u64 {
        self.token.0
    }
}

impl Numbered for Session {
    fn number(&self) -> u64 {
        self.id.0
    }
}

/// Places by number, of entries by their token and of sessions by their id: so a renewal reads no name.
#[derive(Clone)]
pub(super) struct NumberIndex(HashTable<u32>);

impl NumberIndex {
    pub(super) const fn new() -> Self {
        Self(HashTable::new())
    }

    pub(super) fn find(&self, of: &Slab<impl Numbered>, number: u64) -> Option<u32> {
        let is_it = |at: &u32| of.get(*at).is_some_and(|it| it.number() == number);
        self.0.find(spread(number), is_it).copied()
    }

    pub(super) fn insert(&mut self, of: &Slab<impl Numbered>, number: u64, at: u32) {
        if at == NONE {
            return;
        }
        let hash = |at: &u32| of.get(*at).map_or(0, |it| spread(it.number()));
        self.0.insert_unique(spread(number), at, hash);
    }

    pub(super) fn remove(&mut self, number: u64, at: u32) {
        if let Ok(found) = self.0.find_entry(spread(number), |place| *place == at) {
            found.remove();
        }
    }
}

/// The table counts them up and nobody chooses them, so they need no secret. Neighbours stay
/// neighbours, for who renews many leases mostly does so in the order in which it got them; the
/// topmost bits, by which the hash table tells its entries apart, are mixed.
const fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number & (u64::MAX >> 7) | mixed & !(u64::MAX >> 7)
}

/// What names are hashed with: SipHash (Aumasson, Bernstein 2012) under a secret of the table.
#[derive(Clone, Copy)]
pub(super) struct Secret(pub(super) [u64; 2]);

impl Secret {
    /// A new one from the operating system, where there is one.
    pub(super) fn random() -> Self {
        #[cfg(feature = "std")]
        // It differs from run to run, as it must, and nothing that is seen depends on it.
        #[allow(clippy::disallowed_types)]
        {
            use core::hash::BuildHasher;
            let random = std::hash::RandomState::new();
            Self([0, 1].map(|number: u64| random.hash_one(number)))
        }
        #[cfg(not(feature = "std"))]
        Self([0x7175_6f72_6174_6521, 0x6c65_6173_6573_2121])
    }

    // Deprecated in favour of a type of `std` that takes no key. It is what is left without `std`,
    // does what is needed here, and saves a dependency.
    #[allow(deprecated)]
    pub(super) fn hash(self, bytes: &[u8]) -> u64 {
        let Self([first, second]) = self;
        let mut hasher = core::hash::SipHasher::new_with_keys(first, second);
        hasher.write(bytes);
        hasher.finish()
    }
}
