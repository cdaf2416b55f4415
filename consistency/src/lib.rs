//! Choose how fresh a read must be, keep a session's promises, and check what clients saw.
//!
//! # The problem
//!
//! A store keeps its data on several machines, so that it survives the loss of one. Now a read has to
//! be sent to one of them, and what comes back depends on which. A user changes a name, reloads the
//! page, and sees the old name. A second reload shows the new one, a third the old one again. Nothing
//! is broken: each machine answered with what it had. But nobody had said what a read may show.
//!
//! To ask the leader every time is the answer that is always right, and it is not always to be had:
//! it takes a round of messages, and a leader with a majority behind it. So there are three questions,
//! and this crate has a part for each:
//!
//! 1. **What is each operation promised**, and what is given up when that cannot be had? A policy of
//!    [`choose`], which has the menu of models and what each buys and costs; or simply a [`Level`], asked for
//!    with each read and told with each answer.
//! 2. **How does a session not go back in time**, when each of its reads may reach another machine? It
//!    carries a token of a [`session`].
//! 3. **Does the store keep its word**, with clocks that jump, links that break and machines that die
//!    in the middle? Record what the clients saw, and [`check`] it.
//!
//! # Policies
//!
//! [`choose`] begins with three questions to ask of any design, and helps to answer them. A policy says what
//! an operation is promised and what to do when a partition or a slow replica is in the way; that it can
//! be kept is checked when it is compiled. A ledger counts what came of it.
//!
//! ```
//! use core::time::Duration;
//! use quorate_clocks::Instant;
//! use quorate_consistency::choose::{ConsistencyModel::*, Ledger, Models, Policy, View, types};
//!
//! // Current, after at most 200 ms; in a partition nothing that this session did not see before.
//! let profile = Policy::<types::Linearizable>::new()
//!     .wait_at_most(Duration::from_millis(200))
//!     .degrade_to::<types::MonotonicReads>();
//!
//! let now = Instant::from_millis(1_000);
//! let cut_off = View::<u64>::new(Models::of(&[Sequential])).cut_off();
//! let mut ledger = Ledger::new();
//! assert!(ledger.decide(profile.rules(), &cut_off, now, now).is_serve());
//! assert_eq!(ledger.pacelc(Linearizable).partition.lowered, 1);
//! ```
//!
//! # Levels and sessions
//!
//! [`Level`] says for each level what it buys, what it costs, and what it does when the network is
//! cut. For the level in the middle, a [`session`] keeps track of what one user has seen, in a token of a
//! few characters that travels with the requests; so any replica may serve that has come as far:
//!
//! ```
//! use quorate_consistency::Level;
//! use quorate_consistency::session::{Admit, Op, Session, Token};
//!
//! let level: Level = "session".parse()?;
//! let mut client = Session::default();
//! client.observe_write(0, 17);
//! let header = client.token().to_string();
//!
//! // At the replica: it has applied its log up to 15.
//! let session = Session::default().with_token(header.parse::<Token>()?);
//! if level == Level::Session {
//!     assert_eq!(session.admit(Op::Read, 0, 15), Admit::Wait { until_index: 17 });
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It also says which promises no client can keep alone, what a failover did to what was seen, and how old
//! a replica is at most.
//!
//! # Histories
//!
//! A [`History`] is what a number of clients asked, what they were told, and when. It takes no look
//! inside the store, so it can be recorded from any. What matters is to be honest about what is not
//! known: a request that timed out may still take effect, at any later time. It is
//! [`Outcome::Unknown`], and never [`Outcome::Failed`].
//!
//! | To check | use | time | finds |
//! |---|---|---|---|
//! | linearizability | [`check`] with a [`Model`]: one of those below or your own | exponential at worst, within a [`Budget`] | stale reads, lost updates, split brains, dirty reads |
//! | session guarantees | [`check_sessions`] | n log n | own writes unseen, reads that go back |
//! | a counter | [`CounterAudit`] | n | increments lost or run twice |
//!
//! | The object | is a |
//! |---|---|
//! | one cell: read, write, compare-and-set | [`Register`] |
//! | cells that transactions read and write several at once | [`MultiRegister`] |
//! | keys with values, deletes, compare-and-set, revisions, counters | [`KeyValue`] |
//! | keys with strings that are appended to | [`Strings`] |
//! | a number that is added to | [`Counter`] |
//! | a set that is added to, removed from and read | [`Set`] |
//! | what comes out first in, last in, or least | [`Queue`], [`Stack`], [`PriorityQueue`] |
//! | a lock, and a lease with fencing tokens and the resource that it guards | [`Mutex`], [`FencedLease`] |
//! | something of your own, that may do this or that | [`Nondeterministic`] |
//!
//! A [`Verdict`] comes with its evidence: an order of the operations that [`verify`] checks on its own, or the
//! few operations that contradict each other ([`Core`]), which [`verify_violation`] does. When the budget
//! runs out it says so, and nothing else. A register, set, queue, stack or priority queue with values that
//! are all different needs no search at all, and is decided in n log n; that is found out by itself
//! ([`quick`]). [`Checker`] is [`check`] in slices, with progress, for long histories.
//!
//! With `std`, `SharedRecorder` writes a history down while many threads make it, in some tens of nanoseconds
//! for an operation, and `formats` reads those of Jepsen, Knossos, Elle, Porcupine, AWDIT and Plume.
//! [`Picture`] draws a history over time, with its violation marked, as a page for a browser.
//!
//! ```
//! use quorate_consistency::{
//!     Budget, KeyValue, KeyValueInput, KeyValueOutput, Outcome, Recorder, Verdict, check,
//! };
//!
//! let key = || "colour".into();
//! let mut recorder = Recorder::new();
//! // Client 1 writes and is told so; client 2 then reads, from a replica that is behind.
//! let put = recorder.call(1, KeyValueInput::Put { key: key(), value: "red".into() }, 0);
//! recorder.ret(put, Outcome::Ok(KeyValueOutput::Written { revision: None }), 10);
//! let get = recorder.call(2, KeyValueInput::Get { key: key() }, 20);
//! recorder.ret(get, Outcome::Ok(KeyValueOutput::Got { value: None, revision: None }), 30);
//!
//! let history = recorder.finish();
//! let Verdict::Violated(violation) = check(&KeyValue, &history, Budget::default()) else {
//!     panic!("a stale read went unnoticed");
//! };
//! println!("{}", violation.explain(&history));
//! # assert_eq!(violation.blocked[0].operation, 1);
//! ```
//!
//! # The file format
//!
//! With the feature `json`, a history is a text file with one JSON object per line, and `read_history`
//! and `write_history` read and write it. A line is one operation of one client, written when it is
//! over; lines may come in any order.
//!
//! ```text
//! {"process":1,"call_ns":120,"return_ns":450,"op":{"put":{"key":"k","value":"v"}},"result":{"ok":{"revision":7}}}
//! {"process":2,"call_ns":300,"op":{"delete":{"key":"k"}},"result":"unknown"}
//! {"process":1,"call_ns":500,"return_ns":640,"op":{"get":{"key":"k"}},"result":{"ok":{"value":"v","revision":7}},"level":"session","session":4}
//! ```
//!
//! | Field | | |
//! |---|---|---|
//! | `process` | number | the client; it does one thing at a time |
//! | `call_ns`, `return_ns` | numbers | nanoseconds on one monotonic clock of all clients. `return_ns` is left out when the result is unknown |
//! | `op` | object | see below |
//! | `result` | `{"ok":...}`, `"failed"` or `"unknown"` | [`Outcome`]: `failed` is certain not to have had, nor to get, an effect |
//! | `level` | text, optional | the [`Level`] of a read; linearizable when it is left out |
//! | `session` | number, optional | the session that the operation belongs to |
//!
//! | `op`, for the model `kv` ([`KeyValue`]) | `ok` |
//! |---|---|
//! | `{"get":{"key":K}}` | `{"value":V or null}` |
//! | `{"put":{"key":K,"value":V}}`, `{"delete":{"key":K}}` | `{}` |
//! | `{"cas":{"key":K,"expected":E,"value":V or null}}` | `{"swapped":true or false}` |
//! | `{"increment":{"key":K,"by":N}}`, `{"count":{"key":K}}` | `{"value":N}`, or `{}` when the sum was not told |
//!
//! E is `"absent"`, `"present"`, `{"value":V}` or `{"revision":N}`. Every `ok` may have a
//! `"revision":N` as well.
//!
//! | `op`, for the model `register` ([`Register`]) | `ok` |
//! |---|---|
//! | `{"read":{}}` | `{"value":V or null}` |
//! | `{"write":{"value":V}}` | `{}` |
//! | `{"cas":{"expected":V or null,"value":V}}` | `{"swapped":true or false}` |
//!
//! | `op`, for the model `multi-register` ([`MultiRegister`]) | `ok` |
//! |---|---|
//! | `{"txn":[M,...]}`, where M is `{"read":{"key":K}}` or `{"write":{"key":K,"value":V}}` | `{"results":[...]}`, one for each M: `{"value":V or null}` for a read, or `{}` when it was not told, and `{}` for a write |
//!
//! | `op`, for the model `strings` ([`Strings`]) | `ok` |
//! |---|---|
//! | `{"get":{"key":K}}` | `{"value":V}` |
//! | `{"put":{"key":K,"value":V}}` | `{}` |
//! | `{"append":{"key":K,"value":V}}` | `{"value":V}`, or `{}` when it was not told |
//!
//! | `op`, for the model `counter` ([`Counter`]) | `ok` |
//! |---|---|
//! | `{"read":{}}`, `{"add_and_get":{"by":N}}` | `{"value":N}` |
//! | `{"add":{"by":N}}` | `{}` |
//!
//! | `op`, for the model `set` ([`Set`]) | `ok` |
//! |---|---|
//! | `{"add":{"value":V}}`, `{"remove":{"value":V}}` | `{"changed":true or false}`, or `{}` when it was not told |
//! | `{"contains":{"value":V}}` | `{"contains":true or false}` |
//! | `{"read":{}}` | `{"values":[V,...]}`, each once |
//!
//! | `op`, for the models `queue` ([`Queue`]), `stack` ([`Stack`]) and `priority-queue` ([`PriorityQueue`]) | `ok` |
//! |---|---|
//! | `{"enqueue":{"value":V}}`, `{"push":{"value":V}}`, `{"insert":{"value":N}}` | `{}` |
//! | `{"dequeue":{}}`, `{"pop":{}}`, `{"delete_min":{}}` | `{"value":V or null}`; N in a priority queue |
//! | `{"peek":{}}`, `{"peek":{}}`, `{"min":{}}` | the same |
//! | `{"len":{}}` | `{"len":N}` |
//!
//! | `op`, for the model `mutex` ([`Mutex`]) | `ok` |
//! |---|---|
//! | `{"acquire":{}}`, `{"release":{}}`, both with `"owner":N` if owners are to be checked | `{"granted":true or false}` |
//!
//! | `op`, for the model `lease` ([`FencedLease`]) | `ok` |
//! |---|---|
//! | `{"acquire":{}}` | `{"token":N}`, or `{"token":null}` when it was refused |
//! | `{"renew":{"token":N}}`, `{"release":{"token":N}}`, `{"write":{"token":N,"value":V}}` | `{"done":true or false}` |
//! | `{"read":{}}` | `{"value":V or null}` |
//!
//! Keys and values (K and V) are bytes. They are written as a string when they are UTF-8, and otherwise
//! as `{"base64url":"..."}`, in base64url without padding (RFC 4648, section 5). Fields that are not
//! listed here are refused, so that a misspelt one does not change a verdict.
//!
//! # Features
//!
//! - `std` (default): the readers of files, and the recorder that threads share. Without it the crate is
//!   `no_std` with `alloc`.
//! - `json`: the file format.
//! - `serde`: `Serialize` and `Deserialize` for levels, models and tokens, as their texts, and for histories.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

