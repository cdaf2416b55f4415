//! Order without a global now.
//!
//! # The problem
//!
//! Two servers write to the same record, and the later write must win. "Later" sounds like a job for
//! the time of day, and that is how updates get lost. A wall clock lies in four ways:
//!
//! - **Two machines never agree.** Synchronised clocks are milliseconds apart on a good day and
//!   minutes on a bad one, while two writes can be microseconds apart.
//! - **It goes back.** An operator, a step of NTP, a leap second or a virtual machine that was moved
//!   sets it, so a span that was measured with it can be negative, and an event can carry an earlier
//!   date than its own cause.
//! - **It repeats.** Two events of one millisecond have the same date.
//! - **It says nothing of its error.** The number looks the same when it is an hour wrong.
//!
//! A monotonic clock has none of that, and means nothing on any other machine. What can be had
//! across machines is not the time but the *order*: if one event can have influenced another,
//! through a chain of messages, then it *happened before* it (Lamport, 1978). Clocks that travel
//! with the messages give every event a number that respects that order.
//!
//! # Which clock
//!
//! Three questions decide. **Is one machine enough?** Then a monotonic clock is. **Must you know when two
//! events were concurrent?** One number cannot say: two users who edited one document without knowing
//! of each other look like one after the other, and an edit is lost. What can say it with certainty
//! grows with the number of those who write, and what has a fixed size errs with a chance that it
//! knows. **Must the order agree with what people saw outside the system**, such as a telephone call
//! between two writes? No message carried that, so only the true time orders it, and only as far as its
//! error is known.
//!
//! ## Time on one machine
//!
//! | You need | Use | Bytes | What it does not do |
//! |---|---|---|---|
//! | a timeout, a deadline, a span | [`Instant`] | 8 | compare with another machine's |
//! | to keep many deadlines, most of which are moved | [`TimingWheel`] | 40 in memory | tell the earliest exactly without work |
//! | a date for people to read | [`WallTime`] | 8 | order events, measure spans |
//!
//! ## One order for all events, from stamps of a fixed size
//!
//! | You need | Use | Bytes | What it does not do |
//! |---|---|---|---|
//! | an order that respects cause | [`LamportStamp`] | 16 | say *when*; protect itself from a peer that lies |
//! | the same, close to the date, protected from clocks that are wrong | [`HybridStamp`], [`NodeStamp`] | 8, and the node for ties | say that two events were concurrent |
//! | the same across crashes, for a few small writes a second | [`DurableHybridClock`] | 8 | wait for a wall clock that was set back |
//! | the same from many threads | `AtomicHybridClock`, or `ShardedHybridClock` where that is too slow | 8 | the second: order threads that do not say what they hand over |
//!
//! These keep one promise: **if a happened before b, then a's stamp is the smaller.** None promises the
//! converse. A smaller stamp may belong to an event that knew nothing of the other.
//!
//! ## Cause or coincidence, with certainty
//!
//! | You need | Use | Bytes | What it does not do |
//! |---|---|---|---|
//! | newer, older, or a conflict | [`VersionVector`], [`VectorClock`] | 3 or more for each actor | forget an actor |
//! | all that was seen, also what came out of order | [`CausalContext`] | 4 or more for each run | stay small while events are missing |
//! | the values of a key, and what each replaced | [`DottedSet`] | a few for each actor, and the values | merge the values |
//! | the same while members come and go without names | [`TreeStamp`], [`TreeEvent`] | a few for each member | survive a copy of an id; take back the id of a member that is lost |
//! | to forget what everybody has seen | [`MatrixClock`] | a vector for every member | go on while a member is silent |
//! | vectors without the entries of those that are gone | [`Retired`], [`PrunedVector`] | as a version vector, and a table | compare with vectors of another table |
//! | messages after their causes | [`CausalBroadcast`] | a vector with every message | order concurrent messages |
//!
//! ## Cause or coincidence, with a known chance of error
//!
//! | You need | Use | Bytes | What it does not do |
//! |---|---|---|---|
//! | to find concurrent events among any number of writers | [`BloomClock`], [`BloomStamp`] | 262 or more, you choose | be sure of an order; tell what is far apart |
//!
//! ## The true time, and how far off it can be
//!
//! | You need | Use | Bytes | What it does not do |
//! |---|---|---|---|
//! | a date with its error, and to order by it where that is certain | [`TimeInterval`], [`IntervalClock`] | 16 | order what is closer together than the error |
//! | an order that holds for observers outside too | [`CommitWait`] | 8 | answer before twice the error has passed |
//! | to learn the time from others, some of whom are wrong | [`TimeSynchroniser`] | 33 a message | know who is right when most are wrong |
//!
//! # One relation
//!
//! Every stamp says how it stands to another with one trait, [`Causality`], and one answer:
//! [`Relation`], or nothing where the clock cannot know. There is no `<` on what is only partly
//! ordered. The laws that this keeps are a module of their own, `laws`: run them on your clock too.
//!
//! Every stamp has documented bytes, one form for each value, and refuses all others: they can be
//! compared, hashed and signed, and written by programs in other languages.
//!
//! # In use
//!
//! Every clock here is told the time by its caller, so that the code that runs in production is the
//! code that a simulation runs. Stamp what happens with `now` or `tick`, send the stamp with the
//! message, and hand the stamp of what arrives to `receive`.
//!
//! ```
//! use core::time::Duration;
//! use quorate_clocks::{HybridClock, Instant, ManualClock, NodeId, WallTime};
//!
//! // Two machines. The clock of the second is 80 ms behind.
//! let mut first = ManualClock::new(Instant::ORIGIN).with_wall(WallTime::from_millis(60_080));
//! let second = ManualClock::new(Instant::ORIGIN).with_wall(WallTime::from_millis(60_000));
//! let mut hybrid_first = HybridClock::new(Duration::from_millis(250));
//! let mut hybrid_second = HybridClock::new(Duration::from_millis(250));
//!
//! // The first writes and tells the second, which then overwrites: by the date alone, the
//! // overwrite would be the older of the two and be lost.
//! let written = hybrid_first.now(first.wall())?;
//! hybrid_second.receive(NodeId(1), written, second.wall())?;
//! let overwritten = hybrid_second.now(second.wall())?;
//! assert!(second.wall() < first.wall());
//! assert!(overwritten > written);
//!
//! // Not even a calendar that is set back makes a stamp go back.
//! first.set_wall(WallTime::from_millis(0));
//! assert!(hybrid_first.now(first.wall())? > written);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a hybrid clock hides, a wall clock that jumps or stays behind, and a second node with the same
//! id, a [`ClockWatch`] tells. What code makes of clocks that lie, [`LyingClocks`] show, which know the
//! true time as well. Who did it is a [`NodeId`], and which life of that node an [`Incarnation`].
//!
//! # Features
//!
//! - `std` (default): `WallTime` from [`std::time::SystemTime`]. Without it the crate is `no_std`.
//! - `alloc` (by `std`): all whose size depends on how many there are: vectors, trees, matrices, the
//!   broadcast, the synchroniser, the clocks that lie, the laws.
//! - `system-clock`: `SystemClock`, the operating system's clocks. The only code here that reads
//!   anything.
//! - `serde`: `Serialize` and `Deserialize` for stamps and identities.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod bloom;
#[cfg(feature = "alloc")]
mod broadcast;
mod hybrid;
mod identity;
mod instant;
mod interval;
mod lamport;
#[cfg(feature = "alloc")]
pub mod laws;
#[cfg(feature = "alloc")]
mod lying;
mod manual;
#[cfg(feature = "alloc")]
mod matrix;
mod random;
mod relation;
#[cfg(feature = "alloc")]
mod small;
#[cfg(target_has_atomic = "64")]
mod sync;
#[cfg(feature = "alloc")]
mod synchroniser;
#[cfg(feature = "system-clock")]
mod system;
#[cfg(feature = "alloc")]
mod tree;
#[cfg(feature = "alloc")]
mod vector;
mod wall;
mod watch;
#[cfg(feature = "alloc")]
mod wheel;
#[cfg(feature = "alloc")]
mod wire;

