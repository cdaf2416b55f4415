//! The world: nodes, and everything that happens to them, in order.

use std::collections::BTreeSet;

use quorate_clocks::{Incarnation, Instant, NodeId};
use quorate_transport::{Machine, Receipt};

use crate::fabric::{Action, Fabric};
use crate::node::Node;
use crate::process::MessageOf;
use crate::trace::Happening;
use crate::{Clock, Draws, Failure, Faults, Knob, Life, Link, Process, Span, Stats};

const SEED: Knob = Knob::named("seed of a life");
const OFFSET: Knob = Knob::named("clock offset");
const DRIFT: Knob = Knob::named("clock drift");
const SYNC: Knob = Knob::named("sync delay");
const LIE: Knob = Knob::named("lying sync");
const KEEP: Knob = Knob::named("keep unsynced");
const KEPT: Knob = Knob::named("how many are kept");
const ORDER: Knob = Knob::named("order of polls");

/// More polls than this in one turn, and a machine is held to never stop.
const MOST_POLLS: u32 = 1_000_000;

#[derive(Clone, Copy)]
enum Poll {
    Write,
    Transmit,
    Event,
}

/// The contract lets a driver drain the polls in any order: here they are all tried.
const ORDERS: [[Poll; 3]; 6] = [
    [Poll::Write, Poll::Transmit, Poll::Event],
    [Poll::Write, Poll::Event, Poll::Transmit],
    [Poll::Transmit, Poll::Write, Poll::Event],
    [Poll::Transmit, Poll::Event, Poll::Write],
    [Poll::Event, Poll::Write, Poll::Transmit],
    [Poll::Event, Poll::Transmit, Poll::Write],
];

/// Nodes with disks and clocks of their own on a network, in which everything that happens follows
/// from a seed.
///
/// Time is simulated: a world waits for nothing, and an idle hour costs a few steps. A world is
/// `Clone` when its process is, so that a run can be kept and continued in different ways. See the
/// [crate](crate) for an example.
pub struct World<P: Process> {
    pub(crate) process: P,
    /// By id.
    pub(crate) nodes: Vec<Node<P>>,
    pub(crate) fabric: Fabric<MessageOf<P>>,
    pub(crate) nemesis: crate::nemesis::Nemesis,
    touched: Option<NodeId>,
    /// What a machine did that no machine may.
    broken: Option<String>,
}

impl<P: Process + Clone> Clone for World<P> {
    fn clone(&self) -> Self {
        Self {
            process: self.process.clone(),
            nodes: self.nodes.clone(),
            fabric: self.fabric.clone(),
            nemesis: self.nemesis.clone(),
            touched: self.touched,
            broken: self.broken.clone(),
        }
    }
}

impl<P: Process> World<P> {
    /// A world in which every node starts with an empty disk, and `faults` happen from now on.
    pub fn new(
        process: P,
        seed: u64,
        faults: Faults,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        let fabric = Fabric::new(seed, faults);
        let ids: BTreeSet<NodeId> = ids.into_iter().collect();
        let nodes = ids
            .into_iter()
            .map(|id| Node::new(id, drawn_clock(fabric.draws, &faults, id)))
            .collect();
        let mut world = Self {
            process,
            nodes,
            fabric,
            nemesis: crate::nemesis::Nemesis::default(),
            touched: None,
            broken: None,
        };
        for at in 0..world.nodes.len() {
            world.start_at(at);
        }
        world.begin_nemesis();
        world
    }

    /// Runs everything that happens up to and including `until`, and calls `check` after each step.
    ///
    /// # Errors
    ///
    /// The first failed check, or the first breach of a machine's contract: an endless stream of
    /// polls, or a deadline that stays after it was handled.
    pub fn run_until(
        &mut self,
        until: Instant,
        mut check: impl FnMut(&Self) -> Result<(), String>,
    ) -> Result<(), Failure> {
        while self.fabric.next_at().is_some_and(|next| next <= until) {
            self.step();
            let broken = self.broken.take().map_or(Ok(()), Err);
            if let Err(what) = broken.and_then(|()| check(self)) {
                return Err(self.failure(what));
            }
        }
        self.fabric.now = self.fabric.now.max(until);
        Ok(())
    }

