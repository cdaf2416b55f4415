//! What goes over HTTP: header names, JSON bodies, and problems. Server and client share it.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/kv/{key}?consistency=LEVEL` | | the value's bytes |
//! | `PUT /v1/kv/{key}` | the value's bytes | [`Written`] |
//! | `DELETE /v1/kv/{key}` | | [`Deleted`] |
//! | `GET /v1/counters/{name}?consistency=LEVEL` | | [`CounterValue`] |
//! | `POST /v1/counters/{name}` | [`Add`] | [`CounterValue`] |
//! | `POST /v1/leases/{name}` | [`AcquireLease`] | [`LeaseGranted`] |
//! | `PUT /v1/leases/{name}` | [`RenewLease`] | [`LeaseGranted`] |
//! | `GET /v1/leases/{name}?consistency=LEVEL` | | [`LeaseState`], or 404 when nobody holds it |
//! | `DELETE /v1/leases/{name}` | [`ReleaseLease`] | [`LeaseReleased`] |
//! | `DELETE /v1/leases/{name}?token=N` | | [`LeaseReleased`] |
//! | `GET /v1/status` | | [`Status`] |
//! | `GET`, `PUT /v1/faults` | [`Faults`] | [`Faults`] |
//! | `GET /healthz` | | `ok` |
//! | `GET /metrics` | | Prometheus text |
//!
//! Everything that fails is a [`Problem`] (RFC 9457). See [`header`] for what a request may ask
//! for, and for what an answer tells.

mod body;
pub mod header;
mod problem;
mod status;

pub use body::{
    AcquireLease, Add, CounterValue, Deleted, Faults, LeaseGranted, LeaseReleased, LeaseState,
    ReleaseLease, RenewLease, Written,
};
pub use problem::{Problem, ProblemKind};
pub use status::{PeerProgress, Status};

/// The longest key, counter name or lease name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// The largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// The longest `Idempotency-Key`, in bytes of visible ASCII.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// The longest owner of a lease, in bytes.
pub const MAX_OWNER_BYTES: usize = 256;
/// The shortest lease, in milliseconds.
pub const MIN_LEASE_TTL_MS: u64 = 10;
/// The longest lease, in milliseconds: ten minutes.
pub const MAX_LEASE_TTL_MS: u64 = 600_000;
/// The longest delay that `PUT /v1/faults` takes, in milliseconds.
pub const MAX_FAULT_DELAY_MS: u64 = 60_000;