pub use bloom::{BloomClock, BloomExhausted, BloomReceiveError, BloomStamp, BloomVerdict};
#[cfg(feature = "alloc")]
pub use broadcast::{
    BroadcastAcknowledgeError, BroadcastCounts, BroadcastError, BroadcastLimits, BroadcastMessage,
    BroadcastReceiveError, CausalBroadcast, NotBroadcast, Received,
};
#[cfg(target_has_atomic = "64")]
pub use hybrid::{
    AtomicDurableHybridClock, AtomicHybridClock, HandlesTaken, HybridHandle, ShardedHybridClock,
};
pub use hybrid::{
    DurableHybridClock, HybridClock, HybridNowError, HybridReceiveError, HybridStamp, NodeStamp,
    Overflow, PackedStamp,
};
pub use identity::{Actor, Incarnation, NodeId};
pub use instant::Instant;
pub use interval::{
    ClockStatus, CommitProgress, CommitWait, Disagreement, DriftRate, IntervalClock,
    InvertedInterval, NotSynchronised, TimeInterval,
};
pub use lamport::{LamportClock, LamportExhausted, LamportStamp};
#[cfg(feature = "alloc")]
pub use lying::{
    ClockFault, ClockMischief, ClockReading, Hands, LyingClock, LyingClocks, StruckFault,
};
pub use manual::ManualClock;
#[cfg(feature = "alloc")]
pub use matrix::{
    MatrixClock, MatrixJoinError, MatrixRecordError, MatrixRemoveError, StabilityCertificate,
};
pub use random::SplitMix64;
pub use relation::{Causality, Relation};
#[cfg(feature = "alloc")]
pub use synchroniser::{
    TimeEvent, TimeMessage, TimeSyncConfig, TimeSyncConfigError, TimeSynchroniser,
};
#[cfg(feature = "system-clock")]
pub use system::SystemClock;
#[cfg(feature = "alloc")]
pub use tree::{
    TreeAmnesia, TreeEvent, TreeExhausted, TreeForkError, TreeJoinError, TreeReceiveError,
    TreeStamp,
};
#[cfg(feature = "alloc")]
pub use vector::{
    Amnesia, Applied, CausalContext, CounterExhausted, Dot, DotRange, DottedPutError, DottedSet,
    Gap, PruneError, PrunedVector, RestoreError, RetireError, Retired, SkewedDots, VectorClock,
    VectorReceiveError, VersionVector,
};
pub use wall::WallTime;
pub use watch::{ClockEvent, ClockWatch};
#[cfg(feature = "alloc")]
pub use wheel::{TimerId, TimingWheel, WheelStep};
#[cfg(feature = "alloc")]
pub use wire::DecodeError;
