//! Random use of the log, with clean ends, crashes and failures, against a list of states.

use proptest::prelude::*;
use quorate_raft_core::{Entry, HardState, Index, Persist, Position};

use super::{Random, SimulatedDisk, all, at, entry, hard_state, open, snapshot};
use crate::{Log, Opened};

#[derive(Clone, Debug)]
enum Step {
    Append { count: u64, bytes: usize },
    Replace { back: u64, count: u64 },
    Vote,
    Install { ahead: u64, bytes: usize },
    Sync,
    Snapshot { back: u64, bytes: usize },
    Purge { back: u64 },
    Crash { seed: u64 },
    Fail { after: u64, seed: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..8_u64, 0..400_usize).prop_map(|(count, bytes)| Step::Append { count, bytes }),
        2 => (0..20_u64, 1..5_u64).prop_map(|(back, count)| Step::Replace { back, count }),
        2 => Just(Step::Vote),
        1 => (0..10_u64, 0..2000_usize).prop_map(|(ahead, bytes)| Step::Install { ahead, bytes }),
        6 => Just(Step::Sync),
        2 => (0..20_u64, 0..2000_usize).prop_map(|(back, bytes)| Step::Snapshot { back, bytes }),
        2 => (0..20_u64).prop_map(|back| Step::Purge { back }),
        2 => any::<u64>().prop_map(|seed| Step::Crash { seed }),
        1 => (0..12_u64, any::<u64>()).prop_map(|(after, seed)| Step::Fail { after, seed }),
    ]
}

/// What the log should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    hard_state: HardState,
    /// The snapshot that the log was last replaced by.
    installed: Position,
    /// All entries after it.
    entries: Vec<Entry>,
}

impl Held {
    fn last(&self) -> Position {
        self.entries
            .last()
            .map_or(self.installed, |entry| entry.position)
    }

    fn position_at(&self, index: u64) -> Option<Position> {
        if index == self.installed.index.0 {
            return Some(self.installed);
        }
        let at = index.checked_sub(self.installed.index.0 + 1)?;
        Some(self.entries.get(usize::try_from(at).ok()?)?.position)
    }

    fn apply(&mut self, persist: &Persist) {
        self.hard_state = persist.hard_state.unwrap_or(self.hard_state);
        if let Some(taken) = &persist.snapshot {
            self.installed = taken.position;
            self.entries.clear();
        }
        if let Some(first) = persist.entries.first() {
            self.entries
                .retain(|entry| entry.position.index < first.position.index);
            self.entries.extend(persist.entries.clone());
        }
    }
}

struct Run {
    disk: SimulatedDisk,
    log: Log,
    /// The state after each write since the last that is known to be durable, that one first.
    states: Vec<Held>,
    /// The newest snapshot of this node that is known to be durable.
    saved: Position,
    /// One that may be durable or not.
    saving: Option<Position>,
    term: u64,
}

impl Run {
    fn new() -> Self {
        let disk = SimulatedDisk::default();
        let (log, opened) = open(&disk).unwrap();
        assert_eq!(opened, Opened::default());
        Self {
            disk,
            log,
            states: vec![Held::default()],
            saved: Position::ZERO,
            saving: None,
            term: 1,
        }
    }

    fn now(&self) -> &Held {
        self.states.last().unwrap()
    }

    /// What no entry may replace: what is in a snapshot.
    fn settled(&self) -> u64 {
        self.saved.index.max(self.now().installed.index).0
    }

    fn write(&mut self, persist: &Persist) -> bool {
        // Before the call: a failing call may have had its effect.
        let mut next = self.now().clone();
        next.apply(persist);
        self.states.push(next);
        self.log.write(persist).is_ok()
    }

    fn synced(&mut self, ok: bool) -> bool {
        if ok {
            self.states.drain(..self.states.len() - 1);
        }
        ok
    }

