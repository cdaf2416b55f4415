//! A machine that is small enough to be understood at once: every node keeps the largest number
//! that any node was given, and gossips it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use quorate_clocks::{Instant, NodeId};
use quorate_sim::{Life, Process, World};
use quorate_transport::{Lane, Machine, Receipt, Transmit, Write};

pub(crate) const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
pub(crate) const GOSSIP: Duration = Duration::from_millis(100);

/// What is wrong with the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bug {
    None,
    /// Tells the application of a number before it is durable.
    TellsEarly,
    /// Its deadline stays after it was handled.
    KeepsDeadline,
    /// There is always one more event.
    NeverStops,
}

#[derive(Clone, Debug)]
pub(crate) struct Register {
    bug: Bug,
    id: NodeId,
    /// The largest number that it knows.
    pub(crate) value: u64,
    /// The largest number that is durable.
    pub(crate) durable: u64,
    unwritten: bool,
    receipt: Receipt,
    writing: VecDeque<(Receipt, u64)>,
    next: Instant,
    out: VecDeque<NodeId>,
    events: VecDeque<u64>,
    pub(crate) timeouts: u64,
    pub(crate) unreachable: u64,
    pub(crate) heard: Vec<NodeId>,
}

impl Register {
    pub(crate) fn offer(&mut self, value: u64) {
        if value > self.value {
            self.value = value;
            self.unwritten = true;
            if self.bug == Bug::TellsEarly {
                self.events.push_back(value);
            }
        }
    }
}

impl Machine for Register {
    type Message = u64;
    type Write = u64;
    type Event = u64;

    fn handle_message(&mut self, from: NodeId, value: u64, _now: Instant) {
        self.heard.push(from);
        self.offer(value);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.timeouts += 1;
        if self.bug != Bug::KeepsDeadline {
            self.next = now + GOSSIP;
        }
        let id = self.id;
        self.out
            .extend(NODES.into_iter().filter(|other| *other != id));
    }

    fn handle_written(&mut self, receipt: Receipt, _now: Instant) {
        while let Some(&(written, value)) = self.writing.front()
            && written <= receipt
        {
            self.writing.pop_front();
            self.durable = value;
            self.events.push_back(value);
        }
    }

    fn handle_unreachable(&mut self, _to: NodeId, _now: Instant) {
        self.unreachable += 1;
    }

    fn poll_transmit(&mut self) -> Option<Transmit<u64>> {
        Some(Transmit {
            to: self.out.pop_front()?,
            lane: Lane::Urgent,
            message: self.durable,
        })
    }

    fn poll_write(&mut self) -> Option<Write<u64>> {
        if !core::mem::take(&mut self.unwritten) {
            return None;
        }
        self.receipt = self.receipt.next();
        self.writing.push_back((self.receipt, self.value));
        Some(Write {
            receipt: self.receipt,
            what: self.value,
        })
    }

    fn poll_event(&mut self) -> Option<u64> {
        match self.bug {
            Bug::NeverStops => Some(0),
            _ => self.events.pop_front(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) bug: Bug,
    /// The largest number that each node told its application, in any of its lives.
    pub(crate) told: BTreeMap<NodeId, u64>,
}

impl Cluster {
    pub(crate) fn new(bug: Bug) -> Self {
        Self {
            bug,
            told: BTreeMap::new(),
        }
    }
}

impl Process for Cluster {
    type Machine = Register;
    type Disk = u64;

    fn start(&mut self, life: Life, disk: &u64) -> Register {
        Register {
            bug: self.bug,
            id: life.id,
            value: *disk,
            durable: *disk,
            unwritten: false,
            receipt: Receipt::default(),
            writing: VecDeque::new(),
            next: life.now + GOSSIP,
            out: VecDeque::new(),
            events: VecDeque::new(),
            timeouts: 0,
            unreachable: 0,
            heard: Vec::new(),
        }
    }

    fn persist(&mut self, _: NodeId, disk: &mut u64, write: &u64) {
        *disk = *write;
    }

    fn event(&mut self, id: NodeId, _: &mut Register, _: &mut u64, value: u64, _: Instant) {
        let told = self.told.entry(id).or_default();
        *told = value.max(*told);
    }
}

/// What was told to an application is never forgotten.
pub(crate) fn nothing_told_is_forgotten(world: &World<Cluster>) -> Result<(), String> {
    for (id, machine) in world.machines() {
        let told = world.process().told.get(&id).copied().unwrap_or_default();
        if machine.value < told {
            return Err(format!("{id} told {told} and knows {}", machine.value));
        }
    }
    Ok(())
}

/// A workload: every 50 ms, somebody is given a larger number.
pub(crate) fn offer_numbers(
    world: &mut World<Cluster>,
    millis: u64,
    check: impl Fn(&World<Cluster>) -> Result<(), String>,
) -> Result<(), quorate_sim::Failure> {
    let from = world.now().as_nanos() / 1_000_000;
    for at in (from..from + millis).step_by(50) {
        world.run_until(Instant::from_millis(at), &check)?;
        let node = NODES[(at / 50 % 3) as usize];
        world.call(node, |machine, _| machine.offer(at));
    }
    world.run_until(Instant::from_millis(from + millis), &check)
}
