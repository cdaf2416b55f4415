//! Every primitive of Quorate composed: a replicated key-value and lock service, and the `quorate`
//! command that runs it, attacks it, and checks what its clients saw.
// why: this package is a driver. It opens sockets and files, reads the clock and starts processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod api;
pub mod cli;
pub mod service;

mod planted;
mod sync;
