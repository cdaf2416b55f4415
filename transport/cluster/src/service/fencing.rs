//! Who may write under a lease.
//!
//! A lease holder that was paused for longer than its lease does not know that somebody else holds
//! it by now. So it shows its token with every write, and a write is refused when
//!
//! * the token is not the newest that is known of a lease of that name: the lease was granted again,
//!   or never under that name, or it ended so long ago that it is forgotten;
//! * or the key has seen a newer token, of whatever lease: that is the key's fence.
//!
//! A fence outlives its key, or a stale holder could bring back what its successor has deleted. It
//! does not outlive it for ever, or the state would grow with every name that was ever used: of
//! fences without a key, those with the smallest tokens are dropped at a bound, and the *floor* rises
//! to the largest token so dropped. A key without a fence may be one whose fence was dropped, so it
//! refuses whatever is below the floor. What is forgotten is refused, never let through.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use quorate_leases::{Expired, Fence, FencingToken};

use super::state::{Service, Space, entry_bytes};
use super::{Guard, Outcome};
use crate::planted::PlantedBug;

/// Fences of keys that do not exist any more, that are kept. Part of the state machine.
///
/// Few in this crate's unit tests, so that any run of commands gets there.
pub const MAX_GONE_FENCES: usize = if cfg!(test) { 4 } else { 65_536 };

/// Leases that have ended, of which the newest token is kept. Part of the state machine.
pub(super) const MAX_ENDED_LEASES: usize = if cfg!(test) { 4 } else { 65_536 };

/// Names with a token each, of which the one with the smallest token is found at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tokens<K> {
    by_name: BTreeMap<K, FencingToken>,
    by_token: BTreeSet<(FencingToken, K)>,
}

impl<K> Default for Tokens<K> {
    fn default() -> Self {
        Self {
            by_name: BTreeMap::new(),
            by_token: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Ord> Tokens<K> {
    pub(super) fn insert(&mut self, name: K, token: FencingToken) {
        self.remove(&name);
        self.by_token.insert((token, name.clone()));
        self.by_name.insert(name, token);
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, name: &Q) -> Option<FencingToken>
    where
        K: Borrow<Q>,
    {
        self.by_name.get(name).copied()
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, name: &Q) -> Option<FencingToken>
    where
        K: Borrow<Q>,
    {
        let (name, token) = self.by_name.remove_entry(name)?;
        self.by_token.remove(&(token, name));
        Some(token)
    }

    /// Takes out the smallest token, while there are more than so many names.
    pub(super) fn pop_beyond(&mut self, most: usize) -> Option<(K, FencingToken)> {
        if self.by_name.len() <= most {
            return None;
        }
        let (token, name) = self.by_token.pop_first()?;
        self.by_name.remove(&name);
        Some((name, token))
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, FencingToken)> {
        self.by_name.iter().map(|(name, token)| (name, *token))
    }
}

impl<K: Clone + Ord> FromIterator<(K, FencingToken)> for Tokens<K> {
    fn from_iter<I: IntoIterator<Item = (K, FencingToken)>>(entries: I) -> Self {
        let mut tokens = Self::default();
        for (name, token) in entries {
            tokens.insert(name, token);
        }
        tokens
    }
}

impl Service {
    /// Whether a write under a lease may pass; if so, the name's fence shuts out all older ones
    /// from now on.
    ///
    /// A name without a fence does not get one yet: the answer is the token that it is to have, for
    /// [`fence`](Self::fence), once it is certain that the write happens. A write that is refused
    /// leaves nothing behind.
    pub(super) fn pass(
        &mut self,
        space: Space,
        name: &str,
        guard: Option<&Guard>,
    ) -> Result<Option<FencingToken>, Outcome> {
        let Some(guard) = guard else {
            return Ok(None);
        };
        let token = FencingToken(guard.token);
        let newest = self.leases.last_token();
        if token == FencingToken::NONE || token > newest {
            return Err(Outcome::UnknownToken { newest: newest.0 });
        }
        if PlantedBug::NoFence.is_planted() {
            return Ok(None);
        }
        // That a lease was granted again is enough: its new holder need not write first.
        match self.newest_of(&guard.lease) {
            Some(newest) if token < newest => {
                return Err(Outcome::StaleToken { newest: newest.0 });
            }
            Some(newest) if token == newest => {}
            _ => return Err(Outcome::UnknownGrant),
        }
        if PlantedBug::NoKeyFence.is_planted() {
            return Ok(None);
        }
        let stale = |newest: FencingToken| Outcome::StaleToken { newest: newest.0 };
        let name = (space, name.to_owned());
        if let Some(fence) = self.fences.get_mut(&name) {
            let raised = fence.check_and_raise(token);
            return raised.map(|()| None).map_err(|found| stale(found.newest));
        }
        match self.gone_fences.get(&name) {
            Some(newest) if token < newest => Err(stale(newest)),
            Some(_) => {
                self.gone_fences.insert(name, token);
                Ok(None)
            }
            None if token < self.fence_floor => Err(Outcome::ForgottenFence {
                floor: self.fence_floor.0,
            }),
            None => Ok(Some(token)),
        }
    }

    /// The newest token that is known to have been granted under a lease's name.
    fn newest_of(&self, lease: &str) -> Option<FencingToken> {
        match self.leases.get(self.now, lease) {
            Some(held) => Some(held.token),
            None => self.ended_leases.get(lease),
        }
    }

    /// The name exists: gives it a new fence, or the one that it left behind.
    pub(super) fn fence(&mut self, space: Space, name: &str, new: Option<FencingToken>) {
        let name = (space, name.to_owned());
        if let Some(token) = new.or_else(|| self.gone_fences.remove(&name)) {
            self.fences.insert(name, Fence::restore(token));
        }
    }

    /// The name does not exist (any more): its fence, or a new one, is kept for some time.
    pub(super) fn leave_fence(&mut self, space: Space, name: &str, new: Option<FencingToken>) {
        let name = (space, name.to_owned());
        let old = self.fences.remove(&name).map(|fence| fence.newest());
        if let Some(token) = new.or(old) {
            self.gone_fences.insert(name, token);
        }
        while let Some(((_, name), token)) = self.gone_fences.pop_beyond(MAX_GONE_FENCES) {
            self.fence_floor = self.fence_floor.max(token);
            self.held_bytes = self.held_bytes.saturating_sub(entry_bytes(&name));
        }
    }

    /// Leases whose time is over.
    pub(super) fn note_ended(&mut self, expired: Vec<Expired>) {
        for lease in expired {
            self.note_end_of(lease.name, lease.token);
        }
    }

    /// A lease has ended, and nobody has it now. Its last holder may still write.
    pub(super) fn note_end_of(&mut self, lease: String, token: FencingToken) {
        self.ended_leases.insert(lease, token);
        // Whoever writes under one that is dropped here is refused, which is safe.
        while self.ended_leases.pop_beyond(MAX_ENDED_LEASES).is_some() {}
    }
}

/// What a new fence counts.
pub(super) fn fence_bytes(name: &str, new: Option<FencingToken>) -> u64 {
    new.map_or(0, |_| entry_bytes(name))
}
