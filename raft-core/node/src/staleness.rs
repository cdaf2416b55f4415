//! How current this node's state is known to be.

use std::collections::VecDeque;
use std::time::Duration;

use quorate_clocks::Instant;
use quorate_raft_core::Index;

/// Proofs that may wait for entries to be applied. When more comes, the older is worth more: it
/// counts sooner.
const MAX_WAITING: usize = 8;

/// Proof that a state which holds everything up to `commit` was current at `at`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    pub(crate) at: Instant,
    pub(crate) commit: Index,
}

/// What is known of a state that grows as entries are applied.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// When the state was last known to be current.
    current_at: Option<Instant>,
    /// What will count once more is applied, oldest first.
    waiting: VecDeque<Proof>,
}

impl Evidence {
    /// Takes note of new evidence about a state that holds everything up to `applied`.
    pub(crate) fn note(&mut self, proof: Option<Proof>, applied: Index) {
        self.applied(applied);
        let Some(proof) = proof else {
            return;
        };
        if proof.commit <= applied {
            self.current_at = self.current_at.max(Some(proof.at));
        } else if self.waiting.back() != Some(&proof) && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(proof);
        }
    }

    /// More is applied: evidence that waited for it counts.
    pub(crate) fn applied(&mut self, applied: Index) {
        while let Some(proof) = self.waiting.front().filter(|first| first.commit <= applied) {
            self.current_at = self.current_at.max(Some(proof.at));
            self.waiting.pop_front();
        }
    }

    /// How long ago the state was last known to be current.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.current_at.map(|at| now.since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(millis: u64, commit: u64) -> Proof {
        Proof {
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
        evidence.note(Some(proof(100, 5)), Index(4));
        assert_eq!(age(&evidence, 100), None);
        evidence.note(Some(proof(200, 7)), Index(5));
        assert_eq!(age(&evidence, 250), Some(150));
        evidence.applied(Index(6));
        assert_eq!(age(&evidence, 250), Some(150));
        evidence.applied(Index(7));
        assert_eq!(age(&evidence, 250), Some(50));
    }

    #[test]
    fn older_evidence_takes_nothing_back() {
        let mut evidence = Evidence::default();
        evidence.note(Some(proof(200, 1)), Index(1));
        evidence.note(Some(proof(100, 1)), Index(1));
        assert_eq!(age(&evidence, 300), Some(100));
    }

    #[test]
    fn a_state_that_never_catches_up_keeps_little_and_the_oldest() {
        let mut evidence = Evidence::default();
        for count in 1..1_000 {
            evidence.note(Some(proof(count, count)), Index(0));
        }
        assert_eq!(evidence.waiting.len(), MAX_WAITING);
        evidence.applied(Index(1));
        assert_eq!(age(&evidence, 1), Some(0));
    }
}
