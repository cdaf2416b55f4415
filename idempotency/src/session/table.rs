//! Sessions by id.

use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashTable;

use super::record::Session;
use crate::SessionId;

#[derive(Clone)]
pub(super) struct Table {
    sessions: HashTable<Session>,
}

/// Ids are given out here, in order, so that strangers cannot choose colliding ones; a good mixer
/// (`splitmix64`, Steele, Lea and Flood 2014) keeps those apart that are left after many were closed.
const fn hash(id: SessionId) -> u64 {
    let mixed = (id.0 ^ (id.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            sessions: HashTable::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.sessions.len() as u64
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.find(hash(id), |session| session.id == id)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.find_mut(hash(id), |session| session.id == id)
    }

    /// The id must be new.
    pub(super) fn insert(&mut self, session: Session) {
        let rehash = |session: &Session| hash(session.id);
        self.sessions
            .insert_unique(hash(session.id), session, rehash);
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let found = self
            .sessions
            .find_entry(hash(id), |session| session.id == id);
        found.ok().map(|entry| entry.remove().0)
    }

    /// Ascending by id.
    pub(super) fn sorted(&self) -> Vec<&Session> {
        let mut sorted: Vec<_> = self.sessions.iter().collect();
        sorted.sort_unstable_by_key(|session| session.id);
        sorted
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted()).finish()
    }
}
