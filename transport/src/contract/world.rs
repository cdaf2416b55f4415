//! The unkind world that [`check`](super::check) puts machines in.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use quorate_clocks::{Instant, NodeId};

use super::{Cue, Output, Plan, Report, Violation};
use crate::{Machine, Receipt, Transmit};
use quorate_clocks::SplitMix64;

/// Messages on their way. At the bound a random one is lost.
const IN_FLIGHT: usize = 256;

/// More outputs than this without a call is a poll that never ends.
const OUTPUTS: u64 = 10_000;

/// How many calls of `handle_timeout` at one instant a machine may need to come to rest.
const TIMEOUTS: u64 = 100;

/// A deadline that is farther away is not waited for.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub(super) struct World<'a, M: Machine, A> {
    plan: &'a Plan,
    application: &'a A,
    random: SplitMix64,
    /// Apart from `random`, so that both runs make the same calls.
    branching: Option<SplitMix64>,
    step: u64,
    now: Instant,
    nodes: Vec<Node<M>>,
    in_flight: Vec<(NodeId, Transmit<M::Message>)>,
    report: Report,
}

struct Node<M> {
    id: NodeId,
    machine: M,
    deadline: Option<Instant>,
    /// Given out and not yet told to be durable.
    unwritten: VecDeque<Receipt>,
    last_receipt: Option<Receipt>,
    last_written: Receipt,
}

type Observe<'a> = &'a mut dyn FnMut(Output) -> Result<(), Violation>;

