//! How current this node's state is known to be.

use std::collections::VecDeque;
use std::time::Duration;

use quorate_clocks::Instant;
use quorate_raft_core::Index;

/// Evidence that may wait for entries to be applied. When more comes, the older is worth more: it
/// counts sooner.
const MAX_WAITING: usize = 8;

/// Evidence that a state which holds everything up to `commit` was current at `at`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Contact {
    pub(crate) at: Instant,
    pub(crate) commit: Index,
}

/// What is known of a state that grows as entries are applied.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// When the state was last known to be current.
    current_at: Option<Instant>,
    /// What will count once more is applied, oldest first.
    waiting: VecDeque<Contact>,
}

impl Evidence {
    /// Takes note of new evidence about a state that holds everything up to `applied`.
    pub(crate) fn note(&mut self, contact: Option<Contact>, applied: Index) {
        self.applied(applied);
        let Some(contact) = contact else {
            return;
        };
        if contact.commit <= applied {
            self.current_at = self.current_at.max(Some(contact.at));
        } else if self.waiting.back() != Some(&contact) && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(contact);
        }
    }

    /// More is applied: evidence that waited for it counts.
    pub(crate) fn applied(&mut self, applied: Index) {
        while let Some(contact) = self.waiting.front().filter(|first| first.commit <= applied) {
            self.current_at = self.current_at.max(Some(contact.at));
            self.waiting.pop_front();
        }
    }

    /// How long ago the state was last known to be current.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.current_at.map(|at| now.since(at))
    }
}

/// Sees that the whole process stood still: stopped, suspended, or starved.
///
/// What arrived meanwhile waits in sockets that other tasks read. It is no word about now, and for
/// a while nobody can tell it from what is.
#[derive(Debug)]
pub(crate) struct StallWatch {
    /// How often the loop turns at least.
    tick: Duration,
    /// When it turns next, at the latest.
    tick_at: Instant,
    /// For how long what arrives is not believed after a stall.
    quarantine: Duration,
    distrust_until: Instant,
}

impl StallWatch {
    pub(crate) fn new(tick: Duration, quarantine: Duration, now: Instant) -> Self {
        Self {
            tick,
            tick_at: now + tick,
            quarantine,
            distrust_until: now,
        }
    }

    /// When the loop is to turn, whatever happens.
    pub(crate) const fn tick_at(&self) -> Instant {
        self.tick_at
    }

    /// The loop turns. One tick of lateness is a busy machine, more is a stall.
    pub(crate) fn turn(&mut self, now: Instant) {
        if now < self.tick_at {
            return;
        }
        if now.since(self.tick_at) > self.tick {
            self.distrust_until = now + self.quarantine;
        }
        self.tick_at = now + self.tick;
    }

    /// Whether a message that arrives now is taken for one that was sent lately.
    pub(crate) fn trusts(&self, now: Instant) -> bool {
        now >= self.distrust_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(millis: u64, commit: u64) -> Contact {
        Contact {
            at: Instant::from_millis(millis),
            commit: Index(commit),
        }
    }

    fn age(evidence: &Evidence, millis: u64) -> Option<u128> {
        let age = evidence.age(Instant::from_millis(millis));
        age.map(|age| age.as_millis())
    }

    #[test]
    fn evidence_counts_once_what_it_speaks_of_is_applied() {
        let mut evidence = Evidence::default();
        assert_eq!(age(&evidence, 100), None);
        evidence.note(Some(contact(100, 5)), Index(4));
        assert_eq!(age(&evidence, 100), None);
        evidence.note(Some(contact(200, 7)), Index(5));
        assert_eq!(age(&evidence, 250), Some(150));
        evidence.applied(Index(6));
        assert_eq!(age(&evidence, 250), Some(150));
        evidence.applied(Index(7));
        assert_eq!(age(&evidence, 250), Some(50));
    }

    #[test]
    fn older_evidence_takes_nothing_back() {
        let mut evidence = Evidence::default();
        evidence.note(Some(contact(200, 1)), Index(1));
        evidence.note(Some(contact(100, 1)), Index(1));
        assert_eq!(age(&evidence, 300), Some(100));
    }

    #[test]
    fn a_state_that_never_catches_up_keeps_little_and_the_oldest() {
        let mut evidence = Evidence::default();
        for count in 1..1_000 {
            evidence.note(Some(contact(count, count)), Index(0));
        }
        assert_eq!(evidence.waiting.len(), MAX_WAITING);
        evidence.applied(Index(1));
        assert_eq!(age(&evidence, 1), Some(0));
    }

    #[test]
    fn after_a_stall_nothing_is_believed_for_a_while() {
        let at = Instant::from_millis;
        let (tick, quarantine) = (Duration::from_millis(100), Duration::from_millis(500));
        let mut watch = StallWatch::new(tick, quarantine, at(0));
        for millis in [30, 100, 199, 210, 390] {
            watch.turn(at(millis));
            assert!(watch.trusts(at(millis)), "{millis}");
        }
        // Stopped for ten seconds.
        watch.turn(at(10_000));
        assert!(!watch.trusts(at(10_000)));
        watch.turn(at(10_100));
        assert!(!watch.trusts(at(10_499)));
        assert!(watch.trusts(at(10_500)));
    }
}
