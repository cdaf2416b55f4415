//! What the core knows of the log: the terms of all of it, and the newest entries themselves.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::wire::entry_len;
use crate::{Entry, Index, Position, Recovered, StartError, Term};

/// Bytes that an entry costs besides its payload, in the budgets of the core.
pub(crate) const ENTRY_OVERHEAD: usize = 64;

/// What an entry costs in the budgets of the core.
pub(crate) const fn cost(entry: &Entry) -> usize {
    entry.payload.len() + ENTRY_OVERHEAD
}

/// The log, from `start` to the last entry.
///
/// Matching, elections and commits need only terms, and a log has few of them: they are kept as
/// runs, for the whole log. Payloads are kept for a window of the newest entries.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Log {
    /// The last entry that only a snapshot holds.
    start: Position,
    /// The first entry of each run of one term after `start`; terms and indexes ascend.
    runs: VecDeque<Position>,
    last: Index,
    /// The newest entries, ending at `last`.
    window: VecDeque<Entry>,
    window_cost: usize,
    /// Older entries that the driver brought back, consecutive.
    loaded: Vec<Entry>,
}

impl Log {
    pub(crate) fn recover(recovered: &Recovered) -> Result<Self, StartError> {
        let mut log = Self {
            start: recovered.start,
            runs: VecDeque::new(),
            last: recovered.last,
            window: VecDeque::new(),
            window_cost: 0,
            loaded: Vec::new(),
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
            log.window_cost += cost(entry);
            log.window.push_back(entry.clone());
            expected = expected.next();
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
        if index == self.start.index {
            return Some(self.start.term);
        }
        if index < self.start.index || index > self.last {
            return None;
        }
        let after = self.runs.partition_point(|run| run.index <= index);
        self.runs.get(after.checked_sub(1)?).map(|run| run.term)
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

    /// Appends an entry that follows the last one. Gives false, and does nothing, if it does not.
    pub(crate) fn append(&mut self, entry: Entry) -> bool {
        let last = self.last();
        let Position { term, index } = entry.position;
        if index <= self.last || index != self.last.next() || term < last.term {
            return false;
        }
        if self.runs.is_empty() || term > last.term {
            self.runs.push_back(entry.position);
        }
        self.last = index;
        self.window_cost += cost(&entry);
        self.window.push_back(entry);
        true
    }

    /// Removes the entry at `from` and all after it.
    pub(crate) fn truncate(&mut self, from: Index) {
        let from = from.max(self.start.index.next());
        if from > self.last {
            return;
        }
        while self
            .window
            .back()
            .is_some_and(|entry| entry.position.index >= from)
        {
            if let Some(entry) = self.window.pop_back() {
                self.window_cost -= cost(&entry);
            }
        }
        while self.runs.back().is_some_and(|run| run.index >= from) {
            self.runs.pop_back();
        }
        self.loaded.retain(|entry| entry.position.index < from);
        self.last = from.prev();
    }

    /// Forgets everything up to `through`, which a snapshot holds.
    pub(crate) fn compact(&mut self, through: Index) {
        let Some(start) = self
            .position_at(through)
            .filter(|start| start.index > self.start.index)
        else {
            return;
        };
        let kept = self.runs.partition_point(|run| run.index <= through);
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
        while self
            .window
            .front()
            .is_some_and(|entry| entry.position.index <= through)
        {
            self.pop_window();
        }
        self.loaded.clear();
    }

    /// Starts anew after a snapshot.
    pub(crate) fn reset(&mut self, start: Position) {
        *self = Self {
            start,
            runs: VecDeque::new(),
            last: start.index,
            window: VecDeque::new(),
            window_cost: 0,
            loaded: Vec::new(),
        };
    }

    /// Lets the oldest entries of the window go while they cost more than `budget`, but none after
    /// `durable`: those can not be loaded again.
    pub(crate) fn shrink_window(&mut self, budget: usize, durable: Index) {
        while self.window_cost > budget
            && self
                .window
                .front()
                .is_some_and(|entry| entry.position.index <= durable)
        {
            self.pop_window();
        }
    }

    fn pop_window(&mut self) {
        if let Some(entry) = self.window.pop_front() {
            self.window_cost -= cost(&entry);
        }
    }

    /// Keeps entries that the driver brought back, if they are what the log says.
    pub(crate) fn keep_loaded(&mut self, entries: Vec<Entry>) -> bool {
        let follows = entries.windows(2).all(|pair| match pair {
            [a, b] => b.position.index == a.position.index.next(),
            _ => true,
        });
        let ours = entries
            .iter()
            .all(|entry| entry.position.index > self.start.index && self.holds(entry.position));
        if entries.is_empty() || !follows || !ours {
            return false;
        }
        self.loaded = entries;
        true
    }

    /// Entries from `from` on, up to `to` and `max_bytes` as they are encoded, at least one.
    ///
    /// None when the first is not in memory.
    pub(crate) fn entries(&self, from: Index, to: Index, max_bytes: usize) -> Option<Vec<Entry>> {
        let to = to.min(self.last);
        if from > to {
            return Some(Vec::new());
        }
        let mut taken = Vec::new();
        let mut bytes = 0_usize;
        let mut take = |entry: &Entry| {
            bytes = bytes.saturating_add(entry_len(entry));
            let fits = taken.is_empty() || bytes <= max_bytes;
            if fits {
                taken.push(entry.clone());
            }
            fits
        };
        let window_first = self.window.front().map(|entry| entry.position.index);
        if let Some(first) = window_first
            && from >= first
        {
            let skip = usize::try_from(from.0 - first.0).ok()?;
            let count = usize::try_from(to.0 - from.0).ok()?.saturating_add(1);
            for entry in self.window.iter().skip(skip).take(count) {
                if !take(entry) {
                    break;
                }
            }
        } else {
            let first = self.loaded.first()?.position.index;
            let skip = usize::try_from(from.0.checked_sub(first.0)?).ok()?;
            for entry in self.loaded.get(skip..)? {
                if entry.position.index > to || !take(entry) {
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
    use crate::Payload;

    fn entry(index: u64, term: u64) -> Entry {
        Entry {
            position: Position {
                term: Term(term),
                index: Index(index),
            },
            payload: Payload::Command(bytes::Bytes::from_static(b"0123456789")),
        }
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::recover(&Recovered::default()).unwrap();
        for (at, &term) in terms.iter().enumerate() {
            assert!(log.append(entry(at as u64 + 1, term)));
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
        assert!(!log.append(entry(4, 2)));
        assert!(!log.append(entry(2, 2)));
        assert!(!log.append(entry(3, 1)));
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
        assert!(!log.keep_loaded(vec![entry(1, 2)]));
        assert!(!log.keep_loaded(vec![entry(1, 1), entry(3, 2)]));
        assert!(log.keep_loaded(vec![entry(1, 1), entry(2, 1)]));
        assert_eq!(log.entries(Index(2), Index(4), 100).unwrap().len(), 1);
    }

    #[test]
    fn recovery_refuses_a_log_with_holes() {
        let run = |index, term| Position {
            term: Term(term),
            index: Index(index),
        };
        let recover = |runs, last| {
            Log::recover(&Recovered {
                runs,
                last: Index(last),
                ..Recovered::default()
            })
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
