//! A test kit for machines: does this one keep the contract?
//!
//! A machine that reads a clock, iterates a hash map or shares state with its clone works, until a
//! simulation cannot be repeated. [`check`] finds that out early: it puts a few machines in a small
//! world, makes thousands of legal calls in random order, does it all again, and compares.
//!
//! The world is unkind on purpose. Time stands still, jumps and runs backwards; timeouts are called
//! that nobody asked for; messages are lost, doubled and reordered, and come from strangers; polls
//! are drained late; receipts are told twice.

mod world;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use quorate_clocks::{Instant, NodeId};

use crate::Machine;
use world::World;

/// Drives machines through random legal calls, twice, and compares what came out.
///
/// `build` makes the machine of a node: ids are `NodeId(1)` up to [`Plan::nodes`], and a seed that
/// it needs must come from the id or from the plan. `application` is the machine's user: see
/// [`Cue`]. Both must be pure functions themselves.
///
/// What is compared is the `Debug` text of every message, write, event and deadline. In the second
/// run machines are now and then replaced by their clone, and the original is thrown away after
/// some calls: so a clone that shares or forgets something is found.
///
/// A panic of the machine is not caught: it fails the test, with its own message and place.
///
/// # Errors
///
/// The first thing that breaks the contract, with the step and the node. The same plan finds it
/// again at the same step.
///
/// ```
/// use std::collections::VecDeque;
///
/// use quorate_clocks::{Instant, NodeId};
/// use quorate_transport::contract::{self, Cue, Plan};
/// use quorate_transport::{Lane, Machine, Receipt, Transmit, Write};
///
/// /// Says what it hears to the next node.
/// #[derive(Clone)]
/// struct Gossip {
///     next: NodeId,
///     heard: u64,
///     out: VecDeque<u64>,
/// }
///
/// impl Machine for Gossip {
///     type Message = u64;
///     type Write = core::convert::Infallible;
///     type Event = core::convert::Infallible;
///
///     fn handle_message(&mut self, _: NodeId, rumor: u64, _: Instant) {
///         if rumor > self.heard && self.out.len() < 8 {
///             self.heard = rumor;
///             self.out.push_back(rumor);
///         }
///     }
///     fn handle_timeout(&mut self, _: Instant) {}
///     fn handle_written(&mut self, _: Receipt, _: Instant) {}
///     fn poll_transmit(&mut self) -> Option<Transmit<u64>> {
///         let message = self.out.pop_front()?;
///         Some(Transmit { to: self.next, lane: Lane::Urgent, message })
///     }
///     fn poll_write(&mut self) -> Option<Write<Self::Write>> {
///         None
///     }
///     fn poll_event(&mut self) -> Option<Self::Event> {
///         None
///     }
///     fn poll_timeout(&self) -> Option<Instant> {
///         None
///     }
/// }
///
/// let build = |id: NodeId| Gossip { next: NodeId(id.0 % 3 + 1), heard: 0, out: VecDeque::new() };
/// let report = contract::check(&Plan::new(42), build, |machine, cue, now| {
///     if let Cue::Command(random) = cue {
///         machine.handle_message(NodeId(0), random, now);
///     }
/// })?;
/// assert!(report.deliveries > 0);
/// # Ok::<(), contract::Violation>(())
/// ```
pub fn check<M>(
    plan: &Plan,
    build: impl Fn(NodeId) -> M,
    application: impl Fn(&mut M, Cue<M::Event>, Instant),
) -> Result<Report, Violation>
where
    M: Machine + Clone,
    M::Message: Clone + fmt::Debug,
    M::Write: fmt::Debug,
    M::Event: fmt::Debug,
{
    let mut first = Vec::new();
    let report = World::new(plan, &build, &application, false).run(&mut |output| {
        first.push(output);
        Ok(())
    })?;

    let mut expected = first.into_iter();
    World::new(plan, &build, &application, true).run(&mut |second| match expected.next() {
        Some(first) if first == second => Ok(()),
        first => Err(Violation::Diverged {
            step: second.step,
            node: second.node,
            first: first.map_or_else(|| String::from("nothing"), |first| first.what),
            second: second.what,
        }),
    })?;
    match expected.next() {
        Some(missing) => Err(Violation::Diverged {
            step: missing.step,
            node: missing.node,
            first: missing.what,
            second: String::from("nothing"),
        }),
        None => Ok(report),
    }
}

