//! The attacks, one after the other.

use std::time::Duration;

use quorate_clocks::SystemClock;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::observe::{ObserveError, Observer};
use super::plan::{Phase, PhaseCell};
use super::processes::Cluster;
use super::progress::Progress;
use crate::api::Faults;

/// How often a phase looks whether all nodes are alive.
const WATCH: Duration = Duration::from_millis(100);

/// What was done to the cluster, and how it took it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attack {
    /// The phase's name.
    pub(super) phase: &'static str,
    /// The node that was attacked.
    pub(super) node: u64,
    /// When, in milliseconds since the start.
    pub(super) at_ms: u64,
    /// Who led next.
    pub(super) next_leader: u64,
    /// How long the others took to elect it, in milliseconds.
    pub(super) failover_ms: u64,
    /// How long it took from the end of the attack until all nodes followed one leader, in
    /// milliseconds.
    pub(super) recovery_ms: u64,
}

/// Attacks a cluster.
pub(super) struct Nemesis<'a> {
    pub(super) cluster: &'a mut Cluster,
    pub(super) observer: &'a mut Observer,
    pub(super) clock: SystemClock,
    pub(super) phase: &'a PhaseCell,
    pub(super) progress: &'a Progress,
    pub(super) seconds: u64,
    /// Filled as attacks end.
    pub(super) attacks: &'a mut Vec<Attack>,
}

impl Nemesis<'_> {
    /// Goes through all phases.
    pub(super) async fn run(&mut self) -> Result<(), ObserveError> {
        for phase in Phase::ALL {
            match phase {
                Phase::Healthy | Phase::Healed => {
                    self.begin(phase, None);
                    self.pass(phase.length(self.seconds)).await?;
                }
                Phase::LeaderKilled | Phase::LeaderCutOff | Phase::LeaderFrozen => {
                    let attack = self.attack(phase).await?;
                    self.attacks.push(attack);
                }
            }
        }
        Ok(())
    }

    async fn attack(&mut self, phase: Phase) -> Result<Attack, ObserveError> {
        let leader = self.observer.wait_agreed(self.cluster).await?;
        let id = self.cluster.id(leader);
        let view = self.observer.view(self.cluster).await;
        let term = view.iter().flatten().map(|status| status.term).max();
        self.begin(phase, Some(id));
        let began = Instant::now();
        let at_ms = self.clock.now().as_nanos() / 1_000_000;

        match phase {
            Phase::LeaderKilled => self.cluster.kill(leader).await?,
            Phase::LeaderFrozen => self.cluster.freeze(leader)?,
            _ => {
                let others = (0..self.cluster.len()).map(|node| self.cluster.id(node));
                let faults = Faults {
                    cut: others.filter(|other| *other != id).collect(),
                    ..Faults::default()
                };
                let cluster = &*self.cluster;
                self.observer.set_faults(cluster, leader, &faults).await?;
            }
        }
        let next_leader = self
            .observer
            .wait_new_leader(self.cluster, id, term.unwrap_or_default())
            .await?;
        let failover = began.elapsed();

        // A killed node is back for the second half; the others stay attacked to the end.
        let length = phase.length(self.seconds);
        let attacked = match phase {
            Phase::LeaderKilled => length / 2,
            _ => length,
        };
        // However long the election took, clients get to see the new leader beside the old one.
        let left = attacked.saturating_sub(failover).max(length / 3);
        self.pass(left).await?;

        let ended = Instant::now();
        match phase {
            Phase::LeaderKilled => self.cluster.launch(leader)?,
            Phase::LeaderFrozen => self.cluster.thaw(leader)?,
            _ => {
                let healed = Faults::default();
                let cluster = &*self.cluster;
                self.observer.set_faults(cluster, leader, &healed).await?;
            }
        }
        self.observer.wait_agreed(self.cluster).await?;
        let recovery = ended.elapsed();
        self.pass(length.saturating_sub(began.elapsed())).await?;

        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Ok(Attack {
            phase: phase.name(),
            node: id,
            at_ms,
            next_leader,
            failover_ms: millis(failover),
            recovery_ms: millis(recovery),
        })
    }

    fn begin(&self, phase: Phase, node: Option<u64>) {
        self.phase.set(phase);
        match node {
            Some(node) => self
                .progress
                .phase(&format!("{} (node {node})", phase.name())),
            None => self.progress.phase(phase.name()),
        }
    }

    /// Lets the clients work for so long.
    async fn pass(&mut self, span: Duration) -> Result<(), ObserveError> {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.cluster.check_alive()?;
            sleep(WATCH.min(end.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }
}

/// Undoes every attack, whichever was under way.
pub(super) async fn mend(
    cluster: &mut Cluster,
    observer: &mut Observer,
) -> Result<(), ObserveError> {
    for node in 0..cluster.len() {
        if !cluster.is_running(node) {
            cluster.launch(node)?;
        }
        if cluster.is_frozen(node) {
            cluster.thaw(node)?;
        }
        observer
            .set_faults(cluster, node, &Faults::default())
            .await?;
    }
    observer.wait_agreed(cluster).await?;
    Ok(())
}
