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
//! With the feature `shared`, `SharedStore` is a [`KeyStore`] for the threads of one process: an attempt has a
//! guard, and a duplicate can wait for the first one's answer.
//!
//! # Concepts
//!
//! * A [`Key`] names a request within a scope that the server has authenticated.
//! * A [`Fingerprint`] tells a retry from another request that was given the same key by mistake.
//! * An **attempt** is one run of the request. It holds a **lease**: while it lasts, other requests
//!   with the key are told [`Claim::InProgress`]. When it runs out, the attempt may have crashed, or
//!   may be slow: again nobody can tell. The next request **takes over**, and since the work is **in
//!   doubt** it gets an [`InDoubt`], from which the attempt comes only when the caller says that doing it
//!   twice does no harm.
//! * An [`AttemptToken`] fences the attempts of a key: when the slow one completes after all, it is
//!   told [`CompleteError::Superseded`] and changes nothing. Tokens are ordered, so that what the
//!   attempts change *elsewhere* can be fenced with them too. Without that fence, or a
//!   [key of its own](Key::downstream) for every downstream call, a taken-over request can have its
//!   effect twice: this crate makes the *answer* one, and tells every attempt that must be careful.
//! * A **recovery point** is a step of the work that is done: [`KeyStore::step`]. Whoever takes over goes
//!   on after it.
//! * A [`Class`] is what the caller makes of an outcome, and the [`Policy`] says what is remembered of
//!   each class, and how long.
//!
//! # Forgetting
//!
//! What is forgotten runs again when a retry comes after all. So a [`KeyStore`] forgets in an order in
//! which that cannot happen as long as possible, and refuses new keys before it happens:
//!
//! 1. what is over: its **retention** must be longer than clients retry;
//! 2. **responses**, those first that the client has [acknowledged](KeyStore::acknowledge), and of the
//!    scope that needs the room only. Of each 40 bytes stay, a **tombstone**, and a retry is told
//!    [`Claim::AlreadyApplied`];
//! 3. tombstones of keys that [say when they were made](Request::born_at), the oldest first. After that,
//!    a request that is as old and unknown is [`Claim::TooOld`]. It never runs;
//! 4. nothing else. A key that says nothing about its age cannot be forgotten safely before its time, and
//!    what runs, or is in doubt, not at all: [`ClaimError::Full`].
//!
//! So with keys that tell their age, such as UUIDs of version 7, forgetting **fails closed**: nothing runs
//! twice, whatever is forgotten. Recommend them to your clients.
//!
//! # API
//!
//! [`KeyStore`] is a state machine with no clock, no randomness and no I/O: `claim`, then
//! `complete` or `fail`. The time is an argument. Put the calls through a replicated log, with the
//! leader's time in each entry, and all replicas agree on what runs; a replica that was down for
//! longer than the retention and then catches up agrees too, since it is told the times of the log
//! and not its own. [`KeyStore::digest`] shows that they agree. One process without a log uses it as it is.
//!
//! The store and the effect must be durable together, or the doubt is back between them. In a
//! replicated state machine, apply both in one entry: `claim`, the change and `complete`.
//!
//! ```
//! use core::time::Duration;
//! use bytes::Bytes;
//! use quorate_clocks::Instant;
//! use quorate_idempotency::{
//!     Claim, Class, CompleteError, Fingerprint, Key, KeyStore, Limits, Request,
//! };
//!
//! let mut store = KeyStore::new(Limits::default());
//! let key = Key::parse_header("tenant-7", br#""order-4711""#)?;
//! let fingerprint = Fingerprint::of([("method", &b"POST"[..]), ("body", b"two books")]);
//! let request = Request::new(&key, fingerprint).lease(Duration::from_secs(10));
//! let at = |seconds: u64| Instant::from_millis(seconds * 1_000);
//!
//! // The first attempt is paused in the middle of its work.
//! let Claim::Run(slow) = store.claim(at(0), request)? else { panic!() };
//!
//! // Its lease runs out, and a retry takes over, knowing that the order may be placed already.
//! let Claim::TakeOver(in_doubt) = store.claim(at(10), request)? else { panic!() };
//! let second = in_doubt.accept(); // the shop is given `key.downstream(1)` by every attempt
//! assert!(second.token > slow.token);
//! store.complete(at(11), &key, second.token, Class::Success, Bytes::from_static(b"order 1"))?;
//!
//! // The first attempt wakes up and must not change the answer.
//! assert_eq!(
//!     store.complete(at(12), &key, slow.token, Class::Success, Bytes::from_static(b"order 2")),
//!     Err(CompleteError::Superseded { by: second.token }),
//! );
//! assert_eq!(store.claim(at(13), request)?, Claim::Replay(Bytes::from_static(b"order 1")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An effect elsewhere
//!
//! When the effect is at somebody else's, a bank's for example, store and effect cannot be durable
//! together. Then go step by step:
//!
//! 1. `claim`, and make that durable before the call. If the process dies now, a retry is told of the doubt.
//! 2. Call the bank with [`Key::downstream`] as *its* idempotency key: every attempt sends the same, so
//!    the bank charges once, whoever calls how often.
//! 3. [`step`](KeyStore::step), and make that durable: nobody has to ask the bank any more.
//! 4. The next call with its own number, and so on. `complete` with the answer.
//!
//! ```
//! use core::time::Duration;
//! use std::collections::BTreeMap;
//! use bytes::Bytes;
//! use quorate_clocks::Instant;
//! use quorate_idempotency::{
//!     Attempt, Claim, Class, Fingerprint, Key, KeyStore, Limits, Request,
//! };
//!
//! /// A bank with idempotency keys of its own: it charges each key once.
//! #[derive(Default)]
//! struct Bank(BTreeMap<String, u32>);
//!
//! let mut store = KeyStore::new(Limits::default());
//! let mut bank = Bank::default();
//! let key = Key::new("tenant-7", "order-4711")?;
//! let request = Request::new(&key, Fingerprint(7)).lease(Duration::from_secs(10));
//!
//! // Each attempt does this, and each may die after any line of it.
//! let charge = |bank: &mut Bank, attempt: Attempt| {
//!     if attempt.reached < 1 {
//!         bank.0.entry(key.downstream(1).to_string()).or_insert(900);
//!     }
//! };
//! let Claim::Run(first) = store.claim(Instant::from_millis(0), request)? else { panic!("new") };
//! charge(&mut bank, first); // and the process dies: nobody knows that it was charged
//!
//! let Claim::TakeOver(in_doubt) = store.claim(Instant::from_millis(10_000), request)? else {
//!     panic!("nobody runs it")
//! };
//! let second = in_doubt.accept(); // charging with the same key is harmless
//! charge(&mut bank, second);
//! let now = Instant::from_millis(10_500);
//! store.step(now, &key, second.token, 1)?;
//! store.complete(now, &key, second.token, Class::Success, Bytes::from_static(b"charged"))?;
//! assert_eq!(bank.0.values().sum::<u32>(), 900);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If the service takes no keys but can be asked, look there before [`InDoubt::accept`], and only when
//! the other attempt is certainly at an end; if it takes a fencing token, give it the attempt's. If it can do
//! neither, nobody can make the effect happen exactly once: choose between *at most once*, by letting the
//! new attempt [fail](KeyStore::fail) for a person to look at, and *at least once*.
//!
//! # How to choose
//!
//! * **Who makes keys?** The client, once for each thing it wants done, before it sends it, and it keeps the
//!   key as long as it may retry, over restarts too. A key that the server derives from the content merges
//!   two requests that were meant to be two.
//! * **The scope** is what the server knows by itself: the tenant, and the operation if tenants use one key
//!   for several. Without it one tenant could read another's answer.
//! * **The fingerprint** is over what decides the effect, and not over what differs in a retry.
//! * **Retention**: longer than the longest time between the first request and the last retry, queues and
//!   people included. 24 hours are usual. Keys that tell their age need no guess: take
//!   [`Policy::key_age`].
//! * **The lease**: the longest that the work takes when all is well. Shorter ones cause takeovers of
//!   attempts that are alive; longer ones make clients wait after a crash.
//! * **What to keep**: a success always; a rejection that a retry cannot change, so that it does not turn
//!   into a success later; not an overload.
#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;
// Scenarios of the integration tests are unit tests too.
#[cfg(test)]
extern crate self as quorate_idempotency;

