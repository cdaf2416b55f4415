//! A retried request runs once and answers the same.
//!
//! # The problem
//!
//! A client sends a request and hears nothing. One of three things has happened:
//!
//! 1. the request **never arrived**, and never will;
//! 2. it **ran**, and its answer was lost;
//! 3. it **will run later**: it waits in a queue, or in a paused process.
//!
//! The client cannot tell which: a timeout is a guess, not a fact. If it gives up, the work may be
//! undone forever; if it tries again, the work may be done twice. No protocol removes the doubt, as
//! its own last message may be the one that is lost.
//!
//! So *delivery* exactly once cannot be had. What can be had is an *effect* exactly once: the client
//! retries until it is answered, which delivers **at least once**, and the server recognises a retry
//! and does not run it again, which makes the effects **at most one**. To recognise it, the server
//! needs a name for the request that the client chose before it sent it the first time and repeats
//! in every retry: an **idempotency key**. The content is no such name, as two equal payments may
//! both be meant.
//!
//! # Three ways to know a retry
//!
//! | Your clients | Use | What is kept | What a copy is told that comes too late |
//! |---|---|---|---|
//! | are strangers, such as of an HTTP API, and may retry from anywhere | [`KeyStore`] | a record for each request, until no retry comes any more | nothing: it runs again |
//! | stay, and number their requests | [`ClientSessions`] | what is not acknowledged yet | that it is too old: it never runs |
//! | are peers that send messages and need no answer | [`SequenceWindow`] | one bit for each of the latest numbers | that it is too old: it never runs |
//!
//! The first needs the least of the client, and is the only one that forgets at a time: everything
//! below is about it. With the others nothing is forgotten before the client says so, or is gone.
//!
//! # Concepts
//!
//! * A [`Key`] names a request within a scope that the server has authenticated.
//! * A [`Fingerprint`] tells a retry from another request that was given the same key by mistake.
//! * An **attempt** is one run of the request. It holds a **lease**: while it lasts, other requests
//!   with the key are told [`Begin::InProgress`]. When it runs out, the attempt may have crashed, or
//!   may be slow: again nobody can tell. The next request **takes over** and is told so
//!   ([`Attempt::takeover`]), since the work is **in doubt**.
//! * An [`AttemptToken`] fences the attempts of a key: when the slow one completes after all, it is
//!   told [`CompleteError::Superseded`] and changes nothing. Tokens are ordered, so that what the
//!   attempts change *elsewhere* can be fenced with them too. Without that fence, or a key of its
//!   own for every downstream call, a taken-over request can have its effect twice: this crate
//!   makes the *answer* one, and tells every attempt that must be careful.
//! * A **recovery point** is a step of the work that is done: [`KeyStore::step`]. Whoever takes over goes
//!   on after it.
//! * **Retention** is how long an answer is kept. A retry that comes later runs again, so it must be
//!   longer than clients retry. Nothing is forgotten before, not even at the limits: a full store
//!   refuses new keys and never runs a request for the second time to save memory.
//!
//! # API
//!
//! [`KeyStore`] is a state machine with no clock, no randomness and no I/O: `begin`, then
//! `complete` or `fail`. The time is an argument. Put the calls through a replicated log, with the
//! leader's time in each entry, and all replicas agree on what runs; a replica that was down for
//! longer than the retention and then catches up agrees too, since it is told the times of the log
//! and not its own. One process without a log uses it as it is.
//!
//! The store and the effect must be durable together, or the doubt is back between them. In a
//! replicated state machine, apply both in one entry: `begin`, the change and `complete`.
//!
//! ```
//! use core::time::Duration;
//! use bytes::Bytes;
//! use quorate_clocks::Instant;
//! use quorate_idempotency::{Begin, CompleteError, Fingerprint, Key, KeyStore, Limits};
//!
//! let mut store = KeyStore::new(Limits::default());
//! let key = Key::parse_header("tenant-7", br#""order-4711""#)?;
//! let fingerprint = Fingerprint::of([("method", &b"POST"[..]), ("body", b"two books")]);
//! let (lease, retain) = (Duration::from_secs(10), Duration::from_secs(86_400));
//! let at = |seconds: u64| Instant::from_millis(seconds * 1_000);
//!
//! // The first attempt is paused in the middle of its work.
//! let Begin::Run(slow) = store.begin(at(0), &key, fingerprint, lease)? else { panic!() };
//! assert!(!slow.takeover);
//!
//! // Its lease runs out, and a retry takes over, knowing that the order may be placed already.
//! let Begin::Run(second) = store.begin(at(10), &key, fingerprint, lease)? else { panic!() };
//! assert!(second.takeover && second.token > slow.token);
//! store.complete(at(11), &key, second.token, Bytes::from_static(b"order 1"), retain)?;
//!
//! // The first attempt wakes up and must not change the answer.
//! assert_eq!(
//!     store.complete(at(12), &key, slow.token, Bytes::from_static(b"order 2"), retain),
//!     Err(CompleteError::Superseded { by: second.token }),
//! );
//! assert_eq!(
//!     store.begin(at(13), &key, fingerprint, lease)?,
//!     Begin::Replay(Bytes::from_static(b"order 1")),
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which outcomes to keep
//!
//! The caller decides, outcome by outcome. A success is kept with `complete`. So is a refusal that
//! a retry cannot change. A refusal before anything was done, such as an overload, is a `fail`, and
//! a retry runs. An outcome that is itself in doubt is neither: let the lease run out.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;
// Scenarios of the integration tests are unit tests too.
#[cfg(test)]
extern crate self as quorate_idempotency;

mod answer;
mod error;
mod fingerprint;
mod key;
mod limits;
mod record;
mod records;
mod session;
mod snapshot;
mod store;
mod window;

pub use answer::{Attempt, AttemptToken, Begin};
pub use error::{
    BeginError, CompleteError, ExtendError, FailError, Resource, RestoreError, StepError,
};
pub use fingerprint::{Fingerprint, FingerprintBuilder};
pub use key::{Key, KeyError, Part};
pub use limits::Limits;
pub use session::{
    ClientSessions, SessionBegin, SessionBeginError, SessionCloseError, SessionCompleteError,
    SessionCompleted, SessionId, SessionKeepAliveError, SessionLimits, SessionOpenError,
    SessionReopenError, SessionRequest, SessionRestoreError,
};
pub use store::KeyStore;
pub use window::{Observed, SequenceWindow, UnseenRanges, WindowDecodeError};
