//! Random events and messages, against sets of causes.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use super::Broken;
use crate::SplitMix64;
use crate::{Causality, Relation};

/// A clock under test, on every process of a system.
pub trait Subject {
    /// What it stamps events with.
    type Stamp: Causality + Clone + Debug;

    /// Something happens on a process, and a message about it leaves.
    fn event(&mut self, process: usize) -> Self::Stamp;

    /// A message arrives on a process: maybe its own, maybe for the second time.
    fn receive(&mut self, process: usize, stamp: &Self::Stamp) -> Self::Stamp;
}

/// What [`check_histories`] does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Chooses what happens: the same seed is the same run.
    pub seed: u64,
    /// How many processes there are; none counts as one.
    pub processes: usize,
    /// How many events. Time and memory go with its square.
    pub events: usize,
    /// Whether the clock must know the relation of every two events.
    pub exact: bool,
}

impl Plan {
    /// Four processes, a hundred events, and a clock that may not know.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            processes: 4,
            events: 100,
            exact: false,
        }
    }
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Pairs whose relation the clock knew, rightly.
    pub known: u64,
    /// Pairs of which it said that it does not know.
    pub unknown: u64,
    /// Pairs that were in fact concurrent.
    pub concurrent: u64,
}

/// Lets random things happen, and compares what the stamps say of every two events with what can
/// have influenced what.
///
/// # Errors
///
/// The first two events of which the clock says something else.
pub fn check_histories<S: Subject>(plan: Plan, mut subject: S) -> Result<Report, Broken> {
    let events = happen(plan, &mut subject);
    let mut report = Report::default();
    for (number, a) in events.iter().enumerate() {
        for b in &events[..=number] {
            let truth = a.relation(b);
            report.concurrent += u64::from(truth == Relation::Concurrent);
            match a.stamp.relate(&b.stamp) {
                Some(known) if known == truth => report.known += 1,
                None if !plan.exact => report.unknown += 1,
                answer => {
                    return Err(Broken {
                        law: "happens-before",
                        what: format!(
                            "event {} on process {} stamped {:?} is {truth} event {} on process {} \
                             stamped {:?}, and the stamps say {answer:?} (seed {})",
                            a.number, a.process, a.stamp, b.number, b.process, b.stamp, plan.seed
                        ),
                    });
                }
            }
        }
    }
    Ok(report)
}

struct Event<S> {
    number: usize,
    process: usize,
    stamp: S,
    causes: Causes,
}

impl<S> Event<S> {
    /// Of two events one happened before the other exactly if it is among its causes (Lamport 1978,
    /// the definition of "happened before").
    fn relation(&self, other: &Self) -> Relation {
        if self.number == other.number {
            return Relation::Equal;
        }
        if other.causes.has(self.number) {
            Relation::Before
        } else if self.causes.has(other.number) {
            Relation::After
        } else {
            Relation::Concurrent
        }
    }
}

/// A set of events, by number.
#[derive(Clone)]
struct Causes(Vec<u64>);

impl Causes {
    fn none(events: usize) -> Self {
        Self(vec![0; events.div_ceil(64)])
    }

    fn has(&self, number: usize) -> bool {
        self.0[number / 64] >> (number % 64) & 1 == 1
    }

    fn add(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }
}

fn happen<S: Subject>(plan: Plan, subject: &mut S) -> Vec<Event<S::Stamp>> {
    let processes = plan.processes.max(1);
    let mut random = SplitMix64::new(plan.seed);
    let mut known = vec![Causes::none(plan.events); processes];
    let mut events: Vec<Event<S::Stamp>> = Vec::new();
    for number in 0..plan.events {
        let process = random.index(processes);
        // Mostly a message of late, sometimes one of long ago.
        let message = match random.below(4) {
            _ if events.is_empty() => None,
            0 => Some(random.index(events.len())),
            1 | 2 => Some(events.len() - 1 - random.index(events.len().min(2 * processes))),
            _ => None,
        };
        let stamp = match message {
            None => subject.event(process),
            Some(message) => {
                let Event { stamp, causes, .. } = &events[message];
                known[process].add_all(causes);
                known[process].add(message);
                subject.receive(process, stamp)
            }
        };
        let causes = known[process].clone();
        known[process].add(number);
        events.push(Event {
            number,
            process,
            stamp,
            causes,
        });
    }
    events
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A wall clock that stands still on odd processes, and claims to know.
    struct Wall(u64);

    #[derive(Clone, Debug)]
    struct Date(u64);

    impl Causality for Date {
        fn relate(&self, other: &Self) -> Option<Relation> {
            Some(Relation::from_surplus(self.0 > other.0, self.0 < other.0))
        }
    }

    impl Subject for Wall {
        type Stamp = Date;

        fn event(&mut self, process: usize) -> Date {
            self.0 += 1;
            Date(if process.is_multiple_of(2) { self.0 } else { 0 })
        }

        fn receive(&mut self, process: usize, _: &Date) -> Date {
            self.event(process)
        }
    }

    #[test]
    fn a_clock_that_claims_too_much_is_caught() {
        let broken = check_histories(Plan::new(1), Wall(0)).unwrap_err();
        assert_eq!(broken.law, "happens-before");
    }
}
