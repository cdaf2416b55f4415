//! Fences by name.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::bytes::Reader;
use super::weakness::{Weakness, weak};
use super::{Fence, FenceBytesError, Raised, ResourceId, Stale};
use crate::{FencingToken, Mode};

const VERSION: u8 = 1;

/// How many fences a [`FenceSet`] keeps.
///
/// ```
/// use quorate_leases::FenceSetLimits;
///
/// let limits = FenceSetLimits { max_fences: 1_000_000, ..FenceSetLimits::default() };
/// assert_eq!(limits.max_name_bytes, 255);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FenceSetLimits {
    /// Fences. Of more than that the one with the oldest mark is forgotten.
    pub max_fences: u32,
    /// Bytes of a name.
    pub max_name_bytes: u16,
}

impl Default for FenceSetLimits {
    /// 10,000 fences with names of up to 255 bytes.
    fn default() -> Self {
        Self {
            max_fences: 10_000,
            max_name_bytes: 255,
        }
    }
}

/// A fence for each name, in bounded room.
///
/// One who serves many resources keeps a mark for each, and there is no moment at which a mark can be
/// thrown away: the paused holder that it is meant for may come back after a year. So the set forgets
/// the fences with the *oldest* marks, and keeps one mark for all of them, the **floor**, which is the
/// newest of what was forgotten. Where no fence is kept, the floor is the fence.
///
/// So what is forgotten is forgotten on the safe side. Nobody passes who was refused before. Who may be
/// refused although nobody has come after it is the holder of an *old* lease on a name that was
/// forgotten, or was never seen; it acquires a new one, whose token is above the floor.
///
/// # What it needs
///
/// The tokens of all names come from **one** counter, as those of a [`LeaseTable`](crate::LeaseTable), of
/// etcd's revisions or of a log's indices do. With a counter for each name a busy name would raise the
/// floor over the tokens of a quiet one for ever; use fences that are stored with what they guard.
///
/// ```
/// use quorate_leases::{FenceSet, FenceSetLimits, FencingToken};
///
/// let mut fences = FenceSet::new(FenceSetLimits { max_fences: 2, ..FenceSetLimits::default() });
/// fences.check_and_raise("a", FencingToken(31))?;
/// fences.check_and_raise("b", FencingToken(35))?;
/// fences.check_and_raise("c", FencingToken(33))?; // `a` is forgotten
/// assert_eq!(fences.floor().newest(), FencingToken(31));
///
/// assert!(fences.check_and_raise("a", FencingToken(30)).is_err()); // was refused, is refused
/// assert!(fences.check_and_raise("z", FencingToken(30)).is_err()); // to be on the safe side
/// fences.check_and_raise("a", FencingToken(31))?; // its holder goes on
/// # Ok::<(), quorate_leases::FenceSetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FenceSet {
    limits: FenceSetLimits,
    fences: BTreeMap<Arc<str>, Fence>,
    /// The same names, those with the oldest marks first.
    by_age: BTreeSet<(FencingToken, Arc<str>)>,
    /// The fence of all other names.
    floor: Fence,
}

/// Equal sets decide the same: of the bounds and of everything they have seen.
impl PartialEq for FenceSet {
    fn eq(&self, other: &Self) -> bool {
        (self.limits, &self.fences, &self.floor) == (other.limits, &other.fences, &other.floor)
    }
}

impl Eq for FenceSet {}

impl FenceSet {
    /// A set that has seen nothing. Only for resources that are new themselves.
    pub const fn new(limits: FenceSetLimits) -> Self {
        Self::with_floor(limits, Fence::new())
    }

    /// A set that has forgotten everything up to this mark. For one that was lost: with the newest token
    /// that the grantor has ever given, whoever holds a lease now has to acquire it again, and nobody
    /// else gets in.
    pub const fn with_floor(limits: FenceSetLimits, floor: Fence) -> Self {
        Self {
            limits,
            fences: BTreeMap::new(),
            by_age: BTreeSet::new(),
            floor,
        }
    }

    /// As [`Fence::check_and_raise`], at the fence of `name`.
    ///
    /// # Errors
    ///
    /// [`FenceSetError`]. The set is then unchanged.
    pub fn check_and_raise(
        &mut self,
        name: &str,
        token: FencingToken,
    ) -> Result<(), FenceSetError> {
        self.raise_as(name, token, Mode::Exclusive).map(|_| ())
    }