    /// Gives false when the disk failed.
    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Append { count, bytes } => {
                let last = self.now().last().index.0;
                let entries = (1..=count).map(|n| entry(self.term, last + n, bytes));
                let entries = entries.collect();
                self.write(&Persist {
                    entries,
                    ..Persist::default()
                })
            }
            Step::Replace { back, count } => {
                let last = self.now().last().index.0;
                let first = last.saturating_sub(back).max(self.settled() + 1);
                self.term += 1;
                let entries = (first..first + count).map(|index| entry(self.term, index, 50));
                let entries = entries.collect();
                self.write(&Persist {
                    hard_state: Some(hard_state(self.term, 1)),
                    entries,
                    ..Persist::default()
                })
            }
            Step::Vote => {
                self.term += 1;
                self.write(&Persist {
                    hard_state: Some(hard_state(self.term, self.term % 3)),
                    ..Persist::default()
                })
            }
            Step::Install { ahead, bytes } => {
                self.term += 1;
                let position = at(self.term, self.settled() + 1 + ahead);
                let next = entry(self.term, position.index.0 + 1, 30);
                self.write(&Persist {
                    hard_state: Some(hard_state(self.term, 2)),
                    snapshot: Some(snapshot(position, bytes)),
                    entries: (ahead % 2 == 0).then_some(next).into_iter().collect(),
                })
            }
            Step::Sync => {
                let ok = self.log.sync().is_ok();
                self.synced(ok)
            }
            Step::Snapshot { back, bytes } => {
                let index = self.now().last().index.0.saturating_sub(back);
                let Some(position) = self.now().position_at(index) else {
                    return true;
                };
                if index <= self.settled() {
                    return true;
                }
                self.saving = Some(position);
                let ok = self.log.save_snapshot(&snapshot(position, bytes)).is_ok();
                if ok {
                    self.saved = position;
                    self.saving = None;
                }
                self.synced(ok)
            }
            Step::Purge { back } => {
                let index = self.now().last().index.0.saturating_sub(back);
                let ok = self.log.purge(Index(index)).is_ok();
                self.synced(ok)
            }
            Step::Crash { seed } => {
                self.reopen(seed);
                true
            }
            Step::Fail { after, seed } => {
                self.disk.fail_after(after);
                if seed.is_multiple_of(4) {
                    self.disk.forget_failed_syncs();
                }
                true
            }
        }
    }

    /// The process died and the operating system did not: its cache is what it was.
    fn restart(&mut self) {
        self.disk.heal();
        let (log, opened) = open(&self.disk).unwrap();
        self.log = log;
        self.check(&opened);
    }

    fn reopen(&mut self, seed: u64) {
        self.disk = self.disk.crash(seed);
        // A crash while opening is a crash too.
        if seed.is_multiple_of(3) {
            self.disk.fail_after(seed / 3 % 4);
            let _ = open(&self.disk);
            self.disk = self.disk.crash(seed ^ 1);
        }
        let (log, opened) = open(&self.disk).unwrap();
        self.log = log;
        self.check(&opened);
    }

    /// What was recovered is one of the states that it may be, as a whole.
    fn check(&mut self, opened: &Opened) {
        let recovered = &opened.recovered;
        let found = all(&self.log);
        let position = |taken: &quorate_raft_core::Snapshot| taken.position;
        let newest = opened.snapshot.as_ref().map_or(Position::ZERO, position);
        let fits = |held: &Held| {
            let skip = usize::try_from(recovered.start.index.0 - held.installed.index.0).ok();
            held.hard_state == recovered.hard_state
                && held.last().index == recovered.last
                && held.position_at(recovered.start.index.0) == Some(recovered.start)
                && skip.and_then(|skip| held.entries.get(skip..)) == Some(&found)
                && held.position_at(newest.index.0) == Some(newest)
                && newest.index >= held.installed.index
        };
        let fitting = self
            .states
            .iter()
            .rposition(|held| held.installed.index <= recovered.start.index && fits(held));
        let Some(fitting) = fitting else {
            panic!(
                "recovered {recovered:?}, which is none of {:#?}",
                self.states
            );
        };
        self.states = vec![self.states[fitting].clone()];
        assert!(newest.index >= self.saved.index, "a snapshot was lost");
        assert!(
            Some(newest) == self.saving || newest == self.saved || newest == self.now().installed
        );
        if let Some(taken) = &opened.snapshot {
            let same = snapshot(taken.position, taken.data.len());
            assert_eq!(*taken, same);
            assert_eq!(self.log.latest_snapshot().unwrap().as_ref(), Some(taken));
        }
        assert_eq!(recovered.applied, newest.index);
        assert!(recovered.start.index <= newest.index);
        assert!(found.ends_with(&recovered.tail));
        let mut runs: Vec<Position> = found.iter().map(|entry| entry.position).collect();
        runs.dedup_by_key(|position| position.term);
        assert_eq!(recovered.runs, runs);
        self.saved = newest;
        self.saving = None;
    }

    fn check_reads(&self, random: &mut Random) {
        let (start, last) = (self.log.start().index.0, self.log.last().index.0);
        assert_eq!(self.log.last(), self.now().last());
        let from = start + 1 + random.below(last - start + 1);
        let to = from + random.below(20);
        let max_bytes = random.below(1000) as usize;
        let found = self.log.entries(Index(from), Index(to), max_bytes).unwrap();
        let skip = usize::try_from(from - 1 - self.now().installed.index.0).unwrap();
        let mut bytes = 0;
        let expected: Vec<Entry> = self.now().entries[skip..]
            .iter()
            .enumerate()
            .take_while(|(at, entry)| {
                bytes += entry.payload.len();
                entry.position.index.0 <= to && (*at == 0 || bytes <= max_bytes)
            })
            .map(|(_, entry)| entry.clone())
            .collect();
        assert_eq!(found, expected);
        assert!(
            self.log
                .entries(Index(start), Index(to), 1)
                .unwrap()
                .is_empty()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_use_of_the_log_recovers_to_a_state_that_it_had(
        steps in proptest::collection::vec(step(), 1..80),
        seed in any::<u64>(),
    ) {
        let mut run = Run::new();
        let mut random = Random(seed);
        let mut crash_seed = seed;
        for step in &steps {
            if let Step::Fail { seed, .. } = step {
                crash_seed = *seed;
            }
            if run.step(step) {
                run.check_reads(&mut random);
            } else {
                prop_assert!(run.log.sync().unwrap_err().to_string().contains("since it failed"));
                if crash_seed.is_multiple_of(2) {
                    run.restart();
                } else {
                    run.reopen(crash_seed);
                }
            }
        }
        run.reopen(seed);
    }
}
