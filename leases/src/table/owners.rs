//! The names of the owners, each kept once.

use alloc::boxed::Box;

use hashbrown::HashTable;

use super::index::Secret;
use super::slab::Slab;

/// An owner of this table. Means nothing outside of it, and nothing when the owner has no grant any
/// more.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct OwnerId(u32);

/// The owners' names: an owner with a thousand leases is written down once.
#[derive(Clone)]
pub(super) struct Owners {
    secret: Secret,
    places: HashTable<u32>,
    names: Slab<(Box<str>, u32)>,
}

impl Owners {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            secret,
            places: HashTable::new(),
            names: Slab::new(),
        }
    }

    /// The owner of that name, if it is used by anything.
    pub(super) fn find(&self, owner: &str) -> Option<OwnerId> {
        let names = &self.names;
        let is_it = |at: &u32| names.get(*at).is_some_and(|(name, _)| **name == *owner);
        let hash = self.secret.hash(owner.as_bytes());
        self.places.find(hash, is_it).copied().map(OwnerId)
    }

    /// Counts one more use of the owner.
    pub(super) fn retain(&mut self, owner: &str) -> OwnerId {
        if let Some(OwnerId(at)) = self.find(owner) {
            if let Some((_, uses)) = self.names.get_mut(at) {
                *uses += 1;
            }
            return OwnerId(at);
        }
        let at = self.names.insert((owner.into(), 1));
        let (secret, names) = (self.secret, &self.names);
        let hash = |at: &u32| match names.get(*at) {
            Some((name, _)) => secret.hash(name.as_bytes()),
            None => 0,
        };
        self.places.insert_unique(hash(&at), at, hash);
        OwnerId(at)
    }

    /// Counts one more use of an owner that is used.
    pub(super) fn retain_id(&mut self, OwnerId(at): OwnerId) {
        if let Some((_, uses)) = self.names.get_mut(at) {
            *uses += 1;
        }
    }

    /// Counts one use less.
    pub(super) fn release(&mut self, OwnerId(at): OwnerId) {
        let Some((name, uses)) = self.names.get_mut(at) else {
            return;
        };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            let hash = self.secret.hash(name.as_bytes());
            if let Ok(found) = self.places.find_entry(hash, |place| *place == at) {
                found.remove();
            }
            self.names.remove(at);
        }
    }

    pub(super) fn name(&self, OwnerId(at): OwnerId) -> &str {
        self.names.get(at).map_or("", |(name, _)| name)
    }
}
