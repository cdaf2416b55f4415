//! `quorate serve` over real HTTP and real disks: single nodes and clusters within this process, and
//! the command itself as a process.

// why: these tests hold sockets of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod admin;
mod cluster;
mod errors;
mod idempotency;
mod kv;
mod leases;
mod levels;
mod process;
mod support;
