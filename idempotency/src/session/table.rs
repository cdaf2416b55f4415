//! Sessions by id.

use alloc::vec::Vec;
use core::fmt;

use super::record::Session;
use crate::SessionId;
use crate::index::Index;

#[derive(Clone)]
pub(super) struct Table {
    index: Index,
    sessions: Vec<Option<Session>>,
    /// Which of them are free.
    free: Vec<u32>,
}

/// Ids are given out here, in order, so that strangers cannot choose colliding ones; a good mixer
/// (`splitmix64`, Steele, Lea and Flood 2014) keeps those apart that are left after many were closed.
const fn hash(id: SessionId) -> u32 {
    let mixed = (id.0 ^ (id.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as u32
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            index: Index::new(),
            sessions: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.index.len() as u64
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.at(self.find(id)?)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let at = self.find(id)?;
        self.sessions.get_mut(at as usize)?.as_mut()
    }

    /// The id must be new.
    pub(super) fn insert(&mut self, session: Session) {
        let hash = hash(session.id);
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                // Four billion sessions are over any limit of memory long before.
                let Ok(at) = u32::try_from(self.sessions.len()) else {
                    return;
                };
                self.sessions.push(None);
                at
            }
        };
        if let Some(free) = self.sessions.get_mut(at as usize) {
            *free = Some(session);
        }
        self.index.insert(hash, at);
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let at = self.find(id)?;
        self.index.remove(hash(id), at);
        self.free.push(at);
        self.sessions.get_mut(at as usize)?.take()
    }

    /// Ascending by id.
    pub(super) fn sorted(&self) -> Vec<&Session> {
        let mut sorted: Vec<_> = self.sessions.iter().flatten().collect();
        sorted.sort_unstable_by_key(|session| session.id);
        sorted
    }

    fn find(&self, id: SessionId) -> Option<u32> {
        self.index.find(hash(id), |at| {
            self.at(at).is_some_and(|session| session.id == id)
        })
    }

    fn at(&self, at: u32) -> Option<&Session> {
        self.sessions.get(at as usize)?.as_ref()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted()).finish()
    }
}