mod answer;
mod digest;
mod error;
mod fingerprint;
mod index;
mod key;
mod limits;
mod policy;
mod request;
mod session;
#[cfg(feature = "shared")]
mod shared;
mod store;
#[cfg(feature = "shared")]
mod sync;
mod weakness;
mod window;

pub use answer::{Attempt, AttemptToken, Claim, Completion, Forgotten, InDoubt};
pub use digest::SnapshotDigest;
pub use error::{
    AcknowledgeError, ClaimError, CompleteError, ExtendError, FailError, Resource, RestoreError,
    StepError,
};
pub use fingerprint::{Fingerprint, FingerprintBuilder};
pub use key::{DownstreamKey, Key, KeyError, Part};
pub use limits::Limits;
pub use policy::{Class, Policy, PolicyError, Pressure, Remember};
pub use request::Request;
pub use session::{
    ClientSessions, SessionBegin, SessionBeginError, SessionCloseError, SessionCompleteError,
    SessionCompleted, SessionId, SessionKeepAliveError, SessionLimits, SessionOpenError,
    SessionReopenError, SessionRequest, SessionRestoreError,
};
#[cfg(feature = "shared")]
pub use shared::{
    Joined, OnDrop, Running, SharedClaim, SharedCompleteError, SharedInDoubt, SharedOptions,
    SharedStore, SharedStoreError, Waiting,
};
pub use store::KeyStore;
pub use window::{Observed, SequenceWindow, UnseenRanges, WindowDecodeError};