    /// A failure that was seen now, by a check of the caller's own.
    pub fn failure(&self, what: impl Into<String>) -> Failure {
        Failure {
            seed: self.fabric.draws.seed(),
            step: self.fabric.stats.steps,
            at: self.fabric.now,
            what: what.into(),
            faults: Box::new(self.fabric.faults),
            trace: self.fabric.trace.last_lines(),
        }
    }

    /// Lets the next thing happen. Says whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(action) = self.fabric.pop() else {
            return false;
        };
        self.fabric.stats.steps += 1;
        self.touched = None;
        match action {
            Action::Deliver { from, to, .. } if self.fabric.is_cut(from, to) => {
                self.fabric.stats.cut += 1;
            }
            Action::Deliver {
                from,
                to,
                number,
                copy,
                message,
            } => {
                let Some(at) = self.find(to).filter(|at| self.nodes[*at].machine.is_some()) else {
                    self.fabric.stats.undeliverable += 1;
                    return true;
                };
                let node = &mut self.nodes[at];
                if node.paused {
                    let action = Action::Deliver {
                        from,
                        to,
                        number,
                        copy,
                        message,
                    };
                    self.fabric.stats.undeliverable += u64::from(!node.stall(action));
                    return true;
                }
                self.fabric.count_delivery(from, to, number, copy);
                self.fabric.happened(Happening::Delivered {
                    from,
                    to,
                    message: message.clone(),
                });
                self.turn(at, |machine, now| {
                    machine.handle_message(from, message, now);
                });
            }
            Action::Timer { node, life } => self.timer(node, life),
            Action::Synced { node, life } => self.synced(node, life),
            Action::Written {
                node,
                life,
                receipt,
            } => self.written(node, life, receipt),
            Action::Unreachable { node, life, to } => {
                if self.nodes[node].life == life && self.nodes[node].is_running() {
                    self.fabric.stats.hints += 1;
                    let id = self.nodes[node].id;
                    self.fabric.happened(Happening::Unreachable(id, to));
                    self.turn(node, |machine, now| machine.handle_unreachable(to, now));
                }
            }
            Action::Nemesis { epoch, turn } => self.nemesis_turn(epoch, turn),
        }
        true
    }

    /// Calls commands on a node's machine, with what the node's clock shows. `None` when the node
    /// is down or stands still.
    pub fn call<R>(
        &mut self,
        id: NodeId,
        command: impl FnOnce(&mut P::Machine, Instant) -> R,
    ) -> Option<R> {
        let at = self.find(id).filter(|at| self.nodes[*at].is_running())?;
        self.fabric.stats.calls += 1;
        self.fabric.happened(Happening::Called(id));
        self.turn(at, command)
    }

    /// Ends a node's life. What was not durable is lost, and so is what was on its way to it.
    /// Nothing when it is down.
    pub fn crash(&mut self, id: NodeId) {
        let Some(at) = self.find(id).filter(|at| self.nodes[*at].machine.is_some()) else {
            return;
        };
        let Fabric { draws, faults, .. } = &self.fabric;
        let node = &mut self.nodes[at];
        let keeps = draws.chance(KEEP, id.0, id.0, node.life, faults.keep_unsynced_ppm);
        let under_way = node.unsynced.len();
        let kept = match keeps {
            true => draws.below(KEPT, id.0, id.0, node.life, under_way as u64 + 1) as usize,
            false => 0,
        };
        let lost = node.crash(&mut self.process, kept);
        self.fabric.stats.crashes += 1;
        self.fabric.stats.lost_writes += lost as u64;
        self.fabric.stats.kept_writes += (under_way - lost) as u64;
        self.fabric.happened(Happening::Crashed(id, lost));
        self.touched = Some(id);
    }

    /// Starts a node again, from what is durable. Nothing when it is up.
    pub fn restart(&mut self, id: NodeId) {
        if let Some(at) = self.find(id).filter(|at| self.nodes[*at].machine.is_none()) {
            self.fabric.stats.restarts += 1;
            self.start_at(at);
        }
    }

    /// Makes a node stand still: it does nothing, and what happens to it waits. Its disk goes on.
    pub fn pause(&mut self, id: NodeId) {
        if let Some(at) = self.find(id).filter(|at| self.nodes[*at].is_running()) {
            self.nodes[at].paused = true;
            self.fabric.stats.pauses += 1;
            self.fabric.happened(Happening::Paused(id));
        }
    }

    /// Lets a node go on. What waited for it happens now, in an order that is drawn.
    pub fn resume(&mut self, id: NodeId) {
        let Some(at) = self.find(id).filter(|at| self.nodes[*at].paused) else {
            return;
        };
        let node = &mut self.nodes[at];
        node.paused = false;
        let stalled = core::mem::take(&mut node.stalled);
        self.fabric.stats.resumes += 1;
        self.fabric.happened(Happening::Resumed(id));
        for (count, action) in stalled.into_iter().enumerate() {
            self.fabric
                .schedule(self.fabric.now, (id.0, u64::MAX), count as u64, action);
        }
        self.set_timer(at);
    }

    /// Loses every message from `from` to `to` until it is mended, those under way too.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.fabric.cut(BTreeSet::from([(from, to)]));
    }

    /// Mends a cut in this direction, whoever made it.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        self.fabric.mend_link(from, to);
    }

    /// Cuts all links between nodes of different groups, both ways. A node in no group is alone.
    pub fn partition(&mut self, groups: &[&[NodeId]]) {
        let group = |id: NodeId| groups.iter().position(|group| group.contains(&id));
        let ids: Vec<NodeId> = self.ids().collect();
        let links =
            pairs(&ids).filter(|(from, to)| group(*from).is_none() || group(*from) != group(*to));
        self.fabric.cut(links.collect());
    }

    /// Mends all cuts.
    pub fn heal(&mut self) {
        self.fabric.mend_all();
    }

    /// Ends all faults: mends the network, starts who is down, wakes who stands still, and lets
    /// nothing more go wrong. Clocks stay as they are. What happens next is what liveness is about.
    pub fn calm(&mut self) {
        self.nemesis.stop();
        self.fabric.mend_all();
        self.fabric.clear_links();
        let faults = &mut self.fabric.faults;
        *faults = Faults {
            clock_offset: faults.clock_offset,
            clock_drift_ppm: faults.clock_drift_ppm,
            ..Faults::NONE
        };
        for id in self.ids().collect::<Vec<_>>() {
            self.resume(id);
            self.restart(id);
        }
    }

    /// Gives a link a setting of its own, or the common one again.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, link: Option<Link>) {
        self.fabric.set_link(from, to, link);
    }

    /// Gives a node another clock. It must not show less than the old one does, or the node sees
    /// time go back.
    pub fn set_clock(&mut self, id: NodeId, clock: Clock) {
        if let Some(at) = self.find(id) {
            self.nodes[at].clock = clock;
            self.nodes[at].timer_at = None;
            self.set_timer(at);
        }
    }

    /// Keeps every line of the trace from now on, not only the last ones.
    pub fn record_trace(&mut self) {
        self.fabric.trace.record_all();
    }

    /// The trace since [`record_trace`](Self::record_trace): one line for each thing that happened.
    pub fn trace(&self) -> &[String] {
        self.fabric.trace.all_lines()
    }

    /// A hash of all that has happened: two runs are the same when theirs are.
    pub fn trace_hash(&self) -> u64 {
        self.fabric.trace.hash()
    }

    /// How often what has happened.
    pub fn stats(&self) -> &Stats {
        &self.fabric.stats
    }

    /// The world's time, which no node knows.
    pub fn now(&self) -> Instant {
        self.fabric.now
    }

    /// The draws of this world's seed, for what a test decides by chance.
    pub fn draws(&self) -> Draws {
        self.fabric.draws
    }

    /// What can go wrong.
    pub fn faults(&self) -> &Faults {
        &self.fabric.faults
    }

    /// The node to which the last step happened, if it happened to one.
    pub fn touched(&self) -> Option<NodeId> {
        self.touched
    }

    /// Every node, up or down.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().map(|node| node.id)
    }

    /// Every node that is up, standing still or not, with its machine.
    pub fn machines(&self) -> impl Iterator<Item = (NodeId, &P::Machine)> {
        self.nodes
            .iter()
            .filter_map(|node| Some((node.id, node.machine.as_ref()?)))
    }

    /// A node's machine, unless it is down.
    pub fn machine(&self, id: NodeId) -> Option<&P::Machine> {
        self.nodes[self.find(id)?].machine.as_ref()
    }

    /// What a node's process sees on its disk.
    pub fn disk(&self, id: NodeId) -> Option<&P::Disk> {
        Some(&self.nodes[self.find(id)?].disk)
    }

    /// A node's clock.
    pub fn clock(&self, id: NodeId) -> Option<Clock> {
        Some(self.nodes[self.find(id)?].clock)
    }

    /// Whether a node stands still.
    pub fn is_paused(&self, id: NodeId) -> bool {
        self.find(id).is_some_and(|at| self.nodes[at].paused)
    }

    /// What all nodes run.
    pub fn process(&self) -> &P {
        &self.process
    }

    /// What all nodes run, to change it.
    pub fn process_mut(&mut self) -> &mut P {
        &mut self.process
    }

    pub(crate) fn find(&self, id: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok()
    }

    fn start_at(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.life += 1;
        let life = Life {
            id: node.id,
            incarnation: Incarnation(node.life),
            seed: self.fabric.draws.bits(SEED, node.id.0, 0, node.life),
            now: node.clock.at(self.fabric.now),
        };
        node.machine = Some(self.process.start(life, &node.disk));
        self.fabric.happened(Happening::Started(life.id, node.life));
        self.turn(at, |_, _| ());
    }

    fn timer(&mut self, at: usize, life: u64) {
        let node = &mut self.nodes[at];
        if node.life != life || node.timer_at != Some(self.fabric.now) {
            return;
        }
        node.timer_at = None;
        // A node that goes on looks at its timers then.
        if !node.is_running() {
            return;
        }
        let now = node.clock.at(self.fabric.now);
        let due = |machine: &P::Machine| machine.poll_timeout().is_some_and(|at| at <= now);
        if !node.machine.as_ref().is_some_and(due) {
            self.set_timer(at);
            return;
        }
        let id = node.id;
        self.fabric.stats.timeouts += 1;
        self.fabric.happened(Happening::Timeout(id));
        self.turn(at, |machine, now| machine.handle_timeout(now));
        if self.nodes[at].machine.as_ref().is_some_and(due) {
            self.broken = Some(format!(
                "{id} was given its timeout at {now}, and asks for it again"
            ));
        }
    }

    fn synced(&mut self, at: usize, life: u64) {
        let Fabric {
            draws,
            faults,
            stats,
            ..
        } = &mut self.fabric;
        let node = &mut self.nodes[at];
        // The disk of a node that crashed has dropped what it was at.
        if node.life != life || node.syncing.is_none() {
            return;
        }
        let id = node.id.0;
        let lies = draws.chance(LIE, id, id, node.syncs, faults.lying_sync_ppm);
        stats.syncs += 1;
        stats.lying_syncs += u64::from(lies);
        let Some(receipt) = node.synced(&mut self.process, !lies) else {
            return;
        };
        if node.paused {
            node.stall(Action::Written {
                node: at,
                life,
                receipt,
            });
        } else {
            self.written(at, life, receipt);
        }
    }

    fn written(&mut self, at: usize, life: u64, receipt: Receipt) {
        if self.nodes[at].life != life || !self.nodes[at].is_running() {
            return;
        }
        let id = self.nodes[at].id;
        self.fabric.happened(Happening::Written(id, receipt));
        self.turn(at, |machine, now| machine.handle_written(receipt, now));
    }

    /// Lets a node do something, and then all that follows from it at once.
    fn turn<R>(
        &mut self,
        at: usize,
        call: impl FnOnce(&mut P::Machine, Instant) -> R,
    ) -> Option<R> {
        let node = &mut self.nodes[at];
        let now = node.clock.at(self.fabric.now);
        let answer = call(node.machine.as_mut()?, now);
        self.touched = Some(node.id);
        self.drain(at, now);
        self.begin_sync(at);
        self.set_timer(at);
        Some(answer)
    }

    fn drain(&mut self, at: usize, now: Instant) {
        let node = &mut self.nodes[at];
        let id = node.id;
        node.turns += 1;
        let order = self.fabric.draws.below(ORDER, id.0, id.0, node.turns, 6);
        let order = ORDERS[order as usize];
        let mut polls = 0;
        loop {
            let before = polls;
            for poll in order {
                while self.poll(at, poll, now) {
                    polls += 1;
                    if polls == MOST_POLLS {
                        self.broken = Some(format!("{id} does not stop to answer polls"));
                        return;
                    }
                }
            }
            if polls == before {
                return;
            }
        }
    }

    /// Takes one thing out of a machine. Says whether there was one.
    fn poll(&mut self, at: usize, poll: Poll, now: Instant) -> bool {
        let node = &mut self.nodes[at];
        let (id, life) = (node.id, node.life);
        let Some(machine) = &mut node.machine else {
            return false;
        };
        match poll {
            Poll::Write => {
                let Some(write) = machine.poll_write() else {
                    return false;
                };
                self.fabric.stats.writes += 1;
                self.fabric.trace.note(&write.what);
                node.unsynced.push_back(write);
            }
            Poll::Event => {
                let Some(event) = machine.poll_event() else {
                    return false;
                };
                self.process.event(id, machine, &mut node.disk, event, now);
            }
            Poll::Transmit => {
                let Some(transmit) = machine.poll_transmit() else {
                    return false;
                };
                let to = transmit.to;
                let up = self
                    .find(to)
                    .is_some_and(|at| self.nodes[at].machine.is_some());
                if let Some(message) = self.process.carry(id, to, transmit.message)
                    && self.fabric.send(id, to, up, message)
                {
                    let action = Action::Unreachable { node: at, life, to };
                    let count = self.fabric.stats.sent;
                    self.fabric
                        .schedule(self.fabric.now, (id.0, to.0), count, action);
                }
            }
        }
        true
    }

    /// One sync at a time, for all writes that wait when it begins.
    fn begin_sync(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.syncing.is_some() || node.unsynced.is_empty() {
            return;
        }
        node.syncing = Some(node.unsynced.len());
        node.syncs += 1;
        let (id, life, syncs) = (node.id.0, node.life, node.syncs);
        let span = self.fabric.faults.sync_delay;
        let delay = self.fabric.draws.within(SYNC, id, id, syncs, span);
        let action = Action::Synced { node: at, life };
        self.fabric
            .schedule(self.fabric.now + delay, (id, id), syncs, action);
    }

    /// Sees to it that a timer is on the agenda no later than the machine's deadline. One that is
    /// there already and too early looks again when it goes off, which spares most of them.
    fn set_timer(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let Some(deadline) = node.machine.as_ref().and_then(Machine::poll_timeout) else {
            return;
        };
        let due = node.clock.when(deadline).max(self.fabric.now);
        if due == Instant::MAX || node.timer_at.is_some_and(|set| set <= due) {
            return;
        }
        node.timer_at = Some(due);
        let (id, life, turns) = (node.id.0, node.life, node.turns);
        let action = Action::Timer { node: at, life };
        self.fabric.schedule(due, (id, 0), turns, action);
    }
}

/// Every ordered pair of different ids.
pub(crate) fn pairs(ids: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> {
    ids.iter()
        .flat_map(|from| ids.iter().map(|to| (*from, *to)))
        .filter(|(from, to)| from != to)
}

fn drawn_clock(draws: Draws, faults: &Faults, id: NodeId) -> Clock {
    let span = Span::new(core::time::Duration::ZERO, faults.clock_offset);
    let offset = draws.within(OFFSET, id.0, id.0, 0, span);
    let most = i64::from(faults.clock_drift_ppm.min(999_999));
    let drift = draws.below(DRIFT, id.0, id.0, 0, 2 * most as u64 + 1) as i64 - most;
    Clock::new(offset, drift as i32)
}
