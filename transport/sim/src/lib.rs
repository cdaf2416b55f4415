//! A deterministic world to run machines in: network, disks, clocks, crashes, all from one seed.
//!
//! # The problem
//!
//! The bugs of a distributed system need a crash between two writes, while a third node is paused
//! and a message from before comes late. A test with real sockets meets that once a year and cannot
//! show it again. A machine that does no I/O can meet it a thousand times a second: let a program
//! decide when each message arrives, what each clock shows, which write survives a crash; draw all
//! of it from a seed; and a failure is a number that anybody can run again.
//!
//! # Concepts
//!
//! * A [`Process`] is what the nodes run: a [`Machine`](quorate_transport::Machine), a disk, and the
//!   application that answers the machine's events.
//! * A [`World`] holds the nodes and lets one thing happen at a time.
//! * [`Faults`] say what goes wrong, and how often: each of the fallacies of distributed computing
//!   has its knob. [`Faults::swarm`] draws a mix.
//! * A check looks at the world after every step. The first one that fails ends the run with a
//!   [`Failure`]: seed, step, time, and the last things that happened.
//! * Two phases: first everything breaks, and *safety* must hold; then [`World::calm`] ends all
//!   faults, and *liveness* must come true: it converges and serves.
//! * [`Draws`] are keyed, not a stream: taking a fault away leaves all others as they were, so
//!   [`shrink`] finds those that a failure needs.
//!
//! # What is modelled
//!
//! | fallacy | knob |
//! |---|---|
//! | the network is reliable | [`Link::loss_ppm`], [`Link::duplicate_ppm`], [`Faults::partition`], one way too |
//! | latency is zero | [`Link::delay`], [`Link::slow_ppm`]; messages overtake each other |
//! | the network is homogeneous | [`World::set_link`], for each direction |
//! | clocks agree | [`Faults::clock_offset`], [`Faults::clock_drift_ppm`], [`World::set_clock`] |
//! | a write is durable | it is when its sync is done; a crash loses all others, but maybe not all |
//! | the disk is honest | [`Faults::lying_sync_ppm`] |
//! | a node is up or down | [`Faults::crash`], [`Faults::pause`] |
//! | a refused connection is a fact | [`Faults::hint_ppm`] |
//! | polls come in order | they are drained in every order |
//!
//! Not modelled: bandwidth, damaged messages (alter them in [`Process::carry`]) and damaged disks.
//!
//! # An example
//!
//! ```
//! use core::time::Duration;
//! use quorate_clocks::{Instant, NodeId};
//! use quorate_sim::{EventOf, Faults, Life, Process, World, WriteOf};
//! use quorate_transport::{Lane, Machine, Receipt, Transmit, Write};
//!
//! /// Keeps the largest number that any node was given, and tells its peer of it every second.
//! #[derive(Clone)]
//! struct Largest { id: NodeId, value: u64, unwritten: bool, receipt: Receipt, told: u64, next: Instant, due: bool }
//!
//! impl Largest {
//!     fn offer(&mut self, value: u64) {
//!         if value > self.value {
//!             self.value = value;
//!             self.unwritten = true;
//!         }
//!     }
//! }
//!
//! impl Machine for Largest {
//!     type Message = u64;
//!     type Write = u64;
//!     type Event = u64;
//!     fn handle_message(&mut self, _from: NodeId, value: u64, _now: Instant) { self.offer(value) }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         if now >= self.next {
//!             self.due = true;
//!             self.next = now + Duration::from_secs(1);
//!         }
//!     }
//!     fn handle_written(&mut self, receipt: Receipt, _now: Instant) {
//!         // Only the last write counts, as it holds the largest number.
//!         if receipt == self.receipt { self.told = self.value }
//!     }
//!     fn poll_transmit(&mut self) -> Option<Transmit<u64>> {
//!         let to = NodeId(3 - self.id.0);
//!         core::mem::take(&mut self.due).then(|| Transmit { to, lane: Lane::Urgent, message: self.told })
//!     }
//!     fn poll_write(&mut self) -> Option<Write<u64>> {
//!         core::mem::take(&mut self.unwritten).then(|| {
//!             self.receipt = self.receipt.next();
//!             Write { receipt: self.receipt, what: self.value }
//!         })
//!     }
//!     fn poll_event(&mut self) -> Option<u64> { None }
//!     fn poll_timeout(&self) -> Option<Instant> { Some(self.next) }
//! }
//!
//! struct Nodes;
//!
//! impl Process for Nodes {
//!     type Machine = Largest;
//!     type Disk = u64;
//!     fn start(&mut self, life: Life, disk: &u64) -> Largest {
//!         Largest { id: life.id, value: *disk, unwritten: false, receipt: Receipt::default(), told: *disk, next: life.now, due: false }
//!     }
//!     fn persist(&mut self, _: NodeId, disk: &mut u64, write: &u64) { *disk = *write }
//!     fn event(&mut self, _: NodeId, _: &mut Largest, _: &mut u64, _: u64, _: Instant) {}
//! }
//!
//! for seed in 0..20 {
//!     let mut world = World::new(Nodes, seed, Faults::swarm(seed), [NodeId(1), NodeId(2)]);
//!     // Safety: what was told is on the disk.
//!     let safe = |world: &World<Nodes>| world.machines().try_for_each(|(id, machine)| {
//!         let disk = *world.disk(id).unwrap();
//!         if machine.told <= disk { Ok(()) } else { Err(format!("{id} told {} and holds {disk}", machine.told)) }
//!     });
//!     world.call(NodeId(1), |machine, _now| machine.offer(7));
//!     world.run_until(Instant::from_millis(60_000), safe)?;
//!     // Liveness: once nothing goes wrong any more, both know what one of them knows.
//!     world.calm();
//!     world.run_until(Instant::from_millis(70_000), safe)?;
//!     let values: Vec<u64> = world.machines().map(|(_, machine)| machine.value).collect();
//!     assert_eq!(values[0], values[1]);
//! }
//! # Ok::<(), quorate_sim::Failure>(())
//! ```

mod clock;
mod draws;
mod fabric;
mod failure;
mod faults;
mod nemesis;
mod node;
mod process;
mod stats;
mod trace;
mod world;

pub use clock::Clock;
pub use draws::{Draws, Knob};
pub use failure::Failure;
pub use faults::{Fault, Faults, Link, Schedule, Span, shrink};
pub use process::{EventOf, Life, MessageOf, Process, WriteOf};
pub use stats::Stats;
pub use world::World;
