//! One run: a safety phase in which everything breaks, then a liveness phase in which it must heal.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_clocks::NodeId;
use quorate_raft_core::{Config, Payload, Role};
use quorate_sim::{Failure, Faults, Knob, Stats, World};

use super::book::Seen;
use super::cluster::{Client, Cluster, Plant};
use super::invariants::{self, Invariant};
use super::operator;

const CLIENT: Knob = Knob::named("client");
const SETTING: Knob = Knob::named("setting");

/// Far more than any run takes whose messages do not breed.
const MOST_STEPS: u64 = 500_000;

/// What is run, but for the seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: u64,
    pub(crate) faults: Faults,
    pub(crate) plant: Plant,
    /// Whether members change, leaders hand over, and members that do not lead are read from.
    pub(crate) operated: bool,
    /// Only this invariant, when not all.
    pub(crate) only: Option<&'static str>,
    pub(crate) safety: Duration,
    pub(crate) liveness: Duration,
}

impl Plan {
    pub(crate) fn swarm(seed: u64, nodes: u64) -> Self {
        Self {
            nodes,
            faults: Faults::swarm(seed),
            plant: Plant::Nothing,
            operated: true,
            only: None,
            safety: Duration::from_secs(15),
            liveness: Duration::from_secs(30),
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    pub(crate) trace_hash: u64,
    pub(crate) elections: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refuted: u64,
    pub(crate) reads: u64,
    pub(crate) lease_reads: u64,
    pub(crate) restored: u64,
    pub(crate) changes: u64,
    pub(crate) handed_over: u64,
    pub(crate) forwarded: u64,
}

pub(crate) fn run(seed: u64, plan: Plan) -> Result<Outcome, Failure> {
    let ids: Vec<NodeId> = (1..=plan.nodes).map(NodeId).collect();
    let cluster = Cluster::new(config(seed, &ids), plan.plant);
    let mut world = World::new(cluster, seed, plan.faults, ids.iter().copied());
    if std::env::var_os("QUORATE_SIM_TRACE").is_some() {
        world.record_trace();
    }
    let outcome = phases(&mut world, &ids, plan);
    for line in world.trace() {
        println!("{line}");
    }
    outcome?;
    Ok(outcome_of(&world))
}

fn phases(world: &mut World<Cluster>, ids: &[NodeId], plan: Plan) -> Result<(), Failure> {
    let mut invariants = invariants::all();
    invariants.retain(|invariant| plan.only.is_none_or(|only| only == invariant.name()));
    assert!(
        !invariants.is_empty(),
        "no invariant is called {:?}",
        plan.only
    );
    let mut check = |world: &World<Cluster>| {
        if world.stats().steps > MOST_STEPS {
            return Err(format!("no end of messages: {}", world.stats()));
        }
        check_all(&mut invariants, world)
    };

    let end = world.now() + plan.safety;
    let mut turn = 0;
    while world.now() < end {
        turn += 1;
        let wait = world.draws().below(CLIENT, 0, 0, turn, 40);
        world.run_until(world.now() + Duration::from_millis(wait), &mut check)?;
        clients(world, ids, turn);
        if plan.operated {
            operator::act(world, ids, turn);
        }
    }

    world.calm();
    let end = world.now() + plan.liveness;
    // What the last proposal was, until it is applied everywhere.
    let mut hope: Option<Bytes> = None;
    while world.now() < end {
        world.run_until(world.now() + Duration::from_millis(50), &mut check)?;
        let leader = leader(world);
        match (&hope, leader) {
            (None, Some(leader)) => {
                turn += 1;
                let command = command(world, turn, 0);
                hope = world.propose(leader, command.clone()).then_some(command);
            }
            (Some(command), _) if is_applied_everywhere(world, ids, command) => return Ok(()),
            // It may be lost with a leader of before: propose another one now and then.
            (Some(_), Some(_)) if world.draws().below(CLIENT, 9, 9, turn, 20) == 0 => hope = None,
            _ => turn += 1,
        }
    }
    let state: Vec<_> = world.machines().map(|(_, raft)| raft.status()).collect();
    Err(world.failure(format!(
        "no progress: no command was applied everywhere within {:?} of calm: {state:?}",
        plan.liveness
    )))
}

fn check_all(invariants: &mut [Box<dyn Invariant>], world: &World<Cluster>) -> Result<(), String> {
    invariants.iter_mut().try_for_each(|invariant| {
        let checked = invariant.check(world);
        checked.map_err(|what| format!("{}: {what}", invariant.name()))
    })
}

/// A proposal or a read, mostly of a leader.
fn clients(world: &mut World<Cluster>, ids: &[NodeId], turn: u64) {
    let draws = world.draws();
    let number = |what: u64, end: u64| draws.below(CLIENT, what, what, turn, end);
    let anyone = ids[number(1, ids.len() as u64) as usize];
    // An old leader, if there is one, is where stale reads come from.
    let leaders: Vec<NodeId> = world
        .machines()
        .filter(|(_, raft)| raft.role() == Role::Leader)
        .map(|(id, _)| id)
        .collect();
    let node = match leaders.len() as u64 {
        0 => anyone,
        _ if number(2, 10) == 0 => anyone,
        len => leaders[number(3, len) as usize],
    };
    match number(4, 10) {
        0..=1 => world.read(node),
        2..=3 => world.lease_read(node),
        _ => {
            for burst in 0..=number(5, 3) {
                let command = command(world, turn, burst);
                world.propose(node, command);
            }
        }
    }
}

/// A command like no other.
fn command(world: &World<Cluster>, turn: u64, burst: u64) -> Bytes {
    let len = world.draws().below(CLIENT, 6, burst, turn, 40) as usize;
    let mut command = BytesMut::from(format!("{turn}.{burst}").as_bytes());
    command.resize(command.len() + len, b'.');
    command.freeze()
}

fn leader(world: &World<Cluster>) -> Option<NodeId> {
    world
        .machines()
        .filter(|(_, raft)| raft.role() == Role::Leader)
        .max_by_key(|(_, raft)| raft.term())
        .map(|(id, _)| id)
}

fn is_applied_everywhere(world: &World<Cluster>, ids: &[NodeId], command: &Bytes) -> bool {
    let acknowledged = world
        .process()
        .book
        .iter()
        .rev()
        .find_map(|seen| match seen {
            Seen::Acknowledged {
                position,
                command: known,
            } if known == command => Some(position.index),
            _ => None,
        });
    acknowledged.is_some_and(|index| ids.iter().all(|id| world.process().applied(*id) >= index))
}

/// Roomy settings, or such that everything is at its limit.
fn config(seed: u64, ids: &[NodeId]) -> Config {
    let draws = quorate_sim::Draws::new(seed);
    let mut config = Config::new(ids[0], ids.iter().copied());
    if draws.below(SETTING, 0, 0, 0, 2) == 0 {
        config.max_append_bytes = 64;
        config.max_appends_in_flight = 3;
        config.max_uncommitted_bytes = 2_000;
        config.max_command_bytes = 64;
        config.window_bytes = 256;
        config.max_committed_bytes = 100;
        config.max_reads = 4;
        config.max_outbox = 32;
        config.snapshot_chunk_bytes = 100;
    }
    config
}

fn outcome_of(world: &World<Cluster>) -> Outcome {
    let mut outcome = Outcome {
        stats: *world.stats(),
        trace_hash: world.trace_hash(),
        handed_over: world.process().handed_over,
        forwarded: world.process().forwarded,
        ..Outcome::default()
    };
    for seen in world.process().book.iter() {
        match seen {
            Seen::Acknowledged { .. } => outcome.acknowledged += 1,
            Seen::Refuted { .. } => outcome.refuted += 1,
            Seen::Restored { .. } => outcome.restored += 1,
            Seen::Read { level: "lease", .. } => outcome.lease_reads += 1,
            Seen::Read { .. } => outcome.reads += 1,
            Seen::Applied { entry, .. } if matches!(entry.payload, Payload::Membership(_)) => {
                outcome.changes += 1;
            }
            Seen::Applied { entry, .. } if entry.payload.is_empty() => outcome.elections += 1,
            _ => {}
        }
    }
    outcome
}
