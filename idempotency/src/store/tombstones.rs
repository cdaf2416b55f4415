//! What is left of requests whose records had to make room: that they were applied.

use alloc::vec::Vec;

use quorate_clocks::Instant;

use super::record::Time;
use super::scopes::Scope;
use super::secret::Secret;
use crate::index::Index;
use crate::{Fingerprint, Key};

const NONE: u32 = u32::MAX >> 1;
const AGED: u32 = 1 << 31;

/// Which key it was: 96 bits of BLAKE3, as the key itself would take more room than all the rest. Two
/// keys of a billion share one with a chance of 10^-11. One who makes such a pair, in 2^48 trials, harms
/// the second of the two only, which is refused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct KeyDigest(pub(super) [u32; 3]);

impl KeyDigest {
    pub(super) fn of(key: &Key) -> Self {
        let (text, scope_len) = key.text_and_scope_len();
        let mut hasher = blake3::Hasher::new_derive_key("quorate-idempotency 2026 tombstone v1");
        hasher.update(&[scope_len]);
        hasher.update(text.as_bytes());
        let mut words = [0; 3];
        let hash = hasher.finalize();
        for (word, bytes) in words.iter_mut().zip(hash.as_bytes().chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Self(words)
    }
}

/// Which rule a tombstone is forgotten by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// At a time.
    Opaque,
    /// When requests that were born with it, or before, are too old to run.
    Aged,
}

/// In words of four bytes, since with larger ones it would be padded.
#[derive(Clone, Copy)]
struct Tombstone {
    digest: KeyDigest,
    fingerprint: [u32; 4],
    /// When it is over, or when it was born.
    at: [u32; 2],
    /// The next of its queue, and its kind in the highest bit.
    next: u32,
}

const _: () = assert!(size_of::<Tombstone>() <= 40, "as is promised in the docs");

/// Tombstones in the order in which they were made, which is also the order of their times: one that
/// would be over before its predecessor is kept as long as that. To forget late is safe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    first: u32,
    last: u32,
    pub(super) len: u64,
}

impl Queue {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        len: 0,
    };
}

/// All tombstones of all queues, found by key.
#[derive(Clone)]
pub(super) struct Tombstones {
    secret: Secret,
    index: Index,
    slots: Vec<Tombstone>,
    /// The first of the slots that are free.
    free: u32,
    len: u64,
}

impl Tombstones {
    pub(super) const fn new(secret: Secret) -> Self {
        Self {
            secret,
            index: Index::new(),
            slots: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// What was asked with this key, if its tombstone is not over.
    pub(super) fn find(&self, digest: KeyDigest, time: Time) -> Option<Fingerprint> {
        let found = self.index.find(self.hash(digest), |slot| {
            let stone = self.slots.get(slot as usize);
            stone.is_some_and(|stone| stone.digest == digest && stone.is_live(time))
        })?;
        Some(self.slots.get(found as usize)?.fingerprint())
    }

    /// Puts one at the end of a queue.
    pub(super) fn push(
        &mut self,
        queue: &mut Queue,
        kind: Kind,
        digest: KeyDigest,
        fingerprint: Fingerprint,
        at: Instant,
    ) {
        let at = self.last(queue).map_or(at, |last| last.max(at));
        let print = fingerprint.0;
        let stone = Tombstone {
            digest,
            fingerprint: [0, 32, 64, 96].map(|shift| (print >> shift) as u32),
            at: [0, 32].map(|shift| (at.as_nanos() >> shift) as u32),
            next: NONE | kind.bit(),
        };
        let slot = match self.slots.get(self.free as usize) {
            Some(free) => {
                let slot = self.free;
                self.free = free.next & !AGED;
                slot
            }
            None => {
                // Two billion of them are over any limit of memory long before.
                let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
                if slot >= NONE {
                    return;
                }
                self.slots.push(stone);
                slot
            }
        };
        if let Some(free) = self.slots.get_mut(slot as usize) {
            *free = stone;
        }
        self.index.insert(self.hash(digest), slot);
        match self.slots.get_mut(queue.last as usize) {
            Some(last) => last.next = slot | (last.next & AGED),
            None => queue.first = slot,
        }
        queue.last = slot;
        queue.len += 1;
        self.len += 1;
    }

    /// Takes the first of a queue away, and says its time.
    pub(super) fn pop(&mut self, queue: &mut Queue) -> Option<Instant> {
        let slot = queue.first;
        let stone = *self.slots.get(slot as usize)?;
        self.index.remove(self.hash(stone.digest), slot);
        queue.first = stone.next & !AGED;
        if queue.first == NONE {
            queue.last = NONE;
        }
        queue.len -= 1;
        self.len -= 1;
        if let Some(freed) = self.slots.get_mut(slot as usize) {
            freed.next = self.free;
        }
        self.free = slot;
        Some(stone.at())
    }

    /// The time of the first of a queue.
    pub(super) fn first(&self, queue: &Queue) -> Option<Instant> {
        self.slots.get(queue.first as usize).map(Tombstone::at)
    }

    /// Of which kind a scope has one that is over.
    pub(super) fn over(&self, scope: &Scope, time: Time) -> Option<Kind> {
        [Kind::Opaque, Kind::Aged].into_iter().find(|kind| {
            let first = self.slots.get(scope.queue(*kind).first as usize);
            first.is_some_and(|first| !first.is_live(time))
        })
    }

    fn hash(&self, digest: KeyDigest) -> u32 {
        self.secret.hash(&digest)
    }

    fn last(&self, queue: &Queue) -> Option<Instant> {
        self.slots.get(queue.last as usize).map(Tombstone::at)
    }

    /// Those of a queue that are not over, in their order.
    pub(super) fn live(
        &self,
        queue: &Queue,
        time: Time,
    ) -> impl Iterator<Item = (KeyDigest, Fingerprint, Instant)> {
        let mut next = queue.first;
        let all = core::iter::from_fn(move || {
            let stone = self.slots.get(next as usize)?;
            next = stone.next & !AGED;
            Some(stone)
        });
        all.filter(move |stone| stone.is_live(time))
            .map(|stone| (stone.digest, stone.fingerprint(), stone.at()))
    }
}

impl Tombstone {
    fn is_live(&self, time: Time) -> bool {
        match self.next & AGED {
            0 => time.now < self.at(),
            _ => self.at() >= time.floor,
        }
    }

    fn at(&self) -> Instant {
        let [low, high] = self.at.map(u64::from);
        Instant::from_nanos(low | high << 32)
    }

    fn fingerprint(&self) -> Fingerprint {
        let [a, b, c, d] = self.fingerprint.map(u128::from);
        Fingerprint(a | b << 32 | c << 64 | d << 96)
    }
}

impl Kind {
    const fn bit(self) -> u32 {
        match self {
            Self::Opaque => 0,
            Self::Aged => AGED,
        }
    }
}
