//! Entries that are shared, not copied: between the log, the disk, the followers and the application.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::slice;

use crate::log::ENTRY_OVERHEAD;
use crate::wire::ENTRY_HEADER_BYTES;
use crate::{Entry, Index, Membership, Payload, Position};

/// Entries of the log, in order.
///
/// What is proposed together is shared together: the log, the write to the disk, the appends to all
/// followers and what is handed to the application hold the same payloads, and to clone this counts one
/// reference for each *batch* of entries and not one for each entry.
///
/// ```
/// use quorate_raft_core::{Entries, Entry, Index, Payload, Position, Term};
///
/// let entry = |index| Entry {
///     position: Position { term: Term(1), index: Index(index) },
///     payload: Payload::Command("x = 1".into()),
/// };
/// let entries: Entries = (7..10).map(entry).collect();
/// assert_eq!((entries.len(), entries.last().unwrap().position.index), (3, Index(9)));
/// for entry in &entries {
///     assert_eq!(entry.payload.len(), 5);
/// }
/// ```
#[derive(Clone, Default)]
pub struct Entries {
    batches: Batches,
}

/// Most often it is one, and nothing is allocated for it.
///
/// All of this is as large as the vector, so that messages are cheap to move.
#[derive(Clone, Default)]
enum Batches {
    #[default]
    None,
    One(Batch),
    /// Never none.
    Many(Vec<Batch>),
}

/// An entry among others.
///
/// ```
/// use quorate_raft_core::{Entries, Entry, EntryRef, Payload, Position};
///
/// let entry = Entry { position: Position::ZERO, payload: Payload::Empty };
/// let entries = Entries::from(vec![entry.clone()]);
/// let found: EntryRef<'_> = entries.first().unwrap();
/// assert_eq!(found.to_owned(), entry);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EntryRef<'a> {
    /// Where it is and whose it is.
    pub position: Position,
    /// What it says.
    pub payload: &'a Payload,
}

impl EntryRef<'_> {
    /// The entry on its own. Its payload is shared, and not copied.
    pub fn to_owned(self) -> Entry {
        Entry {
            position: self.position,
            payload: self.payload.clone(),
        }
    }
}

impl<'a> From<&'a Entry> for EntryRef<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            position: entry.position,
            payload: &entry.payload,
        }
    }
}

impl Entries {
    /// No entries.
    pub const fn new() -> Self {
        Self {
            batches: Batches::None,
        }
    }

    pub(crate) const fn of_batch(batch: Batch) -> Self {
        Self {
            batches: Batches::One(batch),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.batches().map(Batch::len).sum()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        matches!(self.batches, Batches::None)
    }

    /// The first.
    pub fn first(&self) -> Option<EntryRef<'_>> {
        self.as_slice().first()?.get(0)
    }

    /// The last.
    pub fn last(&self) -> Option<EntryRef<'_>> {
        let batch = self.as_slice().last()?;
        batch.get(batch.len() - 1)
    }

    /// All of them, in order.
    pub fn iter(&self) -> EntriesIter<'_> {
        let mut batches = self.batches();
        EntriesIter {
            current: batches.next().map(Batch::iter),
            batches,
        }
    }

    /// The last one's position.
    pub(crate) fn last_position(&self) -> Option<Position> {
        self.as_slice().last().map(Batch::last)
    }

    fn as_slice(&self) -> &[Batch] {
        match &self.batches {
            Batches::None => &[],
            Batches::One(batch) => slice::from_ref(batch),
            Batches::Many(batches) => batches,
        }
    }

    pub(crate) fn batches(&self) -> slice::Iter<'_, Batch> {
        self.as_slice().iter()
    }

    pub(crate) fn into_batches(self) -> impl Iterator<Item = Batch> {
        let (one, many) = match self.batches {
            Batches::None => (None, Vec::new()),
            Batches::One(batch) => (Some(batch), Vec::new()),
            Batches::Many(batches) => (None, batches),
        };
        one.into_iter().chain(many)
    }

    pub(crate) fn push(&mut self, batch: Batch) {
        match &mut self.batches {
            Batches::None => self.batches = Batches::One(batch),
            Batches::One(first) => self.batches = Batches::Many(vec![first.clone(), batch]),
            Batches::Many(batches) => batches.push(batch),
        }
    }

    /// Keeps those before `index`.
    pub(crate) fn truncate(&mut self, index: Index) {
        let kept = self.batches().map_while(|batch| batch.before(index));
        *self = kept.fold(Self::new(), |mut kept, batch| {
            kept.push(batch);
            kept
        });
    }

    /// The same entries without their commands, for a witness.
    pub(crate) fn without_commands(&self) -> Self {
        let mut all = Self::new();
        for batch in self.batches() {
            all.push(batch.without_commands());
        }
        all
    }

    /// Bytes as they are encoded.
    pub(crate) fn encoded_len(&self) -> usize {
        self.batches().map(Batch::encoded_len).sum()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The same entries are equal, however they are shared.
impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl Eq for Entries {}

impl Hash for Entries {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for entry in self {
            entry.hash(state);
        }
    }
}

impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut all = Self::new();
        let mut open: Option<(Position, Vec<Payload>)> = None;
        for Entry { position, payload } in entries {
            match &mut open {
                Some((first, payloads))
                    if first.term == position.term
                        && first.index.0.checked_add(payloads.len() as u64)
                            == Some(position.index.0) =>
                {
                    payloads.push(payload);
                }
                _ => {
                    if let Some((first, payloads)) = open.take() {
                        all.push(Batch::new(first, payloads.into_iter().collect()));
                    }
                    open = Some((position, vec![payload]));
                }
            }
        }
        if let Some((first, payloads)) = open {
            all.push(Batch::new(first, payloads.into_iter().collect()));
        }
        all
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Self {
        entries.into_iter().collect()
    }
}

/// The entries one by one. A payload is shared, and not copied.
impl From<Entries> for Vec<Entry> {
    fn from(entries: Entries) -> Self {
        entries.iter().map(EntryRef::to_owned).collect()
    }
}

/// The entries one by one, each on its own. Go through a reference where that is enough: it counts no
/// references.
impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = vec::IntoIter<Entry>;

    fn into_iter(self) -> vec::IntoIter<Entry> {
        Vec::from(self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = EntryRef<'a>;
    type IntoIter = EntriesIter<'a>;

    fn into_iter(self) -> EntriesIter<'a> {
        self.iter()
    }
}

/// Goes through [`Entries`]; see there for an example.
#[derive(Clone, Debug)]
pub struct EntriesIter<'a> {
    batches: slice::Iter<'a, Batch>,
    current: Option<BatchIter<'a>>,
}

impl<'a> Iterator for EntriesIter<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            if let Some(entry) = self.current.as_mut()?.next() {
                return Some(entry);
            }
            self.current = self.batches.next().map(Batch::iter);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let current = self
            .current
            .as_ref()
            .map_or(0, |batch| batch.payloads.len());
        let left = current + self.batches.clone().map(Batch::len).sum::<usize>();
        (left, Some(left))
    }
}

impl ExactSizeIterator for EntriesIter<'_> {}
impl FusedIterator for EntriesIter<'_> {}

/// Consecutive entries of one term, at least one.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// What this is a part of.
    whole: Arc<Whole>,
    start: u32,
    len: u32,
}

/// A batch as it was made. Behind one thin pointer, so that messages are cheap to move.
#[derive(Debug)]
struct Whole {
    first: Position,
    payloads: Payloads,
    len: u32,
    /// Of the payloads.
    bytes: usize,
    /// There is a membership among them.
    changes_members: bool,
}

/// What some entries say, at least one.
#[derive(Debug)]
pub(crate) enum Payloads {
    /// One that is proposed alone needs no memory besides the batch's own.
    One(Payload),
    Many(Box<[Payload]>),
}

impl Payloads {
    fn as_slice(&self) -> &[Payload] {
        match self {
            Self::One(payload) => slice::from_ref(payload),
            Self::Many(payloads) => payloads,
        }
    }
}

impl FromIterator<Payload> for Payloads {
    fn from_iter<I: IntoIterator<Item = Payload>>(payloads: I) -> Self {
        let mut payloads = payloads.into_iter();
        if payloads.size_hint() == (1, Some(1))
            && let Some(payload) = payloads.next()
        {
            return Self::One(payload);
        }
        Self::Many(payloads.collect())
    }
}

impl Batch {
    /// All of these, which are not none and not more than 2^32.
    pub(crate) fn new(first: Position, payloads: Payloads) -> Self {
        let all = payloads.as_slice();
        let bytes = all.iter().map(Payload::len).sum();
        let is_membership = |payload: &Payload| matches!(payload, Payload::Membership(_));
        let changes_members = all.iter().any(is_membership);
        Self::share(first, payloads, bytes, changes_members)
    }

