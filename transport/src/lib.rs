//! The contract of a machine that does no I/O, and of what carries its messages.
//!
//! # The problem
//!
//! Code that talks to other nodes usually owns its sockets, reads the clock, starts threads. Then
//! the interesting part, what to do when a message is lost, late or doubled, can only be tested by
//! making real messages late, and a failure that needed three of them in a certain order never
//! comes back. And every such library wants its own runtime.
//!
//! The way out is to cut the algorithm loose from the I/O. A **machine** is told what happened and
//! what time it is, and says what to do next. A **transport** carries messages between machines and
//! promises almost nothing. A **driver** is the small loop between them, and the only part that
//! touches the world. So the machine that runs in production is the very machine that is simulated
//! and checked.
//!
//! # The contract
//!
//! Of a [`Machine`]:
//!
//! 1. It is a function of the calls made on it: no clock, no randomness of the system, no threads.
//! 2. What depends on a write comes out only after the write is durable. The driver cannot get the
//!    order wrong.
//! 3. Any order of calls is legal, polls may be drained late, and time may repeat or go back.
//! 4. Every queue has a bound.
//! 5. No message panics.
//! 6. A deadline that was handled is gone.
//! 7. The receipts of writes grow.
//!
//! [`contract::check`] tries it on any machine. Of a [`Transport`]:
//!
//! 1. A message may be lost, delayed, reordered or delivered twice.
//! 2. What is delivered was sent, unaltered, by the node that [`Received::from`] names.
//! 3. No call blocks. What does not fit is given back at once ([`Refused`]).
//! 4. Messages in different [`Lane`]s do not wait for each other.
//!
//! # A machine and its driver
//!
//! ```
//! use core::{convert::Infallible, task::{Context, Poll, Waker}, time::Duration};
//! use quorate_clocks::{Instant, NodeId};
//! use quorate_transport::{Lane, Machine, Memory, Receipt, Received, Transmit, Transport, Write};
//!
//! /// Asks its peer every second whether it is there, and says so when it is.
//! struct Ping { peer: NodeId, next: Instant, out: Option<&'static str>, alive: bool }
//!
//! impl Machine for Ping {
//!     type Message = &'static str;
//!     type Write = Infallible; // nothing to make durable
//!     type Event = &'static str;
//!
//!     fn handle_message(&mut self, _from: NodeId, message: &'static str, _now: Instant) {
//!         match message {
//!             "ping" => self.out = Some("pong"),
//!             "pong" => self.alive = true,
//!             _ => {} // what a peer sends is data, never a panic
//!         }
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         if now >= self.next {
//!             self.out = Some("ping");
//!             self.next = now + Duration::from_secs(1);
//!         }
//!     }
//!     fn handle_written(&mut self, _receipt: Receipt, _now: Instant) {}
//!     fn poll_transmit(&mut self) -> Option<Transmit<&'static str>> {
//!         Some(Transmit { to: self.peer, lane: Lane::Urgent, message: self.out.take()? })
//!     }
//!     fn poll_write(&mut self) -> Option<Write<Infallible>> { None }
//!     fn poll_event(&mut self) -> Option<&'static str> {
//!         core::mem::take(&mut self.alive).then_some("the peer is there")
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> { Some(self.next) }
//! }
//!
//! /// One turn of a driver. Says when the next turn is due, if nothing arrives before.
//! fn turn<M, T>(machine: &mut M, transport: &mut T, now: Instant, events: &mut Vec<M::Event>)
//!     -> Option<Instant>
//! where
//!     M: Machine,
//!     T: Transport<Message = M::Message>,
//! {
//!     // A runtime passes the context of its task, and is woken by the next message.
//!     let mut cx = Context::from_waker(Waker::noop());
//!     while let Poll::Ready(Received { from, message }) = transport.poll_recv(&mut cx) {
//!         machine.handle_message(from, message, now);
//!     }
//!     if machine.poll_timeout().is_some_and(|deadline| deadline <= now) {
//!         machine.handle_timeout(now);
//!     }
//!     while let Some(write) = machine.poll_write() {
//!         // Make `write.what` durable here, then:
//!         machine.handle_written(write.receipt, now);
//!     }
//!     while let Some(transmit) = machine.poll_transmit() {
//!         if let Err(refused) = transport.send(transmit) {
//!             // It is lost, as any message may be. The hint saves the machine some waiting.
//!             machine.handle_unreachable(refused.into_transmit().to, now);
//!         }
//!     }
//!     events.extend(core::iter::from_fn(|| machine.poll_event()));
//!     machine.poll_timeout()
//! }
//!
//! let ping = |peer| Ping { peer, next: Instant::ORIGIN, out: None, alive: false };
//! let mut nodes = [ping(NodeId(2)), ping(NodeId(1))];
//! let mut mesh = Memory::mesh([NodeId(1), NodeId(2)], 16);
//! let mut events = Vec::new();
//! let mut now = Instant::ORIGIN;
//! while events.is_empty() {
//!     for (node, endpoint) in nodes.iter_mut().zip(&mut mesh) {
//!         turn(node, endpoint, now, &mut events);
//!     }
//!     now = now + Duration::from_millis(100); // a real driver sleeps until the deadline
//! }
//! assert_eq!(events, ["the peer is there"]);
//! ```
//!
//! # For those who write a transport
//!
//! The parts that are easy to get wrong are here, as plain functions of bytes: [`Frame`] and
//! [`FrameDecoder`] for messages in a stream, [`Hello`] for knowing who is at the other end, and
//! [`Backoff`] for dialing again. [`Memory`] is a transport inside one process; `quorate-tcp` is
//! one over TCP.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod backoff;
pub mod contract;
mod frame;
mod hello;
mod machine;
#[cfg(feature = "std")]
mod memory;
mod transport;
mod wire;

pub use backoff::Backoff;
pub use frame::{
    EncodeError, FRAME_BODY_LIMIT_BYTES, FRAME_HEADER_BYTES, Frame, FrameDecoder, FrameError,
    encode_frame,
};
pub use hello::{Expected, HELLO_BYTES, Hello, HelloError, LaneGroup};
pub use machine::{Machine, Receipt, Transmit, Write};
#[cfg(feature = "std")]
pub use memory::Memory;
pub use transport::{Lane, Received, Refused, Transport};
pub use wire::{Wire, WireError};
