//! What the core knows of the log: the terms and the members of all of it, and the newest entries themselves.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::entries::Batch;
use crate::members::Members;
use crate::{Entries, Index, Membership, Payload, Position, Recovered, StartError, Term};

/// Bytes that an entry costs besides its payload, in the budgets of the core.
pub(crate) const ENTRY_OVERHEAD: usize = 64;

/// The log, from `start` to the last entry.
///
/// Matching, elections and commits need only terms, and a log has few of them: they are kept as
/// runs, for the whole log. Payloads are kept for a window of the newest entries.
///
/// What a leader proposes is *open* at first: it counts as a part of the log, and is made into one batch,
/// which is shared from then on, when it is needed. So what is proposed in one go is shared as one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Log {
    /// The last entry that only a snapshot holds.
    start: Position,
    /// The first entry of each run of one term after `start`; terms and indexes ascend.
    runs: VecDeque<Position>,
    last: Index,
    members: Members,
    /// The newest entries, ending at `last`, but for those that are open.
    window: VecDeque<Batch>,
    window_cost: usize,
    /// The newest entries, of the last term, which have been shared with nobody yet.
    open: Vec<Payload>,
    open_bytes: usize,
    open_changes_members: bool,
    /// Older entries that the driver brought back, consecutive.
    loaded: Entries,
}

impl Log {
    /// The log on a disk. `founders` are the members before its first entry.
    pub(crate) fn recover(
        recovered: &Recovered,
        founders: &Membership,
    ) -> Result<Self, StartError> {
        let mut log = Self {
            start: recovered.start,
            runs: VecDeque::new(),
            last: recovered.last,
            members: Members::new(Index::ZERO, founders.clone()),
            window: VecDeque::new(),
            window_cost: 0,
            open: Vec::new(),
            open_bytes: 0,
            open_changes_members: false,
            loaded: Entries::new(),
        };
        let mut after = recovered.start;
        for &run in &recovered.runs {
            let follows = if log.runs.is_empty() {
                run.index == after.index.next() && run.term >= after.term
            } else {
                run.index > after.index && run.term > after.term
            };
            if !follows || run.index > recovered.last {
                return Err(StartError::Gap { after, found: run });
            }
            log.runs.push_back(run);
            after = run;
        }
        if log.runs.is_empty() && recovered.last != recovered.start.index {
            let found = Position {
                term: Term::ZERO,
                index: recovered.last,
            };
            return Err(StartError::Gap { after, found });
        }
        for (index, membership) in &recovered.memberships {
            if *index <= log.members.index() || *index > recovered.last {
                return Err(StartError::MembershipOutsideLog {
                    index: *index,
                    last: recovered.last,
                });
            }
            log.members.push(*index, membership.clone());
        }
        log.members.forget_before(log.start.index);
        log.members.take_changed();
        let count = recovered.tail.len() as u64;
        let mut expected = Index(recovered.last.0.saturating_sub(count)).next();
        for entry in &recovered.tail {
            if entry.position.index != expected
                || log.term_at(expected) != Some(entry.position.term)
                || expected <= recovered.start.index
            {
                return Err(StartError::Gap {
                    after: log.position_at(expected.prev()).unwrap_or_default(),
                    found: entry.position,
                });
            }
            expected = expected.next();
        }
        for batch in recovered
            .tail
            .iter()
            .cloned()
            .collect::<Entries>()
            .into_batches()
        {
            log.window_cost += batch.cost();
            log.window.push_back(batch);
        }
        Ok(log)
    }

    pub(crate) const fn start(&self) -> Position {
        self.start
    }

    pub(crate) fn last(&self) -> Position {
        let term = self.runs.back().map_or(self.start.term, |run| run.term);
        Position {
            term,
            index: self.last,
        }
    }

