//! The schedule of crashes, pauses and partitions.

use std::collections::BTreeSet;

use quorate_clocks::NodeId;

use crate::fabric::{Action, Turn};
use crate::world::pairs;
use crate::{Knob, Process, Schedule, World};

const EVERY: Knob = Knob::named("nemesis: every");
const LASTS: Knob = Knob::named("nemesis: lasts");
const VICTIM: Knob = Knob::named("nemesis: victim");
const SHAPE: Knob = Knob::named("nemesis: shape");
const SIDE: Knob = Knob::named("nemesis: side");
const ONE_WAY: Knob = Knob::named("nemesis: one way");

/// The kinds of turns, as places of their draws.
const CRASH: u64 = 0;
const PAUSE: u64 = 1;
const PARTITION: u64 = 2;

#[derive(Clone, Debug, Default)]
pub(crate) struct Nemesis {
    /// Turns of an earlier epoch do not count.
    epoch: u64,
    /// How many turns of each kind there were.
    turns: [u64; 3],
}

impl Nemesis {
    pub(crate) fn stop(&mut self) {
        self.epoch += 1;
    }
}

impl<P: Process> World<P> {
    pub(crate) fn begin_nemesis(&mut self) {
        for (kind, turn) in [
            (CRASH, Turn::Crash),
            (PAUSE, Turn::Pause),
            (PARTITION, Turn::Partition),
        ] {
            self.schedule_next(kind, turn);
        }
    }

    pub(crate) fn nemesis_turn(&mut self, epoch: u64, turn: Turn) {
        if epoch != self.nemesis.epoch {
            return;
        }
        match turn {
            Turn::Crash => {
                let (at, count) = self.victim(CRASH);
                let down = self.nodes.iter().filter(|node| node.machine.is_none());
                let room = down.count() < self.fabric.faults.most_down;
                if room && self.nodes[at].machine.is_some() {
                    let (id, life) = (self.nodes[at].id, self.nodes[at].life);
                    self.crash(id);
                    self.schedule_end(CRASH, count, Turn::Restart { node: at, life });
                }
                self.schedule_next(CRASH, turn);
            }
            Turn::Restart { node, life } => {
                if self.nodes[node].life == life {
                    self.restart(self.nodes[node].id);
                }
            }
            Turn::Pause => {
                let (at, count) = self.victim(PAUSE);
                if self.nodes[at].is_running() {
                    let (id, life) = (self.nodes[at].id, self.nodes[at].life);
                    self.pause(id);
                    self.schedule_end(PAUSE, count, Turn::Resume { node: at, life });
                }
                self.schedule_next(PAUSE, turn);
            }
            Turn::Resume { node, life } => {
                if self.nodes[node].life == life {
                    self.resume(self.nodes[node].id);
                }
            }
            Turn::Partition => {
                let count = self.count(PARTITION);
                let links = self.shape(count);
                if !links.is_empty() {
                    let partition = self.fabric.cut(links);
                    self.schedule_end(PARTITION, count, Turn::Mend { partition });
                }
                self.schedule_next(PARTITION, turn);
            }
            Turn::Mend { partition } => self.fabric.mend(partition),
        }
    }

    /// The links of a partition: a node alone, two sides at random, or a single link, one way or
    /// both.
    fn shape(&self, count: u64) -> BTreeSet<(NodeId, NodeId)> {
        let draws = self.fabric.draws;
        let ids: Vec<NodeId> = self.ids().collect();
        let pick =
            |place: u64, end: usize| draws.below(SHAPE, place, place, count, end as u64) as usize;
        let one_way_ppm = self.fabric.faults.one_way_ppm;
        let one_way = draws.chance(ONE_WAY, 0, 0, count, one_way_ppm);
        let chosen: Box<dyn Fn(NodeId, NodeId) -> bool> = match pick(0, 3) {
            0 => {
                let alone = ids[pick(1, ids.len())];
                let hears = one_way && draws.chance(ONE_WAY, 1, 1, count, 500_000);
                Box::new(move |from, to| match one_way {
                    false => from == alone || to == alone,
                    true if hears => from == alone,
                    true => to == alone,
                })
            }
            1 => {
                let left = move |id: NodeId| draws.chance(SIDE, id.0, id.0, count, 500_000);
                Box::new(move |from, to| match one_way {
                    false => left(from) != left(to),
                    true => left(from) && !left(to),
                })
            }
            _ => {
                let (a, b) = (ids[pick(2, ids.len())], ids[pick(3, ids.len())]);
                Box::new(move |from, to| (from, to) == (a, b) || !one_way && (from, to) == (b, a))
            }
        };
        pairs(&ids)
            .filter(|(from, to)| chosen(*from, *to))
            .collect()
    }

    fn count(&mut self, kind: u64) -> u64 {
        let turns = &mut self.nemesis.turns[kind as usize];
        *turns += 1;
        *turns
    }

    fn victim(&mut self, kind: u64) -> (usize, u64) {
        let count = self.count(kind);
        let end = self.nodes.len() as u64;
        (
            self.fabric.draws.below(VICTIM, kind, kind, count, end) as usize,
            count,
        )
    }

    fn schedule_of(&self, kind: u64) -> Option<Schedule> {
        let faults = &self.fabric.faults;
        match kind {
            CRASH => faults.crash,
            PAUSE => faults.pause,
            _ => faults.partition,
        }
    }

    fn schedule_next(&mut self, kind: u64, turn: Turn) {
        if self.nodes.is_empty() {
            return;
        }
        if let Some(schedule) = self.schedule_of(kind) {
            let count = self.nemesis.turns[kind as usize];
            let span = schedule.every;
            let wait = self.fabric.draws.within(EVERY, kind, kind, count, span);
            // Time must go on, or the next turn would always be now.
            self.schedule_turn(
                wait.max(core::time::Duration::from_micros(1)),
                kind,
                count,
                turn,
            );
        }
    }

    fn schedule_end(&mut self, kind: u64, count: u64, turn: Turn) {
        if let Some(schedule) = self.schedule_of(kind) {
            let span = schedule.lasts;
            let wait = self.fabric.draws.within(LASTS, kind, kind, count, span);
            self.schedule_turn(wait, kind, count, turn);
        }
    }

    fn schedule_turn(&mut self, wait: core::time::Duration, kind: u64, count: u64, turn: Turn) {
        let epoch = self.nemesis.epoch;
        let action = Action::Nemesis { epoch, turn };
        self.fabric
            .schedule(self.fabric.now + wait, (u64::MAX, kind), count, action);
    }
}
