//! Every primitive of Quorate composed: a replicated key-value and lock service, and the `quorate`
//! command that runs it, attacks it, and checks what its clients saw.
//!
//! * [`service`]: the replicated state, a deterministic state machine.
//! * [`serve`]: one durable node of it behind HTTP.
//! * [`api`]: what goes over HTTP, shared by server and client.
//! * [`client`]: an HTTP client that tells what failed from what may have happened.
//! * [`demo`]: real nodes, real attacks, and a verdict on what the clients saw.
//! * [`check`]: a verdict on a recorded history.
//! * [`client`]: an HTTP client that never guesses.
//! * [`demo`]: a cluster, its clients, the attacks on it, and the verdict.
//! * [`check`]: the verdict on a recorded history.
//! * [`cli`]: the command line.
// why: this package is a driver. It opens sockets and files, reads the clock and starts processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod api;
pub mod check;
pub mod cli;
pub mod client;
pub mod demo;
pub mod serve;
pub mod service;

mod planted;
mod sync;