    /// All of these, whose payloads take so many bytes, and none of which is a membership.
    pub(crate) fn of_commands(first: Position, payloads: Payloads, bytes: usize) -> Self {
        Self::share(first, payloads, bytes, false)
    }

    fn share(first: Position, payloads: Payloads, bytes: usize, changes_members: bool) -> Self {
        let len = u32::try_from(payloads.as_slice().len()).unwrap_or(u32::MAX);
        debug_assert!(len > 0, "a batch has an entry");
        Self {
            start: 0,
            len,
            whole: Arc::new(Whole {
                first,
                payloads,
                len,
                bytes,
                changes_members,
            }),
        }
    }

    /// Whether there may be a membership among them.
    pub(crate) fn changes_members(&self) -> bool {
        self.whole.changes_members
    }

    /// The memberships among them, and where they are.
    pub(crate) fn memberships(&self) -> impl Iterator<Item = (Index, &Membership)> + '_ {
        let searched = match self.changes_members() {
            true => Some(self.iter()),
            false => None,
        };
        let entries = searched.into_iter().flatten();
        entries.filter_map(|entry| match entry.payload {
            Payload::Membership(membership) => Some((entry.position.index, membership)),
            _ => None,
        })
    }

    /// The same entries without their commands, for a witness.
    fn without_commands(&self) -> Self {
        let payloads = self.payloads().iter().map(|payload| match payload {
            Payload::Command(_) => Payload::Empty,
            other => other.clone(),
        });
        Self::new(self.first(), payloads.collect())
    }

    pub(crate) fn first(&self) -> Position {
        let Position { term, index } = self.whole.first;
        Position {
            term,
            index: Index(index.0.saturating_add(u64::from(self.start))),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn last(&self) -> Position {
        self.position(self.len().saturating_sub(1))
    }

    /// The position of the entry at this place.
    fn position(&self, at: usize) -> Position {
        let Position { term, index } = self.first();
        Position {
            term,
            index: Index(index.0.saturating_add(at as u64)),
        }
    }

    /// What it costs in the budgets of the core.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        self.bytes() + self.len() * ENTRY_OVERHEAD
    }

    /// Bytes as it is encoded.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        self.bytes() + self.len() * ENTRY_HEADER_BYTES
    }

    /// Of the payloads of this part. Parts are rare and do not last, so they are counted anew.
    fn bytes(&self) -> usize {
        if self.len == self.whole.len {
            return self.whole.bytes;
        }
        self.payloads().iter().map(Payload::len).sum()
    }

    fn payloads(&self) -> &[Payload] {
        let start = self.start as usize;
        let part = self
            .whole
            .payloads
            .as_slice()
            .get(start..start + self.len());
        part.unwrap_or_default()
    }

    fn get(&self, at: usize) -> Option<EntryRef<'_>> {
        Some(EntryRef {
            position: self.position(at),
            payload: self.payloads().get(at)?,
        })
    }

    pub(crate) fn iter(&self) -> BatchIter<'_> {
        BatchIter {
            next: self.first(),
            payloads: self.payloads().iter(),
        }
    }

    /// The part from `skip` on with at most `take` entries; none if that is none.
    pub(crate) fn slice(&self, skip: usize, take: usize) -> Option<Self> {
        let len = self.len().saturating_sub(skip).min(take);
        (len > 0).then(|| self.clone().cut(skip, len))
    }

    /// The part from `skip` on; none if that is none.
    pub(crate) fn skip(self, skip: usize) -> Option<Self> {
        let len = self.len().saturating_sub(skip);
        (len > 0).then(|| self.cut(skip, len))
    }

    /// So many entries from `skip` on, as there are.
    fn cut(mut self, skip: usize, len: usize) -> Self {
        self.start = self
            .start
            .saturating_add(u32::try_from(skip).unwrap_or(u32::MAX));
        self.len = u32::try_from(len).unwrap_or(u32::MAX);
        self
    }

    /// How many entries come before `index`.
    pub(crate) fn count_before(&self, index: Index) -> usize {
        let count = index.0.saturating_sub(self.first().index.0);
        usize::try_from(count).unwrap_or(usize::MAX).min(self.len())
    }

    /// Those before `index`.
    pub(crate) fn before(&self, index: Index) -> Option<Self> {
        self.slice(0, self.count_before(index))
    }

    /// Those from `index` on.
    pub(crate) fn from(&self, index: Index) -> Option<Self> {
        self.slice(self.count_before(index), self.len())
    }

    /// The part before `to` from `skip` on, or its beginning that takes no more than so many bytes as it is
    /// encoded, but never less than `at_least` entries.
    pub(crate) fn fitting(
        &self,
        skip: usize,
        to: usize,
        max_bytes: usize,
        at_least: usize,
    ) -> Option<Self> {
        let wanted = to.saturating_sub(skip);
        let fits_all = wanted == self.len() && self.encoded_len() <= max_bytes;
        if fits_all {
            return Some(self.clone());
        }
        let mut bytes = 0_usize;
        let fits = |payload: &&Payload| {
            bytes = bytes.saturating_add(ENTRY_HEADER_BYTES + payload.len());
            bytes <= max_bytes
        };
        let part = self.payloads().get(skip..).unwrap_or_default().iter();
        let fitting = part.take(wanted).take_while(fits).count();
        self.slice(skip, fitting.max(at_least.min(wanted)))
    }
}