extern crate alloc;

mod base64url;
pub mod choose;
mod counter;
#[cfg(feature = "std")]
pub mod formats;
mod history;
#[cfg(feature = "json")]
mod json;
mod level;
mod linearizability;
mod model;
mod picture;
pub mod session;
mod sessions;
#[cfg(feature = "std")]
mod sync;
mod transaction;
mod verdict;

pub use counter::{CounterAudit, CounterVerdict};
#[cfg(feature = "std")]
pub use formats::ReadLimits;
pub use history::{
    History, Numbered, Operation, OperationId, Outcome, Record, Recorder, Recording, linearizable,
};
#[cfg(feature = "std")]
pub use history::{InFlight, Lane, Recorded, SharedRecorder};
#[cfg(feature = "json")]
pub use json::{JsonModel, ReadHistoryError, read_history, write_history, write_record};
pub use level::{Level, LevelParseError};
pub use linearizability::quick;
pub use linearizability::{
    Blocked, Budget, CertificateError, Checker, Core, Explanation, Fuel, Linearizability,
    Linearization, Progress, Quick, RefutationError, Violation, check, verify, verify_violation,
};
pub use model::{
    Branches, Counter, CounterInput, CounterOutput, Expected, FencedLease, FencedLeaseInput,
    FencedLeaseOutput, FencedLeaseState, KeyValue, KeyValueInput, KeyValueOutput, KeyValueState,
    MicroInput, MicroOutput, Model, MultiRegister, MultiRegisterState, Mutex, MutexInput,
    MutexOutput, MutexState, Nondeterministic, PowerSet, PowerSetState, PriorityQueue,
    PriorityQueueInput, PriorityQueueOutput, PriorityQueueState, Queue, QueueInput, QueueOutput,
    QueueState, Register, RegisterInput, RegisterOutput, Set, SetInput, SetOutput, SetState, Stack,
    StackInput, StackOutput, StackState, Strings, StringsInput, StringsOutput, StringsState,
    Together, TogetherState,
};
pub use picture::{DebugLabels, Labels, Picture, Times};
pub use sessions::{
    Access, Guarantee, SessionAccess, SessionViolation, check_sessions, key_value_accesses,
};
pub use transaction::{Action, Seen, Transactions};
pub use verdict::{Inconclusive, Verdict};