    /// As [`Fence::raise_as`], at the fence of `name`. The newest that was seen until now is the floor where
    /// no fence is kept.
    ///
    /// # Errors
    ///
    /// [`FenceSetError`]. The set is then unchanged.
    pub fn raise_as(
        &mut self,
        name: &str,
        token: FencingToken,
        mode: Mode,
    ) -> Result<FencingToken, FenceSetError> {
        if let Some(fence) = self.fences.get_mut(name) {
            let before = fence
                .raise_as(token, mode)
                .map_err(|stale| FenceSetError::stale(name, stale))?;
            let newest = fence.newest();
            if newest != before {
                self.move_up(name, before, newest);
            }
            return Ok(before);
        }
        let (length, max) = (name.len(), usize::from(self.limits.max_name_bytes));
        if length > max {
            return Err(FenceSetError::NameTooLong { length, max });
        }
        let mut fence = self.floor.clone();
        let before = fence
            .raise_as(token, mode)
            .map_err(|stale| FenceSetError::BelowFloor {
                name: name.into(),
                token,
                floor: stale.newest,
            })?;
        self.insert(Arc::from(name), fence);
        self.make_room();
        Ok(before)
    }

    /// As [`Fence::raise_at`], at the fence of `name`. `resource` is the number that goes with it.
    ///
    /// # Errors
    ///
    /// [`FenceSetError`]. The set is then unchanged.
    pub fn raise_at(
        &mut self,
        name: &str,
        resource: ResourceId,
        token: FencingToken,
        mode: Mode,
    ) -> Result<Raised, FenceSetError> {
        let before = self.raise_as(name, token, mode)?;
        Ok(Raised::by_a_fence(resource, token, mode, before))
    }

    /// The fence of `name`: the one that is kept, or the floor.
    pub fn fence(&self, name: &str) -> &Fence {
        self.fences.get(name).unwrap_or(&self.floor)
    }

    /// The resource is gone: its fence is forgotten, on the safe side, which raises the floor. Returns whether
    /// one was kept.
    ///
    /// Fences with older marks keep what they have seen.
    pub fn forget(&mut self, name: &str) -> bool {
        let Some((name, fence)) = self.fences.remove_entry(name) else {
            return false;
        };
        self.by_age.remove(&(fence.newest(), name));
        self.lower_into_floor(&fence);
        true
    }

    /// The fence of every name of which none is kept.
    pub const fn floor(&self) -> &Fence {
        &self.floor
    }

    /// How many fences are kept.
    pub fn len(&self) -> usize {
        self.fences.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.fences.is_empty()
    }