/// The same entries are equal, whatever they are a part of.
impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        self.first() == other.first() && self.payloads() == other.payloads()
    }
}

impl Eq for Batch {}

impl Hash for Batch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.first().hash(state);
        self.payloads().hash(state);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BatchIter<'a> {
    next: Position,
    payloads: slice::Iter<'a, Payload>,
}

impl<'a> Iterator for BatchIter<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        let payload = self.payloads.next()?;
        let position = self.next;
        self.next.index = position.index.next();
        Some(EntryRef { position, payload })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Term;

    fn entry(term: u64, index: u64, len: usize) -> Entry {
        Entry {
            position: Position {
                term: Term(term),
                index: Index(index),
            },
            payload: Payload::Command(vec![7; len].into()),
        }
    }

    prop_compose! {
        /// Entries of terms that rise, and now and then with a gap.
        fn any_entries()(steps in prop::collection::vec((0_u64..2, 1_u64..3, 0_usize..9), 0..12)) -> Vec<Entry> {
            let (mut term, mut index) = (1, 0);
            steps.into_iter().map(|(newer, further, len)| {
                term += newer;
                index += further;
                entry(term, index, len)
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn they_are_what_they_were_made_of(plain in any_entries()) {
            let entries: Entries = plain.iter().cloned().collect();
            prop_assert_eq!(Vec::from(entries.clone()), plain.clone());
            prop_assert_eq!(entries.iter().len(), plain.len());
            prop_assert_eq!(entries.len(), plain.len());
            prop_assert_eq!(entries.first().map(EntryRef::to_owned), plain.first().cloned());
            prop_assert_eq!(entries.last().map(EntryRef::to_owned), plain.last().cloned());
            prop_assert_eq!(entries.last_position(), plain.last().map(|last| last.position));
            let encoded: usize = plain.iter().map(crate::wire::entry_len).sum();
            prop_assert_eq!(entries.encoded_len(), encoded);
        }

        #[test]
        fn cut_as_a_list_is(plain in any_entries(), index in 0_u64..30) {
            let mut entries: Entries = plain.iter().cloned().collect();
            entries.truncate(Index(index));
            let kept: Vec<Entry> = plain.into_iter().filter(|entry| entry.position.index.0 < index).collect();
            prop_assert_eq!(&Vec::from(entries.clone()), &kept);
            // How it is shared makes no difference.
            prop_assert_eq!(entries, Entries::from(kept));
        }

        #[test]
        fn a_part_of_a_batch_is_that_part(count in 1_usize..9, skip in 0_usize..10, take in 0_usize..10, skip_again in 0_usize..4) {
            let plain: Vec<Entry> = (0..count).map(|at| entry(1, 5 + at as u64, at)).collect();
            let entries: Entries = plain.iter().cloned().collect();
            let batch = entries.batches().next().unwrap().clone();
            let part = batch.slice(skip, take);
            let expected: Vec<Entry> = plain.iter().skip(skip).take(take).cloned().collect();
            let list = |part: &Option<Batch>| -> Vec<Entry> {
                part.iter().flat_map(Batch::iter).map(EntryRef::to_owned).collect()
            };
            prop_assert_eq!(&list(&part), &expected);
            let again = part.as_ref().and_then(|part| part.slice(skip_again, 99));
            prop_assert_eq!(list(&again), expected.iter().skip(skip_again).cloned().collect::<Vec<_>>());
            if let Some(part) = part {
                let bytes: usize = expected.iter().map(|entry| entry.payload.len()).sum();
                prop_assert_eq!(part.cost(), bytes + expected.len() * ENTRY_OVERHEAD);
                prop_assert_eq!(part.last(), expected.last().unwrap().position);
            }
        }
    }
}