    /// The term at `index`, when the log reaches there.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        // Most often it is in the last run.
        if let Some(run) = self.runs.back()
            && run.index <= index
        {
            return (index <= self.last).then_some(run.term);
        }
        if index == self.start.index {
            return Some(self.start.term);
        }
        if index < self.start.index || index > self.last {
            return None;
        }
        self.runs
            .get(self.runs_until(index).checked_sub(1)?)
            .map(|run| run.term)
    }

    /// How many runs begin at or before `index`.
    fn runs_until(&self, index: Index) -> usize {
        // Most often it is all of them.
        if self.runs.back().is_none_or(|run| run.index <= index) {
            return self.runs.len();
        }
        self.runs.partition_point(|run| run.index <= index)
    }

    pub(crate) fn position_at(&self, index: Index) -> Option<Position> {
        Some(Position {
            term: self.term_at(index)?,
            index,
        })
    }

    pub(crate) fn holds(&self, position: Position) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// The last entry at or before `index` whose term is at most `term`; the start when none is.
    ///
    /// Both sides of a mismatch use it, so that one probe skips a whole run of a term (Raft §5.3).
    pub(crate) fn last_at_most(&self, index: Index, term: Term) -> Position {
        let index = index.min(self.last);
        // The runs that begin too late or have too new a term are a suffix.
        let fits = self
            .runs
            .partition_point(|run| run.index <= index && run.term <= term);
        let Some(run) = fits.checked_sub(1).and_then(|at| self.runs.get(at)) else {
            return self.start;
        };
        let end = self
            .runs
            .get(fits)
            .map_or(self.last, |next| next.index.prev());
        Position {
            term: run.term,
            index: end.min(index),
        }
    }

    /// Appends entries that follow the last one. Gives false, and does nothing, if they do not.
    pub(crate) fn append(&mut self, batch: Batch) -> bool {
        let last = self.last();
        let Position { term, index } = batch.first();
        // The last index there can be has none after it.
        if index <= self.last
            || index != self.last.next()
            || term < last.term
            || batch.last().index.0 == u64::MAX
        {
            return false;
        }
        if self.runs.is_empty() || term > last.term {
            self.runs.push_back(batch.first());
        }
        self.last = batch.last().index;
        self.push_window(batch);
        true
    }

    fn push_window(&mut self, batch: Batch) {
        if batch.changes_members() {
            for (index, membership) in batch.memberships() {
                self.members.push(index, membership.clone());
            }
        }
        self.window_cost += batch.cost();
        self.window.push_back(batch);
    }

    /// Who the members are along the log.
    pub(crate) const fn members(&self) -> &Members {
        &self.members
    }

    /// Whether the newest membership is another than when this was asked before.
    pub(crate) const fn take_changed_members(&mut self) -> bool {
        self.members.take_changed()
    }

    /// Who the members were at an entry, as far as the log goes.
    pub(crate) fn membership_at(&self, index: Index) -> Option<&Membership> {
        let is_here = index >= self.start.index && index <= self.last;
        is_here.then(|| self.members.at(index)).flatten()
    }

    /// Whether there is a place after the last entry.
    pub(crate) const fn has_place(&self) -> bool {
        self.last.next().0 < u64::MAX
    }

    /// Appends an entry of this term, which is not lower than the last one's, and leaves it open. Does
    /// nothing if there is no place.
    pub(crate) fn append_open(&mut self, term: Term, payload: Payload) {
        if !self.has_place() {
            return;
        }
        let index = self.last.next();
        if self.runs.back().is_none_or(|run| run.term < term) {
            debug_assert!(self.open.is_empty(), "what is open is of one term");
            self.runs.push_back(Position { term, index });
        }
        self.last = index;
        self.open_bytes += payload.len();
        self.open_changes_members |= matches!(payload, Payload::Membership(_));
        self.open.push(payload);
    }

    /// What the open entries cost.
    pub(crate) const fn open_cost(&self) -> usize {
        self.open_bytes + self.open.len() * ENTRY_OVERHEAD
    }

    /// Whether anything is open.
    pub(crate) const fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Makes what is open into a batch, to be shared from now on.
    pub(crate) fn close(&mut self) -> Option<Batch> {
        if self.open.is_empty() {
            return None;
        }
        let count = self.open.len() as u64;
        let first = Position {
            index: Index(self.last.0.saturating_sub(count)).next(),
            ..self.last()
        };
        let bytes = core::mem::take(&mut self.open_bytes);
        let payloads = self.open.drain(..).collect();
        let batch = match self.open_changes_members {
            false => Batch::of_commands(first, payloads, bytes),
            true => Batch::new(first, payloads),
        };
        self.open_changes_members = false;
        self.push_window(batch.clone());
        Some(batch)
    }

    /// How many entries of the batch, from its first on, the log holds already.
    pub(crate) fn held(&self, batch: &Batch) -> usize {
        let Position { term, index } = batch.first();
        if self.term_at(index) != Some(term) {
            return 0;
        }
        // They are of one term, and so is a run.
        let end = self
            .runs
            .get(self.runs_until(index))
            .map_or(self.last, |run| run.index.prev());
        usize::try_from(end.0 - index.0)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }

    /// Removes the entry at `from` and all after it.
    pub(crate) fn truncate(&mut self, from: Index) {
        let from = from.max(self.start.index.next());
        if from > self.last {
            return;
        }
        debug_assert!(self.open.is_empty(), "only followers lose entries");
        while self
            .window
            .back()
            .is_some_and(|batch| batch.last().index >= from)
        {
            let Some(batch) = self.window.pop_back() else {
                break;
            };
            self.window_cost -= batch.cost();
            if let Some(kept) = batch.before(from) {
                self.window_cost += kept.cost();
                self.window.push_back(kept);
            }
        }
        while self.runs.back().is_some_and(|run| run.index >= from) {
            self.runs.pop_back();
        }
        self.loaded.truncate(from);
        self.last = from.prev();
        // The members are again who they were before (thesis §4.1).
        self.members.truncate(from);
    }

    /// Forgets everything up to `through`, which a snapshot holds.
    pub(crate) fn compact(&mut self, through: Index) {
        let Some(start) = self
            .position_at(through)
            .filter(|start| start.index > self.start.index)
        else {
            return;
        };
        let kept = self.runs_until(through);
        // The run that crosses the cut goes on after it.
        let crossing = kept
            .checked_sub(1)
            .and_then(|at| self.runs.get(at))
            .copied();
        self.runs.drain(..kept);
        let next_run_follows = self
            .runs
            .front()
            .is_some_and(|run| run.index == through.next());
        if let Some(run) = crossing
            && through < self.last
            && !next_run_follows
        {
            self.runs.push_front(Position {
                term: run.term,
                index: through.next(),
            });
        }
        self.start = start;
        while let Some(batch) = self.window.front()
            && batch.first().index <= through
        {
            let kept = batch.from(through.next());
            self.pop_window();
            if let Some(kept) = kept {
                self.window_cost += kept.cost();
                self.window.push_front(kept);
            }
        }
        self.loaded = Entries::new();
        self.members.forget_before(self.start.index);
    }

    /// Starts anew after a snapshot.
    pub(crate) fn reset(&mut self, start: Position, membership: Membership) {
        self.members.reset(start.index, membership);
        *self = Self {
            start,
            runs: VecDeque::new(),
            last: start.index,
            members: self.members.clone(),
            window: VecDeque::new(),
            window_cost: 0,
            open: Vec::new(),
            open_bytes: 0,
            open_changes_members: false,
            loaded: Entries::new(),
        };
    }

    /// Lets the oldest batches of the window go while they cost more than `budget`, but none with an entry
    /// after `durable`: those can not be loaded again.
    pub(crate) fn shrink_window(&mut self, budget: usize, durable: Index) {
        while self.window_cost > budget
            && self
                .window
                .front()
                .is_some_and(|batch| batch.last().index <= durable)
        {
            self.pop_window();
        }
    }

    fn pop_window(&mut self) {
        if let Some(batch) = self.window.pop_front() {
            self.window_cost -= batch.cost();
        }
    }

    /// The place in the window of the batch with the entry at `index`, which is not before its first.
    fn window_place(&self, index: Index) -> usize {
        // Most often the last one is wanted.
        let is_last = |batch: &Batch| batch.first().index <= index;
        if self.window.back().is_some_and(is_last) {
            return self.window.len() - 1;
        }
        self.window
            .partition_point(|batch| batch.last().index < index)
    }

    /// Keeps entries that the driver brought back, if they are what the log says.
    pub(crate) fn keep_loaded(&mut self, entries: Entries) -> bool {
        let mut expected = entries.first().map(|first| first.position.index);
        let ours = entries.batches().all(|batch| {
            let (first, last) = (batch.first(), batch.last());
            let follows = expected == Some(first.index);
            expected = Some(last.index.next());
            follows && first.index > self.start.index && self.holds(first) && self.holds(last)
        });
        if entries.is_empty() || !ours {
            return false;
        }
        self.loaded = entries;
        true
    }

    /// Entries from `from` on, up to `to` and `max_bytes` as they are encoded, at least one.
    ///
    /// None when the first is not in memory. Those that are open are not given.
    pub(crate) fn entries(&self, from: Index, to: Index, max_bytes: usize) -> Option<Entries> {
        let to = to.min(self.last);
        if from > to {
            return Some(Entries::new());
        }
        // Most often it is the last batch, all of it, that is wanted.
        if let Some(batch) = self.window.back()
            && (batch.first().index, batch.last().index) == (from, to)
            && batch.encoded_len() <= max_bytes
        {
            return Some(Entries::of_batch(batch.clone()));
        }
        let mut taken = Entries::new();
        let mut left = max_bytes;
        // Gives whether there may be more.
        let mut take = |batch: &Batch| {
            let (skip, end) = (batch.count_before(from), batch.count_before(to.next()));
            let at_least = usize::from(taken.is_empty());
            let Some(part) = batch.fitting(skip, end, left, at_least) else {
                return skip == batch.len();
            };
            let is_all = skip + part.len() == batch.len();
            left = left.saturating_sub(part.encoded_len());
            taken.push(part);
            is_all
        };
        let in_window = self
            .window
            .front()
            .is_some_and(|batch| from >= batch.first().index);
        if in_window {
            let skip = self.window_place(from);
            for batch in self.window.range(skip..) {
                if !take(batch) {
                    break;
                }
            }
        } else {
            if from < self.loaded.first()?.position.index {
                return None;
            }
            for batch in self.loaded.batches() {
                if !take(batch) {
                    break;
                }
            }
        }
        (!taken.is_empty()).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{Entry, Payload};

    fn entry(index: u64, term: u64) -> Entry {
        Entry {
            position: Position {
                term: Term(term),
                index: Index(index),
            },
            payload: Payload::Command(bytes::Bytes::from_static(b"0123456789")),
        }
    }

    fn batch(index: u64, term: u64) -> Batch {
        let entries = Entries::from(vec![entry(index, term)]);
        entries.into_batches().next().unwrap()
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::recover(&Recovered::default(), &Membership::default()).unwrap();
        for (at, &term) in terms.iter().enumerate() {
            assert!(log.append(batch(at as u64 + 1, term)));
        }
        log
    }

    #[test]
    fn last_at_most_skips_a_whole_term() {
        let log = log(&[1, 1, 4, 4, 5, 5, 6]);
        let at = |index, term| {
            let found = log.last_at_most(Index(index), Term(term));
            (found.index.0, found.term.0)
        };
        assert_eq!(at(7, 6), (7, 6));
        assert_eq!(at(7, 5), (6, 5));
        assert_eq!(at(7, 3), (2, 1));
        assert_eq!(at(3, 4), (3, 4));
        assert_eq!(at(99, 4), (4, 4));
        assert_eq!(at(5, 0), (0, 0));
    }

    #[test]
    fn an_entry_that_does_not_follow_is_not_appended() {
        let mut log = log(&[1, 2]);
        assert!(!log.append(batch(4, 2)));
        assert!(!log.append(batch(2, 2)));
        assert!(!log.append(batch(3, 1)));
        assert_eq!(log.last().index, Index(2));
    }

    #[test]
    fn entries_stop_at_the_byte_limit_but_give_one() {
        let log = log(&[1, 1, 1, 1]);
        assert_eq!(log.entries(Index(1), Index(4), 62).unwrap().len(), 2);
        assert_eq!(log.entries(Index(1), Index(4), 0).unwrap().len(), 1);
        assert_eq!(log.entries(Index(3), Index(3), 100).unwrap().len(), 1);
    }

    #[test]
    fn what_left_the_window_is_asked_for_and_taken_back_only_if_it_is_ours() {
        let mut log = log(&[1, 1, 2, 2]);
        log.shrink_window(0, Index(2));
        assert_eq!(log.entries(Index(1), Index(4), 100), None);
        assert_eq!(log.entries(Index(3), Index(4), 100).unwrap().len(), 2);
        assert!(!log.keep_loaded(vec![entry(1, 2)].into()));
        assert!(!log.keep_loaded(vec![entry(1, 1), entry(3, 2)].into()));
        assert!(log.keep_loaded(vec![entry(1, 1), entry(2, 1)].into()));
        assert_eq!(log.entries(Index(2), Index(4), 100).unwrap().len(), 1);
    }

    #[test]
    fn recovery_refuses_a_log_with_holes() {
        let run = |index, term| Position {
            term: Term(term),
            index: Index(index),
        };
        let recover = |runs, last| {
            let recovered = Recovered {
                runs,
                last: Index(last),
                ..Recovered::default()
            };
            Log::recover(&recovered, &Membership::default())
        };
        assert!(recover(vec![run(1, 1), run(4, 3)], 9).is_ok());
        assert!(recover(vec![run(2, 1)], 9).is_err());
        assert!(recover(vec![run(1, 3), run(4, 3)], 9).is_err());
        assert!(recover(vec![run(1, 1), run(10, 3)], 9).is_err());
        assert!(recover(vec![], 9).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Terms as runs answer as a plain list of terms does, after any cutting.
        #[test]
        fn runs_agree_with_a_plain_list(
            steps in prop::collection::vec(0_u64..3, 1..40),
            cut in 0_u64..45,
            compact in 0_u64..45,
        ) {
            let mut terms = vec![0_u64];
            let mut term = 1;
            for step in steps {
                term += step / 2;
                terms.push(term);
            }
            let mut log = log(&terms[1..]);
            if cut > 0 {
                log.truncate(Index(cut));
                terms.truncate(cut as usize);
            }
            log.compact(Index(compact));
            let start = if (compact as usize) < terms.len() { compact } else { 0 };
            prop_assert_eq!(log.start().index.0, start);
            prop_assert_eq!(log.last().index.0 + 1, terms.len() as u64);
            for (index, &term) in terms.iter().enumerate() {
                let expected = (index as u64 >= start).then_some(Term(term));
                prop_assert_eq!(log.term_at(Index(index as u64)), expected);
            }
            for term in 0..6 {
                let naive = (start as usize..terms.len())
                    .rfind(|&at| terms[at] <= term)
                    .unwrap_or(start as usize) as u64;
                prop_assert_eq!(log.last_at_most(Index(99), Term(term)).index.0, naive);
            }
        }
    }
}