    /// The fences that are kept, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fence)> {
        self.fences.iter().map(|(name, fence)| (&**name, fence))
    }

    /// The whole state but the limits, in canonical bytes: sets that decide the same have equal bytes, on
    /// every machine. The layout is stable within its version.
    ///
    /// ```text
    /// version u8 = 1 | floor | fences u32, ascending by the bytes of their names:
    ///   name: length u16, bytes | fence
    /// a fence, as the floor: newest writer u64 | newest reader u64, 0 unless newer
    /// ```
    ///
    /// All numbers are little-endian.
    pub fn snapshot(&self) -> Vec<u8> {
        let names: usize = self.fences.keys().map(|name| name.len()).sum();
        let mut out = Vec::with_capacity(names + 18 * self.fences.len() + 21);
        out.push(VERSION);
        match weak(Weakness::FloorNotSaved) {
            true => push(&mut out, &Fence::new()),
            false => push(&mut out, &self.floor),
        }
        // The number of fences is bounded by a u32, and the length of a name by a u16.
        out.extend(
            u32::try_from(self.fences.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        for (name, fence) in &self.fences {
            out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(name.as_bytes());
            push(&mut out, fence);
        }
        out
    }

    /// The set whose [`snapshot`](Self::snapshot) these bytes are. If the limits are smaller now, it forgets
    /// as it would have.
    ///
    /// Allocates in proportion to `bytes`, whatever they claim.
    ///
    /// # Errors
    ///
    /// [`FenceBytesError`] when no set has these bytes.
    pub fn restore(limits: FenceSetLimits, bytes: &[u8]) -> Result<Self, FenceBytesError> {
        let mut reader = Reader::new(bytes)?;
        let floor = reader.fence()?;
        let count = u32::from_le_bytes(reader.array()?);
        let mut set = Self::with_floor(limits, floor);
        let mut last: Option<Arc<str>> = None;
        for _ in 0..count {
            let length = u16::from_le_bytes(reader.array()?);
            let name = core::str::from_utf8(reader.bytes(usize::from(length))?).map_err(|_| {
                FenceBytesError::Impossible {
                    what: "a name that is not UTF-8",
                }
            })?;
            if last.is_some_and(|last| *last >= *name) {
                return Err(FenceBytesError::Impossible {
                    what: "names that do not ascend",
                });
            }
            let fence = reader.fence()?;
            if fence.newest() == FencingToken::NONE {
                return Err(FenceBytesError::Impossible {
                    what: "a fence that has seen nothing",
                });
            }
            let name: Arc<str> = Arc::from(name);
            set.insert(Arc::clone(&name), fence);
            last = Some(name);
        }
        reader.end()?;
        set.make_room();
        Ok(set)
    }

    fn insert(&mut self, name: Arc<str>, fence: Fence) {
        self.by_age.insert((fence.newest(), Arc::clone(&name)));
        self.fences.insert(name, fence);
    }

    fn move_up(&mut self, name: &str, before: FencingToken, newest: FencingToken) {
        if let Some((name, _)) = self.fences.get_key_value(name) {
            self.by_age.remove(&(before, Arc::clone(name)));
            self.by_age.insert((newest, Arc::clone(name)));
        }
    }

    fn make_room(&mut self) {
        while self.fences.len() > self.limits.max_fences as usize {
            let oldest = match weak(Weakness::ForgetsTheNewest) {
                true => self.by_age.pop_last(),
                false => self.by_age.pop_first(),
            };
            let forgotten = oldest.and_then(|(_, name)| self.fences.remove(&name));
            let Some(fence) = forgotten else { return };
            self.lower_into_floor(&fence);
        }
    }

    fn lower_into_floor(&mut self, forgotten: &Fence) {
        if !weak(Weakness::NoFloor) {
            self.floor = self.floor.join(forgotten);
        }
    }
}

fn push(out: &mut Vec<u8>, fence: &Fence) {
    out.extend(fence.exclusive.0.to_le_bytes());
    out.extend(fence.shared.0.to_le_bytes());
}

/// Why a [`FenceSet`] does not let an effect pass.
///
/// ```
/// use quorate_leases::{Fence, FenceSet, FenceSetLimits, FencingToken};
///
/// let floor = Fence::restore(FencingToken(40));
/// let mut fences = FenceSet::with_floor(FenceSetLimits::default(), floor);
/// assert_eq!(
///     fences.check_and_raise("disk", FencingToken(33)).unwrap_err().to_string(),
///     "token #33 on \"disk\" is older than #40, up to which fences were forgotten: acquire the lease again",
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FenceSetError {
    /// A newer holder has been here.
    Stale {
        /// Whose fence it is.
        name: String,
        /// What was presented, and what was seen.
        stale: Stale,
    },
    /// No fence of this name is kept, and a newer token than this has been forgotten: of this name or of
    /// another.
    BelowFloor {
        /// Whose fence it would be.
        name: String,
        /// What was presented.
        token: FencingToken,
        /// The newest that was forgotten, of those that do not go together with it.
        floor: FencingToken,
    },
    /// The name is longer than the limit.
    NameTooLong {
        /// How many bytes it has.
        length: usize,
        /// How many it may have.
        max: usize,
    },
}

impl FenceSetError {
    fn stale(name: &str, stale: Stale) -> Self {
        Self::Stale {
            name: name.into(),
            stale,
        }
    }
}

impl fmt::Display for FenceSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { name, stale } => write!(f, "at {name:?}: {stale}"),
            Self::BelowFloor { name, token, floor } => write!(
                f,
                "token {token} on {name:?} is older than {floor}, up to which fences were forgotten: acquire \
                 the lease again"
            ),
            Self::NameTooLong { length, max } => write!(
                f,
                "a name of {length} bytes is longer than {max}: shorten it, or raise `max_name_bytes`"
            ),
        }
    }
}

