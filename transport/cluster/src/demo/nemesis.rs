//! The attacks, one after the other, in the order that the seed chooses.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::observe::{ObserveError, Observer};
use super::plan::{Harm, Phase, Plan};
use super::processes::Cluster;
use super::progress::Progress;
use super::record::{Recorder, Trials};
use crate::api::Faults;

/// How often a phase looks whether all nodes are alive.
const WATCH: Duration = Duration::from_millis(100);
/// The reads that a leader which is cut off is to be asked, and cannot answer, before it is healed.
const WANTED: Trials = Trials {
    bounded: 3,
    session: 2,
};
/// How long is waited for them, on a machine that is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was done to the cluster, and how it took it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attack {
    /// The phase's name.
    pub(super) phase: &'static str,
    /// What was done to the node.
    pub(super) harm: &'static str,
    /// Whether the node led.
    pub(super) was_leader: bool,
    /// The node that was attacked.
    pub(super) node: u64,
    /// When, in milliseconds since the start.
    pub(super) at_ms: u64,
    /// Who led next, when the node led.
    pub(super) next_leader: Option<u64>,
    /// How long the others took to elect it, in milliseconds.
    pub(super) failover_ms: Option<u64>,
    /// How long it took from the end of the attack until all nodes followed one leader, in
    /// milliseconds.
    pub(super) recovery_ms: u64,
}

/// Attacks a cluster.
pub(super) struct Nemesis<'a> {
    pub(super) cluster: &'a mut Cluster,
    pub(super) observer: &'a mut Observer,
    pub(super) recorder: &'a Recorder,
    pub(super) progress: &'a Progress,
    pub(super) plan: Plan,
    pub(super) seconds: u64,
    /// Filled as attacks end.
    pub(super) attacks: &'a mut Vec<Attack>,
}

impl Nemesis<'_> {
    /// Goes through all phases.
    pub(super) async fn run(&mut self) -> Result<(), ObserveError> {
        let phases: Vec<_> = self.plan.phases().collect();
        for (phase, harm) in phases {
            match harm {
                None => {
                    self.begin(phase, None);
                    self.pass(phase.length(self.seconds)).await?;
                }
                Some(harm) => self.phase_of(harm).await?,
            }
        }
        Ok(())
    }

    /// One phase: what is done to the leader, and, if it is that phase, then to a follower.
    async fn phase_of(&mut self, harm: Harm) -> Result<(), ObserveError> {
        let phase = harm.phase();
        let length = phase.length(self.seconds);
        let follower_too = self.plan.follower_in == phase;
        // Without a follower's attack, a killed leader is back for the second half, and the others
        // stay attacked to the end.
        let attacked = match (harm, follower_too) {
            (Harm::Kill, _) => length / 2,
            (_, true) => length * 3 / 4,
            (_, false) => length,
        };
        let began = self.attack_leader(harm, length, attacked).await?;
        if follower_too {
            let left = length.saturating_sub(began.elapsed());
            self.attack_follower(phase, left.max(length / 5)).await?;
        }
        self.pass(length.saturating_sub(began.elapsed())).await
    }

    /// Answers when it began.
    async fn attack_leader(
        &mut self,
        harm: Harm,
        length: Duration,
        attacked: Duration,
    ) -> Result<Instant, ObserveError> {
        let leader = self.observer.wait_agreed(self.cluster).await?;
        let id = self.cluster.id(leader);
        let view = self.observer.view(self.cluster).await;
        let term = view.iter().flatten().map(|status| status.term).max();
        self.begin(harm.phase(), Some(id));
        let began = Instant::now();
        let at_ms = self.recorder.now() / 1_000_000;

        self.inflict(harm, leader).await?;
        let next_leader = self
            .observer
            .wait_new_leader(self.cluster, id, term.unwrap_or_default())
            .await?;
        let failover = began.elapsed();
        // However long the election took, clients get to see the new leader beside the old one.
        let left = attacked.saturating_sub(failover).max(length / 3);
        self.pass(left).await?;
        if harm == Harm::CutOff {
            self.wait_tried().await?;
        }

        let recovery = self.undo(harm, leader).await?;
        self.attacks.push(Attack {
            phase: harm.phase().name(),
            harm: harm.name(),
            was_leader: true,
            node: id,
            at_ms,
            next_leader: Some(next_leader),
            failover_ms: Some(millis(failover)),
            recovery_ms: millis(recovery),
        });
        Ok(began)
    }

    async fn attack_follower(&mut self, phase: Phase, span: Duration) -> Result<(), ObserveError> {
        let leader = self.observer.wait_agreed(self.cluster).await?;
        let node = (leader + self.plan.follower_distance) % self.cluster.len();
        let harm = self.plan.follower_harm;
        let at_ms = self.recorder.now() / 1_000_000;
        self.inflict(harm, node).await?;
        self.pass(span).await?;
        let recovery = self.undo(harm, node).await?;
        self.attacks.push(Attack {
            phase: phase.name(),
            harm: harm.name(),
            was_leader: false,
            node: self.cluster.id(node),
            at_ms,
            next_leader: None,
            failover_ms: None,
            recovery_ms: millis(recovery),
        });
        Ok(())
    }

    async fn inflict(&mut self, harm: Harm, node: usize) -> Result<(), ObserveError> {
        self.recorder.attacked(Some(node));
        match harm {
            Harm::Kill => self.cluster.kill(node).await?,
            Harm::Freeze => self.cluster.freeze(node)?,
            Harm::CutOff => {
                let others = (0..self.cluster.len()).filter(|other| *other != node);
                let faults = Faults {
                    cut: others.map(|other| self.cluster.id(other)).collect(),
                    ..Faults::default()
                };
                let cluster = &*self.cluster;
                self.observer.set_faults(cluster, node, &faults).await?;
                self.recorder.cut_off(Some(node));
            }
        }
        Ok(())
    }

    /// Ends an attack, and waits until all nodes follow one leader: how long that took.
    async fn undo(&mut self, harm: Harm, node: usize) -> Result<Duration, ObserveError> {
        let ended = Instant::now();
        match harm {
            Harm::Kill => self.cluster.launch(node)?,
            Harm::Freeze => self.cluster.thaw(node)?,
            Harm::CutOff => {
                self.recorder.cut_off(None);
                let cluster = &*self.cluster;
                let healed = Faults::default();
                self.observer.set_faults(cluster, node, &healed).await?;
            }
        }
        self.observer.wait_agreed(self.cluster).await?;
        self.recorder.attacked(None);
        Ok(ended.elapsed())
    }

    /// Waits until the node that is cut off was asked for enough that it cannot know.
    async fn wait_tried(&mut self) -> Result<(), ObserveError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tried = self.recorder.trials();
            let enough = tried.bounded >= WANTED.bounded && tried.session >= WANTED.session;
            // What was not tried is what the verdict says.
            if enough || Instant::now() >= deadline {
                return Ok(());
            }
            self.pass(WATCH).await?;
        }
    }

    fn begin(&self, phase: Phase, node: Option<u64>) {
        self.recorder.begin(phase);
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

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
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