/// How many machines, how many calls, and how unkind.
///
/// ```
/// use quorate_transport::contract::Plan;
///
/// let plan = Plan::new(7).nodes(5).steps(10_000).without_strangers();
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Plan {
    seed: u64,
    nodes: u64,
    steps: u64,
    strangers: bool,
}

impl Plan {
    /// Three machines and 2,000 steps, with strangers. Another seed is another order of calls.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            nodes: 3,
            steps: 2_000,
            strangers: true,
        }
    }

    /// That many machines, at least one, with the ids from 1.
    #[must_use]
    pub const fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = if nodes == 0 { 1 } else { nodes };
        self
    }

    /// That many steps. A step is one call on one machine, and its polls.
    #[must_use]
    pub const fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Messages arrive only where they were sent to, and from who sent them. Without this, some
    /// arrive at the wrong node, in the name of another one or of nobody: a machine must survive
    /// that, and need not stay right.
    #[must_use]
    pub const fn without_strangers(mut self) -> Self {
        self.strangers = false;
        self
    }
}

/// What the application may do with the machine now.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cue<E> {
    /// Give it a command of your choice, or none: the number is there to choose by.
    Command(u64),
    /// Answer an event that just came out of it, if it wants an answer.
    Event(E),
}

/// What happened in the first run, so that a test can say that it tested something.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Messages that were handed to a machine, doubled and strange ones included.
    pub deliveries: u64,
    /// Messages that came out of the machines.
    pub transmits: u64,
    /// Writes that came out of the machines.
    pub writes: u64,
    /// Events that came out of the machines.
    pub events: u64,
    /// Deadlines that were met.
    pub deadlines: u64,
}

/// How a machine breaks the contract.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// Two equal runs differ: the machine's state is not a function of the calls.
    Diverged {
        /// At which step.
        step: u64,
        /// Whose machine.
        node: NodeId,
        /// What came out in the first run.
        first: String,
        /// What came out in the second.
        second: String,
    },
    /// `poll_timeout` changed although the machine was not called.
    DeadlineMoved {
        /// At which step.
        step: u64,
        /// Whose machine.
        node: NodeId,
        /// The deadline after the last call.
        before: Option<Instant>,
        /// The deadline now.
        after: Option<Instant>,
    },
    /// `poll_timeout` is still in the past after `handle_timeout`: a driver would spin.
    DeadlineStays {
        /// At which step.
        step: u64,
        /// Whose machine.
        node: NodeId,
        /// The deadline.
        deadline: Instant,
        /// The time that was handled.
        now: Instant,
    },
    /// A poll gives more and more, although the machine is not called.
    Endless {
        /// At which step.
        step: u64,
        /// Whose machine.
        node: NodeId,
        /// How much it gave until the check gave up.
        outputs: u64,
    },
    /// The receipt of a write is not larger than that of the write before.
    ReceiptOrder {
        /// At which step.
        step: u64,
        /// Whose machine.
        node: NodeId,
        /// The receipt of the write before.
        before: u64,
        /// The receipt of this write.
        after: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diverged {
                step,
                node,
                first,
                second,
            } => write!(
                f,
                "step {step}, {node}: two equal runs differ, the state is not a function of the calls\n first: {first}\nsecond: {second}"
            ),
            Self::DeadlineMoved {
                step,
                node,
                before,
                after,
            } => write!(
                f,
                "step {step}, {node}: poll_timeout changed from {before:?} to {after:?} without a call"
            ),
            Self::DeadlineStays {
                step,
                node,
                deadline,
                now,
            } => write!(
                f,
                "step {step}, {node}: poll_timeout is still {deadline} after handle_timeout({now}), a driver would spin"
            ),
            Self::Endless {
                step,
                node,
                outputs,
            } => write!(
                f,
                "step {step}, {node}: the polls gave {outputs} outputs without a call and have more, a driver would never wait"
            ),
            Self::ReceiptOrder {
                step,
                node,
                before,
                after,
            } => write!(
                f,
                "step {step}, {node}: a write has receipt {after} and the one before has {before}, receipts must grow"
            ),
        }
    }
}

impl core::error::Error for Violation {}

/// Something that came out of a machine.
#[derive(Eq, PartialEq)]
struct Output {
    step: u64,
    node: NodeId,
    what: String,
}