impl core::error::Error for FenceSetError {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    const SMALL: FenceSetLimits = FenceSetLimits {
        max_fences: 2,
        max_name_bytes: 3,
    };

    #[test]
    fn golden_bytes() {
        let mut set = FenceSet::new(SMALL);
        set.check_and_raise("b", FencingToken(3)).unwrap();
        set.raise_as("ab", FencingToken(2), Mode::Shared).unwrap();
        set.check_and_raise("c", FencingToken(1)).unwrap();
        let mut expected = b"\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend(b"\x02\0\0\0");
        expected.extend(b"\x02\0ab\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0");
        expected.extend(b"\x01\0b\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(set.snapshot(), expected);
        assert_eq!(FenceSet::restore(SMALL, &expected), Ok(set));
    }

    #[test]
    fn a_name_that_is_too_long_is_refused_with_the_bound() {
        let mut set = FenceSet::new(SMALL);
        assert_eq!(
            set.check_and_raise("long", FencingToken(3)),
            Err(FenceSetError::NameTooLong { length: 4, max: 3 })
        );
        assert!(set.is_empty());
    }

    #[test]
    fn a_set_without_room_is_one_fence() {
        let mut set = FenceSet::new(FenceSetLimits {
            max_fences: 0,
            ..SMALL
        });
        set.check_and_raise("a", FencingToken(3)).unwrap();
        assert!(set.check_and_raise("b", FencingToken(2)).is_err());
        assert_eq!((set.len(), set.floor().newest()), (0, FencingToken(3)));
    }

    proptest! {
        /// However much is forgotten, and whatever is restored: nothing passes that a set without bounds would
        /// refuse.
        #[test]
        fn forgetting_lets_nobody_in(
            steps in prop::collection::vec((0..5_u8, 0..12_u64, 0..12_u8), 0..80),
            room in 0..4_u32,
        ) {
            let limits = FenceSetLimits { max_fences: room, ..SMALL };
            let mut set = FenceSet::new(limits);
            let mut all: BTreeMap<u8, Fence> = BTreeMap::new();
            for (name, token, other) in steps {
                // One counter: a number is of one mode, whatever the name.
                let mode = if token % 2 == 0 { Mode::Shared } else { Mode::Exclusive };
                let text = char::from(b'a' + name).to_string();
                if other == 0 {
                    set.forget(&text);
                } else if other == 1 {
                    set = FenceSet::restore(limits, &set.snapshot()).unwrap();
                }
                let before = set.clone();
                let passed = set.raise_as(&text, FencingToken(token), mode).is_ok();
                let unbounded = all.entry(name).or_default();
                let mut next = unbounded.clone();
                let allowed = next.raise_as(FencingToken(token), mode).is_ok();
                prop_assert!(!passed || allowed);
                match passed {
                    true => *unbounded = next,
                    false => prop_assert_eq!(&set, &before),
                }
                prop_assert!(set.len() <= room as usize);
                prop_assert_eq!(set.by_age.len(), set.len());
                // Whoever is above the floor is let in as if nothing had been forgotten.
                if allowed && FencingToken(token) > set.floor().newest() {
                    prop_assert!(passed);
                }
            }
        }

        /// Bytes from anywhere: an error, or a set with these bytes.
        #[test]
        fn bytes_are_canonical(
            steps in prop::collection::vec((0..3_u8, 1..6_u64, any::<bool>()), 0..12),
            at in any::<prop::sample::Index>(), byte in 0..4_u8,
        ) {
            let limits = FenceSetLimits { max_fences: 10, ..SMALL };
            let mut set = FenceSet::new(limits);
            for (name, token, shared) in steps {
                let mode = if shared { Mode::Shared } else { Mode::Exclusive };
                let _ = set.raise_as(&char::from(b'a' + name).to_string(), FencingToken(token), mode);
            }
            let mut bytes = set.snapshot();
            prop_assert_eq!(FenceSet::restore(limits, &bytes), Ok(set));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(other) = FenceSet::restore(limits, &bytes) {
                prop_assert_eq!(other.snapshot(), bytes);
            }
        }
    }
}
