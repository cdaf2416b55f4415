//! One durable node of the service, behind HTTP.
//!
//! [`Server::start`] opens the data directory, joins the other nodes over TCP, and serves HTTP. A
//! data directory holds an `identity` file, which says whose it is, and a `log` directory. A node
//! whose log was taken away has forgotten whom it voted for and what it acknowledged, and does not
//! start again: with two such nodes of three, writes that clients were told of would be lost.
//!
//! ```sh
//! quorate serve --id 1 --data ./n1 --listen 127.0.0.1:7101 --http 127.0.0.1:8101 &
//! curl -X PUT --data-binary hello localhost:8101/v1/kv/greeting    # {"revision":2}
//! curl -i localhost:8101/v1/kv/greeting?consistency=lease          # Revision: 2
//! curl -X PUT -H 'If-Match: "2"' -d bye localhost:8101/v1/kv/greeting
//! curl -H 'Idempotency-Key: 1f7b' -d '{"add":5}' localhost:8101/v1/counters/visits
//! curl -d '{"owner":"ann","ttl_ms":10000}' localhost:8101/v1/leases/disk   # "token":1
//! curl -X PUT -H 'Fencing-Token: disk:1' -d mine localhost:8101/v1/kv/disk-owner
//! curl localhost:8101/v1/leases/disk                               # who holds it, and how long
//! curl -X DELETE localhost:8101/v1/leases/disk?token=1
//! ```
//!
//! With several nodes, give `curl` `-L` to follow redirects to the leader. What requests and answers
//! look like is in [`api`](crate::api).
//!
//! Every write goes through the replicated log as a [`Command`](crate::service::Command); every
//! read is served from this node's [`Replica`] at the level that the client asks for, or sent to the
//! leader.

mod admin;
mod app;
mod command;
mod error;
mod failure;
mod faults;
mod identity;
mod in_flight;
mod metrics;
mod options;
mod places;
mod read;
mod replica;
mod request;
mod router;
mod server;
mod tags;
mod write;

pub use command::run;
pub use error::ServeError;
pub use faults::{FaultSwitch, Faulty};
pub use identity::IdentityError;
pub use options::{PeerAddresses, ServeOptions};
pub use replica::Replica;
pub use server::Server;

use failure::Failure;
