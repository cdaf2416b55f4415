//! An HTTP client of the service that never guesses.
//!
//! A request without an answer never arrived, or ran and its answer was lost, or will run later.
//! Most clients turn all three into "error", and their callers retry what has already happened. This
//! one tells them apart in its type: see [`Outcome`]. It never retries by itself: whether a request
//! may be sent again is known by the caller alone, who knows whether it carries an idempotency key.
//!
//! * [`Client`] is one session: it sends one request at a time, remembers who leads, follows
//!   redirects, and carries the session token from each answer to the next request.
//! * [`Route`] says which node to ask: the leader, or a particular one.
//! * [`WriteOptions`] says under which condition a write is to happen.

mod calls;
mod connection;
mod options;
mod outcome;
#[cfg(test)]
mod tests;

pub use calls::{Found, Read};
pub use connection::{Client, Route};
pub use options::WriteOptions;
pub use outcome::{Failure, Outcome};