impl<'a, M, A> World<'a, M, A>
where
    M: Machine + Clone,
    M::Message: Clone + fmt::Debug,
    M::Write: fmt::Debug,
    M::Event: fmt::Debug,
    A: Fn(&mut M, Cue<M::Event>, Instant),
{
    pub(super) fn new(
        plan: &'a Plan,
        build: &impl Fn(NodeId) -> M,
        application: &'a A,
        branching: bool,
    ) -> Self {
        let nodes = (1..=plan.nodes)
            .map(|id| {
                let machine = build(NodeId(id));
                Node {
                    id: NodeId(id),
                    deadline: machine.poll_timeout(),
                    machine,
                    unwritten: VecDeque::new(),
                    last_receipt: None,
                    last_written: Receipt::default(),
                }
            })
            .collect();
        Self {
            plan,
            application,
            random: SplitMix64::new(plan.seed),
            branching: branching.then(|| SplitMix64::new(!plan.seed)),
            step: 0,
            now: Instant::from_millis(1_000),
            nodes,
            in_flight: Vec::new(),
            report: Report::default(),
        }
    }

    pub(super) fn run(mut self, observe: Observe<'_>) -> Result<Report, Violation> {
        while self.step < self.plan.steps {
            let at = self.random.below(self.plan.nodes) as usize;
            self.branch(at);
            self.call(at, observe)?;
            self.drain_some(at, observe)?;
            self.watch_deadlines(at, observe)?;
            self.step += 1;
        }
        for at in 0..self.nodes.len() {
            self.drain(at, observe)?;
            self.watch_deadlines(at, observe)?;
        }
        Ok(self.report)
    }

    /// Goes on with a clone. The original is called some more before it is dropped, which a clone
    /// that shares nothing with it cannot notice.
    fn branch(&mut self, at: usize) {
        let (Some(random), Some(node)) = (&mut self.branching, self.nodes.get_mut(at)) else {
            return;
        };
        if !random.one_in(8) {
            return;
        }
        let clone = node.machine.clone();
        let mut original = core::mem::replace(&mut node.machine, clone);
        original.handle_timeout(self.now.saturating_add(PATIENCE));
        original.handle_unreachable(NodeId(1), self.now);
        for _ in 0..random.below(4) {
            original.poll_transmit();
            original.poll_write();
            original.poll_event();
        }
    }

    fn call(&mut self, at: usize, observe: Observe<'_>) -> Result<(), Violation> {
        match self.random.below(16) {
            0..=4 => self.deliver(),
            5 if self.plan.strangers => self.deliver_strangely(at),
            5 => self.deliver(),
            6 => self.lose(),
            7 => self.now = self.now.saturating_add(self.span()),
            8 | 9 => return self.meet_deadline(at, observe),
            10 => {
                let now = self.some_time();
                self.with(at, |node| node.machine.handle_timeout(now));
            }
            11 => self.tell_written(at),
            12 => {
                let now = self.some_time();
                self.with(at, |node| {
                    node.machine.handle_written(node.last_written, now);
                });
            }
            13 => {
                let to = NodeId(self.random.below(self.plan.nodes + 2));
                let now = self.some_time();
                self.with(at, |node| node.machine.handle_unreachable(to, now));
            }
            _ => {
                let cue = Cue::Command(self.random.next_u64());
                let (application, now) = (self.application, self.some_time());
                self.with(at, |node| application(&mut node.machine, cue, now));
            }
        }
        Ok(())
    }

    /// A message arrives where it was sent to. Now and then it stays in flight, and arrives again.
    fn deliver(&mut self) {
        let Some(index) = self.some_flight() else {
            return;
        };
        let (from, transmit) = if self.random.one_in(8) {
            match self.in_flight.get(index) {
                Some(flight) => flight.clone(),
                None => return,
            }
        } else {
            self.in_flight.swap_remove(index)
        };
        let now = self.some_time();
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == transmit.to) {
            node.machine.handle_message(from, transmit.message, now);
            node.deadline = node.machine.poll_timeout();
            self.report.deliveries += 1;
        }
    }

    /// A message arrives somewhere, in anyone's name.
    fn deliver_strangely(&mut self, at: usize) {
        let from = NodeId(self.random.below(self.plan.nodes + 2));
        let now = self.some_time();
        let Some(index) = self.some_flight() else {
            return;
        };
        let Some(message) = self
            .in_flight
            .get(index)
            .map(|(_, transmit)| transmit.message.clone())
        else {
            return;
        };
        self.with(at, |node| node.machine.handle_message(from, message, now));
        self.report.deliveries += 1;
    }

    fn lose(&mut self) {
        if let Some(index) = self.some_flight() {
            self.in_flight.swap_remove(index);
        }
    }

    fn tell_written(&mut self, at: usize) {
        let now = self.some_time();
        let all = self.random.one_in(2);
        self.with(at, |node| {
            let receipt = if all {
                node.unwritten.drain(..).next_back()
            } else {
                node.unwritten.pop_front()
            };
            if let Some(receipt) = receipt {
                node.last_written = receipt;
                node.machine.handle_written(receipt, now);
            }
        });
    }

    /// Time goes to the deadline and a little over it, as for a driver that sleeps.
    fn meet_deadline(&mut self, at: usize, observe: Observe<'_>) -> Result<(), Violation> {
        let Some(deadline) = self.nodes.get(at).and_then(|node| node.deadline) else {
            return Ok(());
        };
        if deadline.since(self.now) > PATIENCE {
            return Ok(());
        }
        let late = if self.random.one_in(2) {
            self.span()
        } else {
            Duration::ZERO
        };
        self.now = self.now.max(deadline.saturating_add(late));
        self.report.deadlines += 1;
        for _ in 0..TIMEOUTS {
            let now = self.now;
            self.with(at, |node| node.machine.handle_timeout(now));
            self.drain(at, observe)?;
            match self.nodes.get(at).and_then(|node| node.deadline) {
                Some(deadline) if deadline <= now => {}
                _ => return Ok(()),
            }
        }
        match self.nodes.get(at) {
            Some(node) => Err(Violation::DeadlineStays {
                step: self.step,
                node: node.id,
                deadline: node.deadline.unwrap_or_default(),
                now: self.now,
            }),
            None => Ok(()),
        }
    }

    /// All of the polls, some of them, or none: a driver may be late.
    fn drain_some(&mut self, at: usize, observe: Observe<'_>) -> Result<(), Violation> {
        match self.random.below(4) {
            0 => Ok(()),
            1 => {
                let which = self.random.below(3);
                self.poll(at, which, observe).map(|_| ())
            }
            _ => self.drain(at, observe),
        }
    }

    fn drain(&mut self, at: usize, observe: Observe<'_>) -> Result<(), Violation> {
        let mut outputs = 0;
        loop {
            let before = outputs;
            for which in 0..3 {
                while self.poll(at, which, observe)? {
                    outputs += 1;
                    if outputs >= OUTPUTS {
                        return Err(Violation::Endless {
                            step: self.step,
                            node: self.id(at),
                            outputs,
                        });
                    }
                }
            }
            if outputs == before {
                return Ok(());
            }
        }
    }

    /// One poll of one kind. True when something came out.
    fn poll(&mut self, at: usize, which: u64, observe: Observe<'_>) -> Result<bool, Violation> {
        let step = self.step;
        let what = match which {
            0 => self.poll_transmit(at),
            1 => self.poll_write(at)?,
            _ => self.poll_event(at),
        };
        let Some(what) = what else {
            return Ok(false);
        };
        let node = self.id(at);
        observe(Output { step, node, what })?;
        Ok(true)
    }

    fn poll_transmit(&mut self, at: usize) -> Option<String> {
        let transmit = self.with(at, |node| node.machine.poll_transmit())??;
        let from = self.id(at);
        let what = format!(
            "{} to {}: {:?}",
            transmit.lane, transmit.to, transmit.message
        );
        if self.in_flight.len() >= IN_FLIGHT {
            self.lose();
        }
        self.in_flight.push((from, transmit));
        self.report.transmits += 1;
        Some(what)
    }

    fn poll_write(&mut self, at: usize) -> Result<Option<String>, Violation> {
        let Some(write) = self.with(at, |node| node.machine.poll_write()).flatten() else {
            return Ok(None);
        };
        let (step, receipt) = (self.step, write.receipt);
        self.report.writes += 1;
        let Some(node) = self.nodes.get_mut(at) else {
            return Ok(None);
        };
        if let Some(last) = node.last_receipt
            && receipt <= last
        {
            return Err(Violation::ReceiptOrder {
                step,
                node: node.id,
                before: last.0,
                after: receipt.0,
            });
        }
        node.last_receipt = Some(receipt);
        node.unwritten.push_back(receipt);
        Ok(Some(format!("write {}: {:?}", receipt.0, write.what)))
    }

    fn poll_event(&mut self, at: usize) -> Option<String> {
        let event = self.with(at, |node| node.machine.poll_event())??;
        let what = format!("event: {event:?}");
        let (application, now) = (self.application, self.some_time());
        self.with(at, |node| {
            application(&mut node.machine, Cue::Event(event), now);
        });
        self.report.events += 1;
        Some(what)
    }

    /// A deadline changes only when its machine is called.
    fn watch_deadlines(&self, at: usize, observe: Observe<'_>) -> Result<(), Violation> {
        for node in &self.nodes {
            let after = node.machine.poll_timeout();
            if after != node.deadline {
                return Err(Violation::DeadlineMoved {
                    step: self.step,
                    node: node.id,
                    before: node.deadline,
                    after,
                });
            }
        }
        let Some(node) = self.nodes.get(at) else {
            return Ok(());
        };
        observe(Output {
            step: self.step,
            node: node.id,
            what: format!("deadline: {:?}", node.deadline),
        })
    }

    /// Calls a machine, and remembers the deadline that it has afterwards.
    fn with<R>(&mut self, at: usize, call: impl FnOnce(&mut Node<M>) -> R) -> Option<R> {
        let node = self.nodes.get_mut(at)?;
        let result = call(node);
        node.deadline = node.machine.poll_timeout();
        Some(result)
    }

    fn id(&self, at: usize) -> NodeId {
        self.nodes.get(at).map_or(NodeId(0), |node| node.id)
    }

    fn some_flight(&mut self) -> Option<usize> {
        let count = self.in_flight.len() as u64;
        (count > 0).then(|| self.random.below(count) as usize)
    }

    /// Up to 20 ms, and often nothing.
    fn span(&mut self) -> Duration {
        match self.random.below(3) {
            0 => Duration::ZERO,
            1 => Duration::from_nanos(self.random.below(1_000)),
            _ => Duration::from_micros(self.random.below(20_000)),
        }
    }

    /// The time, or now and then a time that has passed.
    fn some_time(&mut self) -> Instant {
        if self.random.one_in(8) {
            let back = Duration::from_micros(self.random.below(2_000_000));
            return self.now.saturating_sub(back);
        }
        self.now
    }
}
