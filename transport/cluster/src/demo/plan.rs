//! What is done to the cluster, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is being done to the cluster.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    /// Nothing.
    Healthy,
    /// The leader is killed with SIGKILL, and started again halfway.
    LeaderKilled,
    /// The links between the leader and all others are cut, and healed at the end.
    LeaderCutOff,
    /// The leader is stopped with SIGSTOP, and goes on at the end as if no time had passed.
    LeaderFrozen,
    /// Nothing, after all of it.
    Healed,
}

impl Phase {
    /// In the order in which they come.
    pub(super) const ALL: [Self; 5] = [
        Self::Healthy,
        Self::LeaderKilled,
        Self::LeaderCutOff,
        Self::LeaderFrozen,
        Self::Healed,
    ];

    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::LeaderKilled => "leader killed",
            Self::LeaderCutOff => "leader cut off",
            Self::LeaderFrozen => "leader frozen",
            Self::Healed => "healed",
        }
    }

    /// The share of the whole run, in percent.
    fn share(self) -> u32 {
        match self {
            Self::Healthy => 15,
            Self::LeaderKilled | Self::LeaderCutOff => 25,
            Self::LeaderFrozen => 20,
            Self::Healed => 15,
        }
    }

    /// How long it lasts in a run of `seconds`. A phase lasts longer when what it waits for, such as
    /// a new leader, takes longer.
    pub(super) fn length(self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) * self.share() / 100
    }
}

/// The phase as it is now, for everybody who records something.
#[derive(Clone, Debug, Default)]
pub(super) struct PhaseCell(Arc<AtomicUsize>);

impl PhaseCell {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as usize, Ordering::Release);
    }

    pub(super) fn get(&self) -> Phase {
        let place = self.0.load(Ordering::Acquire);
        Phase::ALL.get(place).copied().unwrap_or(Phase::Healed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_fill_the_run_and_come_in_order() {
        let whole: Duration = Phase::ALL.iter().map(|phase| phase.length(20)).sum();
        assert_eq!(whole, Duration::from_secs(20));
        assert!(Phase::ALL.is_sorted());
    }

    #[test]
    fn a_cell_tells_the_phase_that_was_set() {
        let cell = PhaseCell::default();
        for phase in Phase::ALL {
            cell.set(phase);
            assert_eq!(cell.get(), phase);
        }
    }
}
