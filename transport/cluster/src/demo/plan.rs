//! What is done to the cluster, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::random;

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
    /// In the order in which they are reported. The attacks come in that of the [`Plan`].
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

/// What can be done to a node.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Harm {
    /// SIGKILL, and it is started again.
    Kill,
    /// Its links to all others are cut, and healed again.
    CutOff,
    /// SIGSTOP, and SIGCONT.
    Freeze,
}

impl Harm {
    const ALL: [Self; 3] = [Self::Kill, Self::CutOff, Self::Freeze];

    /// What the node is then.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::CutOff => "cut off",
            Self::Freeze => "frozen",
        }
    }

    /// The phase in which this is done to the leader.
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Kill => Phase::LeaderKilled,
            Self::CutOff => Phase::LeaderCutOff,
            Self::Freeze => Phase::LeaderFrozen,
        }
    }
}

/// What a seed chooses of the attacks.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Plan {
    /// What is done to the leaders, in this order.
    pub(super) attacks: [Harm; 3],
    /// In which of these phases a follower is attacked too, once the leader's attack is over.
    pub(super) follower_in: Phase,
    /// What is done to it.
    pub(super) follower_harm: Harm,
    /// Which one: so many places after the leader of that time.
    pub(super) follower_distance: usize,
}

impl Plan {
    /// The plan of a seed, for so many nodes.
    pub(super) fn of(seed: u64, nodes: usize) -> Self {
        // A stream that no client has.
        let mut random = random::stream(seed, u64::MAX);
        let mut attacks = Harm::ALL;
        // R. Durstenfeld, Algorithm 235, CACM 1964: each order is as likely as any other.
        for last in (1..attacks.len()).rev() {
            attacks.swap(last, random.index(last + 1));
        }
        let mut any = || Harm::ALL.get(random.index(3)).copied();
        let follower_in = any().unwrap_or(Harm::Kill).phase();
        let follower_harm = any().unwrap_or(Harm::Kill);
        Self {
            attacks,
            follower_in,
            follower_harm,
            follower_distance: 1 + random.index(nodes.saturating_sub(1)),
        }
    }

    /// All phases, in the order in which they come.
    pub(super) fn phases(&self) -> impl Iterator<Item = (Phase, Option<Harm>)> {
        let attacks = self.attacks.map(|harm| (harm.phase(), Some(harm)));
        [(Phase::Healthy, None)]
            .into_iter()
            .chain(attacks)
            .chain([(Phase::Healed, None)])
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
    use std::collections::BTreeSet;

    #[test]
    fn the_phases_fill_the_run_and_come_in_order() {
        let whole: Duration = Phase::ALL.iter().map(|phase| phase.length(20)).sum();
        assert_eq!(whole, Duration::from_secs(20));
        assert!(Phase::ALL.is_sorted());
    }

    #[test]
    fn a_seed_chooses_the_order_of_the_attacks_and_a_follower_and_never_leaves_one_out() {
        let plans: BTreeSet<_> = (0..2_000).map(|seed| Plan::of(seed, 4)).collect();
        // Six orders, three phases, three harms, three followers: all that there are.
        assert_eq!(plans.len(), 6 * 3 * 3 * 3);
        for plan in plans {
            let mut phases: Vec<_> = plan.phases().map(|(phase, _)| phase).collect();
            assert_eq!(phases.first(), Some(&Phase::Healthy));
            assert_eq!(phases.last(), Some(&Phase::Healed));
            phases.sort();
            assert_eq!(phases, Phase::ALL);
            assert!((1..4).contains(&plan.follower_distance));
        }
        assert_eq!(Plan::of(7, 3), Plan::of(7, 3));
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
